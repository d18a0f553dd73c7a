/* What the parts of the flow table share: the row behind a struct flow, and the table. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_FLOW_INTERNAL_H
#define CAPTURE_FLOW_INTERNAL_H

#include <string.h>
#include "capture/flow/conn.h"
#include "capture/flow/flow.h"
#include "capture/flow/packet.h"

/* The two ends in the order of their bytes, so that both directions have one key. */
struct flow_key {
	uint8_t ip[2][16];
	uint16_t port[2];
	uint8_t proto, family;
	uint8_t pad[2];
};

enum flow_service_id {
	SERVICE_NONE,
	SERVICE_FTP,
	SERVICE_FTP_DATA,
	SERVICE_SSH,
	SERVICE_HTTP,
	SERVICE_SSL,
	SERVICE_DNS,
};

/* What each packet needs stands in few cache lines: most of the time goes into fetching them. */
struct flow_entry {
	struct flow flow; /* first: a struct flow of the table is one of these */
	uint32_t want;		/* the true vantage while provisional */
	uint32_t resolved[2];	/* owner whose activity was last asked for */
	bool orig_second;	/* the originator is the key's second end */
	bool provisional;	/* no packet of the true vantage yet */
	uint8_t service;	/* enum flow_service_id, by payload */
	uint8_t looked[2];	/* payloads looked at, each direction */
	bool activity_of_orig;
	struct conn conn;
	uint64_t hash; /* of the key */
	/* The row's list: of the flows that may end at one time, or of the free rows. */
	struct flow_entry *next, **pprev;
	const struct owner *program[2]; /* the owner that gave side[].owner */
	/* The schemas' states follow. */
};

static inline const struct flow_entry *flow_entry(const struct flow *f)
{
	return (const struct flow_entry *)f;
}

/* n 64-bit words; keyed, so that nobody can aim packets at one slot. */
static inline uint64_t flow_hash(const uint64_t seed[2], const void *data, size_t n_words)
{
	const uint8_t *p = data;
	uint64_t h = seed[0], w;

	for (size_t i = 0; i < n_words; i++, p += 8) {
		unsigned __int128 m;

		memcpy(&w, p, 8);
		m = (unsigned __int128)(h ^ w) * (seed[1] ^ (0x9e3779b97f4a7c15ull * (i + 1)));
		h = (uint64_t)m ^ (uint64_t)(m >> 64);
	}
	return h;
}

#define FLOW_FRAGS    1024 /* datagrams whose ports are remembered for their later fragments */
#define FLOW_EXPECTED 256  /* FTP data connections announced and not yet seen */

struct flow_frags {
	struct flow_frag {
		int64_t ts;
		uint8_t src[16], dst[16];
		uint32_t id;
		uint16_t sport, dport;
		uint8_t proto, family;
		bool used;
	} slot[FLOW_FRAGS];
};

struct flow_expected {
	struct {
		uint8_t ip[16];
		uint16_t port;
		bool used;
	} slot[FLOW_EXPECTED];
	unsigned next, n;
};

/* When flows may have ended, see flow_expire.c. */
#define FLOW_WHEEL 4096

struct flow_wheel {
	struct flow_entry *slot[FLOW_WHEEL];
	int64_t now;	/* tick; INT64_MIN: no packet yet */
	int64_t newest; /* time of the last packet, ns */
};

/* An empty slot has entry NULL. The hash is kept so that growing and misses touch no rows. */
struct flow_slot {
	uint64_t hash;
	struct flow_entry *entry;
};

struct flow_table {
	struct flow_opts opts;
	struct owners *owners;
	uint64_t seed[2]; /* so that nobody can aim packets at one slot */
	struct flow_slot *slots;
	size_t n_slots, n_used; /* a power of two */
	size_t row_size;   /* a struct flow_entry and the schemas' states behind it */
	uint8_t **chunks;
	size_t n_chunks, chunks_size;
	size_t chunk_rows; /* of all chunks but the first, which is small */
	size_t n_rows; /* in the chunks, free ones included */
	size_t n_free;
	struct flow_entry *free;
	size_t n; /* flows there were */
	struct flow_wheel wheel;
	struct flow_frags frags;
	struct flow_expected expected;
};

/* flow_table.c: rows and where they are. */
uint64_t flow_key_hash(const struct flow_table *t, const struct flow_key *k);
struct flow_slot *flow_slot_find(const struct flow_table *t, const struct flow_key *k,
				 uint64_t hash);
/*
 * The first asks the memory for the slot, the second for the row that stands in it, or behind it.
 */
static inline void flow_slot_prefetch(const struct flow_table *t, uint64_t hash)
{
	__builtin_prefetch(&t->slots[hash & (t->n_slots - 1)], 1);
}

static inline void flow_row_prefetch(const struct flow_table *t, uint64_t hash)
{
	const struct flow_slot *s = &t->slots[hash & (t->n_slots - 1)];
	const uint8_t *row = (const uint8_t *)s->entry;

	for (; s->entry && s->hash != hash; row = (const uint8_t *)s->entry)
		if (++s == t->slots + t->n_slots)
			s = t->slots;
	if (!row)
		return;
	for (size_t at = 0; at < sizeof(struct flow_entry); at += 64)
		__builtin_prefetch(row + at, 1);
}

/* A new, zeroed row of these addresses; an older one stays, but is not found by them any more. */
int flow_row_add(struct flow_table *t, struct flow_slot *s, uint64_t hash, const struct flow_key *k,
		 struct flow_entry **ret);
/*
 * The flow is over. With opts.ended it is handed over and its row freed; else it is kept, without
 * what only a live one needs.
 */
int flow_row_end(struct flow_table *t, struct flow_entry *e);
/* Shows each schema a packet, or that the flow begins anew. */
void flow_show_schemas(struct flow_table *t, struct flow_entry *e, int dir, const struct packet *p,
		       const struct flow_packet *fp);
void flow_reset_schemas(struct flow_table *t, struct flow_entry *e);

/* flow_expire.c */
/* The time after which the flow is over, and a packet is the next one's; INT64_MAX: never. */
int64_t flow_end(const struct flow_table *t, const struct flow_entry *e);
void flow_expire_init(struct flow_table *t);
/* From now on the flow ends at flow_end(), which may have come nearer. Only with opts.ended. */
void flow_expire_set(struct flow_table *t, struct flow_entry *e);
void flow_expire_remove(struct flow_entry *e);
/* A packet came at this time: ends the flows that it leaves behind. 0 or what opts.ended says. */
int flow_expire(struct flow_table *t, int64_t ts);

/* Remembers the ports of a datagram's first fragment for the later ones. */
void flow_frags_note(struct flow_frags *frags, const struct packet *p, int64_t ts);
/* The packet's key; true when the sender is its second end. */
bool flow_key_of(struct flow_frags *frags, const struct packet *p, int64_t ts,
		 struct flow_key *ret);
/*
 * The ICMP type that answers this one, or -1 (Zeek: the "port" of the other end; else the code
 * is).
 */
int flow_icmp_counterpart(uint8_t family, uint8_t type);

/* What the payload says of the flow's service; once known it stays. */
void flow_look(struct flow_entry *e, int dir, const struct packet *p);
/* Remembers the data connection that an FTP command or reply names, if it does. */
void flow_expect_ftp_data(struct flow_expected *x, const struct packet *p);
/* Was this flow named so? */
bool flow_take_expected(struct flow_expected *x, const struct flow *f);

#endif
