/* Pipes: rates and queues to the nanosecond and the packet, changes, and fates as drawn. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/pipe_run.h"

/* ---- rate ---- */

static void nothing_asked_for_changes_nothing(void **state)
{
	struct shape s = {0};
	struct pipe *p = open_pipe(&s, 1);

	for (int i = 0; i < 1000; i++)
		in(p, i / 10, 60);
	assert_int_equal(seen.n, 1000);
	for (size_t i = 0; i < seen.n; i++) {
		assert_int_equal(seen.event[i].at, i / 10);
		assert_int_equal(seen.event[i].n, i);
	}
	assert_true(seen.wish == INT64_MAX);
	assert_int_equal(pipe_stats(p)->bytes_in, 60000);
	close_pipe(p);
}

/*
 * N packets that came at once take the time of their bits: no rounding adds up, no lateness
 * either.
 */
static void a_rate_is_exact_to_the_nanosecond(void **state)
{
	static const uint64_t rates[] = {1000000, 7777777, 999999937, 10000000000ULL};

	for (size_t r = 0; r < 4; r++) {
		for (int late = 0; late < 2; late++) {
			struct shape s = {.rate = rates[r], .overhead = 24, .limit = 5000};
			struct pipe *p = open_pipe(&s, 1);
			uint64_t bits = 0;

			for (int i = 0; i < 5000; i++)
				in(p, 1000, 60 + (uint32_t)i % 1455);
			if (late)
				pipe_serve(p, 3600 * NSEC_PER_SEC);
			else
				run(p, INT64_MAX - 1);
			assert_int_equal(seen.n, 5000);
			for (size_t i = 0; i < seen.n; i++) {
				unsigned __int128 ns;

				bits += (seen.event[i].len + 24) * 8;
				ns = (unsigned __int128)bits * NSEC_PER_SEC / rates[r];
				assert_int_equal(seen.event[i].at, 1000 + (int64_t)ns);
				assert_int_equal(seen.event[i].queued, (int64_t)ns);
				assert_int_equal(seen.event[i].n, i);
			}
			close_pipe(p);
		}
	}
}

static void an_idle_link_starts_afresh(void **state)
{
	struct shape s = {.rate = 8000000, .overhead = -14}; /* a byte each us */
	struct pipe *p = open_pipe(&s, 1);

	in(p, 0, 114);
	in(p, 150000, 114);
	in(p, 200000, 64);
	in(p, 900000, 10); /* less than its overhead takes away */
	run(p, INT64_MAX - 1);
	assert_int_equal(seen.event[0].at, 100000);
	assert_int_equal(seen.event[1].at, 250000);
	assert_int_equal(seen.event[2].at, 300000);
	assert_int_equal(seen.event[3].at, 900000);
	close_pipe(p);
}

/* One is being sent, limit wait, and the rest is dropped: at once and in the middle. */
static void drop_tail_is_exact(void **state)
{
	struct shape s = {.rate = 8000000, .limit = 20};
	struct shape b = {.rate = 8000000, .limit_bytes = 2500};
	struct pipe *p = open_pipe(&s, 1);
	int64_t ms = NSEC_PER_MSEC;

	for (int i = 0; i < 100; i++)
		in(p, 0, 1000);
	assert_int_equal(count(FATE_QUEUE_FULL), 79);
	for (size_t i = 0; i < seen.n; i++)
		assert_true((seen.event[i].n > 20) == (seen.event[i].verdict == FATE_QUEUE_FULL));
	/* at 5 ms the sixth begins: five have left, so five find room */
	for (int i = 0; i < 10; i++)
		in(p, 5 * ms, 1000);
	assert_int_equal(count(FATE_QUEUE_FULL), 84);
	assert_int_equal(pipe_stats(p)->queue_max, 20);
	assert_int_equal(pipe_stats(p)->queue_bytes_max, 20000);
	close_pipe(p);
	assert_int_equal(count(FATE_DELIVERED), 26);

	p = open_pipe(&b, 1);
	for (int i = 0; i < 10; i++)
		in(p, 0, 1000);
	in(p, 0, 500);
	in(p, 0, 60);
	close_pipe(p);
	/* one on the way, 1,000 + 1,000 + 500 waiting */
	assert_int_equal(count(FATE_DELIVERED), 4);
	assert_int_equal(seen.event[seen.n - 1].at, 3500000);
}

