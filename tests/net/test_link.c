/* Links of real networks: what each engine does to packets, what is left, and what is refused. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/net/link_fixture.h"

#include <dirent.h>

#include "capture/ring.h"
#include "capture/sender/tag.h"
#include "tests/lib/leftover.h"

#define DRAIN_MS   20000
#define IDLE_LINKS 1000

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
		cmocka_unit_test(test_carries_tags),
		cmocka_unit_test(test_leaves_nothing),
		cmocka_unit_test(test_idle_links_cost_nothing),
		cmocka_unit_test(test_asked_for_and_not_there),
	};

	if (argc > 0 && !strcmp(argv[0], INIT_ARGV0))
		return init_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
