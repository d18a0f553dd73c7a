/*
 * Cuts the network's subnet into blocks.
 *
 * Theory of operation. Every block is a power of two and aligned to its size, so placing them in
 * order of falling size, each at the first free place, succeeds whenever any placing does. Blocks
 * that a given address fixes are placed first. The wanted size of a block starts at a /24 and falls
 * until all fit.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/subnet.h"

#include <errno.h>
#include <string.h>

#include "emu/addr.h"

#define LAN_PREFIX  24 /* wanted for a segment with a switch */
#define LINK_PREFIX 30 /* of a link without one */
#define TIGHT       30 /* as small as blocks get */

static uint64_t block_size(uint8_t prefix)
{
	return 1ULL << (32 - prefix);
}

static bool block_has(const struct block *b, uint32_t addr)
{
	return (addr & addr_mask(b->prefix)) == b->base;
}

const char *addr_subnet_why(uint32_t subnet, uint8_t prefix)
{
	uint32_t last = subnet | ~addr_mask(prefix);

	if (prefix < 1 || prefix > 30)
		return "the length must be from /1 to /30";
	if (subnet & ~addr_mask(prefix))
		return "it has bits behind its length";
	if (subnet >> 24 == 0 || last >> 28 >= 14 || (subnet >> 24 <= 127 && last >> 24 >= 127))
		return "it holds addresses that no host may have; use a part of 10.0.0.0/8, "
		       "172.16.0.0/12 "
		       "or 192.168.0.0/16";
	return NULL;
}

/* A given address by itself: inside the network's subnet, and free. */
static int check_given(const struct net *net, const struct iface *i, struct err *err)
{
	const char *node = net->nodes[i->node].name;
	char addr[16], subnet[16];

	net_format_addr(addr, i->addr);
	net_format_addr(subnet, net->subnet);
	if ((i->addr & addr_mask(net->prefix)) != net->subnet)
		return err_at(err, net->file, i->addr_line,
			      "address %s of %s is outside the network's subnet %s/%u", addr, node,
			      subnet, net->prefix);
	if (i->prefix && i->prefix < net->prefix)
		return err_at(err, net->file, i->addr_line,
			      "address %s/%u of %s is of a wider subnet than the network's %s/%u",
			      addr, i->prefix, node, subnet, net->prefix);
	return 0;
}

/* The block that addresses with a length decide; prefix stays 0 when there are none. */
static int block_of_lengths(const struct net *net, const struct segments *s, size_t seg,
			    struct block *ret, struct err *err)
{
	const uint32_t *m = s->members + s->seg[seg].first;
	int result = 0;

	for (size_t k = 0; k < s->seg[seg].n; k++) {
		const struct iface *i = &net->ifaces[m[k]];
		char addr[16], base[16], name[SEGMENT_NAME_MAX];

		if (!i->addr || !i->prefix)
			continue;
		if (!ret->prefix) {
			*ret = (struct block){
			    .base = i->addr & addr_mask(i->prefix),
			    .prefix = i->prefix,
			    .line = i->addr_line,
			};
		} else if (ret->prefix != i->prefix || !block_has(ret, i->addr)) {
			result = err_at(
			    err, net->file, i->addr_line,
			    "address %s/%u of %s is not in %s/%u, the subnet that line %d gives %s",
			    net_format_addr(addr, i->addr), i->prefix, net->nodes[i->node].name,
			    net_format_addr(base, ret->base), ret->prefix, ret->line,
			    segment_name(net, &s->seg[seg], name, sizeof(name)));
		}
	}
	return result;
}

/* The smallest block for n addresses that is no smaller than wanted. */
static uint8_t fitting_prefix(size_t n, uint8_t wanted)
{
	while (wanted > 1 && block_size(wanted) < (uint64_t)n + 2)
		wanted--;
	return wanted;
}

/* A block of the wanted size, moved and widened to hold the given addresses without a length. */
static void size_block(const struct net *net, const struct segments *s, size_t seg, uint8_t wanted,
		       struct block *b)
{
	const struct segment *g = &s->seg[seg];
	const uint32_t *m = s->members + g->first;

	if (g->sw == NET_NONE && wanted < LINK_PREFIX)
		wanted = LINK_PREFIX;
	*b = (struct block){.prefix = fitting_prefix(g->n, wanted)};
	for (size_t k = 0; k < g->n; k++) {
		const struct iface *i = &net->ifaces[m[k]];

		if (!i->addr)
			continue;
		if (!b->line) {
			b->line = i->addr_line;
			b->base = i->addr & addr_mask(b->prefix);
		}
		while (b->prefix > net->prefix && !block_has(b, i->addr)) {
			b->prefix--;
			b->base &= addr_mask(b->prefix);
		}
	}
}

