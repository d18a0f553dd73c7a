/* The queue of fates: records whole and in order when it wraps, when it is full, across threads. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include "core/cleanup.h"
#include "emu/shaper/fate.h"

#define SNAPLEN 1000
#define MANY	300000
#define WAKES	20000

/* A record's length and bytes follow from its number, so that one that is torn shows. */
static uint32_t length_of(uint64_t id)
{
	return (uint32_t)(id * 7919 % (SNAPLEN + 200));
}

static int push(struct fate_queue *q, uint64_t id)
{
	struct fate f = { .id = id, .n = id * 3, .link = (uint32_t)id, .end = id & 1,
			  .verdict = id % FATE_VERDICTS, .hash = (uint32_t)~id,
			  .ts = -(int64_t)id, .len = length_of(id) };
	uint8_t data[SNAPLEN + 200];

	memset(data, (int)(id & 0xff), f.len);
	return fate_push(q, &f, data);
}

static bool is_whole(const struct fate *f, const uint8_t *data)
{
	uint32_t want = length_of(f->id);

	if (f->n != f->id * 3 || f->link != (uint32_t)f->id || f->end != (f->id & 1) ||
	    f->verdict != f->id % FATE_VERDICTS || f->hash != (uint32_t)~f->id ||
	    f->ts != -(int64_t)f->id || f->len != want ||
	    f->caplen != (want < SNAPLEN ? want : SNAPLEN))
		return false;
	for (uint32_t i = 0; i < f->caplen; i++)
		if (data[i] != (uint8_t)f->id)
			return false;
	return true;
}

struct seen {
	uint64_t next; /* number that must come */
	uint64_t n, torn, out_of_order;
};

static void on_fate(void *arg, const struct fate *f, const uint8_t *data)
{
	struct seen *s = arg;

	s->torn += !is_whole(f, data);
	s->out_of_order += f->id < s->next;
	s->next = f->id + 1;
	s->n++;
}

static bool readable(const struct fate_queue *q, int timeout)
{
	struct pollfd p = { .fd = fate_queue_fd(q), .events = POLLIN };

	return poll(&p, 1, timeout) == 1;
}

static void test_wraps(void **state)
{
	struct fate_queue *q;
	struct seen s = { 0 };

	assert_int_equal(fate_queue_new(64 << 10, SNAPLEN, &q), 0);
	assert_int_equal(fate_read(q, on_fate, &s), 0);
	for (uint64_t id = 0; id < 20000; id++) {
		assert_int_equal(push(q, id), 0);
		if (id % 37 == 36)
			assert_int_equal(fate_read(q, on_fate, &s), 37);
	}
	fate_read(q, on_fate, &s);
	assert_int_equal(s.n, 20000);
	assert_int_equal(s.torn, 0);
	assert_int_equal(s.out_of_order, 0);
	assert_int_equal(fate_lost(q), 0);
	fate_queue_free(q);
}

/* What finds no room is counted and leaves no trace; there is room again for what was read. */
static void test_full(void **state)
{
	struct fate_queue *q;
	struct seen s = { 0 };
	uint64_t id = 0, kept;

	assert_int_equal(fate_queue_new(64 << 10, SNAPLEN, &q), 0);
	while (push(q, id) == 0)
		id++;
	assert_in_range(id, 64, (64 << 10) / sizeof(struct fate));
	assert_int_equal(fate_lost(q), 1);
	kept = id;
	assert_int_equal(push(q, kept), -ENOSPC);
	assert_int_equal(push(q, kept), -ENOSPC);
	assert_int_equal(fate_lost(q), 3);
	assert_int_equal(fate_read(q, on_fate, &s), kept);
	assert_int_equal(push(q, kept), 0);
	assert_int_equal(fate_read(q, on_fate, &s), 1);
	assert_int_equal(s.next, kept + 1);
	assert_int_equal(s.torn, 0);
	fate_queue_free(q);
}

