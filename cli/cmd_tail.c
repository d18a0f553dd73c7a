/*
 * detnet tail: follows a capture that is being written, as lines.
 *
 * Theory of operation. inotify says when the file grew and when a file of the folder was made or closed;
 * then what is new is read. The end is where the writer's lock is off the file, unless the capture
 * goes on in a next file. A file without one may be a copy under way: while somebody has it open for
 * writing (its owner and root are granted a lease else) it is waited for its statistics, which come
 * last.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include "capture/comment.h"
#include "capture/file/follow.h"
#include "capture/line.h"
#include "capture/sink.h"
#include "cli/command.h"
#include "cli/signals.h"
#include "core/loop.h"
#include "core/units.h"
#include "core/utf8.h"

#define ETHERNET 1 /* LINKTYPE_ETHERNET */

struct tail {
	struct call *call;
	struct loop *loop;
	int dir_fd;
	char *name; /* of the files, without number and ending */
	unsigned number;
	int fd; /* -1: there is no file yet */
	int watch; /* inotify's, of the folder */
	struct follow *follow;
	uint64_t pos, moved; /* what was read of it, and how far what follows was moved since */
	bool ended, waits; /* waits: for a first file, which was told */
};

/* ---- a packet ---- */

static void print_line(struct tail *t, const struct pcapng_packet *p, const struct pcapng_iface *i)
{
	const char *colon = i->name ? strchr(i->name, ':') : NULL;
	const struct line l = {
		.ts = p->ts, .iface = colon ? colon + 1 : i->name, .out = p->dir == PCAPNG_DIR_OUT,
		.data = p->data, .caplen = p->caplen, .len = p->len, .sender = p->comment,
		.sender_len = p->comment ? p->comment_len : 0,
	};
	char buf[LINE_SIZE];

	fwrite(buf, 1, line_format(buf, &l, follow_name, t->follow), stdout);
}

static void put_sender(struct json *j, const struct pcapng_packet *p)
{
	struct comment_said s;

	if (!p->comment || !comment_read(p->comment, p->comment_len, &s))
		return;
	json_kv_str(j, "host", s.host);
	if (s.kernel)
		json_kv_bool(j, "kernel", true);
	if (s.comm) {
		json_kv_uint(j, "pid", s.pid);
		json_kv_str(j, "comm", s.comm);
	}
	if (s.owner)
		json_kv_uint(j, "owner", s.owner);
	if (s.scenario)
		json_kv_str(j, "scenario", s.scenario);
	if (s.sub)
		json_kv_str(j, "sub", s.sub);
	if (s.activity)
		json_kv_uint(j, "activity", s.activity);
	if (s.confidence)
		json_kv_str(j, "confidence", s.confidence);
}

static void print_json(struct tail *t, const struct pcapng_packet *p, const struct pcapng_iface *i)
{
	struct line_parts parts;
	char ts[40];
	struct json j;

	line_parts(p->data, p->caplen, p->len, follow_name, t->follow, &parts);
	snprintf(ts, sizeof(ts), "%lld.%09lld", (long long)(p->ts / NSEC_PER_SEC),
		 (long long)(p->ts % NSEC_PER_SEC));
	json_open(&j, stdout, false);
	json_object(&j);
	json_key(&j, "ts");
	json_raw(&j, p->ts < 0 ? "0" : ts);
	json_kv_str(&j, "iface", i->name);
	json_kv_str(&j, "dir", p->dir == PCAPNG_DIR_OUT ? "out" : p->dir ? "in" : NULL);
	if (p->id)
		json_kv_uint(&j, "packet", p->id);
	json_kv_str(&j, "src", *parts.src ? parts.src : NULL);
	json_kv_str(&j, "dst", *parts.dst ? parts.dst : NULL);
	json_kv_str(&j, "what", parts.what);
	json_kv_uint(&j, "len", parts.len);
	put_sender(&j, p);
	json_object_end(&j);
	json_close(&j);
}

static void on_packet(void *arg, const struct pcapng_packet *p, const struct pcapng_iface *i)
{
	struct tail *t = arg;

	if (i->linktype != ETHERNET)
		return;
	if (t->call->json)
		print_json(t, p, i);
	else
		print_line(t, p, i);
}

