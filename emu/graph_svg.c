/*
 * Draws a network as SVG, over the places that graph_layout.c gives; a link that is not in the
 * spanning forest is a dashed curve.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>
#include "emu/graph_layout.h"

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

		if (!graph_is_leaf(p, child)) {
			draw_branch_line(p, at, to);
			continue;
		}
		if (!leaf)
			trunk = to->x - to->w / 2 +
				graph_block_width(at) / 2; /* of the first row, which is full */
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

	graph_label_addr(net, ends[0], &l);
	graph_label_addr(net, ends[1], &l);
	addrs = l.n;
	graph_label_shapes(net, ends[0], "→", "←", &l);
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
	bool leaf = graph_is_leaf(p, node);
	char name[NAME_MAX_SHOWN + 4], sub[24];
	struct label l;
	int addrs;

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		if (!strcmp(shapes[i].name, node_kinds[n->kind].svg_shape))
			shape = &shapes[i];
	if (p->tree.up[node] != NET_NONE && !leaf) {
		/* Between the bus and the box. */
		graph_label_branch(p->net, p->tree.up[node], &l, &addrs);
		draw_label(p->f, &l, addrs, at->x, at->y - (LAYER - BOX_H - BUS) / 2);
	}
	fputs("<g>", p->f);
	draw_tooltip(p, node);
	shape->draw(p, node, leaf ? at->leaf_h : BOX_H);
	draw_text(p->f, shape->title, at->x, at->y + 20, graph_short_name(n->name, name));
	draw_text(p->f, shape->subtitle, at->x, at->y + 36, graph_subtitle(p->net, node, sub));
	if (leaf) {
		graph_label_leaf(p->net, p->tree.up[node], &l);
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
	graph_layout(&p);
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
