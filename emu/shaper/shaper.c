/*
 * The shaper as the main thread sees it: its namespace and programs, and the links that it serves.
 *
 * Pipes, wheels and parcels belong to the thread once it runs. What the main thread wants of them it
 * asks for, as a function that the thread calls between two batches (shaper_ask()); so nothing on
 * the way of a packet takes a lock. Everything of the kernel's is held by fds of this process.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/units.h"
#include "emu/netns.h"
#include "emu/shaper/quantile.h"
#include "emu/shaper/shaper_internal.h"
#include "shaper.skel.h"

#define PROGRAM_NAME "detnet-shaper"
#define LO_IFINDEX   1

static void close_rtnlp(struct rtnl **r)
{
	rtnl_close(*r);
}

static void destroy_bpfp(struct shaper_bpf **b)
{
	shaper_bpf__destroy(*b);
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0; /* what is refused comes back as errno */
}

static int load(struct shaper_bpf **ret)
{
	struct shaper_bpf *b;

	libbpf_set_print(quiet);
	b = shaper_bpf__open_and_load();
	if (!b)
		return -errno;
	*ret = b;
	return 0;
}

/* Tried on the loopback of a namespace that lives no longer than the answer takes. */
static const char *lacks(void)
{
	_cleanup_(destroy_bpfp) struct shaper_bpf *b = NULL;
	_cleanup_(close_rtnlp) struct rtnl *r = NULL;
	_cleanup_err_ struct err ignored = { 0 };
	_cleanup_close_ int ns = -1;

	if (load(&b) < 0)
		return "the kernel takes no BPF programs with a ring buffer (root with CAP_BPF, "
		       "CONFIG_BPF_SYSCALL, Linux 5.8)";
	if (netns_new(&ns, 1, false, &ignored) < 0 || rtnl_open(ns, &r) < 0)
		return "no network namespace can be made";
	if (rtnl_add_bpf(r, LO_IFINDEX, bpf_program__fd(b->progs.ingress),
			 bpf_program__fd(b->progs.egress), PROGRAM_NAME) < 0 ||
	    rtnl_flush(r, &ignored) < 0)
		return "the kernel takes no BPF programs on interfaces (CONFIG_NET_CLS_BPF, "
		       "CONFIG_NET_SCH_INGRESS)";
	return NULL;
}

bool shaper_have(const char **ret_why)
{
	static const char *why;
	static bool known;

	if (!known)
		why = lacks();
	known = true;
	if (why)
		*ret_why = why;
	return !why;
}

static int open_bpf(struct shaper *s, struct err *err)
{
	int r = load(&s->bpf);

	if (r < 0)
		return err_sys(err, -r, "cannot load the shaper's BPF programs");
	s->ingress_fd = bpf_program__fd(s->bpf->progs.ingress);
	s->egress_fd = bpf_program__fd(s->bpf->progs.egress);
	s->frames_fd = bpf_map__fd(s->bpf->maps.frames);
	s->lost = (const uint64_t *)&s->bpf->bss->overruns;
	return 0;
}

int shaper_open(const struct net *net, struct shaper **ret, struct err *err)
{
	struct shaper *s = calloc(1, sizeof(*s));
	int64_t now = units_now_mono();
	size_t i;
	int r;

	if (!s)
		return -ENOMEM;
	s->net = net;
	s->ns_fd = s->sock = s->epoll_fd = s->timer_fd = s->asked_fd = s->links_fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->answered_cond, NULL);
	wheel_init(&s->services, now);
	wheel_init(&s->deliveries, now);
	s->ends = calloc(net->n_ifaces ? net->n_ifaces : 1, sizeof(*s->ends));
	r = s->ends ? netns_new(&s->ns_fd, 1, false, err) : -ENOMEM;
	if (r >= 0)
		r = open_bpf(s, err);
	if (r >= 0)
		r = rtnl_open(s->ns_fd, &s->rtnl);
	if (r >= 0)
		r = shaper_carrier_open(s);
	if (r >= 0)
		r = shaper_io_open(s);
	if (r < 0) {
		shaper_close(s);
		return err->n ? r : err_sys(err, -r, "cannot open the shaper");
	}
	for (i = 0; i < net->n_ifaces; i++)
		s->ends[i] = (struct shaper_end){
			.shaper = s, .link = net->ifaces[i].link, .end = net->ifaces[i].end,
			.nsid = -1, .to = &s->ends[net_peer(net, (uint32_t)i)],
			.out_ifindex = net->ifaces[net_peer(net, (uint32_t)i)].ifindex,
		};
	*ret = s;
	return 0;
}

