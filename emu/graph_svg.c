/*
 * Draws a network as SVG: layers from the busiest router down, hosts of a switch in rows on a bus.
 *
 * Theory of operation. Over the spanning forest (graph_internal.h), each node gets a width from its
 * children up, then a place from its parents down. Hosts on a switch are leaves and form a block of
 * rows; everything else is a branch, whose link has a label of addresses and of what the link does.
 * A link that is not in the forest is a dashed curve.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/graph_internal.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "emu/addr.h"

#define MARGIN         36.0
#define HEAD           84.0 /* title */
#define BOX_H          48.0
#define LAYER          176.0 /* from the top of a layer to the next */
#define BUS            30.0  /* below a box */
#define LEAF_H         44.0  /* without its link's lines */
#define LEAF_GAP       14.0
#define ROW_GAP        30.0
#define GUTTER         26.0 /* the trunk between the columns of several rows */
#define BRANCH_GAP     34.0
#define LINE           14.0
#define ROW_MAX        6 /* leaves in a single row */
#define NAME_MAX_SHOWN 18
#define LABEL_LINES    4
#define BOLD           12.0 /* 11 in bold letters is as wide as this */

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

static const char style[] =
    "text{font-family:Inter,'Segoe UI',Helvetica,Arial,'DejaVu Sans',sans-serif;fill:#1f2937}"
    ".t{font-size:22px;font-weight:700}.c{font-size:13px;fill:#6b7280}"
    ".n{font-size:14px;font-weight:600;text-anchor:middle}"
    ".a{font-size:11px;text-anchor:middle;fill:#4b5563}"
    ".q{font-size:11px;text-anchor:middle;fill:#b45309;font-weight:600}"
    ".w{fill:#fff}.v{fill:#dbeafe}"
    ".l{fill:none;stroke:#94a3b8;stroke-width:1.6;stroke-linejoin:round}"
    ".x{fill:none;stroke:#94a3b8;stroke-width:1.6;stroke-dasharray:6 4}"
    ".h{fill:#fff;stroke:#cbd5e1;stroke-width:1.2}"
    ".s{fill:#475569}.r{fill:#2563eb}"
    ".k{fill:#fff;stroke:#e2e8f0}";

static double text_width(const char *s, double size)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80; /* characters of UTF-8 */
	return (double)n * size * 0.62;
}

/* A long name is cut in the picture; the tooltip has it whole. */
static const char *short_name(const char *name, char buf[NAME_MAX_SHOWN + 4])
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

/* What the link of an interface does, upwards and downwards; nothing for a plain link. */
static void label_shapes(const struct net *net, uint32_t iface, const char *up, const char *down,
			 struct label *l)
{
	const struct iface *i = &net->ifaces[iface];
	const struct shape *a = &net->links[i->link].shape[i->end];
	const struct shape *b = &net->links[i->link].shape[!i->end];
	char text[GRAPH_SHAPE_MAX];

	if (graph_same_shape(a, b)) {
		if (*graph_shape(a, text))
			add_line(l, BOLD, "%s", text);
		return;
	}
	if (*graph_shape(a, text))
		add_line(l, BOLD, "%s %.140s", up, text);
	if (*graph_shape(b, text))
		add_line(l, BOLD, "%s %.140s", down, text);
}

static void label_addr(const struct net *net, uint32_t iface, struct label *l)
{
	const struct iface *i = &net->ifaces[iface];
	char addr[16], name[NAME_MAX_SHOWN + 4];

	if (i->addr)
		add_line(l, 11, "%s  %s/%u", short_name(net->nodes[i->node].name, name),
			 net_format_addr(addr, i->addr), i->prefix);
}

/* Of a branch's link upwards. *ret_addrs lines of it are addresses. */
static void label_branch(const struct net *net, uint32_t iface, struct label *l, int *ret_addrs)
{
	*l = (struct label){0};
	label_addr(net, net_peer(net, iface), l);
	label_addr(net, iface, l);
	*ret_addrs = l->n;
	label_shapes(net, iface, "↑", "↓", l);
}

