/*
 * The run folder: made and locked by a run, removed by it, or swept by the next when it died.
 *
 * The lock is flock(2) on the folder itself, so the kernel lets go of it when the process ends,
 * however it ends. The parent's lock is held while a folder is made, removed or judged, so nobody
 * takes one for dead between its making and its locking.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "core/tree.h"
#include "emu/cgroup.h"
#include "emu/rundir.h"

#define PARENT "/run/detnet"

/* Opens and locks the parent. Another run may remove it while we wait for the lock: then again. */
static int lock_parent(bool make, int *ret_fd)
{
	for (;;) {
		_cleanup_close_ int fd = -1;
		struct stat st;

		if (make && mkdir(PARENT, 0755) < 0 && errno != EEXIST)
			return -errno;
		fd = open(PARENT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT && make)
			continue;
		if (fd < 0)
			return -errno;
		while (flock(fd, LOCK_EX) < 0) {
			if (errno != EINTR)
				return -errno;
		}
		if (fstat(fd, &st) < 0)
			return -errno;
		if (st.st_nlink > 0) {
			*ret_fd = steal_fd(&fd);
			return 0;
		}
		if (!make)
			return -ENOENT;
	}
}

static int draw_id(char id[RUN_ID_LEN + 1])
{
	uint8_t b[RUN_ID_LEN / 2];
	size_t i;

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return -EIO;
	for (i = 0; i < sizeof(b); i++)
		snprintf(id + 2 * i, 3, "%02x", b[i]);
	return 0;
}

int rundir_open(struct rundir *ret, struct err *err)
{
	_cleanup_close_ int parent = -1, fd = -1;
	struct rundir run;
	int r;

	r = lock_parent(true, &parent);
	if (r == -EACCES || r == -EPERM || r == -EROFS)
		return err_missing(err, PARENT " cannot be written; run detnet as root (sudo)");
	if (r < 0)
		return err_sys(err, -r, "cannot make and lock " PARENT);
	r = draw_id(run.id);
	if (r < 0)
		return err_sys(err, -r, "cannot draw a run id");
	if (mkdirat(parent, run.id, 0755) < 0)
		return err_sys(err, errno, "cannot make " PARENT "/%s", run.id);
	fd = openat(parent, run.id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = err_sys(err, errno, "cannot lock " PARENT "/%s", run.id);
		unlinkat(parent, run.id, AT_REMOVEDIR);
		return r;
	}
	run.lock_fd = steal_fd(&fd);
	*ret = run;
	return 0;
}

void rundir_close(struct rundir *r)
{
	_cleanup_close_ int parent = -1;
	int e;

	if (r->lock_fd < 0)
		return;
	if (lock_parent(false, &parent) == 0) {
		e = tree_remove(parent, r->id);
		if (e < 0 && e != -ENOENT)
			log_warn("cannot remove " PARENT "/%s: %s", r->id, strerror(-e));
		rmdir(PARENT); /* fails while other runs live, as it should */
	}
	close(r->lock_fd);
	r->lock_fd = -1;
}

static bool is_run_id(const char *s)
{
	size_t i;

	for (i = 0; i < RUN_ID_LEN; i++) {
		if (!isdigit((unsigned char)s[i]) && (s[i] < 'a' || s[i] > 'f'))
			return false;
	}
	return s[RUN_ID_LEN] == '\0';
}

/* 1 when it was dead and is gone now, 0 when it lives, or -errno with err. */
static int sweep_one(int parent, const char *id, struct err *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	fd = openat(parent, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : -errno;
	r = cgroup_sweep(id);
	if (r < 0)
		return err_sys(err, -r, "cannot remove the cgroups of the dead run %s", id);
	r = tree_remove(parent, id);
	if (r < 0)
		return err_sys(err, -r, "cannot remove " PARENT "/%s", id);
	return 1;
}

int rundir_sweep(struct err *err)
{
	_cleanup_close_ int parent = -1;
	struct dirent *d;
	int r, n = 0, result = 0;
	DIR *dir;

	r = lock_parent(false, &parent);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_sys(err, -r, "cannot lock " PARENT);
	dir = opendir(PARENT);
	if (!dir)
		return err_sys(err, errno, "cannot read " PARENT);
	while ((d = readdir(dir))) {
		if (!is_run_id(d->d_name))
			continue;
		r = sweep_one(parent, d->d_name, err);
		if (r < 0)
			result = r; /* the others are still swept */
		else
			n += r;
	}
	closedir(dir);
	rmdir(PARENT);
	return result < 0 ? result : n;
}
