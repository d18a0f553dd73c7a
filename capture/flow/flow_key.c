/*
 * Which flow a packet is of: its two ends, in one order for both directions.
 *
 * Only the first fragment of a datagram has ports. They are remembered for the others, for as
 * long as a receiver would wait for these; one that comes ahead of the first is of a flow with
 * ports 0.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include <sys/socket.h>
#include "capture/flow/flow_internal.h"
#include "core/units.h"

#define FRAGMENTS_WAIT (60 * NSEC_PER_SEC) /* RFC 8200, 4.5; less in IPv4 */

/* Makes the key; true when the sender is its second end. */
static bool make_key(const struct packet *p, uint16_t sport, uint16_t dport, struct flow_key *k)
{
	int c = memcmp(p->src, p->dst, 16);
	bool second = c > 0 || (c == 0 && sport > dport);

	memset(k, 0, sizeof(*k));
	memcpy(k->ip[second], p->src, 16);
	memcpy(k->ip[!second], p->dst, 16);
	k->port[second] = sport;
	k->port[!second] = dport;
	k->proto = p->proto;
	k->family = p->family;
	return second;
}

int flow_icmp_counterpart(uint8_t family, uint8_t type)
{
	static const uint8_t v4[][2] = { { 8, 0 }, { 13, 14 }, { 15, 16 }, { 17, 18 }, { 10, 9 } };
	static const uint8_t v6[][2] = { { 128, 129 }, { 133, 134 }, { 135, 136 }, { 130, 131 },
					 { 139, 140 }, { 144, 145 } };
	const uint8_t(*pairs)[2] = family == AF_INET ? v4 : v6;
	size_t n = family == AF_INET ? ARRAY_SIZE(v4) : ARRAY_SIZE(v6);

	for (size_t i = 0; i < n; i++) {
		if (pairs[i][0] == type)
			return pairs[i][1];
		if (pairs[i][1] == type)
			return pairs[i][0];
	}
	return -1;
}

static struct flow_frag *frag_slot(struct flow_frags *t, const struct packet *p)
{
	static const uint64_t seed[2] = { 0, 0x2545f4914f6cdd1dull };
	uint64_t w[5] = { (uint64_t)p->frag_id << 8 | p->proto };

	memcpy(&w[1], p->src, 16);
	memcpy(&w[3], p->dst, 16);
	return &t->slot[flow_hash(seed, w, 5) % FLOW_FRAGS];
}

/* The ports of a datagram stand in its first fragment only. */
static void later_ports(struct flow_frags *t, const struct packet *p, int64_t ts, uint16_t *sport,
			uint16_t *dport)
{
	const struct flow_frag *f = frag_slot(t, p);

	/* Unsigned: times in a hostile file may be further apart than an int64_t holds. */
	if (ts > f->ts && (uint64_t)ts - (uint64_t)f->ts > FRAGMENTS_WAIT)
		return;
	if (f->used && f->id == p->frag_id && f->proto == p->proto && f->family == p->family &&
	    !memcmp(f->src, p->src, 16) && !memcmp(f->dst, p->dst, 16)) {
		*sport = f->sport;
		*dport = f->dport;
	}
}

void flow_ports(const struct packet *p, uint16_t *ret_src, uint16_t *ret_dst)
{
	*ret_src = p->sport;
	*ret_dst = p->dport;
	if (p->has_icmp) {
		int other = flow_icmp_counterpart(p->family, p->icmp_type);

		*ret_src = p->icmp_type;
		*ret_dst = other >= 0 ? (uint16_t)other : p->icmp_code;
	}
}

void flow_frags_note(struct flow_frags *frags, const struct packet *p, int64_t ts)
{
	struct flow_frag *f;

	if (!p->fragment || p->later_fragment)
		return;
	f = frag_slot(frags, p);
	f->used = true;
	f->ts = ts;
	memcpy(f->src, p->src, 16);
	memcpy(f->dst, p->dst, 16);
	f->id = p->frag_id;
	f->proto = p->proto;
	f->family = p->family;
	flow_ports(p, &f->sport, &f->dport);
}

bool flow_key_of(struct flow_frags *frags, const struct packet *p, int64_t ts,
		 struct flow_key *ret)
{
	uint16_t sport, dport;

	flow_ports(p, &sport, &dport);
	if (p->later_fragment)
		later_ports(frags, p, ts, &sport, &dport);
	return make_key(p, sport, dport, ret);
}
