/* The sections [capture] and [run] of a topology file: read, checked, written back. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include "core/units.h"
#include "scenarios/engine/settings.h"

#define SNAPLEN_MIN 64
#define RING_MIN    (1 << 20)
#define RING_MAX    (1ULL << 36)

static const char *const capture_keys[] = { "snaplen", "ring", "rung" };
static const char *const run_keys[] = { "duration" };

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
						      "rung = %s: use none, cgroup or raw_tp%s",
		      k->value, near ? near : "");
}

static int load_capture_key(struct uses *u, const struct net *net, const struct ini_section *sec,
			    const struct ini_key *k, struct err *err)
{
	const char *why = NULL;
	uint64_t v;

	if (!strcmp(k->name, "snaplen")) {
		if (units_parse_size(k->value, &v, &why))
			return err_at(err, net->file, k->line, "snaplen = %s: %s", k->value, why);
		if (v < SNAPLEN_MIN || v > SNAPLEN_MAX)
			return err_at(err, net->file, k->line,
				      "snaplen = %s: from 64 bytes to 256KiB", k->value);
		u->snaplen = (uint32_t)v;
		return 0;
	}
	if (!strcmp(k->name, "ring")) {
		if (units_parse_size(k->value, &v, &why))
			return err_at(err, net->file, k->line, "ring = %s: %s", k->value, why);
		if (v < RING_MIN || v > RING_MAX)
			return err_at(err, net->file, k->line, "ring = %s: from 1MiB to 64GiB",
				      k->value);
		u->ring_bytes = v;
		return 0;
	}
	if (!strcmp(k->name, "rung"))
		return load_rung(u, net, k, err);
	return topo_unknown_key(net, sec, k, capture_keys, ARRAY_SIZE(capture_keys), err);
}

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
	char buf[32];

	fprintf(f, "\n[capture]\nsnaplen = %s\n",
		units_format_size(buf, sizeof(buf), u->snaplen));
	if (u->ring_bytes)
		fprintf(f, "ring = %s\n", units_format_size(buf, sizeof(buf), u->ring_bytes));
	if (u->rung != TAG_RUNG_BEST)
		fprintf(f, "rung = %s\n", tag_rung_name[u->rung]);
}

void settings_print_run(void *arg, const struct net *net, FILE *f)
{
	const struct uses *u = arg;
	char buf[32];

	if (u->duration)
		fprintf(f, "\n[run]\nduration = %s\n",
			units_format_time(buf, sizeof(buf), u->duration));
}
