/* Puts the calling thread before others and back among them. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include "capture/sender/first.h"
#include "core/log.h"

#define TURNS 32 /* some milliseconds */

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
	f->turns = waited ? 0 : f->turns + 1;
	if (f->on ? f->turns >= TURNS : waited && !f->refused)
		set(f, !f->on);
}
