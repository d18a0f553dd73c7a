/* Queues of scripts, and timers of the engine, at their extremes. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include "scenarios/engine/engine_internal.h"

#define MANY 200000

struct script {
	struct engine *e;
	struct ticket ticket;
	bool keeps; /* its turn, until somebody calls queue_leave() */
	size_t order;
};

static size_t n_gone, depth, deepest;

static void go(void *arg)
{
	struct script *s = arg;

	if (++depth > deepest)
		deepest = depth;
	s->order = ++n_gone;
	if (!s->keeps)
		queue_leave(s->e, 0);
	depth--;
}

static void enter(struct script *s, struct engine *e, bool keeps)
{
	*s = (struct script){ .e = e, .ticket = { .go = go, .arg = s }, .keeps = keeps };
	queue_enter(e, 0, &s->ticket);
}

/* As after Ctrl-C: all that wait leave at once, one after another, whatever their number. */
static void test_many_leave_at_once(void **state)
{
	struct queue q = { 0 };
	struct engine e = { .queues = &q };
	struct script *s = calloc(MANY, sizeof(*s));

	assert_non_null(s);
	n_gone = deepest = 0;
	enter(&s[0], &e, true);
	for (size_t i = 1; i < MANY; i++)
		enter(&s[i], &e, false);
	assert_int_equal(n_gone, 1);
	queue_leave(&e, 0);
	assert_int_equal(n_gone, MANY);
	assert_int_equal(deepest, 1);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(s[i].order, i + 1);
	assert_false(q.busy);
	free(s);
}

static void test_one_at_a_time(void **state)
{
	struct queue q = { 0 };
	struct engine e = { .queues = &q };
	struct script s[4];

	n_gone = 0;
	enter(&s[0], &e, false);
	assert_int_equal(n_gone, 1);
	enter(&s[1], &e, true);
	enter(&s[2], &e, false);
	enter(&s[3], &e, true);
	assert_int_equal(n_gone, 2);
	queue_leave(&e, 0);
	assert_int_equal(n_gone, 4);
	assert_true(q.busy);
	queue_leave(&e, 0);
	assert_false(q.busy);
}

static void fired(void *arg)
{
	*(bool *)arg = true;
}

static void quit(void *arg, uint32_t events)
{
	loop_quit(arg, 1);
}

/* A time beyond the clock's end is the clock's end, and does not come at once. */
static void test_timer_at_the_end_of_time(void **state)
{
	int fd = eventfd(1, EFD_CLOEXEC);
	struct loop_timer *timer = NULL;
	struct engine e = { 0 };
	bool came = false;

	assert_int_equal(loop_new(&e.o.loop), 0);
	assert_int_equal(engine_timer(&e, INT64_MAX, fired, &came, &timer), 0);
	assert_int_equal(loop_add_fd(e.o.loop, fd, EPOLLIN, quit, e.o.loop), 0);
	assert_int_equal(loop_run(e.o.loop), 1);
	assert_false(came);
	loop_del_timer(e.o.loop, timer);
	loop_free(e.o.loop);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_leave_at_once),
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_timer_at_the_end_of_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
