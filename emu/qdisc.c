/*
 * Which qdiscs an interface has, and how they become what a shape asks for.
 *
 * Theory of operation. An interface that is shaped has up to three qdiscs, one in the other:
 *
 *	1: netem (delay, loss and all else)   root
 *	10: tbf (rate)                        in 1:, or the root where the kernel has no netem
 *	20: codel, 21: pfifo, 22: bfifo       in 10:, where tbf's own queue (in bytes) will not do
 *
 * A packet travels first (netem) and then waits for its turn on the wire (tbf); for a delay that
 * does not vary this is the same as the other way round, which the kernel cannot do. The queue
 * that fills at a slow link is tbf's, with a bound of its own; netem's limit only has to hold
 * what is under way.
 *
 * Kinds only come, they never go: a qdisc that has nothing to do any more lets packets through (a
 * delay of 0, a rate of 80 Gbit/s) and what was in it leaves by itself. Where the kernel has
 * netem it is there from the start, even for a mere rate, for it could not come later without the
 * loss of tbf's queue. So every change is made in place, and loses nothing, but one: another kind
 * of queue in tbf starts empty.
 *
 * Why tbf holds the rate, and not netem, which knows one too. Measured in User-Mode Linux on a
 * busy machine, whose timers come late: floods of 1,442-byte frames, 1.5 s each, five of them,
 * against the rate asked for; for tbf by the time that its burst covers.
 *
 *				netem		 tbf 1 ms	  tbf 10 ms
 *	1 Mbit/s		-0.00%		 -0.00%		  -0.00%
 *	10 Mbit/s, median	-0.00%		 -0.88%		  -0.05%
 *	10 Mbit/s, worst	-0.00%		 -40%		  -19%
 *
 * netem's is exact whatever the timers do, for it counts from the end of the last packet. But
 * its one limit, in packets, is on what waits and what travels together. What is room for a
 * queue of full frames is too little for the acknowledgements under way in 50 ms, and what is
 * enough for those is a queue of a second. So tbf it is, with a burst of what 10 ms at the rate
 * let through, or two frames: less, and a timer that is late by a tick of 100 Hz costs a part of
 * the rate; much more, and short flows pass as if there were no limit. Only an overhead under 0,
 * which tbf cannot express, is left to netem, with a queue in full frames.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <limits.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/units.h"
#include "emu/netns.h"
#include "emu/qdisc.h"
#include "emu/qdisc_internal.h"
#include "emu/rtnl.h"

#define RATE_MAX     1000000000000ULL /* bit/s */
#define BLUR_MAX     100e-6	      /* s */
#define SEED_TRIED   0x1234567890abcdef
#define HANDLE_NETEM TC_H_MAKE(1 << 16, 0)
#define HANDLE_TBF   TC_H_MAKE(0x10 << 16, 0)
#define IN_NETEM     TC_H_MAKE(1 << 16, 1)
#define IN_TBF	     TC_H_MAKE(0x10 << 16, 1)

/* A handle for each kind, for the kernel does not take another kind under the same. */
static const struct queue {
	const char *kind;
	uint32_t handle;
} queues[] = {
	{ "codel", TC_H_MAKE(0x20 << 16, 0) },
	{ "pfifo", TC_H_MAKE(0x21 << 16, 0) },
	{ "bfifo", TC_H_MAKE(0x22 << 16, 0) },
};

/* What an interface has now. */
struct present {
	bool netem, tbf;
	const struct queue *queue; /* NULL: tbf's own */
};

/* One change of all that an interface has. */
struct change {
	struct rtnl *rtnl;
	int ifindex;
	const char *name;
	const struct shape *old, *shape; /* old may be NULL: not known */
	uint32_t mtu;
	uint64_t seed;
	struct present has;
};

static void close_rtnlp(struct rtnl **r)
{
	rtnl_close(*r);
}

static int has(struct rtnl *r, int ifindex, uint32_t handle, const char *kind, bool *ret)
{
	char is[RTNL_KIND_SIZE] = "";
	int got = rtnl_get_qdisc(r, ifindex, handle, is, NULL, 0, NULL);

	if (got < 0 && got != -ENOENT)
		return got;
	*ret = got == 0 && !strcmp(is, kind);
	return 0;
}

static int look(struct change *c)
{
	bool there;
	int r = has(c->rtnl, c->ifindex, HANDLE_NETEM, "netem", &c->has.netem);

	if (r >= 0)
		r = has(c->rtnl, c->ifindex, HANDLE_TBF, "tbf", &c->has.tbf);
	for (size_t i = 0; r >= 0 && c->has.tbf && i < ARRAY_SIZE(queues); i++) {
		r = has(c->rtnl, c->ifindex, queues[i].handle, queues[i].kind, &there);
		if (r >= 0 && there)
			c->has.queue = &queues[i];
	}
	return r;
}

