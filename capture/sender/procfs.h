/*
 * What /proc says of one process, looked at when an event names it: for kernels whose events say little
 * more than a pid. A process that has left by then is not there any more, so this is never polled.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SENDER_PROCFS_H
#define CAPTURE_SENDER_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "capture/sender/tag_bpf.h"

/* Does /proc know processes by their pids in the initial namespace, as BPF and cn_proc do? */
bool procfs_is_initial(void);
/*
 * Fills what an event of a running process lacks: ns_pid, ns_ppid, ppid, start, comm if there is
 * none, exe and args. 0, or -errno with the event as it was.
 */
int procfs_complete(struct tag_event *ev);
/* Its cgroup on v2, "/detnet/RUN/h1/3"; 0 or -errno. */
int procfs_cgroup(uint32_t pid, char *buf, size_t size);

/* The text of /proc/PID/status, /proc/PID/stat and /proc/PID/cgroup; 0 or -EBADMSG. */
int procfs_parse_status(const char *text, uint32_t *ret_ppid, uint32_t *ret_ns_pid);
int procfs_parse_stat(const char *text, uint64_t *ret_start_ticks);
int procfs_parse_cgroup(const char *text, char *buf, size_t size);

#endif
