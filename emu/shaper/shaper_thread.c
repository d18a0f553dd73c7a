/*
 * The shaper's thread: rounds of serving pipes, sending what is due and taking what came, and sleep.
 *
 * It sleeps on a timerfd, not with a timeout of epoll: a timeout may be late by a thousandth of its
 * length, a timerfd is only as late as the machine's interrupts and scheduler make it. That is measured
 * at each timer, the next one is set earlier by as much, and the rest is spun away; a sleep that
 * would be shorter than that is spun altogether. With no parcel under way no timer is set at all.
 *
 * Spinning has a budget, a part of the time that passes. A link that is so fast that its thread would
 * do nothing else takes the processor from those that send and receive; it gets its parcels in small
 * batches, each as late as a timer is, and at its rate all the same, for pipes reckon with virtual time.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/units.h"
#include "emu/shaper/shaper_internal.h"

#define EARLY_MAX (100 * NSEC_PER_USEC) /* the longest that is spun */
#define SPIN_SHARE 4			 /* of the time: 1/4 */
#define SPIN_SAVED (2 * NSEC_PER_MSEC)	 /* at most */
#define SLICE	  (100 * NSEC_PER_USEC) /* Linux 6.12's shortest: who asks for less runs sooner */
#define NICE	  -20

/* sched_setattr(2)'s, which C libraries before glibc 2.41 do not have. */
struct sched_wish {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* Frames that came before the question meet the link as it was then. */
static void catch_up(struct shaper *s, int64_t asked_at)
{
	bool more;

	s->now = units_now_mono();
	do {
		more = shaper_take_frames(s);
	} while (more && s->latest < asked_at);
}

static void answer(struct shaper *s)
{
	uint64_t n;

	if (!__atomic_load_n(&s->asked, __ATOMIC_ACQUIRE))
		return;
	catch_up(s, s->asked_at);
	pthread_mutex_lock(&s->lock);
	__atomic_store_n(&s->asked, false, __ATOMIC_RELAXED);
	if (read(s->asked_fd, &n, sizeof(n)) < 0)
		n = 0;
	s->result = s->fn(s, s->arg);
	s->answered = true;
	pthread_cond_signal(&s->answered_cond);
	pthread_mutex_unlock(&s->lock);
}

int shaper_ask(struct shaper *s, int (*fn)(struct shaper *s, void *arg), void *arg)
{
	uint64_t one = 1;
	int r;

	if (!s->running)
		return fn(s, arg);
	pthread_mutex_lock(&s->lock);
	s->fn = fn;
	s->arg = arg;
	s->asked_at = units_now_mono();
	s->answered = false;
	__atomic_store_n(&s->asked, true, __ATOMIC_RELEASE);
	if (write(s->asked_fd, &one, sizeof(one)) < 0)
		one = 0; /* only a full counter fails, and that wakes as well */
	while (!s->answered)
		pthread_cond_wait(&s->answered_cond, &s->lock);
	r = s->result;
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* Pipes first: what they deliver then takes its place among the parcels that are due. */
static bool serve_due(struct shaper *s)
{
	struct wheel_timer *t;
	unsigned n;

	while ((t = wheel_pop(&s->services, s->now)))
		pipe_serve(pipe_of_timer(t), s->now);
	for (n = 0; n < SHAPER_BATCH; n++) {
		t = wheel_pop(&s->deliveries, s->now);
		if (!t)
			return false;
		shaper_output(s, (struct parcel *)((char *)t - offsetof(struct parcel, timer)));
	}
	return true;
}

static void arm(struct shaper *s, int64_t at)
{
	struct itimerspec t = { 0 };

	if (at == s->armed)
		return;
	if (at != INT64_MAX) {
		t.it_value.tv_sec = at / NSEC_PER_SEC;
		t.it_value.tv_nsec = at % NSEC_PER_SEC;
	}
	timerfd_settime(s->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
	s->armed = at;
}

static int64_t early(const struct shaper *s)
{
	int64_t e = s->late + 2 * s->late_dev;

	return e < EARLY_MAX ? e : EARLY_MAX;
}

/* As RFC 6298 estimates a round trip. */
static void measure(struct shaper *s)
{
	int64_t late = units_now_mono() - s->armed, diff = late - s->late;

	if (late < 0)
		return;
	s->late += diff / 8;
	s->late_dev += ((diff < 0 ? -diff : diff) - s->late_dev) / 4;
}

/* May it spin on? What it did since it was asked last counts as spun if it did not sleep. */
static bool may_spin(struct shaper *s, int64_t now)
{
	int64_t passed = now - s->rested;

	s->rested = now;
	s->spin += passed / SPIN_SHARE;
	if (s->spun)
		s->spin -= passed;
	if (s->spin > SPIN_SAVED)
		s->spin = SPIN_SAVED;
	return s->spin > 0;
}

static void rest(struct shaper *s)
{
	int64_t a = wheel_next(&s->services), b = wheel_next(&s->deliveries);
	int64_t next = a < b ? a : b, now = units_now_mono();
	bool spin = may_spin(s, now);
	struct epoll_event ev[4];
	int i, n;

	s->spun = next <= now || (spin && next - early(s) <= now);
	if (s->spun)
		return;
	if (next != INT64_MAX && spin)
		next -= early(s);
	arm(s, next);
	n = epoll_wait(s->epoll_fd, ev, 4, -1);
	for (i = 0; i < n; i++) {
		if (ev[i].data.fd == s->timer_fd && s->armed != INT64_MAX)
			measure(s);
		if (ev[i].data.fd == s->links_fd)
			shaper_carrier_read(s);
	}
}

/* From Linux 6.5 on what we send is received here and now, even where ksoftirqd has work to do. */
static bool needs_ksoftirqd(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	uname(&u);
	sscanf(u.release, "%d.%d", &major, &minor);
	return major < 6 || (major == 6 && minor < 5);
}

/*
 * To wait as little for the processor as others permit; all of it only helps. A nice value alone weighs
 * little where tasks are grouped by session (sched(7), autogroup), so the class is realtime where that
 * does not keep ksoftirqd, and with it what we sent, from running; networks beside each other take turns.
 * The thread sleeps as soon as nothing is to be done, and the kernel keeps a part of each processor
 * for others.
 */
static void prefer(void)
{
	struct sched_wish realtime = { .size = sizeof(realtime), .policy = SCHED_RR,
				       .priority = 1 };
	struct sched_wish wish = { .size = sizeof(wish), .policy = SCHED_OTHER, .nice = NICE,
				   .runtime = SLICE };

	if (needs_ksoftirqd() || syscall(SYS_sched_setattr, 0, &realtime, 0) < 0)
		syscall(SYS_sched_setattr, 0, &wish, 0);
	prctl(PR_SET_TIMERSLACK, 1);
}

static void *run(void *arg)
{
	struct shaper *s = arg;
	bool more;

	prefer();
	for (;;) {
		answer(s);
		if (s->end)
			return NULL;
		s->now = units_now_mono();
		if (s->sink)
			s->offset = units_now_real() - s->now;
		more = serve_due(s);
		more |= shaper_take_frames(s);
		shaper_flush(s);
		if (!more)
			rest(s);
	}
}

static int watch(int epoll_fd, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int open_fds(struct shaper *s)
{
	int r;

	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	s->asked_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->epoll_fd < 0 || s->timer_fd < 0 || s->asked_fd < 0)
		return -errno;
	r = watch(s->epoll_fd, s->timer_fd);
	if (r >= 0)
		r = watch(s->epoll_fd, s->asked_fd);
	if (r >= 0)
		r = watch(s->epoll_fd, s->links_fd);
	return r < 0 ? r : watch(s->epoll_fd, s->frames_fd);
}

int shaper_thread_start(struct shaper *s)
{
	sigset_t all, old;
	int r = open_fds(s);

	if (r < 0)
		return r;
	s->armed = INT64_MAX;
	/* Signals are the program's; this thread takes none of them away from it. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = -pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	s->running = r == 0;
	if (s->running)
		pthread_setname_np(s->thread, SHAPER_THREAD_NAME);
	return r;
}

static int end_here(struct shaper *s, void *arg)
{
	s->end = true;
	return 0;
}

void shaper_thread_end(struct shaper *s)
{
	if (s->running) {
		shaper_ask(s, end_here, NULL);
		pthread_join(s->thread, NULL);
		s->running = false;
	}
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	if (s->timer_fd >= 0)
		close(s->timer_fd);
	if (s->asked_fd >= 0)
		close(s->asked_fd);
}
