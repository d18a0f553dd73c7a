/* The TPACKET_V3 ring: blocks of packets shared with the kernel, read without a copy. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include "capture/ring.h"
#include "core/units.h"
#include "emu/netns.h"

#define BLOCKS_MIN   4
#define BLOCK_MAX    (1u << 20)
#define BLOCK_MIN    (RING_LEAST / BLOCKS_MIN) /* of a small ring; holds a 64 KiB frame still */
#define RETIRE_MS    20		/* a block that is not full is handed over after this */
#define VLAN_TAG_LEN 4
#define DRAIN_MS     5000 /* blocks come every RETIRE_MS; for a kernel that does not keep to it */

struct ring {
	int fd;
	uint8_t *map;
	unsigned block_size, n_blocks, next;
	struct ring_stats stats;
	uint64_t read;	    /* packets handed out */
	uint8_t *vlan_copy; /* a frame with its VLAN tag put back; made when first needed */
	uint32_t snaplen;
};

static int set_ring(struct ring *r, uint64_t size)
{
	int version = TPACKET_V3;
	struct tpacket_req3 req = {
		.tp_frame_size = TPACKET_ALIGNMENT << 7,
		.tp_retire_blk_tov = RETIRE_MS,
		.tp_feature_req_word = TP_FT_REQ_FILL_RXHASH,
	};

	r->block_size = size < BLOCKS_MIN * BLOCK_MAX ? BLOCK_MIN : BLOCK_MAX;
	r->n_blocks = size < RING_LEAST ? BLOCKS_MIN : size / r->block_size;
	req.tp_block_size = r->block_size;
	req.tp_block_nr = r->n_blocks;
	req.tp_frame_nr = (r->block_size / req.tp_frame_size) * r->n_blocks;
	if (setsockopt(r->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(r->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		return -errno;
	r->map = mmap(NULL, (size_t)r->n_blocks * r->block_size, PROT_READ | PROT_WRITE,
		      MAP_SHARED, r->fd, 0);
	if (r->map == MAP_FAILED) {
		r->map = NULL;
		return -errno;
	}
	return 0;
}

static int set_bind(const struct ring *r, int ifindex)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};

	return bind(r->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
}

int ring_open(int ns_fd, int ifindex, uint64_t size, uint32_t snaplen, struct ring **ret,
	      struct err *err)
{
	struct ring *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	r->snaplen = snaplen;
	r->fd = netns_socket(ns_fd, AF_PACKET, SOCK_RAW, 0); /* nothing comes until bind */
	e = r->fd < 0 ? r->fd : 0;
	if (e == 0)
		e = set_ring(r, size);
	if (e == 0)
		e = set_bind(r, ifindex);
	if (e < 0) {
		ring_close(r);
		return err_sys(err, -e, "cannot open a capture ring of %llu MiB",
			       (unsigned long long)(size >> 20));
	}
	*ret = r;
	return 0;
}

void ring_close(struct ring *r)
{
	if (!r)
		return;
	if (r->map)
		munmap(r->map, (size_t)r->n_blocks * r->block_size);
	if (r->fd >= 0)
		close(r->fd);
	free(r->vlan_copy);
	free(r);
}

int ring_fd(const struct ring *r)
{
	return r->fd;
}

/* The kernel keeps a VLAN tag beside the frame; on the wire it is in it. */
static void put_vlan_back(struct ring *r, const struct tpacket3_hdr *h, struct ring_packet *p)
{
	uint16_t tag[2];

	if (!r->vlan_copy)
		r->vlan_copy = malloc(r->block_size + VLAN_TAG_LEN);
	if (!r->vlan_copy || p->caplen < 2 * ETH_ALEN)
		return;
	tag[0] = htons(h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid :
								  ETH_P_8021Q);
	tag[1] = htons(h->hv1.tp_vlan_tci);
	memcpy(r->vlan_copy, p->data, 2 * ETH_ALEN);
	memcpy(r->vlan_copy + 2 * ETH_ALEN, tag, VLAN_TAG_LEN);
	memcpy(r->vlan_copy + 2 * ETH_ALEN + VLAN_TAG_LEN, p->data + 2 * ETH_ALEN,
	       p->caplen - 2 * ETH_ALEN);
	p->data = r->vlan_copy;
	p->caplen += VLAN_TAG_LEN;
	p->len += VLAN_TAG_LEN;
}

static void hand_out(struct ring *r, const struct tpacket3_hdr *h, ring_packet_fn *fn, void *arg)
{
	const struct sockaddr_ll *ll =
		(const void *)((const uint8_t *)h + TPACKET_ALIGN(sizeof(*h)));
	struct ring_packet p = {
		.ts = h->tp_sec * NSEC_PER_SEC + h->tp_nsec,
		.hash = h->hv1.tp_rxhash,
		.ifindex = ll->sll_ifindex,
		.outgoing = ll->sll_pkttype == PACKET_OUTGOING,
		.caplen = h->tp_snaplen,
		.len = h->tp_len,
		.data = (const uint8_t *)h + h->tp_mac,
	};

	if (h->tp_status & TP_STATUS_VLAN_VALID)
		put_vlan_back(r, h, &p);
	if (p.caplen > r->snaplen)
		p.caplen = r->snaplen;
	fn(arg, &p);
}

/* Hands out one block; its number of packets, 0 when it is the kernel's still. */
static unsigned read_block(struct ring *r, ring_packet_fn *fn, void *arg)
{
	struct tpacket_block_desc *b = (void *)(r->map + (size_t)r->next * r->block_size);
	struct tpacket_hdr_v1 *bh = &b->hdr.bh1;
	const uint8_t *at = (const uint8_t *)b;
	uint32_t n;

	if (!(__atomic_load_n(&bh->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
		return 0;
	n = bh->num_pkts;
	at += bh->offset_to_first_pkt;
	for (uint32_t i = 0; i < n; i++) {
		const struct tpacket3_hdr *h = (const void *)at;

		hand_out(r, h, fn, arg);
		at += h->tp_next_offset;
	}
	__atomic_store_n(&bh->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	r->next = (r->next + 1) % r->n_blocks;
	return n;
}

unsigned ring_read(struct ring *r, ring_packet_fn *fn, void *arg)
{
	unsigned total = 0;

	/*
	 * Once round at most: a ring that fills as fast as it is read must not keep others
	 * waiting.
	 */
	for (unsigned i = 0; i < r->n_blocks; i++) {
		unsigned n = read_block(r, fn, arg);

		if (!n)
			break;
		total += n;
	}
	r->read += total;
	return total;
}

void ring_clear_error(struct ring *r)
{
	int error;
	socklen_t len = sizeof(error);

	getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &len);
}

int ring_drain(struct ring *r, ring_packet_fn *fn, void *arg)
{
	struct ring_stats *s = &r->stats;
	int64_t deadline = units_now_mono() + DRAIN_MS * NSEC_PER_MSEC;
	int e = ring_update_stats(r);
	uint64_t until = s->packets - s->drops;

	if (e < 0)
		return e;
	while (r->read < until && units_now_mono() < deadline) {
		struct pollfd p = { .fd = r->fd, .events = POLLIN };

		if (ring_read(r, fn, arg) == 0 && poll(&p, 1, RETIRE_MS) > 0 &&
		    (p.revents & POLLERR))
			ring_clear_error(r);
	}
	if (r->read < until)
		s->drops += until - r->read;
	return 0;
}

int ring_update_stats(struct ring *r)
{
	struct tpacket_stats_v3 s;
	socklen_t len = sizeof(s);

	if (getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, &s, &len) < 0)
		return -errno;
	/* The kernel starts again from 0 at each reading; its packets include the drops. */
	r->stats.packets += s.tp_packets;
	r->stats.drops += s.tp_drops;
	return 0;
}

const struct ring_stats *ring_stats(const struct ring *r)
{
	return &r->stats;
}
