/* The [scenario NAME] sections of a topology file: read, checked, written back. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>
#include "core/units.h"
#include "scenarios/engine/package.h"
#include "scenarios/engine/settings.h"

#define EVERY_DEFAULT	"exponential(5s)"
#define YEAR		((double)NSEC_PER_YEAR / NSEC_PER_SEC)
#define PRINT_WIDTH	72 /* where a list goes on in the next line */

static const char *const use_keys[] = { "server", "clients", "subs", "every", "count" };

void uses_init(struct uses *u)
{
	memset(u, 0, sizeof(*u));
	u->capture = (struct capture_opts){ .dir_fd = -1, .snaplen = SNAPLEN_MAX, .secrets = true };
	u->rung = TAG_RUNG_BEST;
}

static void use_clear(struct use *use)
{
	free(use->clients);
	free(use->subs);
	free(use->every_text);
	memset(use, 0, sizeof(*use));
}

void uses_free(struct uses *u)
{
	for (size_t i = 0; i < u->n; i++)
		use_clear(&u->use[i]);
	free(u->use);
	for (size_t i = 0; i < u->n_scenarios; i++) {
		scenario_free(u->scenarios[i]);
		free(u->scenarios[i]);
	}
	free(u->scenarios);
	settings_clear_capture(u);
	memset(u, 0, sizeof(*u));
}

bool uses_attack(const struct uses *u)
{
	for (size_t i = 0; i < u->n_scenarios; i++)
		if (u->scenarios[i]->attack)
			return true;
	return false;
}

/* ---- finding a scenario ---- */

/* The file's scenario_path, taken from the file's folder; NULL when there is none. */
static int find_path(const struct net *net, char **ret)
{
	const char *slash = strrchr(net->file, '/');
	char *joined;

	if (!net->scenario_path)
		return 0;
	if (net->scenario_path[0] == '/' || !slash) {
		*ret = strdup(net->scenario_path);
		return *ret ? 0 : -ENOMEM;
	}
	if (asprintf(&joined, "%.*s/%s", (int)(slash - net->file), net->file,
		     net->scenario_path) < 0)
		return -ENOMEM;
	if (access(joined, X_OK) == 0) {
		*ret = joined;
		return 0;
	}
	free(joined);
	*ret = strdup(net->scenario_path);
	return *ret ? 0 : -ENOMEM;
}

static int unknown_scenario(const struct net *net, const char *name, int line, const char *path,
			    struct err *err)
{
	_cleanup_strv_ struct strv names = { 0 };
	_cleanup_free_ char *all = NULL;
	const char *near;
	size_t len;
	FILE *f;
	int r = scenario_list(path, &names, err);

	if (r)
		return r;
	near = err_nearest(name, (const char *const *)names.s, names.n);
	if (near)
		return err_at(err, net->file, line,
			      "there is no scenario '%s'; did you mean '%s'?", name, near);
	f = open_memstream(&all, &len);
	if (!f)
		return -ENOMEM;
	for (size_t i = 0; i < names.n; i++)
		fprintf(f, "%s%s", i ? ", " : "", names.s[i]);
	if (fclose(f))
		return -ENOMEM;
	return err_at(err, net->file, line, "there is no scenario '%s'; there are: %s", name, all);
}

