/* Quantile functions of the delay distributions, by closed form or by inverting the other way. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "emu/delay.h"

#define STEPS_MAX  200
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

/* A distribution function and its density at x; arg is the family's shape, where it has one. */
typedef double (*cdf_fn)(double x, double arg, double *ret_density);

/*
 * The x in [lo, hi] at which cdf is p: Newton's steps from start, and halves of what is left of
 * the interval where they would leave it.
 */
static double invert(cdf_fn cdf, double arg, double p, double lo, double hi, double start)
{
	double x = start > lo && start < hi ? start : lo + (hi - lo) / 2;

	for (int i = 0; i < STEPS_MAX; i++) {
		double density, at = cdf(x, arg, &density), next;

		if (at < p)
			lo = x;
		else
			hi = x;
		next = x - (at - p) / density;
		if (!(next > lo && next < hi))
			next = lo + (hi - lo) / 2;
		if (fabs(next - x) <= 1e-13 * fabs(x))
			return next;
		x = next;
	}
	return x;
}

static double normal_density(double x)
{
	return exp(-x * x / 2) / sqrt(2 * M_PI);
}

static double normal_cdf(double x, double unused, double *ret_density)
{
	*ret_density = normal_density(x);
	return erfc(-x / M_SQRT2) / 2;
}

static double normal_quantile(double p, double start)
{
	return invert(normal_cdf, 0, p, -9, 9, start);
}

/* Shape 3 has mean 3/2 and variance 3/4. */
static double pareto_quantile(double p)
{
	return (pow(1 - p, -1.0 / 3) - 1.5) / sqrt(0.75);
}

#define PN_NORMAL 0.25
#define PN_PARETO 0.75
#define PN_NODES  128 /* even */

/*
 * The sum of a quarter of a normal and three quarters of a Pareto variable, at its own scale: the
 * integral over the normal one, by Simpson's rule up to where the Pareto one is at its least.
 */
static double paretonormal_cdf(double z, double unused, double *ret_density)
{
	const double scale = sqrt(0.75);
	double lo = -9, hi = (z - PN_PARETO * (1 - 1.5) / scale) / PN_NORMAL;
	double sum = 0, density = 0, h;

	hi = fmin(hi, 9);
	*ret_density = 0;
	if (hi <= lo)
		return 0;
	h = (hi - lo) / PN_NODES;
	for (int i = 0; i <= PN_NODES; i++) {
		double n = lo + i * h, x = 1.5 + scale * (z - PN_NORMAL * n) / PN_PARETO;
		double weight = (i == 0 || i == PN_NODES ? 1 : i % 2 ? 4 : 2) * normal_density(n);
		double above = 1 / (x * x * x);

		sum += weight * (1 - above);
		density += weight * 3 * above / x * scale / PN_PARETO;
	}
	*ret_density = density * h / 3;
	return sum * h / 3;
}

static double paretonormal_quantile(double p, double start)
{
	const double sd = sqrt(PN_NORMAL * PN_NORMAL + PN_PARETO * PN_PARETO);
	double hi = 9 * PN_NORMAL + PN_PARETO * pareto_quantile(p) + 1;

	return invert(paretonormal_cdf, 0, p, -9, hi, start * sd) / sd;
}

