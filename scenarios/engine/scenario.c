/* Finds, reads and checks a scenario's folder; docs/scenario.md is the reference. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include "core/units.h"
#include "scenarios/engine/scenario_internal.h"

#define PROGRAM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const char *const scenario_variables[] = {
	"scenario_dir", "server", "server_name", "client", "client_name", "activity", "work", NULL,
};

static const char *const scenario_keys[] = { "title", "class", "packages", "programs" };
static const char *const server_keys[] = { "start", "ready" };
static const char *const client_keys[] = { "setup" };
static const char *const section_words[] = { "scenario", "server", "client", "sub" };

static bool name_ok(const char *name)
{
	if (!isalnum((unsigned char)name[0]))
		return false;
	for (const char *p = name; *p; p++)
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-')
			return false;
	return strlen(name) <= 40;
}

/* ---- finding ---- */

/* The folder of detnet's own scenarios: beside an installed program, else the sources', else
 * where an installation would put them. */
static int own_folder(char **ret)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	_cleanup_free_ char *beside = NULL;
	const char *s;

	if (n > 0) {
		exe[n] = '\0';
		*strrchr(exe, '/') = '\0';
		if (asprintf(&beside, "%s/../share/detnet/scenarios", exe) < 0) {
			beside = NULL;
			return -ENOMEM;
		}
		if (access(beside, R_OK | X_OK) == 0) {
			*ret = realpath(beside, NULL);
			return *ret ? 0 : -ENOMEM;
		}
	}
	s = access(DETNET_SOURCE_SCENARIO_DIR, R_OK | X_OK) == 0 ? DETNET_SOURCE_SCENARIO_DIR :
								    DETNET_SCENARIO_DIR;
	*ret = strdup(s);
	return *ret ? 0 : -ENOMEM;
}

/* The folders that are searched, in order. */
static int search_path(const char *path, struct strv *ret)
{
	_cleanup_free_ char *copy = strdup(path ? path : ""), *own = NULL;
	char *save = NULL;
	int r;

	if (!copy)
		return -ENOMEM;
	for (char *p = strtok_r(copy, ":", &save); p; p = strtok_r(NULL, ":", &save))
		if (strv_add(ret, p))
			return -ENOMEM;
	r = own_folder(&own);
	return r ? r : strv_add(ret, own);
}

static bool has_scenario(const char *folder, const char *name)
{
	_cleanup_free_ char *file = NULL;

	if (asprintf(&file, "%s/%s/scenario.ini", folder, name) < 0) {
		file = NULL;
		return false;
	}
	return access(file, F_OK) == 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_folder(const char *folder, struct strv *ret)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	int r = 0;

	if (!d)
		return -errno;
	while (r == 0 && (e = readdir(d))) {
		if (e->d_name[0] != '.' && name_ok(e->d_name) && has_scenario(folder, e->d_name))
			r = strv_add(ret, e->d_name);
	}
	closedir(d);
	return r;
}

int scenario_list(const char *path, struct strv *ret, struct err *err)
{
	_cleanup_strv_ struct strv folders = { 0 }, names = { 0 };
	int r = search_path(path, &folders);

	for (size_t i = 0; i < folders.n && r == 0; i++) {
		r = list_folder(folders.s[i], &names);
		/* Our own may be absent (a program that only uses its own scenarios). */
		if (r == -ENOENT && i + 1 == folders.n)
			r = 0;
		else if (r && r != -ENOMEM)
			return err_usage(err, "scenario_path: %s: %s", folders.s[i], strerror(-r));
	}
	if (r)
		return r;
	qsort(names.s, names.n, sizeof(*names.s), compare_names);
	for (size_t i = 0; i < names.n; i++)
		if (i == 0 || strcmp(names.s[i], names.s[i - 1]))
			if (strv_add(ret, names.s[i]))
				return -ENOMEM;
	return 0;
}

static int find_dir(const char *name, const char *path, char **ret, struct err *err)
{
	_cleanup_strv_ struct strv folders = { 0 }, names = { 0 };
	const char *near;
	int r = search_path(path, &folders);

	for (size_t i = 0; i < folders.n && r == 0 && name_ok(name); i++) {
		_cleanup_free_ char *dir = NULL;

		if (!has_scenario(folders.s[i], name))
			continue;
		if (asprintf(&dir, "%s/%s", folders.s[i], name) < 0) {
			dir = NULL;
			return -ENOMEM;
		}
		*ret = realpath(dir, NULL);
		return *ret ? 0 : err_sys(err, errno, "%s", dir);
	}
	if (r == 0)
		r = scenario_list(path, &names, err);
	if (r)
		return r;
	near = err_nearest(name, (const char *const *)names.s, names.n);
	if (near)
		return err_usage(err, "there is no scenario '%s'; did you mean '%s'?", name, near);
	return err_usage(err, "there is no scenario '%s'; see 'detnet scenarios'", name);
}

/* ---- reading ---- */

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
		if (!one && !strcmp(k->name, "class") && !name_ok(k->value))
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
		if (!strncmp(sec->name, "sub ", 4) && name_ok(sec->name + 4))
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

static int read_all(struct scenario *s, const struct ini *ini, struct err *err)
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

int scenario_load(const char *name, const char *path, struct scenario *ret, struct err *err)
{
	_cleanup_(scenario_free) struct scenario s = { 0 };
	_cleanup_free_ char *file = NULL;
	_cleanup_ini_ struct ini ini = { 0 };
	int r = find_dir(name, path, &s.dir, err);

	if (r)
		return r;
	s.name = strdup(name);
	if (!s.name)
		return -ENOMEM;
	if (asprintf(&file, "%s/scenario.ini", s.dir) < 0) {
		file = NULL;
		return -ENOMEM;
	}
	r = ini_read(file, &ini, err);
	if (r == 0)
		r = read_all(&s, &ini, err);
	if (r)
		return r;
	*ret = s;
	memset(&s, 0, sizeof(s));
	return 0;
}

void scenario_free(struct scenario *s)
{
	free(s->name);
	free(s->dir);
	free(s->title);
	free(s->class);
	strv_free(&s->packages);
	strv_free(&s->programs);
	free(s->server_start);
	free(s->client_setup);
	free(s->ready_ports);
	input_clear(s->client_inputs, s->n_client_inputs);
	for (size_t i = 0; i < s->n_subs; i++)
		sub_clear(&s->subs[i]);
	free(s->subs);
	memset(s, 0, sizeof(*s));
}

/* ---- asking ---- */

static bool in_path(const char *program)
{
	_cleanup_free_ char *dirs = strdup(PROGRAM_PATH);
	char *save = NULL;

	if (!dirs)
		return false;
	for (char *d = strtok_r(dirs, ":", &save); d; d = strtok_r(NULL, ":", &save)) {
		_cleanup_free_ char *file = NULL;

		if (asprintf(&file, "%s/%s", d, program) < 0) {
			file = NULL;
			return false;
		}
		if (access(file, X_OK) == 0)
			return true;
	}
	return false;
}

int scenario_missing(const struct scenario *s, struct strv *ret)
{
	for (size_t i = 0; i < s->programs.n; i++)
		if (!in_path(s->programs.s[i]) && strv_add(ret, s->programs.s[i]))
			return -ENOMEM;
	return 0;
}

const struct sub *scenario_sub(const struct scenario *s, const char *name)
{
	for (size_t i = 0; i < s->n_subs; i++)
		if (!strcmp(s->subs[i].name, name))
			return &s->subs[i];
	return NULL;
}
