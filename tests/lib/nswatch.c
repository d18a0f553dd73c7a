/* Gives watched namespaces ids in a witness namespace and waits for RTM_DELNSID of each. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/units.h"
#include "emu/netns.h"
#include "tests/lib/nswatch.h"

#define EVENT_BUF (1 << 20)

struct nswatch {
	int witness;		      /* the namespace that gives the ids */
	struct mnl_socket *ask, *hear;
	uint32_t next_id;
	size_t alive;
};

static struct mnl_socket *open_in(int ns, unsigned group)
{
	int old = netns_enter(ns), size = EVENT_BUF;
	struct mnl_socket *s;

	if (old < 0)
		return NULL;
	s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	netns_leave(old);
	if (!s)
		return NULL;
	setsockopt(mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    (group &&
	     mnl_socket_setsockopt(s, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)) {
		mnl_socket_close(s);
		return NULL;
	}
	return s;
}

struct nswatch *nswatch_new(void)
{
	_cleanup_err_ struct err err = { 0 };
	struct nswatch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->witness = -1;
	if (netns_new(&w->witness, 1, false, &err) == 0) {
		w->ask = open_in(w->witness, 0);
		w->hear = open_in(w->witness, RTNLGRP_NSID);
	}
	if (!w->ask || !w->hear) {
		nswatch_free(w);
		return NULL;
	}
	return w;
}

void nswatch_free(struct nswatch *w)
{
	if (!w)
		return;
	if (w->ask)
		mnl_socket_close(w->ask);
	if (w->hear)
		mnl_socket_close(w->hear);
	if (w->witness >= 0)
		close(w->witness);
	free(w);
}

int nswatch_add(struct nswatch *w, int ns_fd)
{
	_Alignas(struct nlmsghdr) char buf[1024];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtgenmsg *g;
	ssize_t n;

	nlh->nlmsg_type = RTM_NEWNSID;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->rtgen_family = AF_UNSPEC;
	mnl_attr_put_u32(nlh, NETNSA_FD, ns_fd);
	mnl_attr_put_u32(nlh, NETNSA_NSID, w->next_id);
	if (mnl_socket_sendto(w->ask, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(w->ask, buf, sizeof(buf));
	if (n < 0)
		return -errno;
	if (mnl_cb_run(buf, n, 0, 0, NULL, NULL) < 0)
		return errno == EEXIST ? 0 : -errno; /* it is watched already */
	w->next_id++;
	w->alive++;
	return 1;
}

static ino_t own_ns(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) == 0 ? st.st_ino : 0;
}

/* A namespace's file, if path leads to one and it is not skip. The process may just close it: 0. */
static int add_path(struct nswatch *w, const char *path, ino_t skip)
{
	_cleanup_close_ int fd = -1;
	char target[64];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	struct stat st;

	if (n < 5 || strncmp(target, "net:[", 5))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino == skip)
		return 0;
	return nswatch_add(w, fd);
}

int nswatch_add_process(struct nswatch *w, pid_t pid)
{
	ino_t skip = own_ns();
	char path[300];
	struct dirent *d;
	int r, count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	count = add_path(w, path, skip);
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (count >= 0 && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, d->d_name);
		r = add_path(w, path, skip);
		count = r < 0 ? r : count + r;
	}
	closedir(dir);
	return count;
}

size_t nswatch_alive(const struct nswatch *w)
{
	return w->alive;
}

static int count_gone(struct nswatch *w)
{
	_Alignas(struct nlmsghdr) char buf[16384];
	ssize_t n = mnl_socket_recvfrom(w->hear, buf, sizeof(buf));
	const struct nlmsghdr *nlh;
	int room = (int)n;

	if (n < 0)
		return -errno;
	for (nlh = (void *)buf; mnl_nlmsg_ok(nlh, room); nlh = mnl_nlmsg_next(nlh, &room)) {
		if (nlh->nlmsg_type == RTM_DELNSID && w->alive)
			w->alive--;
	}
	return 0;
}

int nswatch_wait(struct nswatch *w, int ms)
{
	struct pollfd p = { .fd = mnl_socket_get_fd(w->hear), .events = POLLIN };
	int64_t until = units_now_mono() + ms * NSEC_PER_MSEC;
	int r;

	while (w->alive) {
		int64_t left = until - units_now_mono();

		if (left <= 0)
			return -ETIMEDOUT;
		r = poll(&p, 1, (int)(left / NSEC_PER_MSEC) + 1);
		if (r > 0)
			r = count_gone(w);
		if (r < 0 && r != -EINTR && errno != EINTR)
			return r;
	}
	return 0;
}
