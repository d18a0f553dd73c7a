/* A whole experiment, from files to files: what is checked, built, run, captured and written when.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include "capture/secrets.h"
#include "core/units.h"
#include "scenarios/engine/dataset.h"

#define DURATION_DEFAULT (60 * NSEC_PER_SEC)

/* Everything that a run holds, in the order in which it is made. */
struct run {
	const struct run_opts *o;
	struct err *err;
	struct net net;
	struct uses uses;
	struct plan plan;
	char *out;
	int out_fd;
	struct result *results;
	struct changes changes;
	struct loop *loop;
	struct owners *owners;
	struct tag *tag;
	struct emu *emu;
	struct capture *capture;
	struct link_row *links;
	bool whole; /* what was captured could be written */
	int64_t start, began; /* CLOCK_REALTIME, CLOCK_MONOTONIC ns */
};

static void run_clear(struct run *r)
{
	free(r->links);
	capture_free(r->capture);
	emu_down(r->emu);
	tag_close(r->tag);
	owners_free(r->owners);
	loop_free(r->loop);
	results_free(r->results, r->plan.n);
	changes_free(&r->changes);
	plan_free(&r->plan);
	uses_free(&r->uses);
	net_free(&r->net);
	free(r->out);
	if (r->out_fd >= 0)
		close(r->out_fd);
}

static void progress(void *arg, const char *phase, int64_t elapsed,
		     const struct engine_counts *counts)
{
	struct run *r = arg;
	struct run_progress p = { .elapsed = elapsed, .duration = r->uses.duration, .phase = phase,
				  .planned = (unsigned)r->plan.n };

	if (!r->o->progress)
		return;
	if (counts) {
		p.running = counts->running;
		p.done = counts->done;
		p.failed = counts->failed;
	}
	if (r->capture)
		capture_stats(r->capture, &p.capture);
	r->o->progress(r->o->progress_arg, &p);
}

/* A capture that can no longer be written makes the rest worthless. */
static bool can_write(void *arg)
{
	struct run *r = arg;
	struct capture_stats s;

	capture_stats(r->capture, &s);
	return s.error == 0;
}

/* ---- without a kernel ---- */

static int load(const char *topo, const uint64_t *seed, struct uses *uses, struct net *net,
		struct err *err)
{
	struct topo_section sections[USE_SECTIONS];

	use_sections(uses, sections);
	return topo_load(topo, seed, sections, USE_SECTIONS, net, err);
}

int run_check(const char *topo, const uint64_t *seed, struct net *ret_net, struct uses *ret_uses,
	      struct err *err)
{
	_cleanup_net_ struct net net = { 0 };
	_cleanup_uses_ struct uses uses;
	_cleanup_plan_ struct plan plan = { 0 };
	int r;

	uses_init(&uses);
	r = load(topo, seed, &uses, &net, err);
	if (r == 0)
		r = plan_make(&uses, &net, uses.duration ? uses.duration : DURATION_DEFAULT, &plan,
			      err);
	if (r == 0 && ret_uses) {
		*ret_uses = uses;
		uses_init(&uses);
	}
	if (r == 0 && ret_net) {
		*ret_net = net;
		memset(&net, 0, sizeof(net));
	}
	return r;
}

static int prepare(struct run *r)
{
	const struct run_opts *o = r->o;
	int e;

	uses_init(&r->uses);
	e = load(o->topo, o->seed, &r->uses, &r->net, r->err);
	if (e)
		return e;
	if (!r->uses.n)
		return err_usage(r->err,
				 "%s: there is no [scenario NAME] section, so nothing to run; "
				 "'detnet %s' opens the shell",
				 o->topo, o->topo);
	if (o->duration)
		r->uses.duration = o->duration;
	if (!r->uses.duration)
		r->uses.duration = DURATION_DEFAULT;
	e = plan_make(&r->uses, &r->net, r->uses.duration, &r->plan, r->err);
	if (e == 0)
		e = uses_check_programs(&r->uses, r->err);
	if (e)
		return e;
	r->results = calloc(r->plan.n + 1, sizeof(*r->results));
	if (o->out)
		r->out = strdup(o->out);
	else if (asprintf(&r->out, "out/%s", r->net.name) < 0)
		r->out = NULL;
	if (!r->results || !r->out)
		return -ENOMEM;
	return dataset_prepare(r->out, &r->out_fd, r->err);
}

