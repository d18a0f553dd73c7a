/* Dissection: every kind of header, every length a frame may be cut to, and junk. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "capture/flow/packet.h"
#include "core/cleanup.h"
#include "core/rng.h"
#include "tests/lib/frames.h"

static int parse(const struct frame *f, struct packet *p)
{
	return packet_parse(f->d, f->len, f->len, p);
}

static void test_tcp(void **state)
{
	struct packet p;
	struct frame f;

	frame_tcp(&f, "10.0.0.1", 4000, "10.0.0.2", 80, TCP_PSH | TCP_ACK, 0x01020304, 0x0a0b0c0d,
		  "hello", 5);
	assert_int_equal(parse(&f, &p), 1);
	assert_int_equal(p.family, AF_INET);
	assert_int_equal(p.proto, IPPROTO_TCP);
	assert_true(p.has_ports && p.has_tcp && !p.fragment);
	assert_int_equal(p.sport, 4000);
	assert_int_equal(p.dport, 80);
	assert_int_equal(p.seq, 0x01020304);
	assert_int_equal(p.ack, 0x0a0b0c0d);
	assert_int_equal(p.flags, TCP_PSH | TCP_ACK);
	assert_int_equal(p.window, 1000);
	assert_int_equal(p.ttl, 64);
	assert_int_equal(p.l4_hlen, 20);
	assert_int_equal(p.ip_len, 45);
	assert_int_equal(p.payload_len, 5);
	assert_memory_equal(p.payload, "hello", 5);
	assert_memory_equal(p.src, "\x0a\0\0\1", 4);
	assert_memory_equal(p.dst, "\x0a\0\0\2", 4);
}

static void test_padding_is_no_payload(void **state)
{
	struct packet p;
	struct frame f;

	frame_tcp(&f, "10.0.0.1", 1, "10.0.0.2", 2, TCP_ACK, 0, 0, NULL, 0);
	f.len = 60;
	assert_int_equal(parse(&f, &p), 1);
	assert_int_equal(p.ip_len, 40);
	assert_int_equal(p.payload_len, 0);
	assert_null(p.payload);
}

static void test_large_send_has_length_zero(void **state)
{
	struct packet p;
	struct frame f;

	frame_tcp(&f, "10.0.0.1", 1, "10.0.0.2", 2, TCP_ACK, 0, 0, "abcdef", 6);
	frame_put16(&f, 16, 0);
	assert_int_equal(packet_parse(f.d, f.len, 9000, &p), 1);
	assert_int_equal(p.ip_len, 9000 - 14);
	assert_int_equal(p.payload_len, 9000 - 14 - 40);
	assert_int_equal(p.payload_cap, 6);
}

static void test_vlan(void **state)
{
	struct packet p;
	struct frame f;

	frame_udp(&f, "10.0.0.1", 53, "10.0.0.2", 5353, "x", 1);
	frame_vlan(&f, 0x8100, 7);
	assert_int_equal(parse(&f, &p), 1);
	assert_int_equal(p.sport, 53);
	assert_int_equal(p.vlan, 7);
	frame_vlan(&f, 0x88a8, 0xe000 | 8); /* with a priority */
	assert_int_equal(parse(&f, &p), 1);
	assert_int_equal(p.dport, 5353);
	assert_int_equal(p.vlan, 8);
	assert_int_equal(p.ip_len, 29);
	for (int i = 0; i < 4; i++)
		frame_vlan(&f, 0x8100, 9);
	assert_int_equal(parse(&f, &p), 0);
}

static void test_not_ip(void **state)
{
	struct packet p;
	struct frame f;

	frame_ether(&f, 0x0806);
	f.len = 42;
	assert_int_equal(parse(&f, &p), 0);
	frame_ether(&f, 0x0800); /* says IPv4, holds IPv6 */
	f.len = 60;
	f.d[14] = 0x60;
	assert_int_equal(parse(&f, &p), 0);
	f.d[14] = 0x44; /* header shorter than one can be */
	assert_int_equal(parse(&f, &p), 0);
	f.d[14] = 0x4f; /* header longer than what there is */
	assert_int_equal(parse(&f, &p), 0);
}

