/* What is noted of senders: found by key and time, and never more than there is room for. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>
#include "capture/sender/infer_internal.h"
#include "core/units.h"

#define ROOM (1u << 18)
#define HOUR (3600 * NSEC_PER_SEC)

static struct infer_key key(uint32_t n)
{
	struct infer_key k = { .family = AF_INET, .proto = IPPROTO_UDP };

	memcpy(k.src, &n, sizeof(n));
	return k;
}

static uint32_t owner_at(struct infer *i, uint32_t n, int64_t ts)
{
	struct infer_key k = key(n);
	const struct infer_record *r = infer_noted(i, &k, ts);

	return r ? r->owner : 0;
}

static void note(struct infer *i, uint32_t n, uint32_t owner, int64_t ts)
{
	struct infer_key k = key(n);

	assert_non_null(infer_note(i, &k, owner, 0, ts));
}

static void youngest_in_time_is_found(void **state)
{
	struct infer i = { 0 };

	assert_int_equal(owner_at(&i, 1, INT64_MAX), 0);
	note(&i, 1, 10, 100);
	note(&i, 1, 11, 200);
	note(&i, 2, 12, 150);
	assert_int_equal(owner_at(&i, 1, 99), 0);
	assert_int_equal(owner_at(&i, 1, 199), 10);
	assert_int_equal(owner_at(&i, 1, INT64_MAX), 11);
	infer_forget(&i);
}

static void what_is_used_stays_and_the_rest_makes_room(void **state)
{
	struct infer i = { 0 };

	for (uint32_t n = 0; n < 2 * ROOM; n++) {
		note(&i, n, n + 1, n);
		assert_int_equal(owner_at(&i, 0, INT64_MAX), 1);
	}
	assert_int_equal(i.n_records, ROOM);
	assert_int_equal(i.stats.evicted, ROOM);
	assert_int_equal(owner_at(&i, 1, INT64_MAX), 0);
	assert_int_equal(owner_at(&i, 2 * ROOM - 1, INT64_MAX), 2 * ROOM);
	infer_forget(&i);
}

static void what_is_old_goes(void **state)
{
	struct infer i = { 0 };

	for (uint32_t n = 0; n < 100; n++)
		note(&i, n, 1, n);
	for (uint32_t n = 100; n < 200; n++)
		note(&i, n, 1, HOUR + n);
	assert_int_equal(i.n_records, 100);
	assert_int_equal(i.stats.evicted, 0);
	infer_forget(&i);
}

/* Else what was noted before it would count as sure again. */
static void a_freed_port_that_goes_is_remembered(void **state)
{
	struct infer_key freed = { .proto = IPPROTO_UDP, .sport = 9 };
	struct infer i = { 0 };

	assert_non_null(infer_note(&i, &freed, 0, 0, 77));
	assert_true(i.udp_from == 0);
	note(&i, 1, 1, HOUR);
	note(&i, 2, 1, HOUR);
	assert_true(i.udp_from == 77);
	infer_forget(&i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(youngest_in_time_is_found),
		cmocka_unit_test(what_is_used_stays_and_the_rest_makes_room),
		cmocka_unit_test(what_is_old_goes),
		cmocka_unit_test(a_freed_port_that_goes_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