static struct dataset describe(const struct run *r)
{
	return (struct dataset){
		.out = r->out,
		.out_fd = r->out_fd,
		.command = r->o->command,
		.topo = r->o->topo,
		.net = &r->net,
		.uses = &r->uses,
		.plan = &r->plan,
		.results = r->results,
		.changes = &r->changes,
		.owners = r->owners,
		.rung = r->tag ? tag_rung_name[tag_rung_of(r->tag)] : NULL,
		.links = r->links,
		.links_engine = link_rows_engine(r->links, r->links ? r->net.n_links : 0),
		.duration = r->uses.duration,
		.start = r->start,
	};
}

/* ---- with it ---- */

static int make_binds(const struct run *r, struct emu_bind **ret, struct strv *paths)
{
	const struct uses *u = &r->uses;
	struct emu_bind *b = calloc(u->n_scenarios + 1, sizeof(*b));
	int e = b ? 0 : -ENOMEM;

	for (size_t i = 0; i < u->n_scenarios && e == 0; i++)
		e = strv_addf(paths, "%s/%s", SCENARIO_BIND, u->scenarios[i]->name);
	for (size_t i = 0; i < u->n_scenarios && e == 0; i++)
		b[i] = (struct emu_bind){ u->scenarios[i]->dir, paths->s[i] };
	if (e)
		free(b);
	else
		*ret = b;
	return e;
}

static int build(struct run *r)
{
	_cleanup_free_ struct emu_bind *binds = NULL;
	_cleanup_strv_ struct strv paths = { 0 };
	struct emu_opts eo = { .share_dir = NULL }; /* a run never shares the folder it is in */
	int e = make_binds(r, &binds, &paths);

	if (e == 0)
		e = loop_new(&r->loop);
	if (e)
		return e;
	r->owners = owners_new(&r->net);
	if (!r->owners)
		return -ENOMEM;
	for (size_t i = 0; i < r->plan.n; i++) {
		e = owners_add_activity(r->owners, &r->plan.activities[i].label);
		if (e)
			return e;
	}
	e = tag_open(&r->net, r->uses.rung, &r->tag, r->err);
	if (e)
		return e;
	eo.egress_bpf_fd = tag_egress_fd(r->tag);
	eo.tls_keys = r->uses.capture.secrets ? SECRETS_FILE : NULL;
	eo.binds = binds;
	eo.n_binds = r->uses.n_scenarios;
	e = emu_up(&r->net, &eo, r->loop, &r->emu, r->err);
	if (e)
		return e;
	return tag_attach(r->tag, emu_cgroup_fd(r->emu), r->owners, r->err);
}

static int play(struct run *r)
{
	struct capture_opts co = r->uses.capture;
	struct engine_opts eo = {
		.loop = r->loop,
		.net = &r->net,
		.uses = &r->uses,
		.plan = &r->plan,
		.out_fd = r->out_fd,
		.stop_fd = r->o->stop_fd,
		.go_on = can_write,
		.progress = progress,
		.progress_arg = r,
		.change = changes_add,
		.change_arg = &r->changes,
	};
	int e;

	co.dir_fd = r->out_fd;
	e = capture_start(r->emu, r->tag, r->owners, &co, &r->capture, r->err);
	if (e)
		return e;
	eo.stage = (struct stage){ r->emu, r->tag, r->owners };
	e = engine_run(&eo, r->results, r->err);
	/* What was captured is kept, whatever became of the rest. */
	if (e == 0)
		r->whole = capture_stop(r->capture, r->err) == 0;
	else
		capture_stop(r->capture, NULL);
	return e;
}

