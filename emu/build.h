/* Makes the kernel objects of a network, in phases; emu.c's, nobody else's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_BUILD_H
#define EMU_BUILD_H

#include "emu/emu_internal.h"

/* Refuses what this machine or this version cannot do, with the line; makes nothing that stays. */
int build_check(const struct net *net, struct err *err);
/* A namespace for each node that has one of its own; e->hosts[].ns_fd. */
int build_namespaces(struct emu *e, struct err *err);
/* Everything inside them. egress_bpf_fd as in struct emu_opts. */
int build_network(struct emu *e, int egress_bpf_fd, struct err *err);

#endif
