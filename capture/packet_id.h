/*
 * One id for one packet on all links that it crosses.
 *
 * A switch or a router hands on what came in, and nothing in a packet says which one it is. But
 * what forwarding leaves as it is (addresses, ports, sequence numbers, checksums of the payload,
 * and the sender's tag) tells almost all apart, and equal ones keep their order on a link: so a
 * packet seen on a link takes the oldest id of its kind that was not seen there yet, or else a
 * new one. Links may be read in any order. What has no rule: of equal packets, which one was lost
 * where nobody saw it.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_PACKET_ID_H
#define CAPTURE_PACKET_ID_H

#include <stdbool.h>
#include <stdint.h>

struct packet_ids;

/*
 * Remembers the last window of packets and links, in memory taken at once; a packet that comes to
 * its next link after that gets a new id. NULL without memory.
 */
struct packet_ids *packet_ids_new(uint32_t window);
void packet_ids_free(struct packet_ids *ids);

/* A packet on a link. */
struct packet_seen {
	uint32_t link;
	uint8_t end;	     /* it left: what crosses a link both ways is on two links, to us */
	bool alone;	     /* what crosses this link crosses no other */
	int64_t ts;	     /* ns */
	uint32_t hash;	     /* its tag, or 0 where there are none */
	const uint8_t *data; /* an Ethernet frame */
	uint32_t caplen, len;
	/* Of a link that the shaper shapes (struct fate). */
	uint64_t shaper_id;    /* the same for a packet and its duplicate; 0: not shaped */
	bool lost;	       /* it went no further */
	bool corrupted;	       /* data is what it became; what it was has this bit flipped */
	uint32_t flipped;
};

/* Its id, from 1. */
uint64_t packet_ids_get(struct packet_ids *ids, const struct packet_seen *s);

#endif
