/* Writes topology.ini, activities.csv, owners.csv and manifest.json of a run, and sums it up. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include "core/csv.h"
#include "core/ini.h"
#include "core/json.h"
#include "core/tree.h"
#include "core/units.h"
#include "core/utf8.h"
#include "scenarios/engine/dataset.h"
#include "scenarios/engine/package.h"

typedef int write_fn(const struct dataset *d, FILE *f);

/* Writes one file; a full disk shows at the latest when it is closed. */
static int write_file(const struct dataset *d, const char *name, write_fn *fn, struct err *err)
{
	int r, fd = tree_create(d->out_fd, name, 0);
	FILE *f;

	if (fd < 0)
		return err_sys(err, -fd, "%s/%s", d->out, name);
	f = fdopen(fd, "w");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	r = fn(d, f);
	errno = 0;
	if (r == 0 && ferror(f))
		r = errno ? -errno : -EIO;
	if (fclose(f) && r == 0)
		r = -errno;
	if (r == 0)
		return 0;
	tree_remove(d->out_fd, name); /* half of it would only mislead */
	return err_sys(err, -r, "%s/%s", d->out, name);
}

/* ---- topology.ini ---- */

/* A comment that topo_load() takes: any value on one line that is not too long. */
static void put_drawn(FILE *f, const char *scenario, const char *client, const char *input,
		      const char *value)
{
	char line[INI_LINE_MAX + 1];
	int n = snprintf(line, sizeof(line), "; %s/%s/%s = ", scenario, client, input);

	if (n < INI_LINE_MAX)
		utf8_clean(line + n, sizeof(line) - (size_t)n, value, "");
	fprintf(f, "%s\n", line);
}

static int put_topology(const struct dataset *d, FILE *f)
{
	struct topo_section sections[USE_SECTIONS];

	use_sections((struct uses *)d->uses, sections);
	topo_print(d->net, sections, USE_SECTIONS, f);
	for (size_t i = 0; i < d->plan->n_clients; i++) {
		const struct plan_client *c = &d->plan->clients[i];
		const struct scenario *s = c->use->scenario;

		if (i == 0)
			fputs("\n; Drawn once for each client:\n", f);
		for (size_t j = 0; j < c->values.n; j++)
			put_drawn(f, s->name, d->net->nodes[c->node].name,
				  s->client_inputs[j].name, c->values.s[j]);
	}
	return 0;
}

int dataset_write_topology(const struct dataset *d, struct err *err)
{
	return write_file(d, "topology.ini", put_topology, err);
}

/* ---- activities.csv ---- */

static const char *const activity_columns[] = {
	"id",	  "scenario", "sub", "class",	"client", "server",
	"start", "end",	      "outcome", "inputs", "evidence",
};

static void put_time(struct csv *c, int64_t ns)
{
	if (ns)
		csv_time(c, ns);
	else
		csv_str(c, NULL);
}

static int put_activities(const struct dataset *d, FILE *f)
{
	struct csv c;

	csv_open(&c, f);
	csv_row(&c, activity_columns, ARRAY_SIZE(activity_columns));
	for (size_t i = 0; i < d->plan->n; i++) {
		const struct plan_activity *a = &d->plan->activities[i];
		const struct result *res = &d->results[i];
		_cleanup_free_ char *inputs = NULL;
		int r = plan_inputs_json(a, &inputs);

		if (r)
			return r;
		csv_uint(&c, a->id);
		csv_str(&c, a->label.scenario);
		csv_str(&c, a->label.sub);
		csv_str(&c, a->label.class);
		csv_str(&c, d->net->nodes[a->client->node].name);
		csv_str(&c, d->net->nodes[a->client->use->server].name);
		put_time(&c, res->start);
		put_time(&c, res->end);
		csv_str(&c, res->outcome);
		csv_str(&c, inputs);
		csv_str(&c, res->evidence);
		csv_end(&c);
	}
	return 0;
}

