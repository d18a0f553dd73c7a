/*
 * Chooses a link's engine, and changes links while the network runs.
 *
 * What a link does now is kept in struct emu, beside the model, which nobody changes. Its engine can do
 * all that the file says of it, the timeline included. By hand more may be asked for: a link that nothing
 * shaped may get qdiscs at any time. Only what the kernel cannot do makes it a link of the shaper, and then
 * its veth is deleted and two are made in its place: what was on the wire at that moment is lost, and what
 * a host's root had changed on the interface. So it is with a link whose interfaces are gone, which a
 * host's root may bring about, or a failure midway. While packets are captured (emu_hold_links) neither
 * is done.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "core/cleanup.h"
#include "emu/link.h"
#include "emu/qdisc.h"
#include "emu/shaper/shaper.h"
#include "emu/wire.h"

/* ---- which engine ---- */

/* Can the kernel do what both ends ask for? */
static bool kernel_can(const struct shape shape[2], const char **ret_why, bool *ret_never)
{
	int end;

	for (end = 0; end < 2; end++) {
		if (qdisc_can(&shape[end], ret_why))
			continue;
		*ret_never = qdisc_never(&shape[end], ret_why);
		return false;
	}
	return true;
}

static bool blurs(const struct shape shape[2], uint32_t mtu)
{
	return qdisc_blurs(&shape[0], mtu) || qdisc_blurs(&shape[1], mtu);
}

/* And what they ask for after each change of the file's timeline? */
static bool kernel_can_all(const struct net *net, uint32_t link, const char **ret_why,
			   bool *ret_never, bool *ret_blurs)
{
	uint32_t mtu = net->links[link].mtu;
	const struct timeline *t = &net->timeline;
	struct shape shape[2];
	bool can;
	size_t i;
	int end;

	for (end = 0; end < 2; end++)
		shape_copy(&shape[end], &net->links[link].shape[end]);
	can = kernel_can(shape, ret_why, ret_never);
	*ret_blurs = blurs(shape, mtu);
	for (i = 0; can && timeline_touches(net, link) && i < t->n; i++) {
		const struct change *c = &t->changes[i];

		if (c->kind != CHANGE_LINK || c->link != link)
			continue;
		/* Its text was checked when it was read. */
		for (end = 0; end < 2; end++) {
			_cleanup_free_ char *why = NULL;

			if (c->end[end])
				timeline_shape(net, c, end, &shape[end], &why);
		}
		can = kernel_can(shape, ret_why, ret_never);
		*ret_blurs |= blurs(shape, mtu);
	}
	shape_clear(&shape[0]);
	shape_clear(&shape[1]);
	return can;
}

static int refuse(const struct net *net, uint32_t link, bool never, const char *why, struct err *err)
{
	int line = net->links[link].line;

	if (never)
		return err_at(err, net->file, line,
			      "engine = netem cannot do what this link asks for: %s; use engine = "
			      "shaper or auto", why);
	return err_missing_at(err, net->file, line,
			      "engine = netem cannot do here what this link asks for: %s; use "
			      "engine = shaper or auto, or a kernel with CONFIG_NET_SCH_NETEM and "
			      "CONFIG_NET_SCH_TBF", why);
}

/* For a link that shapes something; kernel: the kernel can do it, or else why not, and never. */
static int choose(const struct net *net, uint32_t link, bool kernel, bool never, const char *why,
		  enum link_engine *ret, const char **ret_why, struct err *err)
{
	const struct link *l = &net->links[link];
	const char *no_shaper = NULL;

	if (l->engine != ENGINE_SHAPER && kernel) {
		*ret = ENGINE_NETEM;
		*ret_why = l->engine == ENGINE_NETEM ? "asked for" : "the kernel can do all of it";
		return 0;
	}
	if (l->engine == ENGINE_NETEM)
		return refuse(net, link, never, why, err);
	if (shaper_have(&no_shaper)) {
		*ret = ENGINE_SHAPER;
		*ret_why = l->engine == ENGINE_SHAPER ? "asked for" : why;
		return 0;
	}
	if (l->engine == ENGINE_SHAPER)
		return err_missing_at(err, net->file, l->line,
				      "the shaper does not work here: %s", no_shaper);
	return err_missing_at(err, net->file, l->line,
			      "neither engine can do here what this link asks for; netem: %s; "
			      "shaper: %s", why, no_shaper);
}

