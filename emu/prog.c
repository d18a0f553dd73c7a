/*
 * Programs in hosts: their cgroup, their start, their signals and their end.
 *
 * prog_start() sends the request to the host's init and then reads the report pipe that went with
 * it. The pipe's write end lives in the forked child and closes on exec: an end of file after the
 * pid says that the program runs, a second report says why it does not.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "emu/emu_internal.h"
#include "emu/init_proto.h"

/* For killed processes to leave their cgroup; one stuck in the kernel is left to the sweep. */
#define EMPTY_TIMEOUT_MS 5000

static const char *const clean_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"HOME=/root",
	"LANG=C.UTF-8",
	"USER=root",
	"LOGNAME=root",
};

static const char *host_name(const struct prog *p)
{
	return p->host->emu->net->nodes[p->host->node].name;
}

static void free_strings(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

static size_t count_strings(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

static char **copy_strings(char *const *list)
{
	size_t n = count_strings(list);
	char **copy = calloc(n + 1, sizeof(*copy));

	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(list[i]);
		if (!copy[i]) {
			free_strings(copy);
			return NULL;
		}
	}
	return copy;
}

/* Replaces the variable of the same name, or adds it; list has room. */
static int put_env(char **list, const char *entry)
{
	size_t name = strcspn(entry, "=") + 1, i = 0;
	char *copy = strdup(entry);

	if (!copy)
		return -ENOMEM;
	while (list[i] && strncmp(list[i], entry, name) != 0)
		i++;
	free(list[i]);
	list[i] = copy;
	return 0;
}

static char **make_env(const struct emu *e, const struct prog_spec *spec)
{
	size_t n = ARRAY_SIZE(clean_env) + count_strings(spec->env);
	char **list = calloc(n + 3, sizeof(*list)), buf[128];
	const char *term = spec->terminal ? getenv("TERM") : NULL;
	int r = 0;

	if (!list)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(clean_env) && r == 0; i++)
		r = put_env(list, clean_env[i]);
	if (r == 0 && term && strlen(term) < 100) {
		snprintf(buf, sizeof(buf), "TERM=%s", term);
		r = put_env(list, buf);
	}
	if (r == 0 && e->tls_keys) {
		snprintf(buf, sizeof(buf), "SSLKEYLOGFILE=%s", e->tls_keys);
		r = put_env(list, buf);
	}
	for (size_t i = 0; spec->env && spec->env[i] && r == 0; i++)
		r = put_env(list, spec->env[i]);
	if (r < 0) {
		free_strings(list);
		return NULL;
	}
	return list;
}

static int take_fds(struct prog *p, const struct prog_spec *spec)
{
	for (int i = 0; i < 3; i++) {
		p->fd[i] = spec->fd[i] < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC)
					   : fcntl(spec->fd[i], F_DUPFD_CLOEXEC, 3);
		if (p->fd[i] < 0)
			return -errno;
	}
	return 0;
}

static int fill(struct prog *p, const struct prog_spec *spec, struct err *err)
{
	struct emu *e = p->host->emu;
	char path[512];
	int r;

	p->terminal = spec->terminal;
	p->argv = copy_strings(spec->argv);
	p->env = make_env(e, spec);
	p->cwd = strdup(spec->cwd ? spec->cwd : "");
	if (!p->argv || !p->env || !p->cwd)
		return err_sys(err, ENOMEM, "%s: cannot run %s", host_name(p), spec->argv[0]);
	r = take_fds(p, spec);
	if (r < 0)
		return err_sys(err, -r, "%s: cannot run %s", host_name(p), spec->argv[0]);
	/* The host's cgroup first: with it come the limits. */
	if (p->host->cgroup_fd < 0)
		r = cgroup_add_host(e->cgroup, host_name(p), &e->net->nodes[p->host->node].limits,
				    &p->host->cgroup_fd, err);
	if (r == 0)
		r = cgroup_add_program(e->cgroup, host_name(p), p->number, &p->cgroup_fd,
				       &p->cgroup_id, err);
	if (r < 0)
		return r;
	cgroup_path(e->cgroup, host_name(p), p->number, path, sizeof(path));
	p->cgroup_path = strdup(path);
	if (!p->cgroup_path)
		return err_sys(err, ENOMEM, "%s: cannot run %s", host_name(p), spec->argv[0]);
	return 0;
}

static void tell(const struct prog *p)
{
	const struct emu *e = p->host->emu;

	if (e->watch)
		e->watch(e->watch_arg, p);
}

void emu_watch_progs(struct emu *e, emu_prog_fn *fn, void *arg)
{
	e->watch = fn;
	e->watch_arg = arg;
	for (size_t i = 0; fn && i < e->net->n_nodes; i++)
		for (const struct prog *p = e->hosts[i].progs; p; p = p->next)
			tell(p);
}

