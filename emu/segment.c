/* Segments of layer 2: union-find over the switches, then every other link for itself. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/segment.h"

#include <errno.h>
#include <stdio.h>

static uint32_t root_of(uint32_t *parent, uint32_t i)
{
	while (parent[i] != i) {
		parent[i] = parent[parent[i]];
		i = parent[i];
	}
	return i;
}

static bool is_switch(const struct net *net, uint32_t iface)
{
	return net->nodes[net->ifaces[iface].node].kind == NODE_SWITCH;
}

/* The smaller index becomes the root, so a segment is known by its first switch. */
static int join_switches(const struct net *net, uint32_t *parent, struct err *err)
{
	int result = 0;

	for (uint32_t i = 0; i < net->n_nodes; i++)
		parent[i] = i;
	for (size_t i = 0; i < net->n_links; i++) {
		const struct link *l = &net->links[i];

		if (!is_switch(net, l->iface[0]) || !is_switch(net, l->iface[1]))
			continue;
		uint32_t na = net->ifaces[l->iface[0]].node, nb = net->ifaces[l->iface[1]].node;
		uint32_t a = root_of(parent, na), b = root_of(parent, nb);

		if (a == b)
			result = err_at(
			    err, net->file, l->line,
			    "link %s %s closes a loop of switches: they run no spanning tree, "
			    "so a broadcast would circle for ever; remove a link of the loop or "
			    "put a router into it",
			    net->nodes[na].name, net->nodes[nb].name);
		else if (a < b)
			parent[b] = a;
		else
			parent[a] = b;
	}
	return result;
}

static void number_segments(const struct net *net, uint32_t *parent, uint32_t *of_node,
			    struct segments *s)
{
	for (uint32_t i = 0; i < net->n_nodes; i++) {
		if (net->nodes[i].kind != NODE_SWITCH)
			continue;
		if (parent[i] == i) {
			s->seg[s->n] = (struct segment){.sw = i, .link = NET_NONE};
			of_node[i] = (uint32_t)s->n++;
		} else {
			of_node[i] = of_node[root_of(parent, i)];
		}
	}
	for (uint32_t i = 0; i < net->n_links; i++) {
		const uint32_t *ends = net->links[i].iface;
		uint32_t seg;

		if (is_switch(net, ends[0])) {
			seg = of_node[net->ifaces[ends[0]].node];
		} else if (is_switch(net, ends[1])) {
			seg = of_node[net->ifaces[ends[1]].node];
		} else {
			s->seg[s->n] = (struct segment){.sw = NET_NONE, .link = i};
			seg = (uint32_t)s->n++;
		}
		s->of_iface[ends[0]] = s->of_iface[ends[1]] = seg;
	}
}

/* Counts the members of each segment, lays out their places, and fills them in node order. */
static void list_members(const struct net *net, struct segments *s)
{
	size_t at = 0;

	for (uint32_t i = 0; i < net->n_ifaces; i++)
		if (!is_switch(net, i))
			s->seg[s->of_iface[i]].n++;
	for (size_t i = 0; i < s->n; i++) {
		s->seg[i].first = at;
		at += s->seg[i].n;
		s->seg[i].n = 0;
	}
	for (size_t i = 0; i < net->n_nodes; i++) {
		const struct node *n = &net->nodes[i];

		if (!node_kinds[n->kind].has_addr)
			continue;
		for (size_t k = 0; k < n->n_ifaces; k++) {
			struct segment *seg = &s->seg[s->of_iface[n->ifaces[k]]];

			s->members[seg->first + seg->n++] = n->ifaces[k];
		}
	}
}

/* Two interfaces of a node in one subnet: its kernel would answer and send on either of them. */
static int check_members(const struct net *net, const struct segments *s, struct err *err)
{
	char name[SEGMENT_NAME_MAX];
	int result = 0;

	for (size_t i = 0; i < s->n; i++)
		for (size_t k = 1; k < s->seg[i].n; k++) {
			const uint32_t *m = &s->members[s->seg[i].first + k];
			const struct iface *a = &net->ifaces[m[-1]], *b = &net->ifaces[m[0]];

			if (a->node != b->node)
				continue;
			result =
			    err_at(err, net->file, net->links[b->link].line,
				   "%s is linked twice to %s (first on line %d): one node has one "
				   "interface in a subnet",
				   net->nodes[b->node].name,
				   segment_name(net, &s->seg[i], name, sizeof(name)),
				   net->links[a->link].line);
		}
	return result;
}

int segments_find(const struct net *net, struct segments *ret, struct err *err)
{
	_cleanup_(segments_free) struct segments s = {0};
	_cleanup_free_ uint32_t *parent = calloc(net->n_nodes + 1, sizeof(*parent));
	_cleanup_free_ uint32_t *of_node = calloc(net->n_nodes + 1, sizeof(*of_node));
	int r;

	s.seg = calloc(net->n_nodes + net->n_links + 1, sizeof(*s.seg));
	s.of_iface = calloc(net->n_ifaces + 1, sizeof(*s.of_iface));
	s.members = calloc(net->n_ifaces + 1, sizeof(*s.members));
	if (!parent || !of_node || !s.seg || !s.of_iface || !s.members)
		return err_sys(err, ENOMEM, "finding segments");
	r = join_switches(net, parent, err);
	if (r < 0)
		return r;
	number_segments(net, parent, of_node, &s);
	list_members(net, &s);
	r = check_members(net, &s, err);
	if (r < 0)
		return r;
	*ret = s;
	s = (struct segments){0};
	return 0;
}

void segments_free(struct segments *s)
{
	free(s->seg);
	free(s->of_iface);
	free(s->members);
	*s = (struct segments){0};
}

const char *segment_name(const struct net *net, const struct segment *s, char *buf, size_t size)
{
	if (s->sw != NET_NONE) {
		snprintf(buf, size, "the segment of %s", net->nodes[s->sw].name);
	} else {
		const uint32_t *ends = net->links[s->link].iface;

		snprintf(buf, size, "the link %s %s", net->nodes[net->ifaces[ends[0]].node].name,
			 net->nodes[net->ifaces[ends[1]].node].name);
	}
	return buf;
}
