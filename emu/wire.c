/*
 * The interfaces of one link: a veth from end to end or, where the shaper serves the link, one from each
 * end to a half in the shaper's namespace, which has the same index.
 *
 * The halves come up first and the named ends after them. Of a veth's two ends the kernel owes the one
 * that was up first its carrier, so that all waiting is for halves, in one namespace.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "core/rng.h"
#include "emu/netns.h"
#include "emu/offload.h"
#include "emu/qdisc.h"
#include "emu/shaper/shaper.h"
#include "emu/wire.h"

#define EGRESS_NAME "detnet"

void wire_rtnl_closep(struct rtnl **r)
{
	rtnl_close(*r);
}

int wire_open(int ns_fd, struct rtnl **ret, int *ret_sock)
{
	int old = netns_enter(ns_fd), sock, r;

	if (old < 0)
		return old;
	r = rtnl_open(-1, ret);
	sock = r < 0 ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (r >= 0 && sock < 0)
		r = -errno;
	netns_leave(old);
	*ret_sock = sock;
	return r;
}

static bool has_ns(const struct net *net, uint32_t node)
{
	return node_kinds[net->nodes[node].kind].has_ns;
}

static struct rtnl_end named_end(const struct emu *e, uint32_t iface)
{
	const struct iface *f = &e->net->ifaces[iface];

	return (struct rtnl_end){ .ns_fd = emu_node_ns(e, f->node), .name = f->name,
				  .ifindex = f->ifindex, .mac = f->mac };
}

int wire_add(struct rtnl *r, const struct emu *e, uint32_t link)
{
	const struct link *l = &e->net->links[link];
	struct rtnl_end end[2], half;
	char name[IFNAMSIZ];
	int i, ret = 0;

	for (i = 0; i < 2; i++)
		end[i] = named_end(e, l->iface[i]);
	if (e->links[link].engine != ENGINE_SHAPER)
		return rtnl_add_veth(r, &end[0], &end[1], l->mtu);
	for (i = 0; i < 2 && ret >= 0; i++) {
		snprintf(name, sizeof(name), "half%d", end[i].ifindex);
		half = (struct rtnl_end){ .ns_fd = shaper_ns(e->shaper), .name = name,
					  .ifindex = end[i].ifindex };
		ret = rtnl_add_veth(r, &end[i], &half, l->mtu);
	}
	return ret;
}

int wire_tag(struct rtnl *r, const struct emu *e, int ifindex)
{
	if (e->egress_bpf_fd < 0)
		return 0;
	return rtnl_add_bpf(r, ifindex, -1, e->egress_bpf_fd, EGRESS_NAME);
}

int wire_up(struct rtnl *r, const struct emu *e, uint32_t iface)
{
	const struct iface *f = &e->net->ifaces[iface];
	int ret = 0;

	if (!has_ns(e->net, f->node))
		return rtnl_set_master(r, f->ifindex, wire_bridge_ifindex(e->net, f->node));
	if (f->addr)
		ret = rtnl_add_addr(r, f->ifindex, f->addr, f->prefix);
	return ret < 0 ? ret : rtnl_set_up(r, f->ifindex, true);
}

int wire_iface(struct rtnl *r, const struct emu *e, uint32_t iface)
{
	/* The tag first: no packet leaves without it. */
	int ret = wire_tag(r, e, e->net->ifaces[iface].ifindex);

	return ret < 0 ? ret : wire_up(r, e, iface);
}

int wire_routes(struct rtnl *r, const struct emu *e, uint32_t iface)
{
	const struct iface *f = &e->net->ifaces[iface];
	const struct node *n = &e->net->nodes[f->node];
	size_t i;
	int ret = 0;

	for (i = 0; ret >= 0 && i < n->n_routes; i++) {
		const struct route *t = &n->routes[i];

		if (t->iface == iface)
			ret = rtnl_add_route(r, t->dst, t->prefix, t->via, f->ifindex);
	}
	return ret;
}

int wire_offloads(const struct emu *e, uint32_t iface, int sock, struct err *err)
{
	const struct iface *f = &e->net->ifaces[iface];
	bool shaped = e->links[f->link].engine == ENGINE_SHAPER;

	if (!shaped && (e->offload || !has_ns(e->net, f->node)))
		return 0;
	return offload_off(sock, f->name, err);
}

