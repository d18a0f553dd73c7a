/*
 * The flow table: finds the flow of each packet and keeps its totals.
 *
 * A flow ends when its addresses were idle too long, when nobody answers its SYN, when it has the
 * age that opts.active sets, or when a SYN opens another connection on them (conn_is_new()). What
 * says so is the next packet of its addresses; flow_expire.c finds the flows that have none. The
 * rows are flow_table.c's.
 *
 * A flow is counted at one interface, its vantage. Where packets of other interfaces come first,
 * the row is provisional: it counts what the first interface saw and begins anew with the first
 * packet of the true one. A packet elsewhere only adds what its owner tells.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "capture/flow/flow_internal.h"

static uint32_t vantage_of(const struct flow_table *t, uint8_t family, const uint8_t *ip)
{
	return t->opts.vantage ? t->opts.vantage(t->opts.arg, family, ip) : FLOW_NO_IFACE;
}

static bool is_syn_ack(const struct packet *p)
{
	return p->has_tcp && (p->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
}

/* Unsigned: times in a hostile file may be further apart than an int64_t holds. */
static bool later_by(int64_t ts, int64_t than, int64_t ns)
{
	return ts > than && (uint64_t)ts - (uint64_t)than > (uint64_t)ns;
}

static bool is_too_old(const struct flow_table *t, const struct flow_entry *e, int64_t ts)
{
	return t->opts.active && later_by(ts, e->flow.first, t->opts.active);
}

/* Does the packet end the flow of its addresses and open the next one? */
static bool opens_next(const struct flow_table *t, const struct flow_entry *e, int dir,
		       const struct packet *p, const struct flow_packet *fp)
{
	bool next = fp->ts > flow_end(t, e) ||
		    (p->proto == IPPROTO_TCP && conn_is_new(&e->conn, dir, p)) ||
		    is_too_old(t, e, fp->ts);

	/* Only where the flow is counted, or the new one will be: a copy seen elsewhere is late. */
	return next && (fp->iface == e->flow.iface ||
			fp->iface == vantage_of(t, p->family, is_syn_ack(p) ? p->dst : p->src));
}

static void start_history(struct flow_entry *e, bool flipped)
{
	struct conn_history h = { e->flow.history, FLOW_HISTORY_MAX };

	memset(&e->conn, 0, sizeof(e->conn));
	e->flow.history[0] = '\0';
	if (flipped)
		conn_note_flipped(&h);
}

/*
 * Is the sender of a flow's first packet its originator? Yes, but of a SYN-ACK and an echo's
 * answer.
 */
static bool sender_is_orig(const struct packet *p)
{
	/* A reply without its request (the capture began between them) is still a reply. */
	if (p->has_icmp && flow_icmp_counterpart(p->family, p->icmp_type) >= 0 &&
	    (p->icmp_type == 0 || (p->family == AF_INET6 && p->icmp_type == 129)))
		return false;
	return !is_syn_ack(p);
}

/* Fills a new row, whose originator is the key's second end or not. */
static void start_flow(struct flow_table *t, struct flow_entry *e, bool orig,
		       const struct flow_key *k, const struct packet *p, const struct flow_packet *fp)
{
	struct flow *f = &e->flow;

	e->orig_second = orig;
	f->family = k->family;
	f->proto = k->proto;
	f->vlan = p->vlan;
	memcpy(f->orig.ip, k->ip[orig], 16);
	memcpy(f->resp.ip, k->ip[!orig], 16);
	f->orig.port = k->port[orig];
	f->resp.port = k->port[!orig];
	f->first = f->last = fp->ts;
	flow_uid(f, f->uid);
	f->iface = fp->iface;
	e->want = vantage_of(t, f->family, f->orig.ip);
	e->provisional = e->want != FLOW_NO_IFACE && e->want != fp->iface;
}

/* What the next part of a flow that became too old goes on with. */
static void continue_flow(struct flow_entry *e, struct flow_entry *old)
{
	conn_continue(&e->conn, &old->conn);
	e->service = old->service;
	e->activity_of_orig = old->activity_of_orig;
	e->flow.activity = old->flow.activity;
	e->flow.scenario = old->flow.scenario;
	e->flow.class = old->flow.class;
	for (int i = 0; i < 2; i++) {
		e->looked[i] = old->looked[i];
		e->resolved[i] = old->resolved[i];
		e->program[i] = old->program[i];
		e->flow.side[i].owner = old->flow.side[i].owner;
	}
}

/*
 * An ICMP error is about a flow, and belongs to the activity of that; unless that has ended long
 * ago.
 */
