/*
 * A host's init: pid 1 of the host. What it is told and what it answers is in emu/init_proto.h.
 *
 * It waits on two descriptors: the socket to emu, and a signalfd. A request forks a program;
 * SIGCHLD reaps programs and the orphans they left. It never waits for a program and never blocks
 * on the socket: ends that do not fit are kept until there is room, for emu may be busy with a
 * start in this same host.
 *
 * It stays in the machine's user namespace, whose mounts the host's file tree is made of, and keeps
 * its capabilities there. Only the forked child of each program goes into the host's own. No
 * program may reach those capabilities, so the init is made undumpable: none can trace it or look
 * into /proc/1.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "emu/hostfs.h"
#include "emu/init.h"
#include "emu/init_proto.h"
#include "emu/sandbox.h"
#include "emu/userns.h"

struct child {
	struct child *next;
	pid_t pid;
	uint32_t number;
	bool terminal, hung_up, ended;
	int wstatus;
};

struct init {
	int socket, signals;
	int userns; /* of programs, or -1: as our own */
	struct child *children;
	const struct init_conf *conf; /* mapped for good: the filter is in it */
	const struct sock_filter *filter;
	const char *default_cwd;
};

/* A request as its child needs it. */
struct request {
	struct init_start start;
	int fds[INIT_FDS];
	char *blob;
	const char *cwd;
	char **argv, **env;
};

static void request_free(struct request *r)
{
	for (int i = 0; i < INIT_FDS; i++)
		cleanup_closep(&r->fds[i]);
	free(r->blob);
	free(r->argv);
	free(r->env);
}

/* One message and its descriptors (-1 where fewer came). Bytes, 0 at the end, or -errno. */
static ssize_t receive(int fd, void *msg, size_t size, int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(INIT_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = msg, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			    .msg_controllen = CMSG_SPACE(n_fds * sizeof(int)) };
	struct cmsghdr *c;
	ssize_t n;

	for (size_t i = 0; i < n_fds; i++)
		fds[i] = -1;
	do
		n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	return n;
}

static char *read_blob(int fd, size_t size)
{
	char *blob = malloc(size + 1);

	if (!blob)
		return NULL;
	if (pread(fd, blob, size, 0) != (ssize_t)size) {
		free(blob);
		return NULL;
	}
	blob[size] = '\0';
	return blob;
}

static const char *next_string(const char **p)
{
	const char *s = *p;

	*p += strlen(s) + 1;
	return s;
}

static char **string_list(const char **p, uint32_t n)
{
	char **list = calloc((size_t)n + 1, sizeof(*list));

	for (uint32_t i = 0; list && i < n; i++)
		list[i] = (char *)next_string(p);
	return list;
}

/*
 * The audit login id of whoever started detnet is inherited, and pam_loginuid in a host could not
 * set its own over it: every login there would be refused. Kernels without audit have none.
 */
static void forget_login(void)
{
	_cleanup_close_ int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "4294967295", 10) < 0)
		return; /* made immutable by the machine's audit rules: theirs to decide */
}

/* Becomes the host that the hello and the configuration describe. */
static int become_host(struct init *in, const struct init_hello *hello, struct err *err)
{
	struct hostfs fs = { .hostname = hello->hostname, .n_binds = in->conf->n_binds };
	_cleanup_free_ struct emu_bind *binds = calloc(fs.n_binds + 1, sizeof(*binds));
	const char *p, *share;
	int r;

	if (!binds)
		return err_sys(err, ENOMEM, "cannot start a host");
	in->filter = (const struct sock_filter *)(in->conf + 1);
	p = (const char *)(in->filter + in->conf->n_filter);
	fs.hosts = next_string(&p);
	fs.resolv = next_string(&p);
	share = next_string(&p);
	for (size_t i = 0; i < fs.n_binds; i++) {
		binds[i].source = next_string(&p);
		binds[i].path = next_string(&p);
	}
	fs.binds = binds;
	fs.share = hello->share && *share ? share : NULL;
	in->default_cwd = fs.share ? fs.share : "/";
	if (sethostname(hello->hostname, strlen(hello->hostname)) < 0)
		return err_sys(err, errno, "cannot set the host name '%s'", hello->hostname);
	r = hostfs_build(&fs, err);
	if (r == 0)
		forget_login();
	return r;
}

