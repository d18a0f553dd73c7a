/* Makes the kernel objects of a network, in phases; emu.c's, nobody else's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_BUILD_H
#define EMU_BUILD_H

#include "emu/emu_internal.h"

/* Chooses engines, and refuses what this machine cannot do, with the line; makes nothing that stays. */
int build_check(struct emu *e, struct err *err);
/* A namespace for each node that has one of its own; e->hosts[].ns_fd. */
int build_namespaces(struct emu *e, struct err *err);
/* Everything inside them. */
int build_network(struct emu *e, struct err *err);

/* Puts the tag's program on all interfaces of a network that is up; where it cannot be, it warns. */
void build_tag(struct emu *e);

#endif
