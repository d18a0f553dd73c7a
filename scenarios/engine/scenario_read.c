/* Reads and checks the sections of scenario.ini; docs/scenario.md is the reference. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include "core/units.h"
#include "scenarios/engine/scenario_internal.h"

static const char *const scenario_keys[] = { "title", "class", "packages", "programs" };
static const char *const server_keys[] = { "start", "ready" };
static const char *const client_keys[] = { "setup" };
static const char *const section_words[] = { "scenario", "server", "client", "sub" };

int scenario_unknown_key(const struct ini *ini, const struct ini_section *sec,
			 const struct ini_key *k, const char *const *known, size_t n,
			 struct err *err)
{
	const char *near = err_nearest(k->name, known, n);

	if (near)
		return err_at(err, ini->file, k->line,
			      "unknown key '%s' in [%s]; did you mean '%s'?", k->name, sec->name,
			      near);
	return err_at(err, ini->file, k->line, "unknown key '%s' in [%s]", k->name, sec->name);
}

int scenario_take(const struct ini *ini, const struct ini_section *sec, const struct ini_key *k,
		  char **ret, struct err *err)
{
	if (*ret)
		return err_at(err, ini->file, k->line, "'%s' is given twice in [%s]", k->name,
			      sec->name);
	if (!*k->value)
		return err_at(err, ini->file, k->line, "'%s' is empty", k->name);
	*ret = strdup(k->value);
	return *ret ? 0 : -ENOMEM;
}

int scenario_take_script(const struct scenario *s, const struct ini *ini,
			 const struct ini_section *sec, const struct ini_key *k, char **ret,
			 struct err *err)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;
	int r = scenario_take(ini, sec, k, ret, err);

	if (r)
		return r;
	if (strchr(k->value, '/') || k->value[0] == '.')
		return err_at(err, ini->file, k->line,
			      "%s = %s: a script is a file of the scenario's own folder", k->name,
			      k->value);
	if (asprintf(&path, "%s/%s", s->dir, k->value) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (stat(path, &st) || access(path, R_OK))
		return err_at(err, ini->file, k->line, "%s = %s: %s", k->name, k->value,
			      strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_at(err, ini->file, k->line, "%s = %s: not a file", k->name, k->value);
	return 0;
}

static int split_words(const char *text, struct strv *ret)
{
	_cleanup_free_ char *copy = strdup(text);
	char *save = NULL;

	if (!copy)
		return -ENOMEM;
	for (char *w = strtok_r(copy, " \t\n", &save); w; w = strtok_r(NULL, " \t\n", &save))
		if (strv_add(ret, w))
			return -ENOMEM;
	return 0;
}

static int read_scenario(struct scenario *s, const struct ini *ini, const struct ini_section *sec,
			 struct err *err)
{
	_cleanup_free_ char *packages = NULL, *programs = NULL;
	int r = 0, one;

	for (size_t i = 0; i < sec->n_keys; i++) {
		const struct ini_key *k = &sec->keys[i];

		if (!strcmp(k->name, "title"))
			one = scenario_take(ini, sec, k, &s->title, err);
		else if (!strcmp(k->name, "class"))
			one = scenario_take(ini, sec, k, &s->class, err);
		else if (!strcmp(k->name, "packages"))
			one = scenario_take(ini, sec, k, &packages, err);
		else if (!strcmp(k->name, "programs"))
			one = scenario_take(ini, sec, k, &programs, err);
		else
			one = scenario_unknown_key(ini, sec, k, scenario_keys,
						   ARRAY_SIZE(scenario_keys), err);
		if (!one && !strcmp(k->name, "class") && !scenario_name_ok(k->value))
			one = err_at(err, ini->file, k->line,
				     "class = %s: one word of lower-case letters, digits and '-'",
				     k->value);
		if (one)
			r = one;
	}
	if (r)
		return r;
	if (!s->title)
		r = err_at(err, ini->file, sec->line, "[scenario] has no 'title'");
	if (!s->class)
		return err_at(err, ini->file, sec->line,
			      "[scenario] has no 'class'; benign, or the class of an attack");
	s->attack = strcmp(s->class, "benign") != 0;
	if (r == 0 && packages)
		r = split_words(packages, &s->packages);
	if (r == 0 && programs)
		r = split_words(programs, &s->programs);
	return r;
}

static int add_ready(struct scenario *s, const struct ini *ini, const struct ini_key *k,
		     const char *word, struct err *err)
{
	uint8_t proto = !strncmp(word, "tcp/", 4) ? IPPROTO_TCP :
			!strncmp(word, "udp/", 4) ? IPPROTO_UDP : 0;
	const char *why = NULL;
	uint16_t *more;
	uint64_t port;

	if (!proto || units_parse_uint(word + 4, 1, 65535, &port, &why))
		return err_at(err, ini->file, k->line,
			      "ready = %s: use tcp/PORT or udp/PORT, with a port from 1 to 65535",
			      word);
	if (s->n_ready_ports && proto != s->ready_proto)
		return err_at(err, ini->file, k->line,
			      "ready: ports of one server are all tcp or all udp");
	s->ready_proto = proto;
	for (size_t i = 0; i < s->n_ready_ports; i++)
		if (s->ready_ports[i] == port)
			return err_at(err, ini->file, k->line, "ready: %s is given twice", word);
	more = reallocarray(s->ready_ports, s->n_ready_ports + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->ready_ports = more;
	more[s->n_ready_ports++] = (uint16_t)port;
	return 0;
}

static int read_ready(struct scenario *s, const struct ini *ini, const struct ini_key *k,
		      struct err *err)
{
	_cleanup_strv_ struct strv words = { 0 };
	int r = split_words(k->value, &words), one;

	for (size_t i = 0; i < words.n; i++) {
		one = add_ready(s, ini, k, words.s[i], err);
		if (one)
			r = one;
	}
	return r;
}

static int read_server(struct scenario *s, const struct ini *ini, const struct ini_section *sec,
		       struct err *err)
{
	_cleanup_free_ char *ready = NULL;
	int r = 0, one;

	for (size_t i = 0; i < sec->n_keys; i++) {
		const struct ini_key *k = &sec->keys[i];

		if (!strcmp(k->name, "start")) {
			one = scenario_take_script(s, ini, sec, k, &s->server_start, err);
		} else if (!strcmp(k->name, "ready")) {
			one = scenario_take(ini, sec, k, &ready, err);
			if (!one)
				one = read_ready(s, ini, k, err);
		} else {
			one = scenario_unknown_key(ini, sec, k, server_keys,
						   ARRAY_SIZE(server_keys), err);
		}
		if (one)
			r = one;
	}
	if (r)
		return r;
	if (!s->server_start)
		r = err_at(err, ini->file, sec->line, "[server] has no 'start' script");
	if (!s->n_ready_ports)
		r = err_at(err, ini->file, sec->line,
			   "[server] has no 'ready'; say which port it opens, as in tcp/21");
	return r;
}

static int read_client(struct scenario *s, const struct ini *ini, const struct ini_section *sec,
		       struct err *err)
{
	int r = 0, one;

	for (size_t i = 0; i < sec->n_keys; i++) {
		const struct ini_key *k = &sec->keys[i];

		if (!strcmp(k->name, client_keys[0]))
			one = scenario_take_script(s, ini, sec, k, &s->client_setup, err);
		else if (!strncmp(k->name, "input ", 6))
			one = err_at(err, ini->file, k->line,
				     "in [client] an input is only its name: '%s = …'",
				     k->name + 6);
		else
			one = input_add(&s->client_inputs, &s->n_client_inputs, k->name, ini, k,
					err);
		if (one)
			r = one;
	}
	return r;
}

/* Reads the one section called name; needed ones must be there. */
static int read_one(struct scenario *s, const struct ini *ini, const char *name, bool needed,
		    int (*fn)(struct scenario *, const struct ini *, const struct ini_section *,
			      struct err *),
		    struct err *err)
{
	const struct ini_section *found = NULL;
	int r = 0;

