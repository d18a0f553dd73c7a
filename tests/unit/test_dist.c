/*
 * Distributions: what is read and refused, and that draws have the distribution they claim, by
 * Kolmogorov-Smirnov against the distribution functions and by mean and variance. Seeds are fixed.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include "core/dist.h"

#define N    20000
#define NONE -INFINITY, INFINITY /* no min, no max */

static struct dist parse(const char *s, enum dist_unit unit)
{
	_cleanup_free_ char *why = NULL;
	struct dist d = {0};

	if (dist_parse(s, unit, &d, &why))
		fail_msg("'%s': %s", s, why);
	return d;
}

static void test_parse(void **state)
{
	static const struct {
		const char *s;
		enum dist_unit unit;
		struct dist d;
	} cases[] = {
		{"5", DIST_NUMBER, {DIST_CONSTANT, 5, 0, 0, false, NONE}},
		{"-0.5", DIST_NUMBER, {DIST_CONSTANT, -0.5, 0, 0, false, NONE}},
		{"60ms", DIST_TIME, {DIST_CONSTANT, 0.06, 0, 0, false, NONE}},
		{"10MB", DIST_SIZE, {DIST_CONSTANT, 1e7, 0, 0, false, NONE}},
		{"10mbit", DIST_RATE, {DIST_CONSTANT, 1e7, 0, 0, false, NONE}},
		{"2%", DIST_SHARE, {DIST_CONSTANT, 0.02, 0, 0, false, NONE}},
		{"uniform(1mbit, 10mbit)", DIST_RATE,
		 {DIST_UNIFORM, 1e6, 1e7, 0, false, NONE}},
		{"1gbit+pareto(800kbit, 2)", DIST_RATE,
		 {DIST_PARETO, 8e5, 2, 1e9, false, 1e9 - INFINITY, INFINITY}},
		{"normal(1%, 0.5%, min=0%)", DIST_SHARE,
		 {DIST_NORMAL, 0.01, 0.005, 0, false, 0, INFINITY}},
		{"exponential(4s)", DIST_TIME, {DIST_EXPONENTIAL, 4, 0, 0, false, NONE}},
		{"2+exponential(10)", DIST_NUMBER,
		 {DIST_EXPONENTIAL, 10, 0, 2, false, NONE}},
		{" 2 + exponential( 10 , max = 29 ) ", DIST_NUMBER,
		 {DIST_EXPONENTIAL, 10, 0, 2, false, -INFINITY, 31}},
		{"uniform(1s, 3s)", DIST_TIME, {DIST_UNIFORM, 1, 3, 0, false, NONE}},
		{"uniform(-5ms,max=5ms)", DIST_TIME,
		 {DIST_UNIFORM, -0.005, 0.005, 0, false, NONE}},
		{"normal(mean=20ms, sd=5ms)", DIST_TIME,
		 {DIST_NORMAL, 0.02, 0.005, 0, false, NONE}},
		{"normal(sd=5, mean=20, min=0)", DIST_NUMBER,
		 {DIST_NORMAL, 20, 5, 0, false, 0, INFINITY}},
		{"pareto(scale=1, shape=2)", DIST_NUMBER,
		 {DIST_PARETO, 1, 2, 0, false, NONE}},
		{"pareto(1kB, 1.5)", DIST_SIZE,
		 {DIST_PARETO, 1000, 1.5, 0, false, NONE}},
		{"cauchy(0, 5000)", DIST_NUMBER,
		 {DIST_CAUCHY, 0, 5000, 0, false, NONE}},
		{"cauchy(5000)", DIST_NUMBER, {DIST_CAUCHY, 0, 5000, 0, false, NONE}},
		{"cauchy(scale=7)", DIST_NUMBER, {DIST_CAUCHY, 0, 7, 0, false, NONE}},
		{"2+abs(cauchy(5000))", DIST_SIZE,
		 {DIST_CAUCHY, 0, 5000, 2, true, NONE}},
		{"abs(cauchy(5000, max=100))", DIST_NUMBER,
		 {DIST_CAUCHY, 0, 5000, 0, true, -INFINITY, 100}},
		{"weibull(2s, 0.5)", DIST_TIME, {DIST_WEIBULL, 2, 0.5, 0, false, NONE}},
		{"gamma(3, 2s)", DIST_TIME, {DIST_GAMMA, 3, 2, 0, false, NONE}},
		{"lognormal(-1, 0.5)", DIST_TIME,
		 {DIST_LOGNORMAL, -1, 0.5, 0, false, NONE}},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dist d = parse(cases[i].s, cases[i].unit);
		const struct dist *e = &cases[i].d;

		if (d.kind != e->kind || d.a != e->a || d.b != e->b || d.offset != e->offset ||
		    d.abs != e->abs || d.min != e->min || d.max != e->max)
			fail_msg("'%s': kind %d a %g b %g offset %g abs %d min %g max %g",
				 cases[i].s, d.kind, d.a, d.b, d.offset, d.abs, d.min, d.max);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *s;
		enum dist_unit unit;
		const char *why; /* a part of the reason */
	} cases[] = {
		{"", DIST_NUMBER, "missing"},
		{"abc", DIST_NUMBER, "neither a number nor"},
		{"5", DIST_TIME, "needs a unit"},
		{"5s", DIST_NUMBER, "bare number"},
		{"uniform(1, 10)", DIST_RATE, "a rate needs a unit"},
		{"uniform(0bit, 1bit)", DIST_RATE, "a rate must be over 0"},
		{"uniform(1, 10)", DIST_SHARE, "a share is written with %"},
		{"uniform(1%, 110%)", DIST_SHARE, "is over 100%"},
		{"lognormal(1%, 1)", DIST_SHARE, "bare number"},
		{"exponential(4)", DIST_TIME, "needs a unit"},
		{"exponential()", DIST_NUMBER, "empty argument"},
		{"exponential(0)", DIST_NUMBER, "mean must be over 0"},
		{"exponential(-3)", DIST_NUMBER, "mean must be over 0"},
		{"exponential(1,2)", DIST_NUMBER, "takes 1 number"},
		{"exponental(4)", DIST_NUMBER, "did you mean 'exponential'?"},
		{"zipf(4)", DIST_NUMBER, "unknown distribution 'zipf'"},
		{"normal(1)", DIST_NUMBER, "lacks its sd"},
		{"normal(1,-2)", DIST_NUMBER, "sd must not be negative"},
		{"normal(maen=1,sd=2)", DIST_NUMBER, "did you mean 'mean'?"},
		{"normal(q=1)", DIST_NUMBER, "normal has no 'q'"},
		{"normal(1,mean=2)", DIST_NUMBER, "mean is given twice"},
		{"normal(1,2,min=0,min=1)", DIST_NUMBER, "min is given twice"},
		{"normal(1,2,min=3,max=2)", DIST_NUMBER, "min is over max"},
		{"uniform(3,1)", DIST_NUMBER, "smaller number first"},
		{"pareto(1,0)", DIST_NUMBER, "shape must be over 0"},
		{"weibull(1s,2s)", DIST_TIME, "bare number"},
		{"cauchy(0)", DIST_NUMBER, "scale must be over 0"},
		{"cauchy(1,0)", DIST_NUMBER, "scale must be over 0"},
		{"exponential(4", DIST_NUMBER, "does not end with ')'"},
		{"exponential(4) x", DIST_NUMBER, "does not end with ')'"},
		{"x+exponential(4)", DIST_NUMBER, "is not a number"},
		{"+exponential(4)", DIST_NUMBER, "missing"},
		{"1+2+exponential(4)", DIST_NUMBER, "unknown distribution"},
		{"abs(5)", DIST_NUMBER, "abs is of a distribution"},
		{"abs(abs(cauchy(5)))", DIST_NUMBER, "abs"},
		{"abs(2+cauchy(5))", DIST_NUMBER, "unknown distribution"},
		{"normal(cauchy(5), 1)", DIST_NUMBER, "not another distribution"},
		{"(4)", DIST_NUMBER, "unknown distribution"},
		{")(", DIST_NUMBER, "does not end"},
		{"exponential(4,)", DIST_NUMBER, "empty argument"},
		{"exponential(nan)", DIST_NUMBER, "not a number"},
		{"exponential(1e5)", DIST_NUMBER, "bare number"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *why = NULL;
		struct dist d = {.a = 77};

		if (dist_parse(cases[i].s, cases[i].unit, &d, &why) != -EINVAL)
			fail_msg("'%s' was read", cases[i].s);
		if (!strstr(why, cases[i].why))
			fail_msg("'%s': %s (expected: %s)", cases[i].s, why, cases[i].why);
		assert_true(d.a == 77);
	}
}

static double cdf_uniform(double x)
{
	return (x - 1) / 2;
}
static double cdf_exponential(double x)
{
	return x < 2 ? 0 : 1 - exp(-(x - 2) / 10);
}
static double cdf_normal(double x)
{
	return 0.5 * erfc(-(x - 20) / 5 / M_SQRT2);
}
static double cdf_lognormal(double x)
{
	return 0.5 * erfc(-(log(x) - 1) / 0.5 / M_SQRT2);
}
static double cdf_pareto(double x)
{
	return x < 3 ? 0 : 1 - pow(3 / x, 2.5);
}
static double cdf_cauchy(double x)
{
	return 0.5 + atan((x - 4) / 7) / M_PI;
}
static double cdf_abs_cauchy(double x)
{
	return x < 0 ? 0 : 2 * atan(x / 5000) / M_PI;
}
static double cdf_weibull(double x)
{
	return 1 - exp(-pow(x / 2, 1.5));
}

/* The regularised lower incomplete gamma function, by its power series. */
static double cdf_gamma(double shape, double scale, double x)
{
	double y = x / scale, term = 1 / shape, sum = term;

	for (int n = 1; n < 2000 && term > sum * 1e-15; n++) {
		term *= y / (shape + n);
		sum += term;
	}
	return sum * exp(-y + shape * log(y) - lgamma(shape));
}
static double cdf_gamma3(double x)
{
	return cdf_gamma(3, 2, x);
}
static double cdf_gamma_half(double x)
{
	return cdf_gamma(0.5, 2, x);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static const struct dist_case {
	const char *s;
	double (*cdf)(double x);
	double mean, sd; /* NAN: it has none */
} dist_cases[] = {
	{"uniform(1, 3)", cdf_uniform, 2, 0.5773502691896258},
	{"2+exponential(10)", cdf_exponential, 12, 10},
	{"normal(20, 5)", cdf_normal, 20, 5},
	{"lognormal(1, 0.5)", cdf_lognormal, 3.080216848918031, 1.641572418474},
	{"pareto(3, 2.5)", cdf_pareto, 5, NAN},
	{"cauchy(4, 7)", cdf_cauchy, NAN, NAN},
	{"abs(cauchy(5000))", cdf_abs_cauchy, NAN, NAN},
	{"weibull(2, 1.5)", cdf_weibull, 1.8054905859018672, 1.2258},
	{"gamma(3, 2)", cdf_gamma3, 6, 3.4641016151377544},
	{"gamma(0.5, 2)", cdf_gamma_half, 1, 1.4142135623730951},
};

/* The largest gap between the draws and a distribution function. */
static double ks(double *v, size_t n, double (*cdf)(double x))
{
	double gap = 0;

	qsort(v, n, sizeof(*v), compare);
	for (size_t i = 0; i < n; i++) {
		double f = cdf(v[i]);

		gap = fmax(gap, fmax(f - (double)i / n, (double)(i + 1) / n - f));
	}
	return gap;
}

static void test_draws(void **state)
{
	_cleanup_free_ double *v = malloc(N * sizeof(*v));

	for (size_t c = 0; c < ARRAY_SIZE(dist_cases); c++) {
		const struct dist_case *dc = &dist_cases[c];
		struct dist d = parse(dc->s, DIST_NUMBER);
		double sum = 0, square = 0, mean, sd, gap;
		struct rng r;

		rng_open(&r, 1, "dist/%zu", c);
		for (int i = 0; i < N; i++) {
			v[i] = dist_draw(&d, &r);
			assert_true(isfinite(v[i]));
			sum += v[i];
			square += v[i] * v[i];
		}
		mean = sum / N;
		sd = sqrt(square / N - mean * mean);
		if (!isnan(dc->mean) && !isnan(dc->sd) &&
		    fabs(mean - dc->mean) > 5 * dc->sd / sqrt(N))
			fail_msg("%s: mean %g, not %g", dc->s, mean, dc->mean);
		if (!isnan(dc->sd) && fabs(sd / dc->sd - 1) > 0.05)
			fail_msg("%s: deviation %g, not %g", dc->s, sd, dc->sd);
		gap = ks(v, N, dc->cdf);
		if (gap > 1.95 / sqrt(N)) /* 0.1% */
			fail_msg("%s: Kolmogorov-Smirnov %g", dc->s, gap);
	}
}

/* That the test above can fail: each sample is refused by the next case's distribution. */
static void test_draws_are_told_apart(void **state)
{
	_cleanup_free_ double *v = malloc(N * sizeof(*v));
	struct dist d = parse("normal(20, 5.3)", DIST_NUMBER);
	struct rng r;

	rng_open(&r, 1, "apart");
	for (int i = 0; i < N; i++)
		v[i] = dist_draw(&d, &r);
	assert_true(ks(v, N, cdf_normal) > 1.95 / sqrt(N));
	d = parse("2+exponential(10.5)", DIST_NUMBER);
	for (int i = 0; i < N; i++)
		v[i] = dist_draw(&d, &r);
	assert_true(ks(v, N, cdf_exponential) > 1.95 / sqrt(N));
}

static void test_clamps(void **state)
{
	struct dist d = parse("2+abs(cauchy(50, min=10, max=100))", DIST_NUMBER);
	struct dist tail = parse("pareto(1, 0.001)", DIST_NUMBER);
	bool low = false, high = false;
	struct rng r;

	rng_open(&r, 1, "clamps");
	for (int i = 0; i < 1000; i++) {
		double v = dist_draw(&d, &r);

		assert_true(v >= 12 && v <= 102);
		low |= v == 12;
		high |= v == 102;
		assert_true(isfinite(dist_draw(&tail, &r)));
	}
	assert_true(low && high);
	d = parse("5", DIST_NUMBER);
	assert_true(dist_draw(&d, &r) == 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_draws),  cmocka_unit_test(test_draws_are_told_apart),
		cmocka_unit_test(test_clamps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
