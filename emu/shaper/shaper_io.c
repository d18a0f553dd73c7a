/*
 * The shaper's frames: from the BPF ring into parcels, and from parcels to the kernel in batches.
 *
 * Parcels come from lists by size and go back there, so no memory is asked for in a steady state. What
 * is to be sent is gathered until the batch is full or the round ends; it goes out in the order
 * gathered, over one packet socket, each message with its own interface and mark.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/units.h"
#include "emu/netns.h"
#include "emu/shaper/shaper_internal.h"
#include "shaper.skel.h"

#define VLAN_TAG_AT  (2 * ETH_ALEN)
#define VLAN_TAG_LEN 4
#define SEND_BUF     (1 << 29) /* bytes; what waits in a later link's queue still counts as ours */
#define MEMORY_SHARE 4	       /* parcels take at most this part of the machine's memory: 1/4 */

static const uint32_t sizes[SHAPER_SIZES] = {
	SHAPER_SIZE_0 + VLAN_TAG_LEN, SHAPER_SIZE_1 + VLAN_TAG_LEN, SHAPER_SIZE_2 + VLAN_TAG_LEN,
	SHAPER_SIZE_3 + VLAN_TAG_LEN, SHAPER_SIZE_4 + VLAN_TAG_LEN,
};

static unsigned size_class(uint32_t len)
{
	unsigned c = 0;

	while (c < SHAPER_SIZES - 1 && sizes[c] < len)
		c++;
	return c;
}

/* Its fields are as the last use left them. */
static struct parcel *parcel_get(struct shaper_store *store, uint32_t len)
{
	unsigned c = size_class(len);
	struct parcel *p = store->free[c];
	size_t bytes = sizeof(*p) + sizes[c];

	if (p) {
		store->free[c] = p->next;
		return p;
	}
	if (len > sizes[c] || store->bytes + bytes > store->bytes_max)
		return NULL;
	p = malloc(bytes);
	if (!p)
		return NULL;
	store->bytes += bytes;
	p->cap = sizes[c];
	return p;
}

static void parcel_put(struct shaper_store *store, struct parcel *p)
{
	unsigned c = size_class(p->cap);

	p->next = store->free[c];
	store->free[c] = p;
}

/* data: NULL where there is none. */
static void tell_with(struct shaper *s, const struct parcel *p, const uint8_t *data,
		      enum verdict verdict, int64_t ts)
{
	const struct shaper_end *e = pipe_arg(p->pipe);
	struct fate f = {
		.id = p->id, .n = p->n, .link = e->link, .end = e->end, .verdict = verdict,
		.copy = p->copy, .corrupted = p->corrupted, .marked = p->marked,
		.reordered = p->reordered, .flipped = p->flipped, .hash = p->hash, .ts = ts,
		.arrived = p->arrived + s->offset, .queued = p->queued, .delay = p->delay,
		.len = p->len,
	};

	/* A record without room is counted by the queue itself. */
	fate_push(s->sink, &f, data);
	s->told = true;
}

static void tell(struct shaper *s, const struct parcel *p, enum verdict verdict, int64_t ts)
{
	tell_with(s, p, p->data, verdict, ts);
}

void shaper_drop(struct shaper *s, struct parcel *p, enum verdict why, int64_t at)
{
	if (s->sink)
		tell(s, p, why, at + s->offset);
	parcel_put(&s->store, p);
}

static bool delivers(const struct shaper_end *e)
{
	return e->up && e->to->running && e->to->peer_up;
}

/* Into the outbox, which has room; or dropped, where nobody would get it. */
static void put_out(struct shaper *s, struct parcel *p)
{
	struct shaper_outbox *o = &s->out;
	const struct shaper_end *e = pipe_arg(p->pipe);
	unsigned i;

	/* It may have come up unread. */
	if (!delivers(e))
		shaper_carrier_read(s);
	if (!delivers(e)) {
		shaper_drop(s, p, FATE_DOWN, s->now);
		return;
	}
	i = o->n++;
	o->parcel[i] = p;
	o->iov[i] = (struct iovec){ p->data, p->len };
	o->to[i].sll_ifindex = e->out_ifindex;
	memcpy(CMSG_DATA(&o->mark[i].header), &p->hash, sizeof(p->hash));
}

void shaper_output(struct shaper *s, struct parcel *p)
{
	put_out(s, p);
	if (s->out.n == SHAPER_BATCH)
		shaper_flush(s);
}

