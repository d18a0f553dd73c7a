/*
 * Starts, hears and ends the inits of hosts, from emu's side.
 *
 * Theory of operation. host_start_init() forks by clone3 into the namespaces and the cgroup of the
 * host; the child does no more than async-signal-safe calls (other threads of this process may hold
 * any lock), joins the network namespace and executes a copy of this program as INIT_ARGV0. It finds its
 * configuration waiting in its socket. That configuration is the same for every host but for a name
 * and a bit, so it is made once, with the first init, and handed on as a sealed memfd. With it goes
 * the user namespace that owns the host's network: its programs will run there.
 *
 * Ends of programs come through the loop. When an init itself ends (its host ran out of memory,
 * or somebody killed it) all its programs have ended with it; they are reported as killed, and
 * the host's next program starts a new init.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "core/log.h"
#include "emu/emu_internal.h"
#include "emu/init.h"
#include "emu/init_proto.h"
#include "emu/userns.h"

int host_send(struct host *h, const void *msg, size_t size, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(INIT_FDS * sizeof(int))];
	} control = { .space = { 0 } };
	struct iovec iov = { .iov_base = (void *)msg, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			    .msg_controllen = CMSG_SPACE(n_fds * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	do
		n = sendmsg(h->init_fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* What the forked child needs, all made before the fork. */
struct child_args {
	int ns_fd, socket, exe, null;
};

static void child_fail(const struct child_args *a, const char *text)
{
	struct init_event e = { .kind = INIT_FAILED, .wstatus = errno };

	for (size_t i = 0; i < sizeof(e.text) - 1 && text[i]; i++)
		e.text[i] = text[i];
	send(a->socket, &e, sizeof(e), MSG_NOSIGNAL);
	_exit(ERR_FAILED);
}

