/* Errors: return values, classes, text, the limit, and the nearest word. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "core/err.h"

static void test_returns_and_text(void **state)
{
	_cleanup_err_ struct err e = {0};
	_cleanup_free_ char *text = NULL;

	assert_int_equal(err_exit(&e), 0);
	assert_int_equal(err_at(&e, "a.ini", 3, "bad %s", "key"), -EINVAL);
	assert_int_equal(err_usage(&e, "no file"), -EINVAL);
	assert_int_equal(err_missing(&e, "no nginx"), -EOPNOTSUPP);
	assert_int_equal(err_missing_at(&e, "a.ini", 9, "no netem"), -EOPNOTSUPP);
	assert_int_equal(err_failed(&e, "broke"), -EIO);
	assert_int_equal(err_integrity(&e, "drops"), -EIO);
	assert_int_equal(err_sys(&e, ENOENT, "open %s", "x"), -ENOENT);
	assert_int_equal(err_sys(&e, 99999, "odd"), -99999);
	assert_int_equal(err_at(&e, "b.ini", 0, "empty"), -EINVAL);
	text = err_text(&e);
	assert_string_equal(text, "a.ini:3: bad key\nno file\nno nginx\na.ini:9: no netem\n"
				  "broke\ndrops\nopen x: No such file or directory\n"
				  "odd: error 99999\nb.ini: empty\n");
	assert_int_equal(err_exit(&e), ERR_USAGE);
}

static void test_first_class_decides(void **state)
{
	_cleanup_err_ struct err a = {0}, b = {0}, c = {0};

	err_missing(&a, "x");
	err_usage(&a, "y");
	assert_int_equal(err_exit(&a), 3);
	err_integrity(&b, "x");
	assert_int_equal(err_exit(&b), 4);
	err_sys(&c, EIO, "x");
	assert_int_equal(err_exit(&c), 1);
}

static void test_limit(void **state)
{
	_cleanup_err_ struct err e = {0};
	_cleanup_free_ char *text = NULL;

	for (int i = 1; i <= ERR_MAX + 7; i++)
		err_at(&e, "f", i, "wrong");
	assert_int_equal(e.n, ERR_MAX);
	assert_int_equal(e.suppressed, 7);
	text = err_text(&e);
	assert_non_null(strstr(text, "f:100: wrong\nand 7 more errors\n"));
	assert_null(strstr(text, "f:101:"));
}

static void test_no_list(void **state)
{
	assert_int_equal(err_at(NULL, "f", 1, "nobody listens"), -EINVAL);
}

static void test_nearest(void **state)
{
	static const char *const words[] = {"delay", "rate", "loss", "limit", "switch", "subnet"};
	static const struct {
		const char *word, *near;
	} cases[] = {
		{"dealy", "delay"},   /* a swap is one edit */
		{"delya", "delay"},
		{"rat", "rate"},
		{"rates", "rate"},
		{"lss", "loss"},
		{"swich", "switch"},
		{"swithc", "switch"},
		{"Subnet", "subnet"},
		{"limit", "limit"},
		{"banana", NULL},
		{"xy", NULL},
		{"", NULL},
		{"lo", NULL},	      /* two edits of two letters */
		{"dlya", NULL},	      /* two edits of four letters */
		{"sbunt", NULL},
	};
	char huge[1000];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *near = err_nearest(cases[i].word, words, ARRAY_SIZE(words));

		if (cases[i].near && !near)
			fail_msg("'%s': nothing is near", cases[i].word);
		if (cases[i].near)
			assert_string_equal(near, cases[i].near);
		else if (near)
			fail_msg("'%s' is not near '%s'", near, cases[i].word);
	}
	memset(huge, 'a', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	assert_null(err_nearest(huge, words, ARRAY_SIZE(words)));
	assert_null(err_nearest("rate", NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_returns_and_text), cmocka_unit_test(test_first_class_decides),
		cmocka_unit_test(test_limit),		 cmocka_unit_test(test_no_list),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
