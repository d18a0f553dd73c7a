/* Community IDs against the values that corelight/community-id-spec publishes; uids. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>
#include "capture/flow/flow.h"

static const struct {
	uint8_t proto;
	const char *orig;
	uint16_t orig_port;
	const char *resp;
	uint16_t resp_port;
	const char *id;
} rows[] = {
	{ IPPROTO_TCP, "128.232.110.120", 34855, "66.35.250.204", 80,
	  "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
	{ IPPROTO_TCP, "66.35.250.204", 80, "128.232.110.120", 34855,
	  "1:LQU9qZlK+B5F3KDmev6m5PMibrg=" },
	{ IPPROTO_UDP, "192.168.1.52", 54585, "8.8.8.8", 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=" },
	{ IPPROTO_ICMP, "192.168.0.89", 8, "192.168.0.1", 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=" },
	{ IPPROTO_ICMPV6, "fe80::200:86ff:fe05:80da", 135, "fe80::260:97ff:fe07:69ea", 136,
	  "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=" },
	{ IPPROTO_SCTP, "192.168.170.8", 7, "192.168.170.56", 80,
	  "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=" },
};

static struct flow make(size_t i)
{
	struct flow f = { .proto = rows[i].proto };

	f.family = strchr(rows[i].orig, ':') ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(f.family, rows[i].orig, f.orig.ip), 1);
	assert_int_equal(inet_pton(f.family, rows[i].resp, f.resp.ip), 1);
	f.orig.port = rows[i].orig_port;
	f.resp.port = rows[i].resp_port;
	return f;
}

static void test_published(void **state)
{
	char buf[32];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct flow f = make(i);

		flow_community_id(&f, buf);
		assert_string_equal(buf, rows[i].id);
	}
}

static void test_one_way_icmp_keeps_its_direction(void **state)
{
	struct flow f = make(3);
	char a[32], b[32];

	f.orig.port = 3; /* unreachable, of a port */
	f.resp.port = 3;
	memset(&f.orig.ip, 9, 4);
	memset(&f.resp.ip, 8, 4);
	flow_community_id(&f, b);
	memset(&f.orig.ip, 8, 4);
	memset(&f.resp.ip, 9, 4);
	flow_community_id(&f, a);
	assert_string_not_equal(a, b);
}

static void test_uid(void **state)
{
	struct flow f = make(0), g = make(0);
	char a[19], b[19];

	flow_uid(&f, a);
	assert_int_equal(strlen(a), 18);
	assert_int_equal(a[0], 'C');
	assert_int_equal(strspn(a, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz"), 18);
	flow_uid(&g, b);
	assert_string_equal(a, b);
	g.first = 1;
	flow_uid(&g, b);
	assert_string_not_equal(a, b);
	g = make(1);
	flow_uid(&g, b);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_one_way_icmp_keeps_its_direction),
		cmocka_unit_test(test_uid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