int prog_new(struct emu *e, const struct prog_spec *spec, struct prog **ret, struct err *err)
{
	const struct node *node;
	struct prog *p;
	int r;

	if (spec->node >= e->net->n_nodes)
		return err_usage(err, "there is no node number %u to run a program in", spec->node);
	node = &e->net->nodes[spec->node];
	if (!node_kinds[node->kind].has_ns)
		return err_usage(err, "%s is a %s: programs run in hosts and routers", node->name,
				 node_kinds[node->kind].name);
	if (!spec->argv || !spec->argv[0] || !spec->argv[0][0])
		return err_usage(err, "%s: no program to run was named", node->name);
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_sys(err, ENOMEM, "%s: cannot run %s", node->name, spec->argv[0]);
	p->fd[0] = p->fd[1] = p->fd[2] = p->cgroup_fd = -1;
	p->host = &e->hosts[spec->node];
	p->number = e->next_prog++;
	p->next = p->host->progs;
	p->host->progs = p;
	r = fill(p, spec, err);
	if (r < 0) {
		prog_free(p);
		return r;
	}
	tell(p);
	*ret = p;
	return 0;
}

/* cwd, argv and env in a memfd. */
static int make_blob(const struct prog *p, struct init_start *start)
{
	_cleanup_close_ int fd = memfd_create("detnet-start", MFD_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	bool ok;

	if (!f)
		return -errno;
	fprintf(f, "%s%c", p->cwd, 0);
	for (; p->argv[start->argc]; start->argc++)
		fprintf(f, "%s%c", p->argv[start->argc], 0);
	for (; p->env[start->envc]; start->envc++)
		fprintf(f, "%s%c", p->env[start->envc], 0);
	ok = fclose(f) == 0;
	if (!ok || fd < 0 || write(fd, text, size) != (ssize_t)size)
		return -errno;
	start->size = (uint32_t)size;
	return steal_fd(&fd);
}

static int request(struct prog *p, int report_fd)
{
	struct init_start start = { .number = p->number, .terminal = p->terminal,
				    .foreground = p->foreground };
	_cleanup_close_ int blob = make_blob(p, &start);
	int fds[INIT_FDS] = {
		[INIT_FD_STDIN] = p->fd[0],	     [INIT_FD_STDOUT] = p->fd[1],
		[INIT_FD_STDERR] = p->fd[2],	     [INIT_FD_CGROUP] = p->cgroup_fd,
		[INIT_FD_REPORT] = report_fd, [INIT_FD_BLOB] = blob,
	};

	if (blob < 0)
		return blob;
	return host_send(p->host, &start, sizeof(start), fds, INIT_FDS);
}

static int failed(const struct prog *p, const struct init_report *r, struct err *err)
{
	const struct node_limits *l = &p->host->emu->net->nodes[p->host->node].limits;
	const char *cwd = *p->cwd ? p->cwd : "its first folder";

	switch ((enum init_stage)r->stage) {
	case INIT_CHDIR:
		return err_sys(err, r->error, "%s: cannot run %s in %s", host_name(p), p->argv[0],
			       cwd);
	case INIT_SANDBOX:
		return err_sys(err, r->error, "%s: cannot run %s: its sandbox was refused",
			       host_name(p), p->argv[0]);
	case INIT_STARTING:
		if (r->error == EAGAIN && l->pids)
			return err_sys(err, r->error, "%s: cannot run %s: the host has its %llu "
						      "processes already (pids =)",
				       host_name(p), p->argv[0], (unsigned long long)l->pids);
		break;
	case INIT_EXEC:
		break;
	}
	return err_sys(err, r->error, "%s: cannot run %s", host_name(p), p->argv[0]);
}

/* Until the pipe ends: the pid, and then perhaps why it failed. */
static int await_start(struct prog *p, int fd, struct err *err)
{
	struct init_report r;
	ssize_t n;

	for (;;) {
		n = read(fd, &r, sizeof(r));
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(r))
			break;
		if (r.error)
			return failed(p, &r, err);
		p->pid = r.pid;
	}
	if (!p->pid)
		return err_failed(err, "%s: cannot run %s: the host's init gave no answer",
				  host_name(p), p->argv[0]);
	return 0;
}

static void close_fds(struct prog *p)
{
	for (int i = 0; i < 3; i++) {
		if (p->fd[i] >= 0)
			close(p->fd[i]);
		p->fd[i] = -1;
	}
}

static bool is_foreground(void)
{
	_cleanup_close_ int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	return tty >= 0 && tcgetpgrp(tty) == getpgrp();
}

