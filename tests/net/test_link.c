/*
 * Links of real networks: what each engine does to packets, and changes while traffic flows.
 *
 * Every test runs once with each engine that this kernel has, and says so. Times are judged by their
 * smallest sample where the machine's own delays would add to them.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <dirent.h>
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

#include "capture/ring.h"
#include "capture/tag.h"
#include "core/units.h"
#include "emu/init.h"
#include "emu/link.h"
#include "emu/netns.h"
#include "emu/qdisc.h"
#include "emu/shaper/shaper.h"
#include "tests/lib/leftover.h"

#define WAIT_MS	   5000
#define DRAIN_MS   20000
#define PORT	   4000
#define SLACK	   (15 * NSEC_PER_MSEC) /* on a kernel whose timers tick at 100 Hz */
#define IDLE_LINKS 1000

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

static void lab_model(struct lab *l)
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

static void lab_finish(struct lab *l)
{
	if (net_finish(&l->net, &l->err) < 0)
		fail_msg("%s", l->err.items[0].msg);
}

static int socket_in(const struct lab *l, uint32_t node)
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

static struct sockaddr_in addr_of(const struct lab *l, uint32_t node)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(PORT),
				     .sin_addr.s_addr = htonl(net_node_addr(&l->net, node)) };
}

static void lab_up_with(struct lab *l, const struct emu_opts *opts)
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

static void lab_up(struct lab *l)
{
	lab_up_with(l, NULL);
}

/* And nothing happened in the shaper that nobody asked for. */
static void lab_down(struct lab *l)
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

static void put(const struct lab *l, uint32_t from, uint32_t to, uint32_t number, size_t size)
{
	struct sockaddr_in a = addr_of(l, to);
	char buf[1472] = { 0 };
	ssize_t n;

	memcpy(buf, &number, sizeof(number));
	n = sendto(l->out[from], buf, size, 0, (struct sockaddr *)&a, sizeof(a));
	assert_int_equal(n, size);
}

/* The number of the next datagram at a host and when it came, or -1 when none comes in time. */
static int64_t get_stamped(const struct lab *l, uint32_t at, int ms, int64_t *ret_ts)
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

static int64_t get(const struct lab *l, uint32_t at, int ms)
{
	int64_t ts;

	return get_stamped(l, at, ms, &ts);
}

/* The quickest of ten, or -1 when one does not arrive. */
static int64_t one_way(const struct lab *l, uint32_t from, uint32_t to)
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

static void set(struct lab *l, int end, const struct shape *s)
{
	if (emu_link_set(l->emu, LINK, end, s, &l->err) < 0)
		fail_msg("%s", l->err.n ? l->err.items[0].msg : "emu_link_set");
}

static void assert_delay(const struct lab *l, uint32_t from, uint32_t to, int64_t least)
{
	int64_t took = one_way(l, from, to);

	if (took < least || took > least + SLACK)
		fail_msg("one way in %.3f ms, not %.3f", (double)took / NSEC_PER_MSEC,
			 (double)least / NSEC_PER_MSEC);
}

static void each_engine(void (*test)(enum link_engine))
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

/* ---- what a link does ---- */

static void delay_one_way(enum link_engine engine)
{
	struct lab l;

	lab_model(&l);
	lab_finish(&l);
	l.net.links[LINK].engine = engine;
	l.net.links[LINK].shape[0].delay = 30 * NSEC_PER_MSEC;
	lab_up(&l);
	assert_int_equal(emu_link_engine(l.emu, LINK), engine);
	assert_non_null(emu_link_why(l.emu, LINK));
	assert_delay(&l, H1, H2, 30 * NSEC_PER_MSEC);
	assert_delay(&l, H2, H1, 0);
	assert_int_equal(emu_link_engine(l.emu, 1), ENGINE_AUTO);
	lab_down(&l);
}

static void test_delay_one_way(void **state)
{
	each_engine(delay_one_way);
}