static int set(const struct change *c, const char *kind, uint32_t handle, uint32_t parent,
	       const struct qdisc_options *o, bool in_place)
{
	struct rtnl_qdisc q = { .kind = kind, .handle = handle, .parent = parent,
				.options = mnl_nlmsg_get_payload(&o->nlh),
				.options_len = mnl_nlmsg_get_payload_len(&o->nlh) };

	return rtnl_set_qdisc(c->rtnl, c->ifindex, &q, in_place, c->name);
}

static bool same(const struct qdisc_options *a, const struct qdisc_options *b)
{
	return a->nlh.nlmsg_len == b->nlh.nlmsg_len &&
	       !memcmp(a->bytes, b->bytes, a->nlh.nlmsg_len);
}

/* A change that changes nothing is not made: it would set off random numbers and buckets anew. */
static int set_netem(struct change *c)
{
	struct qdisc_options now, before;
	int r = netem_options(&now, c->shape, c->mtu, c->seed);

	if (r >= 0 && c->has.netem && c->old) {
		r = netem_options(&before, c->old, c->mtu, c->seed);
		if (r >= 0 && same(&now, &before))
			return 0;
	}
	if (r < 0)
		return r;
	/* A root of another kind goes, with what is in it. */
	if (!c->has.netem)
		c->has = (struct present){ 0 };
	return set(c, "netem", HANDLE_NETEM, TC_H_ROOT, &now, c->has.netem);
}

static int set_tbf(const struct change *c, bool in_netem, bool *ret_changed)
{
	struct qdisc_options now, before;

	tbf_options(&now, c->shape, c->mtu);
	*ret_changed = true;
	if (c->has.tbf && c->old) {
		tbf_options(&before, c->old, c->mtu);
		*ret_changed = !same(&now, &before);
	}
	if (!*ret_changed)
		return 0;
	return set(c, "tbf", HANDLE_TBF, in_netem ? IN_NETEM : TC_H_ROOT, &now, c->has.tbf);
}

/* After each change of tbf, which writes its own limit into any fifo, in its own unit. */
static int set_queue(const struct change *c, bool tbf_changed)
{
	const char *kind = tbf_queue_kind(c->shape);
	struct qdisc_options now, before;
	const struct queue *q = queues;
	bool there;

	while (strcmp(q->kind, kind))
		q++;
	if (!c->has.queue && !strcmp(kind, "bfifo"))
		return 0;
	there = c->has.tbf && c->has.queue == q;
	tbf_queue_options(&now, c->shape, c->mtu);
	if (there && c->old && c->old->rate && !tbf_changed) {
		tbf_queue_options(&before, c->old, c->mtu);
		if (same(&now, &before))
			return 0;
	}
	return set(c, kind, q->handle, IN_TBF, &now, there);
}

static bool uses_netem(const struct shape *s)
{
	struct shape fifo = *s;

	fifo.queue = QUEUE_DROPTAIL;
	return shape_beyond_rate(&fifo) || netem_has_rate(s);
}

static bool uses_tbf(const struct shape *s)
{
	return s->rate && !netem_has_rate(s);
}

static int change(struct change *c)
{
	bool netem, tbf_changed = false;
	int r = 0;

	netem = c->has.netem || uses_netem(c->shape) || (uses_tbf(c->shape) && qdisc_have_netem());
	if (netem)
		r = set_netem(c);
	if (r >= 0 && (c->has.tbf || uses_tbf(c->shape)))
		r = set_tbf(c, netem, &tbf_changed);
	if (r >= 0 && uses_tbf(c->shape))
		r = set_queue(c, tbf_changed);
	return r;
}

int qdisc_set(int ns_fd, int ifindex, const char *name, const struct shape *old,
	      const struct shape *shape, uint32_t mtu, uint64_t seed, struct err *err)
{
	_cleanup_(close_rtnlp) struct rtnl *rtnl = NULL;
	struct change c = { .ifindex = ifindex, .name = name, .old = old, .shape = shape,
			    .mtu = mtu, .seed = seed };
	int r = rtnl_open(ns_fd, &rtnl);

	if (r < 0)
		return err_sys(err, -r, "cannot open a netlink socket for %s", name);
	c.rtnl = rtnl;
	r = look(&c);
	if (r >= 0)
		r = change(&c);
	if (r < 0)
		return err_sys(err, -r, "cannot shape %s", name);
	return rtnl_flush(rtnl, err);
}

/* ---- what this kernel can do ---- */