	for (size_t i = 0; i < ini->n_sections; i++) {
		const struct ini_section *sec = &ini->sections[i];

		if (strcmp(sec->name, name))
			continue;
		if (found)
			r = err_at(err, ini->file, sec->line, "[%s] is also in line %d", name,
				   found->line);
		else
			found = sec;
	}
	if (r)
		return r;
	if (!found)
		return needed ? err_at(err, ini->file, 0, "there is no [%s] section", name) : 0;
	return fn(s, ini, found, err);
}

static int read_subs(struct scenario *s, const struct ini *ini, struct err *err)
{
	int r = 0, one;

	for (size_t i = 0; i < ini->n_sections; i++) {
		const struct ini_section *sec = &ini->sections[i];
		const char *near;

		if (!strcmp(sec->name, "scenario") || !strcmp(sec->name, "server") ||
		    !strcmp(sec->name, "client"))
			continue;
		near = err_nearest(sec->name, section_words, ARRAY_SIZE(section_words));
		if (!strncmp(sec->name, "sub ", 4) && scenario_name_ok(sec->name + 4))
			one = sub_add(s, ini, sec, sec->name + 4, err);
		else if (!strncmp(sec->name, "sub", 3) && strchr(" ", sec->name[3]))
			one = err_at(err, ini->file, sec->line,
				     "[%s]: a subscenario has one name of lower-case letters, "
				     "digits and '-', as in [sub get]", sec->name);
		else if (near)
			one = err_at(err, ini->file, sec->line,
				     "unknown section [%s]; did you mean [%s]?", sec->name, near);
		else
			one = err_at(err, ini->file, sec->line,
				     "unknown section [%s]; use scenario, server, client and sub",
				     sec->name);
		if (one)
			r = one;
	}
	if (r == 0 && s->n_subs == 0)
		r = err_at(err, ini->file, 0, "there is no [sub NAME] section");
	return r;
}

int scenario_read(struct scenario *s, const struct ini *ini, struct err *err)
{
	int r = 0, one;

	one = read_one(s, ini, "scenario", true, read_scenario, err);
	r = one ? one : r;
	one = read_one(s, ini, "server", true, read_server, err);
	r = one ? one : r;
	one = read_one(s, ini, "client", false, read_client, err);
	r = one ? one : r;
	one = read_subs(s, ini, err);
	return one ? one : r;
}
