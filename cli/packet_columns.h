/*
 * The columns of 'detnet packets': one row of a table each, from which the output, --fields,
 * --filter and the help come.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_PACKET_COLUMNS_H
#define CLI_PACKET_COLUMNS_H

#include "capture/join/join.h"

#define PACKET_FIELD_SIZE 256 /* of what a column makes itself; texts of the tables may be longer */

struct packet_column {
	const char *name;
	const char *help;
	bool number; /* its values are JSON numbers */
	bool right;  /* aligned to the right in a table */
	bool made;   /* of other columns, for people: not among those of --csv and --json */
	/* The value as text, in buf or what j points at; NULL: there is none. */
	const char *(*get)(const struct joined *j, char buf[PACKET_FIELD_SIZE]);
};

/* In the order of --csv and --json; ends with a row without a name. */
extern const struct packet_column packet_columns[];
/* NULL with err filled for a name that is none. */
const struct packet_column *packet_column_find(const char *name, struct err *err);

#endif
