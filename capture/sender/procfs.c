/* Reads /proc/PID/status, stat, cmdline, exe and cgroup. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "capture/sender/procfs.h"
#include "core/cleanup.h"
#include "core/units.h"

#define TEXT_SIZE 4096 /* of status and stat */

#define INITIAL_PIDNS 0xEFFFFFFCu /* PROC_PID_INIT_INO; the same on all kernels */

bool procfs_is_initial(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == INITIAL_PIDNS;
}

/* The number of bytes, NUL-terminated, or -errno. */
static ssize_t read_file(uint32_t pid, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = -1;
	size_t got = 0;
	char path[64];
	ssize_t n = 0;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (got < size - 1 && (n = read(fd, buf + got, size - 1 - got)) > 0)
		got += (size_t)n;
	if (n < 0)
		return -errno;
	buf[got] = '\0';
	return (ssize_t)got;
}

/* Behind "\nKEY:\t", or NULL. A name of a process is escaped there and makes no lines. */
static const char *line_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, key, len))
			return at + len;
	}
	return NULL;
}

static int parse_u32(const char *text, const char **ret_end, uint32_t *ret)
{
	unsigned long v;
	char *end;

	text += strspn(text, " \t");
	if (*text < '0' || *text > '9')
		return -EBADMSG;
	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || v > UINT32_MAX)
		return -EBADMSG;
	*ret = (uint32_t)v;
	*ret_end = end;
	return 0;
}

int procfs_parse_status(const char *text, uint32_t *ret_ppid, uint32_t *ret_ns_pid)
{
	const char *parent = line_of(text, "PPid:"), *ns = line_of(text, "NSpid:");
	uint32_t ppid, ns_pid;

	if (!parent || !ns || parse_u32(parent, &parent, &ppid) || parse_u32(ns, &ns, &ns_pid))
		return -EBADMSG;
	/* From the outer namespace to the process's own. */
	while (*ns == '\t' || *ns == ' ')
		if (parse_u32(ns, &ns, &ns_pid))
			return -EBADMSG;
	*ret_ppid = ppid;
	*ret_ns_pid = ns_pid;
	return 0;
}

int procfs_parse_stat(const char *text, uint64_t *ret_start_ticks)
{
	const char *at = strrchr(text, ')'); /* of "(comm)", which may hold any */
	unsigned long long v;
	char *end;

	for (int field = 2; at && field < 22; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	if (!at || *at < '0' || *at > '9')
		return -EBADMSG;
	errno = 0;
	v = strtoull(at, &end, 10);
	if (errno || (*end != ' ' && *end != '\n' && *end))
		return -EBADMSG;
	*ret_start_ticks = v;
	return 0;
}

int procfs_parse_cgroup(const char *text, char *buf, size_t size)
{
	const char *path = line_of(text, "0::");
	size_t len = path ? strcspn(path, "\n") : 0;

	if (!path || *path != '/' || len >= size)
		return -EBADMSG;
	memcpy(buf, path, len);
	buf[len] = '\0';
	return 0;
}

int procfs_cgroup(uint32_t pid, char *buf, size_t size)
{
	char text[TEXT_SIZE];
	ssize_t n = read_file(pid, "cgroup", text, sizeof(text));

	return n < 0 ? (int)n : procfs_parse_cgroup(text, buf, size);
}

static void read_comm(struct tag_event *ev)
{
	char text[TAG_COMM_LEN + 1]; /* with the newline */

	if (read_file(ev->pid, "comm", text, sizeof(text)) <= 0)
		return;
	text[strcspn(text, "\n")] = '\0';
	memcpy(ev->comm, text, strnlen(text, sizeof(ev->comm) - 1));
}

/* What it executes; a process that is ending has none of it any more. */
static void read_image(struct tag_event *ev)
{
	char path[64], args[TAG_ARGS_LEN + 2];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/exe", ev->pid);
	n = readlink(path, ev->exe, sizeof(ev->exe) - 1);
	if (n <= 0)
		return;
	ev->exe[n] = '\0';
	ev->exe_len = (unsigned)n + 1;
	n = read_file(ev->pid, "cmdline", args, sizeof(args));
	ev->args_len = n > 0 ? (unsigned)n : 0; /* one byte more than fits: it is cut */
	memcpy(ev->args, args, ev->args_len < TAG_ARGS_LEN ? ev->args_len : TAG_ARGS_LEN);
}

int procfs_complete(struct tag_event *ev)
{
	uint32_t ppid, ns_pid, grandparent, ns_ppid = 0;
	char text[TEXT_SIZE];
	uint64_t ticks;
	ssize_t n = read_file(ev->pid, "status", text, sizeof(text));
	int r = n < 0 ? (int)n : procfs_parse_status(text, &ppid, &ns_pid);

	if (r < 0)
		return r;
	n = read_file(ev->pid, "stat", text, sizeof(text));
	r = n < 0 ? (int)n : procfs_parse_stat(text, &ticks);
	if (r < 0)
		return r;
	if (read_file(ppid, "status", text, sizeof(text)) >= 0)
		procfs_parse_status(text, &grandparent, &ns_ppid);
	ev->ppid = ppid;
	ev->ns_pid = ns_pid;
	ev->ns_ppid = ns_ppid;
	ev->start = ticks * (unsigned long long)(NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
	if (!ev->comm[0])
		read_comm(ev);
	read_image(ev);
	return 0;
}
