/* CSV: quoting, numbers, time, rows. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/csv.h"

static void test_rows(void **state)
{
	static const char *const head[] = {"a", "b,c", "d"};
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct csv c;

	assert_non_null(f);
	csv_open(&c, f);
	csv_row(&c, head, 3);
	csv_str(&c, NULL);
	csv_str(&c, "say \"hi\"");
	csv_str(&c, "two\nlines\r");
	csv_str(&c, "");
	csv_str(&c, "plain; text");
	csv_end(&c);
	csv_uint(&c, UINT64_MAX);
	csv_int(&c, INT64_MIN);
	csv_int(&c, -1);
	csv_end(&c);
	csv_time(&c, 0);
	csv_time(&c, 1700000000123456789);
	csv_time(&c, -1);
	csv_time(&c, 5000000000);
	csv_time(&c, INT64_MIN);
	csv_end(&c);
	csv_row(&c, head, 1);
	fclose(f);
	assert_string_equal(text,
			    "a,\"b,c\",d\n"
			    ",\"say \"\"hi\"\"\",\"two\nlines \",,plain; text\n"
			    "18446744073709551615,-9223372036854775808,-1\n"
			    "0.000000000,1700000000.123456789,-0.000000001,5.000000000,"
			    "-9223372036.854775808\n"
			    "a\n");
}

/* What programs print is theirs; the file must be UTF-8 that csv readers take all the same. */
static void test_foreign_bytes(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct csv c;

	assert_non_null(f);
	csv_open(&c, f);
	csv_str(&c, "caf\xc3\xa9 \xff\xc3");
	csv_str(&c, "\x1b[31mred\x7f\ttab");
	csv_str(&c, "\"\xe2\x82\"");
	csv_end(&c);
	fclose(f);
	assert_string_equal(text, "caf\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd, [31mred \ttab,"
				  "\"\"\"\xef\xbf\xbd\xef\xbf\xbd\"\"\"\n");
}

static void test_fractions(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct csv c;

	assert_non_null(f);
	csv_open(&c, f);
	csv_decimal(&c, 0, 3);
	csv_decimal(&c, 1500, 3);
	csv_decimal(&c, -1, 6);
	csv_decimal(&c, 1700000000123456789, 6);
	csv_decimal(&c, INT64_MIN, 3);
	csv_end(&c);
	csv_real(&c, 0);
	csv_real(&c, -0.0);
	csv_real(&c, 1.0 / 3);
	csv_real(&c, -2.5);
	csv_real(&c, 0.9999999999);
	csv_real(&c, -1e-12);
	csv_real(&c, 12345678.1);
	csv_real(&c, 9876543210.0625);
	csv_real(&c, 1e18);
	csv_real(&c, 1e20);
	csv_real(&c, 0.0 / 0.0);
	csv_real(&c, 1.0 / 0.0);
	csv_end(&c);
	fclose(f);
	assert_string_equal(text, "0,1.5,-0.000001,1700000000123.456789,-9223372036854775.808\n"
				  "0,0,0.333333333,-2.5,1,0,12345678.1,9876543210.062,"
				  "1000000000000000000,,,\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_foreign_bytes),
		cmocka_unit_test(test_fractions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
