/* Verifies the checksums of a packet (RFC 1071), where the whole of it was captured. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "capture/flow/packet.h"

/*
 * Adds 16-bit words in the byte order that they stand in; the sum of right ones folds to 0xffff
 * in any.
 */
static uint64_t add(uint64_t sum, const uint8_t *d, uint32_t n)
{
	uint32_t w;
	uint16_t h = 0;

	for (; n >= 4; d += 4, n -= 4) {
		memcpy(&w, d, 4);
		sum += w;
	}
	for (; n >= 2; d += 2, n -= 2) {
		memcpy(&h, d, 2);
		sum += h;
	}
	if (n) {
		h = 0;
		memcpy(&h, d, 1);
		sum += h;
	}
	return sum;
}

static bool is_right(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

static uint64_t pseudo_header(const struct packet *p)
{
	uint32_t n = p->family == AF_INET ? 4 : 16;
	uint64_t sum = add(0, p->src, n);

	sum = add(sum, p->dst, n);
	return sum + htons(p->proto) + htonl(p->l4_len);
}

/* Has the header a checksum that can be verified? */
static bool has_checksum(const struct packet *p)
{
	switch (p->proto) {
	case IPPROTO_TCP:
		return p->l4_len >= 20;
	case IPPROTO_UDP:
		/* 0: the sender made none, which IPv4 allows. */
		return p->l4_len >= 8 && (p->l4[6] || p->l4[7]) &&
		       (p->l4[4] << 8 | p->l4[5]) == (int)p->l4_len;
	case IPPROTO_ICMP:
		return p->family == AF_INET && p->l4_len >= 8;
	case IPPROTO_ICMPV6:
		return p->family == AF_INET6 && p->l4_len >= 4;
	default:
		return false;
	}
}

bool packet_is_corrupt(const struct packet *p)
{
	uint64_t sum = 0;

	if (p->family == AF_INET && !is_right(add(0, p->ip, (p->ip[0] & 15) * 4u)))
		return true;
	if (p->fragment || p->routed || !p->l4 || p->l4_cap < p->l4_len || !has_checksum(p))
		return false;
	if (p->proto != IPPROTO_ICMP)
		sum = pseudo_header(p);
	return !is_right(add(sum, p->l4, p->l4_len));
}
