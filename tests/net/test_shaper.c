/*
 * The built-in shaper on real interfaces: what it says of packets, held against what arrived.
 *
 * h1 - h2, one shaped link. Fates are read from the shaper's own queue; every packet sent must have one.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "core/units.h"
#include "emu/init.h"
#include "emu/link.h"
#include "emu/netns.h"
#include "emu/rtnl.h"
#include "emu/shaper/shaper_internal.h"

#define WAIT_MS	   5000
#define PORT	   4000
#define UDP_PORT   37 /* where the frame has the low byte of its destination port */
#define NUMBER_AT  42
#define PACKETS	   2000
#define FATES_SIZE (4 << 20)

enum { H1, H2 };
enum { LINK = 0 };

struct lab {
	struct net net;
	struct loop *loop;
	struct emu *emu;
	struct err err;
	struct fate_queue *fates;
	int in, out; /* sockets of h2 to receive, of h1 to send */

	/* Of the datagrams, by their number. */
	bool arrived[PACKETS];
	int verdict[PACKETS]; /* -1: none yet */
	uint64_t n[PACKETS];
	unsigned known; /* verdicts */
};

static void lab_up(struct lab *l, int64_t delay)
{
	static const struct emu_opts plain = { .egress_bpf_fd = -1 };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int size = 8 << 20, old, i;

	memset(l, 0, sizeof(*l));
	for (i = 0; i < PACKETS; i++)
		l->verdict[i] = -1;
	net_init(&l->net);
	free(l->net.file);
	l->net.file = strdup("lab.ini");
	assert_int_equal(net_add_node(&l->net, NODE_HOST, "h1", 1, &l->err), H1);
	assert_int_equal(net_add_node(&l->net, NODE_HOST, "h2", 2, &l->err), H2);
	assert_int_equal(net_add_link(&l->net, H1, H2, 3, &l->err), LINK);
	if (net_finish(&l->net, &l->err) < 0)
		fail_msg("%s", l->err.items[0].msg);
	l->net.links[LINK].engine = ENGINE_SHAPER;
	l->net.links[LINK].shape[0].delay = delay;
	assert_int_equal(loop_new(&l->loop), 0);
	if (emu_up(&l->net, &plain, l->loop, &l->emu, &l->err) < 0)
		fail_msg("%s", l->err.items[0].msg);
	old = netns_enter(emu_node_ns(l->emu, H1));
	l->out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	netns_leave(old);
	old = netns_enter(emu_node_ns(l->emu, H2));
	l->in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	netns_leave(old);
	setsockopt(l->in, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	a.sin_addr.s_addr = htonl(net_node_addr(&l->net, H2));
	assert_int_equal(bind(l->in, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(connect(l->out, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(fate_queue_new(FATES_SIZE, 64, &l->fates), 0);
	assert_int_equal(shaper_set_sink(emu_shaper(l->emu), l->fates), 0);
}

static void lab_down(struct lab *l)
{
	shaper_set_sink(emu_shaper(l->emu), NULL);
	close(l->in);
	close(l->out);
	emu_down(l->emu);
	fate_queue_free(l->fates);
	loop_free(l->loop);
	net_free(&l->net);
	err_free(&l->err);
}

static void put(const struct lab *l, uint32_t number, size_t size)
{
	char buf[1472] = { 0 };

	memcpy(buf, &number, sizeof(number));
	assert_int_equal(send(l->out, buf, size, 0), size);
}

/* Waits for one datagram, or takes what is there. */
static void get(struct lab *l, int ms)
{
	struct pollfd p = { .fd = l->in, .events = POLLIN };
	uint32_t number;

	assert_true(!ms || poll(&p, 1, ms) > 0);
	while (recv(l->in, &number, sizeof(number), MSG_DONTWAIT) == sizeof(number)) {
		assert_true(number < PACKETS && !l->arrived[number]);
		l->arrived[number] = true;
	}
}

static void on_fate(void *arg, const struct fate *f, const uint8_t *data)
{
	struct lab *l = arg;
	uint32_t number;

	/* A frame that found no memory is told without its bytes: the test sends one at a time. */
	if (!f->caplen)
		number = l->known;
	else if (f->end || f->caplen < NUMBER_AT + sizeof(number) ||
		 data[UDP_PORT] != (PORT & 255))
		return;
	else
		memcpy(&number, data + NUMBER_AT, sizeof(number));
	assert_true(number < PACKETS && l->verdict[number] < 0);
	l->verdict[number] = f->verdict;
	l->n[number] = f->n;
	l->known++;
}

/* Until so many datagrams have a fate. */
static void fates(struct lab *l, unsigned n)
{
	struct pollfd p = { .fd = fate_queue_fd(l->fates), .events = POLLIN };

	fate_read(l->fates, on_fate, l);
	while (l->known < n) {
		if (poll(&p, 1, WAIT_MS) <= 0)
			fail_msg("%u of %u fates", l->known, n);
		fate_read(l->fates, on_fate, l);
	}
	assert_int_equal(l->known, n);
	assert_int_equal(fate_lost(l->fates), 0);
}

/* By itself, as its root would do it. */
static void take(const struct lab *l, uint32_t host, bool up)
{
	const struct iface *f = &l->net.ifaces[l->net.links[LINK].iface[host]];
	struct ifreq ifr = { 0 };
	int old = netns_enter(emu_node_ns(l->emu, host));
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	netns_leave(old);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", f->name);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &ifr), 0);
	ifr.ifr_flags = (short)(up ? ifr.ifr_flags | IFF_UP : ifr.ifr_flags & ~IFF_UP);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
}

/* What is called delivered has arrived, and nothing else. */
static unsigned compare(struct lab *l, uint32_t from, uint32_t to)
{
	unsigned down = 0;

	get(l, 0);
	for (uint32_t i = from; i < to; i++) {
		if (l->arrived[i] != (l->verdict[i] == FATE_DELIVERED))
			fail_msg("packet %u %s and is called %s", i,
				 l->arrived[i] ? "arrived" : "did not arrive",
				 fate_names[l->verdict[i]]);
		down += l->verdict[i] == FATE_DOWN;
		assert_true(l->verdict[i] == FATE_DELIVERED || l->verdict[i] == FATE_DOWN);
	}
	return down;
}

static void assert_no_failures(const struct lab *l)
{
	struct shaper_stats st;

	shaper_stats(emu_shaper(l->emu), &st);
	assert_int_equal(st.send_errors, 0);
	assert_int_equal(st.overruns, 0);
}

/* Packets that travel while their receiver's interface is taken down, and up again. */
static void a_receiver_that_is_down_gets_nothing(void **state)
{
	struct lab l;
	uint32_t i, k;

	lab_up(&l, 500 * NSEC_PER_MSEC);
	put(&l, 0, 64); /* and neighbours know each other */
	get(&l, WAIT_MS);
	fates(&l, 1);
	for (k = 0, i = 1; k < 2; k++) {
		uint32_t from = i;

		for (; i < from + 100; i++)
			put(&l, i, 64);
		take(&l, H2, false);
		fates(&l, i);
		assert_int_equal(compare(&l, from, i), 100);
		take(&l, H2, true);
		for (from = i; i < from + 100; i++)
			put(&l, i, 64);
		fates(&l, i);
		/* linkwatch may need a moment before the half sends again */
		compare(&l, from, i);
	}
	assert_no_failures(&l);
	lab_down(&l);
}

/*
 * Taken down while packets arrive all the time: each is on the side where it was. One that came to
 * the interface just then may be lost behind it.
 */
static void it_goes_down_under_traffic(void **state)
{
	struct lab l;
	uint32_t i, edge;

	lab_up(&l, 5 * NSEC_PER_MSEC);
	put(&l, 0, 64);
	get(&l, WAIT_MS);
	put(&l, 1, 64);
	get(&l, WAIT_MS);
	for (i = 2; i < PACKETS; i++) {
		int64_t next = units_now_mono() + 20000;

		put(&l, i, 64);
		if (i == PACKETS / 2)
			take(&l, H2, false);
		while (units_now_mono() < next)
			;
	}
	fates(&l, PACKETS);
	get(&l, 0);
	for (edge = 0; l.verdict[edge] != FATE_DOWN; edge++)
		assert_true(edge < PACKETS - 1);
	if (!l.arrived[edge - 1] && l.arrived[edge - 2])
		l.arrived[edge - 1] = true;
	assert_in_range(compare(&l, 0, PACKETS), 1, PACKETS - 2);
	assert_int_equal(l.verdict[PACKETS - 1], FATE_DOWN);
	assert_no_failures(&l);
	lab_down(&l);
}

static void link_up(struct lab *l, bool up)
{
	if (emu_link_up(l->emu, LINK, up, &l->err) < 0)
		fail_msg("%s", l->err.n ? l->err.items[0].msg : "emu_link_up");
}

/* Two seconds of packets travel; the link goes down for a moment, and all of them are lost. */
static void a_link_that_goes_down_loses_what_travels(void **state)
{
	struct shape quick = { 0 };
	struct lab l;
	uint32_t i;

	lab_up(&l, 0);
	put(&l, 0, 64);
	get(&l, WAIT_MS);
	assert_int_equal(emu_link_set(l.emu, LINK, 0,
				      &(struct shape){ .delay = 2 * NSEC_PER_SEC }, &l.err), 0);
	for (i = 1; i < 100; i++)
		put(&l, i, 64);
	link_up(&l, false);
	fates(&l, 100);
	assert_int_equal(compare(&l, 1, 100), 99);
	assert_int_equal(emu_link_set(l.emu, LINK, 0, &quick, &l.err), 0);
	link_up(&l, true);
	put(&l, 100, 64);
	get(&l, WAIT_MS);
	fates(&l, 101);
	assert_int_equal(compare(&l, 1, 101), 99);
	assert_no_failures(&l);
	lab_down(&l);
}

static int set_memory(struct shaper *s, void *arg)
{
	uint64_t was = s->store.bytes_max;

	s->store.bytes_max = *(uint64_t *)arg;
	*(uint64_t *)arg = was;
	return 0;
}

/* Frames of a size for which none was kept find no memory: they have a row, and a number. */
static void a_frame_without_memory_is_told(void **state)
{
	struct shaper_stats st;
	uint64_t memory = 0;
	struct lab l;
	uint32_t i;

	lab_up(&l, 0);
	put(&l, 0, 64);
	get(&l, WAIT_MS);
	fates(&l, 1);
	shaper_ask(emu_shaper(l.emu), set_memory, &memory);
	for (i = 1; i < 4; i++) {
		put(&l, i, 1000);
		fates(&l, i + 1);
		assert_int_equal(l.verdict[i], FATE_OVERRUN);
	}
	shaper_ask(emu_shaper(l.emu), set_memory, &memory);
	put(&l, i, 1000);
	get(&l, WAIT_MS);
	fates(&l, i + 1);
	assert_int_equal(l.verdict[i], FATE_DELIVERED);
	for (i = 1; i < 5; i++)
		assert_int_equal(l.n[i], l.n[0] + i);
	shaper_stats(emu_shaper(l.emu), &st);
	assert_int_equal(st.overruns, 3);
	lab_down(&l);
}

static int need_shaper(void **state)
{
	const char *why;

	if (shaper_have(&why))
		return 0;
	print_message("no shaper here: %s\n", why);
	return -1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_receiver_that_is_down_gets_nothing),
		cmocka_unit_test(it_goes_down_under_traffic),
		cmocka_unit_test(a_link_that_goes_down_loses_what_travels),
		cmocka_unit_test(a_frame_without_memory_is_told),
	};

	if (argc > 0 && !strcmp(argv[0], INIT_ARGV0))
		return init_main(argc, argv);
	return cmocka_run_group_tests(tests, need_shaper, NULL);
}