/* A record as long as the queue takes goes in wherever the last one ended. */
static void test_long_records(void **state)
{
	const uint32_t snaplen = 60 << 10;
	struct fate f = { .len = 1 << 20 };
	struct fate_queue *q;
	struct seen s = { 0 };
	_cleanup_free_ uint8_t *data = calloc(1, f.len);

	assert_non_null(data);
	assert_int_equal(fate_queue_new(0, snaplen, &q), 0);
	for (uint64_t id = 0; id < 50; id++) {
		assert_int_equal(push(q, id), 0);
		assert_int_equal(fate_push(q, &f, data), 0);
		assert_int_equal(fate_read(q, on_fate, &s), 2);
	}
	fate_queue_free(q);
	assert_int_equal(fate_queue_new(UINT64_MAX, snaplen, &q), -EINVAL);
	assert_int_equal(fate_queue_new(0, UINT32_MAX, &q), -EINVAL);
}

/* The reader has a bound, and is told that there is more. */
static void test_bounded(void **state)
{
	struct fate_queue *q;
	struct seen s = { 0 };
	unsigned rounds = 0;

	assert_int_equal(fate_queue_new(32 << 20, SNAPLEN, &q), 0);
	assert_false(readable(q, 0));
	for (uint64_t id = 0; id < 20000; id++)
		assert_int_equal(push(q, id), 0);
	assert_false(readable(q, 0));
	fate_wake(q);
	while (readable(q, 0)) {
		fate_read(q, on_fate, &s);
		rounds++;
	}
	assert_int_equal(s.n, 20000);
	assert_int_equal(s.torn + s.out_of_order, 0);
	assert_in_range(rounds, 2, 20);
	fate_queue_free(q);
}

struct writer {
	struct fate_queue *q;
	uint64_t pushed;
	bool one_by_one; /* each with a wake-up, as soon as the last was read */
	_Atomic uint64_t read;
};

static void *write_many(void *arg)
{
	struct writer *w = arg;

	for (uint64_t id = 0; id < (w->one_by_one ? WAKES : MANY); id++) {
		w->pushed += push(w->q, id) == 0;
		if (w->one_by_one || id % 32 == 31)
			fate_wake(w->q);
		while (w->one_by_one && w->read != id + 1)
			sched_yield();
	}
	fate_wake(w->q);
	return NULL;
}

/* All that was not counted as lost comes, whole and in order, while the queue fills again and again. */
static void test_threads(void **state)
{
	struct writer w = { 0 };
	struct seen s = { 0 };
	pthread_t t;

	assert_int_equal(fate_queue_new(256 << 10, SNAPLEN, &w.q), 0);
	assert_int_equal(pthread_create(&t, NULL, write_many, &w), 0);
	while (s.n + fate_lost(w.q) < MANY) {
		assert_true(readable(w.q, 10000));
		fate_read(w.q, on_fate, &s);
	}
	pthread_join(t, NULL);
	fate_read(w.q, on_fate, &s);
	assert_int_equal(s.n, w.pushed);
	assert_int_equal(s.n + fate_lost(w.q), MANY);
	assert_int_equal(s.torn, 0);
	assert_int_equal(s.out_of_order, 0);
	fate_queue_free(w.q);
}

/* A reader that waits for each record is woken for each, however the two threads meet. */
static void test_no_wake_is_missed(void **state)
{
	struct writer w = { .one_by_one = true };
	struct seen s = { 0 };
	pthread_t t;

	assert_int_equal(fate_queue_new(0, SNAPLEN, &w.q), 0);
	assert_int_equal(pthread_create(&t, NULL, write_many, &w), 0);
	while (s.n < WAKES) {
		assert_true(readable(w.q, 10000));
		fate_read(w.q, on_fate, &s);
		w.read = s.n;
	}
	pthread_join(t, NULL);
	assert_int_equal(s.torn + s.out_of_order, 0);
	assert_int_equal(fate_lost(w.q), 0);
	fate_queue_free(w.q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wraps),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_long_records),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_no_wake_is_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