/* Takes out of the outbox what has lost its receiver since it was put there. */
static void check_carriers(struct shaper *s)
{
	struct shaper_outbox *o = &s->out;
	struct parcel *all[SHAPER_BATCH];
	unsigned i, n;

	shaper_carrier_read(s);
	while (s->carrier_lost) {
		s->carrier_lost = false;
		n = o->n;
		memcpy(all, o->parcel, n * sizeof(*all));
		o->n = 0;
		for (i = 0; i < n; i++)
			put_out(s, all[i]);
	}
}

/*
 * The half is gone or down where a host's root took its interface away: the link is down, then. ENOBUFS
 * is also what a veth says whose other end is just going down, before the kernel tells of it.
 */
static void not_sent(struct shaper *s, struct parcel *p, int error)
{
	const struct shaper_end *e = pipe_arg(p->pipe);

	if (error == ENOBUFS)
		shaper_carrier_ask(s, e->out_ifindex);
	if (error == ENETDOWN || error == ENXIO || error == ENODEV || !delivers(e)) {
		shaper_drop(s, p, FATE_DOWN, s->now);
		return;
	}
	s->stats.send_errors++;
	shaper_drop(s, p, FATE_OVERRUN, s->now);
}

void shaper_flush(struct shaper *s)
{
	struct shaper_outbox *o = &s->out;
	unsigned i = 0, sent, j;

	if (o->n)
		check_carriers(s);
	while (i < o->n) {
		int64_t ts = s->sink ? units_now_real() : 0;
		int r = sendmmsg(s->sock, o->msg + i, o->n - i, MSG_DONTWAIT);

		if (r < 0 && errno == EINTR)
			continue;
		sent = r < 0 ? 0 : (unsigned)r;
		for (j = i; j < i + sent; j++) {
			if (s->sink)
				tell(s, o->parcel[j], FATE_DELIVERED, ts);
			parcel_put(&s->store, o->parcel[j]);
		}
		i += sent;
		/* What stopped it half-way is said when that message is the first. */
		if (r >= 0)
			continue;
		not_sent(s, o->parcel[i++], errno);
		if (s->carrier_lost) {
			o->n -= i;
			memmove(o->parcel, o->parcel + i, o->n * sizeof(*o->parcel));
			check_carriers(s);
			i = 0;
		}
	}
	o->n = 0;
	if (s->told) {
		fate_wake(s->sink);
		s->told = false;
	}
}

/* ---- what pipes ask for ---- */

static void deliver(void *arg, struct parcel *p, int64_t at)
{
	struct shaper_end *e = arg;
	struct shaper *s = e->shaper;

	/* Straight on, unless it would overtake one that is due as well. */
	if (at <= s->now && wheel_next(&s->deliveries) > at)
		shaper_output(s, p);
	else
		wheel_add(&s->deliveries, &p->timer, at);
}

static void drop(void *arg, struct parcel *p, enum verdict why, int64_t at)
{
	struct shaper_end *e = arg;

	shaper_drop(e->shaper, p, why, at);
}

/* Of a packet, or its duplicate, that found no memory. */
static void tell_lost(struct shaper *s, const struct parcel *like, uint8_t copy, const uint8_t *data)
{
	struct parcel p = *like;

	p.copy = copy;
	p.marked = false;
	if (s->sink)
		tell_with(s, &p, data, FATE_OVERRUN, p.arrived + s->offset);
}

static struct parcel *copy(void *arg, const struct parcel *p)
{
	struct shaper_end *e = arg;
	struct parcel *q = parcel_get(&e->shaper->store, p->len);
	uint32_t cap;

	if (!q) {
		e->shaper->stats.overruns++;
		tell_lost(e->shaper, p, 1, p->data);
		return NULL;
	}
	cap = q->cap;
	memcpy(q, p, sizeof(*p) + p->len);
	q->cap = cap;
	q->timer = (struct wheel_timer){ 0 };
	q->next = NULL;
	return q;
}

static void serve_at(void *arg, struct pipe *pipe, int64_t at)
{
	struct shaper_end *e = arg;
	struct wheel_timer *t = pipe_timer(pipe);

	wheel_del(&e->shaper->services, t);
	if (at != INT64_MAX)
		wheel_add(&e->shaper->services, t, at);
}

const struct pipe_ops shaper_pipe_ops = {
	.deliver = deliver, .drop = drop, .clone = copy, .serve_at = serve_at,
};

/* ---- frames from the ring ---- */