static void test_fragments(void **state)
{
	struct packet p;
	struct frame f;

	frame_udp(&f, "10.0.0.1", 53, "10.0.0.2", 5353, "abcdefgh", 8);
	frame_put16(&f, 18, 0x1234);
	frame_put16(&f, 20, 0x4000); /* only "don't fragment" */
	assert_int_equal(parse(&f, &p), 1);
	assert_false(p.fragment);
	frame_put16(&f, 20, 0x2000);
	assert_int_equal(parse(&f, &p), 1);
	assert_true(p.fragment && !p.later_fragment && p.has_ports);
	assert_int_equal(p.frag_id, 0x1234);
	frame_put16(&f, 20, 0x0002);
	assert_int_equal(parse(&f, &p), 1);
	assert_true(p.fragment && p.later_fragment && !p.has_ports);
	assert_int_equal(p.payload_len, 16);
}

/* Puts an extension header of n bytes behind the IPv6 header. */
static void add_ext(struct frame *f, uint8_t type, const uint8_t *ext, uint32_t n)
{
	memmove(f->d + 54 + n, f->d + 54, f->len - 54);
	memcpy(f->d + 54, ext, n);
	f->d[54] = f->d[20];
	f->d[20] = type;
	f->len += n;
	frame_ip_end(f);
}

static void test_ipv6_extensions(void **state)
{
	static const uint8_t options[16] = { 0, 1 }, routing[8] = { 0, 0 };
	static const uint8_t first[8] = { 0, 0, 0, 1, 0, 0, 0, 9 };
	static const uint8_t later[8] = { 0, 0, 0, 8, 0, 0, 0, 9 };
	static const uint8_t auth[12] = { 0, 1 };
	struct packet p;
	struct frame f;

	frame_udp(&f, "fd00::1", 1000, "fd00::2", 2000, "abc", 3);
	assert_int_equal(parse(&f, &p), 1);
	assert_int_equal(p.family, AF_INET6);
	assert_int_equal(p.ip_len, 40 + 11);
	assert_int_equal(p.ttl, 64);
	assert_int_equal(p.l4_hlen, 8);
	add_ext(&f, IPPROTO_AH, auth, sizeof(auth));
	add_ext(&f, IPPROTO_FRAGMENT, first, 8);
	add_ext(&f, IPPROTO_ROUTING, routing, 8);
	add_ext(&f, IPPROTO_DSTOPTS, options, 16);
	add_ext(&f, IPPROTO_HOPOPTS, options, 16);
	assert_int_equal(parse(&f, &p), 1);
	assert_int_equal(p.proto, IPPROTO_UDP);
	assert_int_equal(p.sport, 1000);
	assert_int_equal(p.payload_len, 3);
	assert_true(p.fragment && !p.later_fragment);
	assert_int_equal(p.frag_id, 9);

	frame_udp(&f, "fd00::1", 1000, "fd00::2", 2000, "abc", 3);
	add_ext(&f, IPPROTO_FRAGMENT, later, 8);
	assert_int_equal(parse(&f, &p), 1);
	assert_true(p.later_fragment && !p.has_ports);
	assert_int_equal(p.proto, IPPROTO_UDP);
}

static void test_ipv6_endless_extensions(void **state)
{
	static const uint8_t options[8] = { 0 };
	struct packet p;
	struct frame f;

	frame_udp(&f, "fd00::1", 1, "fd00::2", 2, "abc", 3);
	for (int i = 0; i < 100; i++)
		add_ext(&f, IPPROTO_DSTOPTS, options, 8);
	assert_int_equal(parse(&f, &p), 1);
	assert_int_equal(p.proto, IPPROTO_DSTOPTS);
	assert_false(p.has_ports);
	frame_put16(&f, 54, 0x3cff); /* an extension longer than the packet */
	assert_int_equal(parse(&f, &p), 1);
	assert_false(p.has_ports);
}

static void test_icmp(void **state)
{
	struct packet p, quoted;
	struct frame f, in;

	frame_icmp(&f, "10.0.0.1", "10.0.0.2", 8, 0, "ping", 4);
	assert_int_equal(parse(&f, &p), 1);
	assert_true(p.has_icmp && !p.icmp_error);
	assert_int_equal(p.icmp_type, 8);
	assert_int_equal(p.payload_len, 4);
	frame_udp(&in, "10.0.0.2", 99, "10.0.0.1", 53, "abc", 3);
	frame_icmp(&f, "10.0.0.1", "10.0.0.2", 3, 3, in.d + 14, 28);
	assert_int_equal(parse(&f, &p), 1);
	assert_true(p.icmp_error);
	assert_int_equal(packet_parse_ip(p.payload, p.payload_cap, p.payload_len, &quoted), 1);
	assert_int_equal(quoted.sport, 99);
	assert_int_equal(quoted.dport, 53);
	frame_icmp(&f, "fd00::1", "fd00::2", 128, 0, "ping", 4);
	assert_int_equal(parse(&f, &p), 1);
	assert_true(p.has_icmp && !p.icmp_error);
}

