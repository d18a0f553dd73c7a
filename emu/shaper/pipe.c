/* One direction of a link: draws, a queue served at a rate or by a trace, then the delay and slots. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/shaper/pipe.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include "core/units.h"
#include "emu/shaper/codel.h"
#include "emu/shaper/ecn.h"
#include "emu/trace.h"

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

	/* What waits, in order; the one being sent is not in it. */
	struct parcel *head, **tail;
	uint64_t packets, bytes, limit, limit_bytes;
	struct codel codel;

	/* The sender: free from here on, with a rest of ns in parts of the rate. */
	int64_t busy_until;
	uint64_t rest;

	/* A trace's: the next opportunity, what is left of the last, and a parcel that needs more of them. */
	int64_t trace_start;
	uint64_t opportunity;
	uint32_t budget;
	struct parcel *serving;
	uint64_t unsent;

	/* Slots: what travels until it is ready, and the slot that is next or was last. */
	struct wheel *ready;
	int64_t slot;
	uint64_t slot_packets, slot_bytes;
};

static struct parcel *parcel_of(struct wheel_timer *t)
{
	return (struct parcel *)((char *)t - offsetof(struct parcel, timer));
}

/* ---- the ways out ---- */

static void drop(struct pipe *p, struct parcel *parcel, enum verdict why, int64_t at)
{
	p->stats.verdict[why]++;
	p->ops->drop(p->arg, parcel, why, at);
}

static void deliver(struct pipe *p, struct parcel *parcel, int64_t at)
{
	p->stats.verdict[FATE_DELIVERED]++;
	p->ops->deliver(p->arg, parcel, at);
}

/* It has been sent; now it travels. */
static void depart(struct pipe *p, struct parcel *parcel, int64_t at)
{
	parcel->queued = at - parcel->arrived;
	if (p->ready)
		wheel_add(p->ready, &parcel->timer, at + parcel->delay);
	else
		deliver(p, parcel, at + parcel->delay);
}

/* ---- the queue ---- */

static void enqueue(struct pipe *p, struct parcel *parcel)
{
	parcel->next = NULL;
	*p->tail = parcel;
	p->tail = &parcel->next;
	p->packets++;
	p->bytes += parcel->len;
}

static struct parcel *dequeue(struct pipe *p)
{
	struct parcel *parcel = p->head;

	if (!parcel)
		return NULL;
	p->head = parcel->next;
	if (!p->head)
		p->tail = &p->head;
	parcel->next = NULL;
	p->packets--;
	p->bytes -= parcel->len;
	return parcel;
}

static bool has_room(const struct pipe *p, const struct parcel *parcel)
{
	return (!p->limit || p->packets < p->limit) &&
	       (!p->limit_bytes || p->bytes + parcel->len <= p->limit_bytes);
}

static void *codel_pop(void *arg, int64_t *ret_arrived, uint64_t *ret_waiting)
{
	struct pipe *p = arg;
	struct parcel *parcel = dequeue(p);

	if (parcel)
		*ret_arrived = parcel->arrived;
	*ret_waiting = p->bytes;
	return parcel;
}

static bool mark(struct pipe *p, struct parcel *parcel)
{
	if (!p->shape.ecn || !ecn_set_ce(parcel->data, parcel->len))
		return false;
	p->stats.marked += !parcel->marked;
	parcel->marked = true;
	return true;
}

static bool codel_drop(void *arg, void *packet)
{
	struct pipe *p = arg;

	if (mark(p, packet))
		return false;
	drop(p, packet, FATE_CODEL, p->busy_until);
	return true;
}

/* The next to send, at busy_until, after what CoDel takes; NULL: none is left. */
static struct parcel *take(struct pipe *p)
{
	const struct codel_queue q = {p, codel_pop, codel_drop};

	if (p->shape.queue != QUEUE_CODEL)
		return dequeue(p);
	return codel_dequeue(&p->codel, &q, p->shape.codel_target, p->shape.codel_interval, p->mtu,
			     p->busy_until);
}

