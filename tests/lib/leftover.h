/*
 * What of the kernel's state a run could leave behind, for tests that show it leaves nothing.
 *
 * A snapshot is a text, one line a thing: namespaces that a process, an fd or a mount holds, and
 * of the machine's own namespace the links, addresses, routes, qdiscs and nftables; mounts, BPF
 * programs, cgroups, network sysctls, and the run folders. Two snapshots are compared line by
 * line.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_LEFTOVER_H
#define TESTS_LEFTOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What of it to take; a run in progress has its own cgroups, run folder, BPF programs and fds. */
enum leftover_parts {
	/* links, addresses, routes, qdiscs, nftables, mounts, sysctls, cgroups but detnet's */
	LEFTOVER_MACHINE = 1,
	/* namespaces held, BPF programs, detnet's cgroups and run folders */
	LEFTOVER_OURS = 2,
};

/* malloc'd, sorted; NULL without memory or a tool. */
char *leftover_take(enum leftover_parts parts);
/*
 * The lines of after that are not in before ("+ …") and the other way round ("- …"), malloc'd; ""
 * if none.
 */
char *leftover_diff(const char *before, const char *after);

/*
 * Waits, by kernel events and for at most ms, until the kernel has taken down every namespace
 * that lost its last reference before this call. 0 or -errno (-ETIMEDOUT).
 *
 * cleanup_net() is one ordered work item: a namespace let go later is never taken down in an
 * earlier batch. So one more is made with a veth in it, let go, and the end of the veth's other
 * end waited for.
 */
int leftover_drain(int ms);

#endif
