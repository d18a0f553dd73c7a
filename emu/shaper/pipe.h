/*
 * One direction of one shaped link: impairments, a queue in front of a rate, then delay.
 *
 * No clock and no kernel here: times are given (CLOCK_MONOTONIC ns) and effects are handed to a
 * struct pipe_ops, so a test drives a pipe through hours in microseconds. A pipe's virtual clock
 * does not drift when it is served late: the next packet starts where the last one ended.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SHAPER_PIPE_H
#define EMU_SHAPER_PIPE_H

#include "emu/shape.h"
#include "emu/shaper/fate.h"
#include "emu/shaper/impair.h"
#include "emu/shaper/wheel.h"

/* A packet in the shaper's care, in one piece of memory with its bytes. */
struct parcel {
	struct wheel_timer timer; /* its delivery; the shaper's */
	struct parcel *next;	  /* in a queue, or in the shaper's output */
	struct pipe *pipe;
	uint64_t id, n;
	int64_t arrived; /* CLOCK_MONOTONIC ns, stamped by the kernel */
	int64_t queued, delay;
	uint32_t hash;
	uint32_t len; /* of data, an Ethernet frame with its VLAN tag if it has one */
	uint8_t copy;
	bool corrupted, marked, reordered;
	uint32_t flipped; /* bit of data, if it is corrupted */
	uint32_t cap; /* bytes that data has room for */
	uint8_t data[];
};

struct pipe_ops {
	/* The parcel leaves the link at time at; it is the callee's now. */
	void (*deliver)(void *arg, struct parcel *p, int64_t at);
	void (*drop)(void *arg, struct parcel *p, enum verdict why, int64_t at);
	/* A copy with the same fields and bytes; NULL without memory: an overrun, the callee's to tell. */
	struct parcel *(*clone)(void *arg, const struct parcel *p);
	/* Call pipe_serve() at this time; replaces an earlier wish. INT64_MAX: no more. */
	void (*serve_at)(void *arg, struct pipe *pipe, int64_t at);
};

struct pipe;
/*
 * path names the random streams ("link/h1/s1"). start: when a trace begins (one that
 * pipe_set() brings begins then). arg goes to ops. -ENOMEM.
 */
int pipe_new(const struct shape *s, uint32_t mtu, uint64_t seed, const char *path, int64_t start,
	     const struct pipe_ops *ops, void *arg, struct pipe **ret);
void pipe_free(struct pipe *p); /* parcels in its queue go to drop() as FATE_DOWN */
/*
 * In place: what waits stays in order and meets the new rate, though it be more than a new
 * limit, and so does the rest of what is being sent; what travels is not touched. CoDel, where
 * it is new, begins afresh. A table for the delay may have to be computed: see quantiles_get().
 * -ENOMEM.
 */
int pipe_set(struct pipe *p, const struct shape *s, int64_t now);
/*
 * A pipe that is down drops what comes; as it goes down, also what waits, is being sent, or waits for
 * its slot. What it has handed to deliver() ahead of its time is the callee's to drop.
 */
void pipe_set_up(struct pipe *p, bool up, int64_t now);
void *pipe_arg(const struct pipe *p);
/* A parcel came, at p->arrived; ids but id are filled here (n, copy …). */
void pipe_in(struct pipe *p, struct parcel *parcel);
/* A packet came for which there was no parcel: it has a number, the result, and its draws. */
uint64_t pipe_overrun(struct pipe *p, uint32_t len);
void pipe_serve(struct pipe *p, int64_t now);

struct pipe_stats {
	uint64_t in, bytes_in;
	uint64_t verdict[FATE_VERDICTS]; /* of copies */
	uint64_t duplicated, corrupted, marked, reordered;
	uint64_t queue_max, queue_bytes_max; /* the longest that it was */
};
const struct pipe_stats *pipe_stats(const struct pipe *p);

/* The wheel's timer by which the shaper remembers serve_at(); the pipe only carries it. */
struct wheel_timer *pipe_timer(struct pipe *p);
struct pipe *pipe_of_timer(struct wheel_timer *t);

#endif