/* The packet of a frame behind another link's header. */
static int parse_behind(uint16_t linktype, const void *header, uint32_t n, const struct frame *f,
			struct packet *p)
{
	uint8_t d[FRAME_MAX];
	uint32_t len = n + f->len - f->ip;

	memcpy(d, header, n);
	memcpy(d + n, f->d + f->ip, f->len - f->ip);
	for (uint32_t cap = 0; cap < n; cap++)
		assert_int_equal(packet_parse_link(linktype, d, cap, len, p), 0);
	return packet_parse_link(linktype, d, len, len, p);
}

static void test_links(void **state)
{
	static const struct {
		uint16_t linktype;
		const char *header;
		uint32_t n;
		bool four, six; /* what it can carry */
	} rows[] = {
		{ 0, "\2\0\0\0", 4, true, false }, /* BSD's null, as little-endian machines write it */
		{ 0, "\0\0\0\2", 4, true, false },
		{ 0, "\30\0\0\0", 4, false, true },
		{ 0, "\0\0\0\34", 4, false, true },
		{ 0, "\36\0\0\0", 4, false, true },
		{ 0, "\7\0\0\0", 4, false, false }, /* OSI */
		{ 108, "\0\0\0\2", 4, true, false },
		{ 108, "\0\0\0\30", 4, false, true },
		{ 12, "", 0, true, true },
		{ 101, "", 0, true, true },
		{ 228, "", 0, true, false },
		{ 229, "", 0, false, true },
		{ 113, "\0\4\0\1\0\6\2\0\0\0\0\1\0\0\x08\0", 16, true, false },
		{ 113, "\0\4\0\1\0\6\2\0\0\0\0\1\0\0\x86\xdd", 16, false, true },
		{ 113, "\0\4\0\1\0\6\2\0\0\0\0\1\0\0\x81\0\0\x09\x08\0", 20, true, false },
		{ 276, "\x08\0\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0", 20, true, false },
		{ 276, "\x86\xdd\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0", 20, false, true },
		{ 276, "\x08\6\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0", 20, false, false },
		{ 127, "", 0, false, false }, /* Wi-Fi with a radiotap header */
	};
	struct frame four, six;
	struct packet p;

	frame_tcp(&four, "10.0.0.1", 4000, "10.0.0.2", 80, TCP_ACK, 1, 2, "hello", 5);
	frame_udp(&six, "fd00::1", 53, "fd00::2", 5353, "abc", 3);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint16_t link = rows[i].linktype;

		if (parse_behind(link, rows[i].header, rows[i].n, &four, &p) != rows[i].four)
			fail_msg("row %zu: IPv4", i);
		if (rows[i].four)
			assert_true(p.sport == 4000 && p.ip_len == 45 && p.payload_len == 5);
		if (parse_behind(link, rows[i].header, rows[i].n, &six, &p) != rows[i].six)
			fail_msg("row %zu: IPv6", i);
		if (rows[i].six)
			assert_true(p.sport == 53 && p.family == AF_INET6 && p.payload_len == 3);
		assert_int_equal(packet_knows_link(link), link != 127);
	}
	parse_behind(113, rows[14].header, 20, &four, &p);
	assert_int_equal(p.vlan, 9);
	assert_int_equal(packet_parse_link(1, four.d, four.len, four.len, &p), 1);
}

