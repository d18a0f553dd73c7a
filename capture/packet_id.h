/*
 * One id for one packet on all links that it crosses.
 *
 * A switch or a router hands on what came in, and nothing in a packet says which one it is. But what
 * forwarding does not change (addresses, ports, sequence numbers, checksums of the payload, and the
 * sender's tag) tells almost all apart, and equal ones keep their order on a link: so a packet seen on
 * a link takes the oldest id of its kind that was not seen there yet, or else a new one.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_PACKET_ID_H
#define CAPTURE_PACKET_ID_H

#include <stdint.h>

struct packet_ids;

/* window: packets remembered; one that comes to its next link after so many others gets a new id. */
struct packet_ids *packet_ids_new(uint32_t window);
void packet_ids_free(struct packet_ids *ids);
/* data: an Ethernet frame; hash: its tag. Ids count from 1. */
uint64_t packet_ids_get(struct packet_ids *ids, uint32_t link, uint32_t hash, const uint8_t *data,
			uint32_t caplen, uint32_t len);

#endif
