/* Draws when each client does what, and with which inputs. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "core/json.h"
#include "core/units.h"
#include "scenarios/engine/plan.h"

#define GAP_MIN NSEC_PER_MSEC /* between two starts of one client */

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->n_clients; i++)
		strv_free(&p->clients[i].values);
	free(p->clients);
	for (size_t i = 0; i < p->n; i++)
		strv_free(&p->activities[i].values);
	free(p->activities);
	memset(p, 0, sizeof(*p));
}

/* Draws every input from a stream of its own: prefix/NAME. */
static int draw_inputs(const struct input *inputs, size_t n, uint64_t seed, const char *prefix,
		       struct strv *ret)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *value = NULL;
		struct rng rng;
		int r;

		rng_open(&rng, seed, "%s/%s", prefix, inputs[i].name);
		r = input_draw(&inputs[i], &rng, &value);
		if (r == 0)
			r = strv_add(ret, value);
		if (r)
			return r;
	}
	return 0;
}

/* A client of the plan being made: the list grows by doubling. */
struct list {
	struct plan_activity *a;
	size_t n, room;
	size_t drawn; /* those left out, too */
};

static struct plan_activity *list_add(struct list *l)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct plan_activity *a = reallocarray(l->a, room, sizeof(*a));

		if (!a)
			return NULL;
		l->a = a;
		l->room = room;
	}
	memset(&l->a[l->n], 0, sizeof(*l->a));
	return &l->a[l->n++];
}

static int64_t draw_gap(const struct use *use, struct rng *rng)
{
	double s = dist_draw(&use->every, rng);

	if (!(s > 0))
		return GAP_MIN;
	/* A distribution may draw anything; beyond a year lies no duration. */
	return (int64_t)fmin(fmax(s * NSEC_PER_SEC, GAP_MIN), 2.0 * NSEC_PER_YEAR);
}

static int add_activity(struct list *l, const struct plan_client *c, const char *path,
			uint64_t seed, const struct sub *sub, unsigned number, int64_t start)
{
	const struct scenario *s = c->use->scenario;
	struct plan_activity *a = list_add(l);
	char prefix[256];

	if (!a)
		return -ENOMEM;
	a->client = c;
	a->sub = sub;
	a->number = number;
	a->start = start;
	a->label = (struct activity_label){ .scenario = s->name, .sub = sub->name,
					    .class = s->class, .attack = s->attack };
	snprintf(prefix, sizeof(prefix), "%s/%u", path, number);
	return draw_inputs(sub->inputs, sub->n_inputs, seed, prefix, &a->values);
}

/* Walks along the timeline: is the scenario stopped? */
struct halts {
	const struct timeline *timeline;
	const char *scenario;
	size_t next;
	bool stopped;
};

static bool is_about(const struct change *c, const char *scenario)
{
	return (c->kind == CHANGE_SCENARIO_START || c->kind == CHANGE_SCENARIO_STOP) &&
	       !strcmp(c->scenario, scenario);
}

/* What is started first was stopped before. */
static struct halts halts_open(const struct timeline *t, const char *scenario)
{
	struct halts h = { .timeline = t, .scenario = scenario };
	size_t i = 0;

	while (i < t->n && !is_about(&t->changes[i], scenario))
		i++;
	h.stopped = i < t->n && t->changes[i].kind == CHANGE_SCENARIO_START;
	return h;
}

/* Times are asked for in their order. */
static bool halts_at(struct halts *h, int64_t at)
{
	const struct timeline *t = h->timeline;

	for (; h->next < t->n && t->changes[h->next].at <= at; h->next++)
		if (is_about(&t->changes[h->next], h->scenario))
			h->stopped = t->changes[h->next].kind == CHANGE_SCENARIO_STOP;
	return h->stopped;
}

/*
 * The client's starts: the first falls anywhere in the first interval, so that clients with a
 * constant interval do not march in step. Its subs go round in an order shuffled anew each time.
 * A start while the scenario is stopped is drawn as any other, and left out.
 */
static int plan_client(struct list *l, struct plan_client *c, const struct net *net,
		       int64_t duration, struct err *err)
{
	const struct use *use = c->use;
	_cleanup_free_ const struct sub **order = NULL;
	struct rng every, subs;
	struct halts halts = halts_open(&net->timeline, use->scenario->name);
	char path[192];
	int64_t at;

	snprintf(path, sizeof(path), "%s/%s", use->scenario->name, net->nodes[c->node].name);
	order = calloc(use->n_subs, sizeof(*order));
	if (!order || draw_inputs(use->scenario->client_inputs, use->scenario->n_client_inputs,
				  net->seed, path, &c->values))
		return -ENOMEM;
	rng_open(&every, net->seed, "%s/every", path);
	rng_open(&subs, net->seed, "%s/subs", path);
	memcpy(order, use->subs, use->n_subs * sizeof(*order));
	at = draw_gap(use, &every);
	at = (int64_t)((double)at * rng_unit(&every));
	for (unsigned k = 0; at < duration && (!use->count || k < use->count); k++) {
		size_t i = k % use->n_subs;
		int r = 0;

		if (++l->drawn > PLAN_MAX)
			return err_at(err, net->file, use->line,
				      "more than %d activities; a longer 'every' or a 'count' "
				      "makes fewer", PLAN_MAX);
		if (i == 0)
			rng_shuffle(&subs, order, use->n_subs, sizeof(*order));
		if (!halts_at(&halts, at))
			r = add_activity(l, c, path, net->seed, order[i], k + 1, at);
		if (r)
			return r;
		at += draw_gap(use, &every);
	}
	return 0;
}

