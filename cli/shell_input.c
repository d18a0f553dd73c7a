/* Where the shell's lines come from: a terminal with libedit and a history, or any other stream. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <termios.h>
#include <wchar.h>
#include "cli/shell.h"

#define HISTORY_LINES 1000

static void got_input(void *arg, uint32_t events)
{
	(void)events;
	*(bool *)arg = true;
}

/* Waits until standard input has something, serving the network meanwhile; -1: Ctrl-C or told to end. */
static int wait_input(struct shell *sh)
{
	bool ready = false;
	int r = loop_add_fd(sh->loop, STDIN_FILENO, EPOLLIN, got_input, &ready);

	if (r == -EPERM) /* a plain file is always ready */
		return 0;
	if (r)
		return -1;
	while (!ready && !sh->interrupted && !sh->leave && !sh->resized)
		shell_wait(sh);
	loop_del_fd(sh->loop, STDIN_FILENO);
	return sh->interrupted || sh->leave ? -1 : 0;
}

/* libedit's source of characters: the loop rather than a blocking read. */
static int get_char(EditLine *el, wchar_t *ret)
{
	struct shell *sh;
	mbstate_t state = { 0 };
	ssize_t n;
	char byte;

	el_get(el, EL_CLIENTDATA, &sh);
	for (;;) {
		int r;

		sh->editor = el;
		r = wait_input(sh);
		sh->editor = NULL;
		if (r)
			return -1;
		if (sh->resized) {
			sh->resized = false;
			el_resize(el);
			continue;
		}
		n = read(STDIN_FILENO, &byte, 1);
		if (n <= 0)
			return n < 0 && errno == EINTR ? -1 : 0;
		switch (mbrtowc(ret, &byte, 1, &state)) {
		case (size_t)-1:
			memset(&state, 0, sizeof(state));
			continue;
		case (size_t)-2:
			continue;
		case 0:
			/*
			 * libedit prompts first and leaves canonical mode then: a Ctrl-D typed in between
			 * is turned into a NUL by the terminal (n_tty).
			 */
			*ret = L'\4';
			return 1;
		default:
			return 1;
		}
	}
}

/*
 * A program of a host may have the terminal, and have told it to stop others that write to it: then
 * SIGTTOU would stop us.
 */
void shell_announce(struct shell *sh, const char *line)
{
	sigset_t block, before;

	fflush(stdout);
	sigemptyset(&block);
	sigaddset(&block, SIGTTOU);
	sigprocmask(SIG_BLOCK, &block, &before);
	fprintf(stderr, "%s%s\n", sh->editor ? "\n" : "", line);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (sh->editor)
		el_set(sh->editor, EL_REFRESH);
}

static char *prompt(EditLine *el)
{
	static char text[] = "detnet> ";

	(void)el;
	return text;
}

static char *history_path(void)
{
	const char *home = getenv("HOME");
	char *path;

	return home && *home && asprintf(&path, "%s/.detnet_history", home) >= 0 ? path : NULL;
}

/* One line of the terminal; false at its end. */
static bool edit_line(struct shell *sh, EditLine *el, History *hist)
{
	_cleanup_free_ char *line = NULL;
	const char *got;
	HistEvent ev;
	int n = 0;

	sh->interrupted = false;
	got = el_gets(el, &n);
	if (!got || n <= 0) {
		putchar('\n');
		if (sh->interrupted && !sh->leave)
			el_reset(el);
		return sh->interrupted && !sh->leave;
	}
	line = strdup(got);
	if (!line)
		return false;
	if (line[strspn(line, " \t\n")])
		history(hist, &ev, H_ENTER, got);
	shell_line(sh, line);
	return !sh->leave;
}

static int edit_lines(struct shell *sh, struct err *err)
{
	_cleanup_free_ char *path = history_path();
	EditLine *el;
	History *hist;
	HistEvent ev;

	setlocale(LC_CTYPE, "C.UTF-8");
	el = el_init("detnet", stdin, stdout, stderr);
	hist = history_init();
	if (!el || !hist)
		return err_failed(err, "cannot edit lines on this terminal");
	history(hist, &ev, H_SETSIZE, HISTORY_LINES);
	history(hist, &ev, H_SETUNIQUE, 1);
	if (path)
		history(hist, &ev, H_LOAD, path);
	el_set(el, EL_CLIENTDATA, sh);
	el_set(el, EL_PROMPT, prompt);
	el_set(el, EL_EDITOR, "emacs");
	el_set(el, EL_HIST, history, hist);
	el_set(el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	el_set(el, EL_GETCFN, get_char);
	while (edit_line(sh, el, hist))
		;
	if (path)
		history(hist, &ev, H_SAVE, path);
	history_end(hist);
	el_end(el);
	return 0;
}

/* Ctrl-Z has no meaning here: the shell has no stopped jobs, so the terminal is told not to send it. */
static int from_terminal(struct shell *sh, struct err *err)
{
	struct termios before, ours;
	int r;

	if (tcgetattr(STDIN_FILENO, &before))
		return err_sys(err, errno, "terminal");
	ours = before;
	ours.c_cc[VSUSP] = _POSIX_VDISABLE;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &ours);
	r = edit_lines(sh, err);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	return r;
}

/* Reads as much as there is, and runs every whole line; the last needs no line end. */
static int from_stream(struct shell *sh, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t n = 0, size = 0;
	ssize_t got = 1;

	while (got > 0 && !sh->leave) {
		char *end, *line = text;

		while (text && !shell_ends(sh) && (end = memchr(line, '\n', n - (size_t)(line - text)))) {
			*end = '\0';
			shell_line(sh, line);
			line = end + 1;
		}
		if (text) {
			n -= (size_t)(line - text);
			memmove(text, line, n);
		}
		if (n + 2 > size) {
			char *more = realloc(text, size = 2 * size + 4096);

			if (!more)
				return err_sys(err, ENOMEM, "standard input");
			text = more;
		}
		if (shell_ends(sh) || wait_input(sh))
			return 0;
		got = read(STDIN_FILENO, text + n, size - n - 1);
		if (got < 0)
			return err_sys(err, errno, "standard input");
		n += (size_t)got;
	}
	if (n && !shell_ends(sh)) {
		text[n] = '\0';
		shell_line(sh, text);
	}
	return 0;
}

int shell_input(struct shell *sh, struct err *err)
{
	sh->terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	sh->script = !sh->terminal;
	if (sh->script)
		return from_stream(sh, err);
	sh->stdin_fd = STDIN_FILENO;
	return from_terminal(sh, err);
}
