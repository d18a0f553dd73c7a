/*
 * The shell's captures: "capture start" into a file, and "h1 capture" as lines.
 *
 * Theory of operation. Nothing of it is there until it is asked for. Then the tag is put on all interfaces,
 * and stays: each program that runs or will run gets an owner, and the loop reads what BPF says of
 * processes, so that a later capture knows all senders, too. A connection that was open before has its
 * sender from its next bytes on, and until then the program whose cgroup it is of.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include "capture/capture.h"
#include "capture/filter.h"
#include "capture/line.h"
#include "capture/tap.h"
#include "cli/shell.h"
#include "core/units.h"
#include "scenarios/engine/settings.h"

#define SPACE	  " \t"
#define PIPE_SIZE (1 << 20) /* lines that wait to be printed */

struct shell_capture {
	struct shell *sh;
	struct owners *owners;
	struct tag *tag;
	struct capture *capture; /* that runs, into a file or for lines; NULL: none */
	char *file;		 /* its first; NULL: no file */
	char *filter;
	int dir_fd;
};

/* ---- senders ---- */

/* A program of the shell is one owner, and its processes are others. */
static void on_program(void *arg, const struct prog *p)
{
	struct shell_capture *sc = arg;
	uint32_t id = owners_find_program(sc->owners, prog_cgroup_id(p));
	struct owner_program o = {
		.cgroup_id = prog_cgroup_id(p),
		.cgroup = prog_cgroup_path(p),
		.node = prog_node(p),
		.argv = prog_argv(p),
	};

	if (id == OWNER_NONE) {
		id = o.id = tag_new_owner(sc->tag);
		if (id == OWNER_NONE || owners_add_program(sc->owners, &o) < 0)
			return; /* its packets are then its host's kernel's */
		tag_set_program(sc->tag, o.cgroup_id, id);
	}
	if (prog_pid(p))
		owners_set_program_pid(sc->owners, id, (uint32_t)prog_pid(p));
}

static void processes_came(void *arg, uint32_t events)
{
	(void)events;
	tag_read_processes(((struct shell_capture *)arg)->tag);
}

static void nobody_waits(void *arg, uint64_t netns, uint8_t proto, uint16_t port)
{
}

static void ready_came(void *arg, uint32_t events)
{
	(void)events;
	tag_read_ready(((struct shell_capture *)arg)->tag, nobody_waits, NULL);
}

static void free_senders(struct shell_capture *sc)
{
	struct loop *loop = sc->sh->loop;

	emu_watch_progs(sc->sh->emu, NULL, NULL);
	if (sc->tag && tag_processes_fd(sc->tag) >= 0)
		loop_del_fd(loop, tag_processes_fd(sc->tag));
	if (sc->tag && tag_ready_fd(sc->tag) >= 0)
		loop_del_fd(loop, tag_ready_fd(sc->tag));
	tag_close(sc->tag);
	owners_free(sc->owners);
	free(sc);
}

static int watch_events(struct shell_capture *sc)
{
	int fd = tag_processes_fd(sc->tag), r = 0;

	if (fd >= 0)
		r = loop_add_fd(sc->sh->loop, fd, EPOLLIN, processes_came, sc);
	fd = tag_ready_fd(sc->tag);
	if (fd >= 0 && r == 0)
		r = loop_add_fd(sc->sh->loop, fd, EPOLLIN, ready_came, sc);
	return r;
}

/* Once in the shell's life. */
static int know_senders(struct shell *sh, struct err *err)
{
	struct shell_capture *sc;
	int r = 0;

	if (sh->capture)
		return 0;
	sc = calloc(1, sizeof(*sc));
	if (!sc)
		return err_sys(err, ENOMEM, "capture");
	sc->sh = sh;
	sc->dir_fd = -1;
	sc->owners = owners_new(sh->net);
	if (!sc->owners)
		r = err_sys(err, ENOMEM, "capture");
	if (r == 0)
		r = tag_open(sh->net, sh->uses->rung, &sc->tag, err);
	if (r == 0)
		r = tag_attach(sc->tag, emu_cgroup_fd(sh->emu), sc->owners, err);
	if (r == 0)
		r = watch_events(sc);
	if (r < 0) {
		free_senders(sc);
		return err->n ? r : err_sys(err, -r, "capture");
	}
	emu_watch_progs(sh->emu, on_program, sc);
	if (tag_egress_fd(sc->tag) >= 0)
		emu_tag(sh->emu, tag_egress_fd(sc->tag));
	sh->capture = sc;
	return 0;
}

