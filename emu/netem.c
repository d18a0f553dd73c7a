/*
 * The options of sch_netem, from a shape.
 *
 * Every attribute is in every message: one that is left out keeps what it was when a qdisc is
 * changed.
 *
 * Delays are drawn from a table of 16-bit numbers, the quantiles of the distribution in units of
 * jitter / 8192 (NETEM_DIST_SCALE), so that 4 jitters are all that the table reaches. The tails
 * of most distributions go further. So netem is given k jitters for the jitter, and the k-th part
 * of the quantiles, where k makes the largest fill the 16 bits; steps are then k / 8192 jitters.
 * netem keeps the jitter in 32 bits, so the larger a tail the smaller the largest jitter.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <limits.h>
#include <linux/pkt_sched.h>
#include <math.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/units.h"
#include "emu/delay.h"
#include "emu/qdisc_internal.h"

#define TABLE_N	       4096 /* of at most NETEM_DIST_MAX, 16384 */
#define DIST_SCALE     8192 /* NETEM_DIST_SCALE */
#define ATTR_PRNG_SEED 14   /* TCA_NETEM_PRNG_SEED, Linux 6.6 */

/*
 * What may be under way. Before the rate comes the delay, so it is as many as a core can send and
 * not as the rate lets through; a limit that is reached sooner would drop what the link's queue
 * has room for.
 */
#define UNDER_WAY_PER_SEC 2000000.0
#define UNDER_WAY_MIN	  1000
#define LIMIT_MAX	  8000000

/* sch_tbf counts an overhead in 16 bits without a sign. */
bool netem_has_rate(const struct shape *s)
{
	return s->rate && (s->overhead < 0 || s->overhead > UINT16_MAX);
}

static uint32_t share(double x)
{
	return (uint32_t)llround(fmax(0, fmin(x, 1)) * UINT32_MAX);
}

static double longest_delay(const struct shape *s)
{
	double most = 0;

	if (s->jitter)
		most = delay_quantile(s->dist, s->samples, (double)s->delay, (double)s->jitter,
				      1 - 0.5 / TABLE_N);
	return (double)s->delay + (double)s->jitter * fmax(most, 0) + (double)s->slot_max;
}

static uint32_t limit(const struct shape *s, uint32_t mtu)
{
	double n = UNDER_WAY_MIN + UNDER_WAY_PER_SEC * longest_delay(s) / NSEC_PER_SEC;
	uint64_t packets, bytes;

	if (!s->rate)
		return (uint32_t)fmin(n, LIMIT_MAX);
	shape_queue(s, mtu, &packets, &bytes);
	/* tbf has a limit of its own. Here the queue and what is under way are one. */
	if (netem_has_rate(s))
		n = (packets ? (double)packets : (double)bytes / qdisc_frame(mtu)) +
		    (double)s->rate / 8 * longest_delay(s) / NSEC_PER_SEC / qdisc_frame(mtu);
	else
		n += (double)packets + (double)bytes / QDISC_FRAME_MIN;
	return (uint32_t)fmin(ceil(n), LIMIT_MAX);
}

/* The table, and the jitter that goes with it. */
static int make_table(const struct shape *s, int16_t table[TABLE_N], int64_t *ret_jitter)
{
	_cleanup_free_ double *v = calloc(TABLE_N, sizeof(*v));
	double most, k;

	if (!v)
		return -ENOMEM;
	delay_table(s->dist, s->samples, (double)s->delay, (double)s->jitter, v, TABLE_N);
	most = fmax(fabs(v[0]), fabs(v[TABLE_N - 1]));
	k = most * DIST_SCALE / INT16_MAX;
	for (int i = 0; i < TABLE_N; i++)
		table[i] = (int16_t)lrint(v[i] * DIST_SCALE / k);
	*ret_jitter = llround((double)s->jitter * k);
	return 0;
}

bool netem_fits_jitter(const struct shape *s)
{
	int16_t table[TABLE_N];
	int64_t jitter;

	/* k is under 10 for whatever has the mean and deviation that are asked for. */
	return s->jitter < INT32_MAX / 16 ||
	       (make_table(s, table, &jitter) == 0 && jitter <= INT32_MAX);
}

static int put_delay(struct nlmsghdr *nlh, const struct shape *s)
{
	int16_t table[TABLE_N];
	int64_t jitter = 0;
	int r;

	mnl_attr_put_u64(nlh, TCA_NETEM_LATENCY64, (uint64_t)s->delay);
	if (s->jitter) {
		r = make_table(s, table, &jitter);
		if (r < 0)
			return r;
		/* Of a uniform delay too: the table that was there before would stay. */
		mnl_attr_put(nlh, TCA_NETEM_DELAY_DIST, sizeof(table), table);
	}
	mnl_attr_put_u64(nlh, TCA_NETEM_JITTER64, (uint64_t)jitter);
	return 0;
}