/* The checksum of RFC 1071, the plain way: 16 bits at a time in network order. */
static uint16_t checksum(uint32_t sum, const uint8_t *d, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		sum += i & 1 ? d[i] : (uint32_t)d[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Puts right checksums into a frame; at: where the transport's lies in its header. */
static void set_checksums(struct frame *f, uint8_t proto, uint32_t at)
{
	bool six = f->d[f->ip] >> 4 == 6;
	uint32_t l4 = f->ip + (six ? 40 : 20), len = f->len - l4, sum = proto + len;

	for (uint32_t i = f->ip + (six ? 8 : 12); i < l4; i += 2)
		sum += (uint32_t)f->d[i] << 8 | f->d[i + 1];
	frame_put16(f, l4 + at, 0);
	frame_put16(f, l4 + at, checksum(proto == IPPROTO_ICMP ? 0 : sum, f->d + l4, len));
	if (six)
		return;
	frame_put16(f, f->ip + 10, 0);
	frame_put16(f, f->ip + 10, checksum(0, f->d + f->ip, 20));
}

static bool is_corrupt(const struct frame *f)
{
	struct packet p;

	assert_int_equal(parse(f, &p), 1);
	return packet_is_corrupt(&p);
}

static void test_checksums(void **state)
{
	struct packet p;
	struct frame f;

	for (int kind = 0; kind < 6; kind++) {
		bool six = kind & 1;
		const char *a = six ? "fd00::1" : "10.0.0.1", *b = six ? "fd00::2" : "10.0.0.2";

		if (kind < 2)
			frame_tcp(&f, a, 1, b, 2, TCP_ACK, 1, 2, "hello", 5);
		else if (kind < 4)
			frame_udp(&f, a, 1, b, 2, "hello, world", 12);
		else
			frame_icmp(&f, a, b, six ? 128 : 8, 0, "hello", 5);
		set_checksums(&f, kind < 2 ? IPPROTO_TCP : kind < 4 ? IPPROTO_UDP :
			      six ? IPPROTO_ICMPV6 : IPPROTO_ICMP, kind < 2 ? 16 : kind < 4 ? 6 : 2);
		assert_false(is_corrupt(&f));
		f.d[f.len - 1] ^= 1;
		assert_true(is_corrupt(&f));
		/* A byte that was not captured may be anything. */
		assert_int_equal(packet_parse(f.d, f.len - 1, f.len, &p), 1);
		assert_false(packet_is_corrupt(&p));
		f.d[f.len - 1] ^= 1;
		f.d[f.ip + 14] ^= 1; /* an address */
		assert_true(is_corrupt(&f));
	}
	frame_udp(&f, "10.0.0.1", 1, "10.0.0.2", 2, "hello", 5);
	set_checksums(&f, IPPROTO_UDP, 6);
	frame_put16(&f, f.ip + 20 + 6, 0); /* the sender made none */
	assert_false(is_corrupt(&f));
	frame_put16(&f, f.ip + 6, 0x2000); /* and now IPv4's is wrong */
	assert_true(is_corrupt(&f));
}

/*
 * In a block of its own size, so that a byte read behind it is found by the sanitizer or
 * valgrind.
 */
static void parse_exactly(const uint8_t *d, uint32_t caplen, uint32_t len)
{
	_cleanup_free_ uint8_t *copy = malloc(caplen ? caplen : 1);
	struct packet p;

	assert_non_null(copy);
	memcpy(copy, d, caplen);
	if (!packet_parse(copy, caplen, len, &p))
		return;
	packet_is_corrupt(&p);
	assert_true(p.payload_cap <= p.payload_len);
	assert_true(p.payload_len <= p.ip_len);
	assert_true(p.ip_len <= (len > caplen ? len : caplen));
	if (p.payload_cap)
		assert_true(p.payload >= copy && p.payload + p.payload_cap <= copy + caplen);
}

static void test_every_cut(void **state)
{
	static const uint8_t options[16] = { 0, 1 };
	struct frame f;

	for (int kind = 0; kind < 4; kind++) {
		if (kind == 0)
			frame_tcp(&f, "10.0.0.1", 1, "10.0.0.2", 2, TCP_ACK, 1, 2, "hello", 5);
		else if (kind == 1)
			frame_udp(&f, "fd00::1", 1, "fd00::2", 2, "hello", 5);
		else
			frame_icmp(&f, "10.0.0.1", "10.0.0.2", 3, 3, "hello", 5);
		if (kind == 1)
			add_ext(&f, IPPROTO_HOPOPTS, options, 16);
		if (kind == 3)
			frame_vlan(&f, 0x8100, 1);
		for (uint32_t n = 0; n <= f.len; n++)
			parse_exactly(f.d, n, f.len);
	}
}

static void test_junk(void **state)
{
	struct frame f;
	struct rng r;

	rng_open(&r, 1, "packet/junk");
	for (int i = 0; i < 100000; i++) {
		frame_tcp(&f, i & 1 ? "fd00::1" : "10.0.0.1", 1, i & 1 ? "fd00::2" : "10.0.0.2", 2,
			  TCP_ACK, 1, 2, "hello, world", 12);
		for (uint64_t n = rng_below(&r, 8); n; n--)
			f.d[12 + rng_below(&r, f.len - 12)] = (uint8_t)rng_u64(&r);
		parse_exactly(f.d, (uint32_t)rng_below(&r, f.len + 1), f.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_padding_is_no_payload),
		cmocka_unit_test(test_large_send_has_length_zero),
		cmocka_unit_test(test_vlan),
		cmocka_unit_test(test_not_ip),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_ipv6_extensions),
		cmocka_unit_test(test_ipv6_endless_extensions),
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_checksums),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_junk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
