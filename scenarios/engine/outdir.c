/* The folder of a dataset: made, or cleared when it holds an earlier one, and nothing else ever. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include "scenarios/engine/dataset.h"

/* What a run leaves, and so what clearing may remove. */
static const char *const files[] = {
	"manifest.json", "topology.ini",   "capture.pcapng",
	"flows.csv",	 "activities.csv", "owners.csv",
};

static int make_path(const char *path, struct err *err)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1; ; p++) {
		char c = *p;

		if (c != '/' && c)
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) && errno != EEXIST)
			return err_sys(err, errno, "%s", copy);
		*p = c;
		if (!c)
			return 0;
	}
}

static bool ours(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!strcmp(name, files[i]))
			return true;
	return !strcmp(name, "logs");
}

/* 0 when the folder has nothing but what a run leaves. */
static int check_ours(const char *out, bool *ret_empty, struct err *err)
{
	DIR *d = opendir(out);
	struct dirent *e;
	int r = 0;

	if (!d)
		return err_sys(err, errno, "%s", out);
	*ret_empty = true;
	while (r == 0 && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		*ret_empty = false;
		if (!ours(e->d_name))
			r = err_usage(err,
				      "%s holds '%s', which is not of a run of detnet; give an "
				      "empty or new folder with -o",
				      out, e->d_name);
	}
	closedir(d);
	return r;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

/* Removes logs/ of the earlier run; symbolic links are removed, not followed. */
static int clear(const char *out, struct err *err)
{
	for (size_t i = 0; i <= ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = NULL;
		int r;

		if (asprintf(&path, "%s/%s", out, i < ARRAY_SIZE(files) ? files[i] : "logs") < 0) {
			path = NULL;
			return -ENOMEM;
		}
		if (i < ARRAY_SIZE(files))
			r = unlink(path);
		else
			r = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
		if (r && errno != ENOENT)
			return err_sys(err, errno, "%s", path);
	}
	return 0;
}

int dataset_prepare(const char *out, struct err *err)
{
	bool empty = true;
	int r;

	if (!*out)
		return err_usage(err, "the name of the output folder is empty");
	r = make_path(out, err);
	if (r == 0)
		r = check_ours(out, &empty, err);
	return r || empty ? r : clear(out, err);
}
