/* Names, indexes, MACs and addresses of interfaces, and hostnames: given ones kept, others
 * assigned. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/rng.h"
#include "core/units.h"
#include "emu/subnet.h"

#define HOSTNAME_TAIL 7
#define DRAWS_MAX     64 /* then the next free address is taken, so a full subnet ends too */

int addr_parse(const char *s, uint32_t *ret_addr, uint8_t *ret_prefix, const char **ret_why)
{
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	uint64_t prefix = 0;
	struct in_addr in;
	char text[INET_ADDRSTRLEN];

	*ret_why = "not an IPv4 address such as 10.0.0.5 or 10.0.0.5/24";
	if (n >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, n);
	text[n] = '\0';
	if (inet_pton(AF_INET, text, &in) != 1)
		return -EINVAL;
	if (slash && (slash[1] < '0' || slash[1] > '9' ||
		      units_parse_uint(slash + 1, 1, 31, &prefix, ret_why) < 0)) {
		*ret_why = "the length must be from /1 to /31";
		return -EINVAL;
	}
	if (in.s_addr == 0) {
		*ret_why = "0.0.0.0 is no host's address";
		return -EINVAL;
	}
	*ret_addr = ntohl(in.s_addr);
	*ret_prefix = (uint8_t)prefix;
	return 0;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)((at - digits) % 16) : -1;
}

int addr_parse_mac(const char *s, uint8_t ret_mac[6], const char **ret_why)
{
	uint8_t mac[6], all = 0;

	*ret_why = "not a MAC such as 02:00:00:00:00:01";
	if (strlen(s) != 17)
		return -EINVAL;
	for (int i = 0; i < 6; i++) {
		int hi = hex_digit(s[i * 3]), lo = hex_digit(s[i * 3 + 1]);

		if (hi < 0 || lo < 0 || (i < 5 && s[i * 3 + 2] != ':' && s[i * 3 + 2] != '-'))
			return -EINVAL;
		mac[i] = (uint8_t)(hi << 4 | lo);
		all |= mac[i];
	}
	if (mac[0] & 1) {
		*ret_why =
		    "a group's MAC (the first byte is odd); a station's has an even first byte";
		return -EINVAL;
	}
	if (!all) {
		*ret_why = "all zeros is no station's MAC";
		return -EINVAL;
	}
	memcpy(ret_mac, mac, 6);
	return 0;
}

static int no_memory(struct err *err)
{
	return err_sys(err, ENOMEM, "assigning addresses");
}

static int take_iface_name(struct net *net, struct idmap *taken, uint32_t iface, bool fits)
{
	struct iface *i = &net->ifaces[iface];
	const char *node = net->nodes[i->node].name;
	char tail[IFNAMSIZ], tag[8] = "", name[NODE_NAME_MAX + IFNAMSIZ + sizeof(tag)];
	/* As in Mininet, a switch's ports count from 1. */
	unsigned first = net->nodes[i->node].kind == NODE_SWITCH;
	int tail_len = snprintf(tail, sizeof(tail), "-eth%u", i->number + first);
	int room = IFNAMSIZ - 1 - tail_len;

	if (((int)strlen(node) <= room) != fits)
		return 0;
	/* A long name is cut; do two names then meet, some letters of a hash tell them apart. */
	for (unsigned attempt = 0;; attempt++) {
		int tag_len = 0;

		if (attempt)
			tag_len = snprintf(tag, sizeof(tag), "%04x",
					   (unsigned)(idmap_text_key(node) + attempt) & 0xffff);
		snprintf(name, sizeof(name), "%.*s%s%s", room - tag_len, node, tag, tail);
		if (idmap_get(taken, idmap_text_key(name)) == IDMAP_NONE &&
		    net_find(net, name) == NET_NONE)
			break;
	}
	memcpy(i->name, name, strlen(name) + 1);
	return idmap_put(taken, idmap_text_key(name), iface);
}

static int name_ifaces(struct net *net, struct err *err)
{
	_cleanup_idmap_ struct idmap taken = {0};

	/* First those that need no cutting, so that they keep their plain names. */
	for (int pass = 0; pass < 2; pass++)
		for (size_t n = 0; n < net->n_nodes; n++)
			for (size_t k = 0; k < net->nodes[n].n_ifaces; k++)
				if (take_iface_name(net, &taken, net->nodes[n].ifaces[k], !pass) <
				    0)
					return no_memory(err);
	for (size_t i = 0; i < net->n_ifaces; i++)
		net->ifaces[i].ifindex = NET_IFINDEX_BASE + (int)i;
	return 0;
}