struct placing {
	struct block *block;
	size_t seg;
};

static int by_base(const void *a, const void *b)
{
	const struct placing *x = a, *y = b;

	return (x->block->base > y->block->base) - (x->block->base < y->block->base);
}

static int by_size(const void *a, const void *b)
{
	const struct placing *x = a, *y = b;

	if (x->block->prefix != y->block->prefix)
		return x->block->prefix < y->block->prefix ? -1 : 1;
	return (x->seg > y->seg) - (x->seg < y->seg);
}

/* Places the blocks todo[0..n), all of one size, around the placed ones, which are in order. */
static int place_class(const struct net *net, const struct placing *placed, size_t n_placed,
		       struct placing *todo, size_t n)
{
	uint64_t at = net->subnet, end = net->subnet + block_size(net->prefix), size;
	size_t p = 0;

	for (size_t i = 0; i < n; i++, at += size) {
		size = block_size(todo[i].block->prefix);
		while (p < n_placed && placed[p].block->base < at + size) {
			uint64_t free_at =
			    placed[p].block->base + block_size(placed[p].block->prefix);

			if (free_at > at)
				at = (free_at + size - 1) & ~(size - 1);
			p++;
		}
		if (at + size > end)
			return -ENOSPC;
		todo[i].block->base = (uint32_t)at;
	}
	return 0;
}

/* Two placed blocks that overlap, or NULL: fixed ones, as no other is placed so. */
static const struct placing *find_overlap(const struct placing *placed, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (placed[i - 1].block->base + block_size(placed[i - 1].block->prefix) >
		    placed[i].block->base)
			return &placed[i];
	return NULL;
}

static int report_overlap(const struct net *net, const struct segments *s, const struct placing *p,
			  struct err *err)
{
	const struct placing *a = p - 1, *b = p;
	char na[SEGMENT_NAME_MAX], nb[SEGMENT_NAME_MAX], xa[16], xb[16];

	if (a->block->line > b->block->line) {
		a = p;
		b = p - 1;
	}
	return err_at(err, net->file, b->block->line,
		      "%s would be %s/%u, which overlaps %s/%u of %s (line %d): give addresses of "
		      "separate subnets",
		      segment_name(net, &s->seg[b->seg], nb, sizeof(nb)),
		      net_format_addr(xb, b->block->base), b->block->prefix,
		      net_format_addr(xa, a->block->base), a->block->prefix,
		      segment_name(net, &s->seg[a->seg], na, sizeof(na)), a->block->line);
}

/* Places all; -ENOSPC when there is no room, or -EINVAL and *ret_overlap for fixed ones that
 * overlap. */
static int place_all(const struct net *net, struct placing *placing, size_t n,
		     const struct placing **ret_overlap)
{
	size_t placed = 0;

	for (size_t i = 0; i < n; i++)
		if (placing[i].block->line) {
			struct placing t = placing[i];

			placing[i] = placing[placed];
			placing[placed++] = t;
		}
	qsort(placing, placed, sizeof(*placing), by_base);
	*ret_overlap = find_overlap(placing, placed);
	if (*ret_overlap)
		return -EINVAL;
	qsort(placing + placed, n - placed, sizeof(*placing), by_size);
	while (placed < n) {
		size_t class = 1;

		while (placed + class < n &&
		       placing[placed + class].block->prefix == placing[placed].block->prefix)
			class ++;
		if (placing[placed].block->prefix < net->prefix ||
		    place_class(net, placing, placed, placing + placed, class) < 0)
			return -ENOSPC;
		placed += class;
		qsort(placing, placed, sizeof(*placing), by_base);
	}
	return 0;
}

static int report_too_small(const struct net *net, const struct segments *s,
			    const struct block *blocks, size_t n_placed, struct err *err)
{
	uint64_t need = 0;
	size_t addrs = 0;
	uint8_t prefix = 30;
	char subnet[16];

	for (size_t i = 0; i < s->n; i++)
		if (s->seg[i].n) {
			need += block_size(blocks[i].prefix);
			addrs += s->seg[i].n;
		}
	while (prefix > 1 && block_size(prefix) < need)
		prefix--;
	if (prefix >= net->prefix && net->prefix > 1)
		prefix = (uint8_t)(net->prefix - 1); /* given addresses are in the way */
	net_format_addr(subnet, net->subnet);
	return err_at(
	    err, net->file, net->subnet_line,
	    "subnet too small: %s/%u has no room for %zu address%s in %zu segment%s; use at "
	    "least a /%u%s",
	    subnet, net->prefix, addrs, addrs == 1 ? "" : "es", n_placed, n_placed == 1 ? "" : "s",
	    prefix, net->subnet_line ? "" : " ('subnet =' in [network])");
}