static int find_scenario(struct uses *u, const struct net *net, const char *name, int line,
			 const struct scenario **ret, struct err *err)
{
	_cleanup_strv_ struct strv names = { 0 };
	_cleanup_free_ char *path = NULL;
	struct scenario *s, **more;
	bool known = false;
	int r;

	for (size_t i = 0; i < u->n_scenarios; i++)
		if (!strcmp(u->scenarios[i]->name, name)) {
			*ret = u->scenarios[i];
			return 0;
		}
	r = find_path(net, &path);
	if (r == 0)
		r = scenario_list(path, &names, err);
	if (r)
		return r;
	for (size_t i = 0; i < names.n; i++)
		known |= !strcmp(names.s[i], name);
	if (!known)
		return unknown_scenario(net, name, line, path, err);
	more = reallocarray(u->scenarios, u->n_scenarios + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	u->scenarios = more;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	r = scenario_load(name, path, s, err);
	if (r) {
		free(s);
		return r;
	}
	more[u->n_scenarios++] = s;
	*ret = s;
	return 0;
}

/* ---- [scenario NAME] ---- */

static int unknown_sub(const struct net *net, const struct scenario *s, const char *word, int line,
		       struct err *err)
{
	_cleanup_strv_ struct strv names = { 0 };
	const char *near;

	for (size_t i = 0; i < s->n_subs; i++)
		if (strv_add(&names, s->subs[i].name))
			return -ENOMEM;
	near = err_nearest(word, (const char *const *)names.s, names.n);
	if (near)
		return err_at(err, net->file, line,
			      "scenario %s has no subscenario '%s'; did you mean '%s'?", s->name,
			      word, near);
	return err_at(err, net->file, line,
		      "scenario %s has no subscenario '%s'; see 'detnet scenarios %s'", s->name,
		      word, s->name);
}

static int add_sub(struct use *use, const struct sub *sub)
{
	const struct sub **more = reallocarray(use->subs, use->n_subs + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	use->subs = more;
	more[use->n_subs++] = sub;
	return 0;
}

static int load_subs(struct use *use, const struct net *net, const struct ini_key *k,
		     struct err *err)
{
	_cleanup_free_ char *copy = strdup(k->value);
	const struct scenario *s = use->scenario;
	char *save = NULL;
	int r = 0, one;

	if (!copy)
		return -ENOMEM;
	for (char *w = strtok_r(copy, " \t\n", &save); w; w = strtok_r(NULL, " \t\n", &save)) {
		const struct sub *sub = scenario_sub(s, w);

		one = 0;
		for (size_t i = 0; sub && i < use->n_subs; i++)
			if (use->subs[i] == sub)
				one =
				    err_at(err, net->file, k->line, "subs: '%s' is given twice", w);
		if (!sub)
			one = unknown_sub(net, s, w, k->line, err);
		if (one)
			r = one;
		else if (add_sub(use, sub))
			return -ENOMEM;
	}
	if (r == 0 && use->n_subs == 0)
		return err_at(err, net->file, k->line, "subs: names none; leave it out for all");
	return r;
}

static int load_every(struct use *use, const struct net *net, const char *text, int line,
		      struct err *err)
{
	_cleanup_free_ char *why = NULL;
	int r = dist_parse(text, DIST_TIME, &use->every, &why);

	if (r)
		return why ? err_at(err, net->file, line, "every = %s: %s", text, why) : r;
	if (use->every.kind == DIST_CONSTANT && use->every.a + use->every.offset <= 0)
		return err_at(err, net->file, line, "every: must be over 0");
	if (use->every.max <= 0)
		return err_at(err, net->file, line, "every: max must be over 0");
	if (use->every.kind == DIST_CONSTANT && use->every.a + use->every.offset > YEAR)
		return err_at(err, net->file, line, "every = %s: at most a year (8760h)", text);
	free(use->every_text);
	use->every_text = strdup(text);
	return use->every_text ? 0 : -ENOMEM;
}

static int load_server(struct use *use, const struct net *net, const struct ini_key *k,
		       struct err *err)
{
	_cleanup_free_ uint32_t *nodes = NULL;
	size_t n = 0;
	int r = topo_parse_nodes(net, k, NODE_HOST, &nodes, &n, err);

	if (r)
		return r;
	if (n != 1)
		return err_at(err, net->file, k->line, "server = %s: one host serves", k->value);
	use->server = nodes[0];
	return 0;
}

static int load_use_key(struct use *use, const struct net *net, const struct ini_section *sec,
			const struct ini_key *k, struct err *err)
{
	const char *why = NULL;

	for (const struct ini_key *p = sec->keys; p < k; p++)
		if (!strcmp(p->name, k->name))
			return err_at(err, net->file, k->line, "'%s' is also in line %d", k->name,
				      p->line);
	if (!strcmp(k->name, "server"))
		return load_server(use, net, k, err);
	if (!strcmp(k->name, "clients"))
		return topo_parse_nodes(net, k, NODE_HOST, &use->clients, &use->n_clients, err);
	if (!strcmp(k->name, "subs"))
		return load_subs(use, net, k, err);
	if (!strcmp(k->name, "every"))
		return load_every(use, net, k->value, k->line, err);
	if (!strcmp(k->name, "count")) {
		if (units_parse_uint(k->value, 1, 1000000, &use->count, &why))
			return err_at(err, net->file, k->line, "count = %s: %s", k->value, why);
		return 0;
	}
	return topo_unknown_key(net, sec, k, use_keys, ARRAY_SIZE(use_keys), err);
}

/* Two servers of one host may not want the same port, nor one client the same scenario twice. */
static int check_clash(const struct uses *u, const struct use *use, const struct net *net,
		       struct err *err)
{
	const struct scenario *s = use->scenario;

	for (size_t i = 0; i < u->n; i++) {
		const struct use *o = &u->use[i];

		for (size_t a = 0; o->scenario == s && a < use->n_clients; a++)
			for (size_t b = 0; b < o->n_clients; b++)
				if (use->clients[a] == o->clients[b])
					return err_at(err, net->file, use->line,
						      "%s is a client of [scenario %s] in line %d "
						      "already", net->nodes[o->clients[b]].name,
						      s->name, o->line);
		if (o->server != use->server || o->scenario->ready_proto != s->ready_proto)
			continue;
		for (size_t a = 0; a < s->n_ready_ports; a++)
			for (size_t b = 0; b < o->scenario->n_ready_ports; b++)
				if (s->ready_ports[a] == o->scenario->ready_ports[b])
					return err_at(err, net->file, use->line,
						      "%s and %s (line %d) both want %s port %u of "
						      "%s; give them different servers", s->name,
						      o->scenario->name, o->line,
						      s->ready_proto == IPPROTO_TCP ? "tcp" : "udp",
						      s->ready_ports[a],
						      net->nodes[use->server].name);
	}
	return 0;
}

static int check_use(struct use *use, const struct net *net, struct err *err)
{
	int r = 0;

	if (use->server == NET_NONE)
		r = err_at(err, net->file, use->line, "[scenario %s] has no 'server'",
			   use->scenario->name);
	if (!use->n_clients)
		return err_at(err, net->file, use->line, "[scenario %s] has no 'clients'",
			      use->scenario->name);
	for (size_t i = 0; i < use->n_clients; i++)
		if (use->clients[i] == use->server)
			r = err_at(err, net->file, use->line,
				   "%s cannot be both server and client of %s",
				   net->nodes[use->server].name, use->scenario->name);
	return r;
}

static int load_use(void *arg, const struct net *net, const struct ini_section *sec,
		    char *const *words, size_t n_words, struct err *err)
{
	struct uses *u = arg;
	_cleanup_(use_clear) struct use use = { .server = NET_NONE, .line = sec->line };
	struct use *more;
	int r, one;

	if (n_words != 1)
		return err_at(err, net->file, sec->line, "[%s]: one scenario is named, as in "
							 "[scenario ftp]", sec->name);
	r = find_scenario(u, net, words[0], sec->line, &use.scenario, err);
	if (r)
		return r;
	for (size_t i = 0; i < sec->n_keys; i++) {
		one = load_use_key(&use, net, sec, &sec->keys[i], err);
		if (one)
			r = one;
	}
	if (r)
		return r;
	for (size_t i = 0; !ini_get(sec, "subs") && i < use.scenario->n_subs; i++)
		if (add_sub(&use, &use.scenario->subs[i]))
			return -ENOMEM;
	if (!use.every_text)
		r = load_every(&use, net, EVERY_DEFAULT, sec->line, err);
	if (r == 0)
		r = check_use(&use, net, err);
	if (r == 0)
		r = check_clash(u, &use, net, err);
	if (r)
		return r;
	more = reallocarray(u->use, u->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	u->use = more;
	more[u->n++] = use;
	memset(&use, 0, sizeof(use));
	return 0;
}

/* "key = a b c", going on in lines that begin with white space where it gets long. */
static void print_list(FILE *f, const char *key, size_t n,
		       const char *(*name)(const void *of, size_t i), const void *of)
{
	size_t width = (size_t)fprintf(f, "%s =", key);

	for (size_t i = 0; i < n; i++) {
		const char *s = name(of, i);

		if (width + strlen(s) > PRINT_WIDTH)
			width = (size_t)fprintf(f, "\n\t") + 7;
		width += (size_t)fprintf(f, " %s", s);
	}
	fputc('\n', f);
}

struct client_names {
	const struct net *net;
	const struct use *use;
};

static const char *client_name(const void *of, size_t i)
{
	const struct client_names *c = of;

	return c->net->nodes[c->use->clients[i]].name;
}

static const char *sub_name(const void *of, size_t i)
{
	return ((const struct use *)of)->subs[i]->name;
}

static void print_uses(void *arg, const struct net *net, FILE *f)
{
	const struct uses *u = arg;

	for (size_t i = 0; i < u->n; i++) {
		const struct use *use = &u->use[i];
		const struct client_names clients = { net, use };

		fprintf(f, "\n[scenario %s]\n", use->scenario->name);
		fprintf(f, "server = %s\n", net->nodes[use->server].name);
		print_list(f, "clients", use->n_clients, client_name, &clients);
		print_list(f, "subs", use->n_subs, sub_name, use);
		fprintf(f, "every = %s\n", use->every_text);
		if (use->count)
			fprintf(f, "count = %" PRIu64 "\n", use->count);
	}
}

void use_sections(struct uses *u, struct topo_section ret[USE_SECTIONS])
{
	ret[0] = (struct topo_section){ "scenario", load_use, print_uses, u };
	ret[1] = (struct topo_section){"capture", settings_load_capture, settings_print_capture, u};
	ret[2] = (struct topo_section){ "run", settings_load_run, settings_print_run, u };
}

/* ---- programs ---- */

int uses_check_programs(const struct uses *u, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < u->n_scenarios; i++) {
		const struct scenario *s = u->scenarios[i];
		_cleanup_strv_ struct strv missing = { 0 };
		_cleanup_free_ char *programs = NULL, *packages = NULL;

		if (scenario_missing(s, &missing))
			return -ENOMEM;
		if (!missing.n)
			continue;
		if (package_words(&missing, false, &programs) ||
		    package_words(&s->packages, true, &packages))
			return -ENOMEM;
		r = err_missing(err, "scenario %s needs %s, which %s not installed; "
				     "its packages are: apt-get install %s", s->name, programs,
				missing.n == 1 ? "is" : "are", packages);
	}
	return r;
}
