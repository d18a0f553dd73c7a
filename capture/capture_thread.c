/*
 * The capture thread: process events, ring blocks and fates in, pcapng, flows and fates.csv out.
 *
 * Theory of operation. The thread waits on the rings, on the queue that the shaper fills, and on
 * an eventfd that ends it. A ring's packet is told its link by the interface index (unique in a
 * network), a fate names it. The sender follows from the tag, the flow from the addresses, and one
 * pcapng block is written. An owner id that is not known yet can only be in the buffer of process
 * events, for the event was sent before the packet; so the thread looks there once more.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include "capture/capture_internal.h"
#include "capture/comment.h"
#include "core/units.h"

#define FLUSH_MS 1000 /* what was captured is in the file after this, whatever becomes of us */

/* A packet on a link, from whatever saw it. */
struct sighting {
	uint32_t link;
	bool out; /* it left the end that names the link */
	uint64_t id;
	uint32_t hash;
	struct flow_packet packet; /* iface and owner are filled in here */
};

/* The node at the end of the link that it left. */
static uint32_t node_before(const struct capture *c, const struct sighting *s)
{
	uint32_t named = c->naming[s->link];

	return c->net->ifaces[s->out ? named : net_peer(c->net, named)].node;
}

static const struct owner *owner_by_tag(struct capture *c, uint32_t hash)
{
	const struct owner *w = owners_get(c->owners, hash & OWNER_MASK);

	if (!w && (hash & OWNER_MASK) >= OWNER_FIRST) {
		tag_read_processes(c->tag);
		w = owners_get(c->owners, hash & OWNER_MASK);
	}
	return w;
}

static void count(struct capture *c, const struct sighting *s, const struct owner *owner)
{
	struct capture_stats *n = &c->counts;

	n->packets++;
	n->bytes += s->packet.len;
	n->unlabelled += !owner;
	n->kernel += owner && owner->kernel;
	n->inferred += owner && owner->inferred;
}

/* The first error stays; nothing is written after it, and the run says that it is not whole. */
static void set_error(struct capture *c, int error)
{
	if (c->counts.error == 0)
		c->counts.error = error;
}

static void note(struct capture *c, int r)
{
	if (r < 0)
		set_error(c, -r);
}

/* For those who ask; not for each packet. */
static void publish(struct capture *c)
{
	c->counts.flows = c->flows ? flow_table_count(c->flows) : 0;
	c->counts.files = c->sink ? sink_files(c->sink) : 0;
	pthread_mutex_lock(&c->lock);
	c->stats = c->counts;
	pthread_mutex_unlock(&c->lock);
}

static int write_packet(struct capture *c, const struct sighting *s, const struct owner *owner,
			const struct comment *text, struct flow *flow)
{
	struct comment_pos pos[SINK_COPIES];
	struct pcapng_packet out = {
		.ts = s->packet.ts,
		.id = s->id,
		.caplen = s->packet.caplen,
		.len = s->packet.len,
		.data = s->packet.data,
		.comment = text->text,
		.comment_len = text->len,
		.pid = owner && !owner->kernel ? __atomic_load_n(&owner->pid, __ATOMIC_RELAXED) : 0,
		.process = owner ? owner->id : 0,
		.comm = owner ? owner->comm : NULL,
	};
	int n = sink_write(c->sink, s->link, s->out, &out, pos);

	for (int i = 0; i < n && text->padded; i++)
		comment_wait(flow, &pos[i], text);
	return n < 0 ? n : 0;
}

/* Into the files and to who looks on, if the filter lets it pass. */
static int hand_on(struct capture *c, const struct sighting *s, const struct owner *owner,
		   struct flow *flow)
{
	const struct flow_packet *p = &s->packet;
	struct sink_count *n = c->sink ? sink_count(c->sink, s->link) : NULL;
	const struct comment *text;
	int r = 0;

