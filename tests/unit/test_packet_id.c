/*
 * Packet ids: one for a packet on all its links, whatever the order in which these are read, and
 * another for each other packet, equal ones too.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "capture/packet_id.h"
#include "core/cleanup.h"
#include "core/rng.h"
#include "core/units.h"
#include "tests/lib/frames.h"

#define TAG	   0x12300010u
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static struct packet_ids *ids;
static int64_t now; /* of the packets; a test moves it */

static int setup(void **state)
{
	ids = packet_ids_new(1024);
	now = 0;
	return ids ? 0 : -1;
}

static int teardown(void **state)
{
	packet_ids_free(ids);
	return 0;
}

static uint64_t seen_from(const struct frame *f, uint32_t link, uint8_t end)
{
	const struct packet_seen s = { .link = link, .end = end, .ts = now, .hash = TAG,
				       .data = f->d, .caplen = f->len, .len = f->len };

	return packet_ids_get(ids, &s);
}

static uint64_t seen(const struct frame *f, uint32_t link)
{
	return seen_from(f, link, 0);
}

static uint64_t fate(const struct frame *f, uint32_t link, uint64_t shaper_id, bool lost)
{
	const struct packet_seen s = { .link = link, .ts = now, .hash = TAG, .data = f->d,
				       .caplen = f->len, .len = f->len, .shaper_id = shaper_id,
				       .lost = lost };

	return packet_ids_get(ids, &s);
}

/* The datagram number n. */
static struct frame datagram(unsigned n)
{
	struct frame f;

	frame_udp(&f, "10.0.0.1", 4000, "10.0.0.2", 9, &n, sizeof(n));
	return f;
}

static struct frame arp(void)
{
	struct frame f;

	frame_ether(&f, 0x0806);
	memset(f.d, 0xff, 6);
	f.d[11] = 1;
	frame_add(&f, "\0\1\10\0\6\4\0\1", 8);
	frame_add(&f, NULL, 20);
	return f;
}

/* What a router does to it. */
static void route(struct frame *f)
{
	f->d[3]++;
	f->d[9]++;
	if (f->d[f->ip] >> 4 == 6) {
		f->d[f->ip + 7]--;
		return;
	}
	f->d[f->ip + 8]--;
	f->d[f->ip + 10] ^= 0x55;
	f->d[f->ip + 11]++;
}

static void test_same_behind_switches_and_routers(void **state)
{
	static const char *const from[] = { "10.0.0.1", "fd00::1" };
	static const char *const to[] = { "10.0.0.2", "fd00::2" };
	uint64_t first = 0;

	for (int k = 0; k < 2; k++) {
		struct frame f;
		uint64_t id;

		frame_tcp(&f, from[k], 1, to[k], 2, 2, 1000, 0, NULL, 0);
		id = seen(&f, 1);
		assert_true(id != 0 && id != first);
		assert_true(seen(&f, 2) == id);
		route(&f);
		assert_true(seen(&f, 3) == id);
		f.d[f.ip + 1] |= k ? 0x30 : 3; /* congestion was met */
		assert_true(seen(&f, 4) == id);
		route(&f);
		assert_true(seen(&f, 5) == id);
		assert_true(seen(&f, 6) == id);
		first = id;
	}
}

static void test_told_apart_by_what_stays(void **state)
{
	/*
	 * In the IP header its length, number, fragment, protocol, addresses; then ports and all.
	 */
	static const int bytes[] = { 17, 18, 19, 20, 21, 23, 26, 33, 34, 36, 38, 45 };
	struct frame f = datagram(1);
	uint64_t last = seen(&f, 1);
	struct packet_seen s = { .link = 2, .data = f.d, .caplen = f.len, .len = f.len };

	for (size_t i = 0; i < ARRAY_SIZE(bytes); i++) {
		struct frame other = f;

		other.d[bytes[i]] ^= 4;
		assert_true(seen(&other, 2) == ++last);
	}
	s.hash = TAG + 1;
	assert_true(packet_ids_get(ids, &s) == ++last);
	s.hash = TAG;
	assert_true(packet_ids_get(ids, &s) == 1);
}

static void test_links_in_any_order(void **state)
{
	static const uint8_t order[][3] = { { 1, 2, 3 }, { 3, 2, 1 }, { 2, 3, 1 }, { 3, 1, 2 } };

	for (unsigned i = 0; i < ARRAY_SIZE(order); i++)
		for (unsigned link = 0; link < 3; link++)
			for (unsigned n = 0; n < 50; n++) {
				struct frame f = datagram(100 * i + n);

				assert_true(seen(&f, order[i][link]) == 50 * i + n + 1);
			}
}

