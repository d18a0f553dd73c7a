/* Draws a network as text: a tree from its busiest router, each line a node with its link upwards.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/graph_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "core/units.h"
#include "emu/delay.h"
#include "emu/samples.h"
#include "emu/trace.h"

void graph_tree_free(struct graph_tree *t)
{
	free(t->order);
	free(t->up);
	free(t->place);
	free(t->depth);
	free(t->child);
	free(t->n_child);
	free(t->is_tree);
	*t = (struct graph_tree){0};
}

static int rank(const struct node *n)
{
	return n->kind == NODE_ROUTER ? 0 : n->kind == NODE_SWITCH ? 1 : 2;
}

/* Routers before switches before hosts, then by number of links, then in the order of the file. */
static int by_rank(const void *a, const void *b, void *arg)
{
	const struct net *net = arg;
	const uint32_t *x = a, *y = b;
	const struct node *m = &net->nodes[*x], *n = &net->nodes[*y];

	if (rank(m) != rank(n))
		return rank(m) - rank(n);
	if (m->n_ifaces != n->n_ifaces)
		return m->n_ifaces > n->n_ifaces ? -1 : 1;
	return (*x > *y) - (*x < *y);
}

/* Adds the part of the network that root is in. */
static size_t grow_tree(const struct net *net, struct graph_tree *t, bool *seen, uint32_t root,
			size_t n)
{
	size_t at = n;

	seen[root] = true;
	t->up[root] = NET_NONE;
	t->order[n++] = root;
	for (; at < n; at++) {
		uint32_t node = t->order[at];

		t->place[node] = at;
		t->child[node] = n;
		for (size_t k = 0; k < net->nodes[node].n_ifaces; k++) {
			uint32_t iface = net_peer(net, net->nodes[node].ifaces[k]);
			uint32_t next = net->ifaces[iface].node;

			if (seen[next])
				continue;
			seen[next] = true;
			t->is_tree[net->ifaces[iface].link] = true;
			t->n_extra--;
			t->up[next] = iface;
			t->depth[next] = t->depth[node] + 1;
			t->order[n++] = next;
		}
		t->n_child[node] = n - t->child[node];
	}
	return n;
}

int graph_tree_new(const struct net *net, struct graph_tree *ret)
{
	_cleanup_(graph_tree_free) struct graph_tree t = {.n_extra = net->n_links};
	_cleanup_free_ uint32_t *roots = calloc(net->n_nodes + 1, sizeof(*roots));
	_cleanup_free_ bool *seen = calloc(net->n_nodes + 1, sizeof(*seen));
	size_t n = 0;

	t.order = calloc(net->n_nodes + 1, sizeof(*t.order));
	t.up = calloc(net->n_nodes + 1, sizeof(*t.up));
	t.place = calloc(net->n_nodes + 1, sizeof(*t.place));
	t.depth = calloc(net->n_nodes + 1, sizeof(*t.depth));
	t.child = calloc(net->n_nodes + 1, sizeof(*t.child));
	t.n_child = calloc(net->n_nodes + 1, sizeof(*t.n_child));
	t.is_tree = calloc(net->n_links + 1, sizeof(*t.is_tree));
	if (!roots || !seen || !t.order || !t.up || !t.place || !t.depth || !t.child ||
	    !t.n_child || !t.is_tree)
		return -ENOMEM;
	for (uint32_t i = 0; i < net->n_nodes; i++)
		roots[i] = i;
	qsort_r(roots, net->n_nodes, sizeof(*roots), by_rank, (void *)net);
	for (size_t i = 0; i < net->n_nodes; i++)
		if (!seen[roots[i]])
			n = grow_tree(net, &t, seen, roots[i], n);
	*ret = t;
	t = (struct graph_tree){0};
	return 0;
}

static void add_part(char buf[GRAPH_SHAPE_MAX], const char *fmt, ...) printf_like(2, 3);
static void add_part(char buf[GRAPH_SHAPE_MAX], const char *fmt, ...)
{
	size_t n = strlen(buf);
	va_list ap;

	if (n)
		n += (size_t)snprintf(buf + n, GRAPH_SHAPE_MAX - n, ", ");
	va_start(ap, fmt);
	if (n < GRAPH_SHAPE_MAX)
		vsnprintf(buf + n, GRAPH_SHAPE_MAX - n, fmt, ap);
	va_end(ap);
}

static void add_delay(const struct shape *s, char buf[GRAPH_SHAPE_MAX])
{
	char a[32], b[32];

	units_format_time(a, sizeof(a), s->delay);
	units_format_time(b, sizeof(b), s->jitter);
	if (s->samples)
		add_part(buf, "%.4gms measured", s->samples->mean / 1e6);
	else if (s->jitter)
		add_part(buf, "%s ±%s%s%s", a, b, s->dist ? " " : "",
			 s->dist ? delay_dist_names[s->dist] : "");
	else if (s->delay)
		add_part(buf, "%s", a);
}

static void add_share(char buf[GRAPH_SHAPE_MAX], const char *name, double share)
{
	if (share > 0)
		add_part(buf, "%s %.6g%%", name, share * 100);
}

const char *graph_shape(const struct shape *s, char buf[GRAPH_SHAPE_MAX])
{
	char a[32];

	buf[0] = '\0';
	if (s->rate)
		add_part(buf, "%s", units_format_rate(a, sizeof(a), s->rate));
	if (s->trace)
		add_part(buf, "trace %.4gmbit", trace_rate(s->trace) / 1e6);
	add_delay(s, buf);
	if (s->loss_model == LOSS_RANDOM)
		add_share(buf, "loss", s->loss);
	else
		add_part(buf, "loss in bursts");
	add_share(buf, "duplicate", s->duplicate);
	add_share(buf, "corrupt", s->corrupt);
	add_share(buf, "reorder", s->reorder);
	if (s->slot_min)
		add_part(buf, "slots");
	if (s->queue == QUEUE_CODEL)
		add_part(buf, "codel");
	if (s->limit)
		add_part(buf, "limit %" PRIu64, s->limit);
	if (s->limit_bytes)
		add_part(buf, "limit %s", units_format_size(a, sizeof(a), s->limit_bytes));
	return buf;
}

