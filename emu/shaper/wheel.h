/*
 * A hierarchical timer wheel (Varghese and Lauck, 1987) for as many timers as there are packets
 * under way.
 *
 * Adding is O(1), and so is finding the next: each level has 64 slots and a word that says which
 * are in use. Timers come out in order of their time, equal ones in the order added, whatever
 * slot they were in: those of slots that were reached are in a pairing heap (Fredman and others,
 * 1986).
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SHAPER_WHEEL_H
#define EMU_SHAPER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_TICK_BITS	 12 /* a slot of the lowest level is 4.096 us */
#define WHEEL_SLOT_BITS	 6
#define WHEEL_LEVELS	 9 /* 2^(12 + 9 * 6) ns: for ever */

/* Embedded in what it wakes; belongs to the wheel while linked. */
struct wheel_timer {
	struct wheel_timer *next, **prev, *child;
	int64_t at; /* ns */
	uint64_t seq;
	uint8_t level, slot;
};

struct wheel {
	int64_t now; /* all before has come out */
	uint64_t seq;
	uint64_t used[WHEEL_LEVELS];
	struct wheel_timer *slot[WHEEL_LEVELS][1 << WHEEL_SLOT_BITS];
	int64_t first[WHEEL_LEVELS][1 << WHEEL_SLOT_BITS]; /* no timer of the slot is earlier */
	struct wheel_timer *due; /* a heap: of slots that were reached */
};

void wheel_init(struct wheel *w, int64_t now);
/* A time that has passed is due at once. */
void wheel_add(struct wheel *w, struct wheel_timer *t, int64_t at);
void wheel_del(struct wheel *w, struct wheel_timer *t); /* t is linked, or all 0 */
static inline bool wheel_linked(const struct wheel_timer *t)
{
	return t->prev != 0;
}
/* The next timer with at <= now, unlinked, or NULL. */
struct wheel_timer *wheel_pop(struct wheel *w, int64_t now);
/*
 * A time not after the earliest timer's, and exactly it unless one was deleted; INT64_MAX: none.
 */
int64_t wheel_next(const struct wheel *w);

#endif
