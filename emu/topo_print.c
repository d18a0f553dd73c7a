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
#include "emu/topo_internal.h"

static void print_link_keys(const struct net *net, const struct link *l, FILE *f)
{
	if (shape_equal(&l->shape[0], &l->shape[1])) {
		shape_print(&l->shape[0], "", f);
	} else {
		shape_print(&l->shape[0], ">", f);
		shape_print(&l->shape[1], "<", f);
	}
	if (l->engine != net->engine)
		fprintf(f, "engine = %s\n", link_engine_names[l->engine]);
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
		fprintf(f, "cpu = %s\n",
			units_format_share(buf, sizeof(buf), n->limits.cpu));
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
	print_link_keys(net, l, f);
}

static void print_network(const struct net *net, FILE *f)
{
	char addr[16];

	fprintf(f, "[network]\nname = %s\nseed = %" PRIu64 "\nsubnet = %s/%u\n", net->name,
		net->seed, net_format_addr(addr, net->subnet), net->prefix);
	if (net->ipv6)
		fprintf(f, "ipv6 = yes\n");
	if (net->offload)
		fprintf(f, "offload = on\n");
	if (net->random_addrs)
		fprintf(f, "addresses = random\n");
	if (net->drawn_hostnames)
		fprintf(f, "hostnames = drawn\n");
	if (net->engine != ENGINE_AUTO)
		fprintf(f, "engine = %s\n", link_engine_names[net->engine]);
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
		print_link_keys(net, l, f);
	}
	timeline_print(net, f);
	for (size_t i = 0; i < n_sections; i++)
		if (sections[i].print)
			sections[i].print(sections[i].arg, net, f);
}
