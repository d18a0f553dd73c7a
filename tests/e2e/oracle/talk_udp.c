/* What the oracle's clients do over UDP and IPv6, one function a kind. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "oracle.h"

static void send_to(int fd, const void *to, socklen_t len, const char *kind)
{
	char line[LINE];

	say(line, kind);
	if (sendto(fd, line, sizeof(line), 0, to, len) != sizeof(line))
		err(1, "%s", kind);
}

/* Answers of one line each, or nothing at all. */
static void get_datagram(int fd, const char *kind)
{
	char buf[256];

	if (recv(fd, buf, sizeof(buf), 0) < 0)
		err(1, "%s: recv", kind);
}

static void unconnected(const struct talk *t, const char *kind)
{
	struct sockaddr_in a = address(t->server, PORT_UDP);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	send_to(fd, &a, sizeof(a), kind);
	get_datagram(fd, kind);
	close(fd);
}

/* The server answers from a socket of its own, to which this one is then connected. */
static void connected_own(const struct talk *t, const char *kind)
{
	struct sockaddr_in a = address(t->server, PORT_UDP_CONNECTED), from;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof(from);
	char buf[256];

	send_to(fd, &a, sizeof(a), kind);
	if (recvfrom(fd, buf, sizeof(buf), 0, (void *)&from, &len) < 0 ||
	    connect(fd, (void *)&from, len) < 0)
		err(1, "%s", kind);
	put(fd, kind);
	get_datagram(fd, kind);
	close(fd);
}

/* All workers have these two sockets and do not wait for each other. */
static void shared(const struct talk *t, const char *kind)
{
	struct sockaddr_in a = address(t->server, PORT_UDP_SINK);

	for (int i = 0; i < 10; i++)
		send_to(t->shared_udp, &a, sizeof(a), kind);
}

static void shared_connected(const struct talk *t, const char *kind)
{
	for (int i = 0; i < 10; i++)
		put(t->shared_udp_connected, kind);
}

/* The process that gets it sends first of all. */
static void passed(const struct talk *t, const char *kind)
{
	struct sockaddr_in a = address(t->server, PORT_UDP_SINK);
	int channel[2], fd;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, channel) < 0)
		err(1, "socketpair");
	if (child() == 0) {
		put(take_fd(channel[1]), kind);
		_exit(0);
	}
	fd = connected((void *)&a, SOCK_DGRAM);
	pass_fd(channel[0], fd);
	close(fd);
	close(channel[0]);
	close(channel[1]);
	wait_children();
}

static void send_mmsg(const struct talk *t, const char *kind)
{
	struct sockaddr_in a = address(t->server, PORT_UDP_SINK);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct mmsghdr msgs[8] = { 0 };
	char line[LINE];
	struct iovec iov = { .iov_base = line, .iov_len = LINE };

	say(line, kind);
	for (int i = 0; i < 8; i++)
		msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1, .msg_name = &a,
						   .msg_namelen = sizeof(a) };
	if (sendmmsg(fd, msgs, 8, 0) != 8)
		err(1, "%s", kind);
	close(fd);
}

static void zerocopy(const struct talk *t, const char *kind)
{
	struct sockaddr_in a = address(t->server, PORT_UDP_SINK);
	int fd = connected((void *)&a, SOCK_DGRAM), one = 1;
	struct pollfd done = { .fd = fd };
	char line[LINE];

	if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) < 0)
		err(1, "SO_ZEROCOPY");
	say(line, kind);
	if (send(fd, line, sizeof(line), MSG_ZEROCOPY) != sizeof(line))
		err(1, "%s", kind);
	if (poll(&done, 1, -1) < 0) /* the kernel may read the line until it says so */
		err(1, "poll");
	close(fd);
}

/* More than a frame holds: every fragment is its sender's. */
static void fragments(const struct talk *t, const char *kind)
{
	struct sockaddr_in a = address(t->server, PORT_UDP_SINK);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char lines[50 * LINE];

	for (int i = 0; i < 50; i++)
		say(lines + i * LINE, kind);
	if (sendto(fd, lines, sizeof(lines), 0, (void *)&a, sizeof(a)) < 0)
		err(1, "%s", kind);
	close(fd);
}

