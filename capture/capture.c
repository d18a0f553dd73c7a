/*
 * The capture of a network: opens its sources and files, starts its thread, completes the files.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/statvfs.h>
#include "capture/capture_internal.h"
#include "capture/comment.h"
#include "capture/flow/schema.h"
#include "capture/secrets.h"
#include "core/tree.h"
#include "core/units.h"
#include "emu/link.h"

#define FLOW_SHARE 2 /* of the memory: the most that flows may take */

/* Packets on links: what a second of 100,000 packets brings. 9 MiB. */
#define IDS_WINDOW (1u << 17)

#define RESERVE_MAX   (16 << 20)
#define RESERVE_SHARE 16 /* of what is free where the files are */

static uint32_t vantage_of(void *arg, uint8_t family, const uint8_t *ip)
{
	const struct capture *c = arg;
	uint32_t addr, i;

	if (family != AF_INET)
		return FLOW_NO_IFACE;
	memcpy(&addr, ip, sizeof(addr));
	i = net_find_addr(c->net, ntohl(addr));
	return i == NET_NONE ? FLOW_NO_IFACE : i;
}

/* What each ring's packets mean. */
static int add_taps(struct capture *c, const struct emu *e)
{
	const struct net *net = c->net;
	int r = taps_init(&c->taps, net);

	c->naming = calloc(net->n_links + 1, sizeof(*c->naming));
	c->alone = calloc(net->n_links + 1, sizeof(*c->alone));
	if (r < 0 || !c->naming || !c->alone)
		return -ENOMEM;
	for (uint32_t i = 0; i < net->n_links; i++) {
		c->naming[i] = tap_naming_iface(net, i);
		c->alone[i] = tap_is_alone(net, i);
		if (emu_link_engine(e, i) != ENGINE_SHAPER)
			taps_add(&c->taps, net, i);
	}
	return 0;
}

/*
 * A full disk must not cost a run the files that say what it was. So room is taken for them while
 * there is some, and let go when the capture is closed. Without it, or where it cannot be had,
 * they are as they come.
 */
