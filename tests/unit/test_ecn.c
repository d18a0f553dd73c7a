/* Marks in IP frames: where they may be set, the checksum after, and frames that are cut. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/rng.h"
#include "emu/shaper/ecn.h"

static unsigned sum_of(const uint8_t *ip)
{
	unsigned sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (unsigned)(ip[i] << 8 | ip[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* A frame with that many VLAN tags; returns where IP begins. */
static uint8_t *frame_of(uint8_t *frame, int tags, unsigned type)
{
	uint8_t *p = frame + 12;

	memset(frame, 0x5a, 12);
	for (int i = 0; i < tags; i++) {
		*p++ = i + 1 < tags ? 0x88 : 0x81;
		*p++ = i + 1 < tags ? 0xa8 : 0x00;
		*p++ = 0;
		*p++ = 7;
	}
	*p++ = (uint8_t)(type >> 8);
	*p++ = (uint8_t)type;
	return p;
}

static void marks_ipv4_and_mends_its_checksum(void **state)
{
	struct rng r;

	rng_open(&r, 1, "ecn");
	for (int i = 0; i < 20000; i++) {
		uint8_t frame[128], before[128], *ip = frame_of(frame, i % 3, 0x0800);
		size_t len = (size_t)(ip - frame) + 20;
		unsigned sum;

		for (int b = 0; b < 20; b++)
			ip[b] = (uint8_t)rng_below(&r, 256);
		ip[0] = 0x45;
		ip[10] = ip[11] = 0;
		sum = ~sum_of(ip);
		ip[10] = (uint8_t)(sum >> 8);
		ip[11] = (uint8_t)sum;
		assert_int_equal(sum_of(ip), 0xffff);
		memcpy(before, frame, len);
		if (!(ip[1] & 3)) {
			assert_false(ecn_set_ce(frame, len));
			assert_memory_equal(frame, before, len);
			continue;
		}
		assert_true(ecn_set_ce(frame, len));
		assert_int_equal(ip[1] & 3, 3);
		assert_int_equal(sum_of(ip), 0xffff);
		before[ip - frame + 1] |= 3;
		memcpy(before + (ip - frame) + 10, ip + 10, 2);
		assert_memory_equal(frame, before, len);
	}
}

static void marks_ipv6_by_its_traffic_class(void **state)
{
	for (int i = 0; i < 3 * 256; i++) {
		uint8_t frame[128] = {0}, before[128], *ip = frame_of(frame, i % 3, 0x86dd);
		size_t len = (size_t)(ip - frame) + 40;
		unsigned class = (unsigned)i / 3;

		ip[0] = (uint8_t)(0x60 | class >> 4);
		ip[1] = (uint8_t)(class << 4 | 0xa);
		memcpy(before, frame, len);
		assert_int_equal(ecn_set_ce(frame, len), (class & 3) != 0);
		if (class & 3)
			before[ip - frame + 1] |= 0x30;
		assert_memory_equal(frame, before, len);
	}
}

static void what_is_no_ip_or_cut_is_left_alone(void **state)
{
	static const unsigned types[] = {0x0806, 0x0800, 0x86dd, 0x8100, 0};

	for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
		for (int tags = 0; tags < 4; tags++) {
			uint8_t full[128], *ip;
			size_t head, need;

			memset(full, 0xff, sizeof(full));
			ip = frame_of(full, tags, types[t]);
			head = (size_t)(ip - full);
			need = types[t] == 0x0800 ? 20 : types[t] == 0x86dd ? 40 : SIZE_MAX;
			ip[0] = types[t] == 0x0800 ? 0x4f : 0x6f;
			for (size_t len = 0; len < sizeof(full); len++) {
				uint8_t *cut = malloc(len ? len : 1); /* its end is watched */

				assert_non_null(cut);
				memcpy(cut, full, len);
				assert_int_equal(ecn_set_ce(cut, len),
						 len >= head && len - head >= need);
				free(cut);
			}
			ip[0] = 0x55; /* a version that does not fit its type */
			assert_false(ecn_set_ce(full, sizeof(full)));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_ipv4_and_mends_its_checksum),
		cmocka_unit_test(marks_ipv6_by_its_traffic_class),
		cmocka_unit_test(what_is_no_ip_or_cut_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
