/*
 * Names for flows that other tools can find again: the Community ID (version 1, seed 0, as
 * corelight/community-id-spec has it) and a uid as Zeek's look.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <sha1.h>
#include <string.h>
#include <sys/socket.h>
#include "capture/flow/flow_internal.h"

static void base64(const uint8_t *in, size_t n, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)in[i + 1] << 8;
		if (i + 2 < n)
			v |= in[i + 2];
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*out++ = i + 2 < n ? digits[v & 63] : '=';
	}
	*out = '\0';
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

/* An ICMP message that none answers keeps its direction: its "ports" are type and code. */
static bool one_way(const struct flow *f)
{
	return (f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6) &&
	       flow_icmp_counterpart(f->family, (uint8_t)f->orig.port) < 0;
}

void flow_community_id(const struct flow *f, char buf[32])
{
	const struct flow_addr *a = &f->orig, *b = &f->resp;
	size_t n = f->family == AF_INET ? 4 : 16;
	int c = memcmp(a->ip, b->ip, n);
	uint8_t digest[SHA1_DIGEST_LENGTH];
	uint8_t ports[4], head[2] = { f->proto, 0 };
	static const uint8_t seed[2];
	SHA1_CTX ctx;

	if (!one_way(f) && (c > 0 || (c == 0 && a->port > b->port))) {
		a = &f->resp;
		b = &f->orig;
	}
	ports[0] = (uint8_t)(a->port >> 8);
	ports[1] = (uint8_t)a->port;
	ports[2] = (uint8_t)(b->port >> 8);
	ports[3] = (uint8_t)b->port;
	SHA1Init(&ctx);
	SHA1Update(&ctx, seed, sizeof(seed));
	SHA1Update(&ctx, a->ip, n);
	SHA1Update(&ctx, b->ip, n);
	SHA1Update(&ctx, head, sizeof(head));
	if (has_ports(f->proto))
		SHA1Update(&ctx, ports, sizeof(ports));
	SHA1Final(digest, &ctx);
	memcpy(buf, "1:", 2);
	base64(digest, sizeof(digest), buf + 2);
}

/* As many digits of base 62, the lowest first. */
static char *put_digits(char *p, uint64_t v, int n)
{
	static const char digits[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	for (; n; n--, v /= 62)
		*p++ = digits[v % 62];
	return p;
}

/* No secret, and the same in every run: what tells two flows apart is all that it is for. */
void flow_uid(const struct flow *f, char buf[FLOW_UID_SIZE])
{
	static const uint64_t seed[2][2] = { { 0x243f6a8885a308d3ull, 0x13198a2e03707345ull },
					     { 0xa4093822299f31d0ull, 0x082efa98ec4e6c89ull } };
	uint64_t w[6];

	w[0] = (uint64_t)f->family << 40 | (uint64_t)f->proto << 32 |
	       (uint64_t)f->orig.port << 16 | f->resp.port;
	w[1] = (uint64_t)f->first;
	memcpy(&w[2], f->orig.ip, 16);
	memcpy(&w[4], f->resp.ip, 16);
	buf[0] = 'C';
	put_digits(put_digits(buf + 1, flow_hash(seed[0], w, 6), 9), flow_hash(seed[1], w, 6), 8);
	buf[18] = '\0';
}