static void loses(enum link_engine engine)
{
	struct shape none = { 0 };
	uint32_t i, n = 0;
	struct lab l;
	int64_t k;

	lab_model(&l);
	lab_finish(&l);
	l.net.links[LINK].engine = engine;
	lab_up(&l);
	assert_delay(&l, H2, H1, 0); /* so that no ARP is lost */
	set(&l, 0, &(struct shape){ .loss = 0.2 });
	for (i = 0; i < 2000; i++)
		put(&l, H1, H2, i, 64);
	set(&l, 0, &none);
	put(&l, H1, H2, i, 64);
	while ((k = get(&l, H2, WAIT_MS)) != i) {
		assert_true(k >= 0);
		n++;
	}
	/* 1,600, give or take five deviations */
	if (n < 1510 || n > 1690)
		fail_msg("%u of 2000 arrived", n);
	lab_down(&l);
}

static void test_loses(void **state)
{
	each_engine(loses);
}

static void limits_rate(enum link_engine engine)
{
	const uint32_t count = 400, size = 1000, frame = size + 42;
	const double rate = 20e6, burst = 32000;
	int64_t first = 0, last = 0;
	struct lab l;
	uint32_t i;
	double took;

	lab_model(&l);
	lab_finish(&l);
	l.net.links[LINK].engine = engine;
	l.net.links[LINK].shape[0].rate = (uint64_t)rate;
	l.net.links[LINK].shape[0].limit = 1000;
	lab_up(&l);
	assert_true(one_way(&l, H1, H2) >= 0);
	for (i = 0; i < count; i++)
		put(&l, H1, H2, i, size);
	for (i = 0; i < count; i++) {
		assert_int_equal(get_stamped(&l, H2, WAIT_MS, &last), i);
		first = first ? first : last;
	}
	took = (double)(last - first) / NSEC_PER_SEC;
	if (took < (count * frame - burst) * 8 / rate * 0.97 || took > count * frame * 8 / rate * 1.2)
		fail_msg("%u frames of %u bytes took %.3f s", count, frame, took);
	lab_down(&l);
}

static void test_limits_rate(void **state)
{
	each_engine(limits_rate);
}

/* ---- changes ---- */

static void changes_lose_nothing(enum link_engine engine)
{
	struct shape s = { .delay = 5 * NSEC_PER_MSEC };
	struct lab l;
	uint32_t i;
	bool *seen = calloc(2000, sizeof(*seen));

	lab_model(&l);
	lab_finish(&l);
	l.net.links[LINK].engine = engine;
	shape_copy(&l.net.links[LINK].shape[0], &s);
	lab_up(&l);
	assert_delay(&l, H1, H2, 5 * NSEC_PER_MSEC);
	for (i = 0; i < 2000; i++) {
		put(&l, H1, H2, i, 64);
		if (i % 20)
			continue;
		s.delay = (5 + i / 20 % 2) * NSEC_PER_MSEC;
		set(&l, 0, &s);
	}
	for (i = 0; i < 2000; i++) {
		int64_t k = get(&l, H2, WAIT_MS);

		assert_true(k >= 0 && k < 2000 && !seen[k]);
		seen[k] = true;
	}
	assert_true(shape_equal(emu_link_shape(l.emu, LINK, 0), &s));
	free(seen);
	lab_down(&l);
}

static void test_changes_lose_nothing(void **state)
{
	each_engine(changes_lose_nothing);
}

static void up(struct lab *l, bool is_up)
{
	if (emu_link_up(l->emu, LINK, is_up, &l->err) < 0)
		fail_msg("%s", l->err.n ? l->err.items[0].msg : "emu_link_up");
	assert_int_equal(emu_link_is_up(l->emu, LINK), is_up);
}

