/* DNS messages: what is read of them, and that none that is cut short or forged leads astray. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "capture/flow/dns.h"
#include "core/cleanup.h"

/* One question (a.b, A), a CNAME and two addresses, whose names point back at the question's. */
static const uint8_t answer[] =
	"\x12\x34\x81\x80\0\1\0\3\0\0\0\0"
	"\1a\1b\0\0\1\0\1"
	"\xc0\x0c\0\5\0\1\0\0\0\x3c\0\4\1c\xc0\x0e"
	"\xc0\x1f\0\1\0\1\0\1\x51\x80\0\4\x0a\0\0\1"
	"\xc0\x1f\0\1\0\1\0\0\0\1\0\4\x0a\0\0\2";
#define ANSWER_LEN (sizeof(answer) - 1)

static void test_answer(void **state)
{
	struct dns_message m;

	assert_true(dns_parse(answer, ANSWER_LEN, &m));
	assert_int_equal(m.id, 0x1234);
	assert_true(m.response && m.has_question && m.has_ttl);
	assert_int_equal(m.type, 1);
	assert_int_equal(m.ttl, 86400);
}

static void test_query(void **state)
{
	uint8_t d[ANSWER_LEN];
	struct dns_message m;

	memcpy(d, answer, sizeof(d));
	d[2] = 0x01; /* a query says nothing of TTLs, whatever its counts claim */
	d[18] = 28;
	assert_true(dns_parse(d, sizeof(d), &m));
	assert_true(!m.response && m.has_question && !m.has_ttl);
	assert_int_equal(m.type, 28);
}

/* Each cut is a message of its own, at the end of its memory, so that a read behind it is seen. */
static void test_cut_short(void **state)
{
	for (size_t n = 0; n <= ANSWER_LEN; n++) {
		_cleanup_free_ uint8_t *d = malloc(n ? n : 1);
		struct dns_message m;

		assert_non_null(d);
		memcpy(d, answer, n);
		if (n < 12) {
			assert_false(dns_parse(d, n, &m));
			continue;
		}
		assert_true(dns_parse(d, n, &m));
		assert_int_equal(m.has_question, n >= 12 + 9);
		/* The record counts as soon as its TTL and length are there. */
		assert_int_equal(m.has_ttl, n >= 12 + 9 + 16 + 12);
	}
}

static void test_forged(void **state)
{
	uint8_t d[64];
	struct dns_message m;

	memset(d, 0xff, sizeof(d)); /* 65,535 of everything, names that point anywhere */
	assert_true(dns_parse(d, sizeof(d), &m));
	memset(d, 0, sizeof(d));
	d[2] = 0x80;
	d[7] = 200; /* answers that are all root, type 0, no data */
	assert_true(dns_parse(d, sizeof(d), &m));
	assert_true(!m.has_question && !m.has_ttl);
	d[5] = 1;
	memset(d + 12, 63, sizeof(d) - 12); /* a name that ends outside */
	assert_true(dns_parse(d, sizeof(d), &m));
	assert_false(m.has_question);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_forged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