/* A derived limit: 100 ms at the rate. */
static void a_derived_limit_is_a_time(void **state)
{
	struct shape s = {.rate = 80000000};
	struct pipe *p = open_pipe(&s, 1);
	uint64_t packets, bytes;

	shape_queue(&s, MTU, &packets, &bytes);
	assert_true(bytes > 0);
	for (int i = 0; i < 5000; i++)
		in(p, 0, 1000);
	close_pipe(p);
	assert_int_equal(count(FATE_DELIVERED), 1 + bytes / 1000);
}

/* ---- changes ---- */

static void a_change_of_rate_is_for_what_is_not_sent(void **state)
{
	struct shape slow = {.rate = 8000000, .limit = 100}, fast = {.rate = 80000000, .limit = 2};
	struct shape none = {0};
	struct pipe *p = open_pipe(&slow, 1);

	for (int i = 0; i < 40; i++)
		in(p, 0, 1000);
	run(p, 2500000);
	assert_int_equal(pipe_set(p, &fast, 2500000), 0);
	run(p, 3950000);
	/* a queue that was longer than the new limit stays; new packets find it full */
	in(p, 3950000, 1000);
	assert_int_equal(count(FATE_QUEUE_FULL), 1);
	assert_int_equal(pipe_set(p, &none, 3950000), 0);
	close_pipe(p);
	assert_int_equal(count(FATE_DELIVERED), 40);
	/* half of the third was sent: the other half takes a tenth of what it would have taken */
	for (size_t i = 0, k = 0; i < seen.n; i++) {
		int64_t at = k < 2 ? (int64_t)(k + 1) * 1000000
				   : 2550000 + (int64_t)(k - 2) * 100000;

		if (seen.event[i].verdict != FATE_DELIVERED)
			continue;
		assert_int_equal(seen.event[i].n, k++);
		assert_int_equal(seen.event[i].at, at < 3950000 ? at : 3950000);
	}
}

static void a_slow_frame_does_not_hold_a_fast_link(void **state)
{
	struct shape slow = {.rate = 1000, .limit = 100}, fast = {.rate = 100000000, .limit = 100};
	struct shape delay = {.rate = 1000, .limit = 100, .delay = NSEC_PER_MSEC}, none = {0};
	struct pipe *p = open_pipe(&slow, 1);

	/* 8 s for each at first; after 4 s the half that is left takes 40 us */
	in(p, 0, 1000);
	in(p, 0, 1000);
	run(p, 4 * NSEC_PER_SEC);
	assert_int_equal(pipe_set(p, &fast, 4 * NSEC_PER_SEC), 0);
	close_pipe(p);
	assert_int_equal(seen.event[0].at, 4 * NSEC_PER_SEC + 40000);
	assert_int_equal(seen.event[1].at, 4 * NSEC_PER_SEC + 120000);

	/* a change of something else changes no time, and without a rate the rest goes at once */
	p = open_pipe(&slow, 1);
	in(p, 1, 999);
	assert_int_equal(pipe_set(p, &delay, 77), 0);
	run(p, 8 * NSEC_PER_SEC);
	assert_int_equal(seen.event[0].at, 1 + 7992 * NSEC_PER_MSEC);
	in(p, 9 * NSEC_PER_SEC, 1000);
	in(p, 9 * NSEC_PER_SEC, 1000);
	assert_int_equal(seen.n, 1);
	assert_int_equal(pipe_set(p, &none, 10 * NSEC_PER_SEC), 0);
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.event[1].at, 10 * NSEC_PER_SEC + NSEC_PER_MSEC);
	assert_int_equal(seen.event[2].at, 10 * NSEC_PER_SEC + NSEC_PER_MSEC);
	close_pipe(p);
}