static void put_loss(struct nlmsghdr *nlh, const struct shape *s)
{
	const double *p = s->loss_p;
	struct tc_netem_gimodel gi = { .p13 = share(p[0]), .p31 = share(p[1]), .p32 = share(p[2]),
				       .p23 = share(p[3]), .p14 = share(p[4]) };
	/* h is a share that comes through in the bad state, k1 one that is lost in the good. */
	struct tc_netem_gemodel ge = { .p = share(p[0]), .r = share(p[1]), .h = share(1 - p[2]),
				       .k1 = share(p[3]) };
	struct nlattr *nest;

	if (s->loss_model == LOSS_RANDOM && !(s->loss_corr > 0))
		return;
	/* As netem mixes values it would lose fewer; two states lose the share asked for. */
	if (s->loss_model == LOSS_RANDOM)
		ge = (struct tc_netem_gemodel){ .p = share(s->loss * (1 - s->loss_corr)),
						.r = share((1 - s->loss) * (1 - s->loss_corr)) };
	nest = mnl_attr_nest_start(nlh, TCA_NETEM_LOSS);
	if (s->loss_model == LOSS_STATE)
		mnl_attr_put(nlh, NETEM_LOSS_GI, sizeof(gi), &gi);
	else
		mnl_attr_put(nlh, NETEM_LOSS_GE, sizeof(ge), &ge);
	mnl_attr_nest_end(nlh, nest);
}

static void put_rate(struct nlmsghdr *nlh, const struct shape *s)
{
	uint64_t bytes = netem_has_rate(s) ? s->rate / 8 : 0;
	struct tc_netem_rate rate = { .rate = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes,
				      .packet_overhead = s->overhead };

	mnl_attr_put(nlh, TCA_NETEM_RATE, sizeof(rate), &rate);
	if (bytes > UINT32_MAX)
		mnl_attr_put_u64(nlh, TCA_NETEM_RATE64, bytes);
}

static void put_slot(struct nlmsghdr *nlh, const struct shape *s)
{
	uint32_t packets = s->slot_packets;
	uint64_t bytes = s->slot_bytes;
	struct tc_netem_slot slot = { .min_delay = s->slot_min, .max_delay = s->slot_max,
				      .max_packets = packets > INT32_MAX ? INT32_MAX : (int)packets,
				      .max_bytes = bytes > INT32_MAX ? INT32_MAX : (int)bytes };

	mnl_attr_put(nlh, TCA_NETEM_SLOT, sizeof(slot), &slot);
}

int netem_options(struct qdisc_options *o, const struct shape *s, uint32_t mtu, uint64_t seed)
{
	/* No correlations of netem's own, see qdisc_never(); it would keep what it is not told. */
	struct tc_netem_corr corr = { 0 };
	struct tc_netem_reorder reorder = { .probability = share(s->reorder) };
	struct tc_netem_corrupt corrupt = { .probability = share(s->corrupt) };
	struct nlmsghdr *nlh;
	struct tc_netem_qopt *q;

	nlh = mnl_nlmsg_put_header(o->bytes);
	q = mnl_nlmsg_put_extra_header(nlh, sizeof(*q));
	q->limit = limit(s, mtu);
	if (s->loss_model == LOSS_RANDOM && !(s->loss_corr > 0))
		q->loss = share(s->loss);
	q->duplicate = share(s->duplicate);
	/* netem reorders with a gap only. */
	if (s->reorder > 0)
		q->gap = s->gap ? s->gap : 1;
	mnl_attr_put(nlh, TCA_NETEM_CORR, sizeof(corr), &corr);
	mnl_attr_put(nlh, TCA_NETEM_REORDER, sizeof(reorder), &reorder);
	mnl_attr_put(nlh, TCA_NETEM_CORRUPT, sizeof(corrupt), &corrupt);
	put_loss(nlh, s);
	put_rate(nlh, s);
	mnl_attr_put_u32(nlh, TCA_NETEM_ECN, s->ecn && shape_has_loss(s));
	put_slot(nlh, s);
	mnl_attr_put_u64(nlh, ATTR_PRNG_SEED, seed);
	return put_delay(nlh, s);
}

bool netem_read_seed(const void *options, size_t len, uint64_t *ret)
{
	const size_t head = MNL_ALIGN(sizeof(struct tc_netem_qopt));
	const void *attrs = (const char *)options + head;
	const struct nlattr *attr;

	if (len < head)
		return false;
	mnl_attr_for_each_payload(attrs, len - head) {
		if (mnl_attr_get_type(attr) != ATTR_PRNG_SEED ||
		    mnl_attr_get_payload_len(attr) != sizeof(*ret))
			continue;
		memcpy(ret, mnl_attr_get_payload(attr), sizeof(*ret));
		return true;
	}
	return false;
}
