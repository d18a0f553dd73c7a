/* The files that a run leaves beside the capture; their names and columns are the contract. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_DATASET_H
#define ENGINE_DATASET_H

#include "scenarios/engine/changes.h"
#include "scenarios/engine/engine.h"
#include "scenarios/engine/link_row.h"
#include "scenarios/engine/run.h"

struct dataset {
	const char *out, *command, *topo;
	int out_fd; /* of dataset_prepare() */
	const struct net *net;
	const struct uses *uses;
	const struct plan *plan;
	const struct result *results;
	const struct changes *changes;
	struct owners *owners;
	struct capture_stats capture;
	const struct link_row *links; /* one for each of the network's; NULL: it was not built */
	const char *rung, *links_engine;
	int64_t duration;    /* ns */
	int64_t start, wall; /* CLOCK_REALTIME ns; ns */
	uint64_t lost_events, lost_owners;
	bool stopped;
};

/*
 * Makes the folder, or clears one that holds nothing but what a run leaves, and opens it: everything
 * is written through *ret_fd. Refused is a folder with anything else in it, one in which others
 * than root and the user of sudo can write, and a symbolic link.
 */
int dataset_prepare(const char *out, int *ret_fd, struct err *err);
int dataset_write_topology(const struct dataset *d, struct err *err);
/* activities.csv, owners.csv and, last, manifest.json. */
int dataset_write(const struct dataset *d, struct err *err);
/* Rows for each scenario and class. */
int dataset_summary(const struct dataset *d, struct flow_table *flows, struct run_summary *ret);

#endif
