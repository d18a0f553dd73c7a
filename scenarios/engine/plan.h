/*
 * Every activity of a run, drawn from the seed before anything is built.
 *
 * Random streams have the client's name in their path (ftp/h1/user, ftp/h1/17/file, ftp/h1/every,
 * ftp/h1/subs), 17 being the client's 17th activity of that scenario: adding a host, a scenario
 * or time changes no draw of another. What would begin while the timeline has its scenario stopped
 * (emu/timeline.h) is left out: numbers then have gaps, and 'count' counts what was left out too.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_PLAN_H
#define ENGINE_PLAN_H

#include "capture/sender/owner.h"
#include "scenarios/engine/use.h"

#define PLAN_MAX 1000000 /* activities */

/* One client of one use. */
struct plan_client {
	const struct use *use;
	uint32_t node;
	struct strv values; /* of the scenario's client inputs, in their order */
};

struct plan_activity {
	uint32_t id;	 /* from 1, by planned start, then by client and scenario */
	const struct plan_client *client;
	const struct sub *sub;
	unsigned number; /* of the client's activities of this scenario, from 1 */
	int64_t start;	 /* ns after the servers are ready */
	struct strv values; /* of the sub's inputs, in their order */
	struct activity_label label;
};

struct plan {
	struct plan_client *clients;
	size_t n_clients;
	struct plan_activity *activities; /* by id */
	size_t n;
};

/* uses and net must outlive the plan. A timeline that names a scenario which is not used is refused. */
int plan_make(const struct uses *uses, const struct net *net, int64_t duration, struct plan *ret,
	      struct err *err);
void plan_free(struct plan *p);
#define _cleanup_plan_ _cleanup_(plan_free)

/* A server's variables ("scenario_dir=…", without work), and those of a client's setup and of an
 * activity: what scripts see and ${…} stands for. Appended to ret. */
int plan_server_vars(const struct use *use, const struct net *net, struct strv *ret);
int plan_client_vars(const struct plan_client *c, const struct net *net, struct strv *ret);
int plan_activity_vars(const struct plan_activity *a, const struct net *net, struct strv *ret);
/* The inputs of an activity, the client's first, as a JSON object on one line, malloc'd. */
int plan_inputs_json(const struct plan_activity *a, char **ret);

/* Where a scenario's folder is in every host. */
#define SCENARIO_BIND "/run/detnet/scenario"

#endif