/* ---- its file ---- */

enum writing { WRITING_NOT, WRITING_MAYBE, WRITING };

/*
 * Only root and the file's owner are told of one who has it open but has no lock on it. The writer
 * takes the lock before it writes, so a file that was empty before we asked may be just made.
 */
static enum writing is_written(const struct tail *t)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	bool empty = lseek(t->fd, 0, SEEK_END) == 0; /* it is read by position */

	if (fcntl(t->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
		return WRITING;
	if (fcntl(t->fd, F_SETLEASE, F_RDLCK) == 0) {
		fcntl(t->fd, F_SETLEASE, F_UNLCK);
		return WRITING_NOT;
	}
	return errno == EAGAIN || empty ? WRITING_MAYBE : WRITING_NOT;
}

/* The next file of the capture, if it is there. */
static int open_next(struct tail *t)
{
	char name[SINK_NAME_SIZE];
	struct stat st;
	int fd;

	sink_name(name, t->name, CAPTURE_PCAPNG, t->number + 1);
	fd = openat(t->dir_fd, name, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(&t->call->err, errno, "%s", name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_usage(&t->call->err, "%s is no regular file", name);
	}
	cleanup_closep(&t->fd);
	follow_free(t->follow);
	t->fd = fd;
	t->number++;
	t->pos = t->moved = 0;
	t->follow = follow_new();
	return t->follow ? 1 : -ENOMEM;
}

/* While we have the lock the writer moves nothing; if it would, it makes a new file instead. */
static ssize_t read_some(struct tail *t, char *buf, size_t size)
{
	ssize_t n;

	flock(t->fd, LOCK_SH);
	if (!t->moved)
		t->moved = follow_moved(t->follow, t->fd);
	n = pread(t->fd, buf, size, (off_t)(t->pos + t->moved));
	flock(t->fd, LOCK_UN);
	if (n > 0)
		t->pos += (uint64_t)n;
	return n;
}

static int read_file(struct tail *t)
{
	static char buf[1 << 18];
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = read_some(t, buf, sizeof(buf))) > 0)
		r = follow_add(t->follow, buf, (size_t)n, on_packet, t, &t->call->err);
	if (r == 0 && n < 0)
		r = err_sys(&t->call->err, errno, "reading the capture");
	return r;
}

/* There is no file yet. Where none can come this is said, instead of waiting for ever. */
static int wait_for_first(struct tail *t)
{
	char name[SINK_NAME_SIZE], parent[40];
	struct err *err = &t->call->err;
	struct stat st;

	if (fstat(t->dir_fd, &st) < 0 || !st.st_nlink)
		return err_usage(err, "%s was removed", t->call->args[0]);
	sink_name(name, t->name, CAPTURE_PCAP, 1);
	if (faccessat(t->dir_fd, name, F_OK, 0) == 0)
		return err_usage(err, "%s/%s names no senders; only pcapng files are followed",
				 t->call->args[0], name);
	sink_name(name, t->name, CAPTURE_PCAPNG, 1);
	if (faccessat(t->dir_fd, "manifest.json", F_OK, 0) == 0)
		return err_usage(err, "the run in %s is over and left no %s", t->call->args[0],
				 name);
	if (t->waits)
		return 0;
	t->waits = true;
	fprintf(stderr, "detnet: waiting for %s/%s\n", t->call->args[0], name);
	/* That a folder is removed is told by the one that it is in. */
	snprintf(parent, sizeof(parent), "/proc/self/fd/%d/..", t->dir_fd);
	inotify_add_watch(t->watch, parent, IN_DELETE);
	return fstat(t->dir_fd, &st) < 0 || !st.st_nlink ? wait_for_first(t) : 0;
}

