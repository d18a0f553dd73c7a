/*
 * The cic, netflow and netflow-v3 schemas on packets made by hand, with rows worked out by hand: what
 * is counted, what is empty, labels, clocks that go back. oracle_schemas.py tries every column.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "capture/flow/schema.h"
#include "capture/flow/series.h"
#include "capture/sender/owner.h"
#include "core/units.h"
#include "tests/lib/frames.h"

#define A     "10.0.0.1"
#define B     "10.0.0.2"
#define START (1700000000 * NSEC_PER_SEC)
#define MS    NSEC_PER_MSEC

static const struct flow_schema *const three[] = {
	&schema_cic, &schema_netflow, &schema_netflow_v3, NULL,
};

static struct flow_table *table(void)
{
	const struct flow_opts opts = { .schemas = three };
	struct flow_table *t = flow_table_new(&opts, NULL);

	assert_non_null(t);
	return t;
}

static struct flow *add_cut(struct flow_table *t, const struct frame *f, int64_t ts, uint32_t caplen)
{
	struct flow_packet p = { .ts = ts, .caplen = caplen, .len = f->len, .data = f->d };
	struct flow *ret = NULL;

	assert_int_equal(flow_table_add(t, &p, &ret), 1);
	assert_non_null(ret);
	return ret;
}

static struct flow *add(struct flow_table *t, const struct frame *f, int64_t ts)
{
	return add_cut(t, f, ts, f->len);
}

/* A segment at this many ms; zeros as payload. */
static struct flow *tcp(struct flow_table *t, int ms, bool reply, uint8_t flags, uint32_t seq,
			uint32_t ack, uint32_t n)
{
	struct frame f;

	frame_tcp(&f, reply ? B : A, reply ? 9999 : 4000, reply ? A : B, reply ? 4000 : 9999, flags,
		  seq, ack, NULL, n);
	return add(t, &f, START + ms * MS);
}

static char *text_of(const struct flow_table *t, const struct flow *f,
		     const struct flow_schema *schema)
{
	static const struct flow_labels nobody;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	if (f)
		assert_int_equal(schema->row(flow_schema_state(t, f, schema), f, &nobody, out), 0);
	else
		assert_int_equal(schema->header(out), 0);
	fclose(out);
	return text;
}

static void assert_row(const struct flow_table *t, const struct flow *f,
		       const struct flow_schema *schema, const char *want)
{
	_cleanup_free_ char *text = text_of(t, f, schema);

	assert_string_equal(text, want);
}

static unsigned n_fields(const char *row)
{
	unsigned n = 1;

	for (; *row; row++)
		n += *row == ',';
	return n;
}

/* The n-th field, from 1, of a row without quotes. */
static void assert_field(const struct flow_table *t, const struct flow *f,
			 const struct flow_schema *schema, const char *name, const char *want)
{
	_cleanup_free_ char *head = text_of(NULL, NULL, schema), *row = text_of(t, f, schema);
	char *columns = head, *values = row, *column, *value;

	while ((column = strsep(&columns, ",\n")) && (value = strsep(&values, ",\n"))) {
		if (strcmp(column, name))
			continue;
		assert_string_equal(value, want);
		return;
	}
	fail_msg("no column %s", name);
}

static void test_columns(void **state)
{
	static const unsigned want[] = { 84, 43 + 2, 53 + 2 };

	for (int i = 0; three[i]; i++) {
		_cleanup_free_ char *head = text_of(NULL, NULL, three[i]);

		assert_int_equal(n_fields(head), want[i]);
		assert_ptr_equal(flow_schema_find(three[i]->name), three[i]);
	}
}

