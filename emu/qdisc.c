/*
 * Shapes an interface's egress with sch_tbf (rate) and sch_netem (delay, jitter, loss).
 *
 * Where a link has both, netem is the root and tbf its child, as in tc-netem(8): a packet first
 * travels (delay), then waits for its turn on the wire (rate). The queue that fills at a slow
 * link is tbf's, so netem's own limit only has to hold what is under way, and is sized so that
 * it does.
 *
 * netem reads distributions as a table of 16-bit numbers, the inverse of the distribution
 * function in units of sd / 8192 (NETEM_DIST_SCALE); emu/delay.c computes it.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/pkt_sched.h>
#include <math.h>
#include <netlink/netlink.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/netem.h>
#include <netlink/route/qdisc/tbf.h>
#include <netlink/route/tc.h>

#include "core/cleanup.h"
#include "core/units.h"
#include "emu/delay.h"
#include "emu/netns.h"
#include "emu/qdisc.h"

/*
 * What may pass at once. It has to cover how late a timer can be, 10 ms where HZ is 100, or TCP
 * never fills a fast link; more than that lets whole short flows through as if there were no limit.
 */
#define TBF_BURST_MIN  15000 /* bytes */
#define TBF_BURST_DIV  100   /* seconds at the rate: 1/100 */
#define TBF_QUEUE_DIV  10
#define TBF_QUEUE_MIN  32000 /* bytes */
#define LIMIT_DEFAULT  1000  /* packets; tc's */
#define LIMIT_MAX      1000000
#define RATE_UNBOUNDED 10000000000ULL /* bit/s assumed of a link with delay but no rate */
#define FRAME_MIN      64
#define DELAY_TABLE_N  4096 /* of at most NETEM_DIST_MAX */
#define DIST_SCALE     8192 /* NETEM_DIST_SCALE */

static void free_sockp(struct nl_sock **s)
{
	if (*s)
		nl_socket_free(*s);
}

static void put_qdiscp(struct rtnl_qdisc **q)
{
	if (*q)
		rtnl_qdisc_put(*q);
}

static int sock_in(int ns_fd, struct nl_sock **ret)
{
	struct nl_sock *s = nl_socket_alloc();
	int old, r;

	if (!s)
		return -ENOMEM;
	old = netns_enter(ns_fd);
	r = old < 0 ? -NLE_FAILURE : nl_connect(s, NETLINK_ROUTE);
	netns_leave(old);
	if (r < 0) {
		nl_socket_free(s);
		return -EIO;
	}
	*ret = s;
	return 0;
}

static int qdisc_new(const char *kind, int ifindex, uint32_t handle, uint32_t parent,
		     struct rtnl_qdisc **ret)
{
	_cleanup_(put_qdiscp) struct rtnl_qdisc *q = rtnl_qdisc_alloc();

	if (!q)
		return -ENOMEM;
	rtnl_tc_set_ifindex(TC_CAST(q), ifindex);
	rtnl_tc_set_parent(TC_CAST(q), parent);
	rtnl_tc_set_handle(TC_CAST(q), handle);
	if (rtnl_tc_set_kind(TC_CAST(q), kind) < 0)
		return -EOPNOTSUPP;
	*ret = steal_ptr(q);
	return 0;
}

static int set_distribution(struct rtnl_qdisc *q, const struct shape *s)
{
	_cleanup_free_ double *v = calloc(DELAY_TABLE_N, sizeof(*v));
	_cleanup_free_ int16_t *table = calloc(DELAY_TABLE_N, sizeof(*table));

	if (!v || !table)
		return -ENOMEM;
	delay_table(s->dist, s->samples, (double)s->delay, (double)s->jitter, v, 
		    DELAY_TABLE_N);
	for (int i = 0; i < DELAY_TABLE_N; i++)
		table[i] = (int16_t)lrint(fmax(-32767, fmin(32767, v[i] * DIST_SCALE)));
	return rtnl_netem_set_delay_distribution_data(q, table, DELAY_TABLE_N) < 0 ? -EINVAL : 0;
}

/* Packets that may be under way: what the rate can send in the longest likely delay, all small. */
static uint64_t netem_limit(const struct shape *s, uint32_t mtu)
{
	double longest = (double)(s->delay + 4 * s->jitter) / NSEC_PER_SEC, n;

	if (s->limit && !s->rate)
		return s->limit;
	if (s->rate)
		n = (double)s->rate * longest / 8 / FRAME_MIN;
	else
		n = (double)RATE_UNBOUNDED * longest / 8 / (mtu + ETH_HLEN);
	n += s->limit ? (double)s->limit : LIMIT_DEFAULT;
	return n > LIMIT_MAX ? LIMIT_MAX : (uint64_t)n;
}

