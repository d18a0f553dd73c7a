/*
 * The flow table: finds the flow of each packet and keeps its totals.
 *
 * Theory of operation. Rows live in chunks that never move and are listed in the order of their
 * first packet. A hash table with open addressing maps a key, the same for both directions, to
 * the newest row of these addresses; an older row stays in the list only. A flow ends when its
 * addresses were idle too long, or when a SYN opens another connection on them (conn_is_new()).
 *
 * A flow is counted at one interface, its vantage. Where packets of other interfaces come first,
 * the row is provisional: it counts what the first interface saw and begins anew with the first
 * packet of the true one. A packet elsewhere only adds what its owner tells.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include "capture/flow/flow_internal.h"
#include "capture/flow/schema.h"
#include "core/units.h"

#define CHUNK_ROWS   1024
#define SLOTS_MIN    4096
#define ALIGN	     16 /* of a schema's state */

/* An empty slot has entry NULL. The hash is kept so that growing and misses touch no rows. */
struct slot {
	uint64_t hash;
	struct flow_entry *entry;
};

struct flow_table {
	struct flow_opts opts;
	struct owners *owners;
	uint64_t seed[2]; /* so that nobody can aim packets at one slot */
	struct slot *slots;
	size_t n_slots, n_used; /* a power of two */
	size_t row_size;   /* a struct flow_entry and the schemas' states behind it */
	uint8_t **chunks;
	size_t n_chunks, chunks_size;
	size_t n;
	struct flow_frags frags;
	struct flow_expected expected;
};

static uint64_t key_hash(const struct flow_table *t, const struct flow_key *k)
{
	_Static_assert(sizeof(struct flow_key) == 40, "hashed as five words");
	return flow_hash(t->seed, k, 5);
}

