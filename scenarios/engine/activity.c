/* One activity's life: its turn, the before script, the run script, the proof, the outcome. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "core/units.h"
#include "scenarios/engine/engine_internal.h"

#define PROOF_TIMEOUT (2 * NSEC_PER_SEC)

static void before_go(void *arg);

void activity_init(struct activity *a, struct engine *e, const struct plan_activity *plan,
		   struct server *server, struct result *result)
{
	*a = (struct activity){ .e = e, .plan = plan, .server = server, .result = result,
				.log = LOG_NONE };
	a->ticket = (struct ticket){ .go = before_go, .arg = a };
}

void activity_clear(struct activity *a)
{
	loop_del_timer(a->e->o.loop, a->timer);
	if (a->prog)
		prog_free(a->prog);
	outcome_clear(&a->outcome);
	strv_free(&a->vars);
	log_close(&a->log);
}

/* ---- the end ---- */

/* Takes the outcome (malloc'd) and gives back what the activity held. */
static void over(struct activity *a, char *outcome)
{
	struct engine *e = a->e;
	const char *evidence = a->outcome.sub ? outcome_evidence(&a->outcome) : "";
	char status[32] = "";

	loop_del_timer(e->o.loop, steal_ptr(a->timer));
	if (!*evidence && a->outcome.ended && !a->outcome.timed_out)
		evidence = outcome_status(a->outcome.wstatus, status, sizeof(status));
	a->result->outcome = outcome;
	a->result->evidence = strdup(evidence);
	if (a->result->start && !a->result->end)
		a->result->end = units_now_real();
	if (a->result->start)
		e->counts.running--;
	a->state = ACT_OVER;
	outcome_clear(&a->outcome);
	strv_free(&a->vars);
	log_close(&a->log);
	if (!outcome || !a->result->evidence) {
		engine_fail(e, -ENOMEM);
		return;
	}
	if (!strncmp(outcome, "failed", 6))
		e->counts.failed++;
	if (strncmp(outcome, "skipped", 7))
		e->counts.done++;
	engine_activity_over(e);
}

static void judge(struct activity *a)
{
	char status[32], *text = outcome_text(&a->outcome);

	if (text && strcmp(text, "ok") && a->server->died) {
		free(text);
		outcome_status(a->server->wstatus, status, sizeof(status));
		if (asprintf(&text, "failed:server ended (%s)", status) < 0)
			text = NULL;
	}
	over(a, text);
}

/* ---- the proof ---- */

static void proof_leave(struct activity *a)
{
	struct activity **p = &a->e->proofs;

	while (*p && *p != a)
		p = &(*p)->next_proof;
	if (*p)
		*p = a->next_proof;
}

static int read_server(struct activity *a, bool final)
{
	int r = outcome_read(&a->outcome, EXPECT_SERVER, a->server->log.fd, &a->log_offset, final);

	return r ? err_sys(a->e->err, -r, "%s", a->server->log.name) : 0;
}

static void proof_timeout(void *arg)
{
	struct activity *a = arg;
	int r = read_server(a, true);

	a->timer = NULL;
	proof_leave(a);
	if (r)
		engine_fail(a->e, r);
	else
		judge(a);
}

void activity_server_wrote(struct activity *a)
{
	int r = read_server(a, false);

	if (r) {
		engine_fail(a->e, r);
		return;
	}
	if (outcome_waits(&a->outcome))
		return;
	proof_leave(a);
	judge(a);
}

static int read_client(struct activity *a)
{
	off_t offset = 0;
	int r = outcome_read(&a->outcome, EXPECT_CLIENT, a->log.fd, &offset, true);

	return r ? err_sys(a->e->err, -r, "%s", a->log.name) : 0;
}

static void run_end(void *arg, struct prog *p, int wstatus)
{
	struct activity *a = arg;
	int r;

	a->result->end = units_now_real();
	loop_del_timer(a->e->o.loop, steal_ptr(a->timer));
	engine_bury(a->e, steal_ptr(a->prog));
	if (a->stopped) {
		over(a, strdup("failed:stopped"));
		return;
	}
	outcome_exit(&a->outcome, wstatus);
	r = read_client(a);
	if (r == 0)
		r = read_server(a, false);
	if (r) {
		engine_fail(a->e, r);
		return;
	}
	if (!outcome_waits(&a->outcome)) {
		judge(a);
		return;
	}
	a->state = ACT_PROOF;
	a->next_proof = a->e->proofs;
	a->e->proofs = a;
	r = engine_timer(a->e, PROOF_TIMEOUT, proof_timeout, a, &a->timer);
	if (r)
		engine_fail(a->e, r);
}

