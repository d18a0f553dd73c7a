/* Shares the memory of a capture. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/budget.h"
#include "capture/ring.h"

#define QUEUE_LEAST (1ull << 20) /* holds two packets of the largest snaplen */

static uint64_t rings_least(const struct budget_needs *n)
{
	return (n->cables + n->fabric) * RING_LEAST;
}

uint64_t budget_least(const struct budget_needs *n)
{
	return rings_least(n) + n->queue * QUEUE_LEAST;
}

static uint64_t power_below(uint64_t size)
{
	uint64_t power = 1;

	while (power <= size / 2)
		power *= 2;
	return power;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct budget budget_share(uint64_t total, const struct budget_needs *n)
{
	unsigned parts = (unsigned)n->fabric + (n->cables > 0) + n->queue;
	struct budget b = { 0, 0, 0 };

	if (n->queue) {
		b.queue = power_below(smaller(total / parts, total - rings_least(n)));
		if (b.queue < QUEUE_LEAST)
			b.queue = QUEUE_LEAST;
		total -= b.queue;
	}
	if (n->cables) {
		b.cable = (n->fabric ? total / 2 : total) / n->cables;
		if (b.cable < RING_LEAST)
			b.cable = RING_LEAST;
		total -= b.cable * n->cables;
	}
	if (n->fabric)
		b.fabric = total;
	return b;
}