static void test_tcp_that_both_ends_close(void **state)
{
	struct flow_table *t = table();
	struct flow *f = tcp(t, 0, false, TCP_SYN, 100, 0, 0);

	tcp(t, 1, true, TCP_SYN | TCP_ACK, 500, 101, 0);
	tcp(t, 2, false, TCP_ACK, 101, 501, 0);
	tcp(t, 3, false, TCP_PSH | TCP_ACK, 101, 501, 100);
	tcp(t, 5, true, TCP_PSH | TCP_ACK, 501, 201, 200);
	tcp(t, 6, false, TCP_FIN | TCP_ACK, 201, 701, 0);
	tcp(t, 8, true, TCP_FIN | TCP_ACK, 701, 202, 0);
	assert_ptr_equal(tcp(t, 9, false, TCP_ACK, 202, 702, 0), f);
	assert_row(t, f, &schema_cic,
		   "10.0.0.1-10.0.0.2-4000-9999-6,10.0.0.1,4000,10.0.0.2,9999,6,"
		   "2023-11-14 22:13:20.000000,9000,5,3,100,200,"
		   "100,0,20,44.72135955,200,0,66.666666667,115.470053838," /* lengths */
		   "33333.333333,888.888888889,"
		   "1285.714286,487.950036474,2000,1000,"	/* gaps 1 1 1 2 1 2 1 ms */
		   "9000,2250,957.427107756,3000,1000,"		/* 2 1 3 3 */
		   "7000,3500,707.106781187,4000,3000,"		/* 4 3 */
		   "1,1,0,0,100,60,555.555555556,333.333333333,"
		   "0,200,37.5,74.402380914,5535.714286,"
		   "2,2,0,2,7,0,0,0,0.6,37.5,20,66.666666667,"
		   ",,,,,,5,100,3,200,1000,1000,1,20,,,,,,,,,\n");
	assert_row(t, f, &schema_netflow,
		   "10.0.0.1,4000,10.0.0.2,9999,6,,300,5,320,3,27,27,27,9,9,7,64,64,"
		   "240,40,40,240,33333.333333,35555.555556,0,0,0,0,266666.666667,284444.444444,"
		   "6,2,0,0,0,1000,1000,,,,,,,,\n");
	assert_row(t, f, &schema_netflow_v3,
		   "1700000000000,1700000000009,"
		   "10.0.0.1,4000,10.0.0.2,9999,6,,300,5,320,3,27,27,27,9,9,7,64,64,"
		   "240,40,40,240,33333.333333,35555.555556,0,0,0,0,266666.666667,284444.444444,"
		   "6,2,0,0,0,1000,1000,,,,,,,"
		   "1,3,2.25,0.829156198,3,4,3.5,0.5,,\n");
	flow_table_free(t);
}

static void test_one_packet(void **state)
{
	struct flow_table *t = table();
	struct frame f;
	struct flow *fl;

	frame_udp(&f, A, 1000, B, 2000, NULL, 72);
	fl = add(t, &f, START + 1234567);
	assert_row(t, fl, &schema_cic,
		   "10.0.0.1-10.0.0.2-1000-2000-17,10.0.0.1,1000,10.0.0.2,2000,17,"
		   "2023-11-14 22:13:20.001234,0,1,0,72,0,72,72,72,0,,,,,"
		   ",,,,,,,,,,,,,,,,0,0,0,0,8,0,,,72,72,72,0,0,0,0,0,0,0,0,0,0,"
		   "0,72,72,,,,,,,,1,72,0,0,,,1,8,,,,,,,,,\n");
	assert_row(t, fl, &schema_netflow,
		   "10.0.0.1,1000,10.0.0.2,2000,17,,100,1,0,0,0,0,0,0,0,,64,64,"
		   "100,100,100,100,,,0,0,0,0,,,1,0,0,0,0,,,,,,,,,,\n");
	assert_row(t, fl, &schema_netflow_v3,
		   "1700000000001.234567,1700000000001.234567,"
		   "10.0.0.1,1000,10.0.0.2,2000,17,,100,1,0,0,0,0,0,0,0,,64,64,"
		   "100,100,100,100,,,0,0,0,0,,,1,0,0,0,0,,,,,,,,,,,,,,,,,,\n");
	flow_table_free(t);
}

