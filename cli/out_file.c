/* Makes a command's output beside its name, and moves it there at the end. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/out_file.h"
#include "core/cleanup.h"

static bool is_same(const char *path, const char *input)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat(input, &b) == 0 && S_ISREG(a.st_mode) &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The new file is whose the old one was, as far as we may, and as open. */
static int open_beside(const char *name, const struct stat *old)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);

	if (fd >= 0 && old && fchown(fd, old->st_uid, old->st_gid) == 0 &&
	    fchmod(fd, old->st_mode & 0777) < 0) {
		close(fd);
		unlink(name);
		return -1;
	}
	return fd;
}

int out_file_open(struct out_file *o, const char *path, char *const *inputs, size_t n_inputs,
		  bool in_place, struct err *err)
{
	struct stat st;
	bool there = lstat(path, &st) == 0;
	int fd;

	*o = (struct out_file){ .path = path };
	for (size_t i = 0; i < n_inputs; i++)
		if (is_same(path, inputs[i]))
			return err_usage(err, "%s is the capture itself; give the output another "
					 "name", path);
	/* What may not be written to is not replaced either. */
	if (!in_place && (!there || (S_ISREG(st.st_mode) && access(path, W_OK) == 0))) {
		if (asprintf(&o->beside, "%s.%d", path, (int)getpid()) < 0) {
			o->beside = NULL;
			return err_sys(err, ENOMEM, "%s", path);
		}
		fd = open_beside(o->beside, there ? &st : NULL);
	} else {
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	}
	if (fd < 0) {
		err_sys(err, errno, "%s", path);
		free(steal_ptr(o->beside));
		return -EINVAL;
	}
	o->f = fdopen(fd, "w");
	if (o->f)
		return 0;
	close(fd);
	out_file_close(o, false, NULL);
	return err_sys(err, ENOMEM, "%s", path);
}

/* Why the stream could not be written to its end, or 0. */
static int close_stream(FILE *f)
{
	int e = ferror(f) ? EIO : 0;

	errno = 0;
	if (fflush(f) && errno)
		e = errno;
	errno = 0;
	return fclose(f) && !e ? (errno ? errno : EIO) : e;
}

int out_file_close(struct out_file *o, bool whole, struct err *err)
{
	_cleanup_free_ char *beside = steal_ptr(o->beside);
	int e = o->f ? close_stream(steal_ptr(o->f)) : EIO, r = 0;

	if (beside && e == 0)
		r = whole ? rename(beside, o->path) :
			    renameat2(AT_FDCWD, beside, AT_FDCWD, o->path, RENAME_NOREPLACE);
	if (beside && r < 0 && whole)
		e = errno;
	if (beside && (e || r < 0))
		unlink(beside);
	return e ? err_sys(err, e, "%s", o->path) : 0;
}
