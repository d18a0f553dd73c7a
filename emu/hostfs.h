/* A host's file tree: the one file that mounts. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_HOSTFS_H
#define EMU_HOSTFS_H

#include "core/err.h"
#include "emu/emu.h"

struct hostfs {
	const char *hostname;
	const char *hosts;  /* text of /etc/hosts */
	const char *resolv; /* text of /etc/resolv.conf */
	const char *share;  /* this folder of the machine is writable; NULL: none is */
	const struct emu_bind *binds;
	size_t n_binds;
};

/*
 * In a host's init, as pid 1 of its pid namespace and in its mount and network namespaces: turns
 * the machine's tree into the host's. On failure the caller ends, and the mount namespace with
 * it.
 */
int hostfs_build(const struct hostfs *f, struct err *err);

#endif
