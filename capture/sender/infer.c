/* Who it was: asks for the sockets of both ends, notes the answers by address and time, finds them. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "capture/sender/first.h"
#include "capture/sender/infer_internal.h"
#include "core/cleanup.h"
#include "core/units.h"
#include "emu/emu.h"

#define ICMP_ECHO_REQUEST   8
#define ICMPV6_ECHO_REQUEST 128
/* A ring may have stamped a packet this much before the watch did. */
#define STAMP_SLACK NSEC_PER_MSEC
#define ASK_AGAIN   NSEC_PER_MSEC /* for what has no ports */
#define ONLY_FOR    NSEC_PER_MSEC

static uint64_t mac_key(const uint8_t mac[6])
{
	uint64_t k = 0;

	memcpy(&k, mac, 6);
	return k;
}

/* ---- ports that were freed ---- */

static struct infer_key port_key(uint32_t node, uint16_t port)
{
	struct infer_key k = { .proto = IPPROTO_UDP, .sport = port };

	memcpy(k.src, &node, sizeof(node));
	return k;
}

void infer_port_freed(struct infer *i, uint32_t node, uint16_t port, int64_t ts)
{
	struct infer_key k = port_key(node, port);
	struct infer_record *r = infer_noted(i, &k, INT64_MAX);

	if (r)
		r->ts = ts;
	else
		infer_note(i, &k, OWNER_NONE, 0, ts);
}

/* May the record have been made under a socket that has been closed since? */
static bool is_stale(struct infer *i, const struct infer_record *r, uint32_t node)
{
	struct infer_key k = port_key(node, r->key.sport);
	const struct infer_record *freed;

	if (r->key.proto != IPPROTO_UDP)
		return false;
	if (r->ts < i->udp_from)
		return true;
	freed = infer_noted(i, &k, INT64_MAX);
	return freed && freed->ts > r->ts;
}

/* ---- who it can be ---- */

/* Hands programs that were added since to their nodes. */
static void take_programs(struct infer *i)
{
	const struct owner *w;

	while ((w = owners_program(i->owners, i->programs_seen))) {
		struct infer_node *n = &i->nodes[w->node];
		void *p = reallocarray(n->running, n->n_running + 1, sizeof(*n->running));

		if (!p)
			return;
		n->running = p;
		n->running[n->n_running++] = w->id;
		n->youngest = w->id;
		n->only_turn = 0;
		i->programs_seen++;
	}
}

