/* Finds the IP header in a frame and marks it. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/shaper/ecn.h"

#include <net/ethernet.h>

#define ETHERTYPE_QINQ 0x88a8
#define VLAN_TAG       4
#define IPV4_HEAD      20
#define IPV6_HEAD      40
#define CE	       3

static unsigned load_be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* RFC 1624, equation 3, for a header whose first two bytes changed. */
static void mend_checksum(uint8_t *ip, unsigned before)
{
	unsigned sum = (~load_be16(ip + 10) & 0xffff) + (~before & 0xffff) + load_be16(ip);

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~sum;
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

static bool mark_ipv4(uint8_t *ip, size_t len)
{
	unsigned before;

	if (len < IPV4_HEAD || ip[0] >> 4 != 4 || !(ip[1] & CE))
		return false;
	before = load_be16(ip);
	ip[1] |= CE;
	if (load_be16(ip) != before)
		mend_checksum(ip, before);
	return true;
}

/* The traffic class is the second and third half of a byte. */
static bool mark_ipv6(uint8_t *ip, size_t len)
{
	if (len < IPV6_HEAD || ip[0] >> 4 != 6 || !(ip[1] & CE << 4))
		return false;
	ip[1] |= CE << 4;
	return true;
}

bool ecn_set_ce(uint8_t *frame, size_t len)
{
	size_t at = 2 * ETH_ALEN;
	unsigned type;

	for (;;) {
		if (len < at + 2)
			return false;
		type = load_be16(frame + at);
		if (type != ETHERTYPE_VLAN && type != ETHERTYPE_QINQ)
			break;
		at += VLAN_TAG;
	}
	at += 2;
	if (type == ETHERTYPE_IP)
		return mark_ipv4(frame + at, len - at);
	return type == ETHERTYPE_IPV6 && mark_ipv6(frame + at, len - at);
}
