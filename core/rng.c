/* Random streams: SHA-256 of seed and path seeds a xoshiro256** generator. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/rng.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sha2.h>

#define RNG_PATH_MAX 4096

static void store_le64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = v >> (8 * i);
}

static uint64_t load_le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

void rng_open(struct rng *r, uint64_t seed, const char *path_fmt, ...)
{
	uint8_t head[16], digest[SHA256_DIGEST_LENGTH];
	char path[RNG_PATH_MAX];
	SHA2_CTX sha;
	va_list ap;
	int len;

	va_start(ap, path_fmt);
	len = vsnprintf(path, sizeof(path), path_fmt, ap);
	va_end(ap);
	if (len < 0)
		len = 0;

	/* The whole length goes in too: a path cut at RNG_PATH_MAX is not its own prefix. */
	store_le64(head, seed);
	store_le64(head + 8, (uint64_t)len);
	SHA256Init(&sha);
	SHA256Update(&sha, head, sizeof(head));
	SHA256Update(&sha, (const uint8_t *)path, strnlen(path, sizeof(path)));
	SHA256Final(digest, &sha);
	for (int i = 0; i < 4; i++)
		r->s[i] = load_le64(digest + 8 * i);
}

static inline uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

/* Blackman and Vigna, "Scrambled linear pseudorandom number generators", figure of xoshiro256**. */
uint64_t rng_u64(struct rng *r)
{
	uint64_t *s = r->s, out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return out;
}

/* Lemire, "Fast random integer generation in an interval", 2019: rejects the uneven rest. */
uint64_t rng_below(struct rng *r, uint64_t n)
{
	unsigned __int128 m = (unsigned __int128)rng_u64(r) * n;

	if ((uint64_t)m < n) {
		uint64_t floor = -n % n;

		while ((uint64_t)m < floor)
			m = (unsigned __int128)rng_u64(r) * n;
	}
	return m >> 64;
}

double rng_unit(struct rng *r)
{
	return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

double rng_normal(struct rng *r)
{
	double u, v, s;

	do {
		u = 2 * rng_unit(r) - 1;
		v = 2 * rng_unit(r) - 1;
		s = u * u + v * v;
	} while (s >= 1 || s == 0);
	/* The second of the pair is not kept: a stream's state is its four words alone. */
	return u * sqrt(-2 * log(s) / s);
}

static void swap_bytes(uint8_t *a, uint8_t *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

void rng_shuffle(struct rng *r, void *base, size_t n, size_t size)
{
	uint8_t *p = base;

	for (size_t i = n; i > 1; i--) {
		size_t j = rng_below(r, i);

		if (j != i - 1)
			swap_bytes(p + j * size, p + (i - 1) * size, size);
	}
}
