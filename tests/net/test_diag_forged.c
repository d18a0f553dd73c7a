/* Whoever has a namespace's rights can send to sockets there, and is not taken for the kernel. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "capture/sender/diag.h"
#include "core/cleanup.h"
#include "emu/netns.h"

#define PORT	      6000
#define FORGED_CGROUP 0x666
#define QUESTIONS     64
#define WAIT_MS	      10000

struct forged {
	struct nlmsghdr nlh;
	struct inet_diag_msg m;
	struct {
		struct nlattr a;
		uint64_t id;
	} __attribute__((packed)) cgroup;
};

static struct forged forge(uint32_t seq)
{
	struct forged f = { .nlh = { .nlmsg_len = sizeof(f), .nlmsg_type = SOCK_DIAG_BY_FAMILY,
				     .nlmsg_seq = seq } };

	f.m.idiag_family = AF_INET;
	f.m.id.idiag_sport = htons(PORT);
	f.cgroup.a = (struct nlattr){ sizeof(f.cgroup), INET_DIAG_CGROUP_ID };
	f.cgroup.id = FORGED_CGROUP;
	return f;
}

/* Port numbers of all sock_diag sockets of processes in the namespace, as anybody there can read them. */
static size_t read_ports(int ns, uint32_t ports[8])
{
	int old = netns_enter(ns);
	_cleanup_fclose_ FILE *f = fopen("/proc/thread-self/net/netlink", "r");
	char line[256];
	size_t n = 0;

	netns_leave(old);
	assert_non_null(f);
	while (n < 8 && fgets(line, sizeof(line), f)) {
		unsigned proto, port;

		if (sscanf(line, "%*s %u %u", &proto, &port) == 2 && port &&
		    proto == NETLINK_SOCK_DIAG)
			ports[n++] = port;
	}
	return n;
}

static int udp_socket(int ns)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = netns_socket(ns, AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static int find(struct diag *d, struct diag_socket *ret)
{
	struct diag_socket q = { .family = AF_INET, .proto = IPPROTO_UDP, .lport = PORT,
				 .rport = 9 };

	memcpy(q.local, (uint8_t[]){ 127, 0, 0, 1 }, 4);
	memcpy(q.remote, (uint8_t[]){ 127, 0, 0, 2 }, 4);
	return diag_find(d, &q, ret);
}

static void answers_are_the_kernels(void **state)
{
	int ns, attacker, udp;
	uint32_t ports[8];
	struct diag_socket s = { 0 };
	struct diag *d;
	uint64_t cookie;
	socklen_t len = sizeof(cookie);

	assert_int_equal(netns_new(&ns, 1, false, NULL), 0);
	assert_int_equal(diag_open(ns, &d), 0);
	udp = udp_socket(ns);
	assert_int_equal(getsockopt(udp, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	assert_int_equal(find(d, &s), 0);
	attacker = netns_socket(ns, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
	assert_int_equal(read_ports(ns, ports), 1);
	for (uint32_t seq = 0; seq < QUESTIONS; seq++) {
		struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = ports[0] };
		struct nlmsghdr stray = { .nlmsg_len = sizeof(stray), .nlmsg_type = NLMSG_DONE,
					  .nlmsg_seq = seq };
		struct forged f = forge(seq);

		sendto(attacker, &stray, sizeof(stray), 0, (struct sockaddr *)&to, sizeof(to));
		sendto(attacker, &f, sizeof(f), 0, (struct sockaddr *)&to, sizeof(to));
	}
	for (unsigned k = 0; k < QUESTIONS; k++) {
		s = (struct diag_socket){ 0 };
		assert_int_equal(find(d, &s), 0);
		assert_true(s.cookie == cookie);
		assert_true(s.cgroup != FORGED_CGROUP);
	}
	diag_close(d);
	close(attacker);
	close(udp);
	close(ns);
}

static void count(void *arg, const struct diag_socket *s)
{
	*(unsigned *)arg += s->lport == PORT;
}

static void notices_are_the_kernels(void **state)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK,
				  .nl_groups = 1u << (SKNLGRP_INET_UDP_DESTROY - 1) };
	struct forged f = forge(0);
	struct pollfd p = { .events = POLLIN };
	int ns, attacker;
	unsigned n = 0;

	assert_int_equal(netns_new(&ns, 1, false, NULL), 0);
	p.fd = diag_open_notices(ns);
	assert_true(p.fd >= 0);
	attacker = netns_socket(ns, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
	assert_true(sendto(attacker, &f, sizeof(f), 0, (struct sockaddr *)&to, sizeof(to)) > 0);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(diag_read_notices(p.fd, count, &n), 0);
	assert_int_equal(n, 0);
	close(udp_socket(ns));
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(diag_read_notices(p.fd, count, &n), 0);
	assert_int_equal(n, 1);
	close(attacker);
	close(p.fd);
	close(ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_the_kernels),
		cmocka_unit_test(notices_are_the_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
