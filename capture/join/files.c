/* Finds the files of a capture, which may be many where it was rotated. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "capture/join/files.h"
#include "capture/sink.h"

static int is_capture(const struct dirent *d)
{
	return sink_is_name(d->d_name, "capture");
}

/* The first has no number. */
static unsigned long number_of(const struct dirent *d)
{
	return d->d_name[7] == '-' ? strtoul(d->d_name + 8, NULL, 10) : 0;
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
	unsigned long x = number_of(*a), y = number_of(*b);

	return x < y ? -1 : x > y;
}

static int add(struct join_files *f, const char *folder, const char *name)
{
	char *path = NULL;

	if ((folder ? asprintf(&path, "%s/%s", folder, name) : asprintf(&path, "%s", name)) < 0)
		return -ENOMEM;
	f->paths[f->n++] = path;
	return 0;
}

static int find_in_folder(const char *path, struct join_files *f, struct err *err)
{
	struct dirent **found;
	int n = scandir(path, &found, is_capture, by_number), r = 0;

	if (n < 0)
		return err_sys(err, errno, "cannot read %s", path);
	if (!n)
		r = err_usage(err, "%s: there is no capture.pcapng in this folder", path);
	f->folder = strdup(path);
	f->paths = calloc((size_t)n + 1, sizeof(*f->paths));
	if (!f->folder || !f->paths)
		r = err_sys(err, ENOMEM, "cannot read %s", path);
	for (int i = 0; i < n; i++) {
		if (r == 0 && add(f, path, found[i]->d_name))
			r = err_sys(err, ENOMEM, "cannot read %s", path);
		free(found[i]);
	}
	free(found);
	return r;
}

/* A complete run's folder has a manifest; elsewhere a flows.csv may be anything. */
static bool has_manifest(const char *folder)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/manifest.json", folder) < 0) {
		path = NULL;
		return false;
	}
	return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/*
 * The run's folder that a file is in, or a host's own file is in a folder of (see
 * capture_opts.per_host); NULL: none.
 */
static char *folder_of(const char *path)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	char *slash = real ? strrchr(real, '/') : NULL, *folder;

	if (!slash) /* a pipe */
		return NULL;
	*slash = '\0';
	folder = strrchr(real, '/');
	if (folder && !strcmp(folder, "/hosts"))
		*folder = '\0';
	return has_manifest(real) ? steal_ptr(real) : NULL;
}

static int take_file(const char *path, bool regular, struct join_files *f, struct err *err)
{
	f->folder = regular ? folder_of(path) : NULL;
	f->paths = calloc(1, sizeof(*f->paths));
	if (!f->paths || add(f, NULL, path))
		return err_sys(err, ENOMEM, "cannot read %s", path);
	return 0;
}

int join_files_find(const char *path, struct join_files *ret, struct err *err)
{
	struct join_files f = { .n = 0 };
	struct stat st;
	int r;

	if (!strcmp(path, "-"))
		path = "/dev/stdin";
	if (stat(path, &st) < 0)
		return err_at(err, path, 0, "%s", strerrordesc_np(errno));
	r = S_ISDIR(st.st_mode) ? find_in_folder(path, &f, err) :
				  take_file(path, S_ISREG(st.st_mode), &f, err);
	if (r) {
		join_files_clear(&f);
		return r;
	}
	*ret = f;
	return 0;
}

void join_files_clear(struct join_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->paths[i]);
	free(f->paths);
	free(f->folder);
	*f = (struct join_files){ .n = 0 };
}