/* All that is there; ended: nothing more will come. */
static int read_all(struct tail *t)
{
	bool more = true;
	int r = 0;

	while (more && r == 0) {
		bool is_open = t->fd >= 0;
		enum writing written = is_open ? is_written(t) : WRITING_NOT;

		more = false;
		if (is_open)
			r = read_file(t);
		if (r < 0 || (written != WRITING_NOT && !follow_is_whole(t->follow)))
			break;
		r = open_next(t);
		more = r > 0;
		t->ended = is_open && written != WRITING && r == 0;
		r = r > 0 ? 0 : r;
	}
	if (r == 0 && t->fd < 0)
		r = wait_for_first(t);
	if (fflush(stdout) != 0 || ferror(stdout)) /* whoever read the lines has gone */
		t->ended = true;
	return r;
}

/* ---- events ---- */

static void something_new(void *arg, uint32_t events)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct tail *t = arg;
	int r;

	(void)events;
	while (read(t->watch, buf, sizeof(buf)) > 0)
		;
	r = read_all(t);
	if (r < 0 || t->ended)
		loop_quit(t->loop, r);
}

static void told_to_end(void *arg, uint32_t events)
{
	(void)events;
	loop_quit(((struct tail *)arg)->loop, 0);
}

static int follow_files(struct tail *t)
{
	_cleanup_close_ int signals = signals_open(false);
	char path[32];
	int r;

	t->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", t->dir_fd);
	if (t->watch < 0 ||
	    inotify_add_watch(t->watch, path,
			      IN_CREATE | IN_MOVED_TO | IN_MODIFY | IN_CLOSE_WRITE) < 0)
		return err_sys(&t->call->err, errno, "inotify");
	r = read_all(t);
	if (r < 0 || t->ended)
		return r;
	r = loop_add_fd(t->loop, t->watch, EPOLLIN, something_new, t);
	if (r == 0 && signals >= 0)
		r = loop_add_fd(t->loop, signals, EPOLLIN, told_to_end, t);
	return r < 0 ? err_sys(&t->call->err, -r, "epoll") : loop_run(t->loop);
}

/* A folder of a run, or the first file of a capture. */
static int open_path(struct tail *t, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.');
	_cleanup_free_ char *folder = NULL;
	struct stat st;

	if (stat(path, &st) < 0)
		return err_usage(&t->call->err, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode)) {
		folder = strdup(path);
		t->name = strdup("capture");
	} else if (!dot || strcmp(dot + 1, capture_format_names[CAPTURE_PCAPNG])) {
		return err_usage(&t->call->err, "%s: give a run's folder or a .pcapng file of detnet's",
				 path);
	} else {
		folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
		t->name = strndup(base, (size_t)(dot - base));
	}
	if (!folder || !t->name)
		return -ENOMEM;
	t->dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t->dir_fd < 0 ? err_sys(&t->call->err, errno, "%s", folder) : 0;
}

static int run(struct call *call)
{
	struct tail t = { .call = call, .dir_fd = -1, .fd = -1, .watch = -1 };
	int r = open_path(&t, call->args[0]);

	signal(SIGIO, SIG_IGN); /* a writer opens the file while we look whether one has it open */
	if (r == 0)
		r = loop_new(&t.loop);
	if (r == 0)
		r = follow_files(&t);
	if (r < 0 && !call->err.n)
		err_sys(&call->err, -r, "%s", call->args[0]);
	loop_free(t.loop);
	follow_free(t.follow);
	cleanup_closep(&t.watch);
	cleanup_closep(&t.fd);
	cleanup_closep(&t.dir_fd);
	free(t.name);
	return err_exit(&call->err);
}

static const struct option_row options[] = {
	OPTION_JSON,
	{ 0 },
};

const struct command cmd_tail = {
	.name = "tail",
	.synopsis = "DIR|FILE.pcapng [--json]",
	.brief = "Follow a capture that is being written",
	.help = "Prints a line for each packet of a run's capture, or of one that the shell writes, and goes on as\n"
		"packets come; with --json an object a line. Behind the bar is who sent the packet, and for what.\n"
		"It begins with the first packet, and ends when the capture does, or on Ctrl-C. A folder that has no\n"
		"capture yet is waited for.\n\n"
		"    detnet tail out/quickstart\n"
		"    detnet tail out/quickstart --json | jq 'select(.comm == \"curl\")'\n\n"
		"A packet is in a run's file after a second at the latest. The activity of a flow that the server\n"
		"opened may be known later than the packet is shown; 'detnet packets' has it then.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
