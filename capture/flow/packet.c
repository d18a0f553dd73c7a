/* Takes a frame apart without ever looking outside of it. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "capture/flow/bytes.h"
#include "capture/flow/packet.h"
#include "core/cleanup.h"

#define LINKTYPE_NULL	0
#define LINKTYPE_ETH	1
#define LINKTYPE_RAW_12 12 /* what libpcap calls raw IP on most systems, before it is written */
#define LINKTYPE_RAW	101
#define LINKTYPE_LOOP	108
#define LINKTYPE_SLL	113
#define LINKTYPE_IPV4	228
#define LINKTYPE_IPV6	229
#define LINKTYPE_SLL2	276

#define ETH_LEN	      14
#define VLAN_LEN      4
#define VLAN_DEPTH    4 /* tags on tags; more is no network's */
#define NULL_LEN      4
#define SLL_LEN	      16
#define SLL2_LEN      20
#define IPV6_LEN      40
#define IPV6_EXT_MAX  16
#define TCP_LEN	      20
#define UDP_LEN	      8
#define ICMP_LEN      8
#define PROTO_MOBILE  135 /* IPv6 mobility header, RFC 6275 */

static uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Sets the payload behind a transport header of hlen bytes; cap and len are of the IP payload. */
static void set_payload(struct packet *p, const uint8_t *l4, uint32_t cap, uint32_t len,
			uint32_t hlen)
{
	p->l4_hlen = (uint8_t)hlen;
	p->l4 = l4;
	p->l4_len = len;
	p->l4_cap = cap;
	p->payload_len = len > hlen ? len - hlen : 0;
	p->payload_cap = cap > hlen ? min32(cap - hlen, p->payload_len) : 0;
	p->payload = p->payload_cap ? l4 + hlen : NULL;
}

static void parse_tcp(struct packet *p, const uint8_t *l4, uint32_t cap, uint32_t len)
{
	uint32_t hlen = TCP_LEN;

	if (cap >= 16) {
		hlen = (l4[12] >> 4) * 4u;
		if (hlen < TCP_LEN)
			hlen = TCP_LEN;
		p->seq = be32(l4 + 4);
		p->ack = be32(l4 + 8);
		p->flags = l4[13];
		p->window = be16(l4 + 14);
		p->has_tcp = true;
	}
	set_payload(p, l4, cap, len, hlen);
}

