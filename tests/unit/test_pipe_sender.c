/* Pipes whose sender is not just a rate: CoDel's queue, traces, and slots. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/pipe_run.h"

#include <net/ethernet.h>

#include "emu/trace.h"

static int64_t median_wait(bool codel, bool ecn)
{
	struct shape s = {.rate = 10000000, .limit = 1000, .ecn = ecn};
	static int64_t wait[EVENTS];
	struct pipe *p;
	size_t n = 0;

	s.queue = codel ? QUEUE_CODEL : QUEUE_DROPTAIL;
	s.codel_target = 5 * NSEC_PER_MSEC;
	s.codel_interval = 100 * NSEC_PER_MSEC;
	p = open_pipe(&s, 4);
	/* 3 % more than it carries, for a minute */
	for (int64_t at = 0; at < 60 * NSEC_PER_SEC; at += 1165049)
		in(p, at, 1500);
	close_pipe(p);
	for (size_t i = 0; i < seen.n; i++)
		if (seen.event[i].verdict == FATE_DELIVERED &&
		    seen.event[i].arrived > 20 * NSEC_PER_SEC)
			wait[n++] = seen.event[i].queued - 1200000;
	for (size_t gap = n / 2; gap; gap /= 2) /* Shell's sort */
		for (size_t i = gap; i < n; i++)
			for (size_t k = i; k >= gap && wait[k - gap] > wait[k]; k -= gap) {
				int64_t t = wait[k];

				wait[k] = wait[k - gap];
				wait[k - gap] = t;
			}
	return wait[n / 2];
}

/*
 * Under an overload that heeds nothing CoDel keeps the wait around its target; drop-tail a full
 * queue.
 */
static void codel_keeps_a_standing_queue_short(void **state)
{
	int64_t wait = median_wait(true, false);

	assert_true(count(FATE_CODEL) > 1000);
	assert_int_equal(count(FATE_QUEUE_FULL), 0);
	assert_in_range(wait, NSEC_PER_MSEC, 15 * NSEC_PER_MSEC);
	assert_in_range(median_wait(false, false), NSEC_PER_SEC, 1300 * NSEC_PER_MSEC);
	/* marks alone shorten nothing for a sender that heeds none */
	median_wait(true, true);
	assert_int_equal(count(FATE_CODEL), 0);
}

/*
 * A queue that becomes CoDel's again is new to it: it needs an interval above the target before it
 * drops anything.
 */
static void codel_begins_afresh(void **state)
{
	struct shape tail = {.rate = 10000000, .limit = 1000};
	struct shape codel = {.rate = 10000000, .limit = 1000, .queue = QUEUE_CODEL,
			      .codel_target = 5 * NSEC_PER_MSEC,
			      .codel_interval = 100 * NSEC_PER_MSEC};
	struct pipe *p = open_pipe(&codel, 4);
	uint64_t before;
	int64_t at = 0;

	for (; at < 10 * NSEC_PER_SEC; at += NSEC_PER_MSEC)
		in(p, at, 1500);
	assert_true(count(FATE_CODEL) > 10);
	assert_int_equal(pipe_set(p, &tail, at), 0);
	for (; at < 20 * NSEC_PER_SEC; at += NSEC_PER_MSEC)
		in(p, at, 1500);
	before = count(FATE_CODEL);
	assert_int_equal(pipe_set(p, &codel, at), 0);
	for (int64_t end = at + 99 * NSEC_PER_MSEC; at < end; at += NSEC_PER_MSEC)
		in(p, at, 1500);
	assert_int_equal(count(FATE_CODEL), before);
	for (int64_t end = at + NSEC_PER_SEC; at < end; at += NSEC_PER_MSEC)
		in(p, at, 1500);
	assert_true(count(FATE_CODEL) > before);
	close_pipe(p);
}

/* ---- traces ---- */

static struct trace *trace_of(const uint32_t *ms, size_t n)
{
	struct trace *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->refs = 1;
	t->path = strdup("trace");
	t->ms = malloc(n * sizeof(*ms));
	t->n = n;
	assert_true(t->path && t->ms);
	memcpy(t->ms, ms, n * sizeof(*ms));
	return t;
}

/* A frame as long as the MTU lets it be, as mm-link counts it; overhead counts as asked. */
static void a_full_packet_takes_one_opportunity(void **state)
{
	static const uint32_t ms[] = {1, 2, 3};
	struct shape s = {.trace = trace_of(ms, 3), .limit = 100};
	struct pipe *p = open_pipe(&s, 1);

	for (int i = 0; i < 50; i++)
		in(p, 0, 1514);
	close_pipe(p);
	for (int i = 0; i < 50; i++)
		assert_int_equal(seen.event[i].at, (i + 1) * NSEC_PER_MSEC);
	s.overhead = 14;
	p = open_pipe(&s, 1);
	in(p, 0, 1514);
	in(p, 0, 10); /* less than a header */
	close_pipe(p);
	assert_int_equal(seen.event[0].at, 2 * NSEC_PER_MSEC);
	assert_int_equal(seen.event[1].at, 2 * NSEC_PER_MSEC);
	shape_clear(&s);
}

