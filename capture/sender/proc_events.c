/* Subscribes to the process connector and takes its messages apart. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "capture/sender/netlink.h"
#include "capture/sender/proc_events.h"
#include "core/cleanup.h"

#define RCVBUF (4 << 20)

struct request {
	struct nlmsghdr nlh;
	struct cn_msg cn;
	enum proc_cn_mcast_op op;
} __attribute__((packed));

static int ask(int fd, enum proc_cn_mcast_op op)
{
	struct request req = {
		.nlh = { .nlmsg_len = sizeof(req), .nlmsg_type = NLMSG_DONE },
		.cn = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = sizeof(op) },
		.op = op,
	};

	return send(fd, &req, sizeof(req), 0) < 0 ? -errno : 0;
}

/* The kernel answers a listener at once, with an event that says so. */
static int is_heard(int fd)
{
	char buf[512];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n > 0)
		return 0;
	return n < 0 && errno != EAGAIN ? -errno : -EOPNOTSUPP;
}

int proc_events_open(void)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
					NETLINK_CONNECTOR);
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	int size = RCVBUF, r;

	if (fd < 0)
		return errno == EPROTONOSUPPORT ? -EOPNOTSUPP : -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	r = ask(fd, PROC_CN_MCAST_LISTEN);
	if (r == 0)
		r = is_heard(fd);
	return r < 0 ? r : steal_fd(&fd);
}

void proc_events_close(int fd)
{
	if (fd < 0)
		return;
	ask(fd, PROC_CN_MCAST_IGNORE); /* older kernels count listeners by their words only */
	close(fd);
}

/* A thread's end is not its process's; one whose first thread ends before others is taken to end. */
static void parse_event(const struct proc_event *ev, proc_events_fn *fn, void *arg)
{
	uint32_t what = (uint32_t)ev->what;

	if (what == PROC_EVENT_EXEC)
		fn(arg, PROC_EXEC, (uint32_t)ev->event_data.exec.process_tgid);
	else if (what == PROC_EVENT_EXIT &&
		 ev->event_data.exit.process_pid == ev->event_data.exit.process_tgid)
		fn(arg, PROC_EXIT, (uint32_t)ev->event_data.exit.process_tgid);
}

void proc_events_parse(const void *buf, size_t len, proc_events_fn *fn, void *arg)
{
	const struct nlmsghdr *nlh = buf;
	int left = len > INT32_MAX ? 0 : (int)len;

	for (; netlink_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		const struct cn_msg *cn = mnl_nlmsg_get_payload(nlh);
		size_t room = mnl_nlmsg_get_payload_len(nlh);
		struct proc_event ev;

		if (room < sizeof(*cn) || cn->id.idx != CN_IDX_PROC || cn->id.val != CN_VAL_PROC)
			continue;
		if (cn->len < sizeof(ev) || room - sizeof(*cn) < sizeof(ev))
			continue;
		memcpy(&ev, cn->data, sizeof(ev)); /* it lies at 4 bytes, and has 8-byte fields */
		parse_event(&ev, fn, arg);
	}
}

int proc_events_read(int fd, proc_events_fn *fn, void *arg)
{
	char buf[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		proc_events_parse(buf, (size_t)n, fn, arg);
	return n < 0 && errno != EAGAIN ? -errno : 0;
}
