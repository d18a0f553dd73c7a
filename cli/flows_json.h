/*
 * A schema's rows as JSON: one object for each flow, on a line of its own.
 *
 * The schemas write text, CSV or Zeek's log, and what a column means stands in their header. So a
 * row is read back from that text: numbers stay as they are written, an empty or unset field is
 * null.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_FLOWS_JSON_H
#define CLI_FLOWS_JSON_H

#include <stdbool.h>
#include <stdio.h>
#include "core/json.h"

struct flows_json {
	struct json json;
	FILE *text_file; /* the schema writes into it, and it writes into text */
	char *text;
	size_t size;
	bool zeek; /* tabs, "#fields" and "-" */
	char *header;
	const char **columns; /* into header */
	size_t n_columns;
};

/* Where the schema's header and rows are to be written from now on, or NULL when memory ran out. */
FILE *flows_json_open(struct flows_json *j, FILE *out);
/* Reads the header, or a row, that was written since the last call. 0 or -errno. */
int flows_json_header(struct flows_json *j);
int flows_json_row(struct flows_json *j);
void flows_json_close(struct flows_json *j);

#endif
