/*
 * Packet ids: a table of recent packets by what forwarding leaves of them.
 *
 * Theory of operation. A packet's kind is a hash of 64 bits over what stays the same on its way.
 * The packets of one kind, nearly always one, are a list in the order in which they were first
 * seen. A list of one remembers in its packet the links on which it was seen. As soon as that
 * does not do (equal packets, duplicates, a flood over many links) each link has a mark for the
 * kind, a record of its own: the packet it saw last. The next one there is the next of the list.
 *
 * All records are in one ring, whose oldest makes room for each new one. A record is found by its
 * key (the kind; kind and link; the shaper's number) through buckets, in which each list is
 * represented by its newest record; the oldest of the ring is always the oldest of its list, so
 * nothing is searched for when it goes. Records name each other by number, counted from 1: one
 * that is gone is told by it.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "capture/packet_id.h"
#include "core/cleanup.h"
#include "core/units.h"

#define SEEN_MAX 4
/*
 * Where a newer one of its kind is there, an older one that did not come yet is taken for lost.
 * ARP, whose requests are all equal, asks again after a second.
 */
#define LOST_AGE (900 * NSEC_PER_MSEC)
/* Of two links that are read together, how much later the packets of one may be. */
#define SKEW	 (100 * NSEC_PER_MSEC)

#define ETH_LEN	     14
#define IP6_LEN	     40
#define BEHIND	     64 /* bytes behind the IP header that count */
#define HASHED_MAX   (ETH_LEN + 60 + BEHIND)
#define PLACE_SHAPER UINT64_MAX

struct record {
	uint64_t key;
	uint64_t id;	/* of a packet; of a mark: the packet's record */
	/* The list's next newer one, 0: none; of a shaper's number: the packet's record. */
	uint64_t next;
	uint64_t oldest; /* of the list; kept in its newest */
	int64_t ts;
	uint32_t chain; /* the next of the bucket, its place + 1 */
	uint16_t times; /* of a packet: how often a link may see it; of a mark: how often it did */
	bool marks;	/* kept in the list's newest: links have marks */
	uint8_t lost : 1, n_seen : 7;
	union {
		uint32_t seen[SEEN_MAX]; /* links, while there are no marks */
		uint64_t first; /* with marks, kept in the list's newest: all before it are lost */
	};
};

_Static_assert(sizeof(struct record) == 64, "a record is a line of the cache");

struct packet_ids {
	struct record *ring;
	uint32_t *buckets; /* place + 1 */
	uint64_t n;	   /* records so far: the number of the newest */
	uint64_t size;	   /* a power of two; half the number of buckets */
	uint64_t last_id;
	uint64_t seed[2]; /* so that nobody can aim packets at one bucket */
};

/* ---- kinds ---- */

static uint64_t mix(const struct packet_ids *ids, uint64_t h, uint64_t v)
{
	__uint128_t m = (__uint128_t)(h ^ v) * ids->seed[1];

	return (uint64_t)m ^ (uint64_t)(m >> 64) ^ ids->seed[0];
}

