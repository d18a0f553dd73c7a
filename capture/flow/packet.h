/*
 * Takes a frame apart, as far as flows need it: Ethernet and other links' headers, VLAN tags
 * (802.1Q, 802.1ad), IPv4 (RFC 791), IPv6 with extension headers (RFC 8200), TCP (RFC 9293), UDP,
 * ICMP and ICMPv6.
 *
 * The frame may be cut short or hostile: nothing outside of it is read, and what a header claims
 * is held against what the wire carried.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_PACKET_H
#define CAPTURE_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20
#define TCP_ECE 0x40
#define TCP_CWR 0x80

struct packet {
	uint8_t family;	       /* AF_INET, AF_INET6 */
	uint8_t proto;	       /* IPPROTO_* behind the extension headers */
	bool fragment;	       /* a part of a datagram */
	bool later_fragment;   /* and not its first: no transport header */
	bool has_ports;	       /* sport and dport are known */
	bool has_tcp;	       /* the fields of TCP are known */
	bool has_icmp;	       /* the fields of ICMP are known */
	bool icmp_error;       /* it quotes the packet it is about */
	uint8_t src[16], dst[16]; /* IPv4 in the first four bytes, the rest 0 */
	uint16_t sport, dport; /* host byte order */
	uint32_t frag_id;
	uint16_t vlan;	       /* outermost 802.1Q or 802.1ad id; 0: none */
	uint8_t ttl;	       /* time to live; IPv6: hop limit */
	uint8_t l4_hlen;       /* bytes of the transport header, 0 where none is known */
	uint32_t ip_len;       /* IP header and all behind it, on the wire */
	uint32_t payload_len;  /* behind the transport header, on the wire */
	uint32_t payload_cap;  /* of these, bytes captured */
	const uint8_t *payload;
	const uint8_t *ip, *l4; /* the headers; of IPv6, the extensions lie between */
	uint32_t l4_len;       /* transport header and payload, on the wire */
	uint32_t l4_cap;       /* of these, bytes captured */
	bool routed;	       /* IPv6 with a routing header: its destination is not the last one */
	uint32_t seq, ack;
	uint16_t window;
	uint8_t flags; /* TCP_* */
	uint8_t icmp_type, icmp_code;
};

/* 1 with the packet, 0 for a frame that carries no IP that can be read. */
int packet_parse(const uint8_t *data, uint32_t caplen, uint32_t len, struct packet *ret);
/*
 * The same for a frame of this LINKTYPE_*: Ethernet, raw IP, BSD loopback and Linux cooked (v1
 * and v2). 0 stands for BSD's null, as in a file.
 */
int packet_parse_link(uint16_t linktype, const uint8_t *data, uint32_t caplen, uint32_t len,
		      struct packet *ret);
bool packet_knows_link(uint16_t linktype);
/*
 * Is one of the packet's checksums (IPv4's header, TCP, UDP, ICMP, ICMPv6) wrong? What cannot be
 * told is taken as right: a packet that was cut short, fragments, UDP without a checksum.
 */
bool packet_is_corrupt(const struct packet *p);
/* The same from the IP header on, e.g. for the packet that an ICMP error quotes. */
int packet_parse_ip(const uint8_t *ip, uint32_t caplen, uint32_t len, struct packet *ret);

#endif
