/*
 * Starts a script of a scenario in a host, so that its packets have an owner from the first one on.
 *
 * The order matters and is here only: cgroup, owner id, registry row, BPF map, then its first
 * instruction.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_PROGRAM_H
#define ENGINE_PROGRAM_H

#include "capture/sender/tag.h"
#include "emu/emu.h"
#include "scenarios/engine/scenario.h"

/* What programs run in. */
struct stage {
	struct emu *emu;
	struct tag *tag;
	struct owners *owners;
};

struct program_spec {
	const struct scenario *scenario;
	const char *script;	 /* a file name in the scenario's folder */
	uint32_t node;
	uint32_t activity;	 /* 0: none */
	const struct strv *vars; /* its variables, $work among them */
	int out_fd;		 /* standard output and error; duplicated */
};

int program_start(const struct stage *st, const struct program_spec *spec, prog_end_fn *end,
		  void *arg, struct prog **ret, struct err *err);

#endif
