/* The timer wheel against a plain sorted list, by random operations, and at the ends of time. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/rng.h"
#include "emu/shaper/wheel.h"

#define TIMERS 600

struct entry {
	struct wheel_timer timer;
	int64_t at;
	uint64_t order;
	bool in;
};

/* The list that is so simple that it must be right. */
struct model {
	struct entry entry[TIMERS];
	uint64_t order;
	unsigned n;
};

static struct entry *model_first(struct model *m)
{
	struct entry *first = NULL;

	for (int i = 0; i < TIMERS; i++) {
		struct entry *e = &m->entry[i];

		if (!e->in)
			continue;
		if (!first || e->at < first->at || (e->at == first->at && e->order < first->order))
			first = e;
	}
	return first;
}

/* Near, in the same slots, far, past, and the limits of the type. */
static int64_t random_time(struct rng *r, int64_t now)
{
	switch (rng_below(r, 10)) {
	case 0:
		return now;
	case 1:
		return now - (int64_t)rng_below(r, 1000000);
	case 2:
		return now + (int64_t)rng_below(r, 5000);
	case 3:
		return now + (int64_t)rng_below(r, 10) * 4096;
	case 4:
		return rng_below(r, 50) ? now + (int64_t)rng_below(r, 1ULL << 50) :
		       rng_below(r, 2)	? INT64_MAX :
					  INT64_MIN;
	case 5:
		return now + (int64_t)rng_below(r, 10000000000);
	default:
		return now + (int64_t)rng_below(r, 50000000);
	}
}

static void add(struct wheel *w, struct model *m, struct rng *r, int64_t now)
{
	struct entry *e = &m->entry[rng_below(r, TIMERS)];

	if (e->in)
		return;
	e->at = random_time(r, now);
	e->order = m->order++;
	e->in = true;
	m->n++;
	wheel_add(w, &e->timer, e->at);
	assert_true(wheel_linked(&e->timer));
}

static void del(struct wheel *w, struct model *m, struct rng *r)
{
	struct entry *e = &m->entry[rng_below(r, TIMERS)];

	wheel_del(w, &e->timer);
	assert_false(wheel_linked(&e->timer));
	m->n -= e->in;
	e->in = false;
}

/* All that is due comes out, in order, and nothing else. */
static unsigned pop_all(struct wheel *w, struct model *m, int64_t now)
{
	struct wheel_timer *t;
	unsigned n = 0;

	while ((t = wheel_pop(w, now))) {
		struct entry *e = (struct entry *)t, *first = model_first(m);

		assert_ptr_equal(e, first);
		assert_true(e->at <= now && t->at == e->at);
		assert_false(wheel_linked(t));
		e->in = false;
		m->n--;
		n++;
	}
	assert_true(!model_first(m) || model_first(m)->at > now);
	return n;
}

static void check_next(const struct wheel *w, struct model *m, bool exact)
{
	struct entry *first = model_first(m);
	int64_t next = wheel_next(w);

	if (!first)
		assert_true(next == INT64_MAX);
	else if (exact)
		assert_true(next == first->at);
	else
		assert_true(next <= first->at);
}

/* Whoever sleeps until wheel_next() gets to the first timer in a few steps: one for each level. */
static int64_t sleep_until_due(struct wheel *w, struct model *m)
{
	struct entry *first = model_first(m);
	int64_t next = INT64_MIN;

	for (int i = 0; i <= WHEEL_LEVELS && first; i++) {
		next = wheel_next(w);
		if (next == first->at)
			break;
		assert_null(wheel_pop(w, next));
	}
	assert_true(!first || next == first->at);
	return next;
}

static void random_run(uint64_t seed, bool deletes)
{
	struct wheel w;
	struct model *m = calloc(1, sizeof(*m));
	struct rng r;
	int64_t now;
	uint64_t popped = 0;

	assert_non_null(m);
	rng_open(&r, seed, "wheel");
	now = (int64_t)rng_below(&r, 1ULL << 55) - (1LL << 54);
	wheel_init(&w, now);
	assert_true(wheel_next(&w) == INT64_MAX);
	assert_null(wheel_pop(&w, INT64_MAX - 1));
	wheel_init(&w, now);
	for (int i = 0; i < 20000; i++) {
		uint64_t what = rng_below(&r, 100);

		if (what < 60) {
			add(&w, m, &r, now);
		} else if (what < 70 && deletes) {
			del(&w, m, &r);
		} else if (what < 74 && m->n) {
			int64_t next = sleep_until_due(&w, m);

			if (next < now + (1LL << 40))
				now = next > now ? next : now;
			popped += pop_all(&w, m, now);
		} else if (what < 90) {
			now += (int64_t)rng_below(&r, what < 80 ? 100 : 20000000);
			popped += pop_all(&w, m, now);
		}
		check_next(&w, m, !deletes);
	}
	assert_true(popped > 1000);
	pop_all(&w, m, INT64_MAX);
	assert_int_equal(m->n, 0);
	assert_true(wheel_next(&w) == INT64_MAX);
	free(m);
}

static void agrees_with_a_sorted_list(void **state)
{
	for (uint64_t seed = 0; seed < 10; seed++)
		random_run(seed, false);
}

static void agrees_with_a_sorted_list_that_is_deleted_from(void **state)
{
	for (uint64_t seed = 10; seed < 20; seed++)
		random_run(seed, true);
}

static void ties_come_out_in_the_order_added(void **state)
{
	static struct wheel_timer t[2000];
	struct wheel w;

	wheel_init(&w, 0);
	memset(t, 0, sizeof(t));
	/* the second half is added when the first is some levels nearer */
	for (int i = 0; i < 1000; i++)
		wheel_add(&w, &t[i], 123456789);
	assert_null(wheel_pop(&w, 123400000));
	for (int i = 1000; i < 2000; i++)
		wheel_add(&w, &t[i], 123456789);
	for (int i = 0; i < 2000; i++)
		assert_ptr_equal(wheel_pop(&w, 123456789), &t[i]);
	assert_null(wheel_pop(&w, INT64_MAX));
}

static void deleting_what_is_due_keeps_the_rest_in_order(void **state)
{
	static struct wheel_timer t[1000];
	struct wheel w;

	wheel_init(&w, 1000000);
	memset(t, 0, sizeof(t));
	for (int i = 0; i < 1000; i++)
		wheel_add(&w, &t[i], (i * 617) % 1000); /* all past */
	for (int i = 0; i < 1000; i += 3)
		wheel_del(&w, &t[i]);
	for (int64_t at = 0; at < 1000; at++) {
		int i = (int)(at * 953 % 1000); /* 617 * 953 = 1 modulo 1000 */

		assert_int_equal(i * 617 % 1000, at);
		if (i % 3)
			assert_ptr_equal(wheel_pop(&w, 1000000), &t[i]);
	}
	assert_null(wheel_pop(&w, 1000000));
	assert_true(wheel_next(&w) == INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_a_sorted_list),
		cmocka_unit_test(agrees_with_a_sorted_list_that_is_deleted_from),
		cmocka_unit_test(ties_come_out_in_the_order_added),
		cmocka_unit_test(deleting_what_is_due_keeps_the_rest_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