/* Reordered on their way, or gone: each keeps its own. */
static void test_reordering_and_loss(void **state)
{
	for (unsigned n = 0; n < 100; n++) {
		struct frame f = datagram(n);

		assert_true(seen(&f, 1) == n + 1);
	}
	for (unsigned n = 100; n-- > 0;) {
		struct frame f = datagram(n);

		if (n % 3)
			assert_true(seen(&f, 2) == n + 1);
		if (n % 6 == 1)
			assert_true(seen(&f, 3) == n + 1);
	}
}

/* Half goes by one link, half by another, from one switch. */
static void test_two_paths(void **state)
{
	for (unsigned n = 0; n < 100; n++) {
		struct frame f = datagram(n);

		assert_true(seen(&f, 1) == n + 1);
		assert_true(seen(&f, n & 1 ? 2 : 3) == n + 1);
		assert_true(seen(&f, n & 1 ? 4 : 5) == n + 1);
	}
}

static void test_equal_packets_keep_their_order(void **state)
{
	struct frame f = datagram(1);

	for (unsigned n = 1; n <= 300; n++)
		assert_true(seen(&f, 1) == n);
	for (unsigned n = 1; n <= 200; n++) {
		assert_true(seen(&f, 2) == n);
		assert_true(seen(&f, 3) == n);
	}
	/* What is seen on a later link first is a new one everywhere. */
	for (unsigned n = 201; n <= 310; n++)
		assert_true(seen(&f, 3) == n);
	for (unsigned n = 201; n <= 310; n++)
		assert_true(seen(&f, 2) == n);
	for (unsigned n = 301; n <= 310; n++)
		assert_true(seen(&f, 1) == n);
}

/* A flood to many links is one packet; the next one is another on each of them. */
static void test_flood(void **state)
{
	struct frame f = arp();

	for (unsigned n = 1; n <= 3; n++)
		for (unsigned link = 0; link < 100; link++)
			assert_true(seen(&f, link) == n);
}

/* To a router with one link and back over it. */
static void test_both_ways(void **state)
{
	struct frame f = datagram(1);
	uint64_t id = seen_from(&f, 1, 0);

	assert_true(seen_from(&f, 2, 0) == id);
	route(&f);
	assert_true(seen_from(&f, 2, 1) == id);
	assert_true(seen_from(&f, 3, 1) == id);
	assert_true(seen_from(&f, 1, 0) != id);
}

/*
 * ARP asks the same again after a second: what was lost meanwhile does not shift the ids for
 * good.
 */
static void test_equal_packets_and_loss(void **state)
{
	struct frame f = arp();

	assert_true(seen(&f, 1) == 1);
	assert_true(seen(&f, 2) == 1);
	now += NSEC_PER_SEC;
	assert_true(seen(&f, 1) == 2); /* is lost */
	now += NSEC_PER_SEC;
	assert_true(seen(&f, 1) == 3);
	assert_true(seen(&f, 2) == 3);
	now += NSEC_PER_MSEC;
	/* The shaper says what was lost, so there it shifts nothing at all. */
	assert_true(seen(&f, 1) == 4);
	assert_true(fate(&f, 2, 1, true) == 4);
	assert_true(seen(&f, 1) == 5);
	assert_true(fate(&f, 2, 2, false) == 5);
	assert_true(seen(&f, 3) == 3);
	assert_true(seen(&f, 3) == 5);
	assert_true(seen(&f, 3) == 6);
}

static void test_slow_link(void **state)
{
	struct frame f = datagram(1);

	assert_true(seen(&f, 1) == 1);
	now += 100 * NSEC_PER_SEC;
	assert_true(seen(&f, 2) == 1);
}

static void test_duplicates(void **state)
{
	for (unsigned n = 0; n < 10; n++) {
		struct frame f = datagram(n);
		uint64_t id = seen(&f, 1);

		assert_true(fate(&f, 2, 100 + n, n & 1) == id);
		assert_true(fate(&f, 2, 100 + n, false) == id);
		/* Behind a router, both of them; a third one is another packet. */
		route(&f);
		assert_true(fate(&f, 3, 200 + 2 * n, false) == id);
		assert_true(fate(&f, 3, 201 + 2 * n, false) == id);
		assert_true(seen(&f, 4) == id);
		assert_true(seen(&f, 4) == id);
		assert_true(seen(&f, 4) == id + 1);
		assert_true(fate(&f, 2, 150 + n, false) == id + 1);
	}
}

/* A bit that a link turned: before it the packet was what it was, behind it is what it became. */
static void test_corruption(void **state)
{
	const uint32_t bits[] = { 14 * 8, 22 * 8 + 1, 26 * 8 + 3, 36 * 8 + 7, 42 * 8, 45 * 8 + 7 };

	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
		struct frame f = datagram(1000 * i), bad = f;
		struct packet_seen s = { .link = 2, .hash = TAG, .data = bad.d, .len = bad.len,
					 .caplen = bad.len, .shaper_id = 1 + i,
					 .corrupted = true, .flipped = bits[i] };
		uint64_t id = seen(&f, 1);

		bad.d[bits[i] / 8] ^= (uint8_t)(1 << bits[i] % 8);
		assert_true(packet_ids_get(ids, &s) == id);
		assert_true(seen(&bad, 3) == id);
		assert_true(seen(&bad, 4) == id);
	}
}