static uint64_t mac_key(const uint8_t mac[6])
{
	uint64_t key = 0;

	for (int i = 0; i < 6; i++)
		key = key << 8 | mac[i];
	return key;
}

static int draw_mac(struct net *net, struct idmap *taken, uint32_t iface)
{
	struct iface *i = &net->ifaces[iface];
	struct rng rng;

	rng_open(&rng, net->seed, "mac/%s/%u", net->nodes[i->node].name, i->number);
	do {
		uint64_t v = rng_u64(&rng);

		i->mac[0] = 0x02; /* administered locally, one station */
		for (int b = 1; b < 6; b++)
			i->mac[b] = (uint8_t)(v >> (8 * b));
	} while (idmap_get(taken, mac_key(i->mac)) != IDMAP_NONE);
	return idmap_put(taken, mac_key(i->mac), iface);
}

static int assign_macs(struct net *net, struct err *err)
{
	_cleanup_idmap_ struct idmap taken = {0};
	int result = 0;

	for (size_t i = 0; i < net->n_ifaces; i++) {
		const struct iface *f = &net->ifaces[i];
		uint64_t key = mac_key(f->mac);
		char mac[18];

		if (!key)
			continue;
		uint32_t other = idmap_get(&taken, key);

		if (other != IDMAP_NONE)
			result = err_at(
			    err, net->file, f->mac_line, "duplicate MAC %s: %s has it (line %d)",
			    net_format_mac(mac, f->mac), net->nodes[net->ifaces[other].node].name,
			    net->ifaces[other].mac_line);
		else if (idmap_put(&taken, key, (uint32_t)i) < 0)
			return no_memory(err);
	}
	for (size_t n = 0; n < net->n_nodes; n++)
		for (size_t k = 0; k < net->nodes[n].n_ifaces; k++) {
			uint32_t iface = net->nodes[n].ifaces[k];

			if (!mac_key(net->ifaces[iface].mac) && draw_mac(net, &taken, iface) < 0)
				return no_memory(err);
		}
	return result;
}

static int keep_given_addrs(struct net *net, struct err *err)
{
	int result = 0;

	for (size_t i = 0; i < net->n_ifaces; i++) {
		const struct iface *f = &net->ifaces[i];
		char addr[16];

		if (!f->addr)
			continue;
		uint32_t other = idmap_get(&net->by_addr, f->addr);

		if (other != IDMAP_NONE)
			result = err_at(err, net->file, f->addr_line,
					"duplicate address %s: %s has it (line %d)",
					net_format_addr(addr, f->addr),
					net->nodes[net->ifaces[other].node].name,
					net->ifaces[other].addr_line);
		else if (idmap_put(&net->by_addr, f->addr, (uint32_t)i) < 0)
			return no_memory(err);
	}
	return result;
}

/* Where the next address of a segment is looked for, from below and from above. */
struct counter {
	uint32_t low, high, first, last;
};

/* The segment has room (subnet_cut() saw to it), so each search ends. */
static uint32_t count_addr(const struct net *net, struct counter *c, bool down)
{
	uint32_t addr;

	do
		addr = down ? c->high-- : c->low++;
	while (idmap_get(&net->by_addr, addr) != IDMAP_NONE);
	return addr;
}

static uint32_t draw_addr(const struct net *net, const struct counter *c, const struct iface *i)
{
	struct rng rng;
	uint32_t addr = c->first;

	rng_open(&rng, net->seed, "addr/%s/%u", net->nodes[i->node].name, i->number);
	for (int draw = 0; draw < DRAWS_MAX; draw++) {
		addr = c->first + (uint32_t)rng_below(&rng, (uint64_t)c->last - c->first + 1);
		if (idmap_get(&net->by_addr, addr) == IDMAP_NONE)
			return addr;
	}
	while (idmap_get(&net->by_addr, addr) != IDMAP_NONE)
		addr = addr == c->last ? c->first : addr + 1;
	return addr;
}

static int assign_addr(struct net *net, const struct segment *seg, const struct block *b,
		       struct counter *c, uint32_t iface)
{
	struct iface *i = &net->ifaces[iface];

	i->prefix = b->prefix;
	if (i->addr)
		return 0;
	if (net->random_addrs)
		i->addr = draw_addr(net, c, i);
	else
		i->addr = count_addr(
		    net, c, seg->sw != NET_NONE && net->nodes[i->node].kind == NODE_ROUTER);
	return idmap_put(&net->by_addr, i->addr, iface);
}

