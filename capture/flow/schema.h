/*
 * A schema: one way to write flows down as rows, e.g. Zeek's conn.log or CICFlowMeter's columns.
 *
 * All schemas come from one pass over the packets. What a schema needs beyond struct flow it keeps in a
 * state of its own beside each flow, which it is shown each counted packet of. A schema is a pair of
 * constants in its own file and a row of the table in schema.c. A value that the packets do not tell is
 * written empty ("-" in Zeek's log), never invented.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_FLOW_SCHEMA_H
#define CAPTURE_FLOW_SCHEMA_H

#include <stdio.h>
#include "capture/flow/flow.h"
#include "capture/flow/packet.h"

/* What a row may be labelled with; both NULL for a file that is not of a run. */
struct flow_labels {
	const struct net *net;
	struct owners *owners;
};

struct flow_schema {
	const char *name;  /* "cic"; on the command line */
	const char *brief; /* a line for --help */
	const char *file;  /* its file's name in a run: "flows-cic.csv" */
	size_t state_size; /* bytes of its state for each flow, zeroed at first; 0: none */
	/* A packet that the flow counted, after the flow's own totals. dir 0: by the originator. */
	void (*packet)(void *state, const struct flow *f, int dir, const struct flow_packet *fp,
		       const struct packet *p);
	/* What was counted so far is void: the flow begins anew at its vantage. NULL: zeroing does. */
	void (*reset)(void *state);
	int (*header)(FILE *out);
	/* 0 or -EIO. */
	int (*row)(const void *state, const struct flow *f, const struct flow_labels *labels, FILE *out);
	/* Behind the last row, e.g. Zeek's #close; NULL: nothing. */
	int (*footer)(FILE *out);
};

/* "benign" or "attack", of the flow's activity or else its class; NULL where neither is known. */
const char *flow_label(const struct flow *f);
/* "10.0.0.1" or "fd00::1", into buf of FLOW_ADDR_SIZE, which is returned. */
#define FLOW_ADDR_SIZE 46
const char *flow_addr_text(uint8_t family, const uint8_t *ip, char *buf);

extern const struct flow_schema schema_detnet, schema_zeek, schema_cic, schema_netflow,
	schema_netflow_v3;
/* NULL-terminated. */
extern const struct flow_schema *const flow_schemas[];
const struct flow_schema *flow_schema_find(const char *name); /* or NULL */

#endif
