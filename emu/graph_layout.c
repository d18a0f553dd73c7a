/*
 * Places the nodes of a picture: layers from the busiest router down, hosts of a switch in rows on a
 * bus.
 *
 * Theory of operation. Over the spanning forest (graph_internal.h), each node gets a width from its
 * children up, then a place from its parents down. Hosts on a switch are leaves and form a block of
 * rows; everything else is a branch, whose link has a label of addresses and of what the link does.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include "emu/addr.h"
#include "emu/graph_layout.h"

#define LEAF_H         44.0  /* without its link's lines */
#define LEAF_GAP       14.0
#define GUTTER         26.0 /* the trunk between the columns of several rows */
#define BRANCH_GAP     34.0
#define ROW_MAX        6 /* leaves in a single row */
#define BOLD           12.0 /* 11 in bold letters is as wide as this */

static double text_width(const char *s, double size)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80; /* characters of UTF-8 */
	return (double)n * size * 0.62;
}

const char *graph_short_name(const char *name, char buf[NAME_MAX_SHOWN + 4])
{
	if (strlen(name) <= NAME_MAX_SHOWN)
		return name;
	snprintf(buf, NAME_MAX_SHOWN + 4, "%.*s…", NAME_MAX_SHOWN - 1, name);
	return buf;
}

static void add_line(struct label *l, double size, const char *fmt, ...) printf_like(3, 4);

static void add_line(struct label *l, double size, const char *fmt, ...)
{
	va_list ap;

	if (l->n == LABEL_LINES)
		return;
	va_start(ap, fmt);
	vsnprintf(l->line[l->n], sizeof(l->line[l->n]), fmt, ap);
	va_end(ap);
	l->width = fmax(l->width, text_width(l->line[l->n], size));
	l->n++;
}

void graph_label_shapes(const struct net *net, uint32_t iface, const char *up, const char *down,
			 struct label *l)
{
	const struct iface *i = &net->ifaces[iface];
	const struct shape *a = &net->links[i->link].shape[i->end];
	const struct shape *b = &net->links[i->link].shape[!i->end];
	char text[GRAPH_SHAPE_MAX];

	if (shape_equal(a, b)) {
		if (*graph_shape(a, text))
			add_line(l, BOLD, "%s", text);
		return;
	}
	if (*graph_shape(a, text))
		add_line(l, BOLD, "%s %.140s", up, text);
	if (*graph_shape(b, text))
		add_line(l, BOLD, "%s %.140s", down, text);
}

void graph_label_addr(const struct net *net, uint32_t iface, struct label *l)
{
	const struct iface *i = &net->ifaces[iface];
	char addr[16], name[NAME_MAX_SHOWN + 4];

	if (i->addr)
		add_line(l, 11, "%s  %s/%u", graph_short_name(net->nodes[i->node].name, name),
			 net_format_addr(addr, i->addr), i->prefix);
}

void graph_label_branch(const struct net *net, uint32_t iface, struct label *l, int *ret_addrs)
{
	*l = (struct label){0};
	graph_label_addr(net, net_peer(net, iface), l);
	graph_label_addr(net, iface, l);
	*ret_addrs = l->n;
	graph_label_shapes(net, iface, "↑", "↓", l);
}

void graph_label_leaf(const struct net *net, uint32_t iface, struct label *l)
{
	*l = (struct label){0};
	graph_label_shapes(net, iface, "↑", "↓", l);
}

bool graph_is_leaf(const struct picture *p, uint32_t node)
{
	uint32_t up = p->tree.up[node];

	if (p->tree.n_child[node] || up == NET_NONE || p->net->nodes[node].kind != NODE_HOST)
		return false;
	return p->net->nodes[p->net->ifaces[net_peer(p->net, up)].node].kind == NODE_SWITCH;
}

const char *graph_subtitle(const struct net *net, uint32_t node, char buf[24])
{
	const struct node *n = &net->nodes[node];
	char addr[16];

	buf[0] = '\0';
	for (size_t k = 0; k < n->n_ifaces && !buf[0]; k++) {
		const struct iface *own = &net->ifaces[n->ifaces[k]];
		const struct iface *peer = &net->ifaces[net_peer(net, n->ifaces[k])];

		if (n->kind == NODE_HOST && own->addr)
			snprintf(buf, 24, "%s/%u", net_format_addr(addr, own->addr), own->prefix);
		else if (n->kind == NODE_SWITCH && peer->addr)
			snprintf(buf, 24, "%s/%u",
				 net_format_addr(addr, peer->addr & addr_mask(peer->prefix)),
				 peer->prefix);
	}
	if (n->kind == NODE_ROUTER)
		snprintf(buf, 24, "router");
	return buf;
}

static double box_width(const struct net *net, uint32_t node)
{
	char name[NAME_MAX_SHOWN + 4], sub[24];
	double w = text_width(graph_short_name(net->nodes[node].name, name), 14);

	w = fmax(w, text_width(graph_subtitle(net, node, sub), 11));
	return fmax(w + 28, net->nodes[node].kind == NODE_HOST ? 96 : 128);
}