	if (n)
		n->received++;
	if (c->filter && !filter_match(c->filter, p->data, p->caplen, p->len)) {
		c->counts.filtered++;
		return 0;
	}
	if (n)
		n->accepted++;
	text = comment_cached(c->comments, owner, flow,
			      flow && comment_may_wait(flow) ? c->pad : 0);
	if (c->view)
		c->view(c->view_arg, &(struct capture_view){ s->link, s->out, p, text });
	if (c->counts.error)
		r = -c->counts.error;
	else if (c->sink)
		r = write_packet(c, s, owner, text, flow);
	if (r == 0)
		count(c, s, owner);
	else
		c->counts.unwritten++;
	return r;
}

/* Who sent it, and where it is counted. */
static const struct owner *identify(struct capture *c, struct sighting *s)
{
	const struct flow_packet *p = &s->packet;
	const struct owner *owner;

	if (c->infer)
		owner = owners_get(c->owners,
				   infer_owner(c->infer, p->ts, node_before(c, s), p->data,
					       p->caplen, p->len));
	else
		owner = owner_by_tag(c, s->hash);
	s->packet.owner = owner ? owner->id : OWNER_NONE;
	s->packet.iface = c->naming[s->link];
	return owner;
}

/* A packet that crossed its link: into its flow and the file. */
static int add_packet(struct capture *c, const struct sighting *s, const struct owner *owner,
		      struct flow **ret)
{
	struct flow *flow = NULL;
	int r = c->flows ? flow_table_add(c->flows, &s->packet, &flow) : 0;

	if (r > 0 && flow->pending && !c->counts.error)
		r = comment_complete(flow, sink_patch, c->sink);
	if (r < 0)
		set_error(c, -r); /* it is handed on all the same, for it is counted there */
	*ret = flow;
	return hand_on(c, s, owner, flow);
}

/* f: of a link that the shaper shapes; else NULL. */
static uint64_t id_of(struct capture *c, const struct sighting *s, const struct fate *f)
{
	struct packet_seen seen = {
		.link = s->link,
		.end = s->out,
		.alone = c->alone[s->link],
		.ts = s->packet.ts,
		.hash = c->infer ? 0 : s->hash,
		.data = s->packet.data,
		.caplen = s->packet.caplen,
		.len = s->packet.len,
	};

	if (f) {
		seen.shaper_id = f->id;
		seen.lost = f->verdict != FATE_DELIVERED;
		seen.corrupted = f->corrupted;
		seen.flipped = f->flipped;
	}
	return packet_ids_get(c->ids, &seen);
}

static void on_packet(void *arg, const struct ring_packet *p)
{
	struct capture *c = arg;
	const struct tap *tap = taps_find(&c->taps, p->ifindex);
	const struct owner *owner;
	struct flow *flow;
	struct sighting s;
	int r;

	if (!tap)
		return;
	s = (struct sighting){
		.link = tap->link,
		.out = p->outgoing == tap->named,
		.hash = p->hash,
		.packet = { .ts = p->ts, .caplen = p->caplen, .len = p->len, .data = p->data },
	};
	s.id = id_of(c, &s, NULL);
	owner = identify(c, &s);
	r = add_packet(c, &s, owner, &flow);
	if (r < 0)
		set_error(c, -r);
}

/* A flow is never made by a packet that did not cross a link, but such a packet may be of one. */
static void on_fate(void *arg, const struct fate *f, const uint8_t *data)
{
	struct capture *c = arg;
	const struct link *l = &c->net->links[f->link];
	struct sighting s = {
		.link = f->link,
		.out = l->iface[f->end] == c->naming[f->link],
		.hash = f->hash,
		.packet = { .ts = f->ts, .caplen = f->caplen, .len = f->len, .data = data },
	};
	const struct owner *owner = identify(c, &s);
	const struct flow *flow = NULL;
	struct flow *own = NULL;
	struct fate told = *f;
	int r = 0;

	told.id = s.id = id_of(c, &s, f);
	if (f->verdict == FATE_DELIVERED) {
		r = add_packet(c, &s, owner, &own);
		flow = own;
	} else if (c->flows) {
		flow = flow_table_find(c->flows, &s.packet);
	}
	if (r == 0)
		r = -c->counts.error;
	if (r == 0 && c->fates)
		r = fates_add(c->fates, &told, data, s.packet.owner, flow ? flow->uid : NULL);
	if (r < 0)
		set_error(c, -r);
}

