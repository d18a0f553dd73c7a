/*
 * What a run may leave, and how it is found again: /run/detnet/RUN, locked while the run lives.
 *
 * A run id is 12 hex digits of getrandom(2). A folder whose lock can be taken belongs to a dead run: its
 * cgroups and the folder are removed, by that id and never by a name pattern.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_RUNDIR_H
#define EMU_RUNDIR_H

#include "core/err.h"

#define RUN_ID_LEN 12

struct rundir {
	char id[RUN_ID_LEN + 1];
	int lock_fd;
};

int rundir_open(struct rundir *ret, struct err *err);
void rundir_close(struct rundir *r);
/* Sweeps what dead runs left; number of runs swept, or -errno. */
int rundir_sweep(struct err *err);

#endif
