/*
 * Static routes, so that every host reaches every other; and the check that it can.
 *
 * Paths are the shortest, in routers passed; among equals, the one over the interface, then the
 * neighbour, that the file names first. A router gets a route to each subnet and no default route,
 * so a packet to an address that is nowhere ends at the first router. A host has a default route
 * through its only router, or, when it has several, through the one that leads to most subnets.
 * Neighbouring subnets behind one router are joined into one route, never over addresses that are
 * not theirs.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_ROUTE_H
#define EMU_ROUTE_H

#include "emu/segment.h"

/* Also sets each node's primary interface. */
int route_compute(struct net *net, const struct segments *segments, struct err *err);

#endif
