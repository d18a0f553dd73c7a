/*
 * Chooses a link's engine, and changes links while the network runs.
 *
 * What a link does now is kept in struct emu, beside the model, which nobody changes. A link that
 * nothing shaped may get qdiscs at any time. Only what the kernel cannot do makes it a link of the shaper,
 * and then its veth is deleted and two are made in its place: what was on the wire at that moment is lost,
 * and what a host's root had changed on the interface.
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

/* Can the kernel do every shape that the link has, at first and after each change? */
static bool kernel_can(const struct net *net, uint32_t link, struct shape shape[2],
		       const char **ret_why, bool *ret_never)
{
	const struct timeline *t = &net->timeline;
	size_t i = 0;
	int end;

	for (;;) {
		for (end = 0; end < 2; end++) {
			if (qdisc_can(&shape[end], ret_why))
				continue;
			*ret_never = qdisc_never(&shape[end], ret_why);
			return false;
		}
		while (i < t->n && (t->changes[i].kind != CHANGE_LINK || t->changes[i].link != link))
			i++;
		if (!timeline_touches(net, link) || i == t->n)
			return true;
		/* Its text was checked when it was read. */
		for (end = 0; end < 2; end++) {
			_cleanup_free_ char *why = NULL;

			if (t->changes[i].end[end])
				timeline_shape(net, &t->changes[i], end, &shape[end], &why);
		}
		i++;
	}
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

/* The engine for shapes that are not all nothing; shape[] is used up. */
static int choose(const struct net *net, uint32_t link, struct shape shape[2],
		  enum link_engine *ret, const char **ret_why, struct err *err)
{
	const struct link *l = &net->links[link];
	const char *why = NULL, *no_shaper = NULL;
	bool never = false;

	if (l->engine != ENGINE_SHAPER && kernel_can(net, link, shape, &why, &never)) {
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

static void copy_shapes(struct shape dst[2], const struct shape src[2])
{
	shape_copy(&dst[0], &src[0]);
	shape_copy(&dst[1], &src[1]);
}

int link_choose(const struct net *net, uint32_t link, enum link_engine *ret, const char **ret_why,
		struct err *err)
{
	const struct link *l = &net->links[link];
	struct shape shape[2];
	int r;

	if (l->engine != ENGINE_SHAPER && shape_is_none(&l->shape[0]) &&
	    shape_is_none(&l->shape[1]) && !timeline_touches(net, link)) {
		*ret = ENGINE_AUTO;
		*ret_why = "it shapes nothing";
		return 0;
	}
	copy_shapes(shape, l->shape);
	r = choose(net, link, shape, ret, ret_why, err);
	shape_clear(&shape[0]);
	shape_clear(&shape[1]);
	return r;
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

struct shaper *emu_shaper(const struct emu *e)
{
	return e->shaper;
}

/* ---- changes ---- */

static int delete_veth(struct emu *e, uint32_t link, struct err *err)
{
	const struct iface *f = &e->net->ifaces[e->net->links[link].iface[0]];
	_cleanup_rtnl_ struct rtnl *r = NULL;
	int ret = rtnl_open(emu_node_ns(e, f->node), &r);

	if (ret >= 0)
		ret = rtnl_del_link(r, f->ifindex);
	return ret < 0 ? ret : rtnl_flush(r, err);
}

static int make_veths(struct emu *e, uint32_t link, struct err *err)
{
	_cleanup_rtnl_ struct rtnl *r = NULL;
	int ret = rtnl_open(e->fabric_fd, &r);

	if (ret >= 0)
		ret = wire_add(r, e, link);
	return ret < 0 ? ret : rtnl_flush(r, err);
}

static int set_up_end(const struct emu *e, uint32_t iface, struct err *err)
{
	_cleanup_rtnl_ struct rtnl *r = NULL;
	_cleanup_close_ int sock = -1;
	int ret = wire_open(emu_node_ns(e, e->net->ifaces[iface].node), &r, &sock);

	if (ret >= 0)
		ret = wire_offloads(e, iface, sock, err);
	if (ret >= 0)
		ret = wire_iface(r, e, iface);
	if (ret >= 0)
		ret = wire_routes(r, e, iface);
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

/* From one veth to the shaper's two. */
static int rewire(struct emu *e, uint32_t link, const char *why, struct err *err)
{
	struct emu_link *el = &e->links[link];
	const struct link *l = &e->net->links[link];
	int i, r = 0;

	if (!e->shaper)
		r = shaper_open(e->net, &e->shaper, err);
	if (r >= 0)
		r = delete_veth(e, link, err);
	if (r < 0)
		return r;
	el->engine = ENGINE_SHAPER;
	el->why = why;
	r = make_veths(e, link, err);
	if (r >= 0)
		r = wire_shape(e, link, err);
	if (r >= 0)
		r = wire_halves_up(e, &link, 1, err);
	for (i = 0; i < 2 && r >= 0; i++)
		r = set_up_end(e, l->iface[i], err);
	for (i = 0; i < 2 && r >= 0; i++)
		r = wait_end(e, l->iface[i], err);
	if (r >= 0)
		r = wire_halves_wait(e, &link, 1, err);
	if (r < 0 || el->up)
		return r;
	el->up = true;
	return emu_link_up(e, link, false, err);
}

/* The engine that can do the shapes that the link is to have; one that it has stays if it can. */
static int engine_next(const struct emu *e, uint32_t link, const struct shape next[2],
		       enum link_engine *ret, const char **ret_why, struct err *err)
{
	const struct emu_link *el = &e->links[link];
	struct shape shape[2];
	int r;

	*ret = el->engine;
	*ret_why = el->why;
	if (el->engine == ENGINE_SHAPER)
		return 0;
	if (el->engine == ENGINE_AUTO && shape_is_none(&next[0]) && shape_is_none(&next[1]))
		return 0;
	copy_shapes(shape, next);
	r = choose(e->net, link, shape, ret, ret_why, err);
	shape_clear(&shape[0]);
	shape_clear(&shape[1]);
	return r;
}

int emu_link_set(struct emu *e, uint32_t link, int end, const struct shape *shape, struct err *err)
{
	struct emu_link *el = &e->links[link];
	struct shape next[2], old = el->shape[end];
	enum link_engine engine;
	const char *why;
	int r;

	next[end] = *shape;
	next[!end] = el->shape[!end];
	r = engine_next(e, link, next, &engine, &why, err);
	if (r < 0)
		return r;
	if (engine == ENGINE_SHAPER && el->engine == ENGINE_SHAPER) {
		r = shaper_set(e->shaper, link, end, shape);
		if (r < 0)
			err_sys(err, -r, "cannot change the link");
	} else if (engine == ENGINE_NETEM) {
		r = wire_qdisc(e, link, end, &e->links[link].shape[end], shape, err);
	}
	if (r < 0)
		return r;
	shape_copy(&el->shape[end], shape);
	shape_clear(&old);
	if (engine == ENGINE_SHAPER && el->engine != ENGINE_SHAPER)
		return rewire(e, link, why, err);
	el->engine = engine;
	el->why = why;
	return 0;
}

static int end_up(const struct emu *e, uint32_t iface, bool up, struct err *err)
{
	const struct iface *f = &e->net->ifaces[iface];
	_cleanup_rtnl_ struct rtnl *r = NULL;
	int ret = rtnl_open(emu_node_ns(e, f->node), &r);

	if (ret >= 0)
		ret = rtnl_set_up(r, f->ifindex, up);
	if (ret >= 0 && up && f->addr)
		ret = rtnl_add_addr(r, f->ifindex, f->addr, f->prefix);
	if (ret >= 0 && up)
		ret = wire_routes(r, e, iface);
	return ret < 0 ? ret : rtnl_flush(r, err);
}

int emu_link_up(struct emu *e, uint32_t link, bool up, struct err *err)
{
	struct emu_link *el = &e->links[link];
	const uint32_t *ends = e->net->links[link].iface;
	bool shaper = el->engine == ENGINE_SHAPER;
	int i, r = 0;

	if (el->up == up)
		return 0;
	/* The shaper goes down first and comes up last: a packet meets a whole link or none. */
	if (shaper && !up)
		r = shaper_set_up(e->shaper, link, false);
	for (i = 0; i < 2 && r >= 0; i++)
		r = end_up(e, ends[i], up, err);
	for (i = 0; up && i < 2 && r >= 0; i++)
		r = wait_end(e, ends[i], err);
	if (r >= 0 && up)
		r = wire_halves_wait(e, &link, 1, err);
	if (r >= 0 && up && shaper)
		r = shaper_set_up(e->shaper, link, true);
	if (r >= 0)
		el->up = up;
	else if (!err->n)
		err_sys(err, -r, "cannot bring a link %s", up ? "up" : "down");
	return r;
}