static int set_up(struct init *in, struct err *err)
{
	_cleanup_close_ int conf_fd = -1;
	int fds[INIT_HELLO_FDS];
	struct init_hello hello;
	struct stat st;
	ssize_t n;

	/* Again, for it would not survive a change of credentials at exec. If emu died before this
	 * line, the socket's end says so below. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, errno, "cannot protect a host's init");
	prctl(PR_SET_NAME, INIT_ARGV0, 0, 0, 0);
	n = receive(in->socket, &hello, sizeof(hello), fds, INIT_HELLO_FDS);
	conf_fd = fds[INIT_HELLO_CONF];
	in->userns = fds[INIT_HELLO_USERNS];
	if (n != sizeof(hello) || conf_fd < 0)
		return err_failed(err, "a host's init got no configuration");
	if (fstat(conf_fd, &st) < 0)
		return err_sys(err, errno, "cannot read a host's configuration");
	in->conf = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, conf_fd, 0);
	if (in->conf == MAP_FAILED)
		return err_sys(err, errno, "cannot read a host's configuration");
	return become_host(in, &hello, err);
}

static void report(int fd, pid_t pid, int error, enum init_stage stage)
{
	struct init_report r = { .pid = pid, .error = error, .stage = stage };

	/* Less than PIPE_BUF: whole or not at all. If nobody listens, nobody misses it. */
	if (write(fd, &r, sizeof(r)) < 0)
		return;
}

/* Limits as after a login, whatever detnet's own are. The hard ones stay: they cannot be raised. */
static void default_limits(void)
{
	static const struct {
		__rlimit_resource_t resource;
		rlim_t soft;
	} limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NOFILE, 1024 },
		{ RLIMIT_STACK, 8 << 20 },
	};
	struct rlimit l;

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (getrlimit(limits[i].resource, &l) < 0)
			continue;
		l.rlim_cur = limits[i].soft < l.rlim_max ? limits[i].soft : l.rlim_max;
		setrlimit(limits[i].resource, &l);
	}
}

static void default_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		sigaction(s, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Copies above standard input, output and error first, so that none is written over. */
static int place_fds(const struct request *r, int *report_fd)
{
	int high = fcntl(*report_fd, F_DUPFD_CLOEXEC, 10), std[3];

	if (high < 0)
		return -errno;
	*report_fd = high;
	for (int i = 0; i < 3; i++) {
		std[i] = fcntl(r->fds[i], F_DUPFD_CLOEXEC, 10);
		if (std[i] < 0)
			return -errno;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(std[i], i) < 0)
			return -errno;
	return 0;
}

/* The forked child, up to the program. By exec the report pipe closes: all went well. */
static _Noreturn void run_child(const struct init *in, const struct request *r)
{
	enum init_stage stage = INIT_STARTING;
	int report_fd = r->fds[INIT_FD_REPORT], error;

	report(report_fd, getpid(), 0, INIT_STARTING);
	if (r->start.terminal)
		setpgid(0, 0); /* or kill(0, …), which knows no pid namespace, would end detnet too */
	else
		setsid();
	error = place_fds(r, &report_fd);
	if (error < 0)
		goto fail_error;
	/* SIGTTOU is blocked, as all signals are here: not even this may stop us. Where standard
	 * input is not the terminal, there is nothing to be had. */
	if (r->start.foreground)
		tcsetpgrp(0, getpid());
	default_limits();
	stage = INIT_CHDIR;
	if (chdir(r->cwd) < 0)
		goto fail;
	stage = INIT_SANDBOX;
	/* First, for there a process begins with all capabilities. */
	error = in->userns < 0 ? 0 : userns_join(in->userns);
	if (error == 0)
		error = sandbox_enter(in->filter, in->conf->n_filter);
	if (error < 0)
		goto fail_error;
	default_signals();
	stage = INIT_EXEC;
	environ = r->env; /* execvp() looks in this PATH */
	execvp(r->argv[0], r->argv);
fail:
	error = -errno;
fail_error:
	report(report_fd, 0, -error, stage);
	_exit(127);
}

static void start_program(struct init *in, struct request *r)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD,
				   .cgroup = (uint64_t)r->fds[INIT_FD_CGROUP] };
	struct child *c = calloc(1, sizeof(*c));
	long pid;

	if (!c) {
		report(r->fds[INIT_FD_REPORT], 0, ENOMEM, INIT_STARTING);
		return;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		run_child(in, r);
	if (pid < 0) {
		report(r->fds[INIT_FD_REPORT], 0, errno, INIT_STARTING);
		free(c);
		return;
	}
	c->pid = (pid_t)pid;
	c->number = r->start.number;
	c->terminal = r->start.terminal;
	c->next = in->children;
	in->children = c;
}

/* False when emu closed its end. */
static bool serve(struct init *in)
{
	_cleanup_(request_free) struct request r = { .blob = NULL };
	const char *p;
	ssize_t n;

	n = receive(in->socket, &r.start, sizeof(r.start), r.fds, INIT_FDS);
	if (n == 0)
		return false;
	/* A lack of memory or of descriptors is this request's end, not the host's. */
	if (n != sizeof(r.start) || r.fds[INIT_FDS - 1] < 0)
		return true; /* its report pipe closes unused, which emu takes for a failure */
	r.blob = read_blob(r.fds[INIT_FD_BLOB], r.start.size);
	if (r.blob) {
		p = r.blob;
		r.cwd = next_string(&p);
		if (!*r.cwd)
			r.cwd = in->default_cwd;
		r.argv = string_list(&p, r.start.argc);
		r.env = string_list(&p, r.start.envc);
	}
	if (r.argv && r.env)
		start_program(in, &r);
	else
		report(r.fds[INIT_FD_REPORT], 0, ENOMEM, INIT_STARTING);
	return true;
}

