/*
 * Owners: who a packet's tag names, and which activity that is.
 *
 * Three things are registered by id: activities (by the scenario engine, before they start), programs
 * (by whoever starts one: its cgroup, host and activity), processes (by BPF events). An owner is a
 * program or a process, or a node's kernel. Rows live until owners_free(); all functions may be
 * called from any thread. Of a row that others can see nothing changes but a program's pid and ppid, which
 * are read with __atomic_load_n(), and inferred, which is settled before a capture's thread starts.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_OWNER_H
#define CAPTURE_OWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "capture/sender/tag_bpf.h"
#include "emu/net.h"

/* What the labels need to know of an activity; the strings are the caller's and outlive the owners. */
struct activity_label {
	uint32_t id; /* from 1 */
	const char *scenario, *sub;
	const char *class; /* "benign" or the attack's class */
	bool attack;
};

struct owner {
	uint32_t id;
	uint32_t node;
	bool kernel;	       /* a node's kernel: no process */
	bool inferred;	       /* its packets bore no tag, see infer.h */
	uint32_t pid, ppid;    /* as the host sees them; 0: kernel */
	int64_t start;	       /* CLOCK_REALTIME ns; 0: kernel */
	char comm[TAG_COMM_LEN];
	char *exe, *argv;      /* argv: words joined by a space, shell-quoted where needed; may be "" */
	bool argv_cut;
	const char *cgroup;    /* "detnet/RUN/h1/3", "" for a kernel */
	const char *scenario;  /* of its program, also for servers; NULL: none */
	const char *class;
	const struct activity_label *activity; /* NULL: none */
};

struct owners;

struct owners *owners_new(const struct net *net);
void owners_free(struct owners *o);

int owners_add_activity(struct owners *o, const struct activity_label *a);

/* A program about to start. Strings are copied; scenario and class may be NULL; activity 0: none. */
struct owner_program {
	uint32_t id; /* from tag_new_owner() */
	uint64_t cgroup_id;
	const char *cgroup;
	uint32_t node;
	const char *scenario, *class;
	uint32_t activity;
	char *const *argv;
};
int owners_add_program(struct owners *o, const struct owner_program *p);
/* Of all owners, those to come too: packets are told theirs by inference. Before a capture reads. */
void owners_set_inferred(struct owners *o);
/* The owner id of the program that a cgroup is of, or OWNER_NONE. */
uint32_t owners_find_program(struct owners *o, uint64_t cgroup_id);
/* The id of the cgroup at the end of a path, "/detnet/RUN/h1/3", if it is a program's; 0: it is none. */
uint64_t owners_find_cgroup(struct owners *o, const char *path);
/* Programs in the order in which they were added, from 0; NULL: not so many. */
const struct owner *owners_program(struct owners *o, size_t number);
/* Its pid in the host, once started. */
void owners_set_program_pid(struct owners *o, uint32_t id, uint32_t pid);

/* A process event from BPF. */
void owners_event(struct owners *o, const struct tag_event *ev);

/* The owner of an id (the low 20 bits of a tag), or NULL for one never registered. */
const struct owner *owners_get(struct owners *o, uint32_t id);

/* Processes of the run that no row could be made for. */
uint64_t owners_lost(struct owners *o);
/* Bytes of the longest " scenario=S/SUB activity=N" that the registered activities can give. */
size_t owners_label_max(struct owners *o);

/* owners.csv, see the contract in docs/design.md. */
int owners_write_csv(struct owners *o, FILE *f);

#endif