static void test_icmp(void **state)
{
	struct flow_table *t = table();
	struct frame f;
	struct flow *fl;

	frame_icmp(&f, A, B, 8, 0, NULL, 56);
	fl = add(t, &f, START);
	frame_icmp(&f, B, A, 0, 0, NULL, 56);
	assert_ptr_equal(add(t, &f, START + 500000), fl);
	assert_field(t, fl, &schema_cic, "Flow ID", "10.0.0.1-10.0.0.2---1");
	assert_field(t, fl, &schema_cic, "Src Port", "");
	assert_field(t, fl, &schema_cic, "Dst Port", "");
	assert_field(t, fl, &schema_cic, "Protocol", "1");
	assert_field(t, fl, &schema_cic, "Flow Duration", "500");
	assert_field(t, fl, &schema_cic, "Fwd Header Length", "8");
	assert_field(t, fl, &schema_cic, "Bwd IAT Total", "");
	assert_field(t, fl, &schema_cic, "Bwd Init Win Bytes", "");
	assert_field(t, fl, &schema_netflow, "L4_DST_PORT", "");
	assert_field(t, fl, &schema_netflow, "FLOW_DURATION_MILLISECONDS", "0.5");
	assert_field(t, fl, &schema_netflow, "ICMP_TYPE", "2048");
	assert_field(t, fl, &schema_netflow, "ICMP_IPV4_TYPE", "8");
	frame_icmp(&f, "fd00::1", "fd00::2", 136, 0, NULL, 16);
	fl = add(t, &f, START);
	assert_field(t, fl, &schema_netflow, "IPV4_SRC_ADDR", "fd00::1");
	assert_field(t, fl, &schema_netflow, "ICMP_TYPE", "34816");
	assert_field(t, fl, &schema_netflow, "ICMP_IPV4_TYPE", "");
	flow_table_free(t);
}

