/*
 * Writes CSV (RFC 4180, "\n" line ends): fields with a comma, quote or line end are quoted. What a
 * reader would choke on is replaced (core/utf8.h): bytes that are not UTF-8, and control characters
 * other than a line end or a tab.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_CSV_H
#define CORE_CSV_H

#include <stdio.h>
#include <stdint.h>
#include <stdbool.h>
#include "core/cleanup.h"

struct csv {
	FILE *f;
	bool some; /* the row has a field already */
};

void csv_open(struct csv *c, FILE *f);
void csv_row(struct csv *c, const char *const *fields, size_t n); /* a whole row, e.g. the header */
void csv_str(struct csv *c, const char *s);			   /* NULL: empty */
void csv_uint(struct csv *c, uint64_t v);
void csv_int(struct csv *c, int64_t v);
void csv_time(struct csv *c, int64_t ns); /* seconds with nine decimals */
/* v / 10^digits, exactly, without trailing zeros: (1500, 3) is "1.5". */
void csv_decimal(struct csv *c, int64_t v, int digits);
/* Fixed point, with a point in every locale and no trailing zeros; empty when not finite. */
void csv_real(struct csv *c, double v);
void csv_end(struct csv *c);

#endif
