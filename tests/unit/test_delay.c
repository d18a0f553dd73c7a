/* Delay tables: mean and deviation as asked, and quantiles that are known from elsewhere. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "core/units.h"
#include "emu/delay.h"

#define N 4096

static double v[N];

static void assert_near(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("%.9f is not %.9f", got, want);
}

/* The value itself at p. */
static double value(enum delay_dist dist, double mean, double sd, double p)
{
	return mean + sd * delay_quantile(dist, NULL, mean, sd, p);
}

static void mean_and_sd(double *ret_mean, double *ret_sd)
{
	double sum = 0, squares = 0;

	for (int i = 0; i < N; i++) {
		if (i)
			assert_true(v[i] >= v[i - 1]);
		sum += v[i];
		squares += v[i] * v[i];
	}
	*ret_mean = sum / N;
	*ret_sd = sqrt(squares / N - *ret_mean * *ret_mean);
}

static void tables_have_the_mean_and_deviation_asked_for(void **state)
{
	static const double sds[] = { 0.2, 2, 10, 20, 25 };
	double mean, sd;

	for (int d = DELAY_NORMAL; d < DELAY_DISTS; d++) {
		for (size_t s = 0; s < sizeof(sds) / sizeof(*sds); s++) {
			delay_table((enum delay_dist)d, NULL, 20, sds[s], v, N);
			mean_and_sd(&mean, &sd);
			assert_near(mean, 0, 1e-9);
			assert_near(sd, 1, 1e-9);
		}
	}
	delay_table(DELAY_UNIFORM, NULL, 20, 5, v, N);
	mean_and_sd(&mean, &sd);
	assert_near(mean, 0, 1e-9);
	assert_near(sd, 1 / sqrt(3), 1e-6);
}

/* But for the entries that stand for the tail, which may move others by two ranks. */
static void tables_follow_the_quantiles(void **state)
{
	for (int d = 0; d < DELAY_DISTS; d++) {
		delay_table((enum delay_dist)d, NULL, 20, 10, v, N);
		for (int i = 2; i < N - 2; i++) {
			enum delay_dist dist = (enum delay_dist)d;
			double below = delay_quantile(dist, NULL, 20, 10, (i - 1.5) / N);
			double above = delay_quantile(dist, NULL, 20, 10, (i + 2.5) / N);

			if (v[i] < below || v[i] > above)
				fail_msg("%s: %d is %g, not in %g … %g", delay_dist_names[d], i,
					 v[i], below, above);
		}
	}
}

/* mean 1, sd 1 is the exponential for gamma and Weibull alike. */
static void families_meet_where_they_should(void **state)
{
	static const enum delay_dist same[] = { DELAY_EXPONENTIAL, DELAY_GAMMA, DELAY_WEIBULL };
	static const double p[] = { 0.001, 0.25, 0.5, 0.9, 0.9999 };

	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 5; j++)
			assert_near(value(same[i], 1, 1, p[j]), -log1p(-p[j]), 1e-9);
}

/*
 * Gamma of shape 4 and rate 1 has the median 3.672060749; a lognormal's is mean / sqrt(1 + cv^2).
 * The normal's 97.5 % point is 1.959963985. Pareto of shape 3 from 1: the median is 2^(1/3).
 */
static void quantiles_are_the_published_ones(void **state)
{
	assert_near(value(DELAY_GAMMA, 4, 2, 0.5), 3.672060749, 1e-8);
	assert_near(value(DELAY_LOGNORMAL, 20, 10, 0.5), 20 / sqrt(1.25), 1e-9);
	/* Weibull of shape 2, Rayleigh's: mean sqrt(pi/2), variance 2 - pi/2, median sqrt(2 ln 2). */
	assert_near(value(DELAY_WEIBULL, sqrt(M_PI / 2), sqrt(2 - M_PI / 2), 0.5),
		    sqrt(2 * log(2)), 1e-9);
	assert_near(value(DELAY_NORMAL, 20, 1, 0.975), 21.959963985, 1e-8);
	assert_near(value(DELAY_PARETO, 1.5, sqrt(0.75), 0.5), cbrt(2), 1e-9);
	assert_near(value(DELAY_UNIFORM, 20, 4, 0.25), 18, 1e-9);
}

/* The sum's distribution function at its quantile, by another way: over the Pareto part. */
static void paretonormal_is_the_sum(void **state)
{
	static const double p[] = { 0.001, 0.1, 0.5, 0.9, 0.999 };
	const int nodes = 200000;

	for (int j = 0; j < 5; j++) {
		double z = delay_quantile(DELAY_PARETONORMAL, NULL, 20, 1, p[j]) * sqrt(0.625);
		double sum = 0;

		for (int i = 0; i < nodes; i++) {
			double pareto = (pow((i + 0.5) / nodes, -1.0 / 3) - 1.5) / sqrt(0.75);

			sum += erfc(-(z - 0.75 * pareto) / 0.25 / M_SQRT2) / 2;
		}
		assert_near(sum / nodes, p[j], 2e-6);
	}
}

static void families_with_a_shape_are_never_negative(void **state)
{
	static const enum delay_dist positive[] = { DELAY_WEIBULL, DELAY_GAMMA, DELAY_LOGNORMAL };

	for (int i = 0; i < 3; i++) {
		delay_table(positive[i], NULL, 20, 19, v, N);
		assert_true(20 + 19 * v[0] >= 0);
	}
	delay_table(DELAY_EXPONENTIAL, NULL, 20, 20, v, N);
	assert_true(20 + 20 * v[0] >= 0);
}

/* Values of 10, 20 and 60 ms: a line from the first to the second, and a steeper one. */
static void samples_are_drawn_as_measured(void **state)
{
	int64_t ns[] = { 10 * NSEC_PER_MSEC, 20 * NSEC_PER_MSEC, 60 * NSEC_PER_MSEC };
	struct samples samples = { .ns = ns, .n = 3, .mean = 30e6, .sd = 20e6 };

	delay_table(DELAY_SAMPLES, &samples, samples.mean, samples.sd, v, N);
	for (int i = 0; i < N; i++) {
		double p = (i + 0.5) / N, want = p < 0.5 ? 10 + 20 * p : 20 + 80 * (p - 0.5);

		assert_near(samples.mean + samples.sd * v[i], want * 1e6, 1);
	}
}

static void names_are_read_back(void **state)
{
	enum delay_dist dist;

	for (int d = 0; d < DELAY_DISTS; d++) {
		assert_int_equal(delay_dist_parse(delay_dist_names[d], &dist), 0);
		assert_int_equal(dist, d);
	}
	assert_true(delay_dist_parse("cauchy", &dist) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_have_the_mean_and_deviation_asked_for),
		cmocka_unit_test(tables_follow_the_quantiles),
		cmocka_unit_test(families_meet_where_they_should),
		cmocka_unit_test(quantiles_are_the_published_ones),
		cmocka_unit_test(paretonormal_is_the_sum),
		cmocka_unit_test(families_with_a_shape_are_never_negative),
		cmocka_unit_test(samples_are_drawn_as_measured),
		cmocka_unit_test(names_are_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