int link_choose(const struct net *net, uint32_t link, enum link_engine *ret, const char **ret_why,
		struct err *err)
{
	const struct link *l = &net->links[link];
	const char *why = NULL, *no_shaper;
	bool kernel = false, never = false, blur = false;

	if (l->engine != ENGINE_SHAPER) {
		if (shape_is_none(&l->shape[0]) && shape_is_none(&l->shape[1]) &&
		    !timeline_touches(net, link)) {
			*ret = ENGINE_AUTO;
			*ret_why = "it shapes nothing";
			return 0;
		}
		kernel = kernel_can_all(net, link, &why, &never, &blur);
	}
	if (kernel && blur && l->engine == ENGINE_AUTO && shaper_have(&no_shaper)) {
		kernel = false;
		why = "sch_tbf lets a packet alone pass without its time on the wire";
	}
	return choose(net, link, kernel, never, why, ret, ret_why, err);
}

/* ---- what is ---- */

enum link_engine emu_link_engine(const struct emu *e, uint32_t link)
{
	return e->links[link].engine;
}

const char *emu_link_why(const struct emu *e, uint32_t link)
{
	return e->links[link].why;
}

const struct shape *emu_link_shape(const struct emu *e, uint32_t link, int end)
{
	return &e->links[link].shape[end];
}

bool emu_link_is_up(const struct emu *e, uint32_t link)
{
	return e->links[link].up;
}

enum wire_state emu_link_end(const struct emu *e, uint32_t link, int end)
{
	return e->links[link].broken ? WIRE_MISSING : wire_state(e, link, end);
}

unsigned emu_links_remade(const struct emu *e)
{
	return e->links_remade;
}

void emu_hold_links(struct emu *e, bool hold)
{
	e->hold_links = hold;
}

struct shaper *emu_shaper(const struct emu *e)
{
	return e->shaper;
}

/* ---- interfaces made anew ---- */

/* Half made at some time, or taken away by a host's root. */
static bool is_broken(const struct emu *e, uint32_t link)
{
	return emu_link_end(e, link, 0) == WIRE_MISSING || emu_link_end(e, link, 1) == WIRE_MISSING;
}

static int delete_iface(int ns_fd, int ifindex)
{
	_cleanup_rtnl_ struct rtnl *r = NULL;
	_cleanup_err_ struct err ignored = { 0 };
	int ret = rtnl_open(ns_fd, &r);

	if (ret >= 0)
		ret = rtnl_del_link(r, ifindex);
	if (ret >= 0)
		ret = rtnl_flush(r, &ignored);
	return ret == -ENODEV ? 0 : ret;
}

/* All that there may be of it: an end of a veth takes the other with it. */
static int delete_link(struct emu *e, uint32_t link, struct err *err)
{
	int end, r = 0;

	if (e->links[link].engine == ENGINE_SHAPER)
		shaper_del(e->shaper, link);
	for (end = 0; end < 2 && r >= 0; end++) {
		const struct iface *f = &e->net->ifaces[e->net->links[link].iface[end]];

		r = delete_iface(emu_node_ns(e, f->node), f->ifindex);
		if (r >= 0 && e->shaper)
			r = delete_iface(shaper_ns(e->shaper), f->ifindex);
		if (r < 0)
			err_sys(err, -r, "cannot delete %s", f->name);
	}
	return r;
}

static int make_veths(struct emu *e, uint32_t link, struct err *err)
{
	_cleanup_rtnl_ struct rtnl *r = NULL;
	int ret = rtnl_open(e->fabric_fd, &r);

	if (ret >= 0)
		ret = wire_add(r, e, link);
	return ret < 0 ? ret : rtnl_flush(r, err);
}

/* Up with address and routes, or a port of its bridge; what is so already stays. */
static int end_up(const struct emu *e, uint32_t iface, struct err *err)
{
	_cleanup_rtnl_ struct rtnl *r = NULL;
	int ret = rtnl_open(emu_node_ns(e, e->net->ifaces[iface].node), &r);

	if (ret >= 0)
		ret = wire_up(r, e, iface);
	if (ret >= 0)
		ret = wire_routes(r, e, iface);
	return ret < 0 ? ret : rtnl_flush(r, err);
}

