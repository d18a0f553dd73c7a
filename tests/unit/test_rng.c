/* Random streams: known answers, independence of paths, uniformity, shuffles. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include "core/rng.h"

/* The authors' generator from the state 1, 2, 3, 4. */
static void test_generator(void **state)
{
	static const uint64_t expected[] = {
		11520, 0, 1509978240, 1215971899390074240, 1216172134540287360, 607988272756665600,
	};
	struct rng r = {{1, 2, 3, 4}};

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_int_equal(rng_u64(&r), expected[i]);
}

/* SHA-256 of seed, length and path, all little-endian; worked out with Python's hashlib. */
static void test_known_streams(void **state)
{
	static const uint64_t file[] = {0xe563e9b1f130d2cf, 0x19a2de53b32490ac, 0x4f3d3d9fc45a4402};
	static const uint64_t zero[] = {0x7e90c2da21f04916, 0xac702612b5e43567, 0x8a65e43b912b9791};
	static const char *const nothing = "";
	struct rng r;

	rng_open(&r, 7, "%s/%s/%d/filename", "h3", "ftp", 17);
	for (size_t i = 0; i < ARRAY_SIZE(file); i++)
		assert_int_equal(rng_u64(&r), file[i]);
	rng_open(&r, 0, "%s", nothing);
	for (size_t i = 0; i < ARRAY_SIZE(zero); i++)
		assert_int_equal(rng_u64(&r), zero[i]);
}

static void test_paths_differ(void **state)
{
	_cleanup_free_ char *huge = malloc(6001);
	struct rng a, b;

	rng_open(&a, 1, "h1/x");
	rng_open(&b, 1, "h1/y");
	assert_memory_not_equal(&a, &b, sizeof(a));
	rng_open(&b, 2, "h1/x");
	assert_memory_not_equal(&a, &b, sizeof(a));
	rng_open(&b, 1, "h1/x");
	assert_memory_equal(&a, &b, sizeof(a));

	/* longer than what is hashed: lengths still differ */
	memset(huge, 'a', 6000);
	huge[6000] = '\0';
	rng_open(&a, 1, "%s", huge);
	rng_open(&b, 1, "%.5999s", huge);
	assert_memory_not_equal(&a, &b, sizeof(a));
}

static void test_below(void **state)
{
	enum { N = 60000, SIDES = 6 };
	size_t seen[SIDES] = {0};
	double chi2 = 0;
	struct rng r;

	rng_open(&r, 1, "below");
	for (int i = 0; i < N; i++) {
		uint64_t v = rng_below(&r, SIDES);

		assert_true(v < SIDES);
		seen[v]++;
	}
	for (int i = 0; i < SIDES; i++)
		chi2 += pow((double)seen[i] - N / SIDES, 2) / (N / SIDES);
	assert_true(chi2 < 20.5); /* five degrees of freedom, 0.1% */
	for (int i = 0; i < 100; i++) {
		assert_int_equal(rng_below(&r, 1), 0);
		assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
	}
}

/* With n of 3/4 of the range a plain modulo would give the lower third twice as often. */
static void test_below_has_no_bias(void **state)
{
	uint64_t n = 3ull << 62;
	int low = 0;
	struct rng r;

	rng_open(&r, 1, "bias");
	for (int i = 0; i < 30000; i++)
		low += rng_below(&r, n) < n / 3;
	assert_in_range(low, 9600, 10400); /* 10000, five deviations of 82 */
}

static void test_unit_and_normal(void **state)
{
	enum { N = 100000 };
	double sum = 0, mean = 0, square = 0;
	struct rng r;

	rng_open(&r, 1, "unit");
	for (int i = 0; i < N; i++) {
		double u = rng_unit(&r), z = rng_normal(&r);

		assert_true(u >= 0 && u < 1);
		assert_true(isfinite(z));
		sum += u;
		mean += z;
		square += z * z;
	}
	assert_true(fabs(sum / N - 0.5) < 5 * sqrt(1.0 / 12 / N));
	assert_true(fabs(mean / N) < 5 / sqrt(N));
	assert_true(fabs(square / N - 1) < 5 * sqrt(2.0 / N));
}

struct odd_size {
	char c[7];
};

static void test_shuffle(void **state)
{
	enum { N = 5, ROUNDS = 50000 };
	int at[N][N] = {{0}};
	struct odd_size odd[100];
	int seen[100] = {0};
	struct rng r;

	rng_open(&r, 1, "shuffle");
	for (int i = 0; i < ROUNDS; i++) {
		int v[N] = {0, 1, 2, 3, 4};

		rng_shuffle(&r, v, N, sizeof(*v));
		for (int k = 0; k < N; k++)
			at[k][v[k]]++;
	}
	/* each value is as often at each place: 10000, five deviations of 89 */
	for (int i = 0; i < N; i++)
		for (int k = 0; k < N; k++)
			assert_in_range(at[i][k], 9550, 10450);

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		odd[i] = (struct odd_size){{(char)i, (char)i, (char)i, (char)i, (char)i, (char)i,
					    (char)i}};
	rng_shuffle(&r, odd, ARRAY_SIZE(odd), sizeof(*odd));
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		for (int k = 1; k < 7; k++)
			assert_int_equal(odd[i].c[k], odd[i].c[0]);
		seen[(int)odd[i].c[0]]++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		assert_int_equal(seen[i], 1);
	rng_shuffle(&r, odd, 0, sizeof(*odd));
	rng_shuffle(&r, NULL, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generator),	  cmocka_unit_test(test_known_streams),
		cmocka_unit_test(test_paths_differ),	  cmocka_unit_test(test_below),
		cmocka_unit_test(test_below_has_no_bias), cmocka_unit_test(test_unit_and_normal),
		cmocka_unit_test(test_shuffle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