/* ---- the scripts ---- */

static void script_timeout(void *arg)
{
	struct activity *a = arg;

	a->timer = NULL;
	a->outcome.timed_out = true;
	prog_signal(a->prog, SIGKILL);
}

static int run_script(struct activity *a, const char *script, uint32_t node, const char *role,
		      prog_end_fn *end, struct log_file *ret_log)
{
	struct program_spec spec = { .scenario = a->server->use->scenario, .script = script,
				     .node = node, .activity = a->plan->id, .vars = &a->vars };
	_cleanup_close_ int fd = -1;
	int r = log_create(a->e, node, ret_log, &fd, "%" PRIu32 "-%s.log", a->plan->id, role);

	if (r)
		return r;
	spec.out_fd = fd;
	r = program_start(&a->e->o.stage, &spec, end, a, &a->prog, a->e->err);
	return r ? r : engine_timer(a->e, a->plan->sub->timeout, script_timeout, a, &a->timer);
}

static void run_go(struct activity *a)
{
	int r;

	a->state = ACT_RUN;
	r = run_script(a, a->plan->sub->run, a->plan->client->node, "client", run_end, &a->log);
	if (r)
		engine_fail(a->e, r);
}

static void before_end(void *arg, struct prog *p, int wstatus)
{
	struct activity *a = arg;
	char status[32], *text;

	loop_del_timer(a->e->o.loop, steal_ptr(a->timer));
	engine_bury(a->e, steal_ptr(a->prog));
	queue_leave(a->e, a->server->use->server);
	if (a->stopped) {
		over(a, strdup("failed:stopped"));
	} else if (a->outcome.timed_out) {
		over(a, strdup("failed:before timeout"));
	} else if (!WIFEXITED(wstatus) || WEXITSTATUS(wstatus)) {
		outcome_status(wstatus, status, sizeof(status));
		over(a, asprintf(&text, "failed:before %s", status) < 0 ? NULL : text);
	} else {
		run_go(a);
	}
}

static void before_go(void *arg)
{
	struct activity *a = arg;
	int r;

	if (a->stopped) {
		queue_leave(a->e, a->server->use->server);
		over(a, strdup("failed:stopped"));
		return;
	}
	a->state = ACT_BEFORE;
	r = run_script(a, a->plan->sub->before, a->server->use->server, "before", before_end, NULL);
	if (r)
		engine_fail(a->e, r);
}

static int prepare(struct activity *a)
{
	_cleanup_free_ char *why = NULL;
	struct stat st;
	int r = plan_activity_vars(a->plan, a->e->o.net, &a->vars);

	if (r == 0)
		r = outcome_init(&a->outcome, a->plan->sub, &a->vars, &why);
	if (r)
		return why ? err_failed(a->e->err, "activity %" PRIu32 ": %s", a->plan->id, why)
			   : r;
	if (fstat(a->server->log.fd, &st))
		return err_sys(a->e->err, errno, "%s", a->server->log.name);
	a->log_offset = st.st_size;
	return 0;
}

void activity_start(struct activity *a)
{
	int r;

	a->result->start = units_now_real();
	a->e->counts.running++;
	r = prepare(a);
	if (r) {
		engine_fail(a->e, r);
		return;
	}
	if (!a->plan->sub->before) {
		run_go(a);
		return;
	}
	a->state = ACT_QUEUED;
	queue_enter(a->e, a->server->use->server, &a->ticket);
}

void activity_stop(struct activity *a)
{
	a->stopped = true;
	switch (a->state) {
	case ACT_PLANNED:
		over(a, strdup("skipped:stopped"));
		break;
	case ACT_BEFORE:
	case ACT_RUN:
		prog_signal(a->prog, SIGKILL);
		break;
	case ACT_PROOF:
		proof_leave(a);
		judge(a);
		break;
	case ACT_QUEUED: /* over when its turn comes */
	case ACT_OVER:
		break;
	}
}
