/*
 * The table of 'detnet packets' for people: columns aligned to what the first rows need.
 *
 * A capture may be larger than memory, so only the first rows are looked at before any is
 * printed; a later value that is wider shifts its own line.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_PACKET_TABLE_H
#define CLI_PACKET_TABLE_H

#include <stdio.h>
#include "cli/packet_columns.h"

#define PACKET_COLUMNS_MAX 64
#define PACKET_TABLE_AHEAD 200 /* rows that are looked at */

/* All 0 is none. */
struct packet_table {
	FILE *f;
	const struct packet_column *const *columns;
	size_t n_columns;
	size_t width[PACKET_COLUMNS_MAX];
	char **waiting; /* cells of the rows looked at, row by row */
	size_t n_waiting;
	bool begun;
};

void packet_table_open(struct packet_table *t, FILE *f, const struct packet_column *const *columns,
		       size_t n_columns);
int packet_table_add(struct packet_table *t, const struct joined *j); /* 0 or -ENOMEM */
/* Prints what waits; the header, too, where no row came. */
void packet_table_close(struct packet_table *t);
void packet_table_free(struct packet_table *t);

#endif
