/* What a topology says of scenarios and of their run: the sections [scenario NAME], [capture],
 * [run]. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_USE_H
#define ENGINE_USE_H

#include "capture/capture.h"
#include "emu/topo.h"
#include "scenarios/engine/scenario.h"

/* One [scenario NAME] section. */
struct use {
	const struct scenario *scenario;
	uint32_t server;
	uint32_t *clients;
	size_t n_clients;
	const struct sub **subs;
	size_t n_subs;
	char *every_text;
	struct dist every; /* seconds between the starts of a client's activities */
	uint64_t count;	   /* at most, for each client; 0: as many as fit */
	int line;
};

struct uses {
	struct use *use;
	size_t n;
	struct scenario **scenarios; /* each loaded once */
	size_t n_scenarios;
	int64_t duration;    /* ns; 0: not given */
	struct capture_opts capture; /* what [capture] says of; filter and schemas are ours */
	enum tag_rung rung; /* the best that may be used */
	int capture_line, run_line; /* of the sections; 0: none */
};

void uses_init(struct uses *u);
void uses_free(struct uses *u);
#define _cleanup_uses_ _cleanup_(uses_free)

#define USE_SECTIONS 3
/* Rows for topo_load() and topo_print(), which fill and write u. */
void use_sections(struct uses *u, struct topo_section ret[USE_SECTIONS]);

/* Is any of the scenarios an attack? */
bool uses_attack(const struct uses *u);
/* ERR_MISSING, naming the packages to install, when programs of the scenarios are not there. */
int uses_check_programs(const struct uses *u, struct err *err);

#endif