static int put_owners(const struct dataset *d, FILE *f)
{
	return owners_write_csv(d->owners, f);
}

/* ---- manifest.json ---- */

enum judgement { VERDICT_OK, VERDICT_FAILED, VERDICT_SKIPPED, VERDICTS };

/* Skipped: the run was stopped before it began. */
static enum judgement verdict_of(const struct result *r)
{
	if (!r->outcome || !strncmp(r->outcome, "skipped", 7))
		return VERDICT_SKIPPED;
	return strcmp(r->outcome, "ok") ? VERDICT_FAILED : VERDICT_OK;
}

static void count_results(const struct dataset *d, unsigned ret[VERDICTS])
{
	memset(ret, 0, VERDICTS * sizeof(*ret));
	for (size_t i = 0; i < d->plan->n; i++)
		ret[verdict_of(&d->results[i])]++;
}

static size_t count_nodes(const struct net *net, enum node_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < net->n_nodes; i++)
		n += net->nodes[i].kind == kind;
	return n;
}

static void put_counts(const struct dataset *d, struct json *j)
{
	unsigned verdicts[VERDICTS];

	count_results(d, verdicts);
	json_key(j, "counts");
	json_object(j);
	json_kv_uint(j, "hosts", count_nodes(d->net, NODE_HOST));
	json_kv_uint(j, "switches", count_nodes(d->net, NODE_SWITCH));
	json_kv_uint(j, "routers", count_nodes(d->net, NODE_ROUTER));
	json_kv_uint(j, "links", d->net->n_links);
	json_kv_uint(j, "packets", d->capture.packets);
	json_kv_uint(j, "bytes", d->capture.bytes);
	json_kv_uint(j, "filtered", d->capture.filtered);
	json_kv_uint(j, "drops", d->capture.drops);
	json_kv_uint(j, "unwritten", d->capture.unwritten);
	json_kv_uint(j, "unlabelled", d->capture.unlabelled);
	json_kv_uint(j, "kernel", d->capture.kernel);
	json_kv_uint(j, "inferred", d->capture.inferred);
	json_kv_uint(j, "inferred_notices_lost", d->capture.inferring.notices_lost);
	json_kv_uint(j, "inferred_unheard", d->capture.inferring.unheard);
	json_kv_uint(j, "inferred_evicted", d->capture.inferring.evicted);
	json_kv_uint(j, "flows", d->capture.flows);
	json_kv_uint(j, "flows_unlabelled", d->capture.flows_unlabelled);
	json_kv_uint(j, "fates_lost", d->capture.fates_lost);
	json_kv_uint(j, "shaper_overruns", d->capture.overruns);
	json_kv_uint(j, "shaper_send_errors", d->capture.send_errors);
	json_kv_uint(j, "activities", d->plan->n);
	json_kv_uint(j, "activities_ok", verdicts[VERDICT_OK]);
	json_kv_uint(j, "activities_failed", verdicts[VERDICT_FAILED]);
	json_kv_uint(j, "activities_skipped", verdicts[VERDICT_SKIPPED]);
	json_object_end(j);
}

/* Every package that a scenario of the run names, with its version; null: not installed by dpkg. */
static int put_programs(const struct dataset *d, struct json *j)
{
	_cleanup_strv_ struct strv names = { 0 };
	char **versions = NULL;
	int r = 0;

	for (size_t i = 0; i < d->uses->n_scenarios; i++) {
		const struct strv *p = &d->uses->scenarios[i]->packages;

		for (size_t k = 0; k < p->n && r == 0; k++) {
			size_t m = 0;

			while (m < names.n && strcmp(names.s[m], p->s[k]))
				m++;
			if (m == names.n)
				r = strv_add(&names, p->s[k]);
		}
	}
	if (r == 0)
		r = package_versions(&names, &versions);
	if (r)
		return r;
	json_key(j, "programs");
	json_object(j);
	for (size_t i = 0; i < names.n; i++)
		json_kv_str(j, names.s[i], versions[i]);
	json_object_end(j);
	package_versions_free(versions, names.n);
	return 0;
}