static int end_down(const struct emu *e, uint32_t iface, struct err *err)
{
	const struct iface *f = &e->net->ifaces[iface];
	_cleanup_rtnl_ struct rtnl *r = NULL;
	int ret = rtnl_open(emu_node_ns(e, f->node), &r);

	if (ret >= 0)
		ret = rtnl_set_up(r, f->ifindex, false);
	return ret < 0 ? ret : rtnl_flush(r, err);
}

/* What an interface has before it is up for the first time. */
static int prepare_end(const struct emu *e, uint32_t iface, struct err *err)
{
	const struct iface *f = &e->net->ifaces[iface];
	_cleanup_rtnl_ struct rtnl *r = NULL;
	_cleanup_close_ int sock = -1;
	int ret = wire_open(emu_node_ns(e, f->node), &r, &sock);

	if (ret >= 0)
		ret = wire_offloads(e, iface, sock, err);
	/* The tag first: no packet leaves without it. */
	if (ret >= 0)
		ret = wire_tag(r, e, f->ifindex);
	if (ret >= 0 && f->addr)
		ret = rtnl_add_addr(r, f->ifindex, f->addr, f->prefix);
	return ret < 0 ? ret : rtnl_flush(r, err);
}

/* A bridge uses a port only from then on. */
static int wait_end(const struct emu *e, uint32_t iface, struct err *err)
{
	const struct iface *f = &e->net->ifaces[iface];
	_cleanup_rtnl_ struct rtnl *r = NULL;
	int ret = rtnl_open(emu_node_ns(e, f->node), &r);

	return ret < 0 ? ret : rtnl_wait_running(r, &f->ifindex, 1, err);
}

/* Both ends, which are there; the shaper comes last: a packet meets a whole link or none. */
static int bring_up(struct emu *e, uint32_t link, struct err *err)
{
	const uint32_t *ends = e->net->links[link].iface;
	int i, r = 0;

	for (i = 0; i < 2 && r >= 0; i++)
		r = end_up(e, ends[i], err);
	for (i = 0; i < 2 && r >= 0; i++)
		r = wait_end(e, ends[i], err);
	if (r >= 0)
		r = wire_halves_wait(e, &link, 1, err);
	if (r >= 0 && e->links[link].engine == ENGINE_SHAPER)
		r = shaper_set_up(e->shaper, link, true);
	return r;
}

/* As at the start, but not up where it is to be down. */
static int make_anew(struct emu *e, uint32_t link, struct err *err)
{
	const struct link *l = &e->net->links[link];
	bool shaper = e->links[link].engine == ENGINE_SHAPER;
	int i, r;

	r = make_veths(e, link, err);
	if (r >= 0)
		r = wire_shape(e, link, err);
	if (r >= 0 && shaper)
		r = shaper_set_up(e->shaper, link, false);
	if (r >= 0)
		r = wire_halves_up(e, &link, 1, err);
	for (i = 0; i < 2 && r >= 0; i++)
		r = prepare_end(e, l->iface[i], err);
	return r < 0 || !e->links[link].up ? r : bring_up(e, link, err);
}

/* What is left of the link goes first. What fails midway leaves it broken. */
static int remake(struct emu *e, uint32_t link, enum link_engine engine, const char *why,
		  struct err *err)
{
	struct emu_link *el = &e->links[link];
	int r = 0;

	if (engine == ENGINE_SHAPER && !e->shaper)
		r = shaper_open(e->net, &e->shaper, err);
	if (r >= 0)
		r = delete_link(e, link, err);
	if (r < 0)
		return r;
	el->broken = true;
	el->engine = engine;
	el->why = why;
	r = make_anew(e, link, err);
	if (r < 0)
		return r;
	el->broken = false;
	e->links_remade++;
	return 0;
}

/* Packets would be lost unasked, and the capture would listen at interfaces that are gone. */
static int check_hold(const struct emu *e, uint32_t link, struct err *err)
{
	const struct link *l = &e->net->links[link];

	if (!e->hold_links)
		return 0;
	err_failed(err, "%s<->%s would need new interfaces, which it cannot get while it is captured",
		   e->net->ifaces[l->iface[0]].name, e->net->ifaces[l->iface[1]].name);
	return -EBUSY;
}

