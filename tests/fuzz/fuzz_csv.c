/* Fuzzes the CSV reader, and the writer with what came out of it: it must read back the same. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>
#include "core/csv.h"
#include "core/csv_read.h"
#include "core/utf8.h"
#include "tests/fuzz/fuzz.h"

static void need(int truth)
{
	if (!truth)
		abort();
}

/* A field that is clean text comes back as it was; the first one stands for all. */
static void write_and_read(const char *field)
{
	_cleanup_free_ char *clean = malloc(3 * strlen(field) + 1), *text = NULL;
	_cleanup_err_ struct err e = {0};
	struct csv_reader *r;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct csv c;

	need(clean && f);
	utf8_clean(clean, 3 * strlen(field) + 1, field, "\t\n");
	csv_open(&c, f);
	csv_str(&c, "x");
	csv_end(&c);
	csv_str(&c, clean);
	csv_end(&c);
	fclose(f);
	f = fmemopen(text, size, "r");
	need(f && !csv_reader_open(f, "back", &r, &e));
	need(csv_reader_next(r, &e) == 1 && !strcmp(csv_reader_field(r, 0), clean));
	need(csv_reader_next(r, &e) == 0);
	csv_reader_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_err_ struct err e = {0};
	struct csv_reader *r;
	int ret, column, last = 0;
	FILE *f;

	if (!size)
		return 0;
	f = fmemopen((void *)data, size, "r");
	need(f != NULL);
	if (csv_reader_open(f, "fuzz", &r, &e)) {
		need(e.n > 0);
		return 0;
	}
	column = csv_reader_column(r, "uid");
	while ((ret = csv_reader_next(r, &e)) > 0) {
		need(csv_reader_line(r) > last);
		last = csv_reader_line(r);
		write_and_read(csv_reader_field(r, 0));
		need(strlen(csv_reader_field(r, column)) <= CSV_ROW_MAX);
	}
	need((ret == 0) == (e.n == 0));
	csv_reader_free(r);
	return 0;
}