/* Of a leaf: only what its link does; the address stands in its box anyway. */
static void label_leaf(const struct net *net, uint32_t iface, struct label *l)
{
	*l = (struct label){0};
	label_shapes(net, iface, "↑", "↓", l);
}

static bool is_leaf(const struct picture *p, uint32_t node)
{
	uint32_t up = p->tree.up[node];

	if (p->tree.n_child[node] || up == NET_NONE || p->net->nodes[node].kind != NODE_HOST)
		return false;
	return p->net->nodes[p->net->ifaces[net_peer(p->net, up)].node].kind == NODE_SWITCH;
}

/* The line below a node's name: a host's address, a switch's subnet. */
static const char *subtitle(const struct net *net, uint32_t node, char buf[24])
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
	double w = text_width(short_name(net->nodes[node].name, name), 14);

	w = fmax(w, text_width(subtitle(net, node, sub), 11));
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

static double block_width(const struct place *at)
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

			if (!is_leaf(p, child)) {
				branches += p->at[child].span + BRANCH_GAP;
				continue;
			}
			label_leaf(p->net, t->up[child], &l);
			at->leaf_w = fmax(at->leaf_w, fmax(p->at[child].w, l.width + 16));
			at->leaf_h = fmax(at->leaf_h, LEAF_H + l.n * LINE);
			at->leaves++;
		}
		size_block(at);
		block = block_width(at);
		at->span = fmax(at->w, branches + block - (block > 0 ? 0 : BRANCH_GAP));
		if (t->up[node] != NET_NONE && !is_leaf(p, node)) {
			label_branch(p->net, t->up[node], &l, &addrs);
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
	double block = block_width(at), used = block, x;
	size_t branches = t->n_child[node] - at->leaves, done = 0, leaf = 0;
	double block_at = 0;

	for (size_t k = 0; k < t->n_child[node]; k++) {
		uint32_t child = t->order[t->child[node] + k];

		if (!is_leaf(p, child))
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

		if (is_leaf(p, child))
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

		if (!is_leaf(p, child))
			continue;
		put_leaf(at, block_at, leaf++, &p->at[child]);
		p->at[child].leaf_h = at->leaf_h;
	}
}

static void layout(struct picture *p)
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
		    fmax(p->height, at->y + (is_leaf(p, node) ? at->leaf_h : BOX_H) + MARGIN);
	}
	p->width = fmax(x - BRANCH_GAP + MARGIN, 480);
}

/* Text between tags; only the network's name can hold what XML would read. */
static void print_escaped(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '<')
			fputs("&lt;", f);
		else if (*s == '>')
			fputs("&gt;", f);
		else if (*s == '&')
			fputs("&amp;", f);
		else
			fputc(*s, f);
	}
}

static void draw_text(FILE *f, const char *class, double x, double y, const char *text)
{
	fprintf(f, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, x, y);
	print_escaped(f, text);
	fputs("</text>\n", f);
}

/* The lines of a label in a box of white, so that what is behind does not disturb. */
static void draw_label(FILE *f, const struct label *l, int addrs, double x, double middle)
{
	double h = l->n * LINE + 6, top = middle - h / 2;

	if (!l->n)
		return;
	fprintf(
	    f,
	    "<rect class=\"k\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"5\"/>\n",
	    x - l->width / 2 - 8, top, l->width + 16, h);
	for (int i = 0; i < l->n; i++)
		draw_text(f, i < addrs ? "a" : "q", x, top + (i + 1) * LINE, l->line[i]);
}

/* From a box down to the bus, along it, and down to each branch. */
static void draw_branch_line(const struct picture *p, const struct place *from,
			     const struct place *to)
{
	fprintf(p->f, "<path class=\"l\" d=\"M%.1f %.1fV%.1fH%.1fV%.1f\"/>\n", from->x,
		from->y + BOX_H, from->y + BOX_H + BUS, to->x, to->y);
}

