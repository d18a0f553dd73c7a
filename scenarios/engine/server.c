/* One server's life: the clients' setup scripts, its start, readiness by event, and its end. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include "core/log.h"
#include "core/units.h"
#include "emu/netns.h"
#include "scenarios/engine/engine_internal.h"

#define SETUP_TIMEOUT (60 * NSEC_PER_SEC)
#define READY_TIMEOUT (30 * NSEC_PER_SEC)
#define TERM_TIMEOUT  (3 * NSEC_PER_SEC) /* from SIGTERM to SIGKILL */
#define KILL_TIMEOUT  (2 * NSEC_PER_SEC)

static void setup_go(void *arg);
static void server_start(struct server *s);

static const char *host_of(const struct server *s)
{
	return s->e->o.net->nodes[s->use->server].name;
}

int server_init(struct server *s, struct engine *e, const struct use *use)
{
	const struct plan *plan = e->o.plan;
	size_t i = 0;

	*s = (struct server){ .e = e, .use = use, .log = LOG_NONE, .watch = -1 };
	s->ticket = (struct ticket){ .go = setup_go, .arg = s };
	s->cookie = netns_cookie(emu_node_ns(e->o.stage.emu, use->server));
	s->open = calloc(use->scenario->n_ready_ports, sizeof(*s->open));
	if (!s->open)
		return -ENOMEM;
	while (i < plan->n_clients && plan->clients[i].use != use)
		i++;
	s->clients = &plan->clients[i];
	return 0;
}

void server_clear(struct server *s)
{
	loop_del_timer(s->e->o.loop, s->timer);
	if (s->prog)
		prog_free(s->prog);
	strv_free(&s->vars);
	log_close(&s->log);
	free(s->open);
}

/* Fails the run with what the program last said. */
static void fail_with_log(struct server *s, const char *what)
{
	_cleanup_free_ char *tail = log_tail(&s->log);

	engine_fail(s->e, err_failed(s->e->err, "%s of scenario %s on %s %s%s%s",
				     s->state == SERVER_SETUP ? "setup" : "the server",
				     s->use->scenario->name, host_of(s), what,
				     tail ? "; its last words:" : "; it said nothing",
				     tail ? tail : ""));
}

/* ---- setup ---- */

static void setup_next(struct server *s)
{
	if (s->e->finishing)
		return;
	if (!s->use->scenario->client_setup || s->next_client == s->use->n_clients)
		server_start(s);
	else
		queue_enter(s->e, s->use->server, &s->ticket);
}

static void setup_end(void *arg, struct prog *p, int wstatus)
{
	struct server *s = arg;
	char status[32], what[64];

	loop_del_timer(s->e->o.loop, steal_ptr(s->timer));
	engine_bury(s->e, steal_ptr(s->prog));
	queue_leave(s->e, s->use->server);
	if (s->e->finishing)
		return;
	if (!WIFEXITED(wstatus) || WEXITSTATUS(wstatus)) {
		outcome_status(wstatus, status, sizeof(status));
		snprintf(what, sizeof(what), "failed (%s)", status);
		fail_with_log(s, s->timed_out ? "took more than 60 s" : what);
		return;
	}
	s->next_client++;
	setup_next(s);
}

static void setup_timeout(void *arg)
{
	struct server *s = arg;

	s->timer = NULL;
	s->timed_out = true;
	prog_signal(s->prog, SIGKILL);
}

static int setup_run(struct server *s)
{
	const struct plan_client *c = &s->clients[s->next_client];
	const char *client = s->e->o.net->nodes[c->node].name;
	const char *name = s->use->scenario->name;
	struct program_spec spec = { .scenario = s->use->scenario,
				     .script = s->use->scenario->client_setup,
				     .node = s->use->server };
	_cleanup_strv_ struct strv vars = { 0 };
	_cleanup_close_ int fd = -1;
	int r;

	log_close(&s->log);
	r = log_create(s->e, s->use->server, &s->log, &fd, "%s-setup-%s.log", name, client);
	if (r == 0)
		r = plan_client_vars(c, s->e->o.net, &vars);
	if (r == 0)
		r = strv_addf(&vars, "work=/tmp/setup-%s-%s", name, client);
	if (r)
		return r;
	spec.vars = &vars;
	spec.out_fd = fd;
	r = program_start(&s->e->o.stage, &spec, setup_end, s, &s->prog, s->e->err);
	return r ? r : engine_timer(s->e, SETUP_TIMEOUT, setup_timeout, s, &s->timer);
}

static void setup_go(void *arg)
{
	struct server *s = arg;
	int r;

	if (s->e->finishing) {
		queue_leave(s->e, s->use->server);
		return;
	}
	r = setup_run(s);
	if (r)
		engine_fail(s->e, r);
}

/* ---- the server ---- */

/* Where no event tells that a socket listens. */
static int begin_looking(struct server *s)
{
	int r;

	if (!s->e->ready)
		return 0;
	r = ready_add(s->e->ready, emu_node_ns(s->e->o.stage.emu, s->use->server), s->cookie);
	if (r < 0)
		return err_sys(s->e->err, -r, "cannot see the sockets of %s", host_of(s));
	s->looked_at = true;
	return 0;
}

