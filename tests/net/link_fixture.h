/*
 * A small network for tests of links, and what crosses it: datagrams, and how long they take.
 *
 * Tests run once with each engine that this kernel has, and say so. Times are judged by their smallest
 * sample where the machine's own delays would add to them.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_LINK_FIXTURE_H
#define TESTS_LINK_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "core/units.h"
#include "emu/init.h"
#include "emu/link.h"
#include "emu/netns.h"
#include "emu/qdisc.h"
#include "emu/shaper/shaper.h"

#define WAIT_MS	   5000
#define PORT	   4000
#define SLACK	   (15 * NSEC_PER_MSEC) /* on a kernel whose timers tick at 100 Hz */

/* h1 - s1 - r1 - s2 - h2, and the link that is changed is h1's */
enum { H1, H2, S1, S2, R1, NODES };
enum { LINK = 0 };

struct lab {
	struct net net;
	struct loop *loop;
	struct emu *emu;
	struct err err;
	int in[2], out[2]; /* sockets of h1 and of h2, to receive and to send */
};

static inline void lab_model(struct lab *l)
{
	static const struct { const char *name; enum node_kind kind; } node[NODES] = {
		{ "h1", NODE_HOST }, { "h2", NODE_HOST }, { "s1", NODE_SWITCH },
		{ "s2", NODE_SWITCH }, { "r1", NODE_ROUTER },
	};
	static const uint32_t ends[][2] = { { H1, S1 }, { R1, S1 }, { R1, S2 }, { H2, S2 } };
	size_t i;

	memset(l, 0, sizeof(*l));
	net_init(&l->net);
	free(l->net.file);
	l->net.file = strdup("lab.ini");
	for (i = 0; i < NODES; i++)
		assert_int_equal(net_add_node(&l->net, node[i].kind, node[i].name, i + 1, &l->err),
				 i);
	for (i = 0; i < ARRAY_SIZE(ends); i++)
		assert_int_equal(net_add_link(&l->net, ends[i][0], ends[i][1], 10 + i, &l->err), i);
	assert_int_equal(loop_new(&l->loop), 0);
}

static inline void lab_finish(struct lab *l)
{
	if (net_finish(&l->net, &l->err) < 0)
		fail_msg("%s", l->err.items[0].msg);
}

static inline int socket_in(const struct lab *l, uint32_t node)
{
	int old = netns_enter(emu_node_ns(l->emu, node)), fd, size = 8 << 20, on = 1;

	assert_true(old >= 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	netns_leave(old);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	return fd;
}

static inline struct sockaddr_in addr_of(const struct lab *l, uint32_t node)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(PORT),
				     .sin_addr.s_addr = htonl(net_node_addr(&l->net, node)) };
}

static inline void lab_up_with(struct lab *l, const struct emu_opts *opts)
{
	static const struct emu_opts plain = { .egress_bpf_fd = -1 };
	uint32_t h;

	if (emu_up(&l->net, opts ? opts : &plain, l->loop, &l->emu, &l->err) < 0)
		fail_msg("%s", l->err.items[0].msg);
	for (h = H1; h <= H2; h++) {
		struct sockaddr_in a = addr_of(l, h);

		l->in[h] = socket_in(l, h);
		l->out[h] = socket_in(l, h);
		assert_int_equal(bind(l->in[h], (struct sockaddr *)&a, sizeof(a)), 0);
	}
}

static inline void lab_up(struct lab *l)
{
	lab_up_with(l, NULL);
}

/* And nothing happened in the shaper that nobody asked for. */
static inline void lab_down(struct lab *l)
{
	struct shaper *s = emu_shaper(l->emu);
	struct shaper_stats st = { 0 };
	uint32_t h;

	if (s)
		shaper_stats(s, &st);
	assert_int_equal(st.overruns, 0);
	assert_int_equal(st.send_errors, 0);
	for (h = H1; h <= H2; h++) {
		close(l->in[h]);
		close(l->out[h]);
	}
	emu_down(l->emu);
	loop_free(l->loop);
	net_free(&l->net);
	err_free(&l->err);
}

static inline void put(const struct lab *l, uint32_t from, uint32_t to, uint32_t number, size_t size)
{
	struct sockaddr_in a = addr_of(l, to);
	char buf[1472] = { 0 };
	ssize_t n;

	memcpy(buf, &number, sizeof(number));
	n = sendto(l->out[from], buf, size, 0, (struct sockaddr *)&a, sizeof(a));
	assert_int_equal(n, size);
}

/* The number of the next datagram at a host and when it came, or -1 when none comes in time. */
static inline int64_t get_stamped(const struct lab *l, uint32_t at, int ms, int64_t *ret_ts)
{
	char buf[1472], control[CMSG_SPACE(sizeof(struct timespec))];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct pollfd p = { .fd = l->in[at], .events = POLLIN };
	struct timespec ts;
	uint32_t number;

	if (poll(&p, 1, ms) <= 0)
		return -1;
	assert_true(recvmsg(p.fd, &msg, 0) >= (ssize_t)sizeof(number));
	assert_non_null(CMSG_FIRSTHDR(&msg));
	memcpy(&ts, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(ts));
	memcpy(&number, buf, sizeof(number));
	*ret_ts = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	return number;
}

static inline int64_t get(const struct lab *l, uint32_t at, int ms)
{
	int64_t ts;

	return get_stamped(l, at, ms, &ts);
}

/* The quickest of ten, or -1 when one does not arrive. */
static inline int64_t one_way(const struct lab *l, uint32_t from, uint32_t to)
{
	int64_t best = INT64_MAX;
	uint32_t i;

	for (i = 0; i < 10; i++) {
		int64_t start = units_now_mono(), took;

		put(l, from, to, i, 64);
		if (get(l, to, WAIT_MS) != i)
			return -1;
		took = units_now_mono() - start;
		best = took < best ? took : best;
	}
	return best;
}

static inline void set(struct lab *l, int end, const struct shape *s)
{
	if (emu_link_set(l->emu, LINK, end, s, &l->err) < 0)
		fail_msg("%s", l->err.n ? l->err.items[0].msg : "emu_link_set");
}

static inline void assert_delay(const struct lab *l, uint32_t from, uint32_t to, int64_t least)
{
	int64_t took = one_way(l, from, to);

	if (took < least || took > least + SLACK)
		fail_msg("one way in %.3f ms, not %.3f", (double)took / NSEC_PER_MSEC,
			 (double)least / NSEC_PER_MSEC);
}

static inline void each_engine(void (*test)(enum link_engine))
{
	const char *why = NULL;
	bool netem = qdisc_have_netem() && qdisc_have_tbf(), shaper = shaper_have(&why);

	if (!netem && !shaper)
		fail_msg("no engine: %s", why);
	if (netem)
		test(ENGINE_NETEM);
	if (shaper)
		test(ENGINE_SHAPER);
	print_message("             ran with%s%s\n", netem ? " netem" : "",
		      shaper ? " shaper" : "");
}

#endif
