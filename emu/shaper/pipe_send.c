/* A pipe's queue, and the sender behind it: at a rate, or by the opportunities of a trace. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/shaper/pipe_internal.h"

#include <net/ethernet.h>

#include "core/units.h"
#include "emu/trace.h"

/* Bits times the ns of a second, so that divided by a rate it is ns. */
typedef unsigned __int128 work;

#define WORK_PER_BYTE ((work)8 * NSEC_PER_SEC)

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

/* A trace counts packets, as mm-link does: their Ethernet header is free. */
static uint64_t wire_bytes(const struct pipe *p, const struct parcel *parcel)
{
	int64_t n = (int64_t)parcel->len + p->shape.overhead;

	if (p->shape.trace)
		n -= ETH_HLEN;
	return n > 0 ? (uint64_t)n : 0;
}

/* What is being sent has so much left from busy_until on, which then is when it ends. */
static void go_on(struct pipe *p, work left)
{
	if (!p->shape.rate) {
		p->rest = 0;
		return;
	}
	p->busy_until += (int64_t)(left / p->shape.rate);
	p->rest = (uint64_t)(left % p->shape.rate);
}

/* A parcel departs when its last bit is sent, so a new rate or the link's end still finds it. */
static void serve_rate(struct pipe *p, int64_t now)
{
	while ((p->serving || p->head) && p->busy_until <= now) {
		struct parcel *sent = steal_ptr(p->serving);

		if (sent)
			pipe_depart(p, sent, p->busy_until);
		p->serving = take(p);
		if (p->serving)
			go_on(p, wire_bytes(p, p->serving) * WORK_PER_BYTE + p->rest);
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
	if (!p->head && !p->serving)
		return NEVER;
	return p->shape.trace ? opportunity_at(p, p->opportunity) : p->busy_until;
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

/* Of what is being sent. */
static work left_over(const struct pipe *p, const struct shape *before)
{
	if (before->trace)
		return p->unsent * WORK_PER_BYTE;
	if (p->busy_until < p->now)
		return 0;
	return (work)(p->busy_until - p->now) * before->rate + p->rest;
}

static void sender_changed(struct pipe *p, const struct shape *before)
{
	work left = p->serving ? left_over(p, before) : 0;

	p->rest = 0;
	p->budget = 0;
	if (p->serving || p->busy_until > p->now)
		p->busy_until = p->now;
	if (p->shape.trace) {
		p->unsent = (uint64_t)((left + WORK_PER_BYTE - 1) / WORK_PER_BYTE);
		p->trace_start = p->now;
		p->opportunity = 0;
		skip_opportunities(p, p->now);
	} else if (p->serving) {
		go_on(p, left);
	}
}

void pipe_send_changed(struct pipe *p, const struct shape *before)
{
	/* What CoDel knew was of another queue. */
	if (p->shape.queue != before->queue)
		p->codel = (struct codel){0};
	if (p->shape.rate != before->rate || !trace_equal(p->shape.trace, before->trace))
		sender_changed(p, before);
}

void pipe_drop_waiting(struct pipe *p, int64_t now)
{
	struct parcel *parcel;

	if (p->serving)
		pipe_drop(p, p->serving, FATE_DOWN, now);
	p->serving = NULL;
	p->budget = 0;
	p->rest = 0;
	if (p->busy_until > now)
		p->busy_until = now;
	while ((parcel = dequeue(p)))
		pipe_drop(p, parcel, FATE_DOWN, now);
}
