/* The options of sch_tbf, which limits the rate, and of the queue inside it, from a shape. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include "core/units.h"
#include "emu/qdisc_internal.h"

/* See qdisc.c for why. */
#define BURST_TIME  (10 * NSEC_PER_MSEC)
#define BURST_MIN   2 /* frames */
#define NO_RATE	    10000000000ULL /* bytes/s, and */
#define NO_RATE_MAX (64 << 20)	   /* bytes at once */

uint32_t qdisc_frame(uint32_t mtu)
{
	return mtu + ETH_HLEN;
}

static uint32_t to_u32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static uint64_t queue_bytes(const struct shape *s, uint32_t mtu)
{
	uint64_t packets, bytes;

	shape_queue(s, mtu, &packets, &bytes);
	return bytes ? bytes : packets * qdisc_frame(mtu);
}

void tbf_options(struct qdisc_options *o, const struct shape *s, uint32_t mtu)
{
	bool none = !s->rate || netem_has_rate(s);
	uint64_t rate = none ? NO_RATE : s->rate / 8;
	uint64_t frame = qdisc_frame(mtu) + (none ? 0 : (uint64_t)s->overhead);
	uint64_t burst = frame + rate * BURST_TIME / NSEC_PER_SEC;
	struct tc_tbf_qopt q = { .rate = { .rate = to_u32(rate),
					   /* or it asks for a table, as of old */
					   .linklayer = TC_LINKLAYER_ETHERNET } };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(o->bytes);

	if (burst < BURST_MIN * frame)
		burst = BURST_MIN * frame;
	if (none) {
		burst = NO_RATE_MAX;
		q.limit = NO_RATE_MAX;
	} else {
		q.rate.overhead = (uint16_t)s->overhead;
		q.limit = to_u32(queue_bytes(s, mtu));
	}
	mnl_attr_put(nlh, TCA_TBF_PARMS, sizeof(q), &q);
	if (rate > UINT32_MAX)
		mnl_attr_put_u64(nlh, TCA_TBF_RATE64, rate);
	mnl_attr_put_u32(nlh, TCA_TBF_BURST, to_u32(burst));
}

const char *tbf_queue_kind(const struct shape *s)
{
	if (s->queue == QUEUE_CODEL)
		return "codel";
	return s->limit ? "pfifo" : "bfifo";
}

void tbf_queue_options(struct qdisc_options *o, const struct shape *s, uint32_t mtu)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(o->bytes);
	uint32_t frame = qdisc_frame(mtu);
	struct tc_fifo_qopt *q;

	if (s->queue == QUEUE_CODEL) {
		uint64_t packets = s->limit ? s->limit : (queue_bytes(s, mtu) + frame - 1) / frame;

		mnl_attr_put_u32(nlh, TCA_CODEL_TARGET,
				 to_u32((uint64_t)s->codel_target / NSEC_PER_USEC));
		mnl_attr_put_u32(nlh, TCA_CODEL_INTERVAL,
				 to_u32((uint64_t)s->codel_interval / NSEC_PER_USEC));
		mnl_attr_put_u32(nlh, TCA_CODEL_LIMIT, to_u32(packets));
		mnl_attr_put_u32(nlh, TCA_CODEL_ECN, s->ecn);
		return;
	}
	q = mnl_nlmsg_put_extra_header(nlh, sizeof(*q));
	q->limit = to_u32(s->limit ? s->limit : queue_bytes(s, mtu));
}
