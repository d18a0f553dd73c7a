/* What the packets of a capture come by: rings, and the queue of the shaper. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include "capture/budget.h"
#include "capture/capture_internal.h"
#include "core/units.h"
#include "emu/link.h"

/* The memory of rings and queue, unless told. */
#define MEMORY_MIN (16ull << 20)
#define MEMORY_MAX (128ull << 20) /* the kernel clears it first, which takes a tenth of a second */
#define MEMORY_SHARE 4 /* of the machine's: the most that may be asked for */

static int check_memory(const struct capture *c, uint64_t size, uint64_t least, uint64_t most,
			struct err *err)
{
	char asked[32], bound[32];

	if (c->opts.ring_bytes && size < least)
		return err_usage(err, "ring = %s: the packets of this network need at least %s",
				 units_human_size(asked, sizeof(asked), size),
				 units_human_size(bound, sizeof(bound), least));
	if (size <= most)
		return 0;
	units_human_size(asked, sizeof(asked), size);
	units_human_size(bound, sizeof(bound), most);
	if (c->opts.ring_bytes)
		return err_usage(err, "ring = %s: at most a quarter of this machine's memory, %s",
				 asked, bound);
	return err_usage(err, "to capture this network's packets takes %s, which is more than a "
			 "quarter of this machine's memory, %s", asked, bound);
}

/*
 * The kernel takes a ring's memory at once and for good, so one that is asked for has a bound,
 * too.
 */
static int memory_size(const struct capture *c, const struct budget_needs *needs, uint64_t *ret,
		       struct err *err)
{
	uint64_t size, least = budget_least(needs);
	struct sysinfo si;
	int r;

	if (sysinfo(&si) < 0)
		return err_sys(err, errno, "cannot read the size of the memory");
	size = (uint64_t)si.freeram * si.mem_unit / 64;
	size = size < MEMORY_MIN ? MEMORY_MIN : size > MEMORY_MAX ? MEMORY_MAX : size;
	if (size < least)
		size = least;
	if (c->opts.ring_bytes)
		size = c->opts.ring_bytes;
	r = check_memory(c, size, least, (uint64_t)si.totalram * si.mem_unit / MEMORY_SHARE, err);
	if (r == 0)
		*ret = size;
	return r;
}

static int add_ring(struct capture *c, int ns_fd, int ifindex, uint64_t size, struct err *err)
{
	struct ring **rings = reallocarray(c->rings, c->n_rings + 1, sizeof(*rings));
	int r;

	if (!rings)
		return -ENOMEM;
	c->rings = rings;
	r = ring_open(ns_fd, ifindex, size, c->opts.snaplen, &rings[c->n_rings], err);
	if (r == 0)
		c->n_rings++;
	return r;
}

/* Does the link need a ring of its own? Packets of shaped links come from the shaper. */
static bool is_cable(const struct emu *e, const struct net *net, uint32_t link)
{
	return emu_link_engine(e, link) != ENGINE_SHAPER && !tap_in_fabric(net, link);
}

static struct budget_needs count_needs(const struct emu *e, const struct net *net)
{
	struct budget_needs n = { .queue = emu_shaper(e) != NULL };

	for (uint32_t i = 0; i < net->n_links; i++) {
		n.cables += is_cable(e, net, i);
		n.fabric |= emu_link_engine(e, i) != ENGINE_SHAPER && tap_in_fabric(net, i);
	}
	return n;
}

/* One for the fabric, one for each link that has no end in it. */
static int open_rings(struct capture *c, const struct budget *b, struct err *err)
{
	const struct net *net = c->net;
	struct emu *e = c->emu;
	int r = 0;

	for (uint32_t i = 0; i < net->n_links && r == 0; i++) {
		const struct iface *named = &net->ifaces[tap_naming_iface(net, i)];

		if (is_cable(e, net, i))
			r = add_ring(c, emu_node_ns(e, named->node), named->ifindex, b->cable,
				     err);
	}
	if (r == 0 && b->fabric)
		r = add_ring(c, emu_fabric_ns(e), 0, b->fabric, err);
	return r;
}

/* What packets come by: rings, and for the shaper's a queue. */
int capture_open_sources(struct capture *c, struct err *err)
{
	const struct budget_needs needs = count_needs(c->emu, c->net);
	struct budget b = { 0, 0, 0 };
	uint64_t size = 0;
	int r = memory_size(c, &needs, &size, err);

	if (r < 0)
		return r;
	b = budget_share(size, &needs);
	r = open_rings(c, &b, err);
	if (r < 0 || !needs.queue)
		return r;
	r = fate_queue_new(b.queue, c->opts.snaplen, &c->queue);
	if (r < 0)
		return err_sys(err, -r, "cannot make the queue of the shaper's packets");
	c->shaper = emu_shaper(c->emu);
	shaper_stats(c->shaper, &c->shaper_start);
	r = shaper_set_sink(c->shaper, c->queue);
	return r < 0 ? err_sys(err, -r, "cannot take over the shaper's packets") : 0;
}
