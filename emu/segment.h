/*
 * Segments of layer 2: what a broadcast reaches. Each becomes one IP subnet.
 *
 * A segment is a set of switches joined by links, or one link between two nodes that are no
 * switches. Switches run no spanning tree, so a loop among them is an error here.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SEGMENT_H
#define EMU_SEGMENT_H

#include "emu/net.h"

struct segment {
	uint32_t sw;     /* its first switch; NET_NONE for a link without one */
	uint32_t link;   /* the link, when sw is NET_NONE */
	size_t first, n; /* its interfaces with addresses: members[first] … */
};

struct segments {
	struct segment *seg; /* those with switches first, in the order of nodes, then of links */
	size_t n;
	uint32_t *of_iface; /* the segment that an interface is in */
	uint32_t *members;  /* interfaces, in the order of their nodes */
};

int segments_find(const struct net *net, struct segments *ret, struct err *err);
void segments_free(struct segments *s);

/* For messages: "the segment of s1", "the link h1-r1"; into buf, which is returned. */
const char *segment_name(const struct net *net, const struct segment *s, char *buf, size_t size);
#define SEGMENT_NAME_MAX (2 * NODE_NAME_MAX + 32)

#endif
