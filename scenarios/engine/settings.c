/* The sections [capture] and [run] of a topology file: read, checked, written back. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include "capture/filter.h"
#include "capture/flow/schema.h"
#include "core/range.h"
#include "core/units.h"
#include "scenarios/engine/settings.h"

#define SPACE		" \t\n"
#define SNAPLEN_MIN	64
#define RING_MIN	(1 << 20)
#define RING_MAX	(1ULL << 36)
#define ROTATE_SIZE_MIN (64 << 10)

static const char *const run_keys[] = { "duration" };

/* ---- the keys of [capture]: each fills its place, or says why not ---- */

static int bad(const struct net *net, const struct ini_key *k, const char *why, struct err *err)
{
	return err_at(err, net->file, k->line, "%s = %s: %s", k->name, k->value, why);
}

static int load_size(const struct net *net, const struct ini_key *k, uint64_t min, uint64_t max,
		     const char *range, uint64_t *ret, struct err *err)
{
	const char *why = NULL;
	uint64_t v;

	if (units_parse_size(k->value, &v, &why))
		return bad(net, k, why, err);
	if (v < min || v > max)
		return bad(net, k, range, err);
	*ret = v;
	return 0;
}

static int load_snaplen(struct uses *u, const struct net *net, const struct ini_key *k,
			struct err *err)
{
	uint64_t v = 0;
	int r = load_size(net, k, SNAPLEN_MIN, SNAPLEN_MAX, "from 64 bytes to 256KiB", &v, err);

	if (r == 0)
		u->capture.snaplen = (uint32_t)v;
	return r;
}

static int load_ring(struct uses *u, const struct net *net, const struct ini_key *k,
		     struct err *err)
{
	return load_size(net, k, RING_MIN, RING_MAX, "from 1MiB to 64GiB", &u->capture.ring_bytes,
			 err);
}

static int load_rung(struct uses *u, const struct net *net, const struct ini_key *k,
		     struct err *err)
{
	const char *near;

	for (int i = TAG_RUNG_NONE; i <= TAG_RUNG_BEST; i++)
		if (!strcmp(k->value, tag_rung_name[i])) {
			u->rung = (enum tag_rung)i;
			return 0;
		}
	near = err_nearest(k->value, tag_rung_name, TAG_RUNG_BEST + 1);
	return err_at(err, net->file, k->line, near ? "rung = %s: did you mean '%s'?" :
						      "rung = %s: use none, cgroup, raw_tp or fentry%s",
		      k->value, near ? near : "");
}

static int load_filter(struct uses *u, const struct net *net, const struct ini_key *k,
		       struct err *err)
{
	_cleanup_free_ char *why = NULL, *text = strdup(k->value);
	struct filter *f;
	int r = text ? filter_new(net, text, SNAPLEN_MAX, &f, &why) : -ENOMEM;

	if (r)
		return bad(net, k, why ? why : strerror(-r), err);
	filter_free(f);
	u->capture.filter = steal_ptr(text);
	return 0;
}

static int load_format(struct uses *u, const struct net *net, const struct ini_key *k,
		       struct err *err)
{
	for (int i = CAPTURE_PCAPNG; i <= CAPTURE_PCAP; i++)
		if (!strcmp(k->value, capture_format_names[i])) {
			u->capture.format = (enum capture_format)i;
			return 0;
		}
	return bad(net, k, "use pcapng or pcap", err);
}

static int load_rotate_size(struct uses *u, const struct net *net, const struct ini_key *k,
			    struct err *err)
{
	return load_size(net, k, ROTATE_SIZE_MIN, UINT64_MAX, "from 64KiB on",
			 &u->capture.rotate_bytes, err);
}

static int load_rotate_time(struct uses *u, const struct net *net, const struct ini_key *k,
			    struct err *err)
{
	const char *why = NULL;
	int64_t v;

	if (units_parse_time(k->value, &v, &why))
		return bad(net, k, why, err);
	if (v < NSEC_PER_SEC || v > NSEC_PER_YEAR)
		return bad(net, k, "from a second to a year (8760h)", err);
	u->capture.rotate_ns = v;
	return 0;
}

static int load_per_host(struct uses *u, const struct net *net, const struct ini_key *k,
			 struct err *err)
{
	const char *why = NULL;

