/* Cuts the network's subnet into one block for each segment; the rules are in emu/addr.h. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SUBNET_H
#define EMU_SUBNET_H

#include "emu/segment.h"

struct block {
	uint32_t base;
	uint8_t prefix;
	int line; /* of the address that fixes where it lies; 0: free */
};

/* ret_blocks has one for each segment. Given addresses are checked against their block. */
int subnet_cut(const struct net *net, const struct segments *segments, struct block *ret_blocks,
	       struct err *err);

#endif
