/* Writes packets into the capture's files. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "capture/file/pcapfile.h"
#include "capture/secrets.h"
#include "capture/sink.h"
#include "capture/tap.h"
#include "core/tree.h"
#include "core/units.h"

#define RETIRED 16 /* files that were followed by another and are open still, of all streams */

const char *const capture_format_names[] = { "pcapng", "pcap" };

/* A file; one of the two. */
struct file {
	struct pcapng_writer *ng;
	struct pcapfile *classic;
};

struct stream {
	char *name;
	int dir_fd;
	uint32_t node; /* NET_NONE: the whole network */
	unsigned number; /* of its file, from 1 */
	uint64_t packets; /* in it */
	int64_t began;
	struct file file;
};

struct retired {
	uint32_t stream;
	unsigned number;
	struct file file;
};

/* Where the packets of a link go beside the whole network's stream. */
struct place {
	uint32_t stream, iface; /* of the file's interfaces */
	bool same_end; /* the end that names the link is this host's */
};

struct link_places {
	struct place at[2];
	unsigned n;
};

struct sink {
	const struct net *net;
	struct sink_opts o;
	int hosts_fd;
	char *name, *filter; /* o's */
	struct stream *streams; /* the first is the whole network's */
	size_t n_streams;
	struct link_places *places; /* by link; NULL: no files of hosts */
	struct sink_count *counts; /* by link */
	struct retired retired[RETIRED]; /* as a ring */
	unsigned next_retired;
	char *keys; /* TLS secrets, for every file: those of either end read a connection */
	size_t keys_len, keys_size;
};

const char *sink_name(char buf[SINK_NAME_SIZE], const char *name, enum capture_format format,
		      unsigned number)
{
	if (number == 1)
		snprintf(buf, SINK_NAME_SIZE, "%s.%s", name, capture_format_names[format]);
	else
		snprintf(buf, SINK_NAME_SIZE, "%s-%05u.%s", name, number,
			 capture_format_names[format]);
	return buf;
}

bool sink_is_name(const char *file, const char *name)
{
	size_t n = strlen(name), digits;

	if (strncmp(file, name, n))
		return false;
	file += n;
	if (*file == '-') {
		digits = strspn(++file, "0123456789");
		if (digits < 5)
			return false;
		file += digits;
	}
	return *file == '.' && (!strcmp(file + 1, capture_format_names[CAPTURE_PCAPNG]) ||
				!strcmp(file + 1, capture_format_names[CAPTURE_PCAP]));
}

/* ---- one file ---- */

static uint64_t file_size(const struct file *f)
{
	return f->ng ? pcapng_size(f->ng) : pcapfile_size(f->classic);
}

static int file_flush(const struct file *f)
{
	return f->ng ? pcapng_flush(f->ng) : f->classic ? pcapfile_flush(f->classic) : 0;
}

static int file_close(const struct sink *s, struct file *f, struct err *err)
{
	int r;

	if (f->ng)
		pcapng_set_secrets(f->ng, s->keys, s->keys_len);
	r = f->ng ? pcapng_close(f->ng, err) : pcapfile_close(f->classic, err);
	*f = (struct file){ NULL, NULL };
	return r;
}

static int add_iface(const struct sink *s, struct pcapng_writer *w, uint32_t iface)
{
	char name[TAP_NAME_SIZE], descr[TAP_DESCR_SIZE];
	struct pcapng_iface_info info;
	int r;

	tap_describe(s->net, iface, name, descr);
	tap_iface_info(s->net, iface, &info);
	info.name = name;
	info.descr = descr;
	info.snaplen = s->o.snaplen;
	info.filter = s->filter;
	r = pcapng_add_iface(w, &info);
	return r < 0 ? r : 0;
}

