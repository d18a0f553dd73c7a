/* Zeek's conn.log: its header, each column of a row, and what stands for an unknown value. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "capture/flow/packet.h"
#include "capture/flow/schema.h"
#include "core/units.h"
#include "tests/lib/frames.h"

#define COLUMNS 22

struct log {
	struct flow_table *table;
	char *text;
	size_t size;
	FILE *f;
};

static void log_open(struct log *l)
{
	memset(l, 0, sizeof(*l));
	l->table = flow_table_new(NULL, NULL);
	l->f = open_memstream(&l->text, &l->size);
	assert_true(l->table && l->f);
}

static void log_free(struct log *l)
{
	flow_table_free(l->table);
	free(l->text);
}

static void add(struct log *l, int64_t ts, const struct frame *f)
{
	struct flow_packet p = { .ts = ts, .caplen = f->len, .len = f->len, .data = f->d };

	assert_int_equal(flow_table_add(l->table, &p, NULL), 1);
}

static int write_row(void *arg, const struct flow *f)
{
	struct log *l = arg;

	return schema_zeek.row(flow_schema_state(l->table, f, &schema_zeek), f, NULL, l->f);
}

/* The rows, with uid and community_id cut out, for these are other tests' business. */
static void check_row(struct log *l, const char *want)
{
	char got[512] = "", *line, *field;
	int n = 0;

	assert_int_equal(flow_table_each(l->table, write_row, l), 0);
	fclose(l->f);
	line = l->text;
	assert_int_equal(line[l->size - 1], '\n');
	line[l->size - 1] = '\0';
	assert_null(strchr(line, '\n'));
	while ((field = strsep(&line, "\t"))) {
		n++;
		if (n == 2)
			assert_true(strlen(field) == 18 && *field == 'C');
		else if (n == COLUMNS)
			assert_true(!strncmp(field, "1:", 2) && strlen(field) == 30);
		else
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", field);
	}
	assert_int_equal(n, COLUMNS);
	assert_string_equal(got, want);
}

static void test_header(void **state)
{
	static const char *const starts[] = { "#separator \\x09", "#set_separator\t,",
					      "#empty_field\t(empty)", "#unset_field\t-", "#path\tconn",
					      "#open\t2", "#fields\tts\tuid\tid.orig_h",
					      "#types\ttime\tstring\taddr", "#close\t2" };
	struct log l;
	char *line, *rest;

	log_open(&l);
	assert_int_equal(schema_zeek.header(l.f), 0);
	assert_int_equal(schema_zeek.footer(l.f), 0);
	fclose(l.f);
	rest = l.text;
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		int tabs = 0;

		line = strsep(&rest, "\n");
		assert_non_null(line);
		if (strncmp(line, starts[i], strlen(starts[i])))
			fail_msg("line %zu is: %s", i, line);
		for (const char *p = line; *p; p++)
			tabs += *p == '\t';
		if (i == 6 || i == 7)
			assert_int_equal(tabs, COLUMNS);
		if (i == 5 || i == 8) { /* #open 2026-01-31-12-59-59 */
			int d[6], end = 0;

			assert_int_equal(sscanf(strchr(line, '\t'), "\t%4d-%2d-%2d-%2d-%2d-%2d%n", &d[0],
						&d[1], &d[2], &d[3], &d[4], &d[5], &end), 6);
			assert_int_equal(strchr(line, '\t')[end], '\0');
		}
	}
	assert_string_equal(rest, "");
	log_free(&l);
}

static void test_tcp(void **state)
{
	struct frame f;
	struct log l;

	log_open(&l);
	frame_tcp(&f, "10.0.0.1", 4000, "10.0.0.2", 80, TCP_SYN, 100, 0, NULL, 0);
	add(&l, 1700000000123456499, &f); /* rounded to the nearest µs, as %.6f does */
	frame_tcp(&f, "10.0.0.2", 80, "10.0.0.1", 4000, TCP_SYN | TCP_ACK, 500, 101, NULL, 0);
	add(&l, 1700000000200000000, &f);
	frame_tcp(&f, "10.0.0.1", 4000, "10.0.0.2", 80, TCP_ACK, 111, 501, "GET / HTTP/1.0", 14);
	add(&l, 1700000000300000000, &f);
	frame_tcp(&f, "10.0.0.2", 80, "10.0.0.1", 4000, TCP_ACK, 501, 125, NULL, 0);
	add(&l, 1700000001623457000, &f);
	check_row(&l, "1700000000.123456 10.0.0.1 4000 10.0.0.2 80 tcp http 1.500001 24 0 S1 - - 10 ShDaG "
		      "2 94 2 80 - ");
	log_free(&l);
}

static void test_no_time(void **state)
{
	struct frame f;
	struct log l;

	log_open(&l);
	frame_udp(&f, "fd00::1", 5000, "fd00::2", 6000, "abc", 3);
	add(&l, 1700000000999999500, &f);
	check_row(&l, "1700000001.000000 fd00::1 5000 fd00::2 6000 udp - - - - S0 - - 0 D 1 51 0 0 - ");
	log_free(&l);
}

static void test_icmp(void **state)
{
	struct frame f;
	struct log l;

	log_open(&l);
	frame_icmp(&f, "10.0.0.1", "10.0.0.255", 8, 0, "ping", 4);
	add(&l, -1500000, &f);
	frame_icmp(&f, "10.0.0.255", "10.0.0.1", 0, 0, "ping", 4);
	add(&l, 0, &f);
	check_row(&l, "-0.001500 10.0.0.1 8 10.0.0.255 0 icmp - 0.001500 4 4 OTH - - 0 - 1 32 1 32 - ");
	log_free(&l);
}

static void test_other_protocol(void **state)
{
	struct frame f;
	struct log l;

	log_open(&l);
	frame_ip(&f, 47, "10.0.0.1", "10.0.0.2"); /* GRE */
	frame_ip_end(&f);
	add(&l, 1000000000, &f);
	check_row(&l, "1.000000 10.0.0.1 0 10.0.0.2 0 unknown_transport - - - - OTH - - 0 - 1 20 0 0 - ");
	log_free(&l);
}

static void test_table(void **state)
{
	assert_ptr_equal(flow_schema_find("zeek"), &schema_zeek);
	assert_ptr_equal(flow_schema_find("detnet"), &schema_detnet);
	assert_null(flow_schema_find("zee"));
	for (size_t i = 0; flow_schemas[i]; i++) {
		assert_ptr_equal(flow_schema_find(flow_schemas[i]->name), flow_schemas[i]);
		assert_true(*flow_schemas[i]->brief && *flow_schemas[i]->file);
	}
}

static void test_addresses(void **state)
{
	static const char *const texts[] = { "0.0.0.0", "1.20.255.100", "255.255.255.255", "10.9.99.109" };
	char buf[FLOW_ADDR_SIZE];
	uint8_t ip[16];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(inet_pton(AF_INET, texts[i], ip), 1);
		assert_string_equal(flow_addr_text(AF_INET, ip, buf), texts[i]);
	}
	assert_int_equal(inet_pton(AF_INET6, "fd00::a:1", ip), 1);
	assert_string_equal(flow_addr_text(AF_INET6, ip, buf), "fd00::a:1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_no_time),
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_other_protocol),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