/*
 * The shell has no stopped jobs: who waits for a program that Ctrl-Z stopped would wait for good.
 * So it goes on at once. One that asks for a terminal that it does not have (detnet itself is in
 * the background) would be stopped again by its next try: we hang up on it, and then kill it.
 */
static void unstop(struct child *c, int sig)
{
	if (!c->terminal)
		return;
	if (sig == SIGTTIN || sig == SIGTTOU) {
		kill(-c->pid, c->hung_up ? SIGKILL : SIGHUP);
		c->hung_up = true;
	}
	kill(-c->pid, SIGCONT);
}

static void reap(struct init *in)
{
	int wstatus;
	pid_t pid;

	while ((pid = waitpid(-1, &wstatus, WNOHANG | WUNTRACED)) > 0) {
		for (struct child *c = in->children; c; c = c->next) {
			if (c->pid != pid || c->ended)
				continue;
			if (WIFSTOPPED(wstatus)) {
				unstop(c, WSTOPSIG(wstatus));
				break;
			}
			c->ended = true;
			c->wstatus = wstatus;
			break;
		}
	}
}

/* Tells what ends there are while the socket takes them. True when some are left to tell. */
static bool tell_ends(struct init *in)
{
	for (struct child **p = &in->children; *p;) {
		struct child *c = *p;
		struct init_event e = { .kind = INIT_ENDED, .number = c->number,
					.wstatus = c->wstatus };

		if (!c->ended) {
			p = &c->next;
			continue;
		}
		if (send(in->socket, &e, sizeof(e), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return errno == EAGAIN;
		*p = c->next;
		free(c);
	}
	return false;
}

/* False when the init is to end. */
static bool handle_signals(struct init *in)
{
	struct signalfd_siginfo s;
	bool go_on = true;

	while (read(in->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGCHLD)
			reap(in);
		/* From outside the host only: there a sender has no pid that we could see. */
		else if (s.ssi_signo == SIGTERM && s.ssi_pid == 0)
			go_on = false;
	}
	return go_on;
}

static void loop(struct init *in)
{
	struct pollfd fds[2] = { { .fd = in->socket }, { .fd = in->signals, .events = POLLIN } };
	bool go_on = true;

	while (go_on) {
		fds[0].events = tell_ends(in) ? POLLIN | POLLOUT : POLLIN;
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			go_on = handle_signals(in);
		if (go_on && (fds[0].revents & (POLLIN | POLLHUP | POLLERR)))
			go_on = serve(in);
	}
}

/*
 * All signals are blocked, and so queue to the signalfd or nowhere. A terminal's SIGINT, SIGQUIT
 * and SIGTSTP reach this process when they reach detnet, in whose process group it stays. It must
 * stay in its session at least: programs of the terminal are its children, and a group whose
 * parents are all in other sessions is orphaned, and could not use a terminal as it likes.
 */
static int block_signals(struct init *in)
{
	sigset_t set;

	for (int s = 1; s < NSIG; s++)
		if (s == SIGINT || s == SIGQUIT || s == SIGTSTP || s == SIGTTIN || s == SIGTTOU ||
		    s == SIGHUP || s == SIGPIPE)
			signal(s, SIG_IGN);
	/* Must not stay ignored, as it may be inherited: children would vanish unreaped. */
	signal(SIGCHLD, SIG_DFL);
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	in->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return in->signals < 0 ? -errno : 0;
}

int init_main(int argc, char **argv)
{
	struct init in = { .socket = INIT_SOCKET_FD, .signals = -1, .userns = -1 };
	struct init_event e = { .kind = INIT_READY };
	_cleanup_err_ struct err err = { 0 };
	int r;

	if (fcntl(in.socket, F_SETFD, FD_CLOEXEC) < 0)
		return ERR_USAGE; /* not started by emu */
	r = block_signals(&in);
	if (r == 0)
		r = set_up(&in, &err);
	if (r < 0) {
		e.kind = INIT_FAILED;
		snprintf(e.text, sizeof(e.text), "%s", err.n ? err.items[0].msg : strerror(-r));
	}
	if (send(in.socket, &e, sizeof(e), MSG_NOSIGNAL) < 0 || r < 0)
		_exit(ERR_FAILED);
	loop(&in);
	/* Not by return: the kernel ends the host with this process, and frees all of it. */
	_exit(0);
}
