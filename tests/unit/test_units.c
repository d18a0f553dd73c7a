/* Units: tables of what is read and what is refused, and that all that is written reads back. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "core/cleanup.h"
#include "core/rng.h"
#include "core/units.h"

static void test_time(void **state)
{
	static const struct {
		const char *s;
		int64_t ns;
	} good[] = {
		{"60ms", 60000000},   {"1.5s", 1500000000},    {"250us", 250000},
		{"2min", 120000000000}, {"1h", 3600000000000}, {"7ns", 7},
		{"0", 0},	      {"0s", 0},	       {"0.0", 0},
		{".5s", 500000000},   {"0.1s", 100000000},     {"1.50us", 1500},
		{"0.000000001s", 1},  {"9223372036854775807ns", INT64_MAX},
	};
	static const char *const bad[] = {
		"", "5", "s", "-1s", "5 ms", "5m", "5MS", "1e3s", "1..5s", "1.s", "0.5ns", " 5s",
		"5s ", "9223372036854775808ns", "2562048h", "99999999999999999999999s", "0x5s",
		"inf", "nan",
		"5ss", "1,5s", "0.0000000000000000000000001s", "--5s",
	};
	const char *why;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		int64_t ns = -1;

		assert_int_equal(units_parse_time(good[i].s, &ns, &why), 0);
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int64_t ns = -77;

		why = NULL;
		if (units_parse_time(bad[i], &ns, &why) != -EINVAL)
			fail_msg("time '%s' was read", bad[i]);
		assert_non_null(why);
		assert_int_equal(ns, -77);
	}
}

static void test_rate(void **state)
{
	static const struct {
		const char *s;
		uint64_t bps;
	} good[] = {
		{"50mbit", 50000000}, {"1gbit", 1000000000}, {"64kbit", 64000}, {"800bit", 800},
		{"1.5Mbit", 1500000}, {"2.5gbit", 2500000000}, {"1tbit", 1000000000000},
	};
	static const char *const bad[] = {
		"", "0", "0mbit", "50", "50mbps", "50m", "-1mbit", "0.5bit", "99999999999tbit",
		"mbit", "1.0001bit", "50mbit/s",
	};
	const char *why;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint64_t v = 0;

		assert_int_equal(units_parse_rate(good[i].s, &v, &why), 0);
		assert_int_equal(v, good[i].bps);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t v = 77;

		why = NULL;
		if (units_parse_rate(bad[i], &v, &why) != -EINVAL)
			fail_msg("rate '%s' was read", bad[i]);
		assert_non_null(why);
		assert_int_equal(v, 77);
	}
}

static void test_size(void **state)
{
	static const struct {
		const char *s;
		uint64_t bytes;
	} good[] = {
		{"256KiB", 262144}, {"1MiB", 1048576}, {"64kB", 64000}, {"1500", 1500},
		{"1500B", 1500},    {"0", 0},	       {"1.5KiB", 1536}, {"10MB", 10000000},
		{"1TiB", 1ull << 40}, {"18446744073709551615", UINT64_MAX},
	};
	static const char *const bad[] = {
		"", "1K", "1KB", "1kb", "1.5B", "-1", "1 MiB", "18446744073709551616",
		"99999999TiB", "MiB", "1m",
	};
	const char *why;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint64_t v = 77;

		assert_int_equal(units_parse_size(good[i].s, &v, &why), 0);
		assert_int_equal(v, good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t v = 77;

		why = NULL;
		if (units_parse_size(bad[i], &v, &why) != -EINVAL)
			fail_msg("size '%s' was read", bad[i]);
		assert_non_null(why);
		assert_int_equal(v, 77);
	}
}

static void test_share(void **state)
{
	static const char *const bad[] = {"", "50", "0.5", "101%", "-1%", "50%%", "%", "50 %",
					  "100.000000000000001%", "101.0%", "0.00000000001%"};
	const char *why;
	double v = -1;

	assert_int_equal(units_parse_share("50%", false, &v, &why), 0);
	assert_true(v == 0.5);
	assert_int_equal(units_parse_share("0.1%", false, &v, &why), 0);
	assert_true(v == 0.001);
	assert_int_equal(units_parse_share("100%", false, &v, &why), 0);
	assert_true(v == 1);
	assert_int_equal(units_parse_share("0", false, &v, &why), 0);
	assert_true(v == 0);
	assert_int_equal(units_parse_share("250%", true, &v, &why), 0);
	assert_true(v == 2.5);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (units_parse_share(bad[i], false, &v, &why) != -EINVAL)
			fail_msg("share '%s' was read", bad[i]);
	assert_true(v == 2.5);
}

static void test_number(void **state)
{
	static const char *const bad[] = {"", "-", "1e5", "0x10", "nan", "inf", "1,5", "5s", "--1"};
	const char *why;
	double v = 0;

	assert_int_equal(units_parse_number("0.1", &v, &why), 0);
	assert_true(v == 0.1);
	assert_int_equal(units_parse_number("-2.5", &v, &why), 0);
	assert_true(v == -2.5);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (units_parse_number(bad[i], &v, &why) != -EINVAL)
			fail_msg("number '%s' was read", bad[i]);
	assert_true(v == -2.5);
}

static void test_uint_and_bool(void **state)
{
	const char *why = NULL;
	uint64_t v = 77;
	bool b = false;

	assert_int_equal(units_parse_uint("42", 1, 100, &v, &why), 0);
	assert_int_equal(v, 42);
	assert_int_equal(units_parse_uint("18446744073709551615", 0, UINT64_MAX, &v, &why), 0);
	assert_int_equal(v, UINT64_MAX);
	v = 77;
	assert_int_equal(units_parse_uint("101", 1, 100, &v, &why), -EINVAL);
	assert_string_equal(why, "must be from 1 to 100");
	assert_int_equal(units_parse_uint("18446744073709551616", 0, UINT64_MAX, &v, &why),
			 -EINVAL);
	assert_int_equal(units_parse_uint("-1", 0, 9, &v, &why), -EINVAL);
	assert_int_equal(units_parse_uint("1x", 0, 9, &v, &why), -EINVAL);
	assert_int_equal(units_parse_uint("", 0, 9, &v, &why), -EINVAL);
	assert_int_equal(units_parse_uint(" 1", 0, 9, &v, &why), -EINVAL);
	assert_int_equal(v, 77);

	assert_int_equal(units_parse_bool("yes", &b, &why), 0);
	assert_true(b);
	assert_int_equal(units_parse_bool("off", &b, &why), 0);
	assert_false(b);
	assert_int_equal(units_parse_bool("1", &b, &why), 0);
	assert_true(b);
	assert_int_equal(units_parse_bool("Yes", &b, &why), -EINVAL);
	assert_int_equal(units_parse_bool("", &b, &why), -EINVAL);
	assert_true(b);
}

static void test_format(void **state)
{
	char buf[64];

	assert_string_equal(units_format_time(buf, sizeof(buf), 0), "0s");
	assert_string_equal(units_format_time(buf, sizeof(buf), 60000000), "60ms");
	assert_string_equal(units_format_time(buf, sizeof(buf), 1500000000), "1.5s");
	assert_string_equal(units_format_time(buf, sizeof(buf), 60000000000), "60s");
	assert_string_equal(units_format_time(buf, sizeof(buf), 3600000000000), "1h");
	assert_string_equal(units_format_rate(buf, sizeof(buf), 50000000), "50mbit");
	assert_string_equal(units_format_rate(buf, sizeof(buf), 1500), "1500bit");
	assert_string_equal(units_format_size(buf, sizeof(buf), 262144), "256KiB");
	assert_string_equal(units_format_size(buf, sizeof(buf), 1500), "1500B");
	assert_string_equal(units_format_size(buf, sizeof(buf), 0), "0B");
	assert_string_equal(units_format_size(buf, sizeof(buf), 64000), "64kB");
	assert_string_equal(units_format_share(buf, sizeof(buf), 0), "0%");
	assert_string_equal(units_format_share(buf, sizeof(buf), 0.5), "50%");
	assert_string_equal(units_format_share(buf, sizeof(buf), 0.001), "0.1%");
	assert_string_equal(units_format_share(buf, sizeof(buf), 2), "200%");
	assert_string_equal(units_format_share(buf, sizeof(buf), 0.000123), "0.0123%");
	assert_string_equal(units_format_share(buf, sizeof(buf), 1e-12), "0.0000000001%");
	assert_string_equal(units_format_share(buf, sizeof(buf), 1.0 / 3), "33.3333333333%");
	assert_string_equal(units_human_size(buf, sizeof(buf), 999), "999 B");
	assert_string_equal(units_human_size(buf, sizeof(buf), 1234567), "1.2 MB");
	assert_string_equal(units_human_size(buf, sizeof(buf), 999999), "1.0 MB");
	assert_string_equal(units_human_size(buf, sizeof(buf), UINT64_MAX), "18.4 EB");
	assert_string_equal(units_human_time(buf, sizeof(buf), 14300000000), "14.3 s");
	assert_string_equal(units_human_time(buf, sizeof(buf), 12000000), "12 ms");
	assert_string_equal(units_human_time(buf, sizeof(buf), 150000000000), "2 min 30 s");
}

/* Numbers of every magnitude, drawn, and the round ones among them. */
static uint64_t draw_value(struct rng *r, int i)
{
	uint64_t v = rng_u64(r) >> rng_below(r, 64);

	for (int k = i % 12; k > 0 && v <= UINT64_MAX / 10; k--)
		v *= 10;
	return v;
}