/* A row's bus, and the drop to each leaf; rows after the first hang on the trunk in the middle. */
static void draw_leaf_line(const struct picture *p, const struct place *from, size_t i,
			   const struct place *leaf, double trunk)
{
	double bus = from->y + BOX_H + BUS;

	if (i >= from->columns) {
		double row_bus = leaf->y - ROW_GAP / 2;

		fprintf(p->f, "<path class=\"l\" d=\"M%.1f %.1fV%.1fH%.1fV%.1f\"/>\n", trunk, bus,
			row_bus, leaf->x, leaf->y);
		return;
	}
	fprintf(p->f, "<path class=\"l\" d=\"M%.1f %.1fV%.1fH%.1fV%.1f\"/>\n", from->x,
		from->y + BOX_H, bus, leaf->x, leaf->y);
}

static void draw_lines(const struct picture *p, uint32_t node)
{
	const struct graph_tree *t = &p->tree;
	const struct place *at = &p->at[node];
	double trunk = 0;
	size_t leaf = 0;

	for (size_t k = 0; k < t->n_child[node]; k++) {
		uint32_t child = t->order[t->child[node] + k];
		const struct place *to = &p->at[child];

		if (!is_leaf(p, child)) {
			draw_branch_line(p, at, to);
			continue;
		}
		if (!leaf)
			trunk = to->x - to->w / 2 +
				block_width(at) / 2; /* of the first row, which is full */
		draw_leaf_line(p, at, leaf++, to, trunk);
	}
}

/* Links outside the tree: curves that bend away from the straight line. */
static void draw_extra(const struct picture *p, size_t link)
{
	const struct net *net = p->net;
	const uint32_t *ends = net->links[link].iface;
	const struct place *a = &p->at[net->ifaces[ends[0]].node];
	const struct place *b = &p->at[net->ifaces[ends[1]].node];
	double ax = a->x, ay = a->y + BOX_H / 2, bx = b->x, by = b->y + BOX_H / 2;
	double mx = (ax + bx) / 2, my = (ay + by) / 2 - (fabs(ay - by) < 1 ? 110 : 40);
	struct label l = {0};
	int addrs;

	label_addr(net, ends[0], &l);
	label_addr(net, ends[1], &l);
	addrs = l.n;
	label_shapes(net, ends[0], "→", "←", &l);
	fprintf(p->f, "<path class=\"x\" d=\"M%.1f %.1fQ%.1f %.1f %.1f %.1f\"/>\n", ax, ay, mx, my,
		bx, by);
	draw_label(p->f, &l, addrs, (ax + 2 * mx + bx) / 4, (ay + 2 * my + by) / 4);
}

static void draw_host(const struct picture *p, uint32_t node, double h)
{
	const struct place *at = &p->at[node];

	fprintf(
	    p->f,
	    "<rect class=\"h\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"7\"/>\n",
	    at->x - at->w / 2, at->y, at->w, h);
}

static void draw_switch(const struct picture *p, uint32_t node, double h)
{
	const struct place *at = &p->at[node];

	fprintf(
	    p->f,
	    "<rect class=\"s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"7\"/>\n",
	    at->x - at->w / 2, at->y, at->w, h);
}

static void draw_router(const struct picture *p, uint32_t node, double h)
{
	const struct place *at = &p->at[node];

	fprintf(p->f,
		"<rect class=\"r\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
		"rx=\"%.1f\"/>\n",
		at->x - at->w / 2, at->y, at->w, h, h / 2);
}

/* The words of node_kinds[].svg_shape. */
static const struct svg_shape {
	const char *name;
	void (*draw)(const struct picture *p, uint32_t node, double h);
	const char *title, *subtitle; /* classes of text */
} shapes[] = {
    {"box", draw_host, "n", "a"},
    {"bar", draw_switch, "n w", "a v"},
    {"disc", draw_router, "n w", "a v"},
};