/* ---- a capture ---- */

/* Of the file's [capture], what is about files of packets. */
static struct capture_opts options(const struct shell *sh)
{
	struct capture_opts o = sh->uses->capture;

	o.dir_fd = -1;
	o.packets_only = true;
	o.per_host = false;
	o.schemas = NULL;
	return o;
}

static void forget(struct shell_capture *sc)
{
	capture_free(sc->capture);
	sc->capture = NULL;
	free(sc->file);
	free(sc->filter);
	sc->file = sc->filter = NULL;
	cleanup_closep(&sc->dir_fd);
	sc->dir_fd = -1;
}

static void print_counts(const struct capture_stats *s)
{
	char size[32];

	printf("%" PRIu64 " packets (%s), %" PRIu64 " dropped", s->packets,
	       units_human_size(size, sizeof(size), s->bytes), s->drops + s->fates_lost);
	if (s->files > 1)
		printf(", %u files", s->files);
	if (s->unlabelled)
		printf(", %" PRIu64 " of nobody known", s->unlabelled);
	if (s->error)
		printf("; writing ended: %s", capture_error_text(s->error));
	putchar('\n');
}

static int status(struct shell *sh)
{
	const struct shell_capture *sc = sh->capture;
	struct capture_stats s;

	if (!sc || !sc->file) {
		puts("*** Not capturing; 'capture start [FILE] [FILTER]' begins");
		return 0;
	}
	capture_stats(sc->capture, &s);
	printf("*** Capturing into %s", sc->file);
	if (sc->filter)
		printf(" what is '%s'", sc->filter);
	printf(": ");
	print_counts(&s);
	return 0;
}

/* The suffix says that the word is a file, and of which format. */
static bool is_file(const char *word, size_t n, enum capture_format *ret)
{
	for (int i = CAPTURE_PCAPNG; i <= CAPTURE_PCAP; i++) {
		size_t len = strlen(capture_format_names[i]);

		if (n > len + 1 && word[n - len - 1] == '.' &&
		    !strncmp(word + n - len, capture_format_names[i], len)) {
			*ret = (enum capture_format)i;
			return true;
		}
	}
	return false;
}

/* Opens the folder of path; *ret_name is the rest of it, without the ending, malloc'd. */
static int open_folder(const char *path, int *ret_fd, char **ret_name, struct err *err)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	_cleanup_free_ char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	char *name = strndup(base, (size_t)(strrchr(base, '.') - base));
	int fd = -1;

	if (!folder || !name) {
		free(name);
		return err_sys(err, ENOMEM, "%s", path);
	}
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		free(name);
		return err_sys(err, errno, "%s", folder);
	}
	*ret_fd = fd;
	*ret_name = name;
	return 0;
}

static int start(struct shell *sh, char *args, struct err *err)
{
	struct capture_opts o = options(sh);
	size_t n = strcspn(args, SPACE);
	bool named = is_file(args, n, &o.format);
	_cleanup_free_ char *file = NULL, *name = NULL;
	struct shell_capture *sc = sh->capture;
	int r;

	if (sc->file)
		return err_usage(err, "capturing into %s already; 'capture stop' ends that", sc->file);
	if (named)
		file = strndup(args, n);
	else if (asprintf(&file, "capture.%s", capture_format_names[o.format]) < 0)
		file = NULL;
	if (named)
		args += n + strspn(args + n, SPACE);
	if (*args)
		o.filter = args;
	if (!file)
		return err_sys(err, ENOMEM, "capture");
	r = open_folder(file, &sc->dir_fd, &name, err);
	if (r < 0)
		return r;
	o.dir_fd = sc->dir_fd;
	o.name = name;
	sc->filter = o.filter ? strdup(o.filter) : NULL;
	r = capture_start(sh->emu, sc->tag, sc->owners, &o, &sc->capture, err);
	if (r < 0) {
		sc->capture = NULL;
		forget(sc);
		return err->n ? r : err_sys(err, -r, "capture");
	}
	sc->file = steal_ptr(file);
	return 0;
}