/* What readers need before the packets. */
static int write_head(const struct sink *s, const struct stream *st, struct pcapng_writer *w)
{
	const struct net *net = s->net;
	struct pcapng_name *names;
	size_t n = 0;
	int r = 0;

	if (st->node == NET_NONE) {
		for (uint32_t i = 0; i < net->n_links && r == 0; i++)
			r = add_iface(s, w, tap_naming_iface(net, i));
	} else {
		const struct node *node = &net->nodes[st->node];

		for (size_t i = 0; i < node->n_ifaces && r == 0; i++)
			r = add_iface(s, w, node->ifaces[i]);
	}
	if (r < 0)
		return r;
	names = tap_names(net, &n);
	if (!names)
		return -ENOMEM;
	r = n ? pcapng_write_names(w, names, n) : 0;
	free(names);
	return r;
}

/* fd is the file's from now on. */
static int make_file(const struct sink *s, const struct stream *st, int fd, const char *name,
		     struct file *ret, struct err *err)
{
	struct utsname un;
	char os[256];
	int r;

	if (s->o.format == CAPTURE_PCAP)
		return pcapfile_create(fd, name, s->o.snaplen, &ret->classic, err);
	uname(&un);
	snprintf(os, sizeof(os), "%s %s %s", un.sysname, un.release, un.machine);
	r = pcapng_create(fd, name, os, "detnet " DETNET_VERSION, NULL, &ret->ng, err);
	if (r < 0)
		return r;
	pcapng_set_dir(ret->ng, st->dir_fd);
	r = write_head(s, st, ret->ng);
	return r < 0 ? err_sys(err, -r, "cannot write %s", name) : 0;
}

/* The stream's next file; the one that it has stays the caller's to keep. */
static int open_file(struct sink *s, struct stream *st, struct err *err)
{
	struct file file = { NULL, NULL };
	char name[SINK_NAME_SIZE];
	int r, fd;

	sink_name(name, st->name, s->o.format, st->number + 1);
	fd = tree_create(st->dir_fd, name, 0);
	if (fd == -EEXIST)
		return err_usage(err, "%s is there already; give another name, or remove it",
				 name);
	if (fd < 0)
		return err_sys(err, -fd, "cannot write %s", name);
	r = make_file(s, st, fd, name, &file, err);
	if (r < 0) {
		file_close(s, &file, NULL);
		tree_remove(st->dir_fd, name);
		return r;
	}
	st->file = file;
	st->packets = 0;
	__atomic_store_n(&st->number, st->number + 1, __ATOMIC_RELAXED);
	return 0;
}

static int put_stats(const struct sink *s, struct pcapng_writer *w, uint32_t iface,
		     const struct sink_count *c)
{
	const struct pcapng_stats stats = {
		.start = s->o.start, .end = units_now_real(), .received = c->received,
		.dropped = c->dropped, .os_dropped = c->os_dropped, .accepted = c->accepted,
		.delivered = c->delivered,
	};

	return pcapng_write_stats(w, iface, &stats);
}

/* Counted since the start of the capture, as pcapng has it. */
static int write_stats(const struct sink *s, const struct stream *st)
{
	const struct net *net = s->net;
	struct pcapng_writer *w = st->file.ng;
	int r = 0;

	if (!w)
		return 0;
	if (st->node == NET_NONE) {
		for (uint32_t i = 0; i < net->n_links && r == 0; i++)
			r = put_stats(s, w, i, &s->counts[i]);
		return r;
	}
	for (uint32_t i = 0; i < net->nodes[st->node].n_ifaces && r == 0; i++) {
		uint32_t iface = net->nodes[st->node].ifaces[i];

		r = put_stats(s, w, i, &s->counts[net->ifaces[iface].link]);
	}
	return r;
}

/* ---- streams ---- */

/* Leaves its file to those that are complete but for what comes late, and begins the next one. */
static int rotate(struct sink *s, uint32_t stream)
{
	struct stream *st = &s->streams[stream];
	struct retired *old = &s->retired[s->next_retired];
	struct file file = st->file;
	unsigned number = st->number;
	int r = write_stats(s, st);

	if (r == 0)
		r = file_flush(&file);
	if (r == 0 && (old->file.ng || old->file.classic))
		r = file_close(s, &old->file, NULL);
	if (r == 0)
		r = open_file(s, st, NULL);
	if (r < 0)
		return r;
	*old = (struct retired){ .stream = stream, .number = number, .file = file };
	s->next_retired = (s->next_retired + 1) % RETIRED;
	return 0;
}