static bool is_icmp_error(uint8_t family, uint8_t type)
{
	if (family == AF_INET6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static void parse_transport(struct packet *p, const uint8_t *l4, uint32_t cap, uint32_t len)
{
	bool ports = p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP ||
		     p->proto == IPPROTO_SCTP || p->proto == IPPROTO_UDPLITE;

	if (p->later_fragment) {
		set_payload(p, l4, cap, len, 0);
		return;
	}
	if (ports && cap >= 4) {
		p->sport = be16(l4);
		p->dport = be16(l4 + 2);
		p->has_ports = true;
	}
	if (p->proto == IPPROTO_TCP) {
		parse_tcp(p, l4, cap, len);
	} else if (ports) {
		set_payload(p, l4, cap, len, UDP_LEN);
	} else if ((p->family == AF_INET && p->proto == IPPROTO_ICMP) ||
		   (p->family == AF_INET6 && p->proto == IPPROTO_ICMPV6)) {
		if (cap >= 2) {
			p->icmp_type = l4[0];
			p->icmp_code = l4[1];
			p->icmp_error = is_icmp_error(p->family, l4[0]);
			p->has_icmp = true;
		}
		set_payload(p, l4, cap, len, ICMP_LEN);
	} else {
		set_payload(p, l4, cap, len, 0);
	}
}

static int parse_ipv4(const uint8_t *ip, uint32_t cap, uint32_t len, struct packet *p)
{
	uint32_t hlen, total;
	uint16_t frag;

	if (cap < 20)
		return 0;
	hlen = (ip[0] & 15) * 4u;
	if (hlen < 20 || hlen > cap)
		return 0;
	/* 0 is a frame that the card was to cut up (large send). Behind total is Ethernet's padding. */
	total = be16(ip + 2);
	if (!total || total > len)
		total = len;
	if (total < hlen)
		return 0;
	frag = be16(ip + 6);
	p->family = AF_INET;
	p->ttl = ip[8];
	p->proto = ip[9];
	p->frag_id = be16(ip + 4);
	p->fragment = frag & 0x3fff;
	p->later_fragment = frag & 0x1fff;
	memcpy(p->src, ip + 12, 4);
	memcpy(p->dst, ip + 16, 4);
	p->ip_len = total;
	parse_transport(p, ip + hlen, min32(cap, total) - hlen, total - hlen);
	return 1;
}

/* The length of an extension header with this number at h, or 0 when it is none (or cut off). */
static uint32_t ipv6_ext_len(uint8_t next, const uint8_t *h, uint32_t left)
{
	switch (next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case PROTO_MOBILE:
		return left >= 8 ? (h[1] + 1u) * 8 : 0;
	case IPPROTO_FRAGMENT:
		return left >= 8 ? 8 : 0;
	case IPPROTO_AH:
		return left >= 8 ? (h[1] + 2u) * 4 : 0;
	default:
		return 0;
	}
}

static int parse_ipv6(const uint8_t *ip, uint32_t cap, uint32_t len, struct packet *p)
{
	uint32_t off = IPV6_LEN, total, elen;
	uint8_t next;

	if (cap < IPV6_LEN)
		return 0;
	total = be16(ip + 4) + (uint32_t)IPV6_LEN;
	if (total == IPV6_LEN || total > len) /* 0: a jumbogram or a large send */
		total = len;
	if (cap > total)
		cap = total;
	p->family = AF_INET6;
	memcpy(p->src, ip + 8, 16);
	memcpy(p->dst, ip + 24, 16);
	p->ip_len = total;
	p->ttl = ip[7];
	next = ip[6];
	for (int i = 0; i < IPV6_EXT_MAX && !p->later_fragment; i++) {
		elen = ipv6_ext_len(next, ip + off, cap - off);
		if (!elen || elen > cap - off)
			break;
		p->routed |= next == IPPROTO_ROUTING;
		if (next == IPPROTO_FRAGMENT) {
			p->fragment = be16(ip + off + 2) & 0xfff9;
			p->later_fragment = be16(ip + off + 2) & 0xfff8;
			p->frag_id = be32(ip + off + 4);
		}
		next = ip[off];
		off += elen;
	}
	p->proto = next;
	parse_transport(p, ip + off, cap - off, total - off);
	return 1;
}

static int parse_ip(const uint8_t *ip, uint32_t caplen, uint32_t len, struct packet *ret)
{
	if (!caplen)
		return 0;
	if (len < caplen)
		len = caplen;
	ret->ip = ip;
	if (ip[0] >> 4 == 4)
		return parse_ipv4(ip, caplen, len, ret);
	if (ip[0] >> 4 == 6)
		return parse_ipv6(ip, caplen, len, ret);
	return 0;
}

int packet_parse_ip(const uint8_t *ip, uint32_t caplen, uint32_t len, struct packet *ret)
{
	memset(ret, 0, sizeof(*ret));
	return parse_ip(ip, caplen, len, ret);
}

static bool is_vlan(uint16_t type)
{
	return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/* What lies behind a link header of off bytes that says it is of this EtherType. */
static int parse_type(uint16_t type, const uint8_t *data, uint32_t off, uint32_t caplen,
		      uint32_t len, struct packet *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (len < caplen)
		len = caplen;
	for (int i = 0; i < VLAN_DEPTH && is_vlan(type); i++) {
		if (caplen - off < VLAN_LEN)
			return 0;
		if (!ret->vlan)
			ret->vlan = be16(data + off) & 0xfff;
		type = be16(data + off + 2);
		off += VLAN_LEN;
	}
	if ((type != 0x0800 && type != 0x86dd) || off >= caplen ||
	    data[off] >> 4 != (type == 0x0800 ? 4 : 6))
		return 0;
	return parse_ip(data + off, caplen - off, len - off, ret);
}

int packet_parse(const uint8_t *data, uint32_t caplen, uint32_t len, struct packet *ret)
{
	if (caplen < ETH_LEN)
		return 0;
	return parse_type(be16(data + 12), data, ETH_LEN, caplen, len, ret);
}

/* An address family as some BSD, macOS or Linux writes it, in the byte order of its machine. */
static uint16_t type_of_family(const uint8_t *d)
{
	uint32_t family = be32(d);

	if (family > 0xffff)
		family = __builtin_bswap32(family);
	switch (family) {
	case 2:
		return 0x0800;
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* macOS */
		return 0x86dd;
	default:
		return 0;
	}
}

int packet_parse_link(uint16_t linktype, const uint8_t *data, uint32_t caplen, uint32_t len,
		      struct packet *ret)
{
	uint8_t version;

	switch (linktype) {
	case LINKTYPE_ETH:
		return packet_parse(data, caplen, len, ret);
	case LINKTYPE_NULL:
	case LINKTYPE_LOOP:
		return caplen < NULL_LEN ? 0 : parse_type(type_of_family(data), data, NULL_LEN, caplen,
							  len, ret);
	case LINKTYPE_SLL:
		return caplen < SLL_LEN ? 0 : parse_type(be16(data + 14), data, SLL_LEN, caplen, len,
							 ret);
	case LINKTYPE_SLL2:
		return caplen < SLL2_LEN ? 0 : parse_type(be16(data), data, SLL2_LEN, caplen, len,
							  ret);
	case LINKTYPE_RAW_12:
	case LINKTYPE_RAW:
	case LINKTYPE_IPV4:
	case LINKTYPE_IPV6:
		version = caplen ? data[0] >> 4 : 0;
		if ((linktype == LINKTYPE_IPV4 && version != 4) ||
		    (linktype == LINKTYPE_IPV6 && version != 6))
			return 0;
		return packet_parse_ip(data, caplen, len, ret);
	default:
		return 0;
	}
}

bool packet_knows_link(uint16_t linktype)
{
	static const uint16_t known[] = { LINKTYPE_NULL, LINKTYPE_ETH,	LINKTYPE_RAW_12,
					  LINKTYPE_RAW,	 LINKTYPE_LOOP, LINKTYPE_SLL,
					  LINKTYPE_IPV4, LINKTYPE_IPV6, LINKTYPE_SLL2 };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i] == linktype)
			return true;
	return false;
}