static void test_labels(void **state)
{
	const struct activity_label attack = { .class = "bruteforce", .attack = true };
	const struct activity_label benign = { .class = "benign" };
	struct flow_table *t = table();
	struct flow *f = tcp(t, 0, false, TCP_SYN, 100, 0, 0);
	static const struct {
		const char *class, *cic, *label, *name;
		bool with_activity;
	} cases[] = {
		{ NULL, "", "", "", false },
		{ "benign", "BENIGN", "0", "Benign", false },
		{ "benign", "BENIGN", "0", "Benign", true },
		{ "bruteforce", "bruteforce", "1", "bruteforce", false },
		{ "bruteforce", "bruteforce", "1", "bruteforce", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool bad = !strcmp(cases[i].label, "1");

		f->class = cases[i].class;
		f->activity = !cases[i].with_activity ? NULL : bad ? &attack : &benign;
		assert_field(t, f, &schema_cic, "Label", cases[i].cic);
		assert_field(t, f, &schema_netflow, "Label", cases[i].label);
		assert_field(t, f, &schema_netflow, "Attack", cases[i].name);
		assert_field(t, f, &schema_netflow_v3, "Label", cases[i].label);
		assert_field(t, f, &schema_netflow_v3, "Attack", cases[i].name);
	}
	flow_table_free(t);
}

/* Captures of several interfaces are not always in order, and a file's times can be anything. */
static void test_clock(void **state)
{
	struct flow_table *t = table();
	struct flow *f = tcp(t, 10, false, TCP_SYN, 100, 0, 0);
	struct frame frame;

	tcp(t, 4, false, TCP_ACK, 101, 1, 10);
	tcp(t, 12, false, TCP_ACK, 111, 1, 10);
	assert_field(t, f, &schema_cic, "Flow Duration", "2000");
	assert_field(t, f, &schema_cic, "Flow IAT Max", "2000");
	assert_field(t, f, &schema_cic, "Flow IAT Min", "0");
	assert_field(t, f, &schema_cic, "Fwd IAT Total", "2000");
	assert_field(t, f, &schema_netflow_v3, "SRC_TO_DST_IAT_AVG", "1");
	flow_table_free(t);

	t = table();
	frame_udp(&frame, A, 1, B, 2, NULL, 1);
	f = add(t, &frame, INT64_MIN);
	for (int i = 0; three[i]; i++)
		free(text_of(t, f, three[i]));
	f = add(t, &frame, INT64_MAX);
	for (int i = 0; three[i]; i++)
		free(text_of(t, f, three[i]));
	flow_table_free(t);
	assert_true(series_gap(INT64_MIN, INT64_MAX) == INT64_MAX);
	assert_true(series_gap(INT64_MAX, INT64_MIN) == 0);
}

/* Where the capture holds no TCP header, flags and windows are unknown and not 0. */
static void test_cut_short(void **state)
{
	struct flow_table *t = table();
	struct frame frame;
	struct flow *f;

	frame_tcp(&frame, A, 1, B, 2, TCP_PSH | TCP_ACK, 1, 1, NULL, 500);
	f = add_cut(t, &frame, START, 14 + 20 + 4);
	assert_field(t, f, &schema_cic, "Total Length of Fwd Packet", "500");
	assert_field(t, f, &schema_cic, "PSH Flag Count", "");
	assert_field(t, f, &schema_cic, "Fwd PSH Flags", "");
	assert_field(t, f, &schema_cic, "FWD Init Win Bytes", "");
	assert_field(t, f, &schema_netflow, "TCP_FLAGS", "");
	assert_field(t, f, &schema_netflow, "CLIENT_TCP_FLAGS", "");
	assert_field(t, f, &schema_netflow, "SERVER_TCP_FLAGS", "0");
	assert_field(t, f, &schema_netflow, "TCP_WIN_MAX_IN", "");
	flow_table_free(t);
}

static uint32_t by_last_byte(void *arg, uint8_t family, const uint8_t *ip)
{
	return ip[3];
}

static void test_begins_anew_at_its_true_vantage(void **state)
{
	const struct flow_opts opts = { .schemas = three, .vantage = by_last_byte };
	struct flow_table *t = flow_table_new(&opts, NULL);
	struct flow_packet p = { .ts = START, .iface = 7 };
	struct frame frame;
	struct flow *f;

	assert_non_null(t);
	frame_udp(&frame, A, 1, B, 2, NULL, 10);
	p.data = frame.d;
	p.len = p.caplen = frame.len;
	assert_int_equal(flow_table_add(t, &p, &f), 1);
	assert_field(t, f, &schema_cic, "Total Fwd Packet", "1");
	p.iface = 1;
	p.ts += MS;
	assert_int_equal(flow_table_add(t, &p, &f), 1);
	assert_field(t, f, &schema_cic, "Total Fwd Packet", "1");
	assert_field(t, f, &schema_cic, "Total Length of Fwd Packet", "10");
	assert_field(t, f, &schema_cic, "Flow IAT Mean", "");
	assert_field(t, f, &schema_netflow_v3, "SRC_TO_DST_IAT_MIN", "");
	assert_field(t, f, &schema_netflow_v3, "NUM_PKTS_UP_TO_128_BYTES", "1");
	flow_table_free(t);
}

static void test_series(void **state)
{
	static const int64_t values[] = { 1000000007, 1000000003, 1000000009, 1000000001 };
	struct series all = { 0 }, part[2] = { { 0 }, { 0 } }, merged;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		series_add(&all, values[i]);
		series_add(&part[i / 3], values[i]);
	}
	/* 7, 3, 9, 1 around 5: squares 4, 4, 16, 16 */
	assert_true(all.mean == 1000000005 && all.min == 1000000001 && all.max == 1000000009);
	assert_float_equal(series_var(&all), 40.0 / 3, 1e-9);
	assert_float_equal(series_var_all(&all), 10, 1e-9);
	merged = series_merge(&part[0], &part[1]);
	assert_true(merged.n == 4 && merged.min == all.min && merged.max == all.max);
	assert_float_equal(merged.mean, all.mean, 1e-6);
	assert_float_equal(series_var(&merged), 40.0 / 3, 1e-6);
	merged = series_merge(&(struct series){ 0 }, &all);
	assert_memory_equal(&merged, &all, sizeof(all));
	merged = series_merge(&all, &(struct series){ 0 });
	assert_memory_equal(&merged, &all, sizeof(all));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_tcp_that_both_ends_close),
		cmocka_unit_test(test_one_packet),
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_begins_anew_at_its_true_vantage),
		cmocka_unit_test(test_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