static bool is_due(const struct sink *s, const struct stream *st, int64_t ts)
{
	if (!st->packets)
		return false;
	if (s->o.rotate_bytes && file_size(&st->file) >= s->o.rotate_bytes)
		return true;
	return s->o.rotate_ns && ts - st->began >= s->o.rotate_ns;
}

static int put(struct sink *s, uint32_t stream, const struct pcapng_packet *p,
	       struct comment_pos *ret)
{
	struct stream *st = &s->streams[stream];
	int64_t age;
	int r = 0;

	if (is_due(s, st, p->ts))
		r = rotate(s, stream);
	if (r < 0)
		return r;
	age = p->ts - st->began;
	if (s->o.rotate_ns && age >= s->o.rotate_ns)
		st->began += age / s->o.rotate_ns * s->o.rotate_ns;
	st->packets++;
	if (st->file.classic)
		return pcapfile_write(st->file.classic, p->ts, p->data, p->caplen, p->len);
	ret->stream = stream;
	ret->file = st->number;
	return pcapng_write(st->file.ng, p, &ret->at);
}

int sink_write(struct sink *s, uint32_t link, bool out, struct pcapng_packet *p,
	       struct comment_pos ret_pos[SINK_COPIES])
{
	const struct link_places *places = s->places ? &s->places[link] : NULL;
	int r, n = 0;

	p->iface = link;
	p->dir = out ? PCAPNG_DIR_OUT : PCAPNG_DIR_IN;
	r = put(s, 0, p, &ret_pos[n++]);
	for (unsigned i = 0; places && i < places->n && r == 0; i++) {
		const struct place *at = &places->at[i];

		p->iface = at->iface;
		p->dir = out == at->same_end ? PCAPNG_DIR_OUT : PCAPNG_DIR_IN;
		r = put(s, at->stream, p, &ret_pos[n++]);
	}
	if (r < 0)
		return r;
	s->counts[link].delivered++;
	return s->o.format == CAPTURE_PCAP ? 0 : n;
}

/* What was closed long ago stays as it is. */
int sink_patch(void *arg, const struct comment_pos *pos, const char *text, size_t len)
{
	struct sink *s = arg;
	struct pcapng_writer *w = NULL;

	if (s->streams[pos->stream].number == pos->file)
		w = s->streams[pos->stream].file.ng;
	for (unsigned i = 0; !w && i < RETIRED; i++)
		if (s->retired[i].stream == pos->stream && s->retired[i].number == pos->file)
			w = s->retired[i].file.ng;
	return w ? pcapng_patch_comment(w, pos->at, text, len) : 0;
}

int sink_add_secrets(struct sink *s, const char *keys, size_t len)
{
	if (len > SECRETS_MAX - s->keys_len)
		return -EFBIG;
	if (s->keys_len + len > s->keys_size) {
		size_t size = 2 * s->keys_size + len;
		char *all = realloc(s->keys, size);

		if (!all)
			return -ENOMEM;
		s->keys = all;
		s->keys_size = size;
	}
	if (len)
		memcpy(s->keys + s->keys_len, keys, len);
	s->keys_len += len;
	return 0;
}

int sink_flush(struct sink *s)
{
	int r = 0;

	for (size_t i = 0; i < s->n_streams && r == 0; i++)
		r = file_flush(&s->streams[i].file);
	return r;
}

/* ---- the whole ---- */

struct sink_count *sink_count(struct sink *s, uint32_t link)
{
	return &s->counts[link];
}

unsigned sink_files(const struct sink *s)
{
	return __atomic_load_n(&s->streams[0].number, __ATOMIC_RELAXED);
}

static int add_stream(struct sink *s, int dir_fd, const char *name, uint32_t node, struct err *err)
{
	struct stream *st = &s->streams[s->n_streams];

	*st = (struct stream){ .name = strdup(name), .dir_fd = dir_fd, .node = node,
			       .began = s->o.start };
	s->n_streams++;
	return st->name ? open_file(s, st, err) : -ENOMEM;
}

