/* Quantile functions of the delay distributions, by closed form or by bisection of the other way. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "emu/delay.h"

#define BISECTIONS 80
#define SHAPE_MAX  1e4 /* nearly constant: more changes nothing a table can hold */

const char *const delay_dist_names[DELAY_DISTS] = {
	[DELAY_UNIFORM] = "uniform",	   [DELAY_NORMAL] = "normal",
	[DELAY_PARETO] = "pareto",	   [DELAY_PARETONORMAL] = "paretonormal",
	[DELAY_WEIBULL] = "weibull",	   [DELAY_GAMMA] = "gamma",
	[DELAY_LOGNORMAL] = "lognormal",   [DELAY_EXPONENTIAL] = "exponential",
};

int delay_dist_parse(const char *word, enum delay_dist *ret)
{
	for (size_t i = 0; i < DELAY_DISTS; i++) {
		if (strcmp(word, delay_dist_names[i]))
			continue;
		*ret = (enum delay_dist)i;
		return 0;
	}
	return -EINVAL;
}

/* The x in [lo, hi] at which a rising function of it reaches y. */
static double bisect(double (*f)(double x, double arg), double arg, double y, double lo, double hi)
{
	for (int i = 0; i < BISECTIONS; i++) {
		double mid = lo + (hi - lo) / 2;

		if (f(mid, arg) < y)
			lo = mid;
		else
			hi = mid;
	}
	return lo + (hi - lo) / 2;
}

static double normal_cdf(double x, double unused)
{
	return erfc(-x / M_SQRT2) / 2;
}

static double normal_quantile(double p)
{
	return bisect(normal_cdf, 0, p, -9, 9);
}

/* Shape 3 has mean 3/2 and variance 3/4. */
static double pareto_quantile(double p)
{
	return (pow(1 - p, -1.0 / 3) - 1.5) / sqrt(0.75);
}

/* Regularized lower incomplete gamma function: DLMF 8.11.4 below the mean, 8.9.2 (Lentz) above. */
static double gamma_cdf(double x, double a)
{
	double scale = exp(a * log(x) - x - lgamma(a));

	if (x <= 0)
		return 0;
	if (x < a + 1) {
		double term = 1 / a, sum = term;

		for (double n = a + 1; term > sum * 1e-16; n++)
			sum += term *= x / n;
		return scale * sum;
	}
	double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;

	for (int i = 1; i < 100000; i++) {
		double an = -i * (i - a), delta;

		b += 2;
		d = 1 / (an * d + b);
		c = b + an / c;
		delta = c * d;
		h *= delta;
		if (fabs(delta - 1) < 1e-15)
			break;
	}
	return 1 - scale * h;
}

/* Minus the squared coefficient of variation of a Weibull distribution, which rises with its shape. */
static double weibull_spread(double shape, double unused)
{
	double g1 = lgamma(1 + 1 / shape), g2 = lgamma(1 + 2 / shape);

	return 1 - exp(g2 - 2 * g1);
}

/* The shape that a mean and a deviation ask for; unused by families without one. */
static double shape_of(enum delay_dist dist, double cv)
{
	switch (dist) {
	case DELAY_WEIBULL:
		return bisect(weibull_spread, 0, -cv * cv, 0.1, 1000);
	case DELAY_GAMMA:
		return fmin(1 / (cv * cv), SHAPE_MAX);
	case DELAY_LOGNORMAL:
		return sqrt(log1p(cv * cv));
	default:
		return 0;
	}
}

/* The quantile in deviations from the mean; cv is sd / mean. */
static double quantile(enum delay_dist dist, double shape, double cv, double p)
{
	switch (dist) {
	case DELAY_NORMAL:
		return normal_quantile(p);
	case DELAY_PARETO:
		return pareto_quantile(p);
	case DELAY_EXPONENTIAL:
		return -log1p(-p) - 1;
	case DELAY_WEIBULL:
		return (pow(-log1p(-p), 1 / shape) / exp(lgamma(1 + 1 / shape)) - 1) / cv;
	case DELAY_GAMMA: {
		double sd = sqrt(shape), hi = shape + 40 * sd + 40;

		return (bisect(gamma_cdf, shape, p, 0, hi) - shape) / sd;
	}
	case DELAY_LOGNORMAL:
		return (exp(shape * normal_quantile(p) - shape * shape / 2) - 1) / cv;
	default:
		return 0;
	}
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* tc's mixture, brought to sd 1: every pair of quantiles of the two stands for their sum. */
static void paretonormal_table(double v[DELAY_TABLE_N])
{
	const double sd = sqrt(0.25 * 0.25 + 0.75 * 0.75);

	for (int i = 0; i < DELAY_TABLE_N; i++) {
		double pn = (i / DELAY_TABLE_SIDE + 0.5) / DELAY_TABLE_SIDE;
		double pp = (i % DELAY_TABLE_SIDE + 0.5) / DELAY_TABLE_SIDE;

		v[i] = (0.25 * normal_quantile(pn) + 0.75 * pareto_quantile(pp)) / sd;
	}
	qsort(v, DELAY_TABLE_N, sizeof(*v), compare_double);
}

/* A heavy tail ends where the table does; what is left of it is brought to mean 0 and sd 1 again. */
static void standardize(double v[DELAY_TABLE_N])
{
	double sum = 0, squares = 0, mean, sd;

	for (int i = 0; i < DELAY_TABLE_N; i++) {
		sum += v[i];
		squares += v[i] * v[i];
	}
	mean = sum / DELAY_TABLE_N;
	sd = sqrt(squares / DELAY_TABLE_N - mean * mean);
	for (int i = 0; i < DELAY_TABLE_N; i++)
		v[i] = (v[i] - mean) / sd;
}

void delay_table(enum delay_dist dist, double mean, double sd, double v[DELAY_TABLE_N])
{
	double cv = sd / mean, shape = shape_of(dist, cv);

	if (dist == DELAY_PARETONORMAL)
		paretonormal_table(v);
	else
		for (int i = 0; i < DELAY_TABLE_N; i++)
			v[i] = quantile(dist, shape, cv, (i + 0.5) / DELAY_TABLE_N);
	if (dist == DELAY_PARETO || dist == DELAY_PARETONORMAL)
		standardize(v);
}