/* ---- changes ---- */

/* The engine that can do the shapes that the link is to have; one that it has stays if it can. */
static int engine_next(const struct emu *e, uint32_t link, const struct shape next[2],
		       enum link_engine *ret, const char **ret_why, struct err *err)
{
	const struct emu_link *el = &e->links[link];
	bool kernel = false, never = false;
	const char *why = NULL;

	*ret = el->engine;
	*ret_why = el->why;
	if (el->engine == ENGINE_SHAPER)
		return 0;
	if (el->engine == ENGINE_AUTO && shape_is_none(&next[0]) && shape_is_none(&next[1]))
		return 0;
	if (e->net->links[link].engine != ENGINE_SHAPER)
		kernel = kernel_can(next, &why, &never);
	if (kernel && el->engine == ENGINE_NETEM)
		return 0;
	return choose(e->net, link, kernel, never, why, ret, ret_why, err);
}

/* With interfaces made anew; the shape is what it was where that fails. */
static int set_anew(struct emu *e, uint32_t link, int end, const struct shape *shape,
		    enum link_engine engine, const char *why, struct err *err)
{
	struct emu_link *el = &e->links[link];
	struct shape old = el->shape[end];
	int r = check_hold(e, link, err);

	if (r < 0)
		return r;
	shape_copy(&el->shape[end], shape);
	r = remake(e, link, engine, why, err);
	if (r < 0) {
		shape_clear(&el->shape[end]);
		el->shape[end] = old;
		return err->n ? r : err_sys(err, -r, "cannot change the link");
	}
	shape_clear(&old);
	return 0;
}

static int set_in_place(struct emu *e, uint32_t link, int end, const struct shape *shape,
			enum link_engine engine, const char *why, struct err *err)
{
	struct emu_link *el = &e->links[link];
	struct shape old = el->shape[end];
	int r = 0;

	if (engine == ENGINE_SHAPER) {
		r = shaper_set(e->shaper, link, end, shape);
		if (r < 0)
			err_sys(err, -r, "cannot change the link");
	} else if (engine == ENGINE_NETEM) {
		r = wire_qdisc(e, link, end, &old, shape, err);
	}
	if (r < 0)
		return r;
	shape_copy(&el->shape[end], shape);
	shape_clear(&old);
	el->engine = engine;
	el->why = why;
	return 0;
}

int emu_link_set(struct emu *e, uint32_t link, int end, const struct shape *shape, struct err *err)
{
	const struct emu_link *el = &e->links[link];
	struct shape next[2];
	enum link_engine engine;
	const char *why;
	int r;

	next[end] = *shape;
	next[!end] = el->shape[!end];
	r = engine_next(e, link, next, &engine, &why, err);
	if (r < 0)
		return r;
	if ((engine == ENGINE_SHAPER && el->engine != ENGINE_SHAPER) || is_broken(e, link))
		return set_anew(e, link, end, shape, engine, why, err);
	return set_in_place(e, link, end, shape, engine, why, err);
}

/* The shaper first: a packet meets a whole link or none. An end that is gone is down. */
static int bring_down(struct emu *e, uint32_t link, struct err *err)
{
	const struct emu_link *el = &e->links[link];
	int i, r = 0;

	if (el->engine == ENGINE_SHAPER && !el->broken)
		r = shaper_set_up(e->shaper, link, false);
	for (i = 0; i < 2 && r >= 0; i++) {
		if (wire_state(e, link, i) != WIRE_MISSING)
			r = end_down(e, e->net->links[link].iface[i], err);
	}
	return r;
}

int emu_link_up(struct emu *e, uint32_t link, bool up, struct err *err)
{
	struct emu_link *el = &e->links[link];
	int r;

	el->up = up;
	if (!up) {
		r = bring_down(e, link, err);
	} else if (is_broken(e, link)) {
		r = check_hold(e, link, err);
		if (r >= 0)
			r = remake(e, link, el->engine, el->why, err);
	} else {
		r = bring_up(e, link, err);
	}
	if (r < 0 && !err->n)
		err_sys(err, -r, "cannot bring a link %s", up ? "up" : "down");
	return r;
}
