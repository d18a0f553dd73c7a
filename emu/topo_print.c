/*
 * Writes a resolved network as a topology file that gives the same network again, without a draw.
 *
 * Nodes come in their order, then links in theirs; interfaces are numbered by links, so both must
 * stay. A host whose first link is the next one in that order, to a switch, takes it as 'switch ='.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <string.h>

#include "core/units.h"
#include "emu/delay.h"
#include "emu/topo_internal.h"

/* The shortest decimal that reads back to the same share. */
static void print_share(FILE *f, const char *key, const char *direction, double share)
{
	char text[40];
	const char *why;
	double back;

	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*f", digits, share * 100);
		char *end = text + strlen(text);

		while (end[-1] == '0')
			*--end = '\0';
		if (end[-1] == '.')
			*--end = '\0';
		strcpy(end, "%");
		if (units_parse_share(text, true, &back, &why) == 0 && back == share)
			break;
	}
	fprintf(f, "%s%s = %s\n", key, direction, text);
}

static bool same_shape(const struct shape *a, const struct shape *b)
{
	return a->rate == b->rate && a->delay == b->delay && a->jitter == b->jitter &&
	       a->dist == b->dist && a->loss == b->loss && a->limit == b->limit;
}

static void print_shape(FILE *f, const struct shape *s, const char *direction)
{
	char buf[40];

	if (s->rate)
		fprintf(f, "rate%s = %s\n", direction,
			units_format_rate(buf, sizeof(buf), s->rate));
	if (s->delay || s->jitter) {
		fprintf(f, "delay%s = %s", direction,
			units_format_time(buf, sizeof(buf), s->delay));
		if (s->jitter)
			fprintf(f, " %s", units_format_time(buf, sizeof(buf), s->jitter));
		if (s->jitter && s->dist != DELAY_UNIFORM)
			fprintf(f, " %s", delay_dist_names[s->dist]);
		fputc('\n', f);
	}
	if (s->loss > 0)
		print_share(f, "loss", direction, s->loss);
	if (s->limit)
		fprintf(f, "limit%s = %" PRIu64 "\n", direction, s->limit);
}

static void print_link_keys(const struct link *l, FILE *f)
{
	if (same_shape(&l->shape[0], &l->shape[1])) {
		print_shape(f, &l->shape[0], "");
	} else {
		print_shape(f, &l->shape[0], ">");
		print_shape(f, &l->shape[1], "<");
	}
	if (l->mtu != NET_MTU)
		fprintf(f, "mtu = %u\n", l->mtu);
}

/* Its address and MAC; node is " NAME", or "" in the host's own section. */
static void print_iface(const struct iface *i, const char *space, const char *node, FILE *f)
{
	char addr[16], mac[18];

	if (i->addr)
		fprintf(f, "address%s%s = %s/%u\n", space, node, net_format_addr(addr, i->addr),
			i->prefix);
	fprintf(f, "mac%s%s = %s\n", space, node, net_format_mac(mac, i->mac));
}

static void print_limits(const struct node *n, FILE *f)
{
	char buf[40];

	if (n->limits.cpu > 0)
		print_share(f, "cpu", "", n->limits.cpu);
	if (n->limits.memory)
		fprintf(f, "memory = %s\n", units_format_size(buf, sizeof(buf), n->limits.memory));
	if (n->limits.pids)
		fprintf(f, "pids = %" PRIu64 "\n", n->limits.pids);
	if (n->kind == NODE_HOST && !n->share)
		fprintf(f, "share = no\n");
}

/* Can the link be the 'switch =' of this host? */
static bool is_short(const struct net *net, uint32_t host, size_t link)
{
	if (link >= net->n_links || net->nodes[host].kind != NODE_HOST)
		return false;

	const struct iface *a = &net->ifaces[net->links[link].iface[0]];
	const struct iface *b = &net->ifaces[net->links[link].iface[1]];

	return a->node == host && a->number == 0 && net->nodes[b->node].kind == NODE_SWITCH;
}

static void print_node(const struct net *net, uint32_t node, size_t *next_link, FILE *f)
{
	const struct node *n = &net->nodes[node];

	fprintf(f, "\n[%s %s]\n", node_kinds[n->kind].name, n->name);
	if (strcmp(n->hostname, n->name) != 0 || n->hostname_given)
		fprintf(f, "hostname = %s\n", n->hostname);
	print_limits(n, f);
	if (!is_short(net, node, *next_link))
		return;

	const struct link *l = &net->links[(*next_link)++];
	const struct iface *port = &net->ifaces[l->iface[1]];

	fprintf(f, "switch = %s\n", net->nodes[port->node].name);
	print_iface(&net->ifaces[l->iface[0]], "", "", f);
	print_iface(port, " ", net->nodes[port->node].name, f);
	print_link_keys(l, f);
}

static void print_network(const struct net *net, FILE *f)
{
	char addr[16];

	fprintf(f, "[network]\nname = %s\nseed = %" PRIu64 "\nsubnet = %s/%u\n", net->name,
		net->seed, net_format_addr(addr, net->subnet), net->prefix);
	if (net->ipv6)
		fprintf(f, "ipv6 = yes\n");
	if (net->random_addrs)
		fprintf(f, "addresses = random\n");
	if (net->drawn_hostnames)
		fprintf(f, "hostnames = drawn\n");
	if (net->scenario_path)
		fprintf(f, "scenario_path = %s\n", net->scenario_path);
}

void topo_print(const struct net *net, const struct topo_section *sections, size_t n_sections,
		FILE *f)
{
	size_t next_link = 0;

	print_network(net, f);
	for (uint32_t i = 0; i < net->n_nodes; i++)
		print_node(net, i, &next_link, f);
	for (; next_link < net->n_links; next_link++) {
		const struct link *l = &net->links[next_link];
		const struct iface *a = &net->ifaces[l->iface[0]], *b = &net->ifaces[l->iface[1]];
		const char *na = net->nodes[a->node].name, *nb = net->nodes[b->node].name;

		fprintf(f, "\n[link %s %s]\n", na, nb);
		print_iface(a, " ", na, f);
		print_iface(b, " ", nb, f);
		print_link_keys(l, f);
	}
	for (size_t i = 0; i < n_sections; i++)
		if (sections[i].print)
			sections[i].print(sections[i].arg, net, f);
}