int shaper_ns(const struct shaper *s)
{
	return s->ns_fd;
}

static struct shaper_end *end_of(const struct shaper *s, uint32_t link, int end)
{
	return &s->ends[s->net->links[link].iface[end]];
}

/* Ends the parcels under way on a link, or all. The wheel is emptied, and the others go in again. */
static void drop_under_way(struct shaper *s, const uint32_t *link)
{
	struct parcel *first = NULL, **last = &first, *p;
	struct wheel_timer *t;

	while ((t = wheel_pop(&s->deliveries, INT64_MAX))) {
		p = (struct parcel *)((char *)t - offsetof(struct parcel, timer));
		*last = p;
		last = &p->next;
	}
	*last = NULL;
	wheel_init(&s->deliveries, s->now);
	while ((p = first)) {
		const struct shaper_end *e = pipe_arg(p->pipe);

		first = p->next;
		if (!link || e->link == *link)
			shaper_drop(s, p, FATE_DOWN, s->now);
		else
			wheel_add(&s->deliveries, &p->timer, p->timer.at);
	}
}

static void free_pipes(struct shaper *s, uint32_t link)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct shaper_end *e = end_of(s, link, i);

		if (!e->pipe)
			continue;
		wheel_del(&s->services, pipe_timer(e->pipe));
		pipe_free(e->pipe);
		e->pipe = NULL;
		e->up = false;
	}
}

void shaper_close(struct shaper *s)
{
	size_t i;

	if (!s)
		return;
	shaper_thread_end(s);
	if (s->ends) {
		shaper_flush(s);
		drop_under_way(s, NULL);
		for (i = 0; i < s->net->n_links; i++)
			free_pipes(s, (uint32_t)i);
		shaper_flush(s);
	}
	shaper_io_close(s);
	if (s->links_fd >= 0)
		close(s->links_fd);
	rtnl_close(s->rtnl);
	shaper_bpf__destroy(s->bpf);
	if (s->ns_fd >= 0)
		close(s->ns_fd);
	pthread_cond_destroy(&s->answered_cond);
	pthread_mutex_destroy(&s->lock);
	free(s->ends);
	free(s);
}

/* ---- asked of the thread ---- */

struct request {
	uint32_t link;
	int end;
	bool up;
	const struct shape *shape; /* two, when a link is added */
	struct fate_queue *sink;
	struct shaper_stats *stats;
};

static int add_here(struct shaper *s, void *arg)
{
	const struct request *q = arg;
	const struct link *l = &s->net->links[q->link];
	int i, r;

	s->now = units_now_mono();
	for (i = 0; i < 2; i++) {
		_cleanup_free_ char *path = net_link_path(s->net, q->link, i);
		struct shaper_end *e = end_of(s, q->link, i);

		r = path ? pipe_new(&q->shape[i], l->mtu, s->net->seed, path, s->now,
				    &shaper_pipe_ops, e, &e->pipe) :
			   -ENOMEM;
		if (r < 0) {
			free_pipes(s, q->link);
			return r;
		}
		e->up = true;
	}
	return 0;
}

static int del_here(struct shaper *s, void *arg)
{
	const struct request *q = arg;

	s->now = units_now_mono();
	/* Parcels know their pipe: none is left when it goes. */
	shaper_flush(s);
	drop_under_way(s, &q->link);
	free_pipes(s, q->link);
	return 0;
}

