/* What the parts of the flow table share: the row behind a struct flow. */
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

struct flow_entry {
	struct flow flow; /* first: a struct flow of the table is one of these */
	struct flow_key key;
	struct conn conn;
	bool orig_second;	/* the originator is the key's second end */
	bool provisional;	/* no packet of the true vantage yet */
	uint8_t service;	/* enum flow_service_id, by payload */
	uint8_t looked[2];	/* payloads looked at, each direction */
	uint32_t want;		/* the true vantage while provisional */
	uint32_t resolved[2];	/* owner whose activity was last asked for */
	const struct owner *program[2]; /* the owner that gave side[].owner */
	bool activity_of_orig;
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

/* Remembers the ports of a datagram's first fragment for the later ones. */
void flow_frags_note(struct flow_frags *frags, const struct packet *p);
/* The packet's key; true when the sender is its second end. */
bool flow_key_of(struct flow_frags *frags, const struct packet *p, struct flow_key *ret);
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