/* A link's two ends are numbered in their order, whatever that of the nodes. */
static int assign_link(struct net *net, const struct segment *seg, const struct block *b,
		       struct counter *c)
{
	for (int end = 0; end < 2; end++)
		if (assign_addr(net, seg, b, c, net->links[seg->link].iface[end]) < 0)
			return -ENOMEM;
	return 0;
}

static int assign_addrs(struct net *net, const struct segments *s, struct err *err)
{
	_cleanup_free_ struct block *blocks = calloc(s->n + 1, sizeof(*blocks));
	_cleanup_free_ struct counter *counters = calloc(s->n + 1, sizeof(*counters));
	int r;

	if (!blocks || !counters)
		return no_memory(err);
	r = keep_given_addrs(net, err);
	if (r == 0)
		r = subnet_cut(net, s, blocks, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n; i++) {
		uint32_t edge = blocks[i].prefix < 31;
		uint32_t first = blocks[i].base + edge;
		uint32_t last = (blocks[i].base | ~addr_mask(blocks[i].prefix)) - edge;

		counters[i] = (struct counter){first, last, first, last};
		if (s->seg[i].sw == NET_NONE &&
		    assign_link(net, &s->seg[i], &blocks[i], &counters[i]) < 0)
			return no_memory(err);
	}
	for (size_t n = 0; n < net->n_nodes; n++) {
		const struct node *node = &net->nodes[n];

		for (size_t k = 0; k < node->n_ifaces && node_kinds[node->kind].has_addr; k++) {
			uint32_t seg = s->of_iface[node->ifaces[k]];

			if (assign_addr(net, &s->seg[seg], &blocks[seg], &counters[seg],
					node->ifaces[k]) < 0)
				return no_memory(err);
		}
	}
	return 0;
}

static void draw_hostname(const struct net *net, const struct node *n, struct rng *rng, char *buf,
			  size_t size)
{
	static const char *const heads[] = {"desktop", "laptop", "pc", "ws", "station"};
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	char tail[HOSTNAME_TAIL + 1];

	for (int i = 0; i < HOSTNAME_TAIL; i++)
		tail[i] = letters[rng_below(rng, sizeof(letters) - 1)];
	tail[HOSTNAME_TAIL] = '\0';
	snprintf(buf, size, "%s-%s", heads[rng_below(rng, ARRAY_SIZE(heads))], tail);
}

/* Hosts know each other by name and by hostname, so no two may share either. */
static int assign_hostnames(struct net *net, struct err *err)
{
	_cleanup_idmap_ struct idmap taken = {0};
	int result = 0;

	for (size_t i = 0; i < net->n_nodes; i++)
		if (idmap_put(&taken, idmap_text_key(net->nodes[i].name), (uint32_t)i) < 0)
			return no_memory(err);
	for (size_t i = 0; i < net->n_nodes; i++) {
		const struct node *n = &net->nodes[i];
		uint32_t other = idmap_get(&taken, idmap_text_key(n->hostname));

		if (other != IDMAP_NONE && other != i)
			result = err_at(err, net->file, n->line,
					"duplicate hostname '%s' of %s: %s (line %d) has it",
					n->hostname, n->name, net->nodes[other].name,
					net->nodes[other].line);
		else if (idmap_put(&taken, idmap_text_key(n->hostname), (uint32_t)i) < 0)
			return no_memory(err);
	}
	for (size_t i = 0; i < net->n_nodes && net->drawn_hostnames; i++) {
		struct node *n = &net->nodes[i];
		struct rng rng;
		char name[32];

		if (n->kind != NODE_HOST || n->hostname_given)
			continue;
		rng_open(&rng, net->seed, "hostname/%s", n->name);
		do
			draw_hostname(net, n, &rng, name, sizeof(name));
		while (idmap_get(&taken, idmap_text_key(name)) != IDMAP_NONE);
		char *copy = strdup(name);

		if (!copy || idmap_put(&taken, idmap_text_key(name), (uint32_t)i) < 0) {
			free(copy);
			return no_memory(err);
		}
		free(n->hostname);
		n->hostname = copy;
	}
	return result;
}

int addr_assign(struct net *net, const struct segments *segments, struct err *err)
{
	int result = name_ifaces(net, err), r;

	if (result < 0)
		return result;
	result = assign_hostnames(net, err);
	r = assign_macs(net, err);
	result = result ? result : r;
	r = assign_addrs(net, segments, err);
	return result ? result : r;
}