/* Hosts start with the machine's, and how TCP behaves on a slow link is as much its doing as the link's. */
static void put_congestion_control(struct json *j)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/sys/net/ipv4/tcp_congestion_control", "re");
	char name[64];

	if (f && fscanf(f, "%63s", name) == 1)
		json_kv_str(j, "tcp_congestion_control", name);
}

static int put_manifest(const struct dataset *d, FILE *f)
{
	struct utsname u;
	struct json j;
	int r;

	if (uname(&u))
		return -errno;
	json_open(&j, f, true);
	json_object(&j);
	json_kv_str(&j, "version", DETNET_VERSION);
	json_kv_str(&j, "name", d->net->name);
	json_kv_uint(&j, "seed", d->net->seed);
	json_kv_str(&j, "command", d->command);
	json_kv_str(&j, "topology", d->topo);
	json_kv_str(&j, "kernel", u.release);
	json_kv_str(&j, "machine", u.machine);
	put_congestion_control(&j);
	r = put_programs(d, &j);
	json_kv_str(&j, "links_engine", d->links_engine);
	json_key(&j, "tag");
	json_object(&j);
	json_kv_str(&j, "rung", d->rung);
	json_kv_uint(&j, "events_lost", d->lost_events);
	json_kv_uint(&j, "owners_lost", d->lost_owners);
	json_object_end(&j);
	put_counts(d, &j);
	link_rows_put(d->links, d->net, &j);
	if (r == 0)
		r = changes_put(d->changes, d->net, &j);
	json_kv_num(&j, "start", (double)(d->start / NSEC_PER_USEC) / 1e6);
	json_kv_num(&j, "duration", (double)d->duration / NSEC_PER_SEC);
	json_kv_num(&j, "wall", (double)(d->wall / NSEC_PER_MSEC) / 1e3);
	json_kv_bool(&j, "stopped_early", d->stopped);
	json_kv_uint(&j, "capture_files", d->capture.files);
	json_kv_str(&j, "capture_error",
		    d->capture.error ? capture_error_text(d->capture.error) : NULL);
	json_object_end(&j);
	json_close(&j);
	return r;
}

int dataset_write(const struct dataset *d, struct err *err)
{
	int r = write_file(d, "activities.csv", put_activities, err);

	if (r == 0)
		r = write_file(d, "owners.csv", put_owners, err);
	/* Last: a folder with a manifest is complete. */
	return r ? r : write_file(d, "manifest.json", put_manifest, err);
}

/* ---- summary ---- */

void run_summary_free(struct run_summary *s)
{
	free(s->out);
	for (size_t i = 0; i < s->n_rows; i++) {
		free(s->rows[i].scenario);
		free(s->rows[i].class);
	}
	free(s->rows);
	for (size_t i = 0; i < s->n_failures; i++) {
		free(s->failures[i].scenario);
		free(s->failures[i].sub);
		free(s->failures[i].outcome);
		free(s->failures[i].log);
	}
	free(s->failures);
	free(s->schemas);
	memset(s, 0, sizeof(*s));
}

static struct run_row *find_row(struct run_summary *s, const char *scenario, const char *class)
{
	struct run_row *more;

	for (size_t i = 0; i < s->n_rows; i++)
		if (!strcmp(s->rows[i].scenario, scenario) && !strcmp(s->rows[i].class, class))
			return &s->rows[i];
	more = reallocarray(s->rows, s->n_rows + 1, sizeof(*more));
	if (!more)
		return NULL;
	s->rows = more;
	more[s->n_rows] = (struct run_row){ .scenario = strdup(scenario), .class = strdup(class) };
	if (!more[s->n_rows].scenario || !more[s->n_rows].class) {
		free(more[s->n_rows].scenario);
		free(more[s->n_rows].class);
		return NULL;
	}
	return &more[s->n_rows++];
}

