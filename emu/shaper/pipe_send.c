/* A pipe's queue, and the sender behind it: at a rate, or by the opportunities of a trace. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/shaper/pipe_internal.h"

#include "core/units.h"
#include "emu/trace.h"

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

static bool codel_drop(void *arg, void *packet)
{
	struct pipe *p = arg;

	if (pipe_mark(p, packet))
		return false;
	pipe_drop(p, packet, FATE_CODEL, p->busy_until);
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
	pipe_depart(p, parcel, p->busy_until);
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
	int64_t after = trace_at(p->shape.trace, k), at;

	return __builtin_add_overflow(p->trace_start, after, &at) ? NEVER : at;
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
		pipe_depart(p, p->serving, p->busy_until);
		p->serving = NULL;
	}
	if (!p->head && !p->serving)
		p->budget = 0;
}

void pipe_send(struct pipe *p, int64_t now)
{
	if (p->shape.trace)
		serve_trace(p, now);
	else
		serve_rate(p, now);
}

int64_t pipe_send_next(const struct pipe *p)
{
	if (p->shape.trace && (p->head || p->serving))
		return opportunity_at(p, p->opportunity);
	return p->head ? p->busy_until : NEVER;
}

/* ---- from outside ---- */

void pipe_join(struct pipe *p, struct parcel *parcel)
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
		pipe_drop(p, parcel, FATE_QUEUE_FULL, now);
		return;
	}
	enqueue(p, parcel);
	pipe_send(p, now);
	if (p->packets > p->stats.queue_max)
		p->stats.queue_max = p->packets;
	if (p->bytes > p->stats.queue_bytes_max)
		p->stats.queue_bytes_max = p->bytes;
}

void pipe_send_changed(struct pipe *p, const struct shape *before)
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

void pipe_drop_waiting(struct pipe *p, int64_t now)
{
	struct parcel *parcel;

	if (p->serving)
		pipe_drop(p, p->serving, FATE_DOWN, now);
	p->serving = NULL;
	p->budget = 0;
	while ((parcel = dequeue(p)))
		pipe_drop(p, parcel, FATE_DOWN, now);
}
