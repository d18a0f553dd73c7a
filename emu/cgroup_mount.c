/*
 * Finds cgroup mounts in /proc/self/mountinfo; nothing is guessed from paths.
 *
 * On a hybrid machine the controllers are on v1 and cgroup2 lies without any at
 * /sys/fs/cgroup/unified; a controller is on one of the two, never on both.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "core/cleanup.h"
#include "emu/cgroup.h"
#include "emu/cgroup_mount.h"

const char *const cgroup_controller[CGROUP_CONTROLLERS] = { "cpu", "memory", "pids" };

void cgroup_mounts_free(struct cgroup_mounts *m)
{
	int i;

	free(m->v2);
	for (i = 0; i < CGROUP_CONTROLLERS; i++)
		free(m->v1[i]);
}

bool cgroup_has_word(const char *list, const char *word, const char *seps)
{
	size_t len = strlen(word);

	while (*list) {
		size_t n = strcspn(list, seps);

		if (n == len && !strncmp(list, word, n))
			return true;
		list += n;
		list += strspn(list, seps);
	}
	return false;
}

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static char *unescape(const char *s)
{
	char *out = malloc(strlen(s) + 1), *p = out;

	if (!out)
		return NULL;
	while (*s) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*p++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*p++ = *s++;
		}
	}
	*p = '\0';
	return out;
}

/* A line of mountinfo, proc(5): ID PARENT DEV ROOT POINT OPTIONS [TAGS…] - TYPE SOURCE SUPER. */
static int take_mount(struct cgroup_mounts *m, char *line)
{
	char *tail = strstr(line, " - "), *save = NULL, *field = NULL;
	const char *type, *super;
	int i;

	if (!tail)
		return 0;
	*tail = '\0';
	type = strtok_r(tail + 3, " \n", &save);
	strtok_r(NULL, " \n", &save);
	super = strtok_r(NULL, " \n", &save);
	if (!type || !super || strncmp(type, "cgroup", 6))
		return 0;
	field = strtok_r(line, " ", &save);
	for (i = 1; field && i < 5; i++)
		field = strtok_r(NULL, " ", &save);
	if (!field)
		return 0;
	if (!strcmp(type, "cgroup2") && !m->v2) {
		m->v2 = unescape(field);
		return m->v2 ? 0 : -ENOMEM;
	}
	for (i = 0; i < CGROUP_CONTROLLERS && !strcmp(type, "cgroup"); i++) {
		if (m->v1[i] || !cgroup_has_word(super, cgroup_controller[i], ","))
			continue;
		m->v1[i] = unescape(field);
		if (!m->v1[i])
			return -ENOMEM;
	}
	return 0;
}

/* An unreadable list is an empty one. */
static void read_controllers(const char *mount, char *list, size_t size)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/cgroup.controllers", mount);
	f = fopen(path, "re");
	if (!f || !fgets(list, (int)size, f))
		list[0] = '\0';
}

int cgroup_find_mounts(struct cgroup_mounts *ret)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_(cgroup_mounts_free) struct cgroup_mounts m = { 0 };
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	int i, r;

	if (!f)
		return -errno;
	while (getline(&line, &cap, f) >= 0) {
		r = take_mount(&m, line);
		if (r < 0)
			return r;
	}
	if (m.v2) {
		char list[256] = "";

		read_controllers(m.v2, list, sizeof(list));
		for (i = 0; i < CGROUP_CONTROLLERS; i++)
			m.on_v2[i] = cgroup_has_word(list, cgroup_controller[i], " \n");
	}
	*ret = m;
	m = (struct cgroup_mounts){ 0 };
	return 0;
}

const char *cgroup_limits_kind(bool *ret_cpu, bool *ret_memory, bool *ret_pids)
{
	bool have[CGROUP_CONTROLLERS] = { 0 }, v1 = false, v2 = false;
	_cleanup_(cgroup_mounts_free) struct cgroup_mounts m = { 0 };
	int i;

	if (cgroup_find_mounts(&m) == 0) {
		for (i = 0; i < CGROUP_CONTROLLERS; i++) {
			have[i] = m.v2 && (m.on_v2[i] || m.v1[i]);
			v2 |= m.on_v2[i];
			v1 |= m.v1[i] != NULL;
		}
	}
	*ret_cpu = have[CGROUP_CPU];
	*ret_memory = have[CGROUP_MEMORY];
	*ret_pids = have[CGROUP_PIDS];
	return v2 ? "v2" : v1 ? "v1" : "none";
}
