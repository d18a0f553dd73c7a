/*
 * The capture thread: process events and ring blocks in, pcapng and flows out.
 *
 * Theory of operation. The thread waits on the rings, and on an eventfd that ends it. For each packet
 * it finds the link by the interface index (unique in a network), the sender by the tag, the flow by
 * the addresses, and writes one pcapng block. An owner id it does not know yet can only be in the
 * buffer of process events, for the event was sent before the packet; so it looks there once more.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include "capture/capture.h"
#include "capture/comment.h"
#include "capture/ring.h"
#include "core/log.h"
#include "core/tree.h"
#include "core/units.h"

#define RING_MIN (16ull << 20)
#define RING_MAX (256ull << 20)
#define FLUSH_MS 1000 /* what was captured is in the file after this, whatever becomes of us */
#define RING_SHARE 4 /* of the memory: the most that may be asked for */

/* What a packet seen at an interface index means. */
struct tap {
	uint32_t iface;	  /* index in net->ifaces that names it; NET_NONE: not captured */
	uint32_t pcap_id; /* of its interface block */
	bool host_side;	  /* the ring sits at the named interface itself, not at its peer */
};

struct capture {
	const struct net *net;
	struct tag *tag;
	struct owners *owners;
	struct capture_opts opts;
	struct ring **rings;
	size_t n_rings;
	struct tap *taps; /* by ifindex - NET_IFINDEX_BASE */
	size_t n_taps;
	struct pcapng_writer *writer;
	struct flow_table *flows;
	size_t pad; /* bytes that the second half of a comment may need */
	pthread_t thread;
	bool running;
	int stop_fd;
	int64_t start;
	uint64_t *iface_packets; /* by pcap id */
	int64_t flushed_at;	 /* CLOCK_MONOTONIC ns */
	uint64_t flushed_packets;
	uint32_t n_pcap_ifaces;
	pthread_mutex_t lock; /* of stats */
	struct capture_stats stats;
};

static bool in_fabric(const struct net *net, uint32_t iface)
{
	return net->nodes[net->ifaces[iface].node].kind == NODE_SWITCH;
}

/* Which interface of a link names it in the file: the end that is not a switch, the first of two. */
static uint32_t naming_end(const struct net *net, const struct link *l)
{
	return in_fabric(net, l->iface[0]) && !in_fabric(net, l->iface[1]) ? l->iface[1] :
									       l->iface[0];
}

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

static struct tap *tap_of(struct capture *c, int ifindex)
{
	size_t i = (size_t)ifindex - NET_IFINDEX_BASE;

	return ifindex >= NET_IFINDEX_BASE && i < c->n_taps && c->taps[i].iface != NET_NONE ?
		       &c->taps[i] :
		       NULL;
}

static const struct owner *owner_of(struct capture *c, uint32_t hash)
{
	const struct owner *w = owners_get(c->owners, hash & OWNER_MASK);

	if (!w && (hash & OWNER_MASK) >= OWNER_FIRST) {
		tag_read_processes(c->tag);
		w = owners_get(c->owners, hash & OWNER_MASK);
	}
	return w;
}

static void count(struct capture *c, const struct ring_packet *p, const struct owner *owner)
{
	pthread_mutex_lock(&c->lock);
	c->stats.packets++;
	c->stats.bytes += p->len;
	c->stats.unlabelled += !owner;
	c->stats.kernel += owner && owner->kernel;
	c->stats.flows = flow_table_count(c->flows);
	pthread_mutex_unlock(&c->lock);
}

/* The first error stays; nothing is written after it, and the run says that it is not whole. */
static void set_error(struct capture *c, int error)
{
	pthread_mutex_lock(&c->lock);
	if (c->stats.error == 0)
		c->stats.error = error;
	pthread_mutex_unlock(&c->lock);
}

