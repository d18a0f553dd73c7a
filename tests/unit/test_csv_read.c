/* Reading CSV: what RFC 4180 allows, what it does not, and all that the writer writes. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/csv.h"
#include "core/csv_read.h"

static int open_text(const char *text, size_t len, struct csv_reader **ret, struct err *err)
{
	FILE *f = fmemopen((void *)text, len ? len : 1, "r");

	assert_non_null(f);
	if (!len)
		getc(f);
	return csv_reader_open(f, "t.csv", ret, err);
}

/* All rows as "field|field;…;", or the error. */
static void check_len(const char *text, size_t len, const char *want)
{
	_cleanup_err_ struct err err = { 0 };
	_cleanup_free_ char *said = NULL;
	struct csv_reader *r = NULL;
	char got[1024] = "";
	int e = open_text(text, len, &r, &err);

	while (e == 0 && (e = csv_reader_next(r, &err)) > 0) {
		for (int i = 0; i < 2; i++) {
			strcat(got, csv_reader_field(r, i));
			strcat(got, i ? ";" : "|");
		}
		e = 0;
	}
	if (e < 0) {
		said = err_text(&err);
		strcat(got, said);
	}
	assert_string_equal(got, want);
	csv_reader_free(r);
}

static void check(const char *text, const char *want)
{
	check_len(text, strlen(text), want);
}

static void rows_of_the_rfc(void **state)
{
	check("a,b\n1,2\n3,4\n", "1|2;3|4;");
	check("a,b\r\n1,2\r\n3,4", "1|2;3|4;"); /* the last line end may be missing */
	check("a,b\n", "");
	check("a,b", "");
	check("a,b\n,\n", "|;");
	check("a,b\n1,", "1|;");
	check("a,b\n\"\",\"\"\n", "|;");
	check("a,b\n\"x,\"\"y\"\"\",\"two\r\nlines\"\n1,2\n", "x,\"y\"|two\r\nlines;1|2;");
	check("a,b\none\rword, spaced \n", "one\rword| spaced ;");
}

static void what_is_no_csv_is_named_with_its_line(void **state)
{
	check("", "t.csv:1: it is empty: a header is missing\n");
	check("a,b\n1\n", "t.csv:2: 1 fields where the header has 2\n");
	check("a,b\n1,2\n1,2,3\n", "1|2;t.csv:3: 3 fields where the header has 2\n");
	check("a,b\n1,2\n\n", "1|2;t.csv:3: 1 fields where the header has 2\n");
	check("a,b\n1,\"x\n\ny", "t.csv:4: a quote is never closed\n");
	check("a,b\n1,\"x\"y\n", "t.csv:2: text behind a closing quote\n");
	check("a,b\n1,x\"y\"\n", "t.csv:2: a quote inside a field\n");
	check("a,b\n\"two\nlines\",2\n1\n", 
	      "two\nlines|2;t.csv:4: 1 fields where the header has 2\n");
	check_len("a,b\n1,\0\n", 8, "t.csv:2: a NUL in the file\n");
	check_len("a,b\n1,\"\0\"\n", 10, "t.csv:2: a NUL in the file\n");
}

static void a_row_has_a_bound(void **state)
{
	size_t len = CSV_ROW_MAX + 100;
	_cleanup_free_ char *text = malloc(len);

	assert_non_null(text);
	memset(text, ',', len);
	check_len(text, len, "t.csv:1: a row is longer than 16 MiB\n");
	memset(text, 'x', len);
	text[0] = '"';
	check_len(text, len, "t.csv:1: a row is longer than 16 MiB\n");
}

static void columns_are_found_by_name(void **state)
{
	static const char text[] = "\xef\xbb\xbf" "ts,\"id.orig_h\",uid\n1,2,3\n";
	_cleanup_err_ struct err err = { 0 };
	struct csv_reader *r;

	assert_int_equal(open_text(text, strlen(text), &r, &err), 0);
	assert_int_equal(csv_reader_column(r, "ts"), 0);
	assert_int_equal(csv_reader_column(r, "id.orig_h"), 1);
	assert_int_equal(csv_reader_column(r, "uid"), 2);
	assert_int_equal(csv_reader_column(r, "UID"), -1);
	assert_int_equal(csv_reader_next(r, &err), 1);
	assert_int_equal(csv_reader_line(r), 2);
	assert_string_equal(csv_reader_field(r, 2), "3");
	assert_string_equal(csv_reader_field(r, -1), "");
	csv_reader_free(r);
}

static void reads_what_the_writer_writes(void **state)
{
	static const char *const fields[] = { "plain", "", "a,b", "say \"hi\"", "two\nlines",
					      "caf\xc3\xa9", "\"", " ", "tab\there" };
	_cleanup_err_ struct err err = { 0 };
	_cleanup_free_ char *text = NULL;
	struct csv_reader *r;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct csv c;

	assert_non_null(f);
	csv_open(&c, f);
	csv_row(&c, fields, ARRAY_SIZE(fields));
	csv_row(&c, fields, ARRAY_SIZE(fields));
	fclose(f);
	assert_int_equal(open_text(text, size, &r, &err), 0);
	assert_int_equal(csv_reader_next(r, &err), 1);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		assert_string_equal(csv_reader_field(r, (int)i), fields[i]);
	assert_int_equal(csv_reader_next(r, &err), 0);
	csv_reader_free(r);
}

static void a_failed_read_is_told(void **state)
{
	_cleanup_err_ struct err err = { 0 };
	struct csv_reader *r;
	FILE *f = fopen(".", "r"); /* a folder opens, and does not read */

	assert_non_null(f);
	assert_int_equal(csv_reader_open(f, "folder", &r, &err), -EISDIR);
	assert_int_equal(err.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_the_rfc),
		cmocka_unit_test(what_is_no_csv_is_named_with_its_line),
		cmocka_unit_test(a_row_has_a_bound),
		cmocka_unit_test(columns_are_found_by_name),
		cmocka_unit_test(reads_what_the_writer_writes),
		cmocka_unit_test(a_failed_read_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