static void reserve(struct capture *c)
{
	struct statvfs fs;
	off_t size;

	if (fstatvfs(c->opts.dir_fd, &fs) < 0)
		return;
	size = (off_t)(fs.f_bavail * fs.f_frsize / RESERVE_SHARE);
	c->reserve_fd = openat(c->opts.dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (c->reserve_fd >= 0)
		posix_fallocate(c->reserve_fd, 0, size < RESERVE_MAX ? size : RESERVE_MAX);
}

static int open_filter(struct capture *c, struct err *err)
{
	const struct capture_opts *o = &c->opts;
	char *why = NULL;
	int r = 0;

	if (o->filter)
		r = filter_new(c->net, o->filter, o->snaplen, &c->filter, &why);
	if (r < 0)
		err_usage(err, "filter: %s", why ? why : strerror(-r));
	free(why);
	return r;
}

/* Last of all, so that a capture that cannot begin leaves none behind. */
static int open_files(struct capture *c, struct err *err)
{
	const struct capture_opts *o = &c->opts;
	const struct sink_opts so = {
		.dir_fd = o->dir_fd,
		.name = o->name ? o->name : "capture",
		.format = o->format,
		.snaplen = o->snaplen,
		.filter = o->filter,
		.rotate_bytes = o->rotate_bytes,
		.rotate_ns = o->rotate_ns,
		.per_host = o->per_host,
		.start = c->start,
	};
	int r;

	if (o->dir_fd < 0)
		return 0;
	if (!o->packets_only)
		reserve(c);
	r = sink_open(c->net, &so, &c->sink, err);
	if (r == 0 && c->shaper && !o->packets_only)
		r = fates_open(o->dir_fd, c->net, &c->fates, err);
	return r;
}

/* Of a capture that did not begin. */
static void remove_files(struct capture *c)
{
	if (c->fates)
		tree_remove(c->opts.dir_fd, FATES_FILE);
	if (c->sink)
		sink_remove(steal_ptr(c->sink));
}

/*
 * A run's flows wait for their labels until its end; so many that the machine fails are too many.
 */
static size_t flow_memory(void)
{
	return (size_t)sysconf(_SC_PHYS_PAGES) / FLOW_SHARE * (size_t)sysconf(_SC_PAGESIZE);
}

/* Nobody asks for the flows of a capture of packets only; it may run for days. */
static int make_tables(struct capture *c)
{
	const struct flow_opts fo = { .schemas = c->opts.schemas, .memory_max = flow_memory(),
				      .vantage = vantage_of, .arg = c };

	c->comments = comment_cache_new(c->net);
	c->ids = packet_ids_new(IDS_WINDOW);
	if (!c->comments || !c->ids)
		return -ENOMEM;
	if (!c->opts.packets_only) {
		c->flows = flow_table_new(&fo, c->owners);
		if (!c->flows)
			return -ENOMEM;
	}
	return add_taps(c, c->emu);
}

int capture_start(struct emu *e, struct tag *tag, struct owners *owners,
		  const struct capture_opts *opts, struct capture **ret, struct err *err)
{
	struct capture *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	emu_hold_links(e, true);
	c->emu = e;
	c->net = emu_net(e);
	c->tag = tag;
	c->owners = owners;
	c->opts = *opts;
	c->pad = owners_label_max(owners);
	c->reserve_fd = -1;
	c->stop_fd = eventfd(0, EFD_CLOEXEC);
	c->start = units_now_real();
	pthread_mutex_init(&c->lock, NULL);
	pthread_mutex_init(&c->view_lock, NULL);
	r = c->stop_fd < 0 ? err_sys(err, errno, "cannot make an eventfd") : 0;
	if (r == 0)
		r = make_tables(c);
	if (r == 0)
		r = open_filter(c, err);
	if (r == 0)
		r = process_watch_open(tag, owners, &c->processes);
	if (r == 0 && tag_rung_of(tag) == TAG_RUNG_NONE)
		r = infer_open(e, owners, &c->infer, err);
	if (r == 0)
		r = capture_open_sources(c, err);
	if (r == 0)
		r = open_files(c, err);
	if (r == 0) {
		r = -pthread_create(&c->thread, NULL, capture_thread, c);
		c->running = r == 0;
	}
	if (r < 0) {
		remove_files(c);
		capture_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void capture_stats(struct capture *c, struct capture_stats *ret)
{
	pthread_mutex_lock(&c->lock);
	*ret = c->stats;
	pthread_mutex_unlock(&c->lock);
}

void capture_set_view(struct capture *c, capture_view_fn *fn, void *arg)
{
	pthread_mutex_lock(&c->view_lock);
	c->view = fn;
	c->view_arg = arg;
	pthread_mutex_unlock(&c->view_lock);
}

static int count_unlabelled(void *arg, const struct flow *fl)
{
	*(uint64_t *)arg += !fl->activity;
	return 0;
}

struct flow_writer {
	struct capture *c;
	const struct flow_schema *schema;
	FILE *f;
};

static int write_flow(void *arg, const struct flow *fl)
{
	struct flow_writer *w = arg;
	const struct flow_labels labels = { w->c->net, w->c->owners };

	return w->schema->row(flow_schema_state(w->c->flows, fl, w->schema), fl, &labels, w->f);
}

static int write_rows(struct flow_writer *w)
{
	int r;

	errno = 0;
	r = w->schema->header(w->f);
	if (r == 0)
		r = flow_table_each(w->c->flows, write_flow, w);
	if (r == 0 && w->schema->footer)
		r = w->schema->footer(w->f);
	if (r == -EIO && errno) /* a stream knows that it failed, not why */
		r = -errno;
	return r;
}

/* A table without its last flows would look whole, so there is all of it or none. */
static int write_flows(struct capture *c, const struct flow_schema *schema, struct err *err)
{
	struct flow_writer w = { .c = c, .schema = schema };
	int r, fd = tree_create(c->opts.dir_fd, schema->file, 0);

	if (fd < 0)
		return err_sys(err, -fd, "cannot write %s", schema->file);
	w.f = fdopen(fd, "w");
	if (!w.f) {
		close(fd);
		return -ENOMEM;
	}
	r = write_rows(&w);
	if (fclose(w.f) != 0 && r == 0)
		r = -errno;
	if (r == 0)
		return 0;
	tree_remove(c->opts.dir_fd, schema->file);
	return err_sys(err, -r, "cannot write %s", schema->file);
}

static int write_tables(struct capture *c, struct err *err)
{
	const struct flow_schema *const *more = c->opts.schemas;
	int r = write_flows(c, &schema_detnet, err);

	for (; more && *more && r == 0; more++)
		r = write_flows(c, *more, err);
	return r;
}

static void sum_fates(struct capture *c)
{
	struct shaper_stats now;

	if (!c->shaper)
		return;
	c->stats.shaped = true;
	for (uint32_t i = 0; c->fates && i < c->net->n_links; i++)
		for (int end = 0; end < 2; end++)
			fate_counts_add(&c->stats.fates, fates_counts(c->fates, i, end));
	shaper_stats(c->shaper, &now);
	c->stats.overruns = now.overruns - c->shaper_start.overruns;
	c->stats.send_errors = now.send_errors - c->shaper_start.send_errors;
}

static int add_secrets(void *arg, const char *keys, size_t len)
{
	return sink_add_secrets(arg, keys, len);
}

static int refuse_secrets(int r, struct err *err)
{
	char most[32];

	if (r != -EFBIG)
		return err_integrity(err, "not all TLS secrets are in the capture: %s",
				     strerror(-r));
	return err_integrity(err, "not all TLS secrets are in the capture: hosts' programs wrote "
			     "more than %s to their %s",
			     units_human_size(most, sizeof(most), SECRETS_MAX), SECRETS_FILE);
}

const char *capture_error_text(int error)
{
	return error == EOVERFLOW ? "its flows fill half of this machine's memory" :
				    strerror(error);
}

int capture_stop(struct capture *c, struct err *err)
{
	uint64_t one = 1;
	int r = 0, e, secrets = 0;

	if (!c->running)
		return 0;
	if (c->queue)
		shaper_set_sink(c->shaper, NULL);
	__atomic_store_n(&c->stopping, true, __ATOMIC_RELAXED);
	e = (int)write(c->stop_fd, &one, sizeof(one)); /* without it, it looks when it flushes */
	(void)e;
	pthread_join(c->thread, NULL);
	c->running = false;
	sum_fates(c);
	c->stats.process_events_lost = process_watch_lost(c->processes);
	if (c->infer)
		infer_stats(c->infer, &c->stats.inferring);
	if (c->flows)
		flow_table_each(c->flows, count_unlabelled, &c->stats.flows_unlabelled);
	if (c->stats.error)
		r = err_integrity(err,
				  "the capture could not be written whole: %s; what is in it can "
				  "be read", capture_error_text(c->stats.error));
	if (c->opts.secrets && c->sink && r == 0)
		secrets = secrets_read(c->emu, add_secrets, c->sink);
	e = sink_close(steal_ptr(c->sink), r < 0 ? NULL : err);
	r = r < 0 ? r : e;
	if (r == 0 && secrets < 0)
		r = refuse_secrets(secrets, err);
	if (c->fates) {
		e = fates_close(c->fates, r < 0 ? NULL : err);
		r = r < 0 ? r : e;
	}
	cleanup_closep(&c->reserve_fd);
	c->reserve_fd = -1;
	e = c->opts.dir_fd < 0 || c->opts.packets_only ? 0 : write_tables(c, err);
	return r < 0 ? r : e;
}

const struct fate_counts *capture_fates(const struct capture *c, uint32_t link, int end)
{
	return c->fates ? fates_counts(c->fates, link, end) : NULL;
}

struct flow_table *capture_flows(struct capture *c)
{
	return c->flows;
}

static int forget_pending(void *arg, const struct flow *f)
{
	comment_forget((struct flow *)f);
	return 0;
}

void capture_free(struct capture *c)
{
	if (!c)
		return;
	if (c->running)
		capture_stop(c, NULL);
	else if (c->queue)
		shaper_set_sink(c->shaper, NULL);
	emu_hold_links(c->emu, false);
	fate_queue_free(c->queue);
	fates_free(c->fates);
	sink_close(c->sink, NULL);
	filter_free(c->filter);
	comment_cache_free(c->comments);
	cleanup_closep(&c->reserve_fd);
	for (size_t i = 0; i < c->n_rings; i++)
		ring_close(c->rings[i]);
	free(c->rings);
	if (c->flows)
		flow_table_each(c->flows, forget_pending, NULL);
	flow_table_free(c->flows);
	packet_ids_free(c->ids);
	infer_close(c->infer);
	process_watch_close(c->processes);
	if (c->stop_fd >= 0)
		close(c->stop_fd);
	pthread_mutex_destroy(&c->lock);
	pthread_mutex_destroy(&c->view_lock);
	free(c->naming);
	free(c->alone);
	taps_clear(&c->taps);
	free(c);
}
