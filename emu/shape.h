/*
 * What a link does to packets in one direction: plain data, read from and written as text.
 *
 * The same struct means the same to both engines (emu/link.h). A packet meets it in this order: it may
 * be duplicated, lost (or marked, with ecn), corrupted; it waits in the queue for the link's rate; then
 * it travels for the delay, or, if reordered, not at all.
 *
 * Sources: tc-netem(8); loss models: Salsano, Ludovici, Ordine, "Definition of a general and intuitive
 * loss model for packet networks" (2009); CoDel: RFC 8289; traces: mm-link(1) of Mahimahi.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SHAPE_H
#define EMU_SHAPE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "core/err.h"

struct trace;	/* emu/trace.h: a rate that varies */
struct samples; /* emu/samples.h: measured delays */

/* Distributions a link's delay may have; names and tables in emu/delay.h. */
enum delay_dist {
	DELAY_UNIFORM, /* delay - jitter … delay + jitter */
	DELAY_NORMAL,
	DELAY_PARETO,
	DELAY_PARETONORMAL,
	DELAY_WEIBULL,
	DELAY_GAMMA,
	DELAY_LOGNORMAL,
	DELAY_EXPONENTIAL,
	DELAY_DISTS,
	DELAY_SAMPLES = DELAY_DISTS, /* drawn from samples; delay and jitter are their mean and deviation */
};

enum loss_model {
	LOSS_RANDOM, /* loss, loss_corr */
	LOSS_STATE,  /* p: p13 p31 p32 p23 p14, tc-netem(8)'s "loss state" */
	LOSS_GEMODEL, /* p: p r 1-h 1-k, Gilbert-Elliott: good to bad, bad to good, loss in bad, loss in good */
};

enum queue_kind { QUEUE_DROPTAIL, QUEUE_CODEL };

/*
 * All 0: nothing. Shares and correlations are 0 … 1; a correlation is from one packet to the next and
 * leaves the share, or the distribution, as it is (emu/shaper/impair.h).
 */
struct shape {
	uint64_t rate;	  /* bits per second; 0: as fast as the machine */
	int32_t overhead; /* bytes that a packet costs beyond its Ethernet frame (no FCS); may be negative */
	struct trace *trace; /* in place of a rate, or NULL */

	int64_t delay, jitter; /* ns */
	double delay_corr;
	enum delay_dist dist;
	struct samples *samples; /* of DELAY_SAMPLES, else NULL */

	enum loss_model loss_model;
	double loss, loss_corr;
	double loss_p[5];
	bool ecn; /* what would be lost, and what CoDel would drop, is marked instead where it can be */

	double duplicate, duplicate_corr;
	double corrupt, corrupt_corr; /* one bit of the frame is flipped */
	double reorder, reorder_corr; /* travels without delay */
	uint32_t gap;		      /* reorder: every gap-th packet may be; 0 or 1: any */

	int64_t slot_min, slot_max; /* ns between times at which packets are let go; 0: at any time */
	uint32_t slot_packets;	    /* at most, in one slot; 0: no bound */
	uint64_t slot_bytes;

	enum queue_kind queue;
	int64_t codel_target, codel_interval; /* ns */
	uint64_t limit;	      /* packets that may wait for the rate; 0: from rate and delay */
	uint64_t limit_bytes; /* and bytes; 0: no bound, or from rate and delay */
};

/* A shape shares its trace and samples; both are counted. */
void shape_copy(struct shape *dst, const struct shape *src); /* dst is not yet a shape */
void shape_clear(struct shape *s);			     /* all 0 again */
#define _cleanup_shape_ _cleanup_(shape_clear)
bool shape_equal(const struct shape *a, const struct shape *b);
bool shape_is_none(const struct shape *s);
bool shape_has_loss(const struct shape *s);
/* Does it do more than limit the rate by a constant? */
bool shape_beyond_rate(const struct shape *s);
/*
 * The queue in front of the rate, as given or derived: packets, and bytes; 0: no bound of this kind.
 * What is given is all there is; with neither given the bytes are derived: 100 ms at the rate or the
 * bandwidth-delay product (there and back, as if the way back were alike), whichever is more, and at
 * least 32 kB and two full packets.
 */
void shape_queue(const struct shape *s, uint32_t mtu, uint64_t *ret_packets, uint64_t *ret_bytes);

/*
 * Where text comes from. Any number in it may be a distribution (core/dist.h) with the units of its
 * place: it is drawn once, by seed and path, brought to what its place may hold, rounded (to 1 us from
 * 1 ms on, to 1 kbit/s from 1 Mbit/s on, to 0.0001%) and is from then on a number like any other.
 */
struct shape_source {
	const char *dir;   /* relative names of trace and sample files start here; NULL: here */
	uint64_t seed;	   /* of drawn values */
	const char *path;  /* of drawn values: "link/h1/s1"; NULL is "link" */
	const char *shared; /* of shared(...), drawn once for several links; NULL: as path */
	bool *drew;	   /* set when a value was drawn by path; may be NULL */
};

/* Is it a key of a shape: rate, delay, loss …? */
bool shape_is_key(const char *key);
/* All keys, NULL at the end, for messages. */
extern const char *const shape_keys[];
/*
 * Sets one key from its text, as a topology file has it ("60ms 10ms 25% weibull"); the value "none"
 * takes back what the key gave. -EINVAL with a reason for one line of a message (malloc'd); -ENOMEM. The
 * shape is untouched on failure.
 */
int shape_set(struct shape *s, const char *key, const char *value, const struct shape_source *src,
	      char **ret_why);
/*
 * What only the whole shape can tell: jitter over delay, a rate beside a trace, reorder without delay.
 * -EINVAL with a reason.
 */
int shape_check(const struct shape *s, char **ret_why);
/* The same, and the key that has the fault (a static string). */
int shape_check_key(const struct shape *s, const char **ret_key, char **ret_why);
/*
 * Several keys in one text, as the shell and [at] sections have them: "delay=60ms 10ms normal, loss=1%"
 * or "rate=1mbit delay=50ms". Then checks.
 */
int shape_change(struct shape *s, const char *text, const struct shape_source *src, char **ret_why);
/* Lines "key = value" that shape_set() reads back; direction is "", ">" or "<" after each key. */
void shape_print(const struct shape *s, const char *direction, FILE *f);
/* The same in one line, "delay=60ms 10ms weibull, loss=1%", or "none". malloc'd; NULL without memory. */
char *shape_text(const struct shape *s);

#endif
