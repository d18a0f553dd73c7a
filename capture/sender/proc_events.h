/*
 * Execs and exits of the machine's processes without BPF: the kernel's process connector (cn_proc,
 * CONFIG_PROC_EVENTS). It serves the initial namespaces only, and all of the machine's processes.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SENDER_PROC_EVENTS_H
#define CAPTURE_SENDER_PROC_EVENTS_H

#include <stddef.h>
#include <stdint.h>

enum proc_happening { PROC_EXEC, PROC_EXIT };

/* pid: of the thread group, in the initial namespace. */
typedef void proc_events_fn(void *arg, enum proc_happening what, uint32_t pid);

/* An fd, or -errno: -EOPNOTSUPP where the kernel has none. */
int proc_events_open(void);
void proc_events_close(int fd);
/* Hands out some of what came, without waiting. -ENOBUFS: some was lost. */
int proc_events_read(int fd, proc_events_fn *fn, void *arg);
/* A buffer of netlink messages; what is no such event is passed over. */
void proc_events_parse(const void *buf, size_t len, proc_events_fn *fn, void *arg);

#endif