/* With the final block: not its network or broadcast address, and room for all. */
static int check_block(const struct net *net, const struct segments *s, size_t seg,
		       const struct block *b, struct err *err)
{
	const struct segment *g = &s->seg[seg];
	uint64_t room = block_size(b->prefix) - (b->prefix < 31 ? 2 : 0);
	char base[16], addr[16], name[SEGMENT_NAME_MAX];
	int result = 0;

	net_format_addr(base, b->base);
	for (size_t k = 0; k < g->n; k++) {
		const struct iface *i = &net->ifaces[s->members[g->first + k]];
		bool first = i->addr == b->base,
		     last = i->addr == (b->base | ~addr_mask(b->prefix));

		if (!i->addr)
			continue;
		if (!block_has(b, i->addr))
			result = err_at(err, net->file, i->addr_line,
					"address %s of %s is outside %s/%u, the subnet of %s",
					net_format_addr(addr, i->addr), net->nodes[i->node].name,
					base, b->prefix, segment_name(net, g, name, sizeof(name)));
		else if (b->prefix < 31 && (first || last))
			result = err_at(err, net->file, i->addr_line,
					"address %s of %s is the %s address of its subnet %s/%u",
					net_format_addr(addr, i->addr), net->nodes[i->node].name,
					first ? "network" : "broadcast", base, b->prefix);
	}
	if (g->n > room)
		result = err_at(err, net->file, b->line,
				"%s/%u has room for %llu address%s, but %s needs %zu", base,
				b->prefix, (unsigned long long)room, room == 1 ? "" : "es",
				segment_name(net, g, name, sizeof(name)), g->n);
	return result;
}

static int cut(const struct net *net, const struct segments *s, const struct block *lengths,
	       struct block *blocks, struct err *err)
{
	_cleanup_free_ struct placing *placing = calloc(s->n + 1, sizeof(*placing));
	const struct placing *overlap = NULL;
	size_t n = 0;
	int r = -ENOSPC;

	if (!placing)
		return err_sys(err, ENOMEM, "cutting the subnet");
	for (size_t i = 0; i < s->n; i++)
		n += s->seg[i].n > 0;
	if (n == 1) {
		for (size_t i = 0; i < s->n; i++)
			blocks[i] = lengths[i].prefix ? lengths[i]
						      : (struct block){net->subnet, net->prefix,
								       net->subnet_line};
		for (size_t i = 0; i < s->n; i++)
			if (s->seg[i].n + 2 > block_size(net->prefix) && !lengths[i].prefix) {
				blocks[i].prefix = fitting_prefix(s->seg[i].n, TIGHT);
				return report_too_small(net, s, blocks, n, err);
			}
		return 0;
	}
	for (uint8_t wanted = LAN_PREFIX; wanted <= TIGHT && r < 0; wanted++) {
		n = 0;
		for (size_t i = 0; i < s->n; i++) {
			if (!s->seg[i].n)
				continue;
			if (lengths[i].prefix)
				blocks[i] = lengths[i];
			else
				size_block(net, s, i, wanted, &blocks[i]);
			placing[n++] = (struct placing){&blocks[i], i};
		}
		r = place_all(net, placing, n, &overlap);
	}
	if (r == -EINVAL)
		return report_overlap(net, s, overlap, err);
	if (r < 0)
		return report_too_small(net, s, blocks, n, err);
	return 0;
}

int subnet_cut(const struct net *net, const struct segments *s, struct block *ret_blocks,
	       struct err *err)
{
	_cleanup_free_ struct block *lengths = calloc(s->n + 1, sizeof(*lengths));
	int result = 0, r;

	if (!lengths)
		return err_sys(err, ENOMEM, "cutting the subnet");
	for (size_t i = 0; i < net->n_ifaces; i++)
		if (net->ifaces[i].addr && check_given(net, &net->ifaces[i], err) < 0)
			result = -EINVAL;
	for (size_t i = 0; i < s->n; i++)
		if (block_of_lengths(net, s, i, &lengths[i], err) < 0)
			result = -EINVAL;
	if (result < 0)
		return result;
	r = cut(net, s, lengths, ret_blocks, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n; i++)
		if (s->seg[i].n && check_block(net, s, i, &ret_blocks[i], err) < 0)
			result = -EINVAL;
	return result;
}
