/* Finds a scenario's folder and loads it. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include "scenarios/engine/scenario_internal.h"

#define PROGRAM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const char *const scenario_variables[] = {
	"scenario_dir", "server", "server_name", "client", "client_name", "activity", "work", NULL,
};

bool scenario_name_ok(const char *name)
{
	if (!isalnum((unsigned char)name[0]))
		return false;
	for (const char *p = name; *p; p++)
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-')
			return false;
	return strlen(name) <= 40;
}

/* ---- finding ---- */

/* The folder of detnet's own scenarios: beside an installed program, else (in a build for
 * development) the sources', else where an installation would put them. */
static int own_folder(char **ret)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	_cleanup_free_ char *beside = NULL;
	const char *s = DETNET_SCENARIO_DIR;

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
#ifdef DETNET_SOURCE_SCENARIO_DIR
	if (access(DETNET_SOURCE_SCENARIO_DIR, R_OK | X_OK) == 0)
		s = DETNET_SOURCE_SCENARIO_DIR;
#endif
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
		if (e->d_name[0] != '.' && scenario_name_ok(e->d_name) &&
		    has_scenario(folder, e->d_name))
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

	for (size_t i = 0; i < folders.n && r == 0 && scenario_name_ok(name); i++) {
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

/* ---- loading ---- */

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
		r = scenario_read(&s, &ini, err);
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
