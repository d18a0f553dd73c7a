/* CoDel, after the pseudocode of RFC 8289. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/shaper/codel.h"

#include <math.h>
#include <stddef.h>

#define REENTRY_INTERVALS 16 /* a drop that is no longer ago than this is of the same congestion */

struct dequeue {
	struct codel *codel;
	const struct codel_queue *q;
	int64_t target, interval, now;
	uint64_t mtu;
};

static int64_t control_law(const struct dequeue *d, int64_t t)
{
	return t + (int64_t)((double)d->interval / sqrt(d->codel->count));
}

/*
 * Has the time in the queue been above the target for an interval? Then this packet may be
 * dropped.
 */
static void *do_dequeue(const struct dequeue *d, bool *ret_ok_to_drop)
{
	struct codel *c = d->codel;
	int64_t arrived = d->now;
	uint64_t waiting = 0;
	void *packet = d->q->pop(d->q->arg, &arrived, &waiting);

	*ret_ok_to_drop = false;
	if (!packet || d->now - arrived < d->target || waiting <= d->mtu) {
		c->above = false;
	} else if (!c->above) {
		c->above = true;
		c->first_above_time = d->now + d->interval;
	} else {
		*ret_ok_to_drop = d->now >= c->first_above_time;
	}
	return packet;
}

static void *go_on_dropping(const struct dequeue *d, void *packet, bool ok_to_drop)
{
	struct codel *c = d->codel;

	if (!ok_to_drop)
		c->dropping = false;
	while (c->dropping && d->now >= c->drop_next) {
		c->count++;
		if (!d->q->drop(d->q->arg, packet)) {
			c->drop_next = control_law(d, c->drop_next);
			break;
		}
		packet = do_dequeue(d, &ok_to_drop);
		if (ok_to_drop)
			c->drop_next = control_law(d, c->drop_next);
		else
			c->dropping = false;
	}
	return packet;
}

static void *begin_dropping(const struct dequeue *d, void *packet)
{
	struct codel *c = d->codel;
	uint32_t delta = c->count - c->lastcount;
	bool unused;

	if (d->q->drop(d->q->arg, packet))
		packet = do_dequeue(d, &unused);
	c->dropping = true;
	c->count = 1;
	if (delta > 1 && d->now - c->drop_next < REENTRY_INTERVALS * d->interval)
		c->count = delta;
	c->drop_next = control_law(d, d->now);
	c->lastcount = c->count;
	return packet;
}

void *codel_dequeue(struct codel *c, const struct codel_queue *q, int64_t target, int64_t interval,
		    uint64_t mtu, int64_t now)
{
	const struct dequeue d = {c, q, target, interval, now, mtu};
	bool ok_to_drop;
	void *packet = do_dequeue(&d, &ok_to_drop);

	if (c->dropping)
		return go_on_dropping(&d, packet, ok_to_drop);
	return ok_to_drop ? begin_dropping(&d, packet) : packet;
}
