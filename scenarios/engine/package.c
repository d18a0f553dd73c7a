/* Which versions of packages are installed, from dpkg's status database. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "scenarios/engine/package.h"

#define STATUS_FILE "/var/lib/dpkg/status"

void package_versions_free(char **versions, size_t n)
{
	for (size_t i = 0; versions && i < n; i++)
		free(versions[i]);
	free(versions);
}

/* Index of the package that the stanza is about, or n. */
static size_t find_name(const struct strv *names, const char *name)
{
	size_t i = 0;

	while (i < names->n && strcmp(names->s[i], name))
		i++;
	return i;
}

static int read_status(FILE *f, const struct strv *names, char **versions)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0, at = names->n;
	bool installed = false;
	ssize_t n;

	while ((n = getline(&line, &size, f)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (!strncmp(line, "Package: ", 9)) {
			at = find_name(names, line + 9);
			installed = false;
		} else if (!strncmp(line, "Status: ", 8)) {
			installed = strstr(line, " ok installed") != NULL;
		} else if (at < names->n && installed && !versions[at] &&
			   !strncmp(line, "Version: ", 9)) {
			versions[at] = strdup(line + 9);
			if (!versions[at])
				return -ENOMEM;
		}
	}
	return 0;
}

int package_versions(const struct strv *names, char ***ret)
{
	_cleanup_fclose_ FILE *f = fopen(STATUS_FILE, "re");
	char **versions = calloc(names->n + 1, sizeof(*versions));
	int r = 0;

	if (!versions)
		return -ENOMEM;
	/* A machine without dpkg knows no versions, which is an answer. */
	if (f)
		r = read_status(f, names, versions);
	if (r)
		package_versions_free(versions, names->n);
	else
		*ret = versions;
	return r;
}

int package_words(const struct strv *names, bool only_missing, char **ret)
{
	char **versions = NULL;
	size_t len, left = 0;
	char *text = NULL;
	FILE *f;
	int r = package_versions(names, &versions);

	if (r)
		return r;
	for (size_t i = 0; i < names->n; i++)
		left += !versions[i];
	f = open_memstream(&text, &len);
	if (!f) {
		package_versions_free(versions, names->n);
		return -ENOMEM;
	}
	for (size_t i = 0, some = 0; i < names->n; i++)
		if (!only_missing || !left || !versions[i])
			fprintf(f, "%s%s", some++ ? " " : "", names->s[i]);
	package_versions_free(versions, names->n);
	if (fclose(f)) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}