static int write_packet(struct capture *c, const struct ring_packet *p, const struct tap *tap,
			const struct owner *owner, struct flow *flow)
{
	bool may_wait = flow && comment_may_wait(flow);
	struct comment text;
	struct pcapng_packet out = {
		.iface = tap->pcap_id,
		.ts = p->ts,
		.dir = p->outgoing == tap->host_side ? PCAPNG_DIR_OUT : PCAPNG_DIR_IN,
		.caplen = p->caplen,
		.len = p->len,
		.data = p->data,
	};
	uint64_t pos;
	int r;

	comment_make(&text, c->net, owner, flow, may_wait ? c->pad : 0);
	out.comment = text.text;
	out.comment_len = text.len;
	r = pcapng_write(c->writer, &out, &pos);
	if (r < 0)
		return r;
	if (text.padded)
		comment_wait(flow, pos, &text);
	c->iface_packets[tap->pcap_id]++;
	return 0;
}

static void on_packet(void *arg, const struct ring_packet *p)
{
	struct capture *c = arg;
	const struct tap *tap = tap_of(c, p->ifindex);
	const struct owner *owner;
	struct flow *flow = NULL;
	struct flow_packet fp = {
		.ts = p->ts,
		.caplen = p->caplen,
		.len = p->len,
		.data = p->data,
		.owner = p->hash & OWNER_MASK,
	};
	int r;

	if (!tap)
		return;
	owner = owner_of(c, p->hash);
	if (!owner)
		fp.owner = OWNER_NONE;
	fp.iface = tap->iface;
	r = flow_table_add(c->flows, &fp, &flow);
	if (r <= 0)
		flow = NULL;
	if (r >= 0)
		r = c->stats.error ? -c->stats.error : 0;
	if (r == 0 && flow && flow->pending)
		r = comment_complete(flow, c->writer);
	if (r == 0)
		r = write_packet(c, p, tap, owner, flow);
	if (r == 0)
		count(c, p, owner);
	else
		set_error(c, -r);
}

static void read_rings(struct capture *c, const struct pollfd *fds)
{
	tag_read_processes(c->tag);
	for (size_t i = 0; i < c->n_rings; i++) {
		if (fds[i].revents & POLLERR)
			ring_clear_error(c->rings[i]);
		ring_read(c->rings[i], on_packet, c);
	}
}

/* Once in FLUSH_MS, if there is something. */
static void flush(struct capture *c)
{
	int64_t now = units_now_mono();
	int r;

	if (c->stats.error || c->stats.packets == c->flushed_packets ||
	    now - c->flushed_at < FLUSH_MS * NSEC_PER_MSEC)
		return;
	c->flushed_at = now;
	c->flushed_packets = c->stats.packets;
	r = pcapng_flush(c->writer);
	if (r < 0)
		set_error(c, -r);
}

static void *capture_thread(void *arg)
{
	struct capture *c = arg;
	struct pollfd *fds = calloc(c->n_rings + 1, sizeof(*fds));
	int error = fds ? 0 : ENOMEM;

	for (size_t i = 0; fds && i < c->n_rings; i++)
		fds[i] = (struct pollfd){ .fd = ring_fd(c->rings[i]), .events = POLLIN };
	if (fds)
		fds[c->n_rings] = (struct pollfd){ .fd = c->stop_fd, .events = POLLIN };
	while (!error && !(fds[c->n_rings].revents & POLLIN)) {
		if (poll(fds, c->n_rings + 1, FLUSH_MS) < 0)
			error = errno == EINTR ? 0 : errno;
		else
			read_rings(c, fds);
		flush(c);
	}
	tag_read_processes(c->tag);
	for (size_t i = 0; i < c->n_rings; i++)
		ring_drain(c->rings[i], on_packet, c);
	free(fds);
	if (error)
		set_error(c, error);
	return NULL;
}

