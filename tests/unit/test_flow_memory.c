/* What the flow table holds: attempts and closed connections for seconds, never too much. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "capture/flow/flow.h"
#include "capture/flow/packet.h"
#include "core/units.h"
#include "tests/lib/frames.h"

#define A     "10.0.0.1"
#define B     "10.0.0.2"
#define SEC   NSEC_PER_SEC
#define MSEC  NSEC_PER_MSEC
#define START (1700000000 * SEC)

static int count_ended(void *arg, const struct flow *f)
{
	++*(size_t *)arg;
	return 0;
}

static int add(struct flow_table *t, int64_t ts, const struct frame *f)
{
	struct flow_packet p = { .ts = ts, .caplen = f->len, .len = f->len, .data = f->d };

	return flow_table_add(t, &p, NULL);
}

static void tcp(struct flow_table *t, int64_t ts, uint32_t n, bool reply, uint8_t flags,
		uint32_t seq, uint32_t ack)
{
	uint16_t port = (uint16_t)(1 + n % 50000), service = (uint16_t)(1 + n / 50000);
	struct frame f;

	if (reply)
		frame_tcp(&f, B, service, A, port, flags, seq, ack, NULL, 0);
	else
		frame_tcp(&f, A, port, B, service, flags, seq, ack, NULL, 0);
	assert_int_equal(add(t, ts, &f), 1);
}

/* A SYN, again after 1 and 3 s, and once more so late: how many flows. */
static size_t flows_of_attempt(const struct flow_opts *o, int64_t late, bool answered)
{
	struct flow_table *t = flow_table_new(o, NULL);
	size_t n;

	tcp(t, START, 0, false, TCP_SYN, 100, 0);
	tcp(t, START + SEC, 0, false, TCP_SYN, 100, 0);
	tcp(t, START + 3 * SEC, 0, false, TCP_SYN, 100, 0);
	if (answered)
		tcp(t, START + 3 * SEC, 0, true, TCP_SYN | TCP_ACK, 500, 101);
	tcp(t, START + late, 0, false, TCP_SYN, 100, 0);
	n = flow_table_count(t);
	flow_table_free(t);
	return n;
}

static void test_attempts_end_soon_after_their_first_syn(void **state)
{
	const struct flow_opts longer = { .tcp_attempt = 60 * SEC };
	const struct flow_opts never = { .tcp_attempt = INT64_MAX };
	const struct flow_opts idle = { .tcp_idle = SEC };

	assert_int_equal(flows_of_attempt(NULL, 5 * SEC, false), 1);
	assert_int_equal(flows_of_attempt(NULL, 5 * SEC + 1, false), 2);
	assert_int_equal(flows_of_attempt(NULL, 7 * SEC, true), 1);
	assert_int_equal(flows_of_attempt(&longer, 60 * SEC, false), 1);
	assert_int_equal(flows_of_attempt(&longer, 60 * SEC + 1, false), 2);
	assert_int_equal(flows_of_attempt(&never, 303 * SEC, false), 1);
	assert_int_equal(flows_of_attempt(&never, 303 * SEC + 1, false), 2);
	assert_int_equal(flows_of_attempt(&idle, 3 * SEC, false), 2);
}

/* 1,000 connections a second, each gone with what it began with; the most that live at a time. */
static size_t most_live(bool closed)
{
	size_t ended = 0, most = 0;
	const struct flow_opts o = { .ended = count_ended, .arg = &ended };
	struct flow_table *t = flow_table_new(&o, NULL);

	for (uint32_t i = 0; i < 100000; i++) {
		int64_t ts = START + i * MSEC;

		tcp(t, ts, i, false, TCP_SYN, 100, 0);
		if (closed) {
			tcp(t, ts, i, true, TCP_SYN | TCP_ACK, 500, 101);
			tcp(t, ts, i, true, TCP_RST, 501, 0);
		}
		if (flow_table_live(t) > most)
			most = flow_table_live(t);
	}
	assert_int_equal(ended + flow_table_live(t), 100000);
	flow_table_free(t);
	return most;
}

static void test_what_is_over_lives_for_seconds(void **state)
{
	assert_in_range(most_live(false), 5000, 5200);
	assert_in_range(most_live(true), 5000, 5200);
}

static void test_a_bound_is_kept(void **state)
{
	const struct flow_opts o = { .memory_max = 1 << 20 };
	struct flow_table *t = flow_table_new(&o, NULL);
	struct frame f;
	uint16_t n = 0;
	int r;

	do {
		frame_udp(&f, A, ++n, B, 53, "x", 1);
		r = add(t, START, &f);
	} while (r == 1 && n < 60000);
	assert_int_equal(r, -EOVERFLOW);
	assert_in_range(flow_table_live(t), 1000, 2048);
	assert_int_equal(flow_table_live(t), n - 1);
	frame_udp(&f, A, 1, B, 53, "x", 1);
	assert_int_equal(add(t, START, &f), 1); /* of a flow that is there */
	flow_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attempts_end_soon_after_their_first_syn),
		cmocka_unit_test(test_what_is_over_lives_for_seconds),
		cmocka_unit_test(test_a_bound_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
