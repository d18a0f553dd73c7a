/*
 * Runs a plan in a network that is up: servers, then activities at their times, then the end.
 *
 * Theory of operation. One thread, one loop; everything is a callback. Each server goes through
 * its clients' setup scripts, start, readiness (a BPF event says that its port is open) and, last,
 * SIGTERM. When all are ready the clock starts: the schedule is open-loop, so an activity starts
 * at its planned time whether or not earlier ones have ended. Scripts that change a server host
 * (setup, before) run one after another on each host, because what they edit (accounts, folders)
 * does not lock itself. An activity ends when its run script has, and what it expects of the
 * server's log has been seen or not come in time.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "core/loop.h"
#include "scenarios/engine/outcome.h"
#include "scenarios/engine/plan.h"
#include "scenarios/engine/program.h"

/* What became of one activity of the plan. */
struct result {
	int64_t start, end; /* CLOCK_REALTIME ns; 0: never started */
	char *outcome;	    /* "ok", "failed:…", "skipped:stopped" */
	char *evidence;	    /* the line that proved it */
};

struct engine_counts {
	unsigned running, done, failed; /* done counts the failed too */
};
/* About twice a second, and when the phase changes. */
typedef void engine_progress_fn(void *arg, const char *phase, int64_t elapsed,
				const struct engine_counts *counts);

struct engine_opts {
	struct stage stage;
	struct loop *loop;
	const struct net *net;
	const struct uses *uses;
	const struct plan *plan;
	int out_fd;	 /* folder; gets logs/ */
	int stop_fd;	 /* readable: end early; -1: none */
	bool (*go_on)(void *arg); /* asked with the progress; false: end early and in order. May be NULL */
	engine_progress_fn *progress;
	void *progress_arg; /* of both */
	change_fn *change;  /* told of each change of the timeline, which begins with the first activity */
	void *change_arg;
};

/*
 * Drives the loop to the end of everything; there is at least one use. results has one row for
 * each activity of the plan.
 */
int engine_run(const struct engine_opts *opts, struct result *results, struct err *err);
void results_free(struct result *results, size_t n);

#endif