/* ---- the sender ---- */

static uint64_t wire_bytes(const struct pipe *p, const struct parcel *parcel)
{
	int64_t n = (int64_t)parcel->len + p->shape.overhead;

	return n > 0 ? (uint64_t)n : 0;
}

/* Sends at the rate from busy_until on, which then is when it ends. */
static void transmit(struct pipe *p, struct parcel *parcel, uint64_t bytes)
{
	if (p->shape.rate) {
		unsigned __int128 bits = (unsigned __int128)bytes * 8 * NSEC_PER_SEC + p->rest;

		p->busy_until += (int64_t)(bits / p->shape.rate);
		p->rest = (uint64_t)(bits % p->shape.rate);
	}
	depart(p, parcel, p->busy_until);
}

static void serve_rate(struct pipe *p, int64_t now)
{
	struct parcel *parcel;

	while (p->head && p->busy_until <= now) {
		parcel = take(p);
		if (parcel)
			transmit(p, parcel, wire_bytes(p, parcel));
	}
}

static int64_t opportunity_at(const struct pipe *p, uint64_t k)
{
	int64_t at;

	return __builtin_add_overflow(p->trace_start, trace_at(p->shape.trace, k), &at) ? NEVER : at;
}

/* The first opportunity not before a time: doubles its steps until one is, then halves them. */
static void skip_opportunities(struct pipe *p, int64_t to)
{
	uint64_t lo = p->opportunity, step = 1;

	if (opportunity_at(p, lo) >= to)
		return;
	while (opportunity_at(p, lo + step) < to) {
		lo += step;
		step *= 2;
	}
	while (step > 1) {
		step /= 2;
		if (opportunity_at(p, lo + step) < to)
			lo += step;
	}
	p->opportunity = lo + 1;
}

static void serve_trace(struct pipe *p, int64_t now)
{
	while (p->head || p->serving) {
		uint64_t use;

		if (!p->budget) {
			int64_t at = opportunity_at(p, p->opportunity);

			if (at > now)
				break;
			p->opportunity++;
			p->busy_until = at;
			p->budget = TRACE_BYTES;
		}
		if (!p->serving) {
			p->serving = take(p);
			if (!p->serving)
				break;
			p->unsent = wire_bytes(p, p->serving);
		}
		use = p->unsent < p->budget ? p->unsent : p->budget;
		p->unsent -= use;
		p->budget -= (uint32_t)use;
		if (p->unsent)
			continue;
		depart(p, p->serving, p->busy_until);
		p->serving = NULL;
	}
	if (!p->head && !p->serving)
		p->budget = 0;
}

/* ---- slots, as sch_netem's: at each, what is ready goes, up to a bound ---- */

static void next_slot(struct pipe *p, int64_t from)
{
	p->slot = from + impair_slot(&p->impair, &p->shape);
	p->slot_packets = p->shape.slot_packets ? p->shape.slot_packets : UINT64_MAX;
	p->slot_bytes = p->shape.slot_bytes ? p->shape.slot_bytes : UINT64_MAX;
}

static void serve_slots(struct pipe *p, int64_t now)
{
	struct wheel_timer *t;

	while ((t = wheel_pop(p->ready, now))) {
		struct parcel *parcel = parcel_of(t);
		int64_t ready = t->at;

		if (ready > p->slot)
			next_slot(p, ready);
		p->slot_packets--;
		p->slot_bytes -= parcel->len < p->slot_bytes ? parcel->len : p->slot_bytes;
		ready = p->slot;
		if (!p->slot_packets || !p->slot_bytes)
			next_slot(p, p->slot);
		deliver(p, parcel, ready);
	}
}

/* ---- time ---- */

static void serve(struct pipe *p, int64_t now)
{
	if (now > p->now)
		p->now = now;
	if (p->shape.trace)
		serve_trace(p, now);
	else
		serve_rate(p, now);
	if (p->ready)
		serve_slots(p, now);
}

