/*
 * The draws of one direction of a link: what the n-th packet meets, as a function of seed and n.
 *
 * Each impairment has a random stream of its own and takes as many values of it for every
 * packet, whatever becomes of the packet, so a fate depends neither on other impairments nor on
 * timing. What needs a count (gap) counts every packet for the same reason, where sch_netem
 * counts those not lost.
 *
 * Correlation is from one packet to the next, and leaves shares and distributions as they were asked
 * for. What happens or not is a chain of two states: with share p and correlation c it happens after
 * it has happened with p + c (1 - p), else with p (1 - c). Of delays the normal scores are correlated.
 * sch_netem mixes a new value with the last one instead, which moves the share (30 % at 60 % comes to
 * 8 %), and takes a remainder of the mixture for delays, which leaves next to nothing of the correlation.
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
	/* What correlates: of the delay a normal value, else whether it happened (1, 0; -1: none yet). */
	double last[IMPAIR_STREAMS];
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