static int set_here(struct shaper *s, void *arg)
{
	const struct request *q = arg;

	s->now = units_now_mono();
	return pipe_set(end_of(s, q->link, q->end)->pipe, q->shape, s->now);
}

static int set_up_here(struct shaper *s, void *arg)
{
	const struct request *q = arg;
	int i;

	s->now = units_now_mono();
	for (i = 0; i < 2; i++)
		pipe_set_up(end_of(s, q->link, i)->pipe, q->up, s->now);
	/* What was due before it goes down still leaves; what travels is lost with it. */
	shaper_flush(s);
	for (i = 0; i < 2; i++)
		end_of(s, q->link, i)->up = q->up;
	if (!q->up)
		drop_under_way(s, &q->link);
	return 0;
}

static int set_sink_here(struct shaper *s, void *arg)
{
	const struct request *q = arg;

	/* A request before this one, such as a link that went down, may have told of drops. */
	if (s->told)
		fate_wake(s->sink);
	s->told = false;
	s->sink = q->sink;
	return 0;
}

static int stats_here(struct shaper *s, void *arg)
{
	const struct request *q = arg;

	*q->stats = s->stats;
	q->stats->overruns += __atomic_load_n(s->lost, __ATOMIC_RELAXED);
	return 0;
}

/* ---- what others ask for ---- */

static bool served(const struct shaper *s, uint32_t link)
{
	return link < s->net->n_links && end_of(s, link, 0)->pipe;
}

static int attach(struct shaper *s, uint32_t link, struct err *err)
{
	int i, r = 0;

	for (i = 0; i < 2 && r >= 0; i++)
		r = rtnl_add_bpf(s->rtnl, s->net->ifaces[s->net->links[link].iface[i]].ifindex,
				 s->ingress_fd, s->egress_fd, PROGRAM_NAME);
	return r < 0 ? r : rtnl_flush(s->rtnl, err);
}

int shaper_add(struct shaper *s, uint32_t link, const struct shape shape[2], struct err *err)
{
	struct request q = { .link = link, .shape = shape };
	int r;

	if (served(s, link))
		return -EEXIST;
	r = shaper_ask(s, add_here, &q);
	if (r < 0)
		return err_sys(err, -r, "cannot make the pipes of link %u", link);
	r = attach(s, link, err);
	if (r >= 0 && !s->running) {
		r = shaper_thread_start(s);
		if (r < 0)
			err_sys(err, -r, "cannot start the shaper's thread");
	}
	if (r < 0)
		shaper_ask(s, del_here, &q);
	return r;
}

int shaper_del(struct shaper *s, uint32_t link)
{
	struct request q = { .link = link };

	return served(s, link) ? shaper_ask(s, del_here, &q) : -ENOENT;
}

int shaper_set(struct shaper *s, uint32_t link, int end, const struct shape *shape)
{
	struct request q = { .link = link, .end = end, .shape = shape };
	struct quantiles *table;
	int r;

	if (!served(s, link))
		return -ENOENT;
	/* Computed here, so that the thread finds it: no packet waits for it. */
	r = quantiles_get(shape, &table);
	if (r < 0)
		return r;
	r = shaper_ask(s, set_here, &q);
	quantiles_put(table);
	return r;
}

int shaper_set_up(struct shaper *s, uint32_t link, bool up)
{
	struct request q = { .link = link, .up = up };

	return served(s, link) ? shaper_ask(s, set_up_here, &q) : -ENOENT;
}

int shaper_set_sink(struct shaper *s, struct fate_queue *sink)
{
	struct request q = { .sink = sink };

	return shaper_ask(s, set_sink_here, &q);
}

uint64_t shaper_new_id(struct shaper *s)
{
	return __atomic_add_fetch(&s->last_id, 1, __ATOMIC_RELAXED);
}

void shaper_stats(struct shaper *s, struct shaper_stats *ret)
{
	struct request q = { .stats = ret };

	shaper_ask(s, stats_here, &q);
}