int prog_start(struct prog *p, prog_end_fn *end, void *arg, struct err *err)
{
	_cleanup_close_ int report_fd = -1;
	int fds[2], r;

	if (!p->host || p->started || p->ended)
		return err_failed(err, "%s: a program starts once", p->argv[0]);
	r = host_start_init(p->host, err);
	if (r < 0)
		return r;
	p->foreground = p->terminal && is_foreground();
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "%s: cannot run %s", host_name(p), p->argv[0]);
	report_fd = fds[0];
	r = request(p, fds[1]);
	close(fds[1]);
	if (r < 0) {
		p->foreground = false; /* nobody has got it */
		return err_sys(err, -r, "%s: cannot run %s", host_name(p), p->argv[0]);
	}
	r = await_start(p, report_fd, err);
	if (r < 0) {
		host_take_terminal(p);
		p->pid = 0;
		return r;
	}
	p->end = end;
	p->end_arg = arg;
	p->started = true;
	/* Its input and output are its own now: our copies would keep pipes open. */
	close_fds(p);
	tell(p);
	return 0;
}

/* Sends to each process of the cgroup; how many there were, or -errno. */
static int signal_each(const struct prog *p, int sig)
{
	_cleanup_close_ int fd = openat(p->cgroup_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	_cleanup_fclose_ FILE *f = fd < 0 ? NULL : fdopen(fd, "re");
	char line[32];
	int n = 0;

	if (!f)
		return -errno;
	steal_fd(&fd); /* f's now */
	while (fgets(line, sizeof(line), f)) {
		long pid = strtol(line, NULL, 10);

		/* 0 is a process of a pid namespace that we do not see; to kill() it is our group. */
		if (pid > 0 && kill((pid_t)pid, sig) == 0)
			n++;
	}
	return n;
}

static bool is_populated(int events_fd)
{
	char text[256];
	ssize_t n = pread(events_fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return strstr(text, "populated 1");
}

int prog_signal(struct prog *p, int sig)
{
	_cleanup_close_ int kill_fd = -1;
	int n;

	if (!p->host || p->cgroup_fd < 0)
		return -ESRCH;
	if (sig == SIGKILL) {
		_cleanup_close_ int events = openat(p->cgroup_fd, "cgroup.events",
						    O_RDONLY | O_CLOEXEC);

		if (!is_populated(events))
			return -ESRCH;
		/* Linux 5.14; it misses no fork. */
		kill_fd = openat(p->cgroup_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
		if (kill_fd >= 0 && write(kill_fd, "1", 1) == 1)
			return 0;
	}
	n = signal_each(p, sig);
	if (n < 0)
		return n;
	return n > 0 ? 0 : -ESRCH;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* Kills all that is in the cgroup and waits until it is empty, as removing it asks for. */
static void empty_cgroup(struct prog *p)
{
	_cleanup_close_ int events = openat(p->cgroup_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	struct pollfd poll_fd = { .fd = events, .events = POLLPRI };
	int64_t end = now_ms() + EMPTY_TIMEOUT_MS, left;

	if (events < 0)
		return;
	while (is_populated(events)) {
		prog_signal(p, SIGKILL);
		left = end - now_ms();
		if (left <= 0)
			return;
		/* Any change wakes us; what was forked meanwhile is killed in the next round. */
		poll(&poll_fd, 1, (int)left);
	}
}

void prog_free(struct prog *p)
{
	if (!p)
		return;
	if (p->host) {
		for (struct prog **q = &p->host->progs; *q; q = &(*q)->next) {
			if (*q != p)
				continue;
			*q = p->next;
			break;
		}
		if (p->cgroup_fd >= 0) {
			empty_cgroup(p);
			cgroup_del_program(p->host->emu->cgroup, host_name(p), p->number);
		}
		host_take_terminal(p);
	}
	if (p->cgroup_fd >= 0)
		close(p->cgroup_fd);
	close_fds(p);
	free_strings(p->argv);
	free_strings(p->env);
	free(p->cwd);
	free(p->cgroup_path);
	free(p);
}

uint64_t prog_cgroup_id(const struct prog *p)
{
	return p->cgroup_id;
}

uint32_t prog_node(const struct prog *p)
{
	return p->host->node;
}

char *const *prog_argv(const struct prog *p)
{
	return p->argv;
}

unsigned prog_number(const struct prog *p)
{
	return p->number;
}

pid_t prog_pid(const struct prog *p)
{
	return p->pid;
}

const char *prog_cgroup_path(const struct prog *p)
{
	return p->cgroup_path;
}

struct run_end {
	bool ended;
	int wstatus;
};

static void on_run_end(void *arg, struct prog *p, int wstatus)
{
	struct run_end *end = arg;

	end->ended = true;
	end->wstatus = wstatus;
}

int prog_run(struct emu *e, const struct prog_spec *spec, int *ret_wstatus, struct err *err)
{
	struct run_end end = { .ended = false };
	struct prog *p = NULL;
	int r = prog_new(e, spec, &p, err);

	if (!p)
		return r;
	r = prog_start(p, on_run_end, &end, err);
	while (r == 0 && !end.ended) {
		int n = loop_once(e->loop, -1);

		if (n < 0 && n != -EINTR)
			r = err_sys(err, -n, "cannot wait for %s", spec->argv[0]);
	}
	prog_free(p);
	if (r == 0)
		*ret_wstatus = end.wstatus;
	return r;
}
