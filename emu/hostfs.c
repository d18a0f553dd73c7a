/*
 * A host's file tree, made of the machine's by mounting over it.
 *
 * Theory of operation, in the order things are done:
 *
 *   1. all mounts private: nothing goes back to the machine;
 *   2. what must stay reachable (devices, shared folder, binds) is cloned by open_tree() into
 *      detached mounts, before what holds it is covered or changed;
 *   3. everything read-only and without devices, recursively, in one mount_setattr();
 *   4. a tmpfs on /run holds the upper layers of overlays on /etc, /var, /root, /home and /srv
 *      (lower: the machine's); a second, fresh tmpfs on /run then hides it;
 *   5. fresh /tmp and /dev (a few devices, own devpts), /proc of the host's pid namespace with
 *      everything that is the machine's read-only (all but the processes and sys/net), and
 *      /sys read-only;
 *   6. the detached mounts get their places.
 *
 * New mounts are writable because they come after step 3. A program cannot undo any of it: it has
 * neither the capability nor the system calls (emu/sandbox.c).
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "emu/hostfs.h"

#define LAYERS "/run/layers" /* of the overlays; hidden afterwards */

static const char *const overlays[] = { "etc", "var", "root", "home", "srv" };

static const char *const devices[] = {
	"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty",
	"/dev/net/tun",
};

static const struct {
	const char *target, *path;
} dev_links[] = {
	{ "/proc/self/fd", "/dev/fd" },	   { "/proc/self/fd/0", "/dev/stdin" },
	{ "/proc/self/fd/1", "/dev/stdout" }, { "/proc/self/fd/2", "/dev/stderr" },
	{ "pts/ptmx", "/dev/ptmx" },
};

/* Detached mounts, from step 2 to step 6. */
struct clones {
	int device[ARRAY_SIZE(devices)];
	int share;
	int *bind;
	size_t n_binds;
};

static void clones_free(struct clones *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		cleanup_closep(&c->device[i]);
	cleanup_closep(&c->share);
	for (size_t i = 0; i < c->n_binds; i++)
		cleanup_closep(&c->bind[i]);
	free(c->bind);
}

