/*
 * The event loop. Registrations are looked up when an event is handled, not when it arrived: an fd
 * or timer that a callback deletes is never called afterwards, even if its event is waiting
 * already. An fd closed and opened again in between is told apart by a generation number.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include "core/units.h"

#define LOOP_EVENTS 64

struct loop_fd {
	loop_fd_fn *fn; /* NULL: not registered */
	void *arg;
	uint32_t generation;
};

struct loop_timer {
	int64_t at;
	uint64_t number; /* in the order added */
	size_t place;	 /* in the heap */
	loop_timer_fn *fn;
	void *arg;
};

struct loop {
	int epoll_fd, timer_fd;
	struct loop_fd *fds; /* by fd */
	size_t n_fds;
	struct loop_timer **heap; /* a binary heap, the earliest first */
	size_t n_timers, room_timers;
	uint64_t next_number;
	int64_t armed; /* what the timerfd is set to; 0: nothing */
	bool quit;
	int result;
};

static void loop_freep(struct loop **l)
{
	loop_free(*l);
}

int loop_new(struct loop **ret)
{
	_cleanup_(loop_freep) struct loop *l = calloc(1, sizeof(*l));
	struct epoll_event ev = {.events = EPOLLIN};

	if (!l)
		return -ENOMEM;
	l->timer_fd = -1;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0)
		return -errno;
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->timer_fd < 0)
		return -errno;
	ev.data.u64 = l->timer_fd;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->timer_fd, &ev) < 0)
		return -errno;
	*ret = steal_ptr(l);
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n_timers; i++)
		free(l->heap[i]);
	cleanup_closep(&l->epoll_fd);
	cleanup_closep(&l->timer_fd);
	free(l->heap);
	free(l->fds);
	free(l);
}

int loop_add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn *fn, void *arg)
{
	struct epoll_event ev = {.events = events};
	struct loop_fd *f;
	uint32_t generation;

	if (fd < 0)
		return -EBADF;
	if ((size_t)fd >= l->n_fds) {
		size_t n = 2 * (size_t)fd + 16;

		f = reallocarray(l->fds, n, sizeof(*f));
		if (!f)
			return -ENOMEM;
		memset(f + l->n_fds, 0, (n - l->n_fds) * sizeof(*f));
		l->fds = f;
		l->n_fds = n;
	}
	f = &l->fds[fd];
	if (f->fn)
		return -EEXIST;
	generation = f->generation + 1 ? f->generation + 1 : 1; /* 0 is the timerfd's */
	ev.data.u64 = (uint64_t)generation << 32 | (uint32_t)fd;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	*f = (struct loop_fd){fn, arg, generation};
	return 0;
}

void loop_del_fd(struct loop *l, int fd)
{
	if (fd < 0 || (size_t)fd >= l->n_fds || !l->fds[fd].fn)
		return;
	/* The generation stays, so that events that wait in loop_once() are known to be old. */
	l->fds[fd].fn = NULL;
	epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static bool earlier(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static void heap_put(struct loop *l, size_t i, struct loop_timer *t)
{
	l->heap[i] = t;
	t->place = i;
}

/* Puts t where it belongs at or above place i, then at or below. */
static void heap_sift(struct loop *l, size_t i, struct loop_timer *t)
{
	while (i && earlier(t, l->heap[(i - 1) / 2])) {
		heap_put(l, i, l->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < l->n_timers && earlier(l->heap[child + 1], l->heap[child]))
			child++;
		if (child >= l->n_timers || !earlier(l->heap[child], t))
			break;
		heap_put(l, i, l->heap[child]);
		i = child;
	}
	heap_put(l, i, t);
}

static void heap_remove(struct loop *l, struct loop_timer *t)
{
	struct loop_timer *last = l->heap[--l->n_timers];

	if (last != t)
		heap_sift(l, t->place, last);
}

int loop_add_timer(struct loop *l, int64_t at_ns, loop_timer_fn *fn, void *arg,
		   struct loop_timer **ret)
{
	struct loop_timer *t;

	if (l->n_timers == l->room_timers) {
		size_t room = l->room_timers ? 2 * l->room_timers : 16;
		struct loop_timer **more = reallocarray(l->heap, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->heap = more;
		l->room_timers = room;
	}
	t = malloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct loop_timer){.at = at_ns, .number = l->next_number++, .fn = fn, .arg = arg};
	l->n_timers++;
	heap_sift(l, l->n_timers - 1, t);
	if (ret)
		*ret = t;
	return 0;
}

void loop_del_timer(struct loop *l, struct loop_timer *t)
{
	if (!t)
		return;
	heap_remove(l, t);
	free(t);
}

/* Sets the timerfd to the earliest timer, if it is not. */
static int arm(struct loop *l)
{
	struct itimerspec its = {0};
	int64_t at = 0;

	if (l->n_timers)
		at = l->heap[0]->at > 0 ? l->heap[0]->at : 1; /* 0 would switch it off */
	if (at == l->armed)
		return 0;
	its.it_value.tv_sec = at / NSEC_PER_SEC;
	its.it_value.tv_nsec = at % NSEC_PER_SEC;
	if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &its, NULL) < 0)
		return -errno;
	l->armed = at;
	return 0;
}

/* Those due now. One that a callback adds waits for the next round, so that fds get their turn. */
static int run_timers(struct loop *l)
{
	int64_t now = units_now_mono();
	uint64_t limit = l->next_number, expirations;
	int n = 0;

	/* reading clears it; that it is read at all is of no interest */
	if (read(l->timer_fd, &expirations, sizeof(expirations)) == sizeof(expirations))
		l->armed = 0;
	while (l->n_timers && l->heap[0]->at <= now && l->heap[0]->number < limit) {
		struct loop_timer t = *l->heap[0];

		loop_del_timer(l, l->heap[0]);
		t.fn(t.arg);
		n++;
	}
	return n;
}

int loop_once(struct loop *l, int timeout_ms)
{
	struct epoll_event ev[LOOP_EVENTS];
	int n, handled = 0, r = arm(l);

	if (r)
		return r;
	n = epoll_wait(l->epoll_fd, ev, LOOP_EVENTS, timeout_ms);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		uint32_t fd = (uint32_t)ev[i].data.u64, generation = ev[i].data.u64 >> 32;
		struct loop_fd f;

		if (!generation) {
			handled += run_timers(l);
			continue;
		}
		f = l->fds[fd]; /* by value: the callback may make the table move */
		if (!f.fn || f.generation != generation)
			continue;
		f.fn(f.arg, ev[i].events);
		handled++;
	}
	return handled;
}

int loop_run(struct loop *l)
{
	int r = 0;

	while (!l->quit && r >= 0)
		r = loop_once(l, -1);
	if (l->quit)
		r = l->result;
	l->quit = false;
	return r;
}

void loop_quit(struct loop *l, int result)
{
	l->quit = true;
	l->result = result;
}