/* fds: of the rings, then of the queue. */
static void read_all(struct capture *c, const struct pollfd *fds)
{
	pthread_mutex_lock(&c->view_lock);
	tag_read_processes(c->tag);
	/* Fates first: what a link made of a packet is then known where it goes on. */
	if (c->queue)
		fate_read(c->queue, on_fate, c);
	for (size_t i = 0; i < c->n_rings; i++) {
		if (fds[i].revents & POLLERR)
			ring_clear_error(c->rings[i]);
		ring_read(c->rings[i], on_packet, c);
	}
	pthread_mutex_unlock(&c->view_lock);
}

/* What is there at the end; nothing comes into the queue any more. */
static void drain_all(struct capture *c)
{
	pthread_mutex_lock(&c->view_lock);
	tag_read_processes(c->tag);
	while (c->queue && fate_read(c->queue, on_fate, c) > 0)
		;
	for (size_t i = 0; i < c->n_rings; i++)
		note(c, ring_drain(c->rings[i], on_packet, c));
	pthread_mutex_unlock(&c->view_lock);
}

/* What the kernel lost cannot be told by interface; it stands with the first. */
static void count_drops(struct capture *c)
{
	c->counts.drops = 0;
	for (size_t i = 0; i < c->n_rings; i++) {
		note(c, ring_update_stats(c->rings[i]));
		c->counts.drops += ring_stats(c->rings[i])->drops;
	}
	c->counts.fates_lost = c->queue ? fate_lost(c->queue) : 0;
	if (c->sink) {
		struct sink_count *n = sink_count(c->sink, 0);

		n->os_dropped = c->counts.drops;
		n->dropped = c->counts.drops + c->counts.fates_lost;
	}
}

/* Once in FLUSH_MS, if there is something. */
static void flush(struct capture *c)
{
	int64_t now = units_now_mono();
	int r = 0;

	if (c->counts.error || c->counts.packets == c->flushed_packets ||
	    now - c->flushed_at < FLUSH_MS * NSEC_PER_MSEC)
		return;
	c->flushed_at = now;
	c->flushed_packets = c->counts.packets;
	count_drops(c);
	if (c->sink)
		r = sink_flush(c->sink);
	if (r == 0 && c->fates)
		r = fates_flush(c->fates);
	if (r < 0)
		set_error(c, -r);
}

void *capture_thread(void *arg)
{
	struct capture *c = arg;
	size_t n = c->n_rings;
	struct pollfd *fds = calloc(n + 2, sizeof(*fds)), *stop = fds + n + 1;
	int error = fds ? 0 : ENOMEM;

	if (fds) {
		for (size_t i = 0; i < n; i++)
			fds[i] = (struct pollfd){ .fd = ring_fd(c->rings[i]), .events = POLLIN };
		fds[n].fd = c->queue ? fate_queue_fd(c->queue) : -1; /* poll() passes over it */
		fds[n].events = POLLIN;
		*stop = (struct pollfd){ .fd = c->stop_fd, .events = POLLIN };
	}
	while (!error && !__atomic_load_n(&c->stopping, __ATOMIC_RELAXED)) {
		if (poll(fds, n + 2, FLUSH_MS) < 0)
			error = errno == EINTR ? 0 : errno;
		else
			read_all(c, fds);
		flush(c);
		publish(c);
	}
	drain_all(c);
	free(fds);
	if (error)
		set_error(c, error);
	count_drops(c);
	publish(c);
	return NULL;
}