	return units_parse_bool(k->value, &u->capture.per_host, &why) ? bad(net, k, why, err) : 0;
}

static int load_secrets(struct uses *u, const struct net *net, const struct ini_key *k,
			struct err *err)
{
	const char *why = NULL;

	return units_parse_bool(k->value, &u->capture.secrets, &why) ? bad(net, k, why, err) : 0;
}

static int unknown_schema(const struct net *net, const struct ini_key *k, const char *word,
			  struct err *err)
{
	_cleanup_strv_ struct strv names = { 0 };
	_cleanup_free_ char *all = NULL;
	const char *near;
	size_t len;
	FILE *f;

	for (size_t i = 0; flow_schemas[i]; i++)
		if (flow_schemas[i] != &schema_detnet && strv_add(&names, flow_schemas[i]->name))
			return -ENOMEM;
	near = err_nearest(word, (const char *const *)names.s, names.n);
	if (near)
		return err_at(err, net->file, k->line,
			      "schemas: there is no '%s'; did you mean '%s'?", word, near);
	f = open_memstream(&all, &len);
	for (size_t i = 0; f && i < names.n; i++)
		fprintf(f, "%s%s", i ? ", " : "", names.s[i]);
	if (!f || fclose(f))
		return -ENOMEM;
	return err_at(err, net->file, k->line, "schemas: there is no '%s'; there are %s", word, all);
}

static int add_schema(const struct net *net, const struct ini_key *k, const char *word,
		      const struct flow_schema **list, size_t *n, struct err *err)
{
	const struct flow_schema *s = flow_schema_find(word);

	if (s == &schema_detnet)
		return err_at(err, net->file, k->line,
			      "schemas: detnet is what flows.csv has, in any case");
	if (!s)
		return unknown_schema(net, k, word, err);
	for (size_t i = 0; i < *n; i++)
		if (list[i] == s)
			return err_at(err, net->file, k->line, "schemas: '%s' is given twice",
				      word);
	list[(*n)++] = s;
	return 0;
}

static int load_schemas(struct uses *u, const struct net *net, const struct ini_key *k,
			struct err *err)
{
	_cleanup_free_ char *copy = strdup(k->value);
	_cleanup_free_ const struct flow_schema **list = NULL;
	size_t max = 1, n = 0;
	char *save = NULL;
	int r = 0;

	while (flow_schemas[max - 1])
		max++;
	list = calloc(max, sizeof(*list));
	if (!copy || !list)
		return -ENOMEM;
	for (char *w = strtok_r(copy, SPACE, &save); w && r == 0; w = strtok_r(NULL, SPACE, &save))
		r = add_schema(net, k, w, list, &n, err);
	if (r == 0 && n == 0)
		r = err_at(err, net->file, k->line, "schemas: names none; leave it out for flows.csv "
						    "alone");
	if (r == 0)
		u->capture.schemas = (const struct flow_schema *const *)steal_ptr(list);
	return r;
}

static const struct capture_key {
	const char *name;
	int (*load)(struct uses *u, const struct net *net, const struct ini_key *k,
		    struct err *err);
} capture_keys[] = {
	{ "snaplen", load_snaplen },
	{ "ring", load_ring },
	{ "rung", load_rung },
	{ "filter", load_filter },
	{ "format", load_format },
	{ "rotate_size", load_rotate_size },
	{ "rotate_time", load_rotate_time },
	{ "per_host", load_per_host },
	{ "secrets", load_secrets },
	{ "schemas", load_schemas },
};

static int load_capture_key(struct uses *u, const struct net *net, const struct ini_section *sec,
			    const struct ini_key *k, struct err *err)
{
	const char *known[ARRAY_SIZE(capture_keys)];

	for (size_t i = 0; i < ARRAY_SIZE(capture_keys); i++) {
		if (!strcmp(k->name, capture_keys[i].name))
			return capture_keys[i].load(u, net, k, err);
		known[i] = capture_keys[i].name;
	}
	return topo_unknown_key(net, sec, k, known, ARRAY_SIZE(known), err);
}

void settings_clear_capture(struct uses *u)
{
	free((char *)u->capture.filter);
	free((void *)u->capture.schemas);
}

/* ---- [run] ---- */

