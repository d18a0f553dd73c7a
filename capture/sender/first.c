/* Puts the calling thread before others and back among them. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <sched.h>
#include <string.h>
#include "capture/sender/first.h"
#include "core/log.h"
#include "core/units.h"

#define BUSY_MAX (20 * NSEC_PER_MSEC)

static void set(struct first *f, bool on)
{
	struct sched_param p = { .sched_priority = on };
	int r = pthread_setschedparam(pthread_self(), on ? SCHED_FIFO : SCHED_OTHER, &p);

	if (r) {
		f->refused = true;
		log_debug("a thread that looks at senders gets no realtime priority: %s",
			  strerror(r));
		return;
	}
	f->on = on;
}

void first_turn(struct first *f, bool waited)
{
	int64_t now = units_now_mono();

	if (waited)
		f->busy_from = 0;
	else if (!f->busy_from)
		f->busy_from = now;
	if (f->on ? !waited && now - f->busy_from > BUSY_MAX : waited && !f->refused)
		set(f, !f->on);
}

void first_init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(lock, &a);
	pthread_mutexattr_destroy(&a);
}