/* What travels arrives when it was to; nothing is lost over a thousand changes, slots and all. */
static void changes_in_the_middle_lose_nothing(void **state)
{
	struct shape s = {.rate = 100000000, .delay = 50 * NSEC_PER_MSEC, .limit = 100000};
	struct pipe *p = open_pipe(&s, 1);

	for (int i = 0; i < 100000; i++) {
		int64_t now = i * 20000LL;

		if (i % 100 == 0) {
			s.delay = (10 + i / 100 * 37 % 90) * NSEC_PER_MSEC;
			s.jitter = i % 300 ? s.delay / 10 : 0;
			s.dist = (enum delay_dist)(i / 100 % DELAY_DISTS);
			s.rate = i % 700 ? 100000000 : 0;
			s.slot_min = i % 500 ? 0 : 3 * NSEC_PER_MSEC;
			run(p, now);
			assert_int_equal(pipe_set(p, &s, now), 0);
		}
		in(p, now, 250);
	}
	close_pipe(p);
	assert_int_equal(count(FATE_DELIVERED), 100000);
	for (size_t i = 0; i < seen.n; i++)
		assert_true(seen.event[i].at >= seen.event[i].arrived + seen.event[i].delay);
}

static void a_delay_is_what_was_drawn(void **state)
{
	struct shape s = {.delay = 30 * NSEC_PER_MSEC}, t = {.delay = 5 * NSEC_PER_MSEC};
	struct pipe *p = open_pipe(&s, 1);

	in(p, 100, 1000);
	assert_int_equal(pipe_set(p, &t, 200), 0);
	in(p, 300, 1000);
	close_pipe(p);
	assert_int_equal(seen.event[0].at, 30000100);
	assert_int_equal(seen.event[1].at, 5000300);
	assert_int_equal(seen.event[1].delay, 5000000);
}

static void a_link_that_is_down_takes_nothing(void **state)
{
	struct shape s = {.rate = 8000000, .delay = 20 * NSEC_PER_MSEC, .limit = 100};
	struct pipe *p = open_pipe(&s, 1);

	for (int i = 0; i < 10; i++)
		in(p, 0, 1000);
	run(p, 2500000);
	pipe_set_up(p, false, 2500000);
	/* two travel and are the shaper's; the third is being sent, the others wait */
	assert_int_equal(count(FATE_DOWN), 8);
	in(p, 3000000, 1000);
	assert_int_equal(count(FATE_DOWN), 9);
	/* the link is free as soon as it is up, though the third would be on it until 3 ms */
	pipe_set_up(p, true, 2600000);
	in(p, 3000000, 1000);
	close_pipe(p);
	assert_int_equal(count(FATE_DELIVERED), 3);
	assert_int_equal(seen.event[seen.n - 1].at, 24000000);
	assert_int_equal(seen.event[seen.n - 1].n, 11);
}

/* What travels towards a slot is lost with the link, two seconds of it. */
static void a_link_that_goes_down_loses_what_travels(void **state)
{
	struct shape s = {.delay = 2 * NSEC_PER_SEC, .slot_min = NSEC_PER_MSEC};
	struct pipe *p = open_pipe(&s, 1);

	for (int i = 0; i < 10; i++)
		in(p, i * NSEC_PER_MSEC, 1000);
	pipe_set_up(p, false, NSEC_PER_SEC);
	assert_int_equal(count(FATE_DOWN), 10);
	for (size_t i = 0; i < seen.n; i++)
		assert_int_equal(seen.event[i].at, NSEC_PER_SEC);
	assert_true(seen.wish == INT64_MAX);
	pipe_set_up(p, true, NSEC_PER_SEC + 1);
	in(p, NSEC_PER_SEC + 1, 1000);
	close_pipe(p);
	assert_int_equal(count(FATE_DELIVERED), 1);
	assert_int_equal(seen.event[10].n, 10);
	assert_int_equal(seen.event[10].at, 3 * NSEC_PER_SEC + NSEC_PER_MSEC + 1);
}

