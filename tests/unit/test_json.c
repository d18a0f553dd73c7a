/* JSON: exact output, one line and pretty, escapes, numbers, and what is not a number. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <string.h>
#include "core/json.h"

static void write_all(struct json *j)
{
	json_object(j);
	json_kv_str(j, "s", "a\"b\\c\n\t\r\x01\x7f/é");
	json_kv_str(j, "null", NULL);
	json_kv_str(j, "bad", "x\xff\xc3y\xed\xa0\x80");
	json_kv_int(j, "int", INT64_MIN);
	json_kv_uint(j, "uint", UINT64_MAX);
	json_kv_num(j, "num", 0.1);
	json_kv_num(j, "inf", INFINITY);
	json_kv_bool(j, "yes", true);
	json_key(j, "list");
	json_array(j);
	json_int(j, 1);
	json_strf(j, "%d-%s", 2, "x");
	json_array(j);
	json_array_end(j);
	json_object(j);
	json_object_end(j);
	json_array_end(j);
	json_key(j, "k\"");
	json_object(j);
	json_kv_bool(j, "no", false);
	json_object_end(j);
	json_object_end(j);
	json_close(j);
}

static char *written(bool pretty)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct json j;

	assert_non_null(f);
	json_open(&j, f, pretty);
	write_all(&j);
	fclose(f);
	return text;
}

static void test_line(void **state)
{
	_cleanup_free_ char *text = written(false);

	assert_string_equal(
		text,
		"{\"s\": \"a\\\"b\\\\c\\n\\t\\r\\u0001\\u007f/é\", \"null\": null, "
		"\"bad\": \"x\xef\xbf\xbd\xef\xbf\xbdy\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\", "
		"\"int\": -9223372036854775808, \"uint\": 18446744073709551615, \"num\": 0.1, "
		"\"inf\": null, \"yes\": true, \"list\": [1, \"2-x\", [], {}], "
		"\"k\\\"\": {\"no\": false}}\n");
}

static void test_pretty(void **state)
{
	_cleanup_free_ char *text = written(true);

	assert_non_null(strstr(text, "{\n  \"s\": "));
	assert_non_null(strstr(text, "  \"list\": [\n    1,\n    \"2-x\",\n    [],\n    {}\n  ],\n"
				     "  \"k\\\"\": {\n    \"no\": false\n  }\n}\n"));
}

static void check_num(double v, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct json j;

	json_open(&j, f, false);
	json_num(&j, v);
	fclose(f);
	assert_string_equal(text, expected);
}

static void test_numbers(void **state)
{
	check_num(0, "0");
	check_num(5, "5");
	check_num(-2.5, "-2.5");
	check_num(1.0 / 3, "0.3333333333333333");
	check_num(0.1 + 0.2, "0.30000000000000004");
	check_num(1e300, "1e+300");
	check_num(NAN, "null");
}

/* The point stays a point where people write a comma, if the machine knows such a locale. */
static void test_locale(void **state)
{
	static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (setlocale(LC_NUMERIC, names[i]))
			check_num(1234.5, "1234.5");
	setlocale(LC_NUMERIC, "C");
	check_num(1234.5, "1234.5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_pretty),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
