/* The memory of a capture: no more than was given, and nobody without. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "capture/budget.h"
#include "capture/ring.h"

#define MIB (1ull << 20)

static void test_parts_are_equal(void **state)
{
	struct budget b = budget_share(96 * MIB, &(struct budget_needs){ true, 4, true });

	assert_true(b.queue == 32 * MIB && b.fabric == 32 * MIB && b.cable == 8 * MIB);
	b = budget_share(64 * MIB, &(struct budget_needs){ .fabric = true });
	assert_true(b.queue == 0 && b.fabric == 64 * MIB && b.cable == 0);
	b = budget_share(64 * MIB, &(struct budget_needs){ .queue = true });
	assert_true(b.queue == 64 * MIB);
	b = budget_share(100 * MIB, &(struct budget_needs){ .fabric = true, .queue = true });
	assert_true(b.queue == 32 * MIB && b.fabric == 68 * MIB);
	b = budget_share(100 * MIB, &(struct budget_needs){ .fabric = true, .cables = 99 });
	assert_true(b.fabric == MIB && b.cable == MIB);
}

static void check(uint64_t total, const struct budget_needs *n)
{
	struct budget b = budget_share(total, n);

	assert_true(n->fabric ? b.fabric >= RING_LEAST : b.fabric == 0);
	assert_true(n->cables ? b.cable >= RING_LEAST : b.cable == 0);
	assert_true(n->queue ? b.queue >= MIB : b.queue == 0);
	assert_true((b.queue & (b.queue - 1)) == 0);
	assert_true(b.fabric + b.cable * n->cables + b.queue <= total);
}

static void test_never_more_than_there_is(void **state)
{
	static const size_t cables[] = { 0, 1, 2, 3, 30, 999, 5000 };

	for (unsigned i = 0; i < 4 * sizeof(cables) / sizeof(*cables); i++) {
		const struct budget_needs n = { i & 1, cables[i / 4], i & 2 };
		uint64_t least = budget_least(&n);

		for (uint64_t more = 0; more < 1 << 30; more = 2 * more + 4096 * 5)
			check(least + more, &n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_are_equal),
		cmocka_unit_test(test_never_more_than_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