static void what_waits_at_the_end_is_dropped(void **state)
{
	struct shape s = {.rate = 8000, .limit = 100, .delay = 1, .slot_min = 1};
	struct pipe *p = open_pipe(&s, 1);

	for (int i = 0; i < 10; i++)
		in(p, 0, 1000);
	pipe_free(p);
	assert_int_equal(count(FATE_DOWN), 10);
}

/* ---- impairments on packets ---- */

static void fates_are_written_on_packets(void **state)
{
	struct shape s = {.loss = 0.1, .duplicate = 0.1, .corrupt = 0.1, .reorder = 0.1,
			  .delay = 20 * NSEC_PER_MSEC, .jitter = NSEC_PER_MSEC};
	struct pipe *p = open_pipe(&s, 7);
	struct pipe_stats st;
	struct impair im;
	size_t k = 0;

	for (int i = 0; i < 20000; i++)
		in(p, i * 1000LL, 200);
	st = *pipe_stats(p);
	close_pipe(p);
	assert_int_equal(st.verdict[FATE_LOST], count(FATE_LOST));
	assert_true(st.duplicated && st.corrupted && st.reordered);
	impair_init(&im, 7, "link/h1-eth0");
	for (uint64_t n = 0; n < 20000; n++) {
		struct impairment want;
		const struct event *e = &seen.event[k++];

		impair_draw(&im, &s, &want);
		/* the first copy's, then the second's */
		assert_true(e->n == n && !e->copy);
		assert_int_equal(e->verdict, want.lost ? FATE_LOST : FATE_DELIVERED);
		if (!want.lost) {
			assert_int_equal(e->corrupted, want.corrupted);
			assert_int_equal(e->reordered, want.reordered);
			assert_int_equal(e->at, (int64_t)n * 1000 +
						(want.reordered ? 0 : want.delay[0]));
			/*
			 * 4 bits were set; one of them may be the flipped one, or none that
			 * counts
			 */
			if (want.corrupted && want.corrupt_at % 1600 >= 14 * 8)
				assert_true(e->ones == 3 || e->ones == 5);
			else
				assert_int_equal(e->ones, 4);
		}
		if (!want.duplicated)
			continue;
		e = &seen.event[k++];
		assert_true(e->n == n && e->copy == 1 && e->verdict == FATE_DELIVERED);
		assert_true(!e->corrupted && !e->reordered && e->ones == 4);
		assert_int_equal(e->at, (int64_t)n * 1000 + want.delay[1]);
	}
	assert_int_equal(k, seen.n);
	impair_clear(&im);
}

static uint64_t fingerprint(uint64_t seed, const struct shape *s, int64_t gap)
{
	struct pipe *p = open_pipe(s, seed);
	uint64_t h = 0;

	for (int i = 0; i < 5000; i++)
		in(p, i * gap, 500);
	close_pipe(p);
	for (size_t i = 0; i < seen.n; i++) {
		const struct event *e = &seen.event[i];

		h += (e->n + 1) * 0x9e3779b97f4a7c15ULL ^
		     ((uint64_t)e->delay << 6 | (uint64_t)e->verdict << 3 |
		      (uint64_t)e->copy << 2 | (uint64_t)e->corrupted << 1 | e->reordered);
	}
	return h;
}

/* The same packets meet the same, however fast they come; another seed's meet something else. */
static void the_same_seed_gives_the_same_fates(void **state)
{
	struct shape s = {.loss = 0.1, .duplicate = 0.1, .corrupt = 0.1, .reorder = 0.1,
			  .delay = 20 * NSEC_PER_MSEC, .jitter = 4 * NSEC_PER_MSEC,
			  .dist = DELAY_PARETO};
	uint64_t first = fingerprint(1, &s, 1000);

	assert_true(fingerprint(1, &s, 1000) == first);
	assert_true(fingerprint(1, &s, 777777) == first);
	assert_true(fingerprint(2, &s, 1000) != first);
}

