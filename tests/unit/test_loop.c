/* The event loop: order of timers, deletion from within callbacks, reused fds, quitting. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include "core/loop.h"
#include "core/rng.h"
#include "core/units.h"

struct world {
	struct loop *l;
	int fd[3];
	char log[4096];
	struct loop_timer *timer[3];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w || loop_new(&w->l))
		return -1;
	for (int i = 0; i < 3; i++)
		w->fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	loop_free(w->l);
	for (int i = 0; i < 3; i++)
		close(w->fd[i]);
	free(w);
	return 0;
}

static void ring(int fd)
{
	uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void note(struct world *w, const char *what)
{
	strcat(w->log, what);
}

static void on_a(void *arg)
{
	note(arg, "a");
}

static void on_b(void *arg)
{
	note(arg, "b");
}

static void on_c(void *arg)
{
	note(arg, "c");
}

static void on_quit(void *arg)
{
	struct world *w = arg;

	note(w, "q");
	loop_quit(w->l, 42);
}

static void test_timer_order(void **state)
{
	struct world *w = *state;
	int64_t now = units_now_mono();

	assert_int_equal(loop_add_timer(w->l, now + 3000000, on_quit, w, NULL), 0);
	assert_int_equal(loop_add_timer(w->l, now + 2000000, on_b, w, NULL), 0);
	assert_int_equal(loop_add_timer(w->l, now + 1000000, on_a, w, NULL), 0);
	assert_int_equal(loop_add_timer(w->l, now + 2000000, on_c, w, NULL), 0); /* a tie */
	assert_int_equal(loop_add_timer(w->l, -5, on_c, w, NULL), 0); /* long ago */
	assert_int_equal(loop_run(w->l), 42);
	assert_string_equal(w->log, "cabcq");
	assert_true(units_now_mono() >= now + 3000000);
}

/* Thousands, half of them deleted in a drawn order: the rest fire in order of time and number. */
struct numbered {
	struct world *w;
	int64_t at;
	int number;
	struct loop_timer *t;
};
static int64_t last_at;
static int last_number, fired;

static void on_numbered(void *arg)
{
	struct numbered *n = arg;

	assert_true(n->at > last_at || (n->at == last_at && n->number > last_number));
	assert_non_null(n->t);
	last_at = n->at;
	last_number = n->number;
	fired++;
}

static void test_many_timers(void **state)
{
	enum { N = 4000 };
	_cleanup_free_ struct numbered *v = calloc(N, sizeof(*v));
	struct world *w = *state;
	struct rng r;

	last_at = -1;
	fired = 0;
	rng_open(&r, 1, "timers");
	for (int i = 0; i < N; i++) {
		v[i] = (struct numbered){w, 1 + (int64_t)rng_below(&r, 500), i, NULL};
		assert_int_equal(loop_add_timer(w->l, v[i].at, on_numbered, &v[i], &v[i].t), 0);
	}
	for (int i = 0; i < N; i++) {
		int k = rng_below(&r, N);

		if (i % 2 || !v[k].t)
			continue;
		loop_del_timer(w->l, v[k].t);
		v[k].t = NULL;
		fired++;
	}
	assert_true(fired > N / 4);
	while (fired < N)
		assert_true(loop_once(w->l, -1) > 0);
	assert_int_equal(loop_once(w->l, 0), 0); /* none is left, and none twice */
	loop_del_timer(w->l, NULL);
}

static void on_delete_others(void *arg)
{
	struct world *w = arg;

	note(w, "d");
	loop_del_timer(w->l, w->timer[1]);
	loop_del_timer(w->l, w->timer[2]);
}

static void test_timer_deletes_due_timers(void **state)
{
	struct world *w = *state;

	loop_add_timer(w->l, 1, on_delete_others, w, &w->timer[0]);
	loop_add_timer(w->l, 2, on_a, w, &w->timer[1]);
	loop_add_timer(w->l, units_now_mono() + NSEC_PER_SEC, on_b, w, &w->timer[2]);
	loop_add_timer(w->l, 4, on_c, w, NULL);
	assert_int_equal(loop_once(w->l, -1), 2);
	assert_int_equal(loop_once(w->l, 0), 0);
	assert_string_equal(w->log, "dc");
}

static void on_again(void *arg)
{
	struct world *w = arg;

	note(w, "t");
	assert_int_equal(loop_add_timer(w->l, 1, on_again, w, NULL), 0);
}