/* Is a process left in the program's cgroup, "detnet/RUN/HOST/N"? -ENOENT: not even the cgroup. */
static int is_populated(const struct infer *i, uint32_t id)
{
	const struct owner *w = owners_get(i->owners, id);
	const char *below = w ? strchr(w->cgroup, '/') : NULL;
	_cleanup_close_ int fd = -1;
	char path[256], text[128];
	ssize_t n;

	below = below ? strchr(below + 1, '/') : NULL;
	if (!below)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/cgroup.events", below + 1);
	fd = openat(emu_cgroup_fd(i->emu), path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return strstr(text, "populated 1") != NULL;
}

/*
 * The only program of the node that runs; the last one that did, where none does any more. For
 * packets that no kernel sends by itself. Not looked for again in the same turn: each program that may
 * run is a file to read.
 */
static uint32_t only_program(struct infer *i, uint32_t node)
{
	struct infer_node *n = &i->nodes[node];
	int64_t now = units_now_mono();
	uint32_t only = OWNER_NONE;
	size_t kept = 0, live = 0;

	take_programs(i);
	if (n->only_turn == i->turn && now - n->only_at < ONLY_FOR)
		return n->only;
	for (size_t k = 0; k < n->n_running; k++) {
		int r = is_populated(i, n->running[k]);

		if (r == -ENOENT)
			continue;
		n->running[kept++] = n->running[k];
		if (r > 0) {
			live++;
			only = n->running[k];
		}
	}
	n->n_running = kept;
	if (live == 0)
		only = n->youngest;
	n->only = live < 2 && only ? only : OWNER_KERNEL(node);
	n->only_turn = i->turn;
	n->only_at = now;
	return n->only;
}

/*
 * A socket with a link-local address (RFC 4291, 2.5.6) is bound to its interface, whose MAC address
 * is in it. 0 for any other.
 */
static uint32_t link_local_iface(const struct infer *i, const struct infer_key *k)
{
	const uint8_t *a = k->src;
	const uint8_t mac[] = { a[8] ^ 2, a[9], a[10], a[13], a[14], a[15] };
	uint32_t ifc;

	if (k->family != AF_INET6 || a[0] != 0xfe || (a[1] & 0xc0) != 0x80)
		return 0;
	ifc = idmap_get(&i->by_mac, mac_key(mac));
	return ifc == NET_NONE ? 0 : (uint32_t)i->net->ifaces[ifc].ifindex;
}

static int ask(struct infer *i, uint32_t node, const struct infer_key *k, bool listener,
	       uint32_t *ret)
{
	struct diag_socket q = { .family = k->family, .proto = k->proto, .lport = k->sport }, s;
	struct diag *d = i->nodes[node].diag;
	const struct owner *w;
	uint32_t id;
	int r;

	if (!d)
		return -ENOENT;
	q.ifindex = link_local_iface(i, k);
	memcpy(q.local, k->src, sizeof(q.local));
	if (!listener) {
		memcpy(q.remote, k->dst, sizeof(q.remote));
		q.rport = k->dport;
	}
	r = diag_find(d, &q, &s);
	if (r < 0)
		return r;
	id = s.cgroup ? owners_find_program(i->owners, s.cgroup) : OWNER_NONE;
	w = owners_get(i->owners, id);
	if (!w || w->node != node) /* a host's sockets say nothing of another's programs */
		return -ESRCH;
	*ret = id;
	return 0;
}

/* Who sends what has just left. */
static uint32_t sender(struct infer *i, uint32_t node, const struct infer_key *k)
{
	uint32_t id;

	if (!node_kinds[i->net->nodes[node].kind].has_ns)
		return OWNER_KERNEL(node);
	if (ask(i, node, k, false, &id) == 0)
		return id;
	/* An accepted socket that is closing, or a request: the listener made it. */
	if (k->proto == IPPROTO_TCP && ask(i, node, k, true, &id) == 0)
		return id;
	return only_program(i, node);
}

/* Who answers a SYN: whoever listens, or the kernel, with a reset. */
static uint32_t answerer(struct infer *i, uint32_t node, const struct infer_key *k)
{
	uint32_t id;

	if (ask(i, node, k, true, &id) == 0 || ask(i, node, k, false, &id) == 0)
		return id;
	return OWNER_KERNEL(node);
}

/* ---- packets ---- */

/* The node whose address it has, of IP or else of Ethernet (a router puts its own), or from. */
static uint32_t node_of(const struct infer *i, const struct packet *p, const uint8_t *data,
			uint32_t caplen, uint32_t from)
{
	uint32_t addr, ifc = NET_NONE;

	if (p && p->family == AF_INET) {
		memcpy(&addr, p->src, sizeof(addr));
		ifc = addr ? net_find_addr(i->net, ntohl(addr)) : NET_NONE;
	}
	if (ifc == NET_NONE && caplen >= ETH_HLEN)
		ifc = idmap_get(&i->by_mac, mac_key(data + ETH_ALEN));
	return ifc == NET_NONE ? from : i->net->ifaces[ifc].node;
}

static bool is_icmp(const struct packet *p)
{
	return p->proto == (p->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* Does no process ever send it? Some kernel packets look like a process's; see answerer(). */
static bool is_kernels(const struct packet *p)
{
	uint8_t echo = p->family == AF_INET ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST;

	return p->proto == IPPROTO_IGMP || (is_icmp(p) && p->has_icmp && p->icmp_type != echo);
}

static struct infer_key key_of(const struct packet *p)
{
	struct infer_key k = { .family = p->family, .proto = p->proto };

	memcpy(k.src, p->src, sizeof(k.src));
	memcpy(k.dst, p->dst, sizeof(k.dst));
	if (p->has_ports) {
		k.sport = p->sport;
		k.dport = p->dport;
	}
	return k;
}

/* Of all fragments of a datagram: its first has the ports, and is known by them. */
static struct infer_key fragment_key(const struct packet *p)
{
	struct infer_key k = { .family = p->family, .proto = p->proto, .fragment = true };

	memcpy(k.src, p->src, sizeof(k.src));
	memcpy(k.dst, p->dst, sizeof(k.dst));
	k.sport = (uint16_t)p->frag_id;
	k.dport = (uint16_t)(p->frag_id >> 16);
	return k;
}

static struct infer_key reversed(const struct infer_key *k)
{
	struct infer_key r = *k;

	memcpy(r.src, k->dst, sizeof(r.src));
	memcpy(r.dst, k->src, sizeof(r.dst));
	r.sport = k->dport;
	r.dport = k->sport;
	return r;
}

/* A SYN is seen once on each link, and again if it is not answered: it begins something once. */
static void heard_syn(struct infer *i, int64_t ts, uint32_t node, const struct packet *p,
		      const struct infer_key *k)
{
	const struct infer_record *r = infer_noted(i, k, INT64_MAX);
	struct infer_key back = reversed(k);
	struct infer_record *answer;
	uint32_t addr, ifc;

	if (r && r->seq == p->seq)
		return;
	infer_note(i, k, sender(i, node, k), p->seq, ts);
	if (p->family != AF_INET)
		return;
	memcpy(&addr, p->dst, sizeof(addr));
	ifc = net_find_addr(i->net, ntohl(addr));
	if (ifc == NET_NONE)
		return;
	ifc = i->net->ifaces[ifc].node;
	answer = infer_note(i, &back, answerer(i, ifc, &back), p->seq, ts);
	if (answer)
		answer->refused = answer->owner == OWNER_KERNEL(ifc);
}

static uint32_t other_end(const struct infer *i, int ifindex)
{
	uint32_t ifc = (uint32_t)ifindex - NET_IFINDEX_BASE;

	return ifc < i->net->n_ifaces ? i->net->ifaces[net_peer(i->net, ifc)].node : NET_NONE;
}

void infer_heard(struct infer *i, int64_t ts, int ifindex, const uint8_t *data, uint32_t caplen,
		 uint32_t len)
{
	uint32_t node = other_end(i, ifindex);
	struct infer_record *r;
	struct infer_key k;
	struct packet p;

	if (node == NET_NONE || packet_parse(data, caplen, len, &p) <= 0 || is_kernels(&p) ||
	    p.later_fragment)
		return;
	node = node_of(i, &p, data, caplen, node);
	k = key_of(&p);
	if (p.proto == IPPROTO_TCP) {
		if (p.has_tcp)
			heard_syn(i, ts, node, &p, &k);
		return;
	}
	r = infer_noted(i, &k, INT64_MAX);
	if (p.proto == IPPROTO_UDP) {
		if (!r || is_stale(i, r, node))
			infer_note(i, &k, sender(i, node, &k), 0, ts);
	} else if (!r || ts - r->asked >= ASK_AGAIN) {
		/* Without ports the next may be of another program, if not of another each time. */
		uint32_t owner = sender(i, node, &k);

		if (!r || r->owner != owner)
			infer_note(i, &k, owner, 0, ts);
		else
			r->asked = ts;
	}
}

/* Of a packet that nothing was noted of: it began before the capture, or was not heard of. */
static uint32_t late(struct infer *i, int64_t ts, uint32_t node, const struct packet *p,
		     const struct infer_key *k)
{
	uint32_t owner;

	if (p->proto == IPPROTO_TCP && p->has_tcp && p->flags & TCP_RST)
		return OWNER_KERNEL(node);
	owner = sender(i, node, k);
	infer_note(i, k, owner, 0, ts);
	return owner;
}

/* Who closed a listener before it was asked for is known by the answer, which is no reset. */
static uint32_t answered(struct infer *i, uint32_t node, const struct packet *p,
			 struct infer_record *r)
{
	if (r->refused && p->has_tcp && !(p->flags & TCP_RST)) {
		r->owner = only_program(i, node);
		r->refused = false;
	}
	return r->owner;
}

static uint32_t owner_of(struct infer *i, int64_t ts, uint32_t node, const struct packet *p)
{
	struct infer_key k = p->later_fragment ? fragment_key(p) : key_of(p);
	struct infer_record *r = infer_noted(i, &k, ts + STAMP_SLACK);
	uint32_t owner;

	if (r)
		owner = answered(i, node, p, r);
	else if (p->later_fragment)
		return OWNER_KERNEL(node);
	else
		owner = late(i, ts, node, p, &k);
	if (p->fragment && !p->later_fragment) {
		k = fragment_key(p);
		r = infer_noted(i, &k, INT64_MAX);
		if (!r || r->owner != owner)
			infer_note(i, &k, owner, 0, ts);
	}
	return owner;
}

uint32_t infer_owner(struct infer *i, int64_t ts, uint32_t from, const uint8_t *data,
		     uint32_t caplen, uint32_t len)
{
	struct packet p;
	bool ip = packet_parse(data, caplen, len, &p) > 0;
	uint32_t node = node_of(i, ip ? &p : NULL, data, caplen, from), owner;
	struct infer_key k;

	if (!ip || is_kernels(&p))
		return OWNER_KERNEL(node);
	pthread_mutex_lock(&i->lock);
	k = key_of(&p);
	if (!p.later_fragment && !infer_noted(i, &k, ts + STAMP_SLACK))
		infer_watch_catch_up(i);
	owner = owner_of(i, ts, node, &p);
	pthread_mutex_unlock(&i->lock);
	return owner;
}

/* ---- its life ---- */

/* Before there is anything to ask: entering a namespace takes longer than many a connection. */
static int open_node(struct infer *i, uint32_t node, struct err *err)
{
	int ns = emu_node_ns(i->emu, node), fd;
	int r = diag_open(ns, &i->nodes[node].diag);

	if (r < 0)
		return err_sys(err, -r, "the sockets of %s cannot be asked for",
			       i->net->nodes[node].name);
	fd = diag_open_notices(ns);
	r = fd < 0 ? fd : infer_watch_notices(i, node, fd);
	if (fd >= 0 && r < 0)
		close(fd);
	return r < 0 ? err_sys(err, -r, "no notices of the sockets of %s",
			       i->net->nodes[node].name) : 0;
}

static int set_up(struct infer *i, struct err *err)
{
	const struct net *net = i->net;
	int r = 0;

	i->nodes = calloc(net->n_nodes + 1, sizeof(*i->nodes));
	if (!i->nodes)
		return -ENOMEM;
	for (uint32_t n = 0; n < net->n_ifaces && r == 0; n++)
		r = idmap_put(&i->by_mac, mac_key(net->ifaces[n].mac), n);
	if (r == 0)
		r = infer_watch_open(i, err);
	for (uint32_t n = 0; n < net->n_nodes && r == 0; n++)
		if (node_kinds[net->nodes[n].kind].has_ns)
			r = open_node(i, n, err);
	return r < 0 ? r : infer_watch_start(i, err);
}

int infer_open(struct emu *e, struct owners *owners, struct infer **ret, struct err *err)
{
	struct infer *i = calloc(1, sizeof(*i));
	int r;

	if (!i)
		return -ENOMEM;
	i->emu = e;
	i->net = emu_net(e);
	i->owners = owners;
	i->epoll_fd = i->stop_fd = i->notices_fd = -1;
	i->turn = 1;
	first_init_lock(&i->lock);
	r = set_up(i, err);
	if (r < 0) {
		infer_close(i);
		return r;
	}
	owners_set_inferred(owners);
	*ret = i;
	return 0;
}

void infer_close(struct infer *i)
{
	if (!i)
		return;
	infer_watch_close(i);
	infer_forget(i);
	for (size_t n = 0; i->nodes && n < i->net->n_nodes; n++) {
		diag_close(i->nodes[n].diag);
		free(i->nodes[n].running);
	}
	free(i->nodes);
	idmap_free(&i->by_mac);
	pthread_mutex_destroy(&i->lock);
	free(i);
}
