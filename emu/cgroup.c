/*
 * Writes cgroups: the tag tree on cgroup v2, limits on v2 or v1, and their removal.
 *
 * Where v2 has a controller that a limit needs, it is handed down
 * to DETNET/RUN and no further, so a host's directory may hold processes and the programs'
 * directories too (the "no internal processes" rule of cgroups(7) is about what is handed down).
 * Removal waits for cgroup.events, which the kernel signals when the last process is gone.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "core/cleanup.h"
#include "core/units.h"
#include "emu/cgroup.h"
#include "emu/cgroup_mount.h"

#define TOP	   "detnet"
#define CPU_PERIOD 100000 /* µs; the kernel's default */
#define EMPTY_WAIT (10 * NSEC_PER_SEC)
#define DEPTH_MAX  8

struct cgroup_run {
	char *id;
	struct cgroup_mounts mounts;
	int fd; /* v2 DETNET/RUN */
	bool handed_down[CGROUP_CONTROLLERS];
};

static int read_at(int at, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

static int write_at(int at, const char *name, const char *fmt, ...) printf_like(3, 4);
static int write_at(int at, const char *name, const char *fmt, ...)
{
	_cleanup_close_ int fd = openat(at, name, O_WRONLY | O_CLOEXEC);
	char text[64];
	va_list ap;
	int n;

	if (fd < 0)
		return -errno;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return write(fd, text, n) == n ? 0 : -errno;
}

static int open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int mkdir_ok(int at, const char *name)
{
	return mkdirat(at, name, 0755) == 0 || errno == EEXIST ? 0 : -errno;
}

/*
 * A host's directory lies beside the files of the run's directory, v1's or v2's. Of their names
 * only this is a node's name too (net_name_ok()), and no node's name has a '_'.
 */
static const char *dir_of(const char *host)
{
	return strcmp(host, "tasks") ? host : "tasks_";
}

/* at/detnet/id, made; another run may remove an empty detnet between the two steps. */
static int make_run_dir(const char *mount, const char *id, int *ret_fd)
{
	_cleanup_close_ int at = open_dir(AT_FDCWD, mount);
	char path[64];
	int r;

	if (at < 0)
		return at;
	snprintf(path, sizeof(path), TOP "/%s", id);
	do {
		r = mkdir_ok(at, TOP);
		if (!r)
			r = mkdir_ok(at, path);
	} while (r == -ENOENT);
	if (r < 0)
		return r;
	r = open_dir(at, path);
	if (r < 0)
		return r;
	*ret_fd = r;
	return 0;
}

static void run_freep(struct cgroup_run **c)
{
	if (!*c)
		return;
	if ((*c)->fd >= 0)
		close((*c)->fd);
	cgroup_mounts_free(&(*c)->mounts);
	free((*c)->id);
	free(*c);
}

int cgroup_open(const char *run_id, struct cgroup_run **ret, struct err *err)
{
	_cleanup_(run_freep) struct cgroup_run *c = calloc(1, sizeof(*c));
	struct statfs fs;
	int r;

	if (!c)
		return -ENOMEM;
	c->fd = -1;
	c->id = strdup(run_id);
	if (!c->id)
		return -ENOMEM;
	r = cgroup_find_mounts(&c->mounts);
	if (r < 0)
		return err_sys(err, -r, "cannot read /proc/self/mountinfo");
	if (!c->mounts.v2)
		return err_missing(err, "cgroup v2 is not mounted; "
					"mount -t cgroup2 none /sys/fs/cgroup/unified gives it");
	if (statfs(c->mounts.v2, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return err_missing(err, "cgroup v2 at %s is hidden by another mount",
				   c->mounts.v2);
	r = make_run_dir(c->mounts.v2, run_id, &c->fd);
	if (r == -EACCES || r == -EPERM || r == -EROFS)
		return err_missing(err, "cgroups at %s cannot be written; run detnet as root",
				   c->mounts.v2);
	if (r < 0)
		return err_sys(err, -r, "cannot make the cgroup %s/" TOP "/%s", c->mounts.v2,
			       run_id);
	*ret = steal_ptr(c);
	return 0;
}

int cgroup_fd(const struct cgroup_run *c)
{
	return c->fd;
}

/* Lets the directories below DETNET/RUN have a controller. */
static int hand_down(struct cgroup_run *c, int which, struct err *err)
{
	static const char *const file[] = { "../../cgroup.subtree_control",
					    "../cgroup.subtree_control", "cgroup.subtree_control" };
	char now[256];
	size_t i;
	int r = 0;

	if (c->handed_down[which])
		return 0;
	for (i = 0; i < ARRAY_SIZE(file) && !r; i++) {
		r = read_at(c->fd, file[i], now, sizeof(now));
		if (!r && !cgroup_has_word(now, cgroup_controller[which], " \n"))
			r = write_at(c->fd, file[i], "+%s", cgroup_controller[which]);
	}
	if (r < 0)
		return err_sys(err, -r, "cannot hand the cgroup controller %s down from %s",
			       cgroup_controller[which], c->mounts.v2);
	c->handed_down[which] = true;
	return 0;
}

static int write_limit(int fd, bool v2, int which, const struct node_limits *l)
{
	long long quota = (long long)(l->cpu * CPU_PERIOD);
	int r;

	if (which == CGROUP_MEMORY)
		return write_at(fd, v2 ? "memory.max" : "memory.limit_in_bytes", "%llu",
				(unsigned long long)l->memory);
	if (which == CGROUP_PIDS)
		return write_at(fd, "pids.max", "%llu", (unsigned long long)l->pids);
	if (quota < 1000) /* the kernel's least */
		quota = 1000;
	if (v2)
		return write_at(fd, "cpu.max", "%lld %d", quota, CPU_PERIOD);
	r = write_at(fd, "cpu.cfs_period_us", "%d", CPU_PERIOD);
	return r < 0 ? r : write_at(fd, "cpu.cfs_quota_us", "%lld", quota);
}

static int open_v1(struct cgroup_run *c, const char *host, int which, int *ret_fd)
{
	_cleanup_close_ int run = -1;
	int r = make_run_dir(c->mounts.v1[which], c->id, &run);

	if (!r)
		r = mkdir_ok(run, dir_of(host));
	if (!r)
		r = open_dir(run, dir_of(host));
	if (r < 0)
		return r;
	*ret_fd = r;
	return 0;
}

static int set_limit(struct cgroup_run *c, const char *host, int host_fd, int which,
		     const struct node_limits *limits, struct err *err)
{
	_cleanup_close_ int v1 = -1;
	bool v2 = c->mounts.on_v2[which];
	int r;

	if (!v2 && !c->mounts.v1[which])
		return err_missing(err, "the limit of %s needs the cgroup controller %s, which "
					"this machine has neither on v2 nor on v1",
				   host, cgroup_controller[which]);
	if (v2) {
		r = hand_down(c, which, err);
		if (r < 0)
			return r;
	} else {
		r = open_v1(c, host, which, &v1);
		if (r < 0)
			return err_sys(err, -r, "cannot make the %s cgroup of %s",
				       cgroup_controller[which], host);
	}
	r = write_limit(v2 ? host_fd : v1, v2, which, limits);
	if (r < 0)
		return err_sys(err, -r, "cannot set the %s limit of %s", cgroup_controller[which],
			       host);
	return 0;
}

static void limits_wanted(const struct node_limits *l, bool want[CGROUP_CONTROLLERS])
{
	want[CGROUP_CPU] = l->cpu > 0;
	want[CGROUP_MEMORY] = l->memory > 0;
	want[CGROUP_PIDS] = l->pids > 0;
}

int cgroup_add_host(struct cgroup_run *c, const char *host, const struct node_limits *limits,
		    int *ret_fd, struct err *err)
{
	_cleanup_close_ int fd = -1;
	bool want[CGROUP_CONTROLLERS];
	int i, r;

	if (mkdirat(c->fd, dir_of(host), 0755) < 0)
		return err_sys(err, errno, "cannot make the cgroup of %s", host);
	fd = open_dir(c->fd, dir_of(host));
	r = fd < 0 ? err_sys(err, -fd, "cannot open the cgroup of %s", host) : 0;
	limits_wanted(limits, want);
	for (i = 0; r == 0 && i < CGROUP_CONTROLLERS; i++)
		if (want[i])
			r = set_limit(c, host, fd, i, limits, err);
	if (r < 0) {
		/* The next try is to meet what this one met, not this directory. */
		unlinkat(c->fd, dir_of(host), AT_REMOVEDIR);
		return r;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

int cgroup_enter_limits(struct cgroup_run *c, const char *host, int pid, struct err *err)
{
	char path[PATH_MAX];
	int i, r;

	for (i = 0; i < CGROUP_CONTROLLERS; i++) {
		if (c->mounts.on_v2[i] || !c->mounts.v1[i])
			continue;
		snprintf(path, sizeof(path), "%s/" TOP "/%s/%s/cgroup.procs", c->mounts.v1[i],
			 c->id, dir_of(host));
		r = write_at(AT_FDCWD, path, "%d", pid);
		if (r < 0 && r != -ENOENT) /* not there: the host has no such limit */
			return err_sys(err, -r, "cannot put %s under its %s limit", host,
				       cgroup_controller[i]);
	}
	return 0;
}

static uint64_t dir_id(int fd)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + sizeof(uint64_t)];
	} u = { .h.handle_bytes = sizeof(uint64_t) };
	uint64_t id;
	int mount;

	if (name_to_handle_at(fd, "", &u.h, &mount, AT_EMPTY_PATH) < 0)
		return 0;
	memcpy(&id, u.h.f_handle, sizeof(id));
	return id;
}

int cgroup_add_program(struct cgroup_run *c, const char *host, unsigned number, int *ret_fd,
		       uint64_t *ret_id, struct err *err)
{
	_cleanup_close_ int fd = -1;
	char path[NODE_NAME_MAX + 16];
	uint64_t id;

	snprintf(path, sizeof(path), "%s/%u", dir_of(host), number);
	if (mkdirat(c->fd, path, 0755) < 0)
		return err_sys(err, errno, "cannot make the cgroup of program %s", path);
	fd = open_dir(c->fd, path);
	id = fd < 0 ? 0 : dir_id(fd);
	if (!id) {
		int e = fd < 0 ? -fd : errno;

		unlinkat(c->fd, path, AT_REMOVEDIR);
		return err_sys(err, e, "cannot identify the cgroup of program %s", path);
	}
	*ret_fd = steal_fd(&fd);
	*ret_id = id;
	return 0;
}

void cgroup_del_program(struct cgroup_run *c, const char *host, unsigned number)
{
	char path[NODE_NAME_MAX + 16];

	snprintf(path, sizeof(path), "%s/%u", dir_of(host), number);
	unlinkat(c->fd, path, AT_REMOVEDIR);
}

const char *cgroup_path(const struct cgroup_run *c, const char *host, unsigned number, char *buf,
			size_t size)
{
	snprintf(buf, size, TOP "/%s/%s/%u", c->id, dir_of(host), number);
	return buf;
}

/*
 * Waits until no process is left below a v2 directory: 0, -EBUSY when the time is over, or -errno.
 */
static int wait_empty(int dir)
{
	_cleanup_close_ int fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	int64_t until = units_now_mono() + EMPTY_WAIT;
	char text[128];

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
		int64_t left = until - units_now_mono();

		if (n < 0)
			return -errno;
		text[n] = '\0';
		if (strstr(text, "populated 0"))
			return 0;
		if (left <= 0)
			return -EBUSY;
		if (poll(&p, 1, (int)(left / NSEC_PER_MSEC) + 1) < 0 && errno != EINTR)
			return -errno;
	}
}

/* Directories only: the files of a cgroup go with it. Number removed, or -errno. */
static int remove_dirs(int at, const char *name, int depth)
{
	int fd = depth > DEPTH_MAX ? -ELOOP : open_dir(at, name);
	struct dirent *d;
	int r, n = 0;
	DIR *dir;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	while (n >= 0 && (d = readdir(dir))) {
		if (d->d_type != DT_DIR || !strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		r = remove_dirs(fd, d->d_name, depth + 1);
		n = r < 0 ? r : n + r;
	}
	closedir(dir);
	if (n < 0)
		return n;
	if (unlinkat(at, name, AT_REMOVEDIR) < 0)
		return errno == ENOENT ? n : -errno;
	return n + 1;
}

/* A run's directories in one hierarchy. kill ends what is left in them, by cgroup.kill (5.14). */
static int remove_run(const char *mount, const char *id, bool v2, bool kill)
{
	_cleanup_close_ int at = open_dir(AT_FDCWD, mount);
	char path[64];
	int n;

	if (at < 0)
		return at;
	snprintf(path, sizeof(path), TOP "/%s", id);
	if (v2) {
		_cleanup_close_ int run = open_dir(at, path);

		if (run == -ENOENT)
			return 0;
		if (run < 0)
			return run;
		if (kill)
			write_at(run, "cgroup.kill", "1");
		n = wait_empty(run);
		if (n < 0)
			return n;
	}
	n = remove_dirs(at, path, 0);
	unlinkat(at, TOP, AT_REMOVEDIR); /* fails while other runs live, as it should */
	return n;
}

static int remove_all(const struct cgroup_mounts *m, const char *id, bool kill)
{
	int i, r, n = 0;

	/* v2 first: a process that has left it has left every hierarchy. */
	if (m->v2)
		n = remove_run(m->v2, id, true, kill);
	for (i = 0; i < CGROUP_CONTROLLERS && n >= 0; i++) {
		if (!m->v1[i])
			continue;
		r = remove_run(m->v1[i], id, false, kill);
		n = r < 0 ? r : n + r;
	}
	return n;
}

int cgroup_close(struct cgroup_run *c)
{
	int r = remove_all(&c->mounts, c->id, false);

	run_freep(&c);
	return r < 0 ? r : 0;
}

int cgroup_sweep(const char *run_id)
{
	_cleanup_(cgroup_mounts_free) struct cgroup_mounts m = { 0 };
	int r = cgroup_find_mounts(&m);

	return r < 0 ? r : remove_all(&m, run_id, true);
}
