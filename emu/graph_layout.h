/* Where everything in a drawn network is, and what its labels say (graph_layout.c). */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_GRAPH_LAYOUT_H
#define EMU_GRAPH_LAYOUT_H

#include "emu/graph_internal.h"

#define MARGIN         36.0
#define HEAD           84.0 /* title */
#define BOX_H          48.0
#define LAYER          176.0 /* from the top of a layer to the next */
#define BUS            30.0  /* below a box */
#define ROW_GAP        30.0
#define LINE           14.0
#define NAME_MAX_SHOWN 18
#define LABEL_LINES    4

/* A label's lines, and how wide the widest is. */
struct label {
	char line[LABEL_LINES][GRAPH_SHAPE_MAX];
	int n;
	double width;
};

struct place {
	double x, y, w; /* centre, top, and width of the box */
	double span;    /* width of the whole subtree */
	size_t leaves, columns, rows;
	double leaf_w, leaf_h;
};

struct picture {
	const struct net *net;
	struct graph_tree tree;
	struct place *at;
	double width, height;
	FILE *f;
};

/* Fills at, width and height; net, tree and the array at are there. */
void graph_layout(struct picture *p);
/* A host on a switch that nothing hangs on: it stands in the block of its switch. */
bool graph_is_leaf(const struct picture *p, uint32_t node);
double graph_block_width(const struct place *at);

/* A long name is cut in the picture; the tooltip has it whole. */
const char *graph_short_name(const char *name, char buf[NAME_MAX_SHOWN + 4]);
/* The line below a node's name: a host's address, a switch's subnet. */
const char *graph_subtitle(const struct net *net, uint32_t node, char buf[24]);

void graph_label_addr(const struct net *net, uint32_t iface, struct label *l);
/* What the link of an interface does, upwards and downwards; nothing for a plain link. */
void graph_label_shapes(const struct net *net, uint32_t iface, const char *up, const char *down,
			struct label *l);
/* Of a branch's link upwards. *ret_addrs lines of it are addresses. */
void graph_label_branch(const struct net *net, uint32_t iface, struct label *l, int *ret_addrs);
/* Of a leaf: only what its link does; the address stands in its box anyway. */
void graph_label_leaf(const struct net *net, uint32_t iface, struct label *l);

#endif
