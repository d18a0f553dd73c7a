/* CoDel against RFC 8289: when it drops, when it must not, and the queue that it leaves. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/units.h"
#include "emu/shaper/codel.h"

#define MTU	 1500
#define TARGET	 (5 * NSEC_PER_MSEC)
#define INTERVAL (100 * NSEC_PER_MSEC)
#define PACKETS	 100000

/* A queue of packets of one MTU: their times of arrival, and what became of them. */
struct queue {
	int64_t arrived[PACKETS];
	size_t first, end;
	bool marks;
	int64_t now;
	int64_t cut[PACKETS]; /* times of drops or marks */
	size_t cuts;
};

static void came(struct queue *q, int64_t at)
{
	assert_true(q->end < PACKETS);
	q->arrived[q->end++] = at;
}

static void *pop(void *arg, int64_t *ret_arrived, uint64_t *ret_waiting)
{
	struct queue *q = arg;

	*ret_waiting = 0;
	if (q->first == q->end)
		return NULL;
	*ret_arrived = q->arrived[q->first++];
	*ret_waiting = (q->end - q->first) * MTU;
	return &q->arrived[q->first - 1];
}

static bool drop(void *arg, void *packet)
{
	struct queue *q = arg;

	assert_ptr_equal(packet, &q->arrived[q->first - 1]);
	q->cut[q->cuts++] = q->now;
	return !q->marks;
}

static int64_t *next(struct codel *c, struct queue *q, int64_t now)
{
	const struct codel_queue ops = {q, pop, drop};

	q->now = now;
	return codel_dequeue(c, &ops, TARGET, INTERVAL, MTU, now);
}

static struct queue *queue_new(void)
{
	struct queue *q = calloc(1, sizeof(*q));

	assert_non_null(q);
	return q;
}

/* All came at 0 and one leaves each millisecond. */
static struct queue *standing_queue(bool marks)
{
	struct queue *q = queue_new();
	struct codel c = {0};

	q->end = 20000;
	q->marks = marks;
	for (int64_t now = 0; now < 5 * NSEC_PER_SEC; now += NSEC_PER_MSEC)
		assert_non_null(next(&c, q, now));
	return q;
}

/*
 * The wait passes the target at 5 ms, so the first drop is an interval later; then the n-th comes
 * interval / sqrt(n) after the one before, or with the first packet that leaves after that.
 */
static void drops_at_the_times_of_the_control_law(void **state)
{
	for (int marks = 0; marks < 2; marks++) {
		struct queue *q = standing_queue(marks);
		double due = 105e6;

		assert_true(q->cuts > 500);
		for (size_t n = 1; n <= q->cuts; n++) {
			assert_true((double)q->cut[n - 1] >= due - n);
			assert_true((double)q->cut[n - 1] < due + 1e6 + n);
			due += 100e6 / sqrt((double)n);
		}
		/* to have marked takes no packet away */
		assert_int_equal(q->first, 5000 + (marks ? 0 : q->cuts));
		free(q);
	}
}

static void short_waits_and_short_queues_lose_nothing(void **state)
{
	struct queue *q = queue_new();
	struct codel c = {0};

	/* always just below the target */
	for (int64_t now = 0; now < 10 * NSEC_PER_SEC; now += NSEC_PER_MSEC) {
		while (q->end * NSEC_PER_MSEC < (uint64_t)now + TARGET)
			came(q, (int64_t)q->end * NSEC_PER_MSEC - TARGET + 1);
		assert_non_null(next(&c, q, now));
	}
	assert_int_equal(q->cuts, 0);

	/* a slow link: each waits long, but no more than one other waits behind it */
	q->first = q->end = 0;
	for (int64_t now = NSEC_PER_SEC; now < 100 * NSEC_PER_SEC; now += NSEC_PER_SEC) {
		came(q, now - NSEC_PER_SEC);
		if (q->end > 1)
			assert_non_null(next(&c, q, now));
	}
	assert_int_equal(q->cuts, 0);
	free(q);
}

/* A burst that is gone within an interval is what a queue is for. */
static void bursts_pass(void **state)
{
	struct queue *q = queue_new();
	struct codel c = {0};

	for (int burst = 0; burst < 50; burst++) {
		int64_t start = burst * NSEC_PER_SEC;

		for (int i = 0; i < 90; i++)
			came(q, start);
		for (int i = 0; i < 90; i++)
			assert_non_null(next(&c, q, start + i * NSEC_PER_MSEC));
		assert_null(next(&c, q, start + 91 * NSEC_PER_MSEC));
	}
	assert_int_equal(q->cuts, 0);
	free(q);
}

/* Congestion that comes back soon meets a count near the one it left (section 5.5). */
static void returns_soon_to_its_former_pace(void **state)
{
	static const int64_t pauses[] = {NSEC_PER_SEC, 100 * NSEC_PER_SEC};
	uint32_t count[2];

	for (int i = 0; i < 2; i++) {
		struct queue *q = standing_queue(false);
		struct codel c = {.count = 40, .lastcount = 5, .drop_next = 0};

		q->first = 0;
		q->cuts = 0;
		for (int64_t now = pauses[i]; !q->cuts; now += NSEC_PER_MSEC)
			assert_non_null(next(&c, q, now));
		count[i] = c.count;
		free(q);
	}
	assert_int_equal(count[0], 35);
	assert_int_equal(count[1], 1);
}

/*
 * A sender that halves its window when one of its packets is dropped and adds one each round
 * trip, over 10 Mbit/s and 40 ms: CoDel keeps the wait near its target and the link busy;
 * without, the queue would be as long as the window lets it.
 */
static void keeps_a_responsive_sender_near_the_target(void **state)
{
	const int64_t packet = 1200000; /* ns to send one */
	const int64_t rtt = 40 * NSEC_PER_MSEC;
	struct queue *q = queue_new();
	struct codel c = {0};
	static int64_t acks[PACKETS]; /* of packets under way, by time */
	size_t acked = 0, sent = 0, busy = 0, n = 0;
	double window = 10, wait = 0;
	int64_t now = 0, cut_until = 0;

	for (; now < 60 * NSEC_PER_SEC; now += packet) {
		int64_t *p;
		size_t cuts = q->cuts, flying;

		while (acked < sent && acks[acked] <= now) {
			window += 1 / window;
			acked++;
		}
		flying = sent - acked + q->end - q->first;
		for (; (double)flying < window; flying++)
			came(q, now);
		p = next(&c, q, now);
		if (q->cuts > cuts && now >= cut_until) {
			window /= 2;
			cut_until = now + rtt;
		}
		if (p)
			acks[sent++] = now + rtt;
		if (p && now > 10 * NSEC_PER_SEC) {
			wait += (double)(now - *p);
			busy++;
		}
		n += now > 10 * NSEC_PER_SEC;
	}
	assert_true(q->cuts > 20);
	wait /= (double)busy;
	assert_true(wait > 0.2 * TARGET && wait < 2 * TARGET);
	assert_true((double)busy / (double)n > 0.85);
	free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops_at_the_times_of_the_control_law),
		cmocka_unit_test(short_waits_and_short_queues_lose_nothing),
		cmocka_unit_test(bursts_pass),
		cmocka_unit_test(returns_soon_to_its_former_pace),
		cmocka_unit_test(keeps_a_responsive_sender_near_the_target),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
