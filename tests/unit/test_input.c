/* Inputs: drawn within their bounds, the same from the same stream, and said as a person would. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "scenarios/engine/scenario_internal.h"

#define DRAWS 2000

static struct input parse(const char *text)
{
	_cleanup_err_ struct err err = { 0 };
	struct ini ini = { .file = (char *)"test" };
	_cleanup_free_ char *value = strdup(text), *name = strdup("x");
	struct ini_key k = { name, value, 1 };
	struct input *in = NULL, one;
	size_t n = 0;

	if (input_add(&in, &n, name, &ini, &k, &err)) {
		_cleanup_free_ char *msg = err_text(&err);

		fail_msg("%s: %s", text, msg);
	}
	assert_int_equal(n, 1);
	one = in[0];
	free(in);
	return one;
}

static void clear(struct input *in)
{
	struct input *heap = malloc(sizeof(*heap));

	*heap = *in;
	input_clear(heap, 1);
}

static void draws_numbers_within_bounds(void **state)
{
	struct input in = parse("number uniform(1, 5)");
	unsigned seen[8] = { 0 };
	struct rng r;

	rng_open(&r, 1, "t");
	for (int i = 0; i < DRAWS; i++) {
		_cleanup_free_ char *s = NULL;
		long v;

		assert_int_equal(input_draw(&in, &r, &s), 0);
		v = atol(s);
		assert_in_range(v, 1, 5);
		seen[v]++;
	}
	for (int v = 1; v <= 5; v++)
		assert_true(seen[v] > DRAWS / 20);
	clear(&in);
}

static void draws_sizes_to_their_max(void **state)
{
	struct input in = parse("size 2+abs(cauchy(5000)) max 10kB");
	struct rng r;
	unsigned at_max = 0;

	rng_open(&r, 1, "t");
	for (int i = 0; i < DRAWS; i++) {
		_cleanup_free_ char *s = NULL;

		assert_int_equal(input_draw(&in, &r, &s), 0);
		assert_in_range(atol(s), 2, 10000);
		assert_int_equal(strspn(s, "0123456789"), strlen(s));
		at_max += atol(s) == 10000;
	}
	assert_true(at_max > 0);
	clear(&in);
}

static void draws_words(void **state)
{
	struct input in = parse("word 2+exponential(10) max 31");
	struct rng r;
	size_t longest = 0;

	rng_open(&r, 1, "t");
	for (int i = 0; i < DRAWS; i++) {
		_cleanup_free_ char *s = NULL;

		assert_int_equal(input_draw(&in, &r, &s), 0);
		assert_in_range(strlen(s), 2, 31);
		assert_int_equal(strspn(s, "abcdefghijklmnopqrstuvwxyz"), strlen(s));
		longest = strlen(s) > longest ? strlen(s) : longest;
	}
	assert_int_equal(longest, 31);
	clear(&in);
}

/* A word is never empty nor longer than a file name, however wild its distribution. */
static void bounds_wild_words(void **state)
{
	static const char *const wild[] = { "word cauchy(0, 1000000)", "word -5", "word 100000" };

	for (size_t w = 0; w < ARRAY_SIZE(wild); w++) {
		struct input in = parse(wild[w]);
		struct rng r;

		rng_open(&r, w, "t");
		for (int i = 0; i < 200; i++) {
			_cleanup_free_ char *s = NULL;

			assert_int_equal(input_draw(&in, &r, &s), 0);
			assert_in_range(strlen(s), 1, 255);
		}
		clear(&in);
	}
}

static void draws_choices_times_and_texts(void **state)
{
	struct input choice = parse("choice curl wget firefox"), text = parse("text some  words");
	struct input t = parse("time exponential(2s) max 3s");
	unsigned seen[3] = { 0 };
	struct rng r;

	rng_open(&r, 1, "t");
	for (int i = 0; i < 300; i++) {
		_cleanup_free_ char *c = NULL, *w = NULL, *d = NULL;

		assert_int_equal(input_draw(&choice, &r, &c), 0);
		seen[0] += !strcmp(c, "curl");
		seen[1] += !strcmp(c, "wget");
		seen[2] += !strcmp(c, "firefox");
		assert_int_equal(input_draw(&text, &r, &w), 0);
		assert_string_equal(w, "some  words");
		assert_int_equal(input_draw(&t, &r, &d), 0);
		assert_true(strtod(d, NULL) >= 0 && strtod(d, NULL) <= 3);
		assert_int_equal(strlen(strchr(d, '.')), 4);
	}
	assert_int_equal(seen[0] + seen[1] + seen[2], 300);
	assert_true(seen[0] && seen[1] && seen[2]);
	clear(&choice);
	clear(&text);
	clear(&t);
}

static void same_stream_same_draws(void **state)
{
	struct input in = parse("word 2+exponential(10)");
	struct rng a, b, c;
	unsigned same = 0;

	rng_open(&a, 7, "ftp/h1/user");
	rng_open(&b, 7, "ftp/h1/user");
	rng_open(&c, 8, "ftp/h1/user");
	for (int i = 0; i < 100; i++) {
		_cleanup_free_ char *x = NULL, *y = NULL, *z = NULL;

		assert_int_equal(input_draw(&in, &a, &x), 0);
		assert_int_equal(input_draw(&in, &b, &y), 0);
		assert_int_equal(input_draw(&in, &c, &z), 0);
		assert_string_equal(x, y);
		same += !strcmp(x, z);
	}
	assert_true(same < 5);
	clear(&in);
}

static void describes(void **state)
{
	static const char *const rows[][2] = {
		{ "word 2+exponential(10)", "word, 2+exponential(10) letters" },
		{ "word 2+exponential(10) max 31", "word, 2+exponential(10) letters, at most 31" },
		{ "number uniform(1, 5)", "number, uniform(1, 5)" },
		{ "number 3", "number, 3" },
		{ "time exponential(2s)", "time, exponential(2s)" },
		{ "choice curl wget", "choice, curl or wget" },
		{ "text some words", "text, some words" },
		{ "size 2+abs(cauchy(5000)) min 10 max 10MB",
		  "size, 2B+abs(cauchy(0B, 5kB)), at least 10B, at most 10MB" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct input in = parse(rows[i][0]);
		char buf[200], small[8];

		assert_string_equal(input_describe(&in, buf, sizeof(buf)), rows[i][1]);
		assert_int_equal(strlen(input_describe(&in, small, sizeof(small))),
				 strlen(rows[i][1]) < 7 ? strlen(rows[i][1]) : 7);
		clear(&in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_numbers_within_bounds),
		cmocka_unit_test(draws_sizes_to_their_max),
		cmocka_unit_test(draws_words),
		cmocka_unit_test(bounds_wild_words),
		cmocka_unit_test(draws_choices_times_and_texts),
		cmocka_unit_test(same_stream_same_draws),
		cmocka_unit_test(describes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
