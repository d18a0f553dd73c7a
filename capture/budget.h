/*
 * How a capture's memory is shared among its rings and the queue of the shaper's packets.
 *
 * The fabric, the links without a switch end ("cables"), and the shaper have equal parts, as far
 * as each is there; the cables share theirs. Whoever has less than works gets what does, from the
 * others.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_BUDGET_H
#define CAPTURE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct budget_needs {
	bool fabric;	/* a ring for what has a switch end */
	size_t cables;	/* rings, of one link each */
	bool queue;	/* links are shaped */
};

struct budget {
	uint64_t fabric, cable, queue; /* bytes, of one each; the queue's is a power of two */
};

/* The least memory with which they work. */
uint64_t budget_least(const struct budget_needs *n);
/* total: budget_least() or more; the sum is not larger. */
struct budget budget_share(uint64_t total, const struct budget_needs *n);

#endif
