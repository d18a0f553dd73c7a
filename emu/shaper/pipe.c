/* One direction of a link: what a packet meets on the way through, and the pipe's own life. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/shaper/pipe_internal.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include "emu/shaper/ecn.h"

static struct parcel *parcel_of(struct wheel_timer *t)
{
	return (struct parcel *)((char *)t - offsetof(struct parcel, timer));
}

/* ---- the ways out ---- */

void pipe_drop(struct pipe *p, struct parcel *parcel, enum verdict why, int64_t at)
{
	p->stats.verdict[why]++;
	p->ops->drop(p->arg, parcel, why, at);
}

static void deliver(struct pipe *p, struct parcel *parcel, int64_t at)
{
	p->stats.verdict[FATE_DELIVERED]++;
	p->ops->deliver(p->arg, parcel, at);
}

void pipe_depart(struct pipe *p, struct parcel *parcel, int64_t at)
{
	parcel->queued = at - parcel->arrived;
	if (p->ready)
		wheel_add(p->ready, &parcel->timer, at + parcel->delay);
	else
		deliver(p, parcel, at + parcel->delay);
}

bool pipe_mark(struct pipe *p, struct parcel *parcel)
{
	if (!p->shape.ecn || !ecn_set_ce(parcel->data, parcel->len))
		return false;
	p->stats.marked += !parcel->marked;
	parcel->marked = true;
	return true;
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
	pipe_send(p, now);
	if (p->ready)
		serve_slots(p, now);
}

static void tell(struct pipe *p, bool always)
{
	int64_t at = pipe_send_next(p), slot;

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

static void corrupt(struct pipe *p, struct parcel *parcel, uint64_t at)
{
	if (!parcel->len)
		return;
	at %= (uint64_t)parcel->len * 8;
	parcel->data[at / 8] ^= (uint8_t)(1 << at % 8);
	parcel->corrupted = true;
	parcel->flipped = (uint32_t)at;
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
	bool lost = im->lost && !pipe_mark(p, parcel);

	if (im->duplicated)
		copy = duplicate(p, parcel, im->delay[1]);
	parcel->delay = im->reordered ? 0 : im->delay[0];
	if (lost) {
		pipe_drop(p, parcel, FATE_LOST, parcel->arrived);
	} else {
		parcel->reordered = im->reordered;
		p->stats.reordered += im->reordered;
		if (im->corrupted)
			corrupt(p, parcel, im->corrupt_at);
		pipe_join(p, parcel);
	}
	if (copy)
		pipe_join(p, copy);
}

/* Its number. Every packet that comes takes its draws, whatever becomes of it. */
static uint64_t count_in(struct pipe *p, uint32_t len, struct impairment *ret)
{
	p->stats.bytes_in += len;
	impair_draw(&p->impair, &p->shape, ret);
	return p->stats.in++;
}

uint64_t pipe_overrun(struct pipe *p, uint32_t len)
{
	struct impairment unused;

	p->stats.verdict[FATE_OVERRUN]++;
	return count_in(p, len, &unused);
}

void pipe_in(struct pipe *p, struct parcel *parcel)
{
	struct impairment im;

	parcel->pipe = p;
	parcel->next = NULL;
	parcel->n = count_in(p, parcel->len, &im);
	parcel->copy = 0;
	parcel->queued = parcel->delay = 0;
	parcel->corrupted = parcel->marked = parcel->reordered = false;
	parcel->flipped = 0;
	serve(p, parcel->arrived);
	if (p->up)
		meet(p, parcel, &im);
	else
		pipe_drop(p, parcel, FATE_DOWN, parcel->arrived);
	tell(p, false);
}

/* ---- its life ---- */

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

int pipe_set(struct pipe *p, const struct shape *s, int64_t now)
{
	_cleanup_free_ struct wheel *ready = NULL;
	struct shape before;

	if (has_slots(s) && !p->ready) {
		ready = begin_slots(p);
		if (!ready)
			return -ENOMEM;
	}
	if (impair_set(&p->impair, s))
		return -ENOMEM;
	serve(p, now);
	if (!has_slots(s) && p->ready)
		end_slots(p);
	if (ready) {
		p->ready = steal_ptr(ready);
		p->slot = INT64_MIN;
	}
	before = p->shape;
	shape_copy(&p->shape, s);
	shape_queue(&p->shape, p->mtu, &p->limit, &p->limit_bytes);
	pipe_send_changed(p, &before);
	shape_clear(&before);
	serve(p, now);
	tell(p, true);
	return 0;
}

static void drop_all(struct pipe *p, int64_t now)
{
	struct wheel_timer *t;

	pipe_drop_waiting(p, now);
	if (!p->ready)
		return;
	while ((t = wheel_pop(p->ready, INT64_MAX)))
		pipe_drop(p, parcel_of(t), FATE_DOWN, now);
	wheel_init(p->ready, now);
}

void pipe_set_up(struct pipe *p, bool up, int64_t now)
{
	serve(p, now);
	p->up = up;
	if (!up)
		drop_all(p, p->now);
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
	if (!p)
		return;
	drop_all(p, p->now);
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