static int compare_activities(const void *x, const void *y, void *arg)
{
	const struct plan_activity *a = x, *b = y;
	const struct net *net = arg;
	int r;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	r = strcmp(net->nodes[a->client->node].name, net->nodes[b->client->node].name);
	if (r == 0)
		r = strcmp(a->label.scenario, b->label.scenario);
	return r ? r : (a->number > b->number) - (a->number < b->number);
}

/* The floor below knows no scenarios: that the file has those of its timeline is seen here. */
static int check_timeline(const struct uses *uses, const struct net *net, struct err *err)
{
	const struct timeline *t = &net->timeline;
	_cleanup_free_ const char **names = calloc(uses->n + 1, sizeof(*names));
	int r = 0;

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < uses->n; i++)
		names[i] = uses->use[i].scenario->name;
	for (size_t i = 0; i < t->n; i++) {
		const struct change *c = &t->changes[i];
		const char *near;
		bool known = false;

		for (size_t k = 0; k < uses->n; k++)
			known |= is_about(c, names[k]);
		if (!c->scenario || known)
			continue;
		near = err_nearest(c->scenario, names, uses->n);
		r = err_at(err, net->file, c->line, "there is no [scenario %s] in this file%s%s%s",
			   c->scenario, near ? "; did you mean '" : "", near ? near : "",
			   near ? "'?" : "");
	}
	return r;
}

int plan_make(const struct uses *uses, const struct net *net, int64_t duration, struct plan *ret,
	      struct err *err)
{
	_cleanup_plan_ struct plan p = { 0 };
	struct list l = { 0 };
	size_t n = 0;
	int r = check_timeline(uses, net, err);

	if (r)
		return r;
	for (size_t i = 0; i < uses->n; i++)
		n += uses->use[i].n_clients;
	p.clients = calloc(n + 1, sizeof(*p.clients));
	if (!p.clients)
		return -ENOMEM;
	for (size_t i = 0; i < uses->n && r == 0; i++) {
		for (size_t j = 0; j < uses->use[i].n_clients && r == 0; j++) {
			struct plan_client *c = &p.clients[p.n_clients++];

			c->use = &uses->use[i];
			c->node = c->use->clients[j];
			r = plan_client(&l, c, net, duration, err);
		}
	}
	p.activities = l.a;
	p.n = l.n;
	if (r)
		return r;
	if (p.n)
		qsort_r(p.activities, p.n, sizeof(*p.activities), compare_activities, (void *)net);
	for (size_t i = 0; i < p.n; i++)
		p.activities[i].id = p.activities[i].label.id = (uint32_t)i + 1;
	*ret = p;
	memset(&p, 0, sizeof(p));
	return 0;
}

/* ---- variables ---- */

int plan_server_vars(const struct use *use, const struct net *net, struct strv *ret)
{
	char addr[16];
	int r;

	net_format_addr(addr, net_node_addr(net, use->server));
	r = strv_addf(ret, "scenario_dir=%s/%s", SCENARIO_BIND, use->scenario->name);
	if (r == 0)
		r = strv_addf(ret, "server=%s", addr);
	return r ? r : strv_addf(ret, "server_name=%s", net->nodes[use->server].name);
}

static int add_values(const struct input *inputs, const struct strv *values, struct strv *ret)
{
	int r = 0;

	for (size_t i = 0; i < values->n && r == 0; i++)
		r = strv_addf(ret, "%s=%s", inputs[i].name, values->s[i]);
	return r;
}

int plan_client_vars(const struct plan_client *c, const struct net *net, struct strv *ret)
{
	char addr[16];
	int r = plan_server_vars(c->use, net, ret);

	if (r == 0)
		r = strv_addf(ret, "client=%s", net_format_addr(addr, net_node_addr(net, c->node)));
	if (r == 0)
		r = strv_addf(ret, "client_name=%s", net->nodes[c->node].name);
	return r ? r : add_values(c->use->scenario->client_inputs, &c->values, ret);
}

int plan_activity_vars(const struct plan_activity *a, const struct net *net, struct strv *ret)
{
	int r = plan_client_vars(a->client, net, ret);

	if (r == 0)
		r = strv_addf(ret, "activity=%" PRIu32, a->id);
	if (r == 0)
		r = strv_addf(ret, "work=/tmp/a%" PRIu32, a->id);
	return r ? r : add_values(a->sub->inputs, &a->values, ret);
}

static void put_json(struct json *j, const struct input *inputs, const struct strv *values)
{
	for (size_t i = 0; i < values->n; i++) {
		const char *v = values->s[i];

		switch (inputs[i].kind) {
		case INPUT_NUMBER:
		case INPUT_SIZE:
			json_kv_int(j, inputs[i].name, strtoll(v, NULL, 10));
			break;
		case INPUT_TIME:
			json_kv_num(j, inputs[i].name, strtod(v, NULL));
			break;
		default:
			json_kv_str(j, inputs[i].name, v);
		}
	}
}

int plan_inputs_json(const struct plan_activity *a, char **ret)
{
	struct json j;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -ENOMEM;
	json_open(&j, f, false);
	json_object(&j);
	put_json(&j, a->client->use->scenario->client_inputs, &a->client->values);
	put_json(&j, a->sub->inputs, &a->values);
	json_object_end(&j);
	json_close(&j);
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	text[strcspn(text, "\n")] = '\0';
	*ret = text;
	return 0;
}