/* A host may be called as another's second file is: "h1-00002". No host's name has a '_'. */
static void host_file_name(char buf[SINK_NAME_SIZE], const char *node)
{
	size_t n = strlen(node), digits = 0;

	while (digits < n && node[n - 1 - digits] >= '0' && node[n - 1 - digits] <= '9')
		digits++;
	snprintf(buf, SINK_NAME_SIZE, "%s%s", node,
		 digits >= 5 && digits < n && node[n - 1 - digits] == '-' ? "_" : "");
}

static void add_places(struct sink *s, uint32_t node, uint32_t stream)
{
	const struct net *net = s->net;
	const struct node *n = &net->nodes[node];

	for (uint32_t i = 0; i < n->n_ifaces; i++) {
		uint32_t link = net->ifaces[n->ifaces[i]].link;
		struct link_places *p = &s->places[link];

		p->at[p->n++] = (struct place){ stream, i,
						tap_naming_iface(net, link) == n->ifaces[i] };
	}
}

static int add_hosts(struct sink *s, struct err *err)
{
	const struct net *net = s->net;
	char name[SINK_NAME_SIZE];
	int r = 0;

	s->places = calloc(net->n_links + 1, sizeof(*s->places));
	if (!s->places)
		return -ENOMEM;
	s->hosts_fd = tree_make_dir(s->o.dir_fd, SINK_HOSTS);
	if (s->hosts_fd < 0)
		return err_sys(err, -s->hosts_fd, "cannot make %s", SINK_HOSTS);
	for (uint32_t i = 0; i < net->n_nodes && r == 0; i++) {
		if (!node_kinds[net->nodes[i].kind].has_addr)
			continue;
		host_file_name(name, net->nodes[i].name);
		add_places(s, i, (uint32_t)s->n_streams);
		r = add_stream(s, s->hosts_fd, name, i, err);
	}
	return r;
}

int sink_open(const struct net *net, const struct sink_opts *opts, struct sink **ret,
	      struct err *err)
{
	struct sink *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	if (!s)
		return r;
	s->net = net;
	s->o = *opts;
	s->hosts_fd = -1;
	s->name = strdup(opts->name);
	s->filter = opts->filter ? strdup(opts->filter) : NULL;
	s->streams = calloc(net->n_nodes + 1, sizeof(*s->streams));
	s->counts = calloc(net->n_links + 1, sizeof(*s->counts));
	if (s->name && s->streams && s->counts && (s->filter || !opts->filter))
		r = add_stream(s, s->o.dir_fd, s->name, NET_NONE, err);
	if (r == 0 && opts->per_host)
		r = add_hosts(s, err);
	if (r < 0) {
		sink_remove(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* The folder stays where it has other files. */
void sink_remove(struct sink *s)
{
	char name[SINK_NAME_SIZE];

	for (size_t i = 0; i < s->n_streams; i++) {
		const struct stream *st = &s->streams[i];

		if (st->number)
			tree_remove(st->dir_fd, sink_name(name, st->name, s->o.format,
							  st->number));
	}
	if (s->hosts_fd >= 0)
		unlinkat(s->o.dir_fd, SINK_HOSTS, AT_REMOVEDIR);
	sink_close(s, NULL);
}

int sink_close(struct sink *s, struct err *err)
{
	int r = 0, e;

	if (!s)
		return 0;
	for (unsigned i = 0; i < RETIRED; i++) {
		e = file_close(s, &s->retired[i].file, r < 0 ? NULL : err);
		r = r < 0 ? r : e;
	}
	for (size_t i = 0; i < s->n_streams; i++) {
		struct stream *st = &s->streams[i];

		write_stats(s, st); /* a failure is told by closing */
		e = file_close(s, &st->file, r < 0 ? NULL : err);
		r = r < 0 ? r : e;
		free(st->name);
	}
	if (s->hosts_fd >= 0)
		close(s->hosts_fd);
	free(s->streams);
	free(s->places);
	free(s->counts);
	free(s->name);
	free(s->filter);
	free(s->keys);
	free(s);
	return r;
}
