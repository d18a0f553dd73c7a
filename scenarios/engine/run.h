/*
 * A whole experiment: topology and scenarios in, a labelled dataset out.
 *
 * run_experiment() loads and checks the topology file with its [scenario …] and [capture] sections,
 * finds the scenarios, plans every activity from the seed, checks that the machine has what they
 * need, builds the network, runs them, captures, and writes the files of the contract
 * (docs/design.md, "What a run leaves") into the output folder.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H

#include "capture/capture.h"

struct run_progress {
	int64_t elapsed, duration; /* ns */
	const char *phase;         /* "building", "starting servers", "running", "finishing", … */
	struct capture_stats capture;
	unsigned planned, running, done, failed; /* activities */
};
typedef void run_progress_fn(void *arg, const struct run_progress *p);

struct run_opts {
	const char *topo;
	const char *out;	/* folder, made; NULL: out/NAME of the network */
	int64_t duration;	/* ns during which activities start; 0: the file's, else 60 s */
	const uint64_t *seed;	/* NULL: the file's */
	const char *command;	/* the command line, for the manifest */
	run_progress_fn *progress; /* about twice a second; may be NULL */
	void *progress_arg;
	int stop_fd;		/* readable: end early and in order (SIGINT); -1: none */
};

/* A line of the table at the end: one scenario and class. */
struct run_row {
	char *scenario, *class;
	uint64_t packets, flows, bytes;
	unsigned activities, ok, failed;
};

/* Activities of one sub that failed alike. */
struct run_failure {
	char *scenario, *sub, *outcome;
	char *log; /* of the first, below the output folder */
	unsigned count;
};

struct run_summary {
	char *out;
	struct capture_stats capture;
	struct run_row *rows;
	size_t n_rows;
	struct run_failure *failures;
	size_t n_failures;
	unsigned planned, ok, failed, skipped;
	size_t changes_left; /* of the timeline, that had not come when the run ended */
	bool stopped; /* ended early: the skipped ones never began */
	const char *rung, *links_engine;
	enum capture_format format;
	bool filter, per_host; /* as [capture] says */
	const struct flow_schema **schemas; /* beside flows.csv, NULL at the end; NULL: none */
	int64_t wall; /* ns */
};
void run_summary_free(struct run_summary *s);

/* 0; or a negative errno with err, whose class says usage, missing, failed or integrity. */
int run_experiment(const struct run_opts *opts, struct run_summary *ret, struct err *err);

struct uses; /* scenarios/engine/use.h */
/*
 * Validates a file with its scenarios, without a kernel. Each may be NULL: the network that it
 * describes, and what it says of scenarios and captures.
 */
int run_check(const char *topo, const uint64_t *seed, struct net *ret_net, struct uses *ret_uses,
	      struct err *err);

#endif
