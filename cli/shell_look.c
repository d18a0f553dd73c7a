/* The shell's "h1 capture": a host's packets as lines. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "capture/filter.h"
#include "capture/line.h"
#include "capture/tap.h"
#include "cli/shell_capture.h"
#include "core/units.h"
#include "scenarios/engine/settings.h"

#define PIPE_SIZE (1 << 20) /* lines that wait to be printed */

struct looking {
	const struct net *net;
	uint32_t node;
	struct filter *filter;
	uint64_t left;	 /* lines wanted still */
	uint64_t missed; /* found no room in the pipe */
	int in, out;	 /* of the pipe; out is the capture thread's */
	bool done;
	bool help; /* was all that was wanted */
};

static const char *name_of(void *arg, uint8_t family, const uint8_t *ip)
{
	const struct net *net = arg;
	uint32_t addr, iface;

	if (family != AF_INET)
		return NULL;
	memcpy(&addr, ip, sizeof(addr));
	iface = net_find_addr(net, be32toh(addr));
	return iface == NET_NONE ? NULL : net->nodes[net->ifaces[iface].node].name;
}

/* In the capture's thread: a line into the pipe, if it is the host's. */
static void on_view(void *arg, const struct capture_view *v)
{
	struct looking *l = arg;
	const struct net *net = l->net;
	const struct link *link = &net->links[v->link];
	uint32_t named = tap_naming_iface(net, v->link);
	const struct flow_packet *p = v->packet;
	char buf[LINE_SIZE];
	size_t n;

	for (int end = 0; end < 2 && l->left; end++) {
		const struct iface *i = &net->ifaces[link->iface[end]];
		struct line line = {
			.ts = p->ts, .iface = i->name, .data = p->data, .caplen = p->caplen,
			.len = p->len, .sender = v->comment->text, .sender_len = v->comment->len,
			.out = v->out == (link->iface[end] == named),
		};

		if (i->node != l->node ||
		    (l->filter && !filter_match(l->filter, p->data, p->caplen, p->len)))
			continue;
		n = line_format(buf, &line, name_of, (void *)net);
		if (write(l->out, buf, n) == (ssize_t)n)
			l->left--;
		else
			l->missed++;
	}
	if (!l->left && l->out >= 0) {
		close(l->out);
		l->out = -1;
	}
}

static void lines_came(void *arg, uint32_t events)
{
	struct looking *l = arg;
	char buf[65536];
	ssize_t n;

	(void)events;
	while ((n = read(l->in, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	fflush(stdout);
	l->done |= n == 0;
}

int shell_unquote(char **at, const char *until, char **ret, struct err *err)
{
	char *from = *at + strspn(*at, SHELL_SPACE), *to = from, quote = '\0';

	*ret = from;
	for (; *from && (quote || !strchr(until, *from)); from++) {
		if (quote ? *from != quote : *from != '\'' && *from != '"')
			*to++ = *from;
		else
			quote = quote ? '\0' : *from;
	}
	if (quote)
		return err_usage(err, "capture: a quote (%c) is not closed", quote);
	*at = from + strspn(from, SHELL_SPACE);
	*to = '\0';
	return 0;
}

/* "-c N", "-cN" or "--help". */
static int read_option(struct looking *l, char **at, struct err *err)
{
	const char *why = NULL;
	char *word, *number;
	int r = shell_unquote(at, SHELL_SPACE, &word, err);

	if (r < 0)
		return r;
	if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
		l->help = true;
		return 0;
	}
	if (strncmp(word, "-c", 2))
		return err_usage(err, "capture has no option %s: h1 capture [-c N] [FILTER]", word);
	number = word + 2;
	if (!*number)
		r = shell_unquote(at, SHELL_SPACE, &number, err);
	if (r < 0)
		return r;
	if (!*number)
		return err_usage(err, "capture -c: give a number of packets, as in 'capture -c 10'");
	if (units_parse_uint(number, 1, UINT64_MAX, &l->left, &why))
		return err_usage(err, "capture -c %s: give a number of packets, 1 or more", number);
	return 0;
}

/* "[-c N] [FILTER]" */
static int read_words(struct looking *l, char *args, struct err *err)
{
	char *said = NULL, *filter;
	int r = 0;

	args += strspn(args, SHELL_SPACE);
	l->left = UINT64_MAX;
	while (r == 0 && !l->help && *args == '-')
		r = read_option(l, &args, err);
	if (r < 0 || l->help)
		return r;
	r = shell_unquote(&args, "", &filter, err);
	if (r < 0 || !*filter)
		return r;
	r = filter_new(l->net, filter, SNAPLEN_MAX, &l->filter, &said);
	if (r < 0)
		err_usage(err, "filter '%s': %s%s", filter, said ? said : strerror(-r),
			  !strpbrk(filter, "<>|&") ? "" :
			  "; capture is a word of the shell and no program, so there are no "
			  "redirections, pipes or '&': 'capture start FILE.pcapng' writes a file");
	free(said);
	return r;
}

static int open_pipe(struct looking *l, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(err, errno, "capture");
	fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE);
	l->in = fds[0];
	l->out = fds[1];
	return 0;
}

/* Looks on at the capture that runs, or at one of its own that writes no file. */
static int look(struct shell *sh, struct looking *l, struct err *err)
{
	struct shell_capture *sc = sh->capture;
	struct capture_opts o = shell_capture_opts(sh);
	bool own = !sc->capture;
	int r = 0;

	o.filter = NULL;
	if (own)
		r = capture_start(sh->emu, sc->tag, sc->owners, &o, &sc->capture, err);
	if (r < 0) {
		sc->capture = NULL;
		return err->n ? r : err_sys(err, -r, "capture");
	}
	capture_set_view(sc->capture, on_view, l);
	r = loop_add_fd(sh->loop, l->in, EPOLLIN, lines_came, l);
	while (r == 0 && !l->done && !sh->interrupted && !sh->leave)
		shell_wait(sh);
	capture_set_view(sc->capture, NULL, NULL);
	if (r == 0) {
		lines_came(l, 0);
		loop_del_fd(sh->loop, l->in);
	}
	if (own)
		shell_capture_forget(sc);
	if (l->missed)
		fprintf(stderr, "*** %" PRIu64 " more lines came too fast to be shown\n", l->missed);
	sh->interrupted = false; /* typed, it was for this line alone; a script ends with it */
	return r < 0 ? err_sys(err, -r, "capture") : 0;
}

int shell_node_capture(struct shell *sh, uint32_t node, char *args)
{
	_cleanup_err_ struct err err = { 0 };
	struct looking l = { .net = sh->net, .node = node, .in = -1, .out = -1 };

	if (read_words(&l, args, &err) == 0 && !l.help && shell_know_senders(sh, &err) == 0 &&
	    open_pipe(&l, &err) == 0)
		look(sh, &l, &err);
	cleanup_closep(&l.in);
	cleanup_closep(&l.out);
	filter_free(l.filter);
	shell_fail(&err);
	return l.help ? shell_help(sh, (char *)"capture") : err_exit(&err);
}
