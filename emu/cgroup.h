/*
 * The one file that writes cgroups. Two trees, told apart here and nowhere else:
 *
 * - tags: a cgroup v2 directory for each program, DETNET/RUN/HOST/N, which says whose a socket is.
 *   It needs no controller, so it exists on v1 and hybrid machines too.
 * - limits: cpu, memory and pids of each host; in the same v2 directory where v2 has the
 *   controllers, else in the v1 hierarchies under the same names.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_CGROUP_H
#define EMU_CGROUP_H

#include <stdint.h>
#include "emu/net.h"

struct cgroup_run; /* the cgroups of one run */

/* Makes DETNET/run_id where cgroup2 is mounted. ERR_MISSING if it is mounted nowhere. */
int cgroup_open(const char *run_id, struct cgroup_run **ret, struct err *err);
/* Removes them all (their processes are gone by then); -EBUSY if one is still populated. */
int cgroup_close(struct cgroup_run *c);
int cgroup_fd(const struct cgroup_run *c); /* of the run's v2 directory, to attach BPF programs to */

/* The host's cgroup, with limits; ret_fd is for clone3(CLONE_INTO_CGROUP). */
int cgroup_add_host(struct cgroup_run *c, const char *host, const struct node_limits *limits,
		    int *ret_fd, struct err *err);
/* Moves a process into the host's v1 limit groups; nothing to do on v2. */
int cgroup_enter_limits(struct cgroup_run *c, const char *host, int pid, struct err *err);
/* A program's cgroup inside the host's; id is what bpf_skb_cgroup_id() says of its sockets. */
int cgroup_add_program(struct cgroup_run *c, const char *host, unsigned number, int *ret_fd,
		       uint64_t *ret_id, struct err *err);
void cgroup_del_program(struct cgroup_run *c, const char *host, unsigned number);
/* Path below the cgroup2 mount, "detnet/RUN/h1/3", for owners.csv. buf is returned. */
const char *cgroup_path(const struct cgroup_run *c, const char *host, unsigned number, char *buf,
			size_t size);

/* Removes the cgroups of a run that is dead, in every hierarchy. Number removed, or -errno. */
int cgroup_sweep(const char *run_id);
/* Where limits come from here: "v2", "v1" or "none", and which of cpu, memory, pids there are. */
const char *cgroup_limits_kind(bool *ret_cpu, bool *ret_memory, bool *ret_pids);

#endif