static size_t aligned(size_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static size_t state_size(const struct flow_schema *s)
{
	return aligned(s->state_size);
}

struct flow_table *flow_table_new(const struct flow_opts *opts, struct owners *owners)
{
	struct flow_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	if (opts)
		t->opts = *opts;
	if (!t->opts.tcp_idle)
		t->opts.tcp_idle = 5 * 60 * NSEC_PER_SEC;
	if (!t->opts.udp_idle)
		t->opts.udp_idle = 60 * NSEC_PER_SEC;
	if (!t->opts.icmp_idle)
		t->opts.icmp_idle = 60 * NSEC_PER_SEC;
	t->owners = owners;
	t->row_size = aligned(sizeof(struct flow_entry));
	for (size_t i = 0; t->opts.schemas && t->opts.schemas[i]; i++)
		t->row_size += state_size(t->opts.schemas[i]);
	if (getrandom(t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed[0] = t->seed[1] = (uint64_t)units_now_mono();
	t->seed[1] |= 1;
	t->n_slots = SLOTS_MIN;
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	if (!t->slots) {
		free(t);
		return NULL;
	}
	return t;
}

void flow_table_free(struct flow_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_chunks; i++)
		free(t->chunks[i]);
	free(t->chunks);
	free(t->slots);
	free(t);
}

static struct slot *find_slot(const struct flow_table *t, const struct flow_key *k, uint64_t hash)
{
	size_t mask = t->n_slots - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct slot *s = &t->slots[i];

		if (!s->entry || (s->hash == hash && !memcmp(&s->entry->key, k, sizeof(*k))))
			return s;
	}
}

static int grow_slots(struct flow_table *t)
{
	size_t n = t->n_slots * 2, mask = n - 1;
	struct slot *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_slots; i++) {
		size_t j = t->slots[i].hash & mask;

		if (!t->slots[i].entry)
			continue;
		while (slots[j].entry)
			j = (j + 1) & mask;
		slots[j] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->n_slots = n;
	return 0;
}

static struct flow_entry *row_at(const struct flow_table *t, size_t i)
{
	return (struct flow_entry *)(t->chunks[i / CHUNK_ROWS] + i % CHUNK_ROWS * t->row_size);
}

/* A new, zeroed row at the end of the list. */
static struct flow_entry *new_entry(struct flow_table *t)
{
	struct flow_entry *e;

	if (t->n == t->n_chunks * CHUNK_ROWS) {
		if (t->n_chunks == t->chunks_size) {
			size_t size = t->chunks_size ? t->chunks_size * 2 : 64;
			uint8_t **c = reallocarray(t->chunks, size, sizeof(*c));

			if (!c)
				return NULL;
			t->chunks = c;
			t->chunks_size = size;
		}
		t->chunks[t->n_chunks] = calloc(CHUNK_ROWS, t->row_size);
		if (!t->chunks[t->n_chunks])
			return NULL;
		t->n_chunks++;
	}
	e = row_at(t, t->n);
	e->flow.number = ++t->n;
	return e;
}

static int64_t idle_of(const struct flow_table *t, const struct packet *p)
{
	switch (p->proto) {
	case IPPROTO_TCP:
		return t->opts.tcp_idle;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return t->opts.icmp_idle;
	default:
		return t->opts.udp_idle;
	}
}

static uint32_t vantage_of(const struct flow_table *t, uint8_t family, const uint8_t *ip)
{
	return t->opts.vantage ? t->opts.vantage(t->opts.arg, family, ip) : FLOW_NO_IFACE;
}

static bool is_syn_ack(const struct packet *p)
{
	return p->has_tcp && (p->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
}

/* Does the packet end the flow of its addresses and open the next one? */
static bool opens_next(const struct flow_table *t, const struct flow_entry *e, int dir,
		       const struct packet *p, const struct flow_packet *fp)
{
	/* Unsigned: a hostile file's times may be further apart than an int64_t holds. */
	uint64_t idle = (uint64_t)fp->ts - (uint64_t)e->flow.last;
	bool next = (fp->ts > e->flow.last && idle > (uint64_t)idle_of(t, p)) ||
		    (p->proto == IPPROTO_TCP && conn_is_new(&e->conn, dir, p));

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

/* Fills a new row from its first packet. The sender is the originator, but of a SYN-ACK. */
static void start_flow(struct flow_table *t, struct flow_entry *e, const struct flow_key *k,
		       bool sender_second, const struct packet *p, const struct flow_packet *fp)
{
	struct flow *f = &e->flow;
	bool flipped = is_syn_ack(p);
	bool orig = sender_second != flipped;

	/* A reply without its request (the capture began between them) is still a reply. */
	if (p->has_icmp && flow_icmp_counterpart(p->family, p->icmp_type) >= 0 &&
	    (p->icmp_type == 0 || (p->family == AF_INET6 && p->icmp_type == 129)))
		orig = !sender_second;
	e->key = *k;
	e->orig_second = orig;
	f->family = k->family;
	f->proto = k->proto;
	memcpy(f->orig.ip, k->ip[orig], 16);
	memcpy(f->resp.ip, k->ip[!orig], 16);
	f->orig.port = k->port[orig];
	f->resp.port = k->port[!orig];
	f->first = f->last = fp->ts;
	flow_uid(f, f->uid);
	f->iface = fp->iface;
	e->want = vantage_of(t, f->family, f->orig.ip);
	e->provisional = e->want != FLOW_NO_IFACE && e->want != fp->iface;
	start_history(e, flipped);
	if (f->proto == IPPROTO_TCP && flow_take_expected(&t->expected, f))
		e->service = SERVICE_FTP_DATA;
}

/* An ICMP error is about a flow, and belongs to the activity of that. */
static void adopt_quoted(struct flow_table *t, struct flow_entry *e, const struct packet *p)
{
	struct packet quoted;
	struct flow_key k;
	const struct flow *f;
	struct slot *s;

	if (!packet_parse_ip(p->payload, p->payload_cap, p->payload_len, &quoted) ||
	    quoted.fragment)
		return;
	flow_key_of(&t->frags, &quoted, &k);
	s = find_slot(t, &k, key_hash(t, &k));
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

/* The state of the schema behind the row; *at is where the first begins, and then the next. */
static void *next_state(const struct flow_schema *schema, size_t *at, const struct flow_entry *e)
{
	uint8_t *state = (uint8_t *)e + *at;

	*at += state_size(schema);
	return state;
}

const void *flow_schema_state(const struct flow_table *t, const struct flow *f,
			      const struct flow_schema *schema)
{
	size_t at = aligned(sizeof(struct flow_entry));

	for (size_t i = 0; t->opts.schemas && t->opts.schemas[i]; i++) {
		void *state = next_state(t->opts.schemas[i], &at, flow_entry(f));

		if (t->opts.schemas[i] == schema)
			return schema->state_size ? state : NULL;
	}
	return NULL;
}

static void show_schemas(struct flow_table *t, struct flow_entry *e, int dir,
			 const struct packet *p, const struct flow_packet *fp)
{
	size_t at = aligned(sizeof(struct flow_entry));

	for (size_t i = 0; t->opts.schemas[i]; i++) {
		const struct flow_schema *s = t->opts.schemas[i];
		void *state = next_state(s, &at, e);

		if (s->packet)
			s->packet(state, &e->flow, dir, fp, p);
	}
}

static void reset_schemas(struct flow_table *t, struct flow_entry *e)
{
	size_t at = aligned(sizeof(struct flow_entry));

	for (size_t i = 0; t->opts.schemas && t->opts.schemas[i]; i++) {
		const struct flow_schema *s = t->opts.schemas[i];
		void *state = next_state(s, &at, e);

		if (s->reset)
			s->reset(state);
		else
			memset(state, 0, s->state_size);
	}
}

static void count(struct flow_table *t, struct flow_entry *e, int dir, const struct packet *p,
		  const struct flow_packet *fp)
{
	struct conn_history h = { e->flow.history, FLOW_HISTORY_MAX };
	struct flow_side *s = &e->flow.side[dir];
	struct flow *f = &e->flow;

	s->pkts++;
	s->ip_bytes += p->ip_len;
	if (fp->ts > f->last)
		f->last = fp->ts;
	if (f->proto == IPPROTO_TCP) {
		conn_add_tcp(&e->conn, dir, p, &h);
		s->bytes = conn_bytes(&e->conn, dir);
	} else {
		s->bytes += p->payload_len;
		if (f->proto == IPPROTO_UDP)
			conn_add_udp(&e->conn, dir, p, &h);
	}
	if (t->opts.schemas)
		show_schemas(t, e, dir, p, fp);
	if (!p->payload_cap || p->later_fragment)
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
	e->looked[0] = e->looked[1] = 0;
	start_history(e, is_syn_ack(p));
	reset_schemas(t, e);
}

/* A row for the packet in the slot, whose older row stays in the list. */
static int add_flow(struct flow_table *t, struct slot *s, uint64_t hash, const struct flow_key *k,
		    struct flow_entry **ret)
{
	struct flow_entry *e;
	int r;

	if (!s->entry && (t->n_used + 1) * 2 > t->n_slots) {
		r = grow_slots(t);
		if (r)
			return r;
		s = find_slot(t, k, hash);
	}
	e = new_entry(t);
	if (!e)
		return -ENOMEM;
	t->n_used += !s->entry;
	s->hash = hash;
	s->entry = e;
	*ret = e;
	return 0;
}

static int dir_of(const struct flow_entry *e, bool sender_second)
{
	/* A packet from an end to itself (a "land" packet) is the originator's. */
	if (e->flow.orig.port == e->flow.resp.port && !memcmp(e->flow.orig.ip, e->flow.resp.ip, 16))
		return 0;
	return sender_second != e->orig_second;
}

int flow_table_add(struct flow_table *t, const struct flow_packet *fp, struct flow **ret)
{
	struct flow_entry *e;
	struct packet p;
	struct flow_key k;
	struct slot *s;
	uint64_t hash;
	bool second, fresh = false;
	int dir = 0, r;

	if (!packet_parse(fp->data, fp->caplen, fp->len, &p))
		return 0;
	second = flow_key_of(&t->frags, &p, &k);
	flow_frags_note(&t->frags, &p);
	hash = key_hash(t, &k);
	s = find_slot(t, &k, hash);
	e = s->entry;
	if (e) {
		dir = dir_of(e, second);
		fresh = opens_next(t, e, dir, &p, fp);
	}
	if (!e || fresh) {
		r = add_flow(t, s, hash, &k, &e);
		if (r)
			return r;
		start_flow(t, e, &k, second, &p, fp);
		dir = dir_of(e, second);
	} else if (e->provisional && fp->iface == e->want) {
		settle(t, e, &p, fp);
	}
	add_owner(t, e, dir, fp->owner);
	if (fp->iface == e->flow.iface)
		count(t, e, dir, &p, fp);
	if (p.icmp_error && p.payload_cap && !e->flow.activity)
		adopt_quoted(t, e, &p);
	if (ret)
		*ret = &e->flow;
	return 1;
}

const struct flow *flow_table_find(struct flow_table *t, const struct flow_packet *fp)
{
	const struct flow_entry *e;
	struct flow_key k;
	struct packet p;
	bool second;

	if (!packet_parse(fp->data, fp->caplen, fp->len, &p))
		return NULL;
	second = flow_key_of(&t->frags, &p, &k);
	e = find_slot(t, &k, key_hash(t, &k))->entry;
	return e && !opens_next(t, e, dir_of(e, second), &p, fp) ? &e->flow : NULL;
}

size_t flow_table_count(const struct flow_table *t)
{
	return t->n;
}

int flow_table_each(struct flow_table *t, flow_fn *fn, void *arg)
{
	for (size_t i = 0; i < t->n; i++) {
		int r = fn(arg, &row_at(t, i)->flow);

		if (r)
			return r;
	}
	return 0;
}

const char *flow_conn_state(const struct flow *f)
{
	return conn_state(&flow_entry(f)->conn, f->proto, f->side[0].bytes, f->side[1].bytes);
}
