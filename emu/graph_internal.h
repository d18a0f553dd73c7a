/* What graph.c (the tree and the text) and graph_svg.c (the picture) share; nobody else's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_GRAPH_INTERNAL_H
#define EMU_GRAPH_INTERNAL_H

#include "emu/graph.h"

/*
 * A spanning forest of the network. The children of a node lie side by side in order, as a
 * breadth-first search finds them; up is NET_NONE for a root.
 */
struct graph_tree {
	uint32_t *order; /* all nodes, roots first in their part */
	uint32_t *up;    /* of a node: its interface towards its parent */
	size_t *place;   /* of a node: where it is in order */
	uint32_t *depth;
	size_t *child, *n_child; /* of a node: its first child in order, and how many */
	bool *is_tree;           /* of a link */
	size_t n_extra;          /* links that are not in the tree */
};

int graph_tree_new(const struct net *net, struct graph_tree *ret);
void graph_tree_free(struct graph_tree *t);

#define GRAPH_SHAPE_MAX 160
/* "50mbit, 20ms ±5ms normal, loss 0.1%"; "" for nothing. buf is returned. */
const char *graph_shape(const struct shape *s, char buf[GRAPH_SHAPE_MAX]);
/* "12 hosts, 2 switches, 1 router, 14 links" */
const char *graph_counts(const struct net *net, char *buf, size_t size);

#endif
