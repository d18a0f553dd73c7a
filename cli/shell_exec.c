/* Shell commands that run programs: "h1 ping h2" in a host, "sh date" on the machine. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include "cli/shell.h"

extern char **environ;

/* The exit status a shell would give. */
static int status_of(int wstatus)
{
	return WIFSIGNALED(wstatus) ? 128 + WTERMSIG(wstatus) : WEXITSTATUS(wstatus);
}

/* The command with every word that is a node's name turned into its address; malloc'd. */
static char *put_addresses(const struct net *net, const char *args)
{
	char *text = NULL, buf[16];
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	while (*args) {
		size_t n = strcspn(args, " \t");
		_cleanup_free_ char *word = strndup(args, n);
		uint32_t node = word ? net_find(net, word) : NET_NONE;
		uint32_t addr = node == NET_NONE ? 0 : net_node_addr(net, node);

		if (addr)
			fputs(net_format_addr(buf, addr), f);
		else
			fwrite(args, 1, n, f);
		args += n;
		n = strspn(args, " \t");
		fwrite(args, 1, n, f);
		args += n;
	}
	fclose(f);
	return text;
}

static void job_ended(void *arg, struct prog *p, int wstatus)
{
	struct shell_job *j = arg;

	(void)p;
	j->ended = true;
	j->wstatus = wstatus;
}

/* Programs that ended are let go, unless they left others behind that still run (a daemon). */
void shell_reap_jobs(struct shell *sh)
{
	for (struct shell_job **at = &sh->jobs, *j; (j = *at);) {
		if (!j->ended || prog_signal(j->prog, 0) != -ESRCH) {
			at = &j->next;
			continue;
		}
		*at = j->next;
		prog_free(j->prog);
		free(j);
	}
}

static int job_start(struct shell *sh, uint32_t node, const char *text, bool background,
		     struct shell_job **ret, struct err *err)
{
	char *argv[] = { (char *)"bash", (char *)"-c", (char *)text, NULL };
	struct prog_spec spec = {
		.node = node, .argv = argv, .terminal = sh->terminal && !background,
		.fd = { background ? -1 : sh->stdin_fd, STDOUT_FILENO, STDERR_FILENO },
	};
	struct shell_job *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return err_sys(err, ENOMEM, "cannot start");
	r = prog_new(sh->emu, &spec, &j->prog, err);
	if (r) {
		free(j);
		return r;
	}
	r = prog_start(j->prog, job_ended, j, err);
	if (r) {
		prog_free(j->prog);
		free(j);
		return r;
	}
	j->next = sh->jobs;
	sh->jobs = j;
	*ret = j;
	return 0;
}

/* "&" at the end, but not "&&". */
static bool strip_background(char *args)
{
	size_t n = strlen(args);

	if (!n || args[n - 1] != '&' || (n > 1 && args[n - 2] == '&'))
		return false;
	args[n - 1] = '\0';
	return true;
}

/* As in a script of bash's: Ctrl-C was for a program that took it and ended in its own way. */
static int program_status(struct shell *sh, int wstatus)
{
	int status = status_of(wstatus);

	if (sh->signal == SIGINT && status != 128 + SIGINT)
		sh->signal = 0;
	return status;
}

static void job_drop(struct shell *sh, struct shell_job *j)
{
	struct shell_job **at = &sh->jobs;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	prog_free(j->prog);
	free(j);
}

/*
 * Waits for the program. A terminal sends Ctrl-C to it alone; we pass on what comes to us, when
 * there is no terminal or it came before the program had it.
 */
static int job_wait(struct shell *sh, struct shell_job *j)
{
	struct termios before;
	bool tty = sh->terminal && !tcgetattr(STDIN_FILENO, &before);

	while (!j->ended && !sh->leave) {
		shell_wait(sh);
		if (sh->interrupted)
			prog_signal(j->prog, SIGINT);
		sh->interrupted = false;
	}
	if (!j->ended) {
		prog_signal(j->prog, SIGTERM);
		job_drop(sh, j); /* the terminal is ours again, for all that is left to do */
		return 128 + SIGTERM;
	}
	/* The signals of the terminal were the program's alone: its new size, and the end of a script. */
	sh->resized |= tty;
	if (tty && sh->script && WIFSIGNALED(j->wstatus) && WTERMSIG(j->wstatus) == SIGINT)
		sh->signal = SIGINT;
	if (tty)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	if (tty && WIFSIGNALED(j->wstatus) && WTERMSIG(j->wstatus) == SIGINT)
		putchar('\n');
	return program_status(sh, j->wstatus);
}

int shell_node(struct shell *sh, uint32_t node, char *args)
{
	const struct node *n = &sh->net->nodes[node];
	_cleanup_free_ char *text = NULL;
	_cleanup_err_ struct err err = { 0 };
	struct shell_job *j = NULL;
	bool background;

	if (!*args) {
		fprintf(stderr, "*** Please enter a command for node: %s <cmd>\n", n->name);
		return 2;
	}
	if (!node_kinds[n->kind].has_ns) {
		fprintf(stderr, "*** %s is a %s, which runs no programs; hosts and routers do\n",
			n->name, node_kinds[n->kind].name);
		return 2;
	}
	if (!strncmp(args, "capture", 7) && (!args[7] || args[7] == ' ' || args[7] == '\t'))
		return shell_node_capture(sh, node, args + 7);
	background = strip_background(args);
	text = put_addresses(sh->net, args);
	if (!text)
		return 1;
	fflush(stdout);
	if (job_start(sh, node, text, background, &j, &err))
		return shell_fail(&err);
	return background ? 0 : job_wait(sh, j);
}

static void pid_ended(void *arg, uint32_t events)
{
	(void)events;
	*(bool *)arg = true;
}

int shell_sh(struct shell *sh, char *args)
{
	char *argv[] = { (char *)"bash", (char *)"-c", args, NULL };
	_cleanup_close_ int pidfd = -1;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t pipe_signal;
	bool ended = false;
	int wstatus, r;
	pid_t pid;

	fflush(stdout);
	posix_spawn_file_actions_init(&files);
	if (sh->stdin_fd < 0) /* the lines that follow are not its input */
		posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	/* ignored by us (main.c), and that would be inherited */
	posix_spawnattr_init(&attr);
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	posix_spawnattr_setsigdefault(&attr, &pipe_signal);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	r = posix_spawnp(&pid, argv[0], &files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	if (r) {
		fprintf(stderr, "*** sh: %s\n", strerror(r));
		return 1;
	}
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd >= 0 && !loop_add_fd(sh->loop, pidfd, EPOLLIN, pid_ended, &ended)) {
		while (!ended && !sh->leave)
			shell_wait(sh);
		loop_del_fd(sh->loop, pidfd);
	}
	if (!ended && sh->leave)
		kill(pid, SIGTERM);
	while (waitpid(pid, &wstatus, 0) < 0)
		if (errno != EINTR)
			return 1;
	sh->interrupted = false;
	return program_status(sh, wstatus);
}