static void test_formats_read_back(void **state)
{
	const char *why;
	struct rng r;
	char buf[64];

	rng_open(&r, 1, "units");
	for (int i = 0; i < 100000; i++) {
		uint64_t v = draw_value(&r, i), back = ~v;
		int64_t ns = v >> 1, ns_back = -1;

		units_format_size(buf, sizeof(buf), v);
		assert_int_equal(units_parse_size(buf, &back, &why), 0);
		assert_int_equal(back, v);
		units_format_time(buf, sizeof(buf), ns);
		assert_int_equal(units_parse_time(buf, &ns_back, &why), 0);
		assert_int_equal(ns_back, ns);
		if (!v)
			continue;
		back = 0;
		units_format_rate(buf, sizeof(buf), v);
		assert_int_equal(units_parse_rate(buf, &back, &why), 0);
		assert_int_equal(back, v);
	}
}

static void test_clocks(void **state)
{
	int64_t a = units_now_mono(), b = units_now_mono();

	assert_true(a > 0 && b >= a);
	assert_true(units_now_real() > 1600000000 * NSEC_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time),   cmocka_unit_test(test_rate),
		cmocka_unit_test(test_size),   cmocka_unit_test(test_share),
		cmocka_unit_test(test_number), cmocka_unit_test(test_uint_and_bool),
		cmocka_unit_test(test_format), cmocka_unit_test(test_formats_read_back),
		cmocka_unit_test(test_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