/* What netem draws from, for packets that leave the link's end. */
static int qdisc_seed(const struct net *net, uint32_t link, int end, uint64_t *ret)
{
	_cleanup_free_ char *path = net_link_path(net, link, end);
	struct rng rng;

	if (!path)
		return -ENOMEM;
	rng_open(&rng, net->seed, "%s/netem", path);
	*ret = rng_u64(&rng);
	return 0;
}

int wire_qdisc(const struct emu *e, uint32_t link, int end, const struct shape *old,
	       const struct shape *shape, struct err *err)
{
	const struct link *l = &e->net->links[link];
	const struct iface *f = &e->net->ifaces[l->iface[end]];
	uint64_t seed;
	int r = qdisc_seed(e->net, link, end, &seed);

	return r < 0 ? r : qdisc_set(emu_node_ns(e, f->node), f->ifindex, f->name, old, shape,
				     l->mtu, seed, err);
}

static int set_qdiscs(struct emu *e, uint32_t link, struct err *err)
{
	static const struct shape none;
	int end, r = 0;

	for (end = 0; end < 2 && r >= 0; end++)
		r = wire_qdisc(e, link, end, &none, &e->links[link].shape[end], err);
	return r;
}

int wire_shape(struct emu *e, uint32_t link, struct err *err)
{
	switch (e->links[link].engine) {
	case ENGINE_AUTO:
		return 0;
	case ENGINE_NETEM:
		return set_qdiscs(e, link, err);
	case ENGINE_SHAPER:
		return shaper_add(e->shaper, link, e->links[link].shape, err);
	}
	return -EINVAL;
}

/* The indexes of the halves of those links that have some. */
static size_t halves_of(const struct emu *e, const uint32_t *links, size_t n, int *ret)
{
	size_t i, k = 0;
	int end;

	for (i = 0; i < n; i++) {
		for (end = 0; end < 2; end++) {
			uint32_t iface = e->net->links[links[i]].iface[end];

			if (e->links[links[i]].engine == ENGINE_SHAPER)
				ret[k++] = e->net->ifaces[iface].ifindex;
		}
	}
	return k;
}

static int with_halves(const struct emu *e, const uint32_t *links, size_t n, bool wait,
		       struct err *err)
{
	_cleanup_free_ int *halves = calloc(n ? 2 * n : 1, sizeof(*halves));
	_cleanup_rtnl_ struct rtnl *r = NULL;
	size_t i, k;
	int ret;

	if (!halves)
		return -ENOMEM;
	k = halves_of(e, links, n, halves);
	if (!k)
		return 0;
	ret = rtnl_open(shaper_ns(e->shaper), &r);
	if (ret < 0)
		return err_sys(err, -ret, "cannot open an rtnetlink socket for the shaper");
	if (wait)
		return rtnl_wait_running(r, halves, k, err);
	for (i = 0; i < k && ret >= 0; i++)
		ret = rtnl_set_up(r, halves[i], true);
	return ret < 0 ? ret : rtnl_flush(r, err);
}

int wire_halves_up(const struct emu *e, const uint32_t *links, size_t n, struct err *err)
{
	return with_halves(e, links, n, false, err);
}

int wire_halves_wait(const struct emu *e, const uint32_t *links, size_t n, struct err *err)
{
	return with_halves(e, links, n, true, err);
}

static enum wire_state state_in(int ns_fd, int ifindex)
{
	struct ifreq ifr = { .ifr_ifindex = ifindex };
	_cleanup_close_ int sock = -1;
	int old = netns_enter(ns_fd);

	if (old < 0)
		return WIRE_MISSING;
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	netns_leave(old);
	if (sock < 0 || ioctl(sock, SIOCGIFNAME, &ifr) < 0 || ioctl(sock, SIOCGIFFLAGS, &ifr) < 0)
		return WIRE_MISSING;
	return ifr.ifr_flags & IFF_UP ? WIRE_UP : WIRE_DOWN;
}

enum wire_state wire_state(const struct emu *e, uint32_t link, int end)
{
	const struct iface *f = &e->net->ifaces[e->net->links[link].iface[end]];

	if (e->links[link].engine == ENGINE_SHAPER &&
	    state_in(shaper_ns(e->shaper), f->ifindex) == WIRE_MISSING)
		return WIRE_MISSING;
	return state_in(emu_node_ns(e, f->node), f->ifindex);
}