static void marks_in_place_of_losses(void **state)
{
	struct shape s = {.loss = 0.3, .ecn = true};
	struct pipe *p = open_pipe(&s, 3);

	for (int i = 0; i < 2000; i++)
		in(p, i, i % 2 ? 100 : 20); /* the short ones have no header to mark */
	close_pipe(p);
	assert_true(count(FATE_LOST) > 200);
	for (size_t i = 0; i < seen.n; i++) {
		if (seen.event[i].verdict == FATE_LOST)
			assert_int_equal(seen.event[i].len, 20);
		if (seen.event[i].marked)
			assert_true(seen.event[i].len == 100 && seen.event[i].ones != 4);
	}
}

static void a_copy_without_memory_is_counted(void **state)
{
	struct shape s = {.duplicate = 1};
	struct pipe *p = open_pipe(&s, 3);

	seen.no_memory = true;
	in(p, 0, 100);
	seen.no_memory = false;
	assert_int_equal(pipe_stats(p)->verdict[FATE_OVERRUN], 1);
	assert_int_equal(pipe_stats(p)->duplicated, 0);
	close_pipe(p);
	assert_int_equal(count(FATE_DELIVERED), 1);
}

/* A packet for which there is no memory moves no other's number nor fate. */
static void a_packet_without_memory_has_its_number(void **state)
{
	struct shape s = {.loss = 0.3, .duplicate = 0.1, .delay = 20 * NSEC_PER_MSEC,
			  .jitter = NSEC_PER_MSEC};
	static struct event all[4000];
	struct pipe *p = open_pipe(&s, 5);
	size_t n_all, k = 0;

	for (int i = 0; i < 2000; i++)
		in(p, i * 1000LL, 200);
	close_pipe(p);
	n_all = seen.n;
	assert_true(n_all <= 4000);
	memcpy(all, seen.event, n_all * sizeof(*all));
	p = open_pipe(&s, 5);
	for (uint64_t i = 0; i < 2000; i++) {
		if (i % 7 == 3)
			assert_int_equal(pipe_overrun(p, 200), i);
		else
			in(p, (int64_t)i * 1000, 200);
	}
	run(p, INT64_MAX - 1);
	assert_int_equal(pipe_stats(p)->in, 2000);
	assert_int_equal(pipe_stats(p)->bytes_in, 400000);
	assert_int_equal(pipe_stats(p)->verdict[FATE_OVERRUN], 286);
	for (size_t i = 0; i < n_all; i++) {
		if (all[i].n % 7 != 3)
			assert_memory_equal(&all[i], &seen.event[k++], sizeof(all[i]));
	}
	assert_int_equal(k, seen.n);
	pipe_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_asked_for_changes_nothing),
		cmocka_unit_test(a_rate_is_exact_to_the_nanosecond),
		cmocka_unit_test(an_idle_link_starts_afresh),
		cmocka_unit_test(drop_tail_is_exact),
		cmocka_unit_test(a_derived_limit_is_a_time),
		cmocka_unit_test(a_change_of_rate_is_for_what_is_not_sent),
		cmocka_unit_test(a_slow_frame_does_not_hold_a_fast_link),
		cmocka_unit_test(changes_in_the_middle_lose_nothing),
		cmocka_unit_test(a_delay_is_what_was_drawn),
		cmocka_unit_test(a_link_that_is_down_takes_nothing),
		cmocka_unit_test(a_link_that_goes_down_loses_what_travels),
		cmocka_unit_test(what_waits_at_the_end_is_dropped),
		cmocka_unit_test(fates_are_written_on_packets),
		cmocka_unit_test(the_same_seed_gives_the_same_fates),
		cmocka_unit_test(marks_in_place_of_losses),
		cmocka_unit_test(a_copy_without_memory_is_counted),
		cmocka_unit_test(a_packet_without_memory_has_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
