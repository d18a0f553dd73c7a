/*
 * Takes and compares snapshots of what a run could leave behind; waits for namespaces to be gone.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/units.h"
#include "emu/netns.h"
#include "emu/rtnl.h"
#include "tests/lib/leftover.h"

#define WITNESS 7777 /* index of the witness veth's end that stays */

static int add_command(FILE *out, const char *tag, const char *command)
{
	FILE *p = popen(command, "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	if (!p)
		return -errno;
	while (getline(&line, &cap, p) >= 0)
		fprintf(out, "%s %s", tag, line);
	return pclose(p) == 0 ? 0 : -EIO;
}

static int add_file(FILE *out, const char *tag, const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	if (!f)
		return -errno;
	while (getline(&line, &cap, f) >= 0)
		fprintf(out, "%s %s", tag, line);
	return 0;
}

static FILE *walk_out;
static bool walk_ours;

/* Our own tree is the directory "detnet" of a cgroup mount and what is below it. */
static int walk_cgroup(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	bool ours = strstr(path, "/detnet") != NULL;

	(void)st;
	/* Others make and remove theirs deeper down all the time. */
	if (type == FTW_D && ours == walk_ours && (ours || ftw->level <= 2))
		fprintf(walk_out, "cgroup %s\n", path);
	return 0;
}

static int walk_any(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	(void)type;
	fprintf(walk_out, "run %s\n", path);
	return 0;
}

static int machine_parts(FILE *out)
{
	/* Lifetimes and counters change by themselves; sysctls that count or draw do too. */
	static const char *const commands[][2] = {
		{ "link", "ip -d -o link show" },
		{ "addr", "ip -o addr show | sed 's/valid_lft.*//'" },
		{ "route", "ip route show table all; ip -6 route show table all "
			   "| sed 's/expires [0-9]*sec//'" },
		{ "rule", "ip rule show" },
		{ "qdisc", "tc qdisc show" },
		{ "nft", "nft list ruleset" },
		{ "sysctl", "sysctl -a --pattern '^(net|user|kernel.pid_max)' 2>/dev/null "
			    "| grep -vE 'nf_conntrack_count|stable_secret'" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (add_command(out, commands[i][0], commands[i][1]) < 0)
			return -EIO;
	}
	walk_out = out;
	walk_ours = false;
	nftw("/sys/fs/cgroup", walk_cgroup, 16, FTW_PHYS);
	return add_file(out, "mount", "/proc/self/mountinfo");
}

/* A process that ends while it is looked at has no fds any more: that is no error. */
static void held_by(FILE *out, const char *pid)
{
	char path[300], target[64];
	struct dirent *d;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	n = readlink(path, target, sizeof(target) - 1);
	if (n > 0)
		fprintf(out, "ns %.*s\n", (int)n, target);
	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, d->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n > 4 && !strncmp(target, "net:", 4))
			fprintf(out, "ns %.*s\n", (int)n, target);
	}
	if (dir)
		closedir(dir);
}

static int our_parts(FILE *out)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	uint32_t id = 0;

	if (!proc)
		return -errno;
	while ((d = readdir(proc))) {
		if (isdigit((unsigned char)d->d_name[0]))
			held_by(out, d->d_name);
	}
	closedir(proc);
	while (bpf_prog_get_next_id(id, &id) == 0)
		fprintf(out, "bpf program %u\n", id);
	walk_out = out;
	walk_ours = true;
	nftw("/sys/fs/cgroup", walk_cgroup, 16, FTW_PHYS);
	nftw("/run/detnet", walk_any, 16, FTW_PHYS);
	return add_command(out, "nsfs", "grep nsfs /proc/self/mountinfo || true");
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of text, sorted, without repetitions; the strings stay text's. */
static char **lines_of(char *text, size_t *ret_n)
{
	size_t n = 0, cap = 1, unique = 0, i;
	char **v, *save = NULL, *p;

	for (p = text; *p; p++)
		cap += *p == '\n';
	v = calloc(cap + 1, sizeof(*v));
	if (!v)
		return NULL;
	for (p = strtok_r(text, "\n", &save); p; p = strtok_r(NULL, "\n", &save))
		v[n++] = p;
	qsort(v, n, sizeof(*v), compare);
	for (i = 0; i < n; i++) {
		if (!unique || strcmp(v[unique - 1], v[i]))
			v[unique++] = v[i];
	}
	*ret_n = unique;
	return v;
}