static int set_attr(int dir, const char *path, uint64_t set, unsigned flags)
{
	struct mount_attr attr = { .attr_set = set };

	return syscall(SYS_mount_setattr, dir, path, flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static int clone_tree(const char *path)
{
	int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path,
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	return fd < 0 ? -errno : fd;
}

static int place_tree(int fd, const char *path)
{
	if (syscall(SYS_move_mount, fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

/* mkdir -p of the folders above path, and of path itself if it is one. */
static int make_folders(const char *path, bool itself)
{
	_cleanup_free_ char *p = strdup(path);

	if (!p)
		return -ENOMEM;
	for (char *s = p + 1; *s; s++) {
		if (*s != '/')
			continue;
		*s = '\0';
		if (mkdir(p, 0755) < 0 && errno != EEXIST)
			return -errno;
		*s = '/';
	}
	if (itself && mkdir(p, 0755) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

static int make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* Something to mount the detached tree on: a folder for a folder, else a file. */
static int make_point(int tree, const char *path)
{
	struct stat st;
	int r;

	if (fstat(tree, &st) < 0)
		return -errno;
	/* What is there already may be on the read-only tree, where creating fails. */
	if (access(path, F_OK) == 0)
		return 0;
	r = make_folders(path, S_ISDIR(st.st_mode));
	if (r == 0 && !S_ISDIR(st.st_mode))
		r = make_file(path);
	return r;
}

static int write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t size = strlen(text);

	if (fd < 0)
		return -errno;
	while (size > 0) {
		ssize_t n = write(fd, text, size);

		if (n < 0)
			return -errno;
		text += n;
		size -= (size_t)n;
	}
	return 0;
}

static int clone_all(const struct hostfs *f, struct clones *c, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		c->device[i] = clone_tree(devices[i]);
		if (c->device[i] < 0 && c->device[i] != -ENOENT)
			return err_sys(err, -c->device[i], "cannot take %s into a host",
				       devices[i]);
	}
	if (f->share) {
		c->share = clone_tree(f->share);
		if (c->share < 0)
			return err_sys(err, -c->share, "cannot share the folder %s with a host",
				       f->share);
	}
	c->bind = calloc(f->n_binds + 1, sizeof(*c->bind));
	if (!c->bind)
		return err_sys(err, ENOMEM, "cannot show folders in a host");
	for (; c->n_binds < f->n_binds; c->n_binds++) {
		const char *source = f->binds[c->n_binds].source;
		int fd = clone_tree(source);

		if (fd < 0)
			return err_sys(err, -fd, "cannot show %s in a host", source);
		c->bind[c->n_binds] = fd;
	}
	return 0;
}

static int lock_machine_tree(struct err *err)
{
	int r = set_attr(AT_FDCWD, "/", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, AT_RECURSIVE);

	if (r == -ENOSYS)
		return err_missing(err, "the kernel has no mount_setattr(2), which makes a host's "
					"files read-only: Linux 5.12 or newer is needed");
	if (r < 0)
		return err_sys(err, -r, "cannot make the machine's files read-only in a host");
	return 0;
}

static int mount_tmpfs(const char *path, unsigned long flags, const char *options, struct err *err)
{
	if (mount("tmpfs", path, "tmpfs", flags | MS_NODEV, options) < 0)
		return err_sys(err, errno, "cannot mount a private %s in a host", path);
	return 0;
}

static int mount_overlay(const char *name, struct err *err)
{
	char path[32], upper[64], options[256];
	struct stat st;

	snprintf(path, sizeof(path), "/%s", name);
	if (stat(path, &st) < 0) /* a machine without /srv, say */
		return 0;
	snprintf(upper, sizeof(upper), LAYERS "/%s", name);
	/* The upper folder's owner and mode are the overlay's root's. */
	if (chown(upper, st.st_uid, st.st_gid) < 0 || chmod(upper, st.st_mode & 07777) < 0)
		return err_sys(err, errno, "cannot make the private layer of %s", path);
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=" LAYERS "/.%s", path,
		 upper, name);
	if (mount("overlay", path, "overlay", MS_NODEV, options) == 0)
		return 0;
	if (errno == ENODEV)
		return err_missing(err, "the kernel has no overlay file system, which gives a host "
					"its own %s: load the module overlay", path);
	return err_sys(err, errno, "cannot lay a host's own layer over %s (its file system must be "
				   "one that can be the lower layer of an overlay)", path);
}

static int mount_overlays(const struct hostfs *f, struct err *err)
{
	char path[64], name[HOST_NAME_MAX + 2];
	int r;

	r = mount_tmpfs("/run", MS_NOSUID, "mode=0700", err);
	if (r < 0)
		return r;
	if (mkdir(LAYERS, 0700) < 0)
		return err_sys(err, errno, "cannot make a host's layers");
	for (size_t i = 0; i < ARRAY_SIZE(overlays); i++) {
		snprintf(path, sizeof(path), LAYERS "/.%s", overlays[i]);
		if (mkdir(path, 0700) < 0)
			return err_sys(err, errno, "cannot make a host's layers");
		snprintf(path, sizeof(path), LAYERS "/%s", overlays[i]);
		if (mkdir(path, 0755) < 0)
			return err_sys(err, errno, "cannot make a host's layers");
	}
	/* Into the upper layer: a resolv.conf that is a link is replaced, not followed. */
	snprintf(name, sizeof(name), "%s\n", f->hostname);
	r = write_file(LAYERS "/etc/hosts", f->hosts);
	if (r == 0)
		r = write_file(LAYERS "/etc/resolv.conf", f->resolv);
	if (r == 0)
		r = write_file(LAYERS "/etc/hostname", name);
	if (r < 0)
		return err_sys(err, -r, "cannot write a host's /etc/hosts");
	for (size_t i = 0; i < ARRAY_SIZE(overlays) && r == 0; i++)
		r = mount_overlay(overlays[i], err);
	return r;
}

static int mount_run_tmp(struct err *err)
{
	int r = mount_tmpfs("/run", MS_NOSUID, "mode=0755", err);

	if (r == 0 && (mkdir("/run/lock", 0755) < 0 || chmod("/run/lock", 01777) < 0))
		r = err_sys(err, errno, "cannot make a host's /run/lock");
	return r < 0 ? r : mount_tmpfs("/tmp", MS_NOSUID, "mode=1777", err);
}

static int mount_dev(struct clones *c, struct err *err)
{
	int r;

	r = mount_tmpfs("/dev", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64k", err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		if (c->device[i] < 0)
			continue;
		r = make_point(c->device[i], devices[i]);
		/* Read-only is about the node: else chmod in a host would change the machine's. */
		if (r == 0)
			r = set_attr(c->device[i], "", MOUNT_ATTR_RDONLY, AT_EMPTY_PATH);
		if (r == 0)
			r = place_tree(c->device[i], devices[i]);
		if (r < 0)
			return err_sys(err, -r, "cannot put %s into a host", devices[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(dev_links); i++)
		if (symlink(dev_links[i].target, dev_links[i].path) < 0)
			return err_sys(err, errno, "cannot make %s in a host", dev_links[i].path);
	if (mkdir("/dev/pts", 0755) < 0 || mkdir("/dev/shm", 01777) < 0 ||
	    mkdir("/dev/mqueue", 01777) < 0)
		return err_sys(err, errno, "cannot make a host's /dev");
	if (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		  "newinstance,ptmxmode=0666,mode=0620,gid=5") < 0)
		return err_sys(err, errno, "cannot mount a private /dev/pts in a host");
	r = mount_tmpfs("/dev/shm", MS_NOSUID, "mode=1777", err);
	/* Kernels without POSIX message queues have no mqueue: the folder stays empty. */
	if (r == 0 && mount("mqueue", "/dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			    NULL) < 0 && errno != ENODEV)
		r = err_sys(err, errno, "cannot mount a private /dev/mqueue in a host");
	return r;
}

static int bind_read_only(const char *path)
{
	if (mount(path, path, NULL, MS_BIND, NULL) < 0)
		return -errno;
	return set_attr(AT_FDCWD, path, MOUNT_ATTR_RDONLY, 0);
}

/* Is this entry of /proc the machine's and writable? Processes and links are the host's. */
static bool proc_is_machines(int dir, const struct dirent *d)
{
	struct stat st;

	if (d->d_name[0] == '.' || (d->d_name[0] >= '0' && d->d_name[0] <= '9'))
		return false;
	if (fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && (st.st_mode & 0222));
}

static int lock_proc(struct err *err)
{
	_cleanup_close_ int net = clone_tree("/proc/sys/net");
	DIR *dir = opendir("/proc");
	struct dirent *d;
	char path[300];
	int r = 0;

	if (!dir)
		return err_sys(err, errno, "cannot read a host's /proc");
	while (r == 0 && (d = readdir(dir))) {
		if (!proc_is_machines(dirfd(dir), d))
			continue;
		snprintf(path, sizeof(path), "/proc/%s", d->d_name);
		r = bind_read_only(path);
	}
	closedir(dir);
	if (r < 0)
		return err_sys(err, -r, "cannot make %s read-only in a host", path);
	r = net < 0 ? net : place_tree(net, "/proc/sys/net");
	if (r < 0)
		return err_sys(err, -r, "cannot keep a host's /proc/sys/net writable");
	if (mount("/dev/null", "/proc/kcore", NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot hide /proc/kcore in a host");
	return 0;
}

static int mount_proc_sys(struct err *err)
{
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount("proc", "/proc", "proc", flags, NULL) < 0)
		return err_sys(err, errno, "cannot mount a host's /proc");
	if (mount("sysfs", "/sys", "sysfs", flags | MS_RDONLY, NULL) < 0)
		return err_sys(err, errno, "cannot mount a host's /sys");
	return lock_proc(err);
}

static int place_all(const struct hostfs *f, const struct clones *c, struct err *err)
{
	int r;

	if (f->share) {
		r = make_point(c->share, f->share);
		if (r == 0)
			r = set_attr(c->share, "", MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID,
				     AT_EMPTY_PATH | AT_RECURSIVE);
		if (r == 0)
			r = place_tree(c->share, f->share);
		if (r < 0)
			return err_sys(err, -r, "cannot share the folder %s with a host", f->share);
	}
	for (size_t i = 0; i < f->n_binds; i++) {
		r = make_point(c->bind[i], f->binds[i].path);
		if (r == 0)
			r = set_attr(c->bind[i], "", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV,
				     AT_EMPTY_PATH | AT_RECURSIVE);
		if (r == 0)
			r = place_tree(c->bind[i], f->binds[i].path);
		if (r < 0)
			return err_sys(err, -r, "cannot show %s in a host at %s",
				       f->binds[i].source, f->binds[i].path);
	}
	return 0;
}

int hostfs_build(const struct hostfs *f, struct err *err)
{
	_cleanup_(clones_free) struct clones c = { .share = -1 };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		c.device[i] = -1;
	umask(0);
	if (chdir("/") < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "cannot make a host's mounts private");
	r = clone_all(f, &c, err);
	if (r == 0)
		r = lock_machine_tree(err);
	if (r == 0)
		r = mount_overlays(f, err);
	if (r == 0)
		r = mount_run_tmp(err);
	if (r == 0)
		r = mount_dev(&c, err);
	if (r == 0)
		r = mount_proc_sys(err);
	if (r == 0)
		r = place_all(f, &c, err);
	umask(022);
	return r;
}
