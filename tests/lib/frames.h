/* Makes Ethernet frames by hand, for tests of what reads them. Checksums are left 0. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_LIB_FRAMES_H
#define TESTS_LIB_FRAMES_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FRAME_MAX 2048

struct frame {
	uint8_t d[FRAME_MAX];
	uint32_t len;
	uint32_t ip; /* where the IP header begins */
};

static inline void frame_put16(struct frame *f, uint32_t at, uint16_t v)
{
	f->d[at] = (uint8_t)(v >> 8);
	f->d[at + 1] = (uint8_t)v;
}

static inline void frame_put32(struct frame *f, uint32_t at, uint32_t v)
{
	frame_put16(f, at, (uint16_t)(v >> 16));
	frame_put16(f, at + 2, (uint16_t)v);
}

static inline void frame_add(struct frame *f, const void *data, uint32_t n)
{
	if (data && n)
		memcpy(f->d + f->len, data, n);
	f->len += n;
}

static inline void frame_ether(struct frame *f, uint16_t type)
{
	memset(f, 0, sizeof(*f));
	f->len = 14;
	f->ip = 14;
	frame_put16(f, 12, type);
}

/* An 802.1Q tag between the addresses and what is there. */
static inline void frame_vlan(struct frame *f, uint16_t tpid, uint16_t vid)
{
	memmove(f->d + 16, f->d + 12, f->len - 12);
	frame_put16(f, 12, tpid);
	frame_put16(f, 14, vid);
	f->len += 4;
	f->ip += 4;
}

/* IP addresses as text; the payload is added by whoever calls, then frame_ip_end(). */
static inline void frame_ip(struct frame *f, uint8_t proto, const char *src, const char *dst)
{
	bool six = strchr(src, ':');

	frame_ether(f, six ? 0x86dd : 0x0800);
	f->len += six ? 40 : 20;
	if (six) {
		f->d[14] = 0x60;
		f->d[20] = proto;
		f->d[21] = 64;
		inet_pton(AF_INET6, src, f->d + 22);
		inet_pton(AF_INET6, dst, f->d + 38);
	} else {
		f->d[14] = 0x45;
		f->d[22] = 64;
		f->d[23] = proto;
		inet_pton(AF_INET, src, f->d + 26);
		inet_pton(AF_INET, dst, f->d + 30);
	}
}

static inline void frame_ip_end(struct frame *f)
{
	if (f->d[f->ip] >> 4 == 6)
		frame_put16(f, f->ip + 4, (uint16_t)(f->len - f->ip - 40));
	else
		frame_put16(f, f->ip + 2, (uint16_t)(f->len - f->ip));
}

static inline void frame_tcp(struct frame *f, const char *src, uint16_t sport, const char *dst,
			     uint16_t dport, uint8_t flags, uint32_t seq, uint32_t ack,
			     const void *data, uint32_t n)
{
	uint32_t at;

	frame_ip(f, IPPROTO_TCP, src, dst);
	at = f->len;
	frame_put16(f, at, sport);
	frame_put16(f, at + 2, dport);
	frame_put32(f, at + 4, seq);
	frame_put32(f, at + 8, ack);
	f->d[at + 12] = 0x50;
	f->d[at + 13] = flags;
	frame_put16(f, at + 14, 1000);
	f->len += 20;
	frame_add(f, data, n);
	frame_ip_end(f);
}

static inline void frame_udp(struct frame *f, const char *src, uint16_t sport, const char *dst,
			     uint16_t dport, const void *data, uint32_t n)
{
	frame_ip(f, IPPROTO_UDP, src, dst);
	frame_put16(f, f->len, sport);
	frame_put16(f, f->len + 2, dport);
	frame_put16(f, f->len + 4, (uint16_t)(n + 8));
	f->len += 8;
	frame_add(f, data, n);
	frame_ip_end(f);
}

static inline void frame_icmp(struct frame *f, const char *src, const char *dst, uint8_t type,
			      uint8_t code, const void *data, uint32_t n)
{
	frame_ip(f, strchr(src, ':') ? IPPROTO_ICMPV6 : IPPROTO_ICMP, src, dst);
	f->d[f->len] = type;
	f->d[f->len + 1] = code;
	f->len += 8;
	frame_add(f, data, n);
	frame_ip_end(f);
}

#endif