static void goes_down_and_up(enum link_engine engine)
{
	struct sockaddr_in a;
	struct lab l;
	int64_t k;
	int i;

	lab_model(&l);
	lab_finish(&l);
	l.net.links[LINK].engine = engine;
	l.net.links[LINK].shape[0].delay = 2 * NSEC_PER_MSEC;
	lab_up(&l);
	a = addr_of(&l, H2);
	assert_delay(&l, H1, H2, 2 * NSEC_PER_MSEC);
	for (i = 0; i < 3; i++) {
		up(&l, false);
		assert_int_equal(sendto(l.out[H1], "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), -1);
		assert_int_equal(errno, ENETUNREACH);
		put(&l, H2, H1, 99, 64); /* lost, or kept by the router while it asks for h1 */
		up(&l, true);
		/* The default route is there again, and packets pass both ways at once. */
		assert_delay(&l, H1, H2, 2 * NSEC_PER_MSEC);
		put(&l, H2, H1, 7, 64);
		while ((k = get(&l, H1, WAIT_MS)) == 99)
			;
		assert_int_equal(k, 7);
	}
	lab_down(&l);
}

static void test_goes_down_and_up(void **state)
{
	each_engine(goes_down_and_up);
}

/* Index and MAC of h1's interface, from inside. */
static void assert_iface(const struct lab *l)
{
	const struct iface *f = &l->net.ifaces[l->net.links[LINK].iface[0]];
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", f->name);
	assert_int_equal(ioctl(l->out[H1], SIOCGIFINDEX, &ifr), 0);
	assert_int_equal(ifr.ifr_ifindex, f->ifindex);
	assert_int_equal(ioctl(l->out[H1], SIOCGIFHWADDR, &ifr), 0);
	assert_memory_equal(ifr.ifr_hwaddr.sa_data, f->mac, 6);
}

/* A link that was plain gets its engine while the network runs. */
static void gets_an_engine(enum link_engine engine)
{
	struct shape s = { .delay = 10 * NSEC_PER_MSEC }, none = { 0 };
	struct lab l;

	lab_model(&l);
	lab_finish(&l);
	lab_up(&l);
	assert_int_equal(emu_link_engine(l.emu, LINK), ENGINE_AUTO);
	assert_delay(&l, H1, H2, 0);
	l.net.links[LINK].engine = engine;
	set(&l, 1, &s);
	assert_int_equal(emu_link_engine(l.emu, LINK), engine);
	assert_iface(&l);
	assert_delay(&l, H2, H1, 10 * NSEC_PER_MSEC);
	assert_delay(&l, H1, H2, 0);
	set(&l, 1, &none);
	assert_delay(&l, H2, H1, 0);
	up(&l, false);
	up(&l, true);
	assert_delay(&l, H1, H2, 0);
	lab_down(&l);
}

static void test_gets_an_engine(void **state)
{
	each_engine(gets_an_engine);
}

static void gets_it_while_down(enum link_engine engine)
{
	struct shape s = { .delay = 10 * NSEC_PER_MSEC };
	struct sockaddr_in a;
	struct lab l;

	lab_model(&l);
	lab_finish(&l);
	lab_up(&l);
	a = addr_of(&l, H2);
	up(&l, false);
	l.net.links[LINK].engine = engine;
	set(&l, 0, &s);
	assert_false(emu_link_is_up(l.emu, LINK));
	assert_int_equal(sendto(l.out[H1], "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), -1);
	up(&l, true);
	assert_delay(&l, H1, H2, 10 * NSEC_PER_MSEC);
	lab_down(&l);
}

static void test_gets_it_while_down(void **state)
{
	each_engine(gets_it_while_down);
}

/* ---- tags ---- */

static void on_packet(void *arg, const struct ring_packet *p)
{
	struct { uint32_t owner, n, other; } *seen = arg;

	/* UDP to our port */
	if (p->outgoing || p->caplen < 42 || p->data[23] != IPPROTO_UDP ||
	    p->data[36] != PORT >> 8 || p->data[37] != (PORT & 255))
		return;
	if ((p->hash & OWNER_MASK) == seen->owner)
		seen->n++;
	else
		seen->other++;
}

/* The sender is this program, which is in no cgroup of the run: it counts as h1's kernel. */
static void carries_tags(enum link_engine engine)
{
	struct { uint32_t owner, n, other; } seen = { .owner = OWNER_KERNEL(H1) };
	struct emu_opts opts = { 0 };
	struct tag *tag = NULL;
	struct ring *ring = NULL;
	struct lab l;
	uint32_t i;
	int64_t k;

	lab_model(&l);
	lab_finish(&l);
	l.net.links[LINK].engine = engine;
	l.net.links[LINK].shape[0].delay = NSEC_PER_MSEC;
	assert_int_equal(tag_open(&l.net, TAG_RUNG_RAW_TP, &tag, &l.err), 0);
	assert_true(tag_egress_fd(tag) >= 0);
	opts.egress_bpf_fd = tag_egress_fd(tag);
	lab_up_with(&l, &opts);
	assert_int_equal(ring_open(emu_node_ns(l.emu, H2), 0, 32 << 20, 256, &ring, &l.err), 0);
	assert_delay(&l, H1, H2, NSEC_PER_MSEC);
	set(&l, 0, &(struct shape){ .delay = NSEC_PER_MSEC, .duplicate = 0.5 });
	for (i = 0; i < 500; i++)
		put(&l, H1, H2, i, 64);
	set(&l, 0, &(struct shape){ .delay = NSEC_PER_MSEC });
	put(&l, H1, H2, i, 64);
	while ((k = get(&l, H2, WAIT_MS)) != i) {
		assert_true(k >= 0);
		ring_read(ring, on_packet, &seen);
	}
	ring_drain(ring, on_packet, &seen);
	/* ten, the marker, and 750 give or take six deviations */
	if (seen.n < 11 + 680 || seen.n > 11 + 820 || seen.other || ring_stats(ring)->drops)
		fail_msg("%s: %u packets with the sender's tag, %u without; the ring dropped %lu",
			 link_engine_names[engine], seen.n, seen.other,
			 (unsigned long)ring_stats(ring)->drops);
	ring_close(ring);
	lab_down(&l);
	tag_close(tag);
}

static void test_carries_tags(void **state)
{
	each_engine(carries_tags);
}

/* ---- what is left, and what idle links cost ---- */

static void leaves_nothing(enum link_engine engine)
{
	_cleanup_free_ char *before = leftover_take(LEFTOVER_MACHINE | LEFTOVER_OURS), *after = NULL;
	_cleanup_free_ char *diff = NULL;
	struct lab l;
	uint32_t i;

	lab_model(&l);
	lab_finish(&l);
	l.net.links[LINK].engine = engine;
	l.net.links[LINK].shape[0].delay = 200 * NSEC_PER_MSEC;
	lab_up(&l);
	assert_delay(&l, H1, H2, 200 * NSEC_PER_MSEC);
	for (i = 0; i < 1000; i++) /* under way when it ends */
		put(&l, H1, H2, i, 1000);
	lab_down(&l);
	assert_int_equal(leftover_drain(DRAIN_MS), 0);
	after = leftover_take(LEFTOVER_MACHINE | LEFTOVER_OURS);
	assert_non_null(before);
	assert_non_null(after);
	diff = leftover_diff(before, after);
	assert_string_equal(diff, "");
}

static void test_leaves_nothing(void **state)
{
	each_engine(leaves_nothing);
}

/* The number after a word in the status of the shaper's thread, by its name. */
static long of_thread(const char *word)
{
	DIR *d = opendir("/proc/self/task");
	const struct dirent *e;
	long result = -1;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char path[300], line[256], name[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", e->d_name);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f)) {
			sscanf(line, "Name: %31s", name);
			if (!strcmp(name, SHAPER_THREAD_NAME) && !strncmp(line, word, strlen(word)))
				result = strtol(line + strlen(word), NULL, 10);
		}
		if (f)
			fclose(f);
	}
	closedir(d);
	assert_true(result >= 0);
	return result;
}

/* While packets cross another link, the thread of a thousand shaped ones is not woken once. */
static void test_idle_links_cost_nothing(void **state)
{
	struct emu_opts plain = { .egress_bpf_fd = -1 };
	const char *why;
	struct lab l;
	uint32_t i;
	int64_t start;
	long before;

	if (!shaper_have(&why)) {
		assert_true(qdisc_have_netem());
		print_message("             no shaper here: %s\n", why);
		return;
	}
	lab_model(&l);
	/* A switch of their own: a broadcast beside them is not theirs to hear. */
	assert_int_equal(net_add_node(&l.net, NODE_SWITCH, "s3", 90, &l.err), NODES);
	assert_true(net_add_link(&l.net, R1, NODES, 90, &l.err) >= 0);
	for (i = 0; i < IDLE_LINKS; i++) {
		char name[16];
		int node, link;

		snprintf(name, sizeof(name), "i%u", i);
		node = net_add_node(&l.net, NODE_HOST, name, 100 + (int)i, &l.err);
		assert_true(node >= 0);
		link = net_add_link(&l.net, (uint32_t)node, NODES, 100 + (int)i, &l.err);
		assert_true(link >= 0);
		l.net.links[link].engine = ENGINE_SHAPER;
		l.net.links[link].shape[0].delay = 10 * NSEC_PER_MSEC;
		l.net.links[link].shape[1].rate = 1000000;
	}
	lab_finish(&l);
	start = units_now_mono();
	lab_up_with(&l, &plain);
	print_message("             %u shaped links made in %.2f s\n", IDLE_LINKS,
		      (double)(units_now_mono() - start) / NSEC_PER_SEC);
	assert_delay(&l, H1, H2, 0);
	assert_delay(&l, H2, H1, 0);
	before = of_thread("voluntary_ctxt_switches:");
	for (i = 0; i < 1000; i++) {
		put(&l, H1, H2, i, 64);
		assert_int_equal(get(&l, H2, WAIT_MS), i);
	}
	assert_int_equal(of_thread("voluntary_ctxt_switches:") - before, 0);
	lab_down(&l);
}

/* ---- what is refused ---- */

static void test_asked_for_and_not_there(void **state)
{
	enum link_engine engine = ENGINE_AUTO;
	const char *why = NULL;
	struct lab l;
	int r;

	lab_model(&l);
	lab_finish(&l);
	l.net.links[1].engine = ENGINE_NETEM;
	l.net.links[1].shape[0].delay = NSEC_PER_MSEC;
	r = link_choose(&l.net, 1, &engine, &why, &l.err);
	if (qdisc_have_netem()) {
		assert_int_equal(r, 0);
		assert_int_equal(engine, ENGINE_NETEM);
	} else {
		assert_int_equal(r, -EOPNOTSUPP);
		assert_int_equal(l.err.items[0].class, ERR_MISSING);
		assert_int_equal(l.err.items[0].line, 11);
		assert_string_equal(l.err.items[0].file, "lab.ini");
		assert_non_null(strstr(l.err.items[0].msg, "CONFIG_NET_SCH_NETEM"));
		assert_int_equal(engine, ENGINE_AUTO);
		/* What nobody said how to do is done by who can. */
		l.net.links[1].engine = ENGINE_AUTO;
		assert_int_equal(link_choose(&l.net, 1, &engine, &why, &l.err), 0);
		assert_int_equal(engine, ENGINE_SHAPER);
		assert_non_null(why);
	}
	loop_free(l.loop);
	net_free(&l.net);
	err_free(&l.err);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_delay_one_way),
		cmocka_unit_test(test_loses),
		cmocka_unit_test(test_limits_rate),
		cmocka_unit_test(test_changes_lose_nothing),
		cmocka_unit_test(test_goes_down_and_up),
		cmocka_unit_test(test_gets_an_engine),
		cmocka_unit_test(test_gets_it_while_down),
		cmocka_unit_test(test_carries_tags),
		cmocka_unit_test(test_leaves_nothing),
		cmocka_unit_test(test_idle_links_cost_nothing),
		cmocka_unit_test(test_asked_for_and_not_there),
	};

	if (argc > 0 && !strcmp(argv[0], INIT_ARGV0))
		return init_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
