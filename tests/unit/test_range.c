/* Ranges in names, and lists of strings. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "core/range.h"

static void test_good(void **state)
{
	static const struct {
		const char *text, *names;
	} cases[] = {
		{"h1", "h1"},
		{"h{1..3}", "h1 h2 h3"},
		{"s{1..2}p{1..3}", "s1p1 s1p2 s1p3 s2p1 s2p2 s2p3"},
		{"h{08..11}x", "h08x h09x h10x h11x"},
		{"{01..3}", "01 02 03"},
		{"{0..1}", "0 1"},
		{"{1..03}", "01 02 03"},
		{"h{5..5}", "h5"},
		{" a\tb\nc{1..2}  ", "a b c1 c2"},
		{"", ""},
		{"  ", ""},
		{"h{999999998..999999999}", "h999999998 h999999999"},
		{"{1..2}{1..2}", "11 12 21 22"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strv_ struct strv v = {0};
		char joined[256] = "";
		const char *why = NULL;

		assert_int_equal(range_expand(cases[i].text, &v, &why), 0);
		for (size_t k = 0; k < v.n; k++) {
			strcat(joined, k ? " " : "");
			strcat(joined, v.s[k]);
		}
		assert_string_equal(joined, cases[i].names);
		if (v.s)
			assert_null(v.s[v.n]);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"h{1..3", "h1..3}", "h{3..1}", "h{}", "h{1}", "h{1..}", "h{..3}", "h{a..c}",
		"h{1,3}",
		"h{1..3..5}", "h{-1..3}",
		"h{1..0000000000}", "h{1..1000000000}", "h{1..100001}",
		"{1..1000}{1..101}", "h{{1..2}}", "h{1..2}}", "{1..60000} {1..60000}", "h{1 ..2}",
		"h{1...2}", "{",  "}", "a b{", "{1..99999}{1..99999}{1..99999}{1..99999}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_strv_ struct strv v = {0};
		const char *why = NULL;

		assert_int_equal(strv_add(&v, "before"), 0);
		if (range_expand(bad[i], &v, &why) != -EINVAL)
			fail_msg("'%s' was expanded", bad[i]);
		assert_non_null(why);
		assert_int_equal(v.n, 1); /* as it was */
		assert_string_equal(v.s[0], "before");
		assert_null(v.s[1]);
	}
}

static void test_largest(void **state)
{
	_cleanup_strv_ struct strv v = {0};
	const char *why;

	assert_int_equal(range_expand("h{1..100000}", &v, &why), 0);
	assert_int_equal(v.n, RANGE_MAX);
	assert_string_equal(v.s[99999], "h100000");
	assert_null(v.s[v.n]);
}

static void test_long_word(void **state)
{
	_cleanup_strv_ struct strv v = {0};
	char word[1000];
	const char *why;

	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_int_equal(range_expand(word, &v, &why), 0); /* a plain word may be long */
	assert_string_equal(v.s[0], word);
	memcpy(word, "{1..9}", 6);
	assert_int_equal(range_expand(word, &v, &why), -EINVAL);
	assert_int_equal(v.n, 1);
}

static void test_strv(void **state)
{
	_cleanup_strv_ struct strv v = {0};

	for (int i = 0; i < 100; i++) {
		assert_int_equal(strv_addf(&v, "n%d", i), 0);
		assert_null(v.s[v.n]);
	}
	assert_int_equal(v.n, 100);
	assert_string_equal(v.s[0], "n0");
	assert_string_equal(v.s[99], "n99");
	strv_free(&v);
	assert_int_equal(v.n, 0);
	assert_null(v.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	  cmocka_unit_test(test_bad),
		cmocka_unit_test(test_largest),	  cmocka_unit_test(test_long_word),
		cmocka_unit_test(test_strv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
