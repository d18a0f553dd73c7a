/* The run's own loop: readiness, the schedule, what servers write, queues of scripts, the end. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include "core/units.h"
#include "scenarios/engine/engine_internal.h"

#define PROGRESS_EVERY (NSEC_PER_SEC / 2)

void results_free(struct result *results, size_t n)
{
	for (size_t i = 0; results && i < n; i++) {
		free(results[i].outcome);
		free(results[i].evidence);
	}
	free(results);
}

void engine_fail(struct engine *e, int r)
{
	loop_quit(e->o.loop, r < 0 ? r : -EIO);
}

int engine_timer(struct engine *e, int64_t in_ns, loop_timer_fn *fn, void *arg,
		 struct loop_timer **timer)
{
	int64_t at;

	if (__builtin_add_overflow(units_now_mono(), in_ns, &at))
		at = INT64_MAX;
	return loop_add_timer(e->o.loop, at, fn, arg, timer);
}

/* ---- queues of scripts ---- */

/*
 * Gives the turn to one after another until somebody keeps it. A script that ends at once (or is not
 * to run any more) leaves within its go(): then this very loop goes on, rather than one more inside.
 */
static void pump(struct queue *q)
{
	if (q->pumping)
		return;
	q->pumping = true;
	while (!q->busy && q->first) {
		struct ticket *t = q->first;

		q->first = t->next;
		if (!q->first)
			q->last = NULL;
		q->busy = true;
		t->go(t->arg);
	}
	q->pumping = false;
}

void queue_enter(struct engine *e, uint32_t node, struct ticket *t)
{
	struct queue *q = &e->queues[node];

	t->next = NULL;
	if (q->last)
		q->last->next = t;
	else
		q->first = t;
	q->last = t;
	pump(q);
}

void queue_leave(struct engine *e, uint32_t node)
{
	struct queue *q = &e->queues[node];

	q->busy = false;
	pump(q);
}

/* ---- programs that have ended ---- */

static void dig(void *arg)
{
	struct engine *e = arg;

	e->grave_timer = NULL;
	while (e->graves) {
		struct grave *g = e->graves;

		e->graves = g->next;
		prog_free(g->prog);
		free(g);
	}
}

void engine_bury(struct engine *e, struct prog *p)
{
	struct grave *g = malloc(sizeof(*g));

	if (!g) {
		engine_fail(e, -ENOMEM);
		return;
	}
	*g = (struct grave){ .next = e->graves, .prog = p };
	e->graves = g;
	if (!e->grave_timer && engine_timer(e, 0, dig, e, &e->grave_timer))
		engine_fail(e, -ENOMEM);
}

/* ---- progress ---- */

static void report(struct engine *e)
{
	if (e->o.progress)
		e->o.progress(e->o.progress_arg, e->phase, e->t0 ? units_now_mono() - e->t0 : 0,
			      &e->counts);
}

static void set_phase(struct engine *e, const char *phase)
{
	e->phase = phase;
	report(e);
}

/* ---- the schedule ---- */

static void finish(struct engine *e)
{
	if (e->finishing)
		return;
	e->finishing = true;
	timeline_stop(steal_ptr(e->timeline));
	set_phase(e, "finishing");
	if (e->n_ended == e->o.uses->n)
		loop_quit(e->o.loop, 0);
	for (size_t i = 0; i < e->o.uses->n; i++)
		server_stop(&e->servers[i]);
}

/* No activity begins any more, and those that run are ended. */
static void stop_early(struct engine *e)
{
	if (e->stopping)
		return;
	e->stopping = true;
	loop_del_timer(e->o.loop, steal_ptr(e->act_timer));
	for (size_t i = 0; i < e->o.plan->n; i++)
		activity_stop(&e->acts[i]);
	if (!e->t0)
		finish(e);
}

static void progress_tick(void *arg)
{
	struct engine *e = arg;

	e->progress_timer = NULL;
	report(e);
	if (e->o.go_on && !e->o.go_on(e->o.progress_arg))
		stop_early(e);
	if (engine_timer(e, PROGRESS_EVERY, progress_tick, e, &e->progress_timer))
		engine_fail(e, -ENOMEM);
}

void engine_server_ended(struct engine *e)
{
	if (++e->n_ended == e->o.uses->n && e->finishing)
		loop_quit(e->o.loop, 0);
}

void engine_activity_over(struct engine *e)
{
	if (++e->n_over == e->o.plan->n)
		finish(e);
}

/* Starts every activity that is due, and sets the timer for the next. */
static void schedule(void *arg)
{
	struct engine *e = arg;
	int64_t now = units_now_mono();

	e->act_timer = NULL;
	while (!e->stopping && e->next_act < e->o.plan->n &&
	       e->t0 + e->o.plan->activities[e->next_act].start <= now)
		activity_start(&e->acts[e->next_act++]);
	if (e->stopping || e->next_act == e->o.plan->n)
		return;
	if (loop_add_timer(e->o.loop, e->t0 + e->o.plan->activities[e->next_act].start, schedule, e,
			   &e->act_timer))
		engine_fail(e, -ENOMEM);
}

void engine_server_ready(struct engine *e)
{
	int r;

	if (++e->n_ready < e->o.uses->n || e->finishing)
		return;
	e->t0 = units_now_mono();
	set_phase(e, "running");
	r = timeline_start(e->o.net, e->o.stage.emu, e->o.loop, e->o.change, e->o.change_arg,
			   &e->timeline);
	if (r) {
		engine_fail(e, r);
		return;
	}
	if (e->o.plan->n == 0)
		finish(e);
	else
		schedule(e);
}

/* ---- events ---- */