char *leftover_take(enum leftover_parts parts)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	int r = 0;

	if (!out)
		return NULL;
	if (parts & LEFTOVER_MACHINE)
		r = machine_parts(out);
	if (!r && (parts & LEFTOVER_OURS))
		r = our_parts(out);
	if (fclose(out) || r < 0) {
		free(text);
		return NULL;
	}
	return text;
}

char *leftover_diff(const char *before, const char *after)
{
	_cleanup_free_ char *a = strdup(before), *b = strdup(after);
	_cleanup_free_ char **x = NULL, **y = NULL;
	size_t nx = 0, ny = 0, i = 0, j = 0, size;
	char *text = NULL;
	FILE *out;

	if (!a || !b)
		return NULL;
	x = lines_of(a, &nx);
	y = lines_of(b, &ny);
	out = open_memstream(&text, &size);
	if (!x || !y || !out)
		abort();
	while (i < nx || j < ny) {
		int c = i == nx ? 1 : j == ny ? -1 : strcmp(x[i], y[j]);

		if (c < 0)
			fprintf(out, "- %s\n", x[i]);
		else if (c > 0)
			fprintf(out, "+ %s\n", y[j]);
		i += c <= 0;
		j += c >= 0;
	}
	fclose(out);
	return text;
}

/* Reads link messages until the witness is gone. */
static int wait_witness(struct mnl_socket *s, int64_t until)
{
	struct pollfd p = { .fd = mnl_socket_get_fd(s), .events = POLLIN };
	_Alignas(struct nlmsghdr) char buf[16384];

	for (;;) {
		int64_t left = until - units_now_mono();
		const struct nlmsghdr *nlh;
		ssize_t n;
		int room;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)(left / NSEC_PER_MSEC) + 1) <= 0)
			continue;
		n = mnl_socket_recvfrom(s, buf, sizeof(buf));
		if (n < 0)
			return -errno;
		room = (int)n;
		for (nlh = (void *)buf; mnl_nlmsg_ok(nlh, room); nlh = mnl_nlmsg_next(nlh, &room)) {
			const struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type == RTM_DELLINK && ifm->ifi_index == WITNESS)
				return 0;
		}
	}
}

static struct mnl_socket *watch_links(int ns)
{
	int old = netns_enter(ns);
	struct mnl_socket *s;

	if (old < 0)
		return NULL;
	s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	netns_leave(old);
	if (s && mnl_socket_bind(s, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(s);
		return NULL;
	}
	return s;
}

int leftover_drain(int ms)
{
	int64_t until = units_now_mono() + ms * NSEC_PER_MSEC;
	_cleanup_err_ struct err err = { 0 };
	struct mnl_socket *s;
	struct rtnl *rt;
	int ns[2], r;

	r = netns_new(ns, 2, false, &err);
	if (r < 0)
		return r;
	s = watch_links(ns[0]);
	r = s ? rtnl_open(ns[0], &rt) : -EIO;
	if (!r) {
		struct rtnl_end stays = { .ns_fd = ns[0], .name = "stays", .ifindex = WITNESS };
		struct rtnl_end goes = { .ns_fd = ns[1], .name = "goes", .ifindex = WITNESS };

		r = rtnl_add_veth(rt, &stays, &goes, 0);
		if (!r)
			r = rtnl_flush(rt, &err);
		rtnl_close(rt);
	}
	close(ns[1]);
	if (!r)
		r = wait_witness(s, until);
	if (s)
		mnl_socket_close(s);
	close(ns[0]);
	return r;
}