static void tell(struct pipe *p, bool always)
{
	int64_t at = NEVER, slot;

	if (p->shape.trace && (p->head || p->serving))
		at = opportunity_at(p, p->opportunity);
	else if (p->head)
		at = p->busy_until;
	if (p->ready) {
		slot = wheel_next(p->ready);
		at = slot < at ? slot : at;
	}
	if (at == p->wish && (!always || at == NEVER))
		return;
	p->wish = at;
	p->ops->serve_at(p->arg, p, at);
}

void pipe_serve(struct pipe *p, int64_t now)
{
	serve(p, now);
	tell(p, true);
}

/* ---- a packet ---- */

static void join(struct pipe *p, struct parcel *parcel)
{
	int64_t now = parcel->arrived;

	if (!p->head && !p->serving) {
		if (p->busy_until < now) {
			p->busy_until = now;
			p->rest = 0;
		}
		if (p->shape.trace)
			skip_opportunities(p, p->busy_until);
	}
	if ((p->head || p->serving || p->shape.trace || p->busy_until > now) &&
	    !has_room(p, parcel)) {
		drop(p, parcel, FATE_QUEUE_FULL, now);
		return;
	}
	enqueue(p, parcel);
	serve(p, now);
	if (p->packets > p->stats.queue_max)
		p->stats.queue_max = p->packets;
	if (p->bytes > p->stats.queue_bytes_max)
		p->stats.queue_bytes_max = p->bytes;
}

static void corrupt(struct pipe *p, struct parcel *parcel, uint64_t at)
{
	if (!parcel->len)
		return;
	at %= (uint64_t)parcel->len * 8;
	parcel->data[at / 8] ^= (uint8_t)(1 << at % 8);
	parcel->corrupted = true;
	p->stats.corrupted++;
}

static struct parcel *duplicate(struct pipe *p, const struct parcel *parcel, int64_t delay)
{
	struct parcel *copy = p->ops->clone(p->arg, parcel);

	if (!copy) {
		p->stats.verdict[FATE_OVERRUN]++;
		return NULL;
	}
	copy->copy = 1;
	copy->delay = delay;
	p->stats.duplicated++;
	return copy;
}

static void meet(struct pipe *p, struct parcel *parcel, const struct impairment *im)
{
	struct parcel *copy = NULL;
	bool lost = im->lost && !mark(p, parcel);

	if (im->duplicated)
		copy = duplicate(p, parcel, im->delay[1]);
	parcel->delay = im->reordered ? 0 : im->delay[0];
	if (lost) {
		drop(p, parcel, FATE_LOST, parcel->arrived);
	} else {
		parcel->reordered = im->reordered;
		p->stats.reordered += im->reordered;
		if (im->corrupted)
			corrupt(p, parcel, im->corrupt_at);
		join(p, parcel);
	}
	if (copy)
		join(p, copy);
}

void pipe_in(struct pipe *p, struct parcel *parcel)
{
	struct impairment im;

	parcel->pipe = p;
	parcel->next = NULL;
	parcel->n = p->stats.in++;
	parcel->copy = 0;
	parcel->queued = parcel->delay = 0;
	parcel->corrupted = parcel->marked = parcel->reordered = false;
	p->stats.bytes_in += parcel->len;
	impair_draw(&p->impair, &p->shape, &im);
	serve(p, parcel->arrived);
	if (p->up)
		meet(p, parcel, &im);
	else
		drop(p, parcel, FATE_DOWN, parcel->arrived);
	tell(p, false);
}

/* ---- its life ---- */

static void drop_waiting(struct pipe *p, int64_t now)
{
	struct parcel *parcel;

	if (p->serving)
		drop(p, p->serving, FATE_DOWN, now);
	p->serving = NULL;
	p->budget = 0;
	while ((parcel = dequeue(p)))
		drop(p, parcel, FATE_DOWN, now);
}

static bool has_slots(const struct shape *s)
{
	return s->slot_min > 0 || s->slot_max > 0;
}