static int load_run_key(struct uses *u, const struct net *net, const struct ini_section *sec,
			const struct ini_key *k, struct err *err)
{
	const char *why = NULL;

	if (strcmp(k->name, "duration"))
		return topo_unknown_key(net, sec, k, run_keys, ARRAY_SIZE(run_keys), err);
	if (units_parse_time(k->value, &u->duration, &why))
		return err_at(err, net->file, k->line, "duration = %s: %s", k->value, why);
	if (u->duration <= 0)
		return err_at(err, net->file, k->line, "duration must be over 0");
	if (u->duration > NSEC_PER_YEAR)
		return err_at(err, net->file, k->line, "duration = %s: at most a year (8760h)",
			      k->value);
	return 0;
}

/* A section that may be there once and whose keys may be given once. */
static int load_once(struct uses *u, const struct net *net, const struct ini_section *sec,
		     size_t n_words, int *line,
		     int (*key)(struct uses *, const struct net *, const struct ini_section *,
				const struct ini_key *, struct err *),
		     struct err *err)
{
	int r = 0, one;

	if (n_words)
		return err_at(err, net->file, sec->line, "[%s]: the section has no name",
			      sec->name);
	if (*line)
		return err_at(err, net->file, sec->line, "[%s] is also in line %d", sec->name,
			      *line);
	*line = sec->line;
	for (size_t i = 0; i < sec->n_keys; i++) {
		const struct ini_key *k = &sec->keys[i];

		one = 0;
		for (const struct ini_key *p = sec->keys; p < k && !one; p++)
			if (!strcmp(p->name, k->name))
				one = err_at(err, net->file, k->line, "'%s' is also in line %d",
					     k->name, p->line);
		if (!one)
			one = key(u, net, sec, k, err);
		if (one)
			r = one;
	}
	return r;
}

int settings_load_capture(void *arg, const struct net *net, const struct ini_section *sec,
			  char *const *words, size_t n_words, struct err *err)
{
	struct uses *u = arg;

	return load_once(u, net, sec, n_words, &u->capture_line, load_capture_key, err);
}

int settings_load_run(void *arg, const struct net *net, const struct ini_section *sec,
		      char *const *words, size_t n_words, struct err *err)
{
	struct uses *u = arg;

	return load_once(u, net, sec, n_words, &u->run_line, load_run_key, err);
}

void settings_print_capture(void *arg, const struct net *net, FILE *f)
{
	const struct uses *u = arg;
	const struct capture_opts *c = &u->capture;
	char buf[32];

	fprintf(f, "\n[capture]\nsnaplen = %s\n",
		units_format_size(buf, sizeof(buf), c->snaplen));
	if (c->ring_bytes)
		fprintf(f, "ring = %s\n", units_format_size(buf, sizeof(buf), c->ring_bytes));
	if (u->rung != TAG_RUNG_BEST)
		fprintf(f, "rung = %s\n", tag_rung_name[u->rung]);
	if (c->filter) { /* of several lines, if it was */
		fputs("filter = ", f);
		for (const char *p = c->filter; *p; p++)
			fputs(*p == '\n' ? "\n\t" : (char[]){ *p, '\0' }, f);
		fputc('\n', f);
	}
	if (c->format != CAPTURE_PCAPNG)
		fprintf(f, "format = %s\n", capture_format_names[c->format]);
	if (c->rotate_bytes)
		fprintf(f, "rotate_size = %s\n",
			units_format_size(buf, sizeof(buf), c->rotate_bytes));
	if (c->rotate_ns)
		fprintf(f, "rotate_time = %s\n", units_format_time(buf, sizeof(buf), c->rotate_ns));
	if (c->per_host)
		fputs("per_host = yes\n", f);
	if (!c->secrets)
		fputs("secrets = no\n", f);
	for (size_t i = 0; c->schemas && c->schemas[i]; i++)
		fprintf(f, "%s%s%s", i ? " " : "schemas = ", c->schemas[i]->name,
			c->schemas[i + 1] ? "" : "\n");
}

void settings_print_run(void *arg, const struct net *net, FILE *f)
{
	const struct uses *u = arg;
	char buf[32];

	if (u->duration)
		fprintf(f, "\n[run]\nduration = %s\n",
			units_format_time(buf, sizeof(buf), u->duration));
}