/* Columns of the block of leaves: one row while they are few, else about twice as wide as high. */
static void size_block(struct place *at)
{
	at->columns = at->leaves;
	at->rows = at->leaves > 0;
	if (at->leaves <= ROW_MAX)
		return;
	at->columns = (size_t)ceil(sqrt((double)at->leaves * 1.6));
	at->columns += at->columns & 1; /* the trunk is in the middle */
	at->rows = (at->leaves + at->columns - 1) / at->columns;
}

double graph_block_width(const struct place *at)
{
	if (!at->leaves)
		return 0;
	return (double)at->columns * (at->leaf_w + LEAF_GAP) - LEAF_GAP +
	       (at->rows > 1 ? GUTTER : 0);
}

/* From the children up: boxes, blocks and spans. */
static void measure(struct picture *p)
{
	const struct graph_tree *t = &p->tree;

	for (size_t i = p->net->n_nodes; i-- > 0;) {
		uint32_t node = t->order[i];
		struct place *at = &p->at[node];
		double branches = 0, block;
		struct label l;
		int addrs;

		at->w = box_width(p->net, node);
		at->leaf_h = LEAF_H;
		for (size_t k = 0; k < t->n_child[node]; k++) {
			uint32_t child = t->order[t->child[node] + k];

			if (!graph_is_leaf(p, child)) {
				branches += p->at[child].span + BRANCH_GAP;
				continue;
			}
			graph_label_leaf(p->net, t->up[child], &l);
			at->leaf_w = fmax(at->leaf_w, fmax(p->at[child].w, l.width + 16));
			at->leaf_h = fmax(at->leaf_h, LEAF_H + l.n * LINE);
			at->leaves++;
		}
		size_block(at);
		block = graph_block_width(at);
		at->span = fmax(at->w, branches + block - (block > 0 ? 0 : BRANCH_GAP));
		if (t->up[node] != NET_NONE && !graph_is_leaf(p, node)) {
			graph_label_branch(p->net, t->up[node], &l, &addrs);
			at->span = fmax(at->span, l.width + 20);
		}
	}
}

/* Where leaf number i of a node's block is. */
static void put_leaf(const struct place *parent, double left, size_t i, struct place *leaf)
{
	size_t row = i / parent->columns, column = i % parent->columns;
	size_t in_row =
	    row + 1 < parent->rows ? parent->columns : parent->leaves - row * parent->columns;
	double x = left + (double)column * (parent->leaf_w + LEAF_GAP) + parent->leaf_w / 2;

	/* The trunk ends at the last row, which is centred below it when it is not full. */
	if (in_row < parent->columns)
		x += (double)(parent->columns - in_row) * (parent->leaf_w + LEAF_GAP) / 2 +
		     GUTTER / 2;
	else if (parent->rows > 1 && column >= parent->columns / 2)
		x += GUTTER;
	leaf->x = x;
	leaf->w = parent->leaf_w;
	leaf->y = parent->y + BOX_H + BUS * 2 + (double)row * (parent->leaf_h + ROW_GAP);
}

/* From the parents down. Half of the branches go left of the block of leaves. */
static void put_children(struct picture *p, uint32_t node)
{
	const struct graph_tree *t = &p->tree;
	const struct place *at = &p->at[node];
	double block = graph_block_width(at), used = block, x;
	size_t branches = t->n_child[node] - at->leaves, done = 0, leaf = 0;
	double block_at = 0;

	for (size_t k = 0; k < t->n_child[node]; k++) {
		uint32_t child = t->order[t->child[node] + k];

		if (!graph_is_leaf(p, child))
			used += p->at[child].span + BRANCH_GAP;
	}
	if (block == 0)
		used -= BRANCH_GAP;
	x = at->x - used / 2;
	if (block > 0 && branches < 2) {
		block_at = x;
		x += block + BRANCH_GAP;
	}
	for (size_t k = 0; k < t->n_child[node]; k++) {
		uint32_t child = t->order[t->child[node] + k];

		if (graph_is_leaf(p, child))
			continue;
		if (block > 0 && branches >= 2 && done++ == branches / 2) {
			block_at = x;
			x += block + BRANCH_GAP;
		}
		p->at[child].x = x + p->at[child].span / 2;
		p->at[child].y = at->y + LAYER;
		x += p->at[child].span + BRANCH_GAP;
	}
	for (size_t k = 0; k < t->n_child[node]; k++) {
		uint32_t child = t->order[t->child[node] + k];

		if (!graph_is_leaf(p, child))
			continue;
		put_leaf(at, block_at, leaf++, &p->at[child]);
		p->at[child].leaf_h = at->leaf_h;
	}
}

void graph_layout(struct picture *p)
{
	double x = MARGIN;

	measure(p);
	for (size_t i = 0; i < p->net->n_nodes; i++) {
		uint32_t node = p->tree.order[i];
		struct place *at = &p->at[node];

		if (p->tree.up[node] == NET_NONE) {
			at->x = x + at->span / 2;
			at->y = MARGIN + HEAD;
			x += at->span + BRANCH_GAP;
		}
		put_children(p, node);
		p->height =
		    fmax(p->height, at->y + (graph_is_leaf(p, node) ? at->leaf_h : BOX_H) + MARGIN);
	}
	p->width = fmax(x - BRANCH_GAP + MARGIN, 480);
}