const char *graph_counts(const struct net *net, char *buf, size_t size)
{
	static const char *const plural[NODE_KINDS] = {"hosts", "switches", "routers"};
	size_t counts[NODE_KINDS] = {0}, n = 0;

	for (size_t i = 0; i < net->n_nodes; i++)
		counts[net->nodes[i].kind]++;
	buf[0] = '\0';
	for (int k = 0; k < NODE_KINDS; k++)
		if (counts[k] && n < size)
			n += (size_t)snprintf(buf + n, size - n, "%zu %s, ", counts[k],
					      counts[k] == 1 ? node_kinds[k].name : plural[k]);
	if (n < size)
		snprintf(buf + n, size - n, "%zu link%s", net->n_links,
			 net->n_links == 1 ? "" : "s");
	return buf;
}

/* What a link does, seen from one end; down is what comes from the other. */
static void print_shapes(const struct net *net, uint32_t iface, FILE *f)
{
	const struct iface *i = &net->ifaces[iface];
	const struct shape *up = &net->links[i->link].shape[i->end];
	const struct shape *down = &net->links[i->link].shape[!i->end];
	char a[GRAPH_SHAPE_MAX], b[GRAPH_SHAPE_MAX];

	graph_shape(up, a);
	graph_shape(down, b);
	if (shape_equal(up, down)) {
		if (*a)
			fprintf(f, "  [%s]", a);
		return;
	}
	fprintf(f, "  [up: %s; down: %s]", *a ? a : "-", *b ? b : "-");
}

static void print_addr(const struct net *net, uint32_t iface, const char *before, FILE *f)
{
	char addr[16];

	if (net->ifaces[iface].addr)
		fprintf(f, "%s%s/%u", before, net_format_addr(addr, net->ifaces[iface].addr),
			net->ifaces[iface].prefix);
}

static void print_node(const struct net *net, const struct graph_tree *t, uint32_t node, FILE *f)
{
	const struct node *n = &net->nodes[node];
	uint32_t up = t->up[node];

	fprintf(f, "%s", n->name);
	if (n->kind != NODE_HOST)
		fprintf(f, " (%s)", node_kinds[n->kind].name);
	if (up != NET_NONE) {
		uint32_t peer = net_peer(net, up);
		char before[NODE_NAME_MAX + 8];

		print_addr(net, up, "  ", f);
		snprintf(before, sizeof(before), "  at %s ",
			 net->nodes[net->ifaces[peer].node].name);
		print_addr(net, peer, before, f);
		print_shapes(net, up, f);
	}
	fputc('\n', f);
}

/* Depth first, with the bars of what is still to come on the left. */
static void print_tree(const struct net *net, const struct graph_tree *t, uint32_t root, char *bars,
		       FILE *f)
{
	uint32_t node = root;
	size_t len = 0;

	print_node(net, t, node, f);
	for (;;) {
		if (t->n_child[node]) {
			node = t->order[t->child[node]];
		} else {
			/* Up, to where a child is left. */
			for (;;) {
				uint32_t parent;

				if (node == root)
					return;
				parent = net->ifaces[net_peer(net, t->up[node])].node;
				len = t->depth[node] - t->depth[root] - 1;
				if (bars[len]) {
					node = t->order[t->place[node] + 1];
					break;
				}
				node = parent;
			}
		}

		uint32_t parent = net->ifaces[net_peer(net, t->up[node])].node;

		len = t->depth[node] - t->depth[root] - 1;
		bars[len] = t->order[t->child[parent] + t->n_child[parent] - 1] != node;
		for (size_t i = 0; i < len; i++)
			fputs(bars[i] ? "│  " : "   ", f);
		fputs(bars[len] ? "├─ " : "└─ ", f);
		print_node(net, t, node, f);
	}
}

static void print_extra(const struct net *net, const struct graph_tree *t, FILE *f)
{
	if (t->n_extra)
		fputs("\nand these links:\n", f);
	for (size_t i = 0; i < net->n_links; i++) {
		const uint32_t *ends = net->links[i].iface;

		if (t->is_tree[i])
			continue;
		fprintf(f, "%s", net->nodes[net->ifaces[ends[0]].node].name);
		print_addr(net, ends[0], " ", f);
		fprintf(f, " ── %s", net->nodes[net->ifaces[ends[1]].node].name);
		print_addr(net, ends[1], " ", f);
		print_shapes(net, ends[0], f);
		fputc('\n', f);
	}
}

void graph_text(const struct net *net, FILE *f)
{
	_cleanup_(graph_tree_free) struct graph_tree t = {0};
	_cleanup_free_ char *bars = calloc(net->n_nodes + 1, 1);
	char addr[16], counts[160];

	if (!bars || graph_tree_new(net, &t) < 0) {
		fputs("out of memory\n", f);
		return;
	}
	fprintf(f, "%s  %s/%u  %s\n\n", net->name ? net->name : "net",
		net_format_addr(addr, net->subnet), net->prefix,
		graph_counts(net, counts, sizeof(counts)));
	for (size_t i = 0; i < net->n_nodes; i++)
		if (t.up[t.order[i]] == NET_NONE)
			print_tree(net, &t, t.order[i], bars, f);
	print_extra(net, &t, f);
}