static void adopt_quoted(struct flow_table *t, struct flow_entry *e, const struct packet *p,
			 int64_t ts)
{
	struct packet quoted;
	struct flow_key k;
	const struct flow *f;
	struct flow_slot *s;

	if (!packet_parse_ip(p->payload, p->payload_cap, p->payload_len, &quoted) ||
	    quoted.fragment)
		return;
	flow_key_of(&t->frags, &quoted, ts, &k);
	s = flow_slot_find(t, &k, flow_key_hash(t, &k));
	if (!s->entry || s->entry == e)
		return;
	f = &s->entry->flow;
	if (!e->flow.activity)
		e->flow.activity = f->activity;
	if (!e->flow.scenario) {
		e->flow.scenario = f->scenario;
		e->flow.class = f->class;
	}
}

/* Scenario and class: of the activity, else of the program that serves, else of the other. */
static void set_scenario(struct flow_entry *e)
{
	struct flow *f = &e->flow;

	if (f->activity) {
		f->scenario = f->activity->scenario;
		f->class = f->activity->class;
		return;
	}
	for (int side = 1; side >= 0; side--) {
		const struct owner *o = e->program[side];

		if (o && o->scenario) {
			f->scenario = o->scenario;
			f->class = o->class;
			return;
		}
	}
}

/* Takes in what the packet's owner tells: who this end is, and what it is doing. */
static void add_owner(struct flow_table *t, struct flow_entry *e, int dir, uint32_t id)
{
	struct flow_side *s = &e->flow.side[dir];
	bool kernel = id < OWNER_FIRST;
	const struct activity_label *a;
	const struct owner *o;

	if (id == OWNER_NONE || id == e->resolved[dir])
		return;
	if (!s->owner || (s->owner < OWNER_FIRST && !kernel))
		s->owner = id;
	if (!t->owners || kernel) {
		e->resolved[dir] = id;
		return;
	}
	o = owners_get(t->owners, id);
	if (!o)
		return; /* ask again with its next packet */
	e->resolved[dir] = id;
	if (!e->program[dir] || (!e->program[dir]->scenario && o->scenario))
		e->program[dir] = o;
	a = o->activity;
	if (a && (!e->flow.activity || (dir == 0 && !e->activity_of_orig))) {
		e->flow.activity = a;
		e->activity_of_orig = dir == 0;
	}
	set_scenario(e);
}

static void count_tcp(struct flow_entry *e, int dir, const struct packet *p)
{
	struct conn_history h = { e->flow.history, FLOW_HISTORY_MAX };
	struct flow_side *s = &e->flow.side[dir], *peer = &e->flow.side[!dir];
	uint64_t missed = 0;
	unsigned what = conn_add_tcp(&e->conn, dir, p, &h, &missed);

	s->retransmits += !!(what & CONN_RETRANSMITTED);
	s->out_of_order += !!(what & CONN_OUT_OF_ORDER);
	s->bytes = conn_bytes(&e->conn, dir);
	if (missed) {
		peer->missed += missed;
		peer->bytes = conn_bytes(&e->conn, !dir);
	}
}

static void count(struct flow_table *t, struct flow_entry *e, int dir, const struct packet *p,
		  const struct flow_packet *fp)
{
	struct conn_history h = { e->flow.history, FLOW_HISTORY_MAX };
	struct flow_side *s = &e->flow.side[dir];
	struct flow *f = &e->flow;
	bool corrupt = t->opts.checksums && packet_is_corrupt(p);

	s->pkts++;
	s->ip_bytes += p->ip_len;
	s->fragments += p->fragment;
	if (fp->ts > f->last)
		f->last = fp->ts;
	if (corrupt) {
		if (f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP)
			conn_add_corrupt(&e->conn, dir, &h);
	} else if (f->proto == IPPROTO_TCP) {
		count_tcp(e, dir, p);
	} else {
		s->bytes += p->payload_len;
		if (f->proto == IPPROTO_UDP)
			conn_add_udp(&e->conn, dir, &h);
	}
	if (t->opts.schemas)
		flow_show_schemas(t, e, dir, p, fp);
	if (corrupt || !p->payload_cap || p->later_fragment)
		return;
	flow_look(e, dir, p);
	if (e->service == SERVICE_FTP)
		flow_expect_ftp_data(&t->expected, p);
}

/* The first packet of the true vantage: what was counted elsewhere goes. */
static void settle(struct flow_table *t, struct flow_entry *e, const struct packet *p,
		   const struct flow_packet *fp)
{
	struct flow *f = &e->flow;

	for (int dir = 0; dir < 2; dir++) {
		uint32_t owner = f->side[dir].owner;

		f->side[dir] = (struct flow_side){ .owner = owner };
	}
	f->iface = fp->iface;
	f->first = f->last = fp->ts;
	e->provisional = false;
	f->vlan = p->vlan;
	e->looked[0] = e->looked[1] = 0;
	conn_close(&e->conn);
	start_history(e, is_syn_ack(p));
	flow_reset_schemas(t, e);
}

static int dir_of(const struct flow_entry *e, bool sender_second)
{
	/* A packet from an end to itself (a "land" packet) is the originator's. */
	if (e->flow.orig.port == e->flow.resp.port && !memcmp(e->flow.orig.ip, e->flow.resp.ip, 16))
		return 0;
	return sender_second != e->orig_second;
}

