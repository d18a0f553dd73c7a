/*
 * Random streams: every draw is a function of the seed and a path of names.
 *
 * A stream is opened by a path such as "h3/ftp/17/filename". Its state is SHA-256(seed, path), its
 * generator xoshiro256** (Blackman and Vigna, 2018). Adding a host or a scenario therefore never
 * shifts another's draws, and the same seed gives the same numbers on every machine.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_RNG_H
#define CORE_RNG_H

#include <stdint.h>
#include <stddef.h>
#include "core/cleanup.h"

struct rng {
	uint64_t s[4];
};

void rng_open(struct rng *r, uint64_t seed, const char *path_fmt, ...) printf_like(3, 4);
uint64_t rng_u64(struct rng *r);
/* Uniform over 0 … n-1 without bias; n > 0. */
uint64_t rng_below(struct rng *r, uint64_t n);
/* Uniform in [0, 1), 53 bits. */
double rng_unit(struct rng *r);
/* Standard normal (polar method). */
double rng_normal(struct rng *r);
/* A random order of n elements of size bytes (Fisher-Yates). */
void rng_shuffle(struct rng *r, void *base, size_t n, size_t size);

#endif