static void fill(struct parcel *p, const struct shaper_frame *f)
{
	uint32_t cap = p->cap, at = VLAN_TAG_AT;

	*p = (struct parcel){ .arrived = (int64_t)f->time, .hash = f->hash, .len = f->len,
			      .cap = cap };
	if (!f->vlan_proto || f->len < VLAN_TAG_AT) {
		memcpy(p->data, f->data, f->len);
		return;
	}
	/* The kernel took the tag out of the frame; it goes back to where it was. */
	memcpy(p->data, f->data, at);
	memcpy(p->data + at, &f->vlan_proto, sizeof(f->vlan_proto));
	memcpy(p->data + at + 2, &(uint16_t){ htons(f->vlan_tci) }, sizeof(uint16_t));
	memcpy(p->data + at + VLAN_TAG_LEN, f->data + at, f->len - at);
	p->len += VLAN_TAG_LEN;
}

static void lose_frame(struct shaper *s, struct shaper_end *e, const struct shaper_frame *f)
{
	uint32_t len = f->len + (f->vlan_proto && f->len >= VLAN_TAG_AT ? VLAN_TAG_LEN : 0);

	s->stats.overruns++;
	tell_lost(s, &(struct parcel){ .pipe = e->pipe, .id = shaper_new_id(s),
				       .n = pipe_overrun(e->pipe, len), .hash = f->hash,
				       .arrived = (int64_t)f->time, .len = len },
		  0, NULL);
}

static int take_frame(void *arg, void *data, size_t size)
{
	struct shaper *s = arg;
	const struct shaper_frame *f = data;
	uint32_t i = f->ifindex - NET_IFINDEX_BASE;
	struct shaper_end *e = i < s->net->n_ifaces ? &s->ends[i] : NULL;
	struct parcel *p;

	/* A full batch ends the call, which then says that there may be more. */
	s->took++;
	s->latest = (int64_t)f->time;
	if (!e || !e->pipe)
		goto out;
	s->stats.packets++;
	p = parcel_get(&s->store, f->len + VLAN_TAG_LEN);
	if (!p) {
		lose_frame(s, e, f);
		goto out;
	}
	fill(p, f);
	p->id = shaper_new_id(s);
	/* The round's clock was read before this frame came: what is due by now may leave now. */
	if (p->arrived > s->now)
		s->now = p->arrived;
	pipe_in(e->pipe, p);
out:
	return s->took == SHAPER_BATCH ? -EAGAIN : 0;
}

bool shaper_take_frames(struct shaper *s)
{
	s->took = 0;
	ring_buffer__consume(s->ring);
	return s->took == SHAPER_BATCH;
}

/* ---- life ---- */

static int open_socket(struct shaper *s)
{
	int old = netns_enter(s->ns_fd), size = SEND_BUF, r = 0;

	if (old < 0)
		return old;
	/* Protocol 0: it sends only. */
	s->sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (s->sock < 0)
		r = -errno;
	else if (setsockopt(s->sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		r = -errno;
	netns_leave(old);
	return r;
}

static void set_out(struct shaper_outbox *o)
{
	unsigned i;

	for (i = 0; i < SHAPER_BATCH; i++) {
		o->to[i].sll_family = AF_PACKET;
		o->mark[i].header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(uint32_t)),
						      .cmsg_level = SOL_SOCKET,
						      .cmsg_type = SO_MARK };
		o->msg[i].msg_hdr = (struct msghdr){ .msg_name = &o->to[i],
						     .msg_namelen = sizeof(o->to[i]),
						     .msg_iov = &o->iov[i], .msg_iovlen = 1,
						     .msg_control = &o->mark[i],
						     .msg_controllen = sizeof(o->mark[i]) };
	}
}

int shaper_io_open(struct shaper *s)
{
	uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	s->store.bytes_max = memory / MEMORY_SHARE;
	set_out(&s->out);
	s->ring = ring_buffer__new(bpf_map__fd(s->bpf->maps.frames), take_frame, s, NULL);
	if (!s->ring)
		return -errno;
	return open_socket(s);
}

void shaper_io_close(struct shaper *s)
{
	struct parcel *p;
	unsigned c;

	for (c = 0; c < SHAPER_SIZES; c++) {
		while ((p = s->store.free[c])) {
			s->store.free[c] = p->next;
			free(p);
		}
	}
	ring_buffer__free(s->ring);
	if (s->sock >= 0)
		close(s->sock);
}