static void end_looking(struct server *s)
{
	if (s->looked_at)
		ready_del(s->e->ready, s->cookie);
	s->looked_at = false;
}

static void server_end(void *arg, struct prog *p, int wstatus)
{
	struct server *s = arg;
	enum server_state was = s->state;
	char status[32], what[64];

	loop_del_timer(s->e->o.loop, steal_ptr(s->timer));
	engine_bury(s->e, steal_ptr(s->prog));
	end_looking(s);
	s->wstatus = wstatus;
	outcome_status(wstatus, status, sizeof(status));
	if (was == SERVER_STARTING) {
		snprintf(what, sizeof(what), "ended (%s) before it was ready", status);
		fail_with_log(s, what);
		return;
	}
	if (was == SERVER_ENDED)
		return;
	s->died = was == SERVER_READY;
	if (s->died)
		log_warn("the server of %s on %s ended early (%s)", s->use->scenario->name,
			 host_of(s), status);
	s->state = SERVER_ENDED;
	engine_server_ended(s->e);
}

/* "port tcp/21 is not open": the first port that is missing. */
static void ready_timeout(void *arg)
{
	struct server *s = arg;
	const struct scenario *sc = s->use->scenario;
	char what[80];
	size_t i = 0;

	s->timer = NULL;
	while (i + 1 < sc->n_ready_ports && s->open[i])
		i++;
	snprintf(what, sizeof(what), "has not opened port %s/%u in %lld s",
		 sc->ready_proto == IPPROTO_TCP ? "tcp" : "udp", sc->ready_ports[i],
		 READY_TIMEOUT / NSEC_PER_SEC);
	fail_with_log(s, what);
}

static int server_spawn(struct server *s)
{
	const struct scenario *sc = s->use->scenario;
	struct program_spec spec = { .scenario = sc, .script = sc->server_start,
				     .node = s->use->server, .vars = &s->vars };
	_cleanup_close_ int fd = -1;
	char self[32];
	int r;

	log_close(&s->log);
	r = log_create(s->e, s->use->server, &s->log, &fd, "%s-server.log", sc->name);
	if (r == 0)
		r = plan_server_vars(s->use, s->e->o.net, &s->vars);
	if (r == 0)
		r = strv_addf(&s->vars, "work=/tmp/server-%s", sc->name);
	if (r)
		return r;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", s->log.fd);
	s->watch = inotify_add_watch(s->e->inotify_fd, self, IN_MODIFY);
	if (s->watch < 0)
		return err_sys(s->e->err, errno, "%s", s->log.name);
	s->state = SERVER_STARTING;
	spec.out_fd = fd;
	r = begin_looking(s);
	if (r == 0)
		r = program_start(&s->e->o.stage, &spec, server_end, s, &s->prog, s->e->err);
	return r ? r : engine_timer(s->e, READY_TIMEOUT, ready_timeout, s, &s->timer);
}

static void server_start(struct server *s)
{
	int r = server_spawn(s);

	if (r)
		engine_fail(s->e, r);
}

void server_begin(struct server *s)
{
	setup_next(s);
}

void server_opened(struct server *s, uint64_t cookie, uint8_t proto, uint16_t port)
{
	const struct scenario *sc = s->use->scenario;
	bool all = true;

	if (s->state != SERVER_STARTING || cookie != s->cookie || proto != sc->ready_proto)
		return;
	for (size_t i = 0; i < sc->n_ready_ports; i++) {
		if (sc->ready_ports[i] == port)
			s->open[i] = true;
		all &= s->open[i];
	}
	if (!all)
		return;
	loop_del_timer(s->e->o.loop, steal_ptr(s->timer));
	s->state = SERVER_READY;
	end_looking(s);
	engine_server_ready(s->e);
}

/* ---- the end ---- */

static void kill_timeout(void *arg)
{
	struct server *s = arg;

	s->timer = NULL;
	log_warn("the server of %s on %s does not end", s->use->scenario->name, host_of(s));
	s->state = SERVER_ENDED;
	engine_server_ended(s->e);
}

static void term_timeout(void *arg)
{
	struct server *s = arg;
	int r;

	s->timer = NULL;
	prog_signal(s->prog, SIGKILL);
	r = engine_timer(s->e, KILL_TIMEOUT, kill_timeout, s, &s->timer);
	if (r)
		engine_fail(s->e, r);
}

void server_stop(struct server *s)
{
	int r;

	if (s->state == SERVER_ENDED)
		return;
	loop_del_timer(s->e->o.loop, steal_ptr(s->timer));
	end_looking(s);
	if (s->state == SERVER_SETUP || !s->prog) {
		if (s->prog)
			prog_signal(s->prog, SIGKILL);
		s->state = SERVER_ENDED;
		engine_server_ended(s->e);
		return;
	}
	s->state = SERVER_STOPPING;
	prog_signal(s->prog, SIGTERM);
	r = engine_timer(s->e, TERM_TIMEOUT, term_timeout, s, &s->timer);
	if (r)
		engine_fail(s->e, r);
}