/* The tooltip: the whole name and every interface. */
static void draw_tooltip(const struct picture *p, uint32_t node)
{
	const struct node *n = &p->net->nodes[node];
	char addr[16], mac[18];

	fprintf(p->f, "<title>%s %s", node_kinds[n->kind].name, n->name);
	for (size_t k = 0; k < n->n_ifaces && node_kinds[n->kind].has_addr; k++) {
		const struct iface *i = &p->net->ifaces[n->ifaces[k]];

		fprintf(p->f, "\n%s %s/%u %s", i->name, net_format_addr(addr, i->addr), i->prefix,
			net_format_mac(mac, i->mac));
	}
	fputs("</title>\n", p->f);
}

static void draw_node(const struct picture *p, uint32_t node)
{
	const struct node *n = &p->net->nodes[node];
	const struct place *at = &p->at[node];
	const struct svg_shape *shape = &shapes[0];
	bool leaf = is_leaf(p, node);
	char name[NAME_MAX_SHOWN + 4], sub[24];
	struct label l;
	int addrs;

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (!strcmp(shapes[i].name, node_kinds[n->kind].svg_shape))
			shape = &shapes[i];
	if (p->tree.up[node] != NET_NONE && !leaf) {
		/* Between the bus and the box. */
		label_branch(p->net, p->tree.up[node], &l, &addrs);
		draw_label(p->f, &l, addrs, at->x, at->y - (LAYER - BOX_H - BUS) / 2);
	}
	fputs("<g>", p->f);
	draw_tooltip(p, node);
	shape->draw(p, node, leaf ? at->leaf_h : BOX_H);
	draw_text(p->f, shape->title, at->x, at->y + 20, short_name(n->name, name));
	draw_text(p->f, shape->subtitle, at->x, at->y + 36, subtitle(p->net, node, sub));
	if (leaf) {
		label_leaf(p->net, p->tree.up[node], &l);
		for (int i = 0; i < l.n; i++)
			draw_text(p->f, "q", at->x, at->y + 36 + (i + 1) * LINE, l.line[i]);
	}
	fputs("</g>\n", p->f);
}

static void draw_head(const struct picture *p)
{
	const struct net *net = p->net;
	char addr[16], counts[160], text[256];

	fprintf(p->f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		"viewBox=\"0 0 %.0f %.0f\">\n<style>%s</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#f8fafc\"/>\n",
		p->width, p->height, p->width, p->height, style);
	draw_text(p->f, "t", MARGIN, MARGIN + 18, net->name ? net->name : "net");
	snprintf(text, sizeof(text), "%s/%u  ·  %s", net_format_addr(addr, net->subnet),
		 net->prefix, graph_counts(net, counts, sizeof(counts)));
	draw_text(p->f, "c", MARGIN, MARGIN + 40, text);
}

static void picture_free(struct picture *p)
{
	graph_tree_free(&p->tree);
	free(p->at);
}

void graph_svg(const struct net *net, FILE *f)
{
	_cleanup_(picture_free) struct picture p = {.net = net, .f = f};

	p.at = calloc(net->n_nodes + 1, sizeof(*p.at));
	if (!p.at || graph_tree_new(net, &p.tree) < 0) {
		fputs(
		    "<svg xmlns=\"http://www.w3.org/2000/svg\"><text>out of memory</text></svg>\n",
		    f);
		return;
	}
	layout(&p);
	draw_head(&p);
	for (uint32_t i = 0; i < net->n_nodes; i++)
		draw_lines(&p, i);
	for (size_t i = 0; i < net->n_links; i++)
		if (!p.tree.is_tree[i])
			draw_extra(&p, i);
	for (uint32_t i = 0; i < net->n_nodes; i++)
		draw_node(&p, i);
	fputs("</svg>\n", f);
}