/* Interface blocks, one a link, and the way from interface indexes to them. */
static int add_ifaces(struct capture *c)
{
	const struct net *net = c->net;

	c->n_taps = net->n_ifaces;
	c->taps = calloc(c->n_taps, sizeof(*c->taps));
	c->iface_packets = calloc(net->n_links, sizeof(*c->iface_packets));
	if (!c->taps || !c->iface_packets)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_taps; i++)
		c->taps[i].iface = NET_NONE;
	for (size_t i = 0; i < net->n_links; i++) {
		uint32_t named = naming_end(net, &net->links[i]), peer = net_peer(net, named);
		const struct iface *ifc = &net->ifaces[named], *far = &net->ifaces[peer];
		uint32_t at = in_fabric(net, named) || !in_fabric(net, peer) ? named : peer;
		char name[NODE_NAME_MAX + IFNAMSIZ + 2], descr[2 * NODE_NAME_MAX + 64], addr[16];
		int id;

		snprintf(name, sizeof(name), "%s:%s", net->nodes[ifc->node].name, ifc->name);
		snprintf(descr, sizeof(descr), "%s%s%s to %s:%s", ifc->addr ? "" : "switch port",
			 ifc->addr ? "address " : "", ifc->addr ? net_format_addr(addr, ifc->addr) : "",
			 net->nodes[far->node].name, far->name);
		id = pcapng_add_iface(c->writer, name, descr, c->opts.snaplen);
		if (id < 0)
			return id;
		c->taps[net->ifaces[at].ifindex - NET_IFINDEX_BASE] =
			(struct tap){ .iface = named, .pcap_id = id, .host_side = at == named };
		c->n_pcap_ifaces = id + 1;
	}
	return 0;
}

/* The kernel takes a ring's memory at once and for good, so one that is asked for has a bound, too. */
static int ring_size(const struct capture *c, uint64_t *ret, struct err *err)
{
	struct sysinfo si;
	uint64_t size;
	char asked[32], most[32];

	if (sysinfo(&si) < 0)
		return err_sys(err, errno, "cannot read the size of the memory");
	size = (uint64_t)si.freeram * si.mem_unit / 64;
	*ret = size < RING_MIN ? RING_MIN : size > RING_MAX ? RING_MAX : size;
	if (!c->opts.ring_bytes)
		return 0;
	size = (uint64_t)si.totalram * si.mem_unit / RING_SHARE;
	if (c->opts.ring_bytes > size)
		return err_usage(err, "ring = %s: at most a quarter of this machine's memory, %s",
				 units_human_size(asked, sizeof(asked), c->opts.ring_bytes),
				 units_human_size(most, sizeof(most), size));
	*ret = c->opts.ring_bytes;
	return 0;
}

static int add_ring(struct capture *c, int ns_fd, int ifindex, uint64_t size, struct err *err)
{
	struct ring **rings = reallocarray(c->rings, c->n_rings + 1, sizeof(*rings));
	int r;

	if (!rings)
		return -ENOMEM;
	c->rings = rings;
	r = ring_open(ns_fd, ifindex, size, c->opts.snaplen, &rings[c->n_rings], err);
	if (r == 0)
		c->n_rings++;
	return r;
}

/* One for the fabric, one for each link that has no end in it. */
static int open_rings(struct capture *c, struct emu *e, struct err *err)
{
	const struct net *net = c->net;
	uint64_t size = 0;
	int r = ring_size(c, &size, err);

	if (r == 0)
		r = add_ring(c, emu_fabric_ns(e), 0, size, err);
	for (size_t i = 0; i < net->n_links && r == 0; i++) {
		uint32_t named = naming_end(net, &net->links[i]);

		if (in_fabric(net, named) || in_fabric(net, net_peer(net, named)))
			continue;
		r = add_ring(c, emu_node_ns(e, net->ifaces[named].node), net->ifaces[named].ifindex,
			     RING_MIN / 2, err);
	}
	return r;
}

static int open_file(struct capture *c, struct err *err)
{
	static const char name[] = "capture.pcapng";
	struct utsname un;
	char os[256];
	int r, fd = tree_create(c->opts.dir_fd, name, 0);

	if (fd < 0)
		return err_sys(err, -fd, "cannot write %s", name);
	uname(&un);
	snprintf(os, sizeof(os), "%s %s %s", un.sysname, un.release, un.machine);
	r = pcapng_create(fd, name, os, "detnet " DETNET_VERSION, NULL, &c->writer, err);
	return r < 0 ? r : add_ifaces(c);
}