static int set_netem(struct rtnl_qdisc *q, const struct shape *s, uint32_t mtu)
{
	rtnl_netem_set_limit(q, (int)netem_limit(s, mtu));
	rtnl_netem_set_delay(q, (int)(s->delay / NSEC_PER_USEC));
	if (s->loss > 0)
		rtnl_netem_set_loss(q, (int)(uint32_t)(fmin(s->loss, 1) * UINT32_MAX));
	if (!s->jitter)
		return 0;
	rtnl_netem_set_jitter(q, (int)(s->jitter / NSEC_PER_USEC));
	return s->dist == DELAY_UNIFORM ? 0 : set_distribution(q, s);
}

static void set_tbf(struct rtnl_qdisc *q, const struct shape *s, uint32_t mtu)
{
	uint64_t bytes = s->rate / 8 ? s->rate / 8 : 1;
	uint64_t burst = bytes / TBF_BURST_DIV, queue = bytes / TBF_QUEUE_DIV;

	if (burst < TBF_BURST_MIN)
		burst = TBF_BURST_MIN;
	if (burst < 2 * (mtu + ETH_HLEN))
		burst = 2 * (mtu + ETH_HLEN);
	if (queue < TBF_QUEUE_MIN)
		queue = TBF_QUEUE_MIN;
	if (s->limit)
		queue = s->limit * (mtu + ETH_HLEN);
	if (queue > INT_MAX)
		queue = INT_MAX;
	rtnl_tc_set_mtu(TC_CAST(q), mtu + ETH_HLEN);
	rtnl_qdisc_tbf_set_rate(q, (int)bytes, (int)burst, 0);
	rtnl_qdisc_tbf_set_limit(q, (int)queue);
}

static int check(const char *name, const struct shape *s, struct err *err)
{
	if (s->rate / 8 > INT_MAX)
		return err_usage(err, "rate of %s is over what sch_tbf can do; leave rate out "
				      "for a link that is only as slow as the machine", name);
	if (s->delay / NSEC_PER_USEC > INT_MAX || s->jitter / NSEC_PER_USEC > INT_MAX)
		return err_usage(err, "delay of %s is over %d s, the longest that sch_netem knows",
				 name, INT_MAX / 1000000);
	return 0;
}

static int add(struct nl_sock *sock, struct rtnl_qdisc *q, const char *name, struct err *err)
{
	int r = rtnl_qdisc_add(sock, q, NLM_F_CREATE | NLM_F_EXCL);

	if (r < 0)
		return err_failed(err, "cannot put the qdisc %s on %s: %s",
				  rtnl_tc_get_kind(TC_CAST(q)), name, nl_geterror(r));
	return 0;
}

int qdisc_apply(int ns_fd, int ifindex, const char *name, const struct shape *shape, uint32_t mtu,
		struct err *err)
{
	_cleanup_(free_sockp) struct nl_sock *sock = NULL;
	_cleanup_(put_qdiscp) struct rtnl_qdisc *netem = NULL, *tbf = NULL;
	bool path = shape->delay || shape->jitter || shape->loss > 0;
	int r;

	if (!path && !shape->rate)
		return 0;
	r = check(name, shape, err);
	if (r < 0)
		return r;
	r = sock_in(ns_fd, &sock);
	if (r < 0)
		return err_sys(err, -r, "cannot open a netlink socket for %s", name);
	if (path) {
		r = qdisc_new("netem", ifindex, TC_HANDLE(1, 0), TC_H_ROOT, &netem);
		if (!r)
			r = set_netem(netem, shape, mtu);
		if (r < 0)
			return err_sys(err, -r, "cannot describe the delay of %s", name);
		r = add(sock, netem, name, err);
		if (r < 0)
			return r;
	}
	if (!shape->rate)
		return 0;
	r = qdisc_new("tbf", ifindex, TC_HANDLE(10, 0), path ? TC_HANDLE(1, 1) : TC_H_ROOT, &tbf);
	if (r < 0)
		return err_sys(err, -r, "cannot describe the rate of %s", name);
	set_tbf(tbf, shape, mtu);
	return add(sock, tbf, name, err);
}

/* Tries it on the loopback of a namespace that lives no longer than the answer takes. */
static bool have(const struct shape *s)
{
	_cleanup_err_ struct err ignored = { 0 };
	_cleanup_close_ int ns = -1;

	if (netns_new(&ns, 1, false, &ignored) < 0)
		return false;
	return qdisc_apply(ns, 1, "lo", s, 1500, &ignored) == 0;
}

bool qdisc_have_netem(void)
{
	static int known = -1;

	if (known < 0)
		known = have(&(struct shape){ .delay = NSEC_PER_MSEC });
	return known;
}

bool qdisc_have_tbf(void)
{
	static int known = -1;

	if (known < 0)
		known = have(&(struct shape){ .rate = 1000000 });
	return known;
}