static void on_ready(void *arg, uint64_t cookie, uint8_t proto, uint16_t port)
{
	struct engine *e = arg;

	for (size_t i = 0; i < e->o.uses->n; i++)
		server_opened(&e->servers[i], cookie, proto, port);
}

static void ready_event(void *arg, uint32_t events)
{
	struct engine *e = arg;

	int r = e->ready ? ready_read(e->ready, on_ready, e) :
			   tag_read_ready(e->o.stage.tag, on_ready, e);

	if (e->ready && r < 0)
		engine_fail(e, err_sys(e->err, -r, "cannot list the sockets of servers"));
}

static void stop_event(void *arg, uint32_t events)
{
	struct engine *e = arg;

	loop_del_fd(e->o.loop, e->o.stop_fd);
	e->stop_heard = true;
	stop_early(e);
}

/* The activities that wait for a line of the server whose log was written to. */
static void server_wrote(struct engine *e, int watch)
{
	struct activity *next;

	for (struct activity *a = e->proofs; a; a = next) {
		next = a->next_proof;
		if (a->server->watch == watch)
			activity_server_wrote(a);
	}
}

static void inotify_event(void *arg, uint32_t events)
{
	struct engine *e = arg;
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(e->inotify_fd, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *ev = (const struct inotify_event *)p;

			if (ev->mask & IN_Q_OVERFLOW)
				for (size_t i = 0; i < e->o.uses->n; i++)
					server_wrote(e, e->servers[i].watch);
			else
				server_wrote(e, ev->wd);
			p += sizeof(*ev) + ev->len;
		}
	}
}

/* ---- the run ---- */

static int set_up(struct engine *e)
{
	const struct plan *plan = e->o.plan;
	int r = 0;

	e->servers = calloc(e->o.uses->n + 1, sizeof(*e->servers));
	e->acts = calloc(plan->n + 1, sizeof(*e->acts));
	e->queues = calloc(e->o.net->n_nodes, sizeof(*e->queues));
	if (!e->servers || !e->acts || !e->queues)
		return -ENOMEM;
	/* All before the first that may fail, so that clearing finds each in order. */
	for (size_t i = 0; i < e->o.uses->n; i++)
		e->servers[i] = (struct server){ .e = e, .log = LOG_NONE, .watch = -1 };
	for (size_t i = 0; i < e->o.uses->n && r == 0; i++)
		r = server_init(&e->servers[i], e, &e->o.uses->use[i]);
	return r;
}

static void set_up_activities(struct engine *e, struct result *results)
{
	const struct plan *plan = e->o.plan;

	for (size_t i = 0; i < plan->n; i++) {
		size_t use = (size_t)(plan->activities[i].client->use - e->o.uses->use);

		activity_init(&e->acts[i], e, &plan->activities[i], &e->servers[use], &results[i]);
	}
}

/* In the loop, so that a failure ends it. */
static void begin(void *arg)
{
	struct engine *e = arg;

	e->act_timer = NULL;
	set_phase(e, "starting servers");
	progress_tick(e);
	for (size_t i = 0; i < e->o.uses->n; i++)
		server_begin(&e->servers[i]);
}

static int ready_source(const struct engine *e)
{
	return e->ready ? ready_fd(e->ready) : tag_ready_fd(e->o.stage.tag);
}

static int watch(struct engine *e)
{
	int r = 0;

	if (tag_ready_fd(e->o.stage.tag) < 0)
		r = ready_new(&e->ready);
	if (r < 0)
		return err_sys(e->err, -r, "cannot see when a server is ready");
	e->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (e->inotify_fd < 0)
		return err_sys(e->err, errno, "inotify");
	r = loop_add_fd(e->o.loop, e->inotify_fd, EPOLLIN, inotify_event, e);
	if (r == 0)
		r = loop_add_fd(e->o.loop, ready_source(e), EPOLLIN, ready_event, e);
	if (r == 0 && e->o.stop_fd >= 0)
		r = loop_add_fd(e->o.loop, e->o.stop_fd, EPOLLIN, stop_event, e);
	return r ? err_sys(e->err, -r, "epoll") : 0;
}

static void take_down(struct engine *e)
{
	struct loop *l = e->o.loop;
	int fd = ready_source(e);

	timeline_stop(e->timeline);
	for (size_t i = 0; e->acts && i < e->o.plan->n; i++)
		if (e->acts[i].e)
			activity_clear(&e->acts[i]);
	for (size_t i = 0; e->servers && i < e->o.uses->n; i++)
		server_clear(&e->servers[i]);
	loop_del_timer(l, e->act_timer);
	loop_del_timer(l, e->progress_timer);
	loop_del_timer(l, e->grave_timer);
	dig(e);
	if (fd >= 0)
		loop_del_fd(l, fd);
	ready_free(e->ready);
	if (e->o.stop_fd >= 0 && !e->stop_heard)
		loop_del_fd(l, e->o.stop_fd);
	if (e->inotify_fd >= 0) {
		loop_del_fd(l, e->inotify_fd);
		close(e->inotify_fd);
	}
	free(e->servers);
	free(e->acts);
	free(e->queues);
}

int engine_run(const struct engine_opts *opts, struct result *results, struct err *err)
{
	struct engine e = { .o = *opts, .err = err, .inotify_fd = -1 };
	int r = set_up(&e);

	if (r == 0) {
		set_up_activities(&e, results);
		r = watch(&e);
	}
	if (r == 0)
		r = engine_timer(&e, 0, begin, &e, &e.act_timer);
	if (r == 0)
		r = loop_run(opts->loop);
	if (r < 0 && !err->n && r != -ENOMEM)
		err_sys(err, -r, "running the scenarios");
	take_down(&e);
	return r < 0 ? r : 0;
}