/* Between fork and exec: async-signal-safe calls only. */
static _Noreturn void run_child(const struct child_args *a)
{
	char *const argv[] = { (char *)INIT_ARGV0, NULL }, *const env[] = { NULL };
	const int exe = INIT_SOCKET_FD + 1;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		child_fail(a, "cannot tie a host to detnet");
	if (setns(a->ns_fd, CLONE_NEWNET) < 0)
		child_fail(a, "cannot enter the host's network namespace");
	/* The inputs are all above these places: see host_high_fd(). Standard error stays as it is. */
	if (dup2(a->null, 0) < 0 || dup2(a->null, 1) < 0 || dup2(a->socket, INIT_SOCKET_FD) < 0 ||
	    dup3(a->exe, exe, O_CLOEXEC) < 0 || close_range(exe + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		child_fail(a, "cannot hand over a host's descriptors");
	syscall(SYS_execveat, exe, "", argv, env, AT_EMPTY_PATH);
	child_fail(a, "cannot execute this program again as a host's init");
	_exit(ERR_FAILED);
}

static int fork_init(struct host *h, int socket, struct err *err)
{
	const char *name = h->emu->net->nodes[h->node].name;
	_cleanup_close_ int null = host_high_fd(open("/dev/null", O_RDWR | O_CLOEXEC));
	struct child_args a = { .ns_fd = h->ns_fd, .socket = socket, .exe = h->emu->exe_fd,
				.null = null };
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_PIDFD |
			 CLONE_INTO_CGROUP,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)h->cgroup_fd,
	};
	sigset_t all, old;
	long pid;
	int saved;

	if (null < 0)
		return err_sys(err, errno, "%s: cannot start the host", name);
	/* No handler of this program may run in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		run_child(&a);
	saved = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pid < 0 && saved == EPERM)
		return err_missing(err, "%s: starting a host takes root (CAP_SYS_ADMIN)", name);
	if (pid < 0 && (saved == ENOSYS || saved == EINVAL))
		return err_missing(err, "%s: the kernel cannot make a host's namespaces (clone3 "
					"into a cgroup): Linux 5.12 or newer with PID, UTS and IPC "
					"namespaces is needed", name);
	if (pid < 0)
		return err_sys(err, saved, "%s: cannot start the host", name);
	h->pid = (pid_t)pid;
	h->pidfd = pidfd;
	return 0;
}

static int await_ready(struct host *h, struct err *err)
{
	const char *name = h->emu->net->nodes[h->node].name;
	struct init_event e;
	ssize_t n;

	do
		n = recv(h->init_fd, &e, sizeof(e), 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(e))
		return err_failed(err, "%s: the host's init ended while it started", name);
	if (e.kind == INIT_READY)
		return 0;
	e.text[sizeof(e.text) - 1] = '\0';
	if (e.wstatus)
		return err_sys(err, e.wstatus, "%s: %s", name, e.text);
	return err_failed(err, "%s: %s", name, e.text);
}

static struct prog *find_prog(const struct host *h, uint32_t number)
{
	struct prog *p = h->progs;

	while (p && p->number != number)
		p = p->next;
	return p && p->started && !p->ended ? p : NULL;
}

/*
 * No program can give the terminal back to our group: in its pid namespace that has no number. We
 * take it, or our next read there would stop us.
 */
void host_take_terminal(struct prog *p)
{
	_cleanup_close_ int tty = -1;
	sigset_t block, old;

	if (!p->foreground)
		return;
	p->foreground = false;
	tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0 || tcgetpgrp(tty) == getpgrp())
		return;
	/* What would stop a background process that does this is what we are. */
	sigemptyset(&block);
	sigaddset(&block, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &block, &old);
	if (tcsetpgrp(tty, getpgrp()) < 0)
		log_warn("cannot take the terminal back from a program: %s", strerror(errno));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void end_prog(struct prog *p, int wstatus)
{
	p->ended = true;
	p->lost = false;
	host_take_terminal(p);
	if (p->end)
		p->end(p->end_arg, p, wstatus);
}

/* Takes the init's end in and forgets it. */
static void bury_init(struct host *h)
{
	siginfo_t info;

	if (h->init_fd >= 0) {
		loop_del_fd(h->emu->loop, h->init_fd);
		close(h->init_fd);
		h->init_fd = -1;
	}
	if (h->pidfd >= 0) {
		/* ECHILD: a program that ignores SIGCHLD, or waits for all, had it already. */
		while (waitid(P_PIDFD, (id_t)h->pidfd, &info, WEXITED) < 0 && errno == EINTR)
			;
		close(h->pidfd);
		h->pidfd = -1;
	}
	h->pid = 0;
}

/* The init ended by itself. An end function may free or start programs: look anew each time. */
static void lose_init(struct host *h)
{
	struct prog *p;

	host_kill(h);
	bury_init(h);
	for (p = h->progs; p; p = p->next)
		p->lost = p->started && !p->ended;
	for (;;) {
		for (p = h->progs; p && !p->lost; p = p->next)
			;
		if (!p)
			break;
		end_prog(p, SIGKILL);
	}
}

static void on_init(void *arg, uint32_t events)
{
	struct host *h = arg;
	struct init_event e;
	struct prog *p;
	ssize_t n;

	/* One message a call: an end function may take this host down. The rest keeps. */
	n = recv(h->init_fd, &e, sizeof(e), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(e)) {
		lose_init(h);
		return;
	}
	p = e.kind == INIT_ENDED ? find_prog(h, e.number) : NULL;
	if (p)
		end_prog(p, e.wstatus);
}

/* Configuration, limits, and then the answer: what follows the fork. */
static int settle_init(struct host *h, struct err *err)
{
	const struct node *node = &h->emu->net->nodes[h->node];
	const char *hostname = node->hostname ? node->hostname : node->name;
	struct init_hello hello = { .share = node->share && !h->emu->sealed };
	int fds[INIT_HELLO_FDS] = { [INIT_HELLO_CONF] = h->emu->conf_fd };
	_cleanup_close_ int owner = -1;
	int r;

	if (strlen(hostname) >= sizeof(hello.hostname))
		return err_usage(err, "%s: the host name '%s' is longer than %d bytes", node->name,
				 hostname, HOST_NAME_MAX);
	memcpy(hello.hostname, hostname, strlen(hostname) + 1);
	r = cgroup_enter_limits(h->emu->cgroup, node->name, h->pid, err);
	if (r < 0)
		return r;
	r = userns_of_net(h->ns_fd, &owner);
	if (r < 0)
		return err_sys(err, -r, "%s: cannot open the host's user namespace", node->name);
	fds[INIT_HELLO_USERNS] = owner;
	/* If the init is gone, its last words are more telling than EPIPE. */
	r = host_send(h, &hello, sizeof(hello), fds, owner < 0 ? 1 : INIT_HELLO_FDS);
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return err_sys(err, -r, "%s: cannot start the host", node->name);
	r = await_ready(h, err);
	if (r < 0)
		return r;
	r = loop_add_fd(h->emu->loop, h->init_fd, EPOLLIN, on_init, h);
	return r < 0 ? err_sys(err, -r, "%s: cannot start the host", node->name) : 0;
}

int host_start_init(struct host *h, struct err *err)
{
	const struct node *node = &h->emu->net->nodes[h->node];
	int pair[2], r;

	if (h->pid)
		return 0;
	r = host_make_files(h->emu, err);
	if (r == 0 && h->cgroup_fd < 0)
		r = cgroup_add_host(h->emu->cgroup, node->name, &node->limits, &h->cgroup_fd, err);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "%s: cannot start the host", node->name);
	h->init_fd = pair[0];
	pair[1] = host_high_fd(pair[1]);
	r = pair[1] < 0 ? err_sys(err, errno, "%s: cannot start the host", node->name)
			: fork_init(h, pair[1], err);
	/* The init's end is the init's alone, or its death would go unseen. */
	cleanup_closep(&pair[1]);
	if (r == 0)
		r = settle_init(h, err);
	if (r < 0) {
		host_kill(h);
		bury_init(h);
	}
	return r;
}

void host_kill(struct host *h)
{
	if (h->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, h->pidfd, SIGKILL, NULL, 0);
}

void host_reap(struct host *h)
{
	struct prog *next;

	bury_init(h);
	/* Programs that their owners have not freed yet outlive the host, as dead ones. */
	for (struct prog *p = h->progs; p; p = next) {
		next = p->next;
		p->next = NULL;
		p->host = NULL;
		p->ended = true;
	}
	h->progs = NULL;
	if (h->cgroup_fd >= 0)
		close(h->cgroup_fd);
	h->cgroup_fd = -1;
}