static int sum_flow(void *arg, const struct flow *f)
{
	struct run_row *row = find_row(arg, f->scenario ? f->scenario : "(none)",
				       f->class ? f->class : "benign");

	if (!row)
		return -ENOMEM;
	row->flows++;
	for (int i = 0; i < 2; i++) {
		row->packets += f->side[i].pkts;
		row->bytes += f->side[i].ip_bytes;
	}
	return 0;
}

static int compare_rows(const void *x, const void *y)
{
	const struct run_row *a = x, *b = y;
	int r = strcmp(a->scenario, b->scenario);

	return r ? r : strcmp(a->class, b->class);
}

/* Failures that are alike are one, with the log of the first. */
static int add_failure(struct run_summary *s, const struct dataset *d, size_t i)
{
	const struct plan_activity *a = &d->plan->activities[i];
	const char *outcome = d->results[i].outcome;
	struct run_failure *f;

	for (size_t k = 0; k < s->n_failures; k++) {
		f = &s->failures[k];
		if (strcmp(f->outcome, outcome) || strcmp(f->scenario, a->label.scenario) ||
		    strcmp(f->sub, a->label.sub))
			continue;
		f->count++;
		return 0;
	}
	f = reallocarray(s->failures, s->n_failures + 1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	s->failures = f;
	f += s->n_failures++;
	*f = (struct run_failure){ .count = 1 };
	f->scenario = strdup(a->label.scenario);
	f->sub = strdup(a->label.sub);
	f->outcome = strdup(outcome);
	if (asprintf(&f->log, "logs/%s/%u-client.log", d->net->nodes[a->client->node].name,
		     a->label.id) < 0)
		f->log = NULL;
	return f->scenario && f->sub && f->outcome && f->log ? 0 : -ENOMEM;
}

/* What [capture] says outlives the experiment that it was read for. */
static int copy_settings(struct run_summary *s, const struct capture_opts *c)
{
	size_t n = 0;

	s->format = c->format;
	s->filter = c->filter;
	s->per_host = c->per_host;
	if (!c->schemas)
		return 0;
	while (c->schemas[n])
		n++;
	s->schemas = calloc(n + 1, sizeof(*s->schemas));
	if (!s->schemas)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		s->schemas[i] = c->schemas[i];
	return 0;
}

int dataset_summary(const struct dataset *d, struct flow_table *flows, struct run_summary *ret)
{
	struct run_summary s = { .capture = d->capture, .rung = d->rung,
				 .links_engine = d->links_engine, .wall = d->wall,
				 .planned = (unsigned)d->plan->n };
	unsigned verdicts[VERDICTS];
	int r = copy_settings(&s, &d->uses->capture);

	if (r == 0)
		r = flow_table_each(flows, sum_flow, &s);
	for (size_t i = 0; i < d->plan->n && r == 0; i++) {
		const struct activity_label *l = &d->plan->activities[i].label;
		struct run_row *row = find_row(&s, l->scenario, l->class);
		enum judgement v = verdict_of(&d->results[i]);

		if (!row) {
			r = -ENOMEM;
			break;
		}
		row->activities += v != VERDICT_SKIPPED;
		row->ok += v == VERDICT_OK;
		row->failed += v == VERDICT_FAILED;
		if (v == VERDICT_FAILED)
			r = add_failure(&s, d, i);
	}
	s.out = strdup(d->out);
	if (r || !s.out) {
		run_summary_free(&s);
		return r ? r : -ENOMEM;
	}
	count_results(d, verdicts);
	s.ok = verdicts[VERDICT_OK];
	s.failed = verdicts[VERDICT_FAILED];
	s.skipped = verdicts[VERDICT_SKIPPED];
	s.stopped = d->stopped;
	s.changes_left = changes_left(d->changes, d->net);
	if (s.n_rows)
		qsort(s.rows, s.n_rows, sizeof(*s.rows), compare_rows);
	*ret = s;
	return 0;
}