static void opportunities_carry_1500_bytes(void **state)
{
	static const uint32_t ms[] = {2, 5, 5, 10};
	static const uint32_t len[] = {1500, 500, 500, 500, 3000, 200, 1500};
	static const int64_t at[] = {2, 5, 5, 5, 10, 12, 15};
	struct shape s = {.trace = trace_of(ms, 4), .limit = 100};
	struct pipe *p = open_pipe(&s, 1);

	for (int i = 0; i < 7; i++)
		in(p, 1, len[i] + ETH_HLEN);
	run(p, 100 * NSEC_PER_MSEC);
	/*
	 * the one at 10 ms ends the big one, that at 12 takes the small one and 1,300 of the
	 * last
	 */
	for (int i = 0; i < 7; i++)
		assert_int_equal(seen.event[i].at, at[i] * NSEC_PER_MSEC);
	/* what went unused is lost: the next comes at 102 ms, alone */
	in(p, 100 * NSEC_PER_MSEC + 1, 1500 + ETH_HLEN);
	in(p, 102 * NSEC_PER_MSEC + 1, 100);
	/* hours later it is still in step */
	in(p, 36000 * NSEC_PER_SEC + 6 * NSEC_PER_MSEC, 100);
	close_pipe(p);
	assert_int_equal(seen.event[7].at, 102 * NSEC_PER_MSEC);
	assert_int_equal(seen.event[8].at, 105 * NSEC_PER_MSEC);
	assert_int_equal(seen.event[9].at, 36000 * NSEC_PER_SEC + 10 * NSEC_PER_MSEC);
	shape_clear(&s);
}

/* A saturated trace carries its integral, to the packet; whatever the size of packets. */
static void a_trace_carries_its_integral(void **state)
{
	static uint32_t ms[3000];
	static const uint32_t sizes[] = {1514, 100, 1499, 9000};
	struct shape s = {.limit = 200};
	struct trace *t;

	for (uint32_t i = 0; i < 3000; i++)
		ms[i] = 1 + (i * i / 9000 + i) / 4; /* thins out, up to 1 s */
	t = trace_of(ms, 3000);
	s.trace = t;
	for (int k = 0; k < 4; k++) {
		struct pipe *p = open_pipe(&s, 1);
		uint64_t bytes = 0, opportunities = 0;

		for (int64_t at = 0; at < 1500 * NSEC_PER_MSEC; at += sizes[k] * 100LL)
			in(p, at, sizes[k]);
		run(p, 1500 * NSEC_PER_MSEC - 1);
		while (trace_at(t, opportunities) < 1500 * NSEC_PER_MSEC)
			opportunities++;
		for (size_t i = 0; i < seen.n; i++)
			if (seen.event[i].verdict == FATE_DELIVERED)
				bytes += seen.event[i].len - ETH_HLEN;
		assert_in_range(opportunities * 1500 - bytes, 0, sizes[k]);
		assert_true(count(FATE_QUEUE_FULL) > 0);
		close_pipe(p);
	}
	shape_clear(&s);
}

static void traces_and_rates_change_places(void **state)
{
	static const uint32_t a[] = {10}, b[] = {4};
	struct shape slow = {.trace = trace_of(a, 1), .limit = 100};
	struct shape rate = {.rate = 8000000, .limit = 100};
	struct shape quick = {.trace = trace_of(b, 1), .limit = 100};
	struct pipe *p = open_pipe(&slow, 1);

	for (int i = 0; i < 3; i++)
		in(p, 0, 2000 + ETH_HLEN);
	run(p, 13 * NSEC_PER_MSEC);
	assert_int_equal(seen.n, 0);
	/* 500 bytes of the first are left: they take 0.5 ms, the second's frame 2.014 ms */
	assert_int_equal(pipe_set(p, &rate, 13 * NSEC_PER_MSEC), 0);
	run(p, 14 * NSEC_PER_MSEC);
	assert_int_equal(seen.event[0].at, 13500000);
	/*
	 * the new trace begins at 14 ms, with 1,514 bytes of the second left: opportunities at 18,
	 * 22, and the third's take all of 26
	 */
	assert_int_equal(pipe_set(p, &quick, 14 * NSEC_PER_MSEC), 0);
	close_pipe(p);
	assert_int_equal(seen.event[1].at, 22 * NSEC_PER_MSEC);
	assert_int_equal(seen.event[2].at, 26 * NSEC_PER_MSEC);
	shape_clear(&slow);
	shape_clear(&quick);
}

/* ---- slots ---- */

static void slots_let_go_what_has_gathered(void **state)
{
	struct shape s = {.slot_min = 10 * NSEC_PER_MSEC, .slot_packets = 4,
			  .delay = NSEC_PER_MSEC};
	static const int64_t at[] = {11, 11, 11, 11, 21, 21, 31};
	struct pipe *p = open_pipe(&s, 1);

	/* ready at 1 ms: a slot 10 ms later takes four, the next the rest */
	for (int i = 0; i < 6; i++)
		in(p, 0, 1000);
	in(p, 20 * NSEC_PER_MSEC + 1, 1000); /* ready after the slot at 21 */
	in(p, 33 * NSEC_PER_MSEC, 1000);
	close_pipe(p);
	for (int i = 0; i < 6; i++)
		assert_int_equal(seen.event[i].at, at[i] * NSEC_PER_MSEC);
	assert_int_equal(seen.event[6].at, at[6] * NSEC_PER_MSEC + 1);
	assert_int_equal(seen.event[7].at, 44 * NSEC_PER_MSEC);

	s.slot_packets = 0;
	s.slot_bytes = 2500;
	p = open_pipe(&s, 1);
	for (int i = 0; i < 6; i++)
		in(p, 0, 1000);
	close_pipe(p);
	for (int i = 0; i < 6; i++)
		assert_int_equal(seen.event[i].at, (i < 3 ? 11 : 21) * NSEC_PER_MSEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codel_keeps_a_standing_queue_short),
		cmocka_unit_test(codel_begins_afresh),
		cmocka_unit_test(opportunities_carry_1500_bytes),
		cmocka_unit_test(a_full_packet_takes_one_opportunity),
		cmocka_unit_test(a_trace_carries_its_integral),
		cmocka_unit_test(traces_and_rates_change_places),
		cmocka_unit_test(slots_let_go_what_has_gathered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