static int parse(const struct flow_packet *fp, struct packet *ret)
{
	if (fp->linktype <= 1)
		return packet_parse(fp->data, fp->caplen, fp->len, ret);
	return packet_parse_link(fp->linktype, fp->data, fp->caplen, fp->len, ret);
}

/* A packet taken apart, and what its flow is found by. */
struct look_up {
	struct packet p;
	struct flow_key k;
	uint64_t hash;
	bool second; /* the sender is the key's second end */
};

static int look_up(struct flow_table *t, const struct flow_packet *fp, struct look_up *ret)
{
	if (!parse(fp, &ret->p))
		return 0;
	ret->second = flow_key_of(&t->frags, &ret->p, fp->ts, &ret->k);
	flow_frags_note(&t->frags, &ret->p, fp->ts);
	ret->hash = flow_key_hash(t, &ret->k);
	return 1;
}

/* A row for the packet in the slot, which holds the flow that it ends, or none. */
static int next_flow(struct flow_table *t, struct flow_slot *s, const struct look_up *l,
		     const struct flow_packet *fp, struct flow_entry **ret)
{
	struct flow_entry *old = s->entry, *e;
	const struct packet *p = &l->p;
	bool goes_on = old && is_too_old(t, old, fp->ts) && fp->ts <= flow_end(t, old) &&
		       !conn_is_new(&old->conn, dir_of(old, l->second), p);
	int r = flow_row_add(t, s, l->hash, &l->k, &e);

	if (r)
		return r;
	start_flow(t, e, goes_on ? old->orig_second : l->second == sender_is_orig(p), &l->k, p,
		   fp);
	if (goes_on) {
		continue_flow(e, old);
	} else {
		start_history(e, is_syn_ack(p));
		if (p->proto == IPPROTO_TCP && flow_take_expected(&t->expected, &e->flow))
			e->service = SERVICE_FTP_DATA;
	}
	*ret = e;
	return old ? flow_row_end(t, old) : 0;
}

static int add(struct flow_table *t, const struct look_up *l, const struct flow_packet *fp,
	       struct flow **ret)
{
	const struct packet *p = &l->p;
	struct flow_entry *e;
	struct flow_slot *s;
	bool anew = true, was_over = false;
	int r, dir;

	if (t->opts.ended) {
		r = flow_expire(t, fp->ts);
		if (r)
			return r;
	}
	s = flow_slot_find(t, &l->k, l->hash);
	e = s->entry;
	if (!e || opens_next(t, e, dir_of(e, l->second), p, fp)) {
		r = next_flow(t, s, l, fp, &e);
		if (r)
			return r;
	} else if (e->provisional && fp->iface == e->want) {
		settle(t, e, p, fp);
	} else {
		anew = false;
		was_over = conn_is_over(&e->conn);
	}
	dir = dir_of(e, l->second);
	add_owner(t, e, dir, fp->owner);
	if (fp->iface == e->flow.iface)
		count(t, e, dir, p, fp);
	if (t->opts.ended && (anew || conn_is_over(&e->conn) != was_over))
		flow_expire_set(t, e);
	if (p->icmp_error && p->payload_cap && !e->flow.activity)
		adopt_quoted(t, e, p, fp->ts);
	if (ret)
		*ret = &e->flow;
	return 1;
}

int flow_table_add(struct flow_table *t, const struct flow_packet *fp, struct flow **ret)
{
	struct look_up l;

	return look_up(t, fp, &l) ? add(t, &l, fp, ret) : 0;
}

/* Three passes, each of which asks the memory for what the next one needs. */
int flow_table_add_many(struct flow_table *t, const struct flow_packet *fp, size_t n)
{
	struct look_up l[FLOW_BATCH];
	bool known[FLOW_BATCH];
	int unknown = 0, r;

	for (size_t i = 0; i < n; i++) {
		known[i] = look_up(t, &fp[i], &l[i]);
		if (known[i])
			flow_slot_prefetch(t, l[i].hash);
	}
	for (size_t i = 0; i < n; i++)
		if (known[i])
			flow_row_prefetch(t, l[i].hash);
	for (size_t i = 0; i < n; i++) {
		r = known[i] ? add(t, &l[i], &fp[i], NULL) : 0;
		if (r < 0)
			return r;
		unknown += !r;
	}
	return unknown;
}

const struct flow *flow_table_find(struct flow_table *t, const struct flow_packet *fp)
{
	const struct flow_entry *e;
	struct look_up l;

	if (!look_up(t, fp, &l))
		return NULL;
	e = flow_slot_find(t, &l.k, l.hash)->entry;
	return e && !opens_next(t, e, dir_of(e, l.second), &l.p, fp) ? &e->flow : NULL;
}

const char *flow_conn_state(const struct flow *f)
{
	return conn_state(&flow_entry(f)->conn, f->proto, f->side[0].bytes, f->side[1].bytes);
}