int capture_start(struct emu *e, struct tag *tag, struct owners *owners,
		  const struct capture_opts *opts, struct capture **ret, struct err *err)
{
	struct capture *c = calloc(1, sizeof(*c));
	struct flow_opts fo = { .vantage = vantage_of, .arg = c };
	int r;

	if (!c)
		return -ENOMEM;
	c->net = emu_net(e);
	c->tag = tag;
	c->owners = owners;
	c->opts = *opts;
	c->pad = owners_label_max(owners);
	c->stop_fd = eventfd(0, EFD_CLOEXEC);
	c->start = units_now_real();
	pthread_mutex_init(&c->lock, NULL);
	c->flows = flow_table_new(&fo, owners);
	r = c->flows && c->stop_fd >= 0 ? open_file(c, err) : -ENOMEM;
	if (r == 0)
		r = open_rings(c, e, err);
	if (r == 0) {
		r = -pthread_create(&c->thread, NULL, capture_thread, c);
		c->running = r == 0;
	}
	if (r < 0) {
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

struct flow_writer {
	struct capture *c;
	FILE *f;
};

static int write_flow(void *arg, const struct flow *fl)
{
	struct flow_writer *w = arg;

	w->c->stats.flows_unlabelled += !fl->activity;
	return flow_write_csv(fl, w->c->net, w->c->owners, w->f);
}

static int write_flows(struct capture *c, struct err *err)
{
	static const char name[] = "flows.csv";
	struct flow_writer w = { .c = c };
	int r, fd = tree_create(c->opts.dir_fd, name, 0);

	if (fd < 0)
		return err_sys(err, -fd, "cannot write %s", name);
	w.f = fdopen(fd, "w");
	if (!w.f) {
		close(fd);
		return -ENOMEM;
	}
	errno = 0;
	r = flow_write_csv_header(w.f);
	if (r == 0)
		r = flow_table_each(c->flows, write_flow, &w);
	if (r == -EIO && errno) /* a stream knows that it failed, not why */
		r = -errno;
	if (fclose(w.f) != 0 && r == 0)
		r = -errno;
	return r < 0 ? err_sys(err, -r, "cannot write %s", name) : 0;
}

/* What the kernel lost cannot be told by interface; it stands with the first. */
static void write_stats(struct capture *c)
{
	int64_t end = units_now_real();

	for (size_t i = 0; i < c->n_rings; i++) {
		ring_update_stats(c->rings[i]);
		c->stats.drops += ring_stats(c->rings[i])->drops;
	}
	for (uint32_t i = 0; i < c->n_pcap_ifaces; i++)
		pcapng_write_stats(c->writer, i, c->start, end, c->iface_packets[i],
				   i == 0 ? c->stats.drops : 0);
}

int capture_stop(struct capture *c, struct err *err)
{
	uint64_t one = 1;
	int r = 0, e;

	if (!c->running)
		return 0;
	if (write(c->stop_fd, &one, sizeof(one)) < 0)
		return err_sys(err, errno, "cannot stop the capture");
	pthread_join(c->thread, NULL);
	c->running = false;
	write_stats(c);
	if (c->stats.error)
		r = err_integrity(err,
				  "the capture could not be written whole: %s; what is in it can "
				  "be read", strerror(c->stats.error));
	e = pcapng_close(steal_ptr(c->writer), r < 0 ? NULL : err);
	if (r == 0)
		r = e;
	e = write_flows(c, err);
	return r < 0 ? r : e;
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
	if (c->writer)
		pcapng_close(c->writer, NULL);
	for (size_t i = 0; i < c->n_rings; i++)
		ring_close(c->rings[i]);
	free(c->rings);
	if (c->flows)
		flow_table_each(c->flows, forget_pending, NULL);
	flow_table_free(c->flows);
	if (c->stop_fd >= 0)
		close(c->stop_fd);
	pthread_mutex_destroy(&c->lock);
	free(c->iface_packets);
	free(c->taps);
	free(c);
}
