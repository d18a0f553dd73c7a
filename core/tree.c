/* Files and folders below a folder that is held by its fd; links are never followed. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/tree.h"

#define DEPTH_MAX  8
#define OPEN_DIR   (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

int tree_create(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | flags,
			0644);

	return fd < 0 ? -errno : fd;
}

int tree_make_dir(int dir, const char *name)
{
	int fd;

	if (mkdirat(dir, name, 0755) && errno != EEXIST)
		return -errno;
	fd = openat(dir, name, OPEN_DIR);
	return fd < 0 ? -errno : fd;
}

static int remove_dir(int at, const char *name, int depth)
{
	struct dirent *d;
	int fd, r = 0;
	DIR *dir;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	fd = openat(at, name, OPEN_DIR);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	while (!r && (d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (unlinkat(fd, d->d_name, 0) == 0)
			continue;
		r = errno == EISDIR ? remove_dir(fd, d->d_name, depth + 1) : -errno;
	}
	closedir(dir);
	if (!r && unlinkat(at, name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

int tree_remove(int dir, const char *name)
{
	if (unlinkat(dir, name, 0) == 0)
		return 0;
	return errno == EISDIR ? remove_dir(dir, name, 0) : -errno;
}