static int stop(struct shell *sh, struct err *err)
{
	struct shell_capture *sc = sh->capture;
	struct capture_stats s;
	int r;

	if (!sc || !sc->file)
		return err_usage(err, "not capturing; 'capture start [FILE] [FILTER]' begins");
	r = capture_stop(sc->capture, err);
	capture_stats(sc->capture, &s);
	printf("*** %s: ", sc->file);
	print_counts(&s);
	forget(sc);
	return r;
}

int shell_capture(struct shell *sh, char *args)
{
	_cleanup_err_ struct err err = { 0 };
	size_t n = strcspn(args, SPACE);
	char *rest = args + n + strspn(args + n, SPACE);

	if (!n)
		return status(sh);
	if (n == 5 && !strncmp(args, "start", n)) {
		if (know_senders(sh, &err) == 0)
			start(sh, rest, &err);
	} else if (n == 4 && !strncmp(args, "stop", n) && !*rest) {
		stop(sh, &err);
	} else {
		err_usage(&err, "capture start [FILE] [FILTER], capture stop, or capture");
	}
	shell_fail(&err);
	return err_exit(&err);
}

void shell_capture_end(struct shell *sh)
{
	_cleanup_err_ struct err err = { 0 };

	if (!sh->capture)
		return;
	if (sh->capture->file)
		stop(sh, &err);
	if (shell_fail(&err) && err.n && !sh->first_failure)
		sh->first_failure = err_exit(&err);
	free_senders(steal_ptr(sh->capture));
}

/* ---- h1 capture ---- */

struct looking {
	const struct net *net;
	uint32_t node;
	struct filter *filter;
	uint64_t left;	 /* lines wanted still */
	uint64_t missed; /* found no room in the pipe */
	int in, out;	 /* of the pipe; out is the capture thread's */
	bool done;
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

/* "[-c N] [FILTER]" */
static int read_words(struct looking *l, char *args, struct err *err)
{
	const char *why = NULL;
	char *said = NULL, *end;
	int r;

	args += strspn(args, SPACE);
	l->left = UINT64_MAX;
	if (!strncmp(args, "-c", 2)) {
		args += 2 + strspn(args + 2, SPACE);
		end = args + strcspn(args, SPACE);
		if (*end)
			*end++ = '\0';
		if (units_parse_uint(args, 1, UINT64_MAX, &l->left, &why))
			return err_usage(err, "capture -c %s: %s", args, why);
		args = end + strspn(end, SPACE);
	}
	if (!*args)
		return 0;
	r = filter_new(l->net, args, SNAPLEN_MAX, &l->filter, &said);
	if (r < 0)
		err_usage(err, "filter '%s': %s", args, said ? said : strerror(-r));
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
	struct capture_opts o = options(sh);
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
		forget(sc);
	if (l->missed)
		fprintf(stderr, "*** %" PRIu64 " more lines came too fast to be shown\n", l->missed);
	/* Ctrl-C was for this line alone. */
	sh->interrupted = false;
	if (sh->signal == SIGINT)
		sh->signal = 0;
	return r < 0 ? err_sys(err, -r, "capture") : 0;
}

int shell_node_capture(struct shell *sh, uint32_t node, char *args)
{
	_cleanup_err_ struct err err = { 0 };
	struct looking l = { .net = sh->net, .node = node, .in = -1, .out = -1 };

	if (read_words(&l, args, &err) == 0 && know_senders(sh, &err) == 0 && open_pipe(&l, &err) == 0)
		look(sh, &l, &err);
	cleanup_closep(&l.in);
	cleanup_closep(&l.out);
	filter_free(l.filter);
	shell_fail(&err);
	return err_exit(&err);
}