static uint64_t hash_bytes(const struct packet_ids *ids, uint64_t h, const uint8_t *p, size_t n)
{
	uint64_t v;

	for (; n >= sizeof(v); n -= sizeof(v), p += sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		h = mix(ids, h, v);
	}
	v = n;
	memcpy(&v, p, n);
	return mix(ids, h, v ^ (uint64_t)n << 56);
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Routers count down the time to live, and any queue may mark congestion; the checksum follows. */
static uint64_t hash_ip4(const struct packet_ids *ids, uint64_t h, const uint8_t *ip, size_t n)
{
	size_t header = 4 * (size_t)(ip[0] & 15);
	uint8_t copy[20];

	memcpy(copy, ip, sizeof(copy));
	copy[1] = copy[8] = copy[10] = copy[11] = 0;
	h = hash_bytes(ids, h, copy, sizeof(copy));
	return hash_bytes(ids, h, ip + sizeof(copy),
			  min_size(n, header + BEHIND) - sizeof(copy));
}

static uint64_t hash_ip6(const struct packet_ids *ids, uint64_t h, const uint8_t *ip, size_t n)
{
	uint8_t copy[8];

	memcpy(copy, ip, sizeof(copy));
	copy[0] &= 0xf0;
	copy[1] &= 0x0f;
	copy[7] = 0;
	h = hash_bytes(ids, h, copy, sizeof(copy));
	return hash_bytes(ids, h, ip + sizeof(copy),
			  min_size(n, IP6_LEN + BEHIND) - sizeof(copy));
}

/* MAC addresses count where there is no router, which changes them. */
static uint64_t kind_of(const struct packet_ids *ids, uint32_t hash, const uint8_t *d, size_t n,
			uint32_t len)
{
	uint64_t h = mix(ids, hash, 1);
	uint16_t type = 0;

	if (n >= ETH_LEN)
		type = (uint16_t)(d[12] << 8 | d[13]);
	if (type == ETH_P_IP && n >= ETH_LEN + 20 && d[ETH_LEN] >> 4 == 4 &&
	    (d[ETH_LEN] & 15) >= 5)
		return hash_ip4(ids, h, d + ETH_LEN, n - ETH_LEN);
	if (type == ETH_P_IPV6 && n >= ETH_LEN + IP6_LEN)
		return hash_ip6(ids, h, d + ETH_LEN, n - ETH_LEN);
	return hash_bytes(ids, mix(ids, h, len), d, min_size(n, ETH_LEN + BEHIND));
}

/* What it was before its link changed a bit of it. */
static uint64_t kind_before(const struct packet_ids *ids, const struct packet_seen *s,
			    uint64_t kind)
{
	size_t n = min_size(s->caplen, HASHED_MAX), at = s->flipped / 8;
	uint8_t copy[HASHED_MAX];

	if (!s->corrupted || at >= n)
		return kind;
	memcpy(copy, s->data, n);
	copy[at] ^= (uint8_t)(1 << s->flipped % 8);
	return kind_of(ids, s->hash, copy, n, s->len);
}

/* ---- records ---- */

static struct record *record_at(const struct packet_ids *ids, uint64_t number)
{
	return &ids->ring[number & (ids->size - 1)];
}

static bool is_there(const struct packet_ids *ids, uint64_t number)
{
	return number && number + ids->size > ids->n;
}

static uint32_t *bucket_of(const struct packet_ids *ids, uint64_t key)
{
	return &ids->buckets[(key ^ key >> 32) & (2 * ids->size - 1)];
}

/* Where the newest record of a key is said to be in its bucket; *ret is 0 if there is none. */
static uint32_t *find_place(const struct packet_ids *ids, uint64_t key)
{
	uint32_t *p = bucket_of(ids, key);

	while (*p && ids->ring[*p - 1].key != key)
		p = &ids->ring[*p - 1].chain;
	return p;
}

static struct record *find(const struct packet_ids *ids, uint64_t key)
{
	uint32_t place = *find_place(ids, key);

	return place ? &ids->ring[place - 1] : NULL;
}

/* The ring's oldest goes; it is the oldest of its list, too. */
static void forget(struct packet_ids *ids, struct record *oldest)
{
	uint32_t *place = find_place(ids, oldest->key);
	struct record *newest = &ids->ring[*place - 1];

	if (newest == oldest)
		*place = oldest->chain;
	else
		newest->oldest = oldest->next;
}

/* A new record, the newest of its key and of all. */
static struct record *append(struct packet_ids *ids, uint64_t key, int64_t ts)
{
	uint64_t number = ++ids->n;
	struct record *r = record_at(ids, number);
	uint32_t *place;

	if (number > ids->size)
		forget(ids, r);
	place = find_place(ids, key);
	*r = (struct record){ .key = key, .ts = ts, .oldest = number };
	if (*place) {
		struct record *before = &ids->ring[*place - 1];

		r->oldest = before->oldest;
		r->chain = before->chain;
		r->marks = before->marks;
		r->first = before->marks ? before->first : 0;
		before->next = number;
	}
	*place = (uint32_t)(r - ids->ring) + 1;
	return r;
}

/* ---- which packet it is ---- */

static void set_mark(struct packet_ids *ids, uint64_t kind, uint64_t link, uint64_t packet,
		     int64_t ts)
{
	struct record *m = find(ids, mix(ids, kind, link));

	if (m && m->id == packet) {
		m->times++;
		return;
	}
	m = append(ids, mix(ids, kind, link), ts);
	m->id = packet;
	m->times = 1;
}

/* From now on its links have marks; the only packet of the kind is the one there is. */
static void use_marks(struct packet_ids *ids, uint64_t kind)
{
	struct record *only = find(ids, kind);
	struct record old = *only;

	only->marks = true;
	memset(only->seen, 0, sizeof(only->seen));
	for (unsigned i = 0; i < old.n_seen; i++)
		set_mark(ids, kind, old.seen[i], old.oldest, old.ts);
}

static bool is_old(const struct record *r, int64_t ts)
{
	int64_t age;

	return __builtin_sub_overflow(ts, r->ts, &age) ? ts > r->ts : age > LOST_AGE;
}

/*
 * The oldest packet of the kind that is not lost to all links, or the newest. Each is passed over
 * once, so that a flood of them costs no link more than that.
 */
static uint64_t first_alive(const struct packet_ids *ids, struct record *newest, int64_t ts)
{
	uint64_t at = newest->first > newest->oldest ? newest->first : newest->oldest;
	const struct record *r = record_at(ids, at);
	int64_t since;

	while (r->next && (r->lost || (!__builtin_sub_overflow(ts, SKEW, &since) &&
				       is_old(r, since)))) {
		at = r->next;
		r = record_at(ids, at);
	}
	newest->first = at;
	return at;
}

/* The number of the oldest packet of the kind that the link did not see yet, or 0. */
static uint64_t next_unseen(const struct packet_ids *ids, struct record *newest, uint64_t link,
			    int64_t ts)
{
	const struct record *m = find(ids, mix(ids, newest->key, link)), *r;
	uint64_t at;

	if (!m || !is_there(ids, m->id)) {
		at = first_alive(ids, newest, ts);
	} else {
		r = record_at(ids, m->id);
		at = m->times < r->times ? m->id : r->next;
	}
	for (; at; at = r->next) {
		r = record_at(ids, at);
		if (!r->next || !(r->lost || is_old(r, ts)))
			return at;
	}
	return 0;
}

static bool saw(const struct record *r, uint64_t link)
{
	for (unsigned i = 0; i < r->n_seen; i++)
		if (r->seen[i] == link)
			return true;
	return false;
}

/* A packet: its id, and its record, which the next new ones may already have pushed out. */
struct found {
	uint64_t id, number;
};

/* One of this kind, first seen on this link; known 0: with an id of its own. */
static struct found add(struct packet_ids *ids, uint64_t kind, uint64_t link, int64_t ts,
			uint64_t known)
{
	const struct record *others = find(ids, kind);
	struct found f = { .id = known ? known : ++ids->last_id };
	struct record *r;

	if (others && !others->marks)
		use_marks(ids, kind);
	r = append(ids, kind, ts);
	f.number = ids->n;
	r->id = f.id;
	r->times = 1;
	if (r->marks)
		set_mark(ids, kind, link, f.number, ts);
	else
		r->seen[r->n_seen++] = (uint32_t)link;
	return f;
}

static struct found match(struct packet_ids *ids, uint64_t kind, uint64_t link, int64_t ts)
{
	struct record *newest = find(ids, kind);
	struct found f;

	if (!newest)
		return add(ids, kind, link, ts, 0);
	if (!newest->marks && newest->n_seen < SEEN_MAX && !saw(newest, link)) {
		newest->seen[newest->n_seen++] = (uint32_t)link;
		return (struct found){ newest->id, newest->oldest };
	}
	if (!newest->marks)
		use_marks(ids, kind);
	newest = find(ids, kind);
	f.number = newest ? next_unseen(ids, newest, link, ts) : 0;
	if (!f.number)
		return add(ids, kind, link, ts, 0);
	f.id = record_at(ids, f.number)->id;
	set_mark(ids, kind, link, f.number, ts);
	return f;
}

/* The other one of a packet and its duplicate: links behind this one may see it once more. */
static uint64_t match_copy(struct packet_ids *ids, const struct record *first, uint64_t kind,
			   uint64_t link)
{
	uint64_t number = first->next, id = first->id;
	struct record *newest = find(ids, kind), *m;

	if (!newest || !is_there(ids, number) || record_at(ids, number)->key != kind)
		return id;
	if (!newest->marks)
		use_marks(ids, kind);
	if (!is_there(ids, number))
		return id;
	record_at(ids, number)->times++;
	m = find(ids, mix(ids, kind, link));
	if (m && m->id == number)
		m->times++;
	return id;
}

/* gone: nothing of this kind comes out of the link. */
static uint64_t match_shaped(struct packet_ids *ids, const struct packet_seen *s, uint64_t kind,
			     uint64_t link, bool gone)
{
	uint64_t key = mix(ids, s->shaper_id, PLACE_SHAPER);
	const struct record *first = find(ids, key);
	struct record *r;
	struct found f;

	if (first)
		return match_copy(ids, first, kind, link);
	f = match(ids, kind, link, s->ts);
	if (gone && is_there(ids, f.number))
		record_at(ids, f.number)->lost = true;
	r = append(ids, key, s->ts);
	r->id = f.id;
	r->next = f.number;
	return f.id;
}

uint64_t packet_ids_get(struct packet_ids *ids, const struct packet_seen *s)
{
	uint64_t link = 2 * (uint64_t)s->link + s->end, kind, before, id;

	/* Its bytes are not known, or there is nothing to tell it from. */
	if (!s->caplen || (s->alone && !s->shaper_id))
		return ++ids->last_id;
	kind = kind_of(ids, s->hash, s->data, s->caplen, s->len);
	if (!s->shaper_id)
		return match(ids, kind, link, s->ts).id;
	before = kind_before(ids, s, kind);
	id = match_shaped(ids, s, before, link, s->lost || kind != before);
	if (kind != before && !s->lost)
		add(ids, kind, link, s->ts, id);
	return id;
}

struct packet_ids *packet_ids_new(uint32_t window)
{
	struct packet_ids *ids = calloc(1, sizeof(*ids));

	if (!ids)
		return NULL;
	if (getrandom(ids->seed, sizeof(ids->seed), GRND_NONBLOCK) != sizeof(ids->seed))
		ids->seed[0] = ids->seed[1] = (uint64_t)units_now_mono();
	ids->seed[1] |= 1;
	ids->size = 16;
	while (ids->size < window)
		ids->size <<= 1;
	ids->ring = aligned_alloc(sizeof(*ids->ring), ids->size * sizeof(*ids->ring));
	ids->buckets = calloc(2 * ids->size, sizeof(*ids->buckets));
	if (!ids->ring || !ids->buckets) {
		packet_ids_free(ids);
		return NULL;
	}
	return ids;
}

void packet_ids_free(struct packet_ids *ids)
{
	if (!ids)
		return;
	free(ids->ring);
	free(ids->buckets);
	free(ids);
}