static bool stopped_early(const struct run *r)
{
	for (size_t i = 0; i < r->plan.n; i++)
		if (r->results[i].outcome && strstr(r->results[i].outcome, ":stopped"))
			return true;
	return false;
}

/* Is what fates.csv and the capture tell of shaped links all that happened there? */
static int check_links(const struct capture_stats *c, struct err *err)
{
	int r = 0;

	if (c->fates_lost)
		r = err_integrity(err,
				  "%llu packets of shaped links are missing in the capture and in "
				  "fates.csv; give them room with 'ring = 256MiB' in [capture], or run "
				  "less at once",
				  (unsigned long long)c->fates_lost);
	if (c->overruns)
		r = err_integrity(err,
				  "%llu packets were lost on shaped links unasked, for they came faster "
				  "than the shaper could take them; run less at once",
				  (unsigned long long)c->overruns);
	if (c->send_errors)
		r = err_integrity(err,
				  "%llu packets that shaped links should have delivered the kernel did not "
				  "take: 'overrun' in fates.csv; run less at once, or give the receivers "
				  "more of the processor",
				  (unsigned long long)c->send_errors);
	return r;
}

static int check_integrity(const struct dataset *d, struct err *err)
{
	const struct capture_stats *c = &d->capture;
	int r = check_links(c, err);

	if (c->drops)
		r = err_integrity(err,
				  "%llu packets were lost before the capture saw them; give it "
				  "room with 'ring = 256MiB' in [capture], or run less at once",
				  (unsigned long long)c->drops);
	if (c->unlabelled)
		r = err_integrity(err,
				  "%llu of %llu packets have no owner, and bore no tag of this run: "
				  "they are host=? in the capture",
				  (unsigned long long)c->unlabelled,
				  (unsigned long long)c->packets);
	if (d->lost_owners)
		r = err_integrity(err,
				  "%llu processes got no owner id: owners.csv and labels have gaps",
				  (unsigned long long)d->lost_owners);
	if (d->lost_events)
		r = err_integrity(err, "%llu process events were lost: owners.csv has gaps",
				  (unsigned long long)d->lost_events);
	return r;
}

static int finish(struct run *r, struct run_summary *ret)
{
	int e = link_rows_new(r->emu, r->capture, &r->links);
	struct dataset d = describe(r);

	if (e)
		return e;
	capture_stats(r->capture, &d.capture);
	d.lost_events = tag_lost_events(r->tag) + d.capture.process_events_lost;
	d.lost_owners = tag_lost_owners(r->tag);
	d.stopped = stopped_early(r);
	d.wall = units_now_mono() - r->began;
	e = dataset_write(&d, r->err);
	if (e == 0)
		e = dataset_summary(&d, capture_flows(r->capture), ret);
	if (e)
		return e;
	e = changes_check(&r->changes, &r->net, r->err);
	if (emu_check_tag(r->emu, r->err) < 0 && !e)
		e = -EIO;
	if (check_integrity(&d, r->err) && !e)
		e = -EIO;
	return e || r->whole ? e : -EIO; /* and the capture has said why */
}

int run_experiment(const struct run_opts *opts, struct run_summary *ret, struct err *err)
{
	_cleanup_(run_clear) struct run r = { .o = opts, .err = err, .out_fd = -1,
					      .start = units_now_real(),
					      .began = units_now_mono() };
	struct dataset d;
	int e = prepare(&r);

	if (e)
		return e;
	d = describe(&r);
	e = dataset_write_topology(&d, err);
	if (e)
		return e;
	progress(&r, "building", 0, NULL);
	e = build(&r);
	if (e == 0)
		e = play(&r);
	return e ? e : finish(&r, ret);
}
