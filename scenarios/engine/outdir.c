/* The folder of a dataset: made, or cleared when it holds an earlier one, and nothing else ever. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "capture/flow/schema.h"
#include "capture/sink.h"
#include "core/tree.h"
#include "core/units.h"
#include "scenarios/engine/dataset.h"

/* What a run leaves, beside captures and flows, and so what clearing may remove. */
static const char *const files[] = {
	"manifest.json", "topology.ini", "activities.csv", "owners.csv", "fates.csv", "logs",
	SINK_HOSTS,
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
	for (size_t i = 0; flow_schemas[i]; i++)
		if (!strcmp(name, flow_schemas[i]->file))
			return true;
	return sink_is_name(name, "capture");
}

/* The user who became root by sudo: a folder of theirs is as good as one of root's. */
static bool sudo_id(const char *name, unsigned *ret)
{
	const char *text = getenv(name), *why;
	uint64_t v;

	if (!text || units_parse_uint(text, 0, UINT32_MAX - 1, &v, &why))
		return false;
	*ret = (unsigned)v;
	return true;
}

/* Whoever else can write in the folder could make root write or remove files anywhere. */
static int check_owner(const char *out, const struct stat *st, struct err *err)
{
	unsigned uid, gid;
	bool user = sudo_id("SUDO_UID", &uid), group = sudo_id("SUDO_GID", &gid);

	if (st->st_uid != geteuid() && !(user && st->st_uid == uid))
		return err_usage(err,
				 "%s belongs to user %u, who could change what is written there; "
				 "give a folder of your own with -o", out, (unsigned)st->st_uid);
	if (st->st_mode & S_IWOTH || (st->st_mode & S_IWGRP && st->st_gid != getegid() &&
				      !(group && st->st_gid == gid)))
		return err_usage(err,
				 "others may write in %s; run 'chmod go-w %s', or give another "
				 "folder with -o", out, out);
	return 0;
}

static int open_dir(const char *out, int *ret, struct err *err)
{
	_cleanup_close_ int fd = open(out, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_usage(err, "%s is a file or a symbolic link; give a folder with -o",
				 out);
	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, errno, "%s", out);
	r = check_owner(out, &st, err);
	if (r == 0)
		*ret = steal_fd(&fd);
	return r;
}

/* What is in the folder, read from its beginning. */
static int open_listing(const char *out, int fd, DIR **ret, struct err *err)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	int r;

	if (!d) {
		r = err_sys(err, errno, "%s", out);
		cleanup_closep(&again);
		return r;
	}
	*ret = d;
	return 0;
}

/* 0 when the folder has nothing but what a run leaves. */
static int check_ours(const char *out, int fd, bool *ret_empty, struct err *err)
{
	DIR *d;
	struct dirent *e;
	int r = open_listing(out, fd, &d, err);

	if (r < 0)
		return r;
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

static int clear(const char *out, int fd, struct err *err)
{
	DIR *d;
	struct dirent *e;
	int r = open_listing(out, fd, &d, err);

	if (r < 0)
		return r;
	while (r == 0 && (e = readdir(d))) {
		if (!ours(e->d_name))
			continue;
		r = tree_remove(fd, e->d_name);
		if (r < 0 && r != -ENOENT)
			err_sys(err, -r, "%s/%s", out, e->d_name);
		else
			r = 0;
	}
	closedir(d);
	return r;
}

int dataset_prepare(const char *out, int *ret_fd, struct err *err)
{
	_cleanup_free_ char *path = strdup(out);
	_cleanup_close_ int fd = -1;
	bool empty = true;
	size_t len;
	int r;

	if (!path)
		return -ENOMEM;
	if (!*out)
		return err_usage(err, "the name of the output folder is empty");
	/* A slash at the end would have a symbolic link followed. */
	for (len = strlen(path); len > 1 && path[len - 1] == '/'; len--)
		path[len - 1] = '\0';
	r = make_path(path, err);
	if (r == 0)
		r = open_dir(path, &fd, err);
	/* Held, with the folder, until the run is over. */
	if (r == 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK ?
			    err_usage(err, "%s is being written by another run; give another with -o",
				      path) :
			    err_sys(err, errno, "cannot lock %s", path);
	if (r == 0)
		r = check_ours(path, fd, &empty, err);
	if (r == 0 && !empty)
		r = clear(path, fd, err);
	if (r == 0)
		*ret_fd = steal_fd(&fd);
	return r;
}
