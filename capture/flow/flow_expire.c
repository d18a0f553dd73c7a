/*
 * Ends flows that were idle for too long, so that memory holds the live ones only.
 *
 * Theory of operation. What counts is decided when a packet comes: one that is later than its
 * flow's idle time opens the next flow (flow.c). This here only finds the flows of which no
 * packet comes any more, and may therefore be late, but never early. Each live flow stands in a
 * slot of a wheel whose ticks are short to a timeout's measure. Nothing is moved when a packet
 * comes: a slot's flows are looked at when its tick is over, and one that saw packets meanwhile
 * moves on to the slot in which it might end now. So a flow costs a look for each idle time that
 * it lives, and a packet nothing; but the one that closes or resets a connection, whose flow moves
 * to the slot in which it ends soon.
 *
 * Time is what the packets say, and a file may lie: the clock follows the earlier of each two
 * packets in a row, so a single wild time stamp ends nothing. It never goes back.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include "capture/flow/flow_internal.h"

#define TICK_BITS 26 /* 2^26 ns: 67 ms; the wheel turns in 275 s */

static int64_t tick_of(int64_t ns)
{
	return ns >> TICK_BITS;
}

static int64_t idle_max(const struct flow_table *t, const struct flow_entry *e)
{
	const struct flow_opts *o = &t->opts;

	switch (e->flow.proto) {
	case IPPROTO_TCP:
		return o->tcp_closed < o->tcp_idle && conn_is_over(&e->conn) ? o->tcp_closed :
									       o->tcp_idle;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return o->icmp_idle;
	default:
		return o->udp_idle;
	}
}

void flow_expire_init(struct flow_table *t)
{
	t->wheel.now = t->wheel.newest = INT64_MIN;
}

static int64_t later(int64_t ts, int64_t by)
{
	int64_t end;

	return __builtin_add_overflow(ts, by, &end) ? INT64_MAX : end;
}

int64_t flow_end(const struct flow_table *t, const struct flow_entry *e)
{
	int64_t end = later(e->flow.last, idle_max(t, e)), given_up;

	if (e->flow.proto != IPPROTO_TCP || !conn_is_attempt(&e->conn))
		return end;
	given_up = later(e->flow.first, t->opts.tcp_attempt);
	return given_up < end ? given_up : end;
}

static void add(struct flow_table *t, struct flow_entry *e)
{
	struct flow_wheel *w = &t->wheel;
	int64_t tick = tick_of(flow_end(t, e));
	struct flow_entry **head;

	/* Behind the tick that is under way, and not further than the wheel reaches. */
	if (tick <= w->now)
		tick = w->now + 1;
	else if ((uint64_t)tick - (uint64_t)w->now >= FLOW_WHEEL)
		tick = w->now + FLOW_WHEEL - 1;
	head = &w->slot[(uint64_t)tick % FLOW_WHEEL];
	e->next = *head;
	if (e->next)
		e->next->pprev = &e->next;
	e->pprev = head;
	*head = e;
}

void flow_expire_remove(struct flow_entry *e)
{
	if (!e->pprev)
		return;
	*e->pprev = e->next;
	if (e->next)
		e->next->pprev = e->pprev;
	e->pprev = NULL;
}

void flow_expire_set(struct flow_table *t, struct flow_entry *e)
{
	flow_expire_remove(e);
	add(t, e);
}

/* The tick is over: each of its flows has ended, or moves on. The list is turned into its order. */
static int end_slot(struct flow_table *t, int64_t tick, int64_t clock)
{
	struct flow_entry **head = &t->wheel.slot[(uint64_t)tick % FLOW_WHEEL], *e, *turned = NULL;
	int r = 0;

	while ((e = *head)) {
		flow_expire_remove(e);
		e->next = turned;
		turned = e;
	}
	while ((e = turned)) {
		int q = 0;

		turned = e->next;
		if (flow_end(t, e) < clock)
			q = flow_row_end(t, e);
		else
			add(t, e);
		r = r ? r : q;
	}
	return r;
}

int flow_expire(struct flow_table *t, int64_t ts)
{
	struct flow_wheel *w = &t->wheel;
	int64_t clock = ts < w->newest ? ts : w->newest, tick = tick_of(clock), from;
	int r = 0;

	w->newest = ts;
	if (tick <= w->now)
		return 0;
	/* A leap over more than a turn needs one turn only. */
	from = w->now;
	if ((uint64_t)tick - (uint64_t)from > FLOW_WHEEL)
		from = tick - FLOW_WHEEL;
	w->now = tick - 1;
	for (int64_t i = from; i < tick; i++) {
		int q = end_slot(t, i, clock);

		r = r ? r : q;
	}
	w->now = tick;
	return r;
}
