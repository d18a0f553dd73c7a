/*
 * The processes of a run by pid (of the initial namespace), as BPF's fork, exec and exit events tell:
 * what each one executes. Never /proc, which a short-lived process has left before one looks.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_PROCESS_H
#define CAPTURE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a process's last exec said, or its parent's where it had none of its own. */
struct process {
	uint32_t pid; /* 0: free slot */
	char *exe, *argv; /* argv: as process_join_args() gives it */
	bool cut;	  /* argv was longer than an event holds */
};

struct process_table {
	struct process *slots; /* open addressing; a power of two */
	size_t n, size;
};

const struct process *process_find(const struct process_table *t, uint32_t pid);
/* Takes exe and argv over, which may be NULL. */
void process_set(struct process_table *t, uint32_t pid, char *exe, char *argv, bool cut);
void process_del(struct process_table *t, uint32_t pid);
void process_table_clear(struct process_table *t);

/* Words joined by a space, quoted as a shell would need it; malloc'd, or NULL. */
char *process_join_argv(char *const *argv);
/* The same from what the kernel has between arg_start and arg_end. */
char *process_join_args(const char *args, size_t len);

uint64_t process_hash(uint64_t x);

#endif
