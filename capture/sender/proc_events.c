/* Subscribes to the process connector and takes its messages apart. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include "capture/sender/netlink.h"
#include "capture/sender/proc_events.h"
#include "core/cleanup.h"

#define RCVBUF (4 << 20)
#define EVENTS 64 /* at once: each may be a process to look at */

struct request {
	struct nlmsghdr nlh;
	struct cn_msg cn;
	enum proc_cn_mcast_op op;
} __attribute__((packed));

static int ask(int fd, enum proc_cn_mcast_op op, uint32_t ack)
{
	struct request req = {
		.nlh = { .nlmsg_len = sizeof(req), .nlmsg_type = NLMSG_DONE },
		.cn = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .ack = ack, .len = sizeof(op) },
		.op = op,
	};

	return send(fd, &req, sizeof(req), 0) < 0 ? -errno : 0;
}

/* The event in a message, or false; it lies at 4 bytes there, and has 8-byte fields. */
static bool get_event(const struct nlmsghdr *nlh, uint32_t *ret_ack, struct proc_event *ret)
{
	const struct cn_msg *cn = mnl_nlmsg_get_payload(nlh);
	size_t room = mnl_nlmsg_get_payload_len(nlh);

	if (room < sizeof(*cn) || cn->id.idx != CN_IDX_PROC || cn->id.val != CN_VAL_PROC)
		return false;
	if (cn->len < sizeof(*ret) || room - sizeof(*cn) < sizeof(*ret))
		return false;
	*ret_ack = cn->ack;
	memcpy(ret, cn->data, sizeof(*ret));
	return true;
}

/*
 * The kernel answers a listener within send(), with an event of no process and the question's number
 * and one (it counts cn_msg.seq up itself). What other listeners of the machine have it tell of may
 * come before that.
 */
static int is_heard(int fd, uint32_t asked)
{
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (;;) {
		const struct nlmsghdr *nlh = (const void *)buf;
		ssize_t n = netlink_recv(fd, buf, sizeof(buf));
		struct proc_event ev;
		uint32_t ack;

		if (n == -ENOMSG)
			continue;
		if (n < 0)
			return n == -EAGAIN ? -EOPNOTSUPP : (int)n;
		if (netlink_ok(nlh, (int)n) && get_event(nlh, &ack, &ev) &&
		    (uint32_t)ev.what == PROC_EVENT_NONE && ack == asked + 1)
			return -(int)ev.event_data.ack.err;
	}
}

int proc_events_open(void)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
					NETLINK_CONNECTOR);
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	int size = RCVBUF, r;
	uint32_t number;

	if (fd < 0)
		return errno == EPROTONOSUPPORT ? -EOPNOTSUPP : -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (getrandom(&number, sizeof(number), 0) < 0)
		return -errno;
	r = ask(fd, PROC_CN_MCAST_LISTEN, number);
	if (r == 0)
		r = is_heard(fd, number);
	if (r < 0) {
		proc_events_close(steal_fd(&fd));
		return r;
	}
	return steal_fd(&fd);
}

void proc_events_close(int fd)
{
	if (fd < 0)
		return;
	ask(fd, PROC_CN_MCAST_IGNORE, 0); /* the kernel counts listeners by their words only */
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
		struct proc_event ev;
		uint32_t ack;

		if (get_event(nlh, &ack, &ev))
			parse_event(&ev, fn, arg);
	}
}

int proc_events_read(int fd, proc_events_fn *fn, void *arg)
{
	char buf[4096] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (int k = 0; k < EVENTS; k++) {
		ssize_t n = netlink_recv(fd, buf, sizeof(buf));

		if (n >= 0)
			proc_events_parse(buf, (size_t)n, fn, arg);
		else if (n != -ENOMSG)
			return n == -EAGAIN ? 0 : (int)n;
	}
	return 0;
}