/* Regularized lower incomplete gamma function: DLMF 8.11.4 below the mean, 8.9.2 (Lentz) above. */
static double gamma_cdf(double x, double a, double *ret_density)
{
	double scale = exp(a * log(x) - x - lgamma(a));

	*ret_density = scale / x;
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

static double gamma_quantile(double shape, double p, double start)
{
	double sd = sqrt(shape), hi = shape + 40 * sd + 40;

	return (invert(gamma_cdf, shape, p, 0, hi, start * sd + shape) - shape) / sd;
}

/* The squared coefficient of variation of a Weibull distribution, which falls with its shape. */
static double weibull_spread(double shape)
{
	return exp(lgamma(1 + 2 / shape) - 2 * lgamma(1 + 1 / shape)) - 1;
}

static double weibull_shape(double cv)
{
	double lo = 0.1, hi = 1000;

	for (int i = 0; i < 80; i++) {
		double mid = lo + (hi - lo) / 2;

		if (weibull_spread(mid) > cv * cv)
			lo = mid;
		else
			hi = mid;
	}
	return lo + (hi - lo) / 2;
}

/* The shape that a mean and a deviation ask for; unused by families without one. */
static double shape_of(enum delay_dist dist, double cv)
{
	switch (dist) {
	case DELAY_WEIBULL:
		return weibull_shape(cv);
	case DELAY_GAMMA:
		return fmin(1 / (cv * cv), SHAPE_MAX);
	case DELAY_LOGNORMAL:
		return sqrt(log1p(cv * cv));
	default:
		return 0;
	}
}

/* In deviations from the mean; cv is sd / mean, start a value that should be near. */
static double quantile(enum delay_dist dist, double shape, double cv, double p, double start)
{
	switch (dist) {
	case DELAY_UNIFORM:
		return 2 * p - 1;
	case DELAY_NORMAL:
		return normal_quantile(p, start);
	case DELAY_PARETO:
		return pareto_quantile(p);
	case DELAY_PARETONORMAL:
		return paretonormal_quantile(p, start);
	case DELAY_EXPONENTIAL:
		return -log1p(-p) - 1;
	case DELAY_WEIBULL:
		return (pow(-log1p(-p), 1 / shape) / exp(lgamma(1 + 1 / shape)) - 1) / cv;
	case DELAY_GAMMA:
		return gamma_quantile(shape, p, start);
	case DELAY_LOGNORMAL:
		return (exp(shape * normal_quantile(p, 0) - shape * shape / 2) - 1) / cv;
	default:
		return 0;
	}
}

static double sample_quantile(const struct samples *samples, double delay, double jitter, double p)
{
	return (samples_quantile(samples, p) - delay) / jitter;
}

double delay_quantile(enum delay_dist dist, const struct samples *samples, double delay,
		      double jitter, double p)
{
	double cv = jitter / delay;

	if (dist == DELAY_SAMPLES)
		return sample_quantile(samples, delay, jitter, p);
	return quantile(dist, shape_of(dist, cv), cv, p, 0);
}

void delay_quantiles(enum delay_dist dist, double delay, double jitter, const double *p, double *v,
		     size_t n)
{
	double cv = jitter / delay, shape = shape_of(dist, cv), last = 0;

	for (size_t i = 0; i < n; i++)
		last = v[i] = quantile(dist, shape, cv, p[i], last);
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The last two become what brings mean and deviation to 0 and 1, or the mean alone. */
static void fit_tail(double *v, size_t n)
{
	double sum = 0, squares = 0, middle, apart;

	for (size_t i = 0; i < n - 2; i++) {
		sum += v[i];
		squares += v[i] * v[i];
	}
	middle = -sum / 2;
	apart = sqrt(fmax(0, ((double)n - squares) / 2 - middle * middle));
	if (apart == 0 || middle - apart < v[0])
		apart = (v[n - 1] - v[n - 2]) / 2;
	v[n - 2] = middle - apart;
	v[n - 1] = middle + apart;
	qsort(v, n, sizeof(*v), compare_double);
}

void delay_table(enum delay_dist dist, const struct samples *samples, double delay, double jitter,
		 double *v, size_t n)
{
	double cv = jitter / delay, shape = shape_of(dist, cv), last = 0;

	for (size_t i = 0; i < n; i++) {
		double p = ((double)i + 0.5) / (double)n;

		if (dist == DELAY_SAMPLES)
			v[i] = sample_quantile(samples, delay, jitter, p);
		else
			last = v[i] = quantile(dist, shape, cv, p, last);
	}
	if (dist != DELAY_UNIFORM && dist != DELAY_SAMPLES)
		fit_tail(v, n);
}
