/*
 * Reads CSV (RFC 4180) with a header, row by row, as core/csv.h writes it and as spreadsheets
 * save it.
 *
 * Lines may end in LF or CRLF, and a byte order mark in front is passed over. What else is not in
 * the RFC is an error that names its line: a quote in the middle of a field, a quote never
 * closed, a row with more or fewer fields than the header, a NUL.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_CSV_READ_H
#define CORE_CSV_READ_H

#include <stdio.h>
#include "core/err.h"

#define CSV_ROW_MAX (16u << 20) /* bytes in a row; a longer one is refused */

struct csv_reader;

/* Takes the stream over, also after an error, and reads the header. name: for messages. */
int csv_reader_open(FILE *f, const char *name, struct csv_reader **ret, struct err *err);
void csv_reader_free(struct csv_reader *r);
/* The place of a column, or -1. */
int csv_reader_column(const struct csv_reader *r, const char *name);
/* 1 with a row, 0 at the end, -EINVAL for one that is none, else a failed read. */
int csv_reader_next(struct csv_reader *r, struct err *err);
/* A field of the row, until the next one is read; "" for column -1. */
const char *csv_reader_field(const struct csv_reader *r, int column);
/* Where the row began, for messages about what is in it. */
int csv_reader_line(const struct csv_reader *r);

#endif
