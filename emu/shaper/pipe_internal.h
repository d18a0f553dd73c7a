/* What pipe.c (what a packet meets) and pipe_send.c (queue and sender) share. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SHAPER_PIPE_INTERNAL_H
#define EMU_SHAPER_PIPE_INTERNAL_H

#include "emu/shaper/codel.h"
#include "emu/shaper/pipe.h"

#define NEVER INT64_MAX

struct pipe {
	struct shape shape;
	struct impair impair;
	struct pipe_stats stats;
	const struct pipe_ops *ops;
	void *arg;
	uint32_t mtu;
	bool up;
	struct wheel_timer timer;
	int64_t wish; /* as last told by serve_at() */
	int64_t now;  /* the latest time that it heard of */

	/* What waits, in order; the one being sent is not in it but in serving. */
	struct parcel *head, **tail;
	uint64_t packets, bytes, limit, limit_bytes;
	struct codel codel;

	/* The sender: free from here on, with a rest of ns in parts of the rate. */
	struct parcel *serving;
	int64_t busy_until;
	uint64_t rest;

	/* A trace's: the next opportunity, what is left of the last, what serving still needs. */
	int64_t trace_start;
	uint64_t opportunity;
	uint32_t budget;
	uint64_t unsent;

	/* Slots: what travels until it is ready, and the slot that is next or was last. */
	struct wheel *ready;
	int64_t slot;
	uint64_t slot_packets, slot_bytes;
};

/* It has been sent; now it travels. */
void pipe_depart(struct pipe *p, struct parcel *parcel, int64_t at);
void pipe_drop(struct pipe *p, struct parcel *parcel, enum verdict why, int64_t at);
/* Sets CE where the shape and the packet allow it. */
bool pipe_mark(struct pipe *p, struct parcel *parcel);

/* A parcel came for the queue. */
void pipe_join(struct pipe *p, struct parcel *parcel);
/* Sends what the rate or the trace has sent by now. */
void pipe_send(struct pipe *p, int64_t now);
/* When to do that again. */
int64_t pipe_send_next(const struct pipe *p);
/*
 * The shape is another: a trace that is new begins now. What has been sent of a parcel stays sent,
 * and the rest of it goes at the new rate.
 */
void pipe_send_changed(struct pipe *p, const struct shape *before);
void pipe_drop_waiting(struct pipe *p, int64_t now);

#endif