static void on_fd(void *arg, uint32_t events)
{
	struct world *w = arg;

	note(w, events & EPOLLIN ? "f" : "?");
	if (strlen(w->log) > 20)
		loop_quit(w->l, -7);
}

/* A timer that adds itself again without end does not keep fds from their turn. */
static void test_timers_let_fds_in(void **state)
{
	struct world *w = *state;

	loop_add_timer(w->l, 1, on_again, w, NULL);
	assert_int_equal(loop_add_fd(w->l, w->fd[0], EPOLLIN, on_fd, w), 0);
	ring(w->fd[0]);
	assert_int_equal(loop_run(w->l), -7);
	assert_non_null(strstr(w->log, "ft"));
	assert_non_null(strstr(w->log, "tf"));
}

static void test_fd_basics(void **state)
{
	struct world *w = *state;
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_int_equal(loop_add_fd(w->l, w->fd[0], EPOLLIN, on_fd, w), 0);
	assert_int_equal(loop_add_fd(w->l, w->fd[0], EPOLLIN, on_fd, w), -EEXIST);
	assert_int_equal(loop_add_fd(w->l, -1, EPOLLIN, on_fd, w), -EBADF);
	assert_int_equal(loop_add_fd(w->l, 999, EPOLLIN, on_fd, w), -EBADF);
	assert_int_equal(loop_add_fd(w->l, file, EPOLLIN, on_fd, w), -EPERM);
	close(file);
	assert_int_equal(loop_once(w->l, 0), 0);
	ring(w->fd[0]);
	assert_int_equal(loop_once(w->l, -1), 1);
	loop_del_fd(w->l, w->fd[0]);
	loop_del_fd(w->l, w->fd[0]);
	loop_del_fd(w->l, 12345);
	loop_del_fd(w->l, -1);
	assert_int_equal(loop_once(w->l, 0), 0);
	assert_string_equal(w->log, "f");
}

static void on_fd_delete_all(void *arg, uint32_t events)
{
	struct world *w = arg;

	note(w, "x");
	for (int i = 0; i < 3; i++)
		loop_del_fd(w->l, w->fd[i]);
}

static void test_fd_deletes_ready_fds(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(loop_add_fd(w->l, w->fd[i], EPOLLIN, on_fd_delete_all, w), 0);
		ring(w->fd[i]);
	}
	assert_int_equal(loop_once(w->l, -1), 1); /* all were ready, one was called */
	assert_int_equal(loop_once(w->l, 0), 0);
	assert_string_equal(w->log, "x");
}

static void on_fd_fresh(void *arg, uint32_t events)
{
	fail_msg("an event of a closed fd came to the one opened in its place");
}

/* Closes the others and opens new ones of the same numbers, whose old events are waiting. */
static void on_fd_reopen(void *arg, uint32_t events)
{
	struct world *w = arg;

	for (int i = 0; i < 3; i++) {
		loop_del_fd(w->l, w->fd[i]);
		assert_int_equal(close(w->fd[i]), 0);
		assert_int_equal(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), w->fd[i]);
		assert_int_equal(loop_add_fd(w->l, w->fd[i], EPOLLIN, on_fd_fresh, w), 0);
	}
	note(w, "r");
}

static void test_reused_fd_numbers(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(loop_add_fd(w->l, w->fd[i], EPOLLIN, on_fd_reopen, w), 0);
		ring(w->fd[i]);
	}
	assert_int_equal(loop_once(w->l, -1), 1);
	assert_int_equal(loop_once(w->l, 0), 0);
	assert_string_equal(w->log, "r");
}

static void test_quit(void **state)
{
	struct world *w = *state;

	loop_quit(w->l, 5); /* before it runs */
	assert_int_equal(loop_run(w->l), 5);
	loop_add_timer(w->l, 1, on_quit, w, NULL); /* it runs again */
	assert_int_equal(loop_run(w->l), 42);
	loop_add_timer(w->l, units_now_mono() + 3600 * NSEC_PER_SEC, on_a, w, NULL);
	loop_free(NULL); /* teardown frees the loop with a timer in it */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_timer_order),	       TEST(test_many_timers),
		TEST(test_timer_deletes_due_timers), TEST(test_timers_let_fds_in),
		TEST(test_fd_basics),	       TEST(test_fd_deletes_ready_fds),
		TEST(test_reused_fd_numbers),  TEST(test_quit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
