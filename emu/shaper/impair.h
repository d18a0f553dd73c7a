/*
 * The draws of one direction of a link: what the n-th packet meets, as a function of seed and n.
 *
 * Each impairment has a random stream of its own and takes as many values of it for every
 * packet, whatever becomes of the packet, so a fate depends neither on other impairments nor on
 * timing. What needs a count (gap) counts every packet for the same reason, where sch_netem
 * counts those not lost.
 *
 * Correlation is sch_netem's: the next value is a mixture of a new one and the last, which
 * brings values closer to a half: a correlated 1 % is less than 1 %. Not so of the delay:
 * netem's keeps its distribution, for it takes a remainder of the mixture, which leaves next to
 * nothing of the correlation. Here the normal scores of delays are correlated, so the delays
 * are, and have the distribution asked for.
 *
 * The duplicate is a copy of the packet as it came, with its own place in the queue and delay. It
 * arrives though its original is lost, as netem's does; but where netem's goes through loss,
 * corruption and reordering a second time, this one meets none of them.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SHAPER_IMPAIR_H
#define EMU_SHAPER_IMPAIR_H

#include "core/rng.h"
#include "emu/shape.h"

enum impair_stream { IMPAIR_DELAY, IMPAIR_LOSS, IMPAIR_DUPLICATE, IMPAIR_CORRUPT, IMPAIR_REORDER,
		     IMPAIR_SLOT, IMPAIR_STREAMS };

struct quantiles;

struct impair {
	struct rng rng[IMPAIR_STREAMS];
	double last[IMPAIR_STREAMS]; /* correlated values: uniform, of the delay normal */
	unsigned loss_state;	     /* of the loss models; 0: the good one at the start */
	uint32_t since_reorder;	     /* packets, for gap */
	struct quantiles *table;     /* of the delay's distribution, where it needs one */
};

/* path as "link/h1/s1"; the streams are path/delay, path/loss … */
int impair_init(struct impair *im, uint64_t seed, const char *path);
void impair_clear(struct impair *im);
/* The shape changed: gets the table of its distribution; streams and states go on. -ENOMEM. */
int impair_set(struct impair *im, const struct shape *s);

struct impairment {
	bool lost;	/* ecn may make it marked */
	bool duplicated;
	bool corrupted;
	uint64_t corrupt_at; /* bit number modulo the frame's bits */
	bool reordered; /* travels without delay */
	int64_t delay[2]; /* ns, of the packet and of its duplicate; 0 or more */
};
/* Of the next packet. */
void impair_draw(struct impair *im, const struct shape *s, struct impairment *ret);
/* ns to the next slot. */
int64_t impair_slot(struct impair *im, const struct shape *s);

#endif
