/* Netlink messages, taken from the kernel only, and from buffers that may hold anything. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SENDER_NETLINK_H
#define CAPTURE_SENDER_NETLINK_H

#include <libmnl/libmnl.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Is there a whole message? libmnl takes a length of 2 GiB and more for a small one. */
static inline bool netlink_ok(const struct nlmsghdr *nlh, int left)
{
	return mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (uint32_t)left;
}

/*
 * What came, without waiting: bytes, or -errno. -ENOMSG: it is not of the kernel and was thrown away.
 * Root in a namespace may send to any netlink socket there; the port number 0 is the kernel's alone.
 */
static inline ssize_t netlink_recv(int fd, void *buf, size_t size)
{
	struct sockaddr_nl from = { .nl_pid = 0 };
	struct iovec iov = { buf, size };
	struct msghdr h = { .msg_name = &from, .msg_namelen = sizeof(from),
			    .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	if (h.msg_namelen != sizeof(from) || from.nl_pid != 0)
		return -ENOMSG;
	return h.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

#endif