/* Where slots end: what travels goes on travelling. */
static void end_slots(struct pipe *p)
{
	struct wheel_timer *t;

	while ((t = wheel_pop(p->ready, INT64_MAX)))
		deliver(p, parcel_of(t), t->at);
	free(p->ready);
	p->ready = NULL;
}

static struct wheel *begin_slots(struct pipe *p)
{
	struct wheel *ready = malloc(sizeof(*ready));

	if (ready)
		wheel_init(ready, p->now);
	return ready;
}

/* A trace that is new begins now; what one had sent of a parcel stays sent. */
static void change_sender(struct pipe *p, const struct shape *before)
{
	struct parcel *serving = p->serving;

	p->rest = 0;
	if (p->shape.trace && trace_equal(p->shape.trace, before->trace))
		return;
	p->budget = 0;
	if (!p->shape.trace && !before->trace)
		return;
	if (p->busy_until < p->now)
		p->busy_until = p->now;
	if (p->shape.trace) {
		p->trace_start = p->now;
		p->opportunity = 0;
		skip_opportunities(p, p->busy_until);
	} else if (serving) {
		p->serving = NULL;
		transmit(p, serving, p->unsent);
	}
}

int pipe_set(struct pipe *p, const struct shape *s, int64_t now)
{
	_cleanup_free_ struct wheel *ready = NULL;
	_cleanup_shape_ struct shape before = p->shape;

	if (has_slots(s) && !p->ready) {
		ready = begin_slots(p);
		if (!ready)
			return -ENOMEM;
	}
	if (impair_set(&p->impair, s)) {
		before = (struct shape){0};
		return -ENOMEM;
	}
	serve(p, now);
	if (!has_slots(s) && p->ready)
		end_slots(p);
	if (ready) {
		p->ready = steal_ptr(ready);
		p->slot = INT64_MIN;
	}
	shape_copy(&p->shape, s);
	shape_queue(&p->shape, p->mtu, &p->limit, &p->limit_bytes);
	change_sender(p, &before);
	serve(p, now);
	tell(p, true);
	return 0;
}

void pipe_set_up(struct pipe *p, bool up, int64_t now)
{
	serve(p, now);
	p->up = up;
	if (!up)
		drop_waiting(p, now);
	tell(p, true);
}

int pipe_new(const struct shape *s, uint32_t mtu, uint64_t seed, const char *path, int64_t start,
	     const struct pipe_ops *ops, void *arg, struct pipe **ret)
{
	struct pipe *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->ops = ops;
	p->arg = arg;
	p->mtu = mtu;
	p->up = true;
	p->wish = NEVER;
	p->tail = &p->head;
	p->now = p->busy_until = p->trace_start = start;
	r = impair_init(&p->impair, seed, path);
	if (!r)
		r = impair_set(&p->impair, s);
	if (!r && has_slots(s)) {
		p->ready = begin_slots(p);
		p->slot = INT64_MIN;
		r = p->ready ? 0 : -ENOMEM;
	}
	if (r) {
		impair_clear(&p->impair);
		free(p);
		return r;
	}
	shape_copy(&p->shape, s);
	shape_queue(s, mtu, &p->limit, &p->limit_bytes);
	*ret = p;
	return 0;
}

void pipe_free(struct pipe *p)
{
	struct wheel_timer *t;

	if (!p)
		return;
	drop_waiting(p, p->now);
	while (p->ready && (t = wheel_pop(p->ready, INT64_MAX)))
		drop(p, parcel_of(t), FATE_DOWN, p->now);
	free(p->ready);
	impair_clear(&p->impair);
	shape_clear(&p->shape);
	free(p);
}

void *pipe_arg(const struct pipe *p)
{
	return p->arg;
}

const struct pipe_stats *pipe_stats(const struct pipe *p)
{
	return &p->stats;
}

struct wheel_timer *pipe_timer(struct pipe *p)
{
	return &p->timer;
}

struct pipe *pipe_of_timer(struct wheel_timer *t)
{
	return (struct pipe *)((char *)t - offsetof(struct pipe, timer));
}
