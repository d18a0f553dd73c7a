/*
 * A thread that runs before others while it has little to do: what it must look at is gone soon. One that
 * finds no end of work, by whoever makes it, goes on as an ordinary one until it has to wait again.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SENDER_FIRST_H
#define CAPTURE_SENDER_FIRST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct first {
	bool on, refused;
	int64_t busy_from; /* CLOCK_MONOTONIC ns; 0: it has just waited */
};

/* By the thread itself, before each of its turns, which are short. waited: there was nothing to do. */
void first_turn(struct first *f, bool waited);

/* Of a lock that it shares: whoever holds it must not wait for threads that run before him. */
void first_init_lock(pthread_mutex_t *lock);

#endif
