/*
 * Gives interfaces their names, indexes, MACs and addresses, and nodes their hostnames.
 *
 * Addresses. Each segment (emu/segment.h) is one subnet. Is there only one segment, it takes the
 * network's whole subnet. Otherwise each segment with a switch gets a /24, or a larger block when
 * it has more nodes, and each link without a switch a /30; is there no room for that, smaller
 * blocks, down to those that just fit. Blocks are placed from the start of the subnet, large ones
 * first.
 *
 * In a segment with a switch hosts count up from the first address in the order of nodes, and
 * routers down from the last, so that one host more does not move the gateway. On a link without a
 * switch the first end gets the first address. With random addresses, each is drawn from
 * "addr/NODE/N" instead.
 *
 * A given address without a length lies in the block that its segment gets; with one it decides
 * the block. What is given is kept, and what is assigned never meets it.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_ADDR_H
#define EMU_ADDR_H

#include "emu/segment.h"

int addr_assign(struct net *net, const struct segments *segments, struct err *err);

/* "10.0.0.5", or "10.0.0.5/24"; *ret_prefix is 0 without a length. -EINVAL with a reason. */
int addr_parse(const char *s, uint32_t *ret_addr, uint8_t *ret_prefix, const char **ret_why);
/* "02:00:00:00:00:01": of one station, not all 0. */
int addr_parse_mac(const char *s, uint8_t ret_mac[6], const char **ret_why);

static inline uint32_t addr_mask(uint8_t prefix)
{
	return prefix ? UINT32_MAX << (32 - prefix) : 0;
}

/* Why this cannot be a network's subnet, or NULL. */
const char *addr_subnet_why(uint32_t subnet, uint8_t prefix);

#endif
