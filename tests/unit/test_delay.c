/* Delay tables: mean and deviation as asked, and quantiles that are known from elsewhere. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "emu/delay.h"

static double v[DELAY_TABLE_N];

static void assert_near(double got, double want, double tolerance)
{
	if (fabs(got - want) > tolerance)
		fail_msg("%.6f is not %.6f", got, want);
}

/* The quantile of the delay itself, interpolated between the table's two middle values. */
static double median(double mean, double sd)
{
	return mean + sd * (v[DELAY_TABLE_N / 2 - 1] + v[DELAY_TABLE_N / 2]) / 2;
}

static void tables_have_the_mean_and_deviation_asked_for(void **state)
{
	static const double sds[] = { 2, 10, 20, 25 };

	for (int d = DELAY_NORMAL; d < DELAY_DISTS; d++) {
		for (size_t s = 0; s < sizeof(sds) / sizeof(*sds); s++) {
			double sum = 0, squares = 0;

			delay_table((enum delay_dist)d, 20, sds[s], v);
			for (int i = 0; i < DELAY_TABLE_N; i++) {
				if (i)
					assert_true(v[i] >= v[i - 1]);
				sum += v[i];
				squares += v[i] * v[i];
			}
			assert_near(sum / DELAY_TABLE_N, 0, 0.02);
			assert_near(sqrt(squares / DELAY_TABLE_N), 1, 0.04);
		}
	}
}

/* mean 1, sd 1 is the exponential for gamma and Weibull alike. */
static void families_meet_where_they_should(void **state)
{
	static const enum delay_dist same[] = { DELAY_EXPONENTIAL, DELAY_GAMMA, DELAY_WEIBULL };

	for (int i = 0; i < 3; i++) {
		delay_table(same[i], 1, 1, v);
		assert_near(median(1, 1), log(2), 1e-3);
	}
}

/* Gamma of shape 4 and rate 1 has the median 3.672060749; a lognormal's is mean / sqrt(1 + cv^2). */
static void medians_are_the_published_ones(void **state)
{
	delay_table(DELAY_GAMMA, 4, 2, v);
	assert_near(median(4, 2), 3.672060749, 1e-3);
	delay_table(DELAY_LOGNORMAL, 20, 10, v);
	assert_near(median(20, 10), 20 / sqrt(1.25), 1e-2);
	/* Weibull of shape 2 (Rayleigh, sigma 1): mean sqrt(pi/2), sd sqrt(2 - pi/2), median sqrt(2 ln 2). */
	delay_table(DELAY_WEIBULL, sqrt(M_PI / 2), sqrt(2 - M_PI / 2), v);
	assert_near(median(sqrt(M_PI / 2), sqrt(2 - M_PI / 2)), sqrt(2 * log(2)), 1e-3);
}

static void families_with_a_shape_are_never_negative(void **state)
{
	static const enum delay_dist positive[] = { DELAY_WEIBULL, DELAY_GAMMA, DELAY_LOGNORMAL };

	for (int i = 0; i < 3; i++) {
		delay_table(positive[i], 20, 15, v);
		assert_true(20 + 15 * v[0] >= 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_have_the_mean_and_deviation_asked_for),
		cmocka_unit_test(families_meet_where_they_should),
		cmocka_unit_test(medians_are_the_published_ones),
		cmocka_unit_test(families_with_a_shape_are_never_negative),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