/* The mark is the program's own business, and must reach the wire's filters unchanged. */
static void marked(const struct talk *t, const char *kind)
{
	struct sockaddr_in a = address(t->server, PORT_UDP_SINK);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), mark = 7;

	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		err(1, "SO_MARK");
	send_to(fd, &a, sizeof(a), kind);
	close(fd);
}

/* Errors: the server's port is closed, and the router lets nothing pass that has one hop left. */
static void unreachable(const struct talk *t, const char *kind)
{
	struct sockaddr_in a = address(t->server, PORT_CLOSED);
	int fd = connected((void *)&a, SOCK_DGRAM), one = 1;

	put(fd, kind); /* nobody waits: a host sends a few errors a second only */
	close(fd);
	a = address(t->server, PORT_UDP_SINK);
	fd = connected((void *)&a, SOCK_DGRAM);
	if (setsockopt(fd, IPPROTO_IP, IP_TTL, &one, sizeof(one)) < 0)
		err(1, "IP_TTL");
	put(fd, kind);
	close(fd);
}

/* Has the interface an IPv6 address that it is done telling others of? */
static bool have_address6(int ifindex)
{
	unsigned int index, flags;
	char line[128];
	FILE *f = fopen("/proc/net/if_inet6", "re");
	bool have = false;

	if (!f)
		err(1, "addresses");
	while (!have && fgets(line, sizeof(line), f))
		have = sscanf(line, "%*s %x %*x %*x %x", &index, &flags) == 2 &&
		       index == (unsigned int)ifindex && !(flags & IFA_F_TENTATIVE);
	fclose(f);
	return have;
}

static void wait_address6(int ifindex)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV6_IFADDR };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	char buf[4096];

	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)) < 0)
		err(1, "netlink");
	while (!have_address6(ifindex))
		if (recv(fd, buf, sizeof(buf), 0) < 0)
			err(1, "netlink");
	close(fd);
}

/* The server's link-local address, from its MAC address (RFC 4291, appendix A). */
static bool link_local(const struct talk *t, int port, struct sockaddr_in6 *ret)
{
	struct hop hop;
	unsigned char *a = ret->sin6_addr.s6_addr;

	next_hop(t->server, &hop);
	if (!hop.direct || access("/proc/net/if_inet6", F_OK) < 0)
		return false;
	wait_address6(hop.ifindex);
	*ret = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port),
				      .sin6_scope_id = (uint32_t)hop.ifindex };
	a[0] = 0xfe;
	a[1] = 0x80;
	memcpy(a + 8, hop.mac, 3);
	a[8] ^= 2;
	a[11] = 0xff;
	a[12] = 0xfe;
	memcpy(a + 13, hop.mac + 3, 3);
	return true;
}

static void tcp6(const struct talk *t, const char *kind)
{
	struct sockaddr_in6 a;
	int fd;

	if (!link_local(t, PORT_SHARE, &a))
		return;
	fd = connected((void *)&a, SOCK_STREAM);
	put(fd, kind);
	get_lines(fd, 1);
	close(fd);
}

static void udp6(const struct talk *t, const char *kind)
{
	struct sockaddr_in6 a;
	int fd;

	if (!link_local(t, PORT_UDP, &a))
		return;
	fd = socket(AF_INET6, SOCK_DGRAM, 0);
	send_to(fd, &a, sizeof(a), kind);
	get_datagram(fd, kind);
	if (connect(fd, (void *)&a, sizeof(a)) < 0)
		err(1, "connect");
	put(fd, kind);
	get_datagram(fd, kind);
	close(fd);
}

const struct kind udp_kinds[] = {
	{ "udp-unconnected", unconnected },
	{ "udp-connected", connected_own },
	{ "udp-shared", shared },
	{ "udp-shared-connected", shared_connected },
	{ "udp-passed", passed },
	{ "udp-sendmmsg", send_mmsg },
	{ "udp-zerocopy", zerocopy },
	{ "udp-fragments", fragments },
	{ "udp-so-mark", marked },
	{ "udp-unreachable", unreachable },
	{ "tcp-ipv6", tcp6 },
	{ "udp-ipv6", udp6 },
	{ 0 },
};