/* Tries it on the loopback of a namespace that lives no longer than the answer takes. */
static bool try(const struct shape *s, uint64_t seed, bool *ret_seeded)
{
	_cleanup_(close_rtnlp) struct rtnl *rtnl = NULL;
	_cleanup_err_ struct err ignored = { 0 };
	_cleanup_close_ int ns = -1;
	char kind[RTNL_KIND_SIZE];
	uint64_t answer = 0;
	char options[1024];
	size_t len = 0;

	if (netns_new(&ns, 1, false, &ignored) < 0 ||
	    qdisc_set(ns, 1, "lo", NULL, s, 1500, seed, &ignored) < 0)
		return false;
	if (!ret_seeded)
		return true;
	if (rtnl_open(ns, &rtnl) < 0 ||
	    rtnl_get_qdisc(rtnl, 1, HANDLE_NETEM, kind, options, sizeof(options), &len) < 0)
		return false;
	*ret_seeded = netem_read_seed(options, len, &answer) && answer == seed;
	return true;
}

bool qdisc_have_netem(void)
{
	static int known = -1;

	if (known < 0)
		known = try(&(struct shape){ .delay = NSEC_PER_MSEC }, 1, NULL);
	return known;
}

bool qdisc_have_tbf(void)
{
	static int known = -1;

	if (known < 0)
		known = try(&(struct shape){ .rate = 1000000 }, 1, NULL);
	return known;
}

bool qdisc_have_codel(void)
{
	static int known = -1;

	if (known < 0)
		known = try(&(struct shape){ .rate = 1000000, .queue = QUEUE_CODEL,
					     .codel_target = 5 * NSEC_PER_MSEC,
					     .codel_interval = 100 * NSEC_PER_MSEC }, 1, NULL);
	return known;
}

bool qdisc_have_seed(void)
{
	static int known = -1;
	bool seeded = false;

	if (known < 0)
		known = try(&(struct shape){ .delay = 1 }, SEED_TRIED, &seeded) && seeded;
	return known;
}

/* What no kernel's qdiscs can do, or NULL. */
static const char *never(const struct shape *s)
{
	if (s->trace)
		return "the kernel has no qdisc for a trace";
	if (!netem_fits_jitter(s))
		return "a jitter so long is over what sch_netem can hold";
	/* It takes a remainder of correlated numbers: measured for 75 % from one to the next, 0. */
	if (s->jitter && s->delay_corr > 0)
		return "sch_netem draws delays without correlation, whatever it is told";
	/* A mixture of uniform values is not uniform: 30 % at a correlation of 60 % comes to 8 %. */
	if ((s->duplicate > 0 && s->duplicate_corr > 0) || (s->corrupt > 0 && s->corrupt_corr > 0) ||
	    (s->reorder > 0 && s->reorder_corr > 0))
		return "sch_netem's correlation changes the share that it is given";
	if (s->slot_packets > INT32_MAX || s->slot_bytes > INT32_MAX)
		return "sch_netem counts a slot's packets and bytes up to 2^31";
	if (!s->rate)
		return NULL;
	if (s->rate > RATE_MAX)
		return "a rate so high is over what sch_tbf can hold in a burst";
	if (s->limit > UINT32_MAX || s->limit_bytes > UINT32_MAX)
		return "the kernel's queues are bounded up to 2^32";
	if (s->rate < 8)
		return "the kernel's qdiscs count a rate in whole bytes per second";
	if (netem_has_rate(s) && (s->queue == QUEUE_CODEL || s->limit_bytes))
		return "an overhead under 0 needs sch_netem's queue, bounded in packets only";
	if (s->queue == QUEUE_CODEL && s->limit_bytes)
		return "sch_codel's queue is bounded in packets, not in bytes";
	if (s->limit && s->limit_bytes)
		return "the kernel's queues are bounded in packets or in bytes, not in both";
	return NULL;
}

bool qdisc_blurs(const struct shape *s, uint32_t mtu)
{
	return s->rate && !netem_has_rate(s) &&
	       (double)qdisc_frame(mtu) * 8 / (double)s->rate > BLUR_MAX;
}

bool qdisc_never(const struct shape *s, const char **ret_why)
{
	const char *why = never(s);

	if (why)
		*ret_why = why;
	return why;
}

bool qdisc_can(const struct shape *s, const char **ret_why)
{
	const char *why = never(s);

	if (!why && uses_netem(s) && !qdisc_have_netem())
		why = "this kernel has no sch_netem";
	else if (!why && uses_tbf(s) && !qdisc_have_tbf())
		why = "this kernel has no sch_tbf";
	else if (!why && s->rate && s->queue == QUEUE_CODEL && !qdisc_have_codel())
		why = "this kernel has no sch_codel";
	if (why)
		*ret_why = why;
	return !why;
}
