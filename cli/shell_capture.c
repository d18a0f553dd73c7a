/*
 * The shell's captures into files: "capture start", "capture stop", and how it goes.
 *
 * Theory of operation. Nothing of it is there until it is asked for. Then the tag is put on all
 * interfaces, and stays: each program that runs or will run gets an owner, and the loop reads what
 * BPF says of processes, so that a later capture knows all senders, too. A connection that was open
 * before has its sender from its next bytes on, and until then the program whose cgroup it is of.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "cli/shell_capture.h"
#include "core/units.h"
#include "scenarios/engine/settings.h"

#define USAGE	    "capture start [FILE.pcapng|FILE.pcap] [FILTER]"
#define DEFAULT_MAX 9999 /* capture-9999; with five digits it were the name of a later file */

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

int shell_know_senders(struct shell *sh, struct err *err)
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

struct capture_opts shell_capture_opts(const struct shell *sh)
{
	struct capture_opts o = sh->uses->capture;

	o.dir_fd = -1;
	o.packets_only = true;
	o.per_host = false;
	o.schemas = NULL;
	return o;
}

void shell_capture_forget(struct shell_capture *sc)
{
	capture_free(sc->capture);
	sc->capture = NULL;
	free(sc->file);
	free(sc->name);
	free(sc->filter);
	sc->file = sc->name = sc->filter = NULL;
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

static void print_into(const struct shell_capture *sc)
{
	printf("*** Capturing into %s", sc->file);
	if (sc->filter)
		printf(" what is '%s'", sc->filter);
}

static int status(struct shell *sh)
{
	const struct shell_capture *sc = sh->capture;
	struct capture_stats s;

	if (!sc || !sc->file) {
		puts("*** Not capturing; '" USAGE "' begins");
		return 0;
	}
	capture_stats(sc->capture, &s);
	print_into(sc);
	printf(": ");
	print_counts(&s);
	return 0;
}

/* ---- its file ---- */

/* The suffix says that the word is a file, and of which format. */
static bool is_file(const char *word, enum capture_format *ret)
{
	const char *dot = strrchr(word, '.');

	for (int i = CAPTURE_PCAPNG; dot && dot > word && i <= CAPTURE_PCAP; i++) {
		if (strcmp(dot + 1, capture_format_names[i]))
			continue;
		*ret = (enum capture_format)i;
		return true;
	}
	return false;
}

/* A file of another suffix, rather than the beginning of a filter: an address, or an expression. */
static bool is_other_file(const char *word)
{
	return strpbrk(word, "./") && word[strspn(word, "0123456789./")] &&
	       !strpbrk(word, " \t()[]!=<>&|:\\");
}

/* The first of capture.pcapng, capture-2.pcapng … that is not there yet; malloc'd. */
static char *default_file(enum capture_format format)
{
	const char *ending = capture_format_names[format];
	char *file = NULL;

	if (asprintf(&file, "capture.%s", ending) < 0)
		return NULL;
	for (unsigned i = 2; i <= DEFAULT_MAX; i++) {
		if (faccessat(AT_FDCWD, file, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			break;
		free(file);
		if (asprintf(&file, "capture-%u.%s", i, ending) < 0)
			return NULL;
	}
	return file;
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

/* "[FILE] [FILTER]": *ret_file is malloc'd, *ret_filter the rest of args or NULL. */
static int read_words(char *args, enum capture_format *format, char **ret_file, const char **ret_filter,
		      struct err *err)
{
	_cleanup_free_ char *copy = strdup(args);
	char *at = copy, *word, *filter;
	bool named;
	int r;

	if (!copy)
		return err_sys(err, ENOMEM, "capture");
	r = shell_unquote(&at, SHELL_SPACE, &word, err);
	if (r < 0)
		return r;
	named = is_file(word, format);
	if (!named && is_other_file(word))
		return err_usage(err, "%s: a capture's name ends in .pcapng or .pcap; " USAGE, word);
	if (named)
		args += at - copy;
	r = shell_unquote(&args, "", &filter, err);
	if (r < 0)
		return r;
	*ret_file = named ? strdup(word) : default_file(*format);
	*ret_filter = *filter ? filter : NULL;
	return *ret_file ? 0 : err_sys(err, ENOMEM, "capture");
}

static int start(struct shell *sh, char *args, struct err *err)
{
	struct capture_opts o = shell_capture_opts(sh);
	struct shell_capture *sc = sh->capture;
	_cleanup_free_ char *file = NULL;
	int r;

	if (sc->file)
		return err_usage(err, "capturing into %s already; 'capture stop' ends that", sc->file);
	r = read_words(args, &o.format, &file, &o.filter, err);
	if (r == 0)
		r = open_folder(file, &sc->dir_fd, &sc->name, err);
	if (r < 0)
		return r;
	o.dir_fd = sc->dir_fd;
	o.name = sc->name;
	sc->format = o.format;
	sc->filter = o.filter ? strdup(o.filter) : NULL;
	r = capture_start(sh->emu, sc->tag, sc->owners, &o, &sc->capture, err);
	if (r < 0) {
		sc->capture = NULL;
		shell_capture_forget(sc);
		return err->n ? r : err_sys(err, -r, "capture");
	}
	sc->file = steal_ptr(file);
	print_into(sc);
	putchar('\n');
	return 0;
}

/* Of files that were followed by others, a user may remove what is not wanted any more. */
static int check_last_file(const struct shell_capture *sc, unsigned files, struct err *err)
{
	char name[SINK_NAME_SIZE];

	sink_name(name, sc->name, sc->format, files);
	if (faccessat(sc->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return 0;
	return err_integrity(err, "%s is no longer there: it was removed or renamed while it was "
				  "written", name);
}

static int stop(struct shell *sh, struct err *err)
{
	struct shell_capture *sc = sh->capture;
	struct capture_stats s;
	int r, e;

	if (!sc || !sc->file)
		return err_usage(err, "not capturing; '" USAGE "' begins");
	r = capture_stop(sc->capture, err);
	capture_stats(sc->capture, &s);
	printf("*** %s: ", sc->file);
	print_counts(&s);
	e = check_last_file(sc, s.files, err);
	shell_capture_forget(sc);
	return r < 0 ? r : e;
}

static int refuse(char *word, struct err *err)
{
	static const char *const words[] = { "start", "stop" };
	const char *near = err_nearest(word, words, ARRAY_SIZE(words));
	enum capture_format format;

	if (is_file(word, &format))
		return err_usage(err, "did you mean 'capture start %s'?", word);
	return err_usage(err, "capture knows no '%s'%s%s%s; " USAGE ", capture stop, or capture", word,
			 near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

int shell_capture(struct shell *sh, char *args)
{
	_cleanup_err_ struct err err = { 0 };
	char *rest = args + strcspn(args, SHELL_SPACE);

	if (!*args)
		return status(sh);
	if (*rest)
		*rest++ = '\0';
	rest += strspn(rest, SHELL_SPACE);
	if (!strcmp(args, "--help") || !strcmp(args, "-h"))
		return shell_help(sh, (char *)"capture");
	if (!strcmp(args, "start")) {
		if (shell_know_senders(sh, &err) == 0)
			start(sh, rest, &err);
	} else if (!strcmp(args, "stop")) {
		if (*rest)
			err_usage(&err, "capture stop takes no '%s'", rest);
		else
			stop(sh, &err);
	} else {
		refuse(args, &err);
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
