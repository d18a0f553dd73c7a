/*
 * A TPACKET_V3 receive ring (packet(7), Linux Documentation/networking/packet_mmap.rst) that also
 * gives each packet's skb->hash (TP_FT_REQ_FILL_RXHASH), which is the owner's tag.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_RING_H
#define CAPTURE_RING_H

#include <stdint.h>
#include <stdbool.h>
#include "core/err.h"

struct ring;

struct ring_packet {
	int64_t ts; /* CLOCK_REALTIME ns */
	uint32_t hash;
	int ifindex;
	bool outgoing; /* leaves through the interface */
	uint32_t caplen, len;
	const uint8_t *data; /* from the Ethernet header on; valid until the callback returns */
};
typedef void ring_packet_fn(void *arg, const struct ring_packet *p);

#define RING_LEAST (1u << 20) /* bytes; a smaller ring is as large as this */

/* All interfaces of the namespace, or one (ifindex > 0). size in bytes, cut to whole blocks. */
int ring_open(int ns_fd, int ifindex, uint64_t size, uint32_t snaplen, struct ring **ret,
	      struct err *err);
void ring_close(struct ring *r);
int ring_fd(const struct ring *r);
/* Hands every packet of the blocks that are ready to fn, at most once round; number of packets. */
unsigned ring_read(struct ring *r, ring_packet_fn *fn, void *arg);
/*
 * Takes the error off that a poll reports: the ring's interface went down. It may come up again.
 */
void ring_clear_error(struct ring *r);
/*
 * Hands out every packet that the kernel had counted by now, waiting for blocks not yet handed
 * over; those that do not come count as drops. 0 or -errno.
 */
int ring_drain(struct ring *r, ring_packet_fn *fn, void *arg);

struct ring_stats {
	uint64_t packets; /* seen, the dropped ones included */
	uint64_t drops;
};
int ring_update_stats(struct ring *r); /* 0 or -errno */
const struct ring_stats *ring_stats(const struct ring *r); /* as of the last update */

#endif