static void test_cut_and_unknown_bytes(void **state)
{
	static uint8_t d[2000];
	struct packet_seen s = { .link = 1, .data = d, .len = sizeof(d) };

	assert_true(packet_ids_get(ids, &s) == 1);
	assert_true(packet_ids_get(ids, &s) == 2);
	/* Of every length, of IP and of nothing; in memory of just that length. */
	for (uint32_t n = 1; n < 200; n++)
		for (int type = 0; type < 4; type++) {
			_cleanup_free_ uint8_t *copy = calloc(1, n);
			uint64_t id;

			if (n > 14) {
				copy[12] = type == 1 ? 0x08 : type == 2 ? 0x86 : 0;
				copy[13] = type == 2 ? 0xdd : 0;
				copy[14] = type == 1 ? 0x4f : type == 2 ? 0x6f : 0;
			}
			s = (struct packet_seen){ .link = 1000 * n, .data = copy, .caplen = n,
						  .len = n + (uint32_t)type,
						  .shaper_id = 4 * n + (unsigned)type,
						  .corrupted = true, .flipped = 8 * n - 1 };
			id = packet_ids_get(ids, &s);
			s.link++;
			s.shaper_id = 0;
			assert_true(packet_ids_get(ids, &s) == id);
		}
}

static void test_window(void **state)
{
	struct frame f = datagram(0);
	uint64_t last = 0;

	assert_true(seen(&f, 1) == 1);
	for (unsigned n = 1; n <= 1023; n++) {
		struct frame other = datagram(n);

		last = seen(&other, 1);
	}
	assert_true(seen(&f, 2) == 1);
	f = datagram(1024);
	last = seen(&f, 1);
	f = datagram(0);
	assert_true(seen(&f, 3) == last + 1);
	/* Which needed room, too. */
	f = datagram(2);
	assert_true(seen(&f, 3) == 3);
}

/* What is lost is passed over once, not by each link: else a host could keep the capture busy. */
static void test_flood_of_equal_packets(void **state)
{
	enum { N = 100000, LINKS = 5000 };
	struct packet_ids *large = packet_ids_new(1 << 17);
	struct frame f = datagram(0);
	struct packet_seen s = { .hash = TAG, .data = f.d, .caplen = f.len, .len = f.len };
	struct timespec start, end;

	for (unsigned i = 0; i < N; i++) {
		s.ts = (int64_t)i * NSEC_PER_SEC;
		assert_true(packet_ids_get(large, &s) == i + 1);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	for (s.link = 1; s.link <= LINKS; s.link++)
		assert_true(packet_ids_get(large, &s) == N);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	assert_true(end.tv_sec - start.tv_sec <= 1); /* walks would take four, and more */
	packet_ids_free(large);
}

/* In a table that is always full, with all that can be: nothing is asked of it but sense. */
static void test_small_table(void **state)
{
	struct packet_ids *small = packet_ids_new(1);
	uint64_t id, highest = 0;
	struct rng r;

	rng_open(&r, 1, "packet_id/small");
	for (unsigned i = 0; i < 200000; i++) {
		struct frame f = datagram(rng_below(&r, 4) ? (unsigned)rng_below(&r, 3) : i);
		struct packet_seen s = { .link = (uint32_t)rng_below(&r, 7), .ts = i, .data = f.d,
					 .caplen = f.len, .len = f.len,
					 .shaper_id = rng_below(&r, 3) ? 0 : rng_below(&r, i + 1),
					 .lost = !rng_below(&r, 4), .corrupted = !rng_below(&r, 4),
					 .flipped = (uint32_t)rng_below(&r, 8 * f.len) };

		id = packet_ids_get(small, &s);
		assert_true(id && id <= highest + 1);
		highest = id > highest ? id : highest;
	}
	packet_ids_free(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_same_behind_switches_and_routers),
		TEST(test_told_apart_by_what_stays),
		TEST(test_links_in_any_order),
		TEST(test_reordering_and_loss),
		TEST(test_two_paths),
		TEST(test_equal_packets_keep_their_order),
		TEST(test_flood),
		TEST(test_both_ways),
		TEST(test_equal_packets_and_loss),
		TEST(test_slow_link),
		TEST(test_duplicates),
		TEST(test_corruption),
		TEST(test_cut_and_unknown_bytes),
		TEST(test_window),
		cmocka_unit_test(test_flood_of_equal_packets),
		cmocka_unit_test(test_small_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
