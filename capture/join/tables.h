/*
 * What lies beside a capture, in memory: the rows of owners.csv, activities.csv and flows.csv by
 * their keys. A file that is not there is an empty table.
 *
 * The folder may be anybody's, so only regular files are read, and none is waited for.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_JOIN_TABLES_H
#define CAPTURE_JOIN_TABLES_H

#include "capture/flow/flow.h"
#include "core/err.h"

/* Texts are kept once and live as long as the tables; "" where the file says nothing. */
struct join_owner {
	const char *host, *comm, *exe;
	uint32_t pid;	   /* 0: none, it is a kernel */
	uint32_t activity; /* 0: none */
};

struct join_activity {
	const char *scenario, *sub, *class, *outcome, *evidence;
};

struct join_flow {
	char uid[FLOW_UID_SIZE];
	int64_t first, last; /* ns */
	uint32_t activity;
	const char *scenario, *sub, *class, *label;
};

struct join_tables;

/* folder: NULL: all are empty. */
int join_tables_open(const char *folder, struct join_tables **ret, struct err *err);
void join_tables_free(struct join_tables *t);
bool join_have_flows(const struct join_tables *t);

/* The row of a key, or NULL. */
const struct join_owner *join_owner(const struct join_tables *t, uint32_t id);
const struct join_activity *join_activity(const struct join_tables *t, uint32_t id);
const struct join_flow *join_flow(const struct join_tables *t, const char *uid);
/*
 * The row of a flow that was assembled from a part of the run's packets, and so begins later than
 * the run's: of the same ends, the one nearest to ts, and no further than a minute. NULL: none.
 */
const struct join_flow *join_flow_near(const struct join_tables *t, const struct flow *f,
				       int64_t ts);

#endif
