/* Does a timeline's changes to the network that runs, each at its time. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "core/units.h"
#include "emu/link.h"

/* A change that has not come yet. */
struct waiting {
	struct timeline_run *run;
	const struct change *change;
	struct loop_timer *timer; /* NULL: it has come */
};

struct timeline_run {
	struct emu *emu;
	struct loop *loop;
	change_fn *fn;
	void *arg;
	size_t n;
	struct waiting waiting[];
};

/* What the link is to do from the end; shapes that it is not about are left empty. */
static int next_shape(struct emu *e, const struct change *c, int end, struct shape *s,
		      struct err *err)
{
	_cleanup_free_ char *why = NULL;
	int r;

	if (!c->end[end])
		return 0;
	shape_copy(s, emu_link_shape(e, c->link, end));
	r = timeline_shape(emu_net(e), c, end, s, &why);
	if (r == -EINVAL && why)
		return err_usage(err, "%s", why);
	return r < 0 ? err_sys(err, -r, "changing a link") : 0;
}

/* Both directions or, if one cannot be, none. */
static int change_link(struct emu *e, const struct change *c, struct err *err)
{
	_cleanup_shape_ struct shape first = {0}, second = {0}, old = {0};
	_cleanup_err_ struct err ignored = {0};
	int r = next_shape(e, c, 0, &first, err);

	if (r == 0)
		r = next_shape(e, c, 1, &second, err);
	shape_copy(&old, emu_link_shape(e, c->link, 0));
	if (r == 0 && c->end[0])
		r = emu_link_set(e, c->link, 0, &first, err);
	if (r < 0 || !c->end[1])
		return r;
	r = emu_link_set(e, c->link, 1, &second, err);
	if (r < 0 && c->end[0])
		emu_link_set(e, c->link, 0, &old, &ignored);
	return r;
}

static int change_host(struct emu *e, uint32_t node, bool up, struct err *err)
{
	const struct net *net = emu_net(e);
	const struct node *n = &net->nodes[node];
	int result = 0;

	for (size_t i = 0; i < n->n_ifaces; i++) {
		int r = emu_link_up(e, net->ifaces[n->ifaces[i]].link, up, err);

		result = result ? result : r;
	}
	return result;
}

int timeline_apply(struct emu *e, const struct change *c, struct err *err)
{
	switch (c->kind) {
	case CHANGE_LINK:
		return change_link(e, c, err);
	case CHANGE_LINK_UP:
	case CHANGE_LINK_DOWN:
		return emu_link_up(e, c->link, c->kind == CHANGE_LINK_UP, err);
	case CHANGE_HOST_UP:
	case CHANGE_HOST_DOWN:
		return change_host(e, c->node, c->kind == CHANGE_HOST_UP, err);
	case CHANGE_SCENARIO_START:
	case CHANGE_SCENARIO_STOP:
		return 0;
	}
	return -EINVAL;
}

static void come(void *arg)
{
	struct waiting *w = arg;
	struct timeline_run *run = w->run;
	_cleanup_err_ struct err err = {0};
	struct change_done done = {.change = w->change};
	unsigned remade = emu_links_remade(run->emu);
	int r = timeline_apply(run->emu, w->change, &err);

	w->timer = NULL;
	done.at = units_now_real();
	done.remade = emu_links_remade(run->emu) != remade;
	if (r < 0)
		done.error = err.n ? err.items[0].msg : strerror(-r);
	if (run->fn)
		run->fn(run->arg, &done);
}

int timeline_start(const struct net *net, struct emu *e, struct loop *loop, change_fn *fn, void *arg,
		   struct timeline_run **ret)
{
	const struct timeline *t = &net->timeline;
	int64_t now = units_now_mono();
	struct timeline_run *run = calloc(1, sizeof(*run) + t->n * sizeof(run->waiting[0]));

	if (!run)
		return -ENOMEM;
	run->emu = e;
	run->loop = loop;
	run->fn = fn;
	run->arg = arg;
	for (; run->n < t->n; run->n++) {
		struct waiting *w = &run->waiting[run->n];
		const struct change *c = &t->changes[run->n];
		int r;

		w->run = run;
		w->change = c;
		r = c->at ? loop_add_timer(loop, now + c->at, come, w, &w->timer) : 0;
		if (r < 0) {
			timeline_stop(run);
			return r;
		}
	}
	for (size_t i = 0; i < run->n && !run->waiting[i].change->at; i++)
		come(&run->waiting[i]);
	*ret = run;
	return 0;
}

void timeline_stop(struct timeline_run *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		loop_del_timer(r->loop, r->waiting[i].timer);
	free(r);
}
