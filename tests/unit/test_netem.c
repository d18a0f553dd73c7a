/* The options of netem and tbf, attribute by attribute, without a kernel. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <linux/pkt_sched.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/units.h"
#include "emu/delay.h"
#include "emu/qdisc.h"
#include "emu/qdisc_internal.h"

#define MTU 1500

static struct qdisc_options o;

/* The payload of an attribute behind a head of so many bytes, or NULL. */
static const void *attr_of(size_t head, uint16_t type, size_t *ret_len)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, &o.nlh, head) {
		if (mnl_attr_get_type(attr) != type)
			continue;
		*ret_len = mnl_attr_get_payload_len(attr);
		return mnl_attr_get_payload(attr);
	}
	return NULL;
}

static const void *netem_attr(uint16_t type, size_t *ret_len)
{
	return attr_of(sizeof(struct tc_netem_qopt), type, ret_len);
}

static int64_t netem_s64(uint16_t type)
{
	int64_t v;
	size_t len;
	const void *p = netem_attr(type, &len);

	assert_non_null(p);
	assert_int_equal(len, sizeof(v));
	memcpy(&v, p, sizeof(v));
	return v;
}

/* What the kernel will draw, jitter * entry / 8192, has the deviation asked for and is not cut. */
static void tables_fill_16_bits(void **state)
{
	for (int d = 0; d < DELAY_DISTS; d++) {
		struct shape s = { .delay = 60 * NSEC_PER_MSEC, .jitter = 10 * NSEC_PER_MSEC,
				   .dist = (enum delay_dist)d };
		double want = d == DELAY_UNIFORM ? 10e6 / sqrt(3) : 10e6, sum = 0, squares = 0;
		const int16_t *table;
		int64_t jitter;
		size_t len, n;
		int most = 0;

		assert_int_equal(netem_options(&o, &s, MTU, 1), 0);
		assert_int_equal(netem_s64(TCA_NETEM_LATENCY64), s.delay);
		jitter = netem_s64(TCA_NETEM_JITTER64);
		table = netem_attr(TCA_NETEM_DELAY_DIST, &len);
		assert_non_null(table);
		n = len / sizeof(*table);
		assert_true(n >= 4096 && n <= 16384); /* NETEM_DIST_MAX */
		for (size_t i = 0; i < n; i++) {
			double v = (double)jitter * table[i] / 8192;

			most = abs(table[i]) > most ? abs(table[i]) : most;
			sum += v;
			squares += v * v;
		}
		assert_int_equal(most, INT16_MAX);
		assert_true(fabs(sum / (double)n) < 2e-4 * want);
		assert_true(fabs(sqrt(squares / (double)n) / want - 1) < 1e-4);
	}
}

/* Whatever is left out keeps its former value when a qdisc is changed. */
static void nothing_is_left_out(void **state)
{
	static const uint16_t always[] = { TCA_NETEM_CORR, TCA_NETEM_REORDER, TCA_NETEM_CORRUPT,
					   TCA_NETEM_RATE, TCA_NETEM_ECN, TCA_NETEM_LATENCY64,
					   TCA_NETEM_JITTER64, TCA_NETEM_SLOT };
	struct shape s = { 0 };
	size_t len;

	assert_int_equal(netem_options(&o, &s, MTU, 1), 0);
	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		assert_non_null(netem_attr(always[i], &len));
	assert_null(netem_attr(TCA_NETEM_LOSS, &len)); /* without it, loss is random */
}

static void seeds_are_read_back(void **state)
{
	struct shape s = { .delay = 1 };
	uint64_t seed = 0;

	assert_int_equal(netem_options(&o, &s, MTU, 0xfedcba9876543210), 0);
	assert_true(netem_read_seed(mnl_nlmsg_get_payload(&o.nlh),
				    mnl_nlmsg_get_payload_len(&o.nlh), &seed));
	assert_true(seed == 0xfedcba9876543210);
	assert_false(netem_read_seed(mnl_nlmsg_get_payload(&o.nlh), 3, &seed));
}

/* Limits hold what is under way beside the queue, and shares of 100 % are whole. */
static void limits_hold_what_is_under_way(void **state)
{
	struct shape s = { .delay = 50 * NSEC_PER_MSEC, .loss = 1, .reorder = 0.5 };
	const struct tc_netem_qopt *q = mnl_nlmsg_get_payload(&o.nlh);

	assert_int_equal(netem_options(&o, &s, MTU, 1), 0);
	assert_true(q->limit >= 10e9 * 0.05 / 8 / (MTU + 14)); /* full frames at 10 Gbit/s */
	assert_true(q->loss == UINT32_MAX);
	assert_int_equal(q->gap, 1);
	/* With the rate in netem the queue is its own: 40 packets, and what may travel. */
	s = (struct shape){ .rate = 12112000, .overhead = -14, .limit = 40,
			    .delay = 50 * NSEC_PER_MSEC };
	assert_int_equal(netem_options(&o, &s, MTU, 1), 0);
	assert_in_range(q->limit, 40 + 50, 40 + 51);
}

static void bursts_are_ten_milliseconds_or_two_frames(void **state)
{
	struct shape s = { .rate = 1000000000 };
	const struct tc_tbf_qopt *q;
	const uint32_t *burst;
	size_t len;

	tbf_options(&o, &s, MTU);
	burst = attr_of(0, TCA_TBF_BURST, &len);
	assert_int_equal(*burst, MTU + 14 + 1250000);
	s.rate = 100000;
	s.overhead = 20;
	tbf_options(&o, &s, MTU);
	burst = attr_of(0, TCA_TBF_BURST, &len);
	assert_int_equal(*burst, 2 * (MTU + 14 + 20));
	q = attr_of(0, TCA_TBF_PARMS, &len);
	assert_int_equal(q->rate.overhead, 20);
	assert_int_equal(q->rate.rate, 12500);
	assert_int_equal(q->limit, 32000);
}

static void some_shapes_no_kernel_can_do(void **state)
{
	static const struct shape never[] = {
		{ .rate = 7 },
		{ .rate = 1000000, .limit = 10, .limit_bytes = 10000 },
		{ .rate = 1000000, .limit_bytes = 10000, .queue = QUEUE_CODEL },
		{ .rate = 1000000, .overhead = -4, .limit_bytes = 10000 },
		{ .delay = NSEC_PER_SEC, .jitter = NSEC_PER_SEC / 10, .delay_corr = 0.5 },
		{ .delay = 20 * NSEC_PER_SEC, .jitter = NSEC_PER_SEC, .dist = DELAY_PARETO },
	};
	static const struct shape fine = { .delay = NSEC_PER_SEC, .jitter = NSEC_PER_SEC / 10,
					   .dist = DELAY_PARETO, .rate = 1000000, .limit = 10 };
	const char *why;

	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
		why = NULL;
		assert_true(qdisc_never(&never[i], &why));
		assert_non_null(why);
	}
	assert_false(qdisc_never(&fine, &why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_fill_16_bits),
		cmocka_unit_test(nothing_is_left_out),
		cmocka_unit_test(seeds_are_read_back),
		cmocka_unit_test(limits_hold_what_is_under_way),
		cmocka_unit_test(bursts_are_ten_milliseconds_or_two_frames),
		cmocka_unit_test(some_shapes_no_kernel_can_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
