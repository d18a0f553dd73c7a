/*
 * The processes of a run on the rungs where BPF's tracepoints do not tell of them.
 *
 * A thread of its own takes events in when they come, for what they do not say (the pid in the host,
 * the command line) is asked of /proc while the process is there. On the cgroup rung BPF tells of each
 * process at its first use of a socket; the process connector, where the kernel has it, tells of execs
 * and exits. On the rung none each exec makes a row of owners.csv, and no packet refers to it.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SENDER_PROCESS_WATCH_H
#define CAPTURE_SENDER_PROCESS_WATCH_H

#include "capture/sender/tag.h"

struct process_watch;

/* *ret may be NULL with 0: there is nothing to watch. */
int process_watch_open(struct tag *t, struct owners *o, struct process_watch **ret);
void process_watch_close(struct process_watch *w);
uint64_t process_watch_lost(const struct process_watch *w); /* times that the kernel had no room */

#endif
