/* The network model: nodes, interfaces and links added, found, finished and freed. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/net.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "emu/addr.h"
#include "emu/route.h"
#include "emu/segment.h"

#define DEFAULT_SUBNET 0x0a000000u /* 10.0.0.0 */
#define DEFAULT_PREFIX 16

const char *const link_engine_names[] = {"auto", "netem", "shaper"};

void net_init(struct net *net)
{
	*net = (struct net){
	    .seed = 1,
	    .subnet = DEFAULT_SUBNET,
	    .prefix = DEFAULT_PREFIX,
	};
}

void net_free(struct net *net)
{
	for (size_t i = 0; i < net->n_nodes; i++) {
		free(net->nodes[i].name);
		free(net->nodes[i].hostname);
		free(net->nodes[i].ifaces);
		free(net->nodes[i].routes);
	}
	for (size_t i = 0; i < net->n_links; i++)
		for (int end = 0; end < 2; end++)
			shape_clear(&net->links[i].shape[end]);
	free(net->nodes);
	free(net->ifaces);
	free(net->links);
	timeline_free(&net->timeline);
	free(net->file);
	free(net->name);
	free(net->scenario_path);
	idmap_free(&net->by_name);
	idmap_free(&net->by_addr);
	*net = (struct net){0};
}

/* Room for more elements after n: the array is doubled whenever n is a power of two. */
static int reserve(void *array, size_t n, size_t more, size_t size)
{
	size_t have = 1;

	while (have < n)
		have *= 2;
	if (n > 0 && n + more <= have)
		return 0;
	while (have < n + more)
		have *= 2;

	void *bigger = reallocarray(*(void **)array, have, size);

	if (!bigger)
		return -ENOMEM;
	*(void **)array = bigger;
	return 0;
}

bool net_name_ok(const char *name)
{
	size_t n = strlen(name);
	bool letter = false;

	if (n == 0 || n > NODE_NAME_MAX || name[0] == '-' || name[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c > 127 || (!isalnum(c) && c != '-'))
			return false;
		letter = letter || isalpha(c) || c == '-';
	}
	return letter;
}

static int check_new_name(const struct net *net, const char *name, int line, struct err *err)
{
	if (strlen(name) > NODE_NAME_MAX)
		return err_at(err, net->file, line,
			      "name '%.20s...' is too long: at most %d characters", name,
			      NODE_NAME_MAX);
	if (!net_name_ok(name))
		return err_at(err, net->file, line,
			      "'%s' cannot be a name: use letters, digits and inner hyphens, "
			      "with at least one letter",
			      name);
	if (!strcasecmp(name, "localhost"))
		return err_at(err, net->file, line,
			      "'%s' cannot be a name: it means every host itself", name);
	return 0;
}

/* The node of this name, in upper or lower case; *ret_key is its key, or a free one. */
static uint32_t find_folded(const struct net *net, const char *name, uint64_t *ret_key)
{
	uint64_t key = idmap_text_key(name);
	uint32_t i;

	while ((i = idmap_get(&net->by_name, key)) != NET_NONE) {
		if (!strcasecmp(net->nodes[i].name, name))
			break;
		key++;
	}
	*ret_key = key;
	return i;
}

int net_add_node(struct net *net, enum node_kind kind, const char *name, int line, struct err *err)
{
	uint64_t key;
	int r = check_new_name(net, name, line, err);

	if (r < 0)
		return r;
	uint32_t other = find_folded(net, name, &key);

	if (other != NET_NONE) {
		const struct node *n = &net->nodes[other];

		return err_at(err, net->file, line, "duplicate name '%s': a %s on line %d %s", name,
			      node_kinds[n->kind].name, n->line,
			      strcmp(n->name, name) ? "differs only in case" : "has it already");
	}
	if (net->n_nodes >= NET_NODES_MAX)
		return err_at(err, net->file, line, "too many nodes: a network has at most %d",
			      NET_NODES_MAX);
	if (reserve(&net->nodes, net->n_nodes, 1, sizeof(*net->nodes)) < 0)
		return err_sys(err, ENOMEM, "adding node %s", name);

	_cleanup_free_ char *copy = strdup(name);
	_cleanup_free_ char *hostname = strdup(name);

	if (!copy || !hostname || idmap_put(&net->by_name, key, (uint32_t)net->n_nodes) < 0)
		return err_sys(err, ENOMEM, "adding node %s", name);
	net->nodes[net->n_nodes] = (struct node){
	    .name = steal_ptr(copy),
	    .hostname = steal_ptr(hostname),
	    .kind = kind,
	    .line = line,
	    .primary = NET_NONE,
	    .share = kind == NODE_HOST,
	};
	return (int)net->n_nodes++;
}

