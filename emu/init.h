/*
 * A host's init: the hidden command "detnet-init", pid 1 of the host.
 *
 * Started by emu with clone3 into new mount, pid, uts and ipc namespaces and the host's cgroup. The
 * forked child joins the host's network namespace and executes a copy of this program. That builds
 * the file tree (emu/hostfs.h), and serves requests on a SOCK_SEQPACKET socket: start a program, in the host's
 * user namespace (emu/userns.h) and without what a host may not have (emu/sandbox.h), and later
 * its end. When the socket closes, it ends, and the kernel ends everything in its pid namespace.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_INIT_H
#define EMU_INIT_H

#define INIT_ARGV0 "detnet-init"

/* The whole life of an init; cli/main.c calls it when argv[0] is INIT_ARGV0. Returns the exit code. */
int init_main(int argc, char **argv);

#endif