static void add_iface(struct net *net, uint32_t node, uint32_t link, uint8_t end)
{
	struct node *n = &net->nodes[node];
	uint32_t i = (uint32_t)net->n_ifaces++;

	net->ifaces[i] = (struct iface){
	    .node = node,
	    .link = link,
	    .end = end,
	    .number = (uint32_t)n->n_ifaces,
	};
	net->links[link].iface[end] = i;
	n->ifaces[n->n_ifaces++] = i;
}

int net_add_link(struct net *net, uint32_t a, uint32_t b, int line, struct err *err)
{
	if (a == b)
		return err_at(err, net->file, line, "a link joins two nodes, not %s to itself",
			      net->nodes[a].name);
	if (net->n_links >= NET_LINKS_MAX)
		return err_at(err, net->file, line, "too many links: a network has at most %d",
			      NET_LINKS_MAX);

	struct node *na = &net->nodes[a], *nb = &net->nodes[b];

	if (reserve(&net->links, net->n_links, 1, sizeof(*net->links)) < 0 ||
	    reserve(&net->ifaces, net->n_ifaces, 2, sizeof(*net->ifaces)) < 0 ||
	    reserve(&na->ifaces, na->n_ifaces, 1, sizeof(*na->ifaces)) < 0 ||
	    reserve(&nb->ifaces, nb->n_ifaces, 1, sizeof(*nb->ifaces)) < 0)
		return err_sys(err, ENOMEM, "linking %s to %s", na->name, nb->name);

	uint32_t link = (uint32_t)net->n_links++;

	net->links[link] = (struct link){.mtu = NET_MTU, .line = line, .engine = net->engine};
	add_iface(net, a, link, 0);
	add_iface(net, b, link, 1);
	return (int)link;
}

uint32_t net_find(const struct net *net, const char *name)
{
	uint64_t key;
	uint32_t i = find_folded(net, name, &key);

	return i != NET_NONE && !strcmp(net->nodes[i].name, name) ? i : NET_NONE;
}

uint32_t net_find_addr(const struct net *net, uint32_t addr)
{
	return idmap_get(&net->by_addr, addr);
}

uint32_t net_node_addr(const struct net *net, uint32_t node)
{
	uint32_t i = net->nodes[node].primary;

	return i == NET_NONE ? 0 : net->ifaces[i].addr;
}

char *net_link_path(const struct net *net, uint32_t link, int end)
{
	const struct iface *from = &net->ifaces[net->links[link].iface[end]];
	const struct iface *to = &net->ifaces[net->links[link].iface[!end]];
	/* Whichever has fewer links to count. */
	bool at_from = net->nodes[from->node].n_ifaces < net->nodes[to->node].n_ifaces;
	const struct iface *few = at_from ? from : to, *far = at_from ? to : from;
	const struct node *n = &net->nodes[few->node];
	size_t before = 0;
	char *path;
	int r;

	for (size_t i = 0; i < n->n_ifaces && n->ifaces[i] != few - net->ifaces; i++)
		before += net->ifaces[net_peer(net, n->ifaces[i])].node == far->node;
	if (before)
		r = asprintf(&path, "link/%s/%s/%zu", net->nodes[from->node].name,
			     net->nodes[to->node].name, before + 1);
	else
		r = asprintf(&path, "link/%s/%s", net->nodes[from->node].name,
			     net->nodes[to->node].name);
	return r < 0 ? NULL : path;
}

static int check_nodes(const struct net *net, struct err *err)
{
	size_t hosts = 0, bad = 0;

	for (size_t i = 0; i < net->n_nodes; i++) {
		const struct node *n = &net->nodes[i];

		hosts += n->kind == NODE_HOST;
		if (n->n_ifaces || !node_kinds[n->kind].has_addr)
			continue;
		bad++;
		if (n->kind == NODE_HOST)
			err_at(err, net->file, n->line,
			       "host %s has no link: give it 'switch = NAME' or a [link %s NAME] "
			       "section",
			       n->name, n->name);
		else
			err_at(err, net->file, n->line,
			       "%s %s has no link: add a [link %s NAME] section",
			       node_kinds[n->kind].name, n->name, n->name);
	}
	if (!hosts)
		return err_at(err, net->file, 0,
			      "no host: a network needs at least one [host NAME] section");
	return bad ? -EINVAL : 0;
}

int net_finish(struct net *net, struct err *err)
{
	_cleanup_(segments_free) struct segments segments = {0};
	int r;

	if (!net->name && !(net->name = strdup("net")))
		return err_sys(err, ENOMEM, "finishing the network");
	r = check_nodes(net, err);
	if (r == 0)
		r = segments_find(net, &segments, err);
	if (r == 0)
		r = addr_assign(net, &segments, err);
	if (r == 0)
		r = route_compute(net, &segments, err);
	return r;
}

const char *net_format_addr(char *buf, uint32_t addr)
{
	snprintf(buf, 16, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255, addr & 255);
	return buf;
}

const char *net_format_mac(char *buf, const uint8_t mac[6])
{
	snprintf(buf, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
	return buf;
}
