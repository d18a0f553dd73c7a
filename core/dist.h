/*
 * Distributions as written in topology and scenario files.
 *
 *     5            exponential(4s)         2+exponential(10)      uniform(1s, 3s)
 *     normal(mean=20ms, sd=5ms)            pareto(scale=1, shape=2)   cauchy(0, 5000)
 *     weibull(scale, shape)  gamma(shape, scale)  lognormal(mu, sigma)   abs(cauchy(5000))
 *     choice(a, b, c)  — words, for inputs only (see scenarios/engine/input.h)
 *
 * An optional OFFSET+ in front is added; min= / max= inside the call clamp, after abs and before the
 * offset (for uniform they are its bounds). Numbers take the units of the context: DIST_TIME wants a
 * unit and gives seconds, DIST_SIZE gives bytes, DIST_RATE ("10mbit") bits per second, DIST_SHARE
 * ("5%") a share of 1, DIST_NUMBER is bare; so are shape, mu and sigma.
 * cauchy(s) is cauchy(0, s); exponential(m) has mean m; pareto is Pareto type I.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_DIST_H
#define CORE_DIST_H

#include <stdbool.h>
#include "core/rng.h"

enum dist_unit { DIST_NUMBER, DIST_TIME, DIST_SIZE, DIST_RATE, DIST_SHARE };

enum dist_kind {
	DIST_CONSTANT,
	DIST_UNIFORM,
	DIST_EXPONENTIAL,
	DIST_NORMAL,
	DIST_LOGNORMAL,
	DIST_PARETO,
	DIST_CAUCHY,
	DIST_WEIBULL,
	DIST_GAMMA,
};

struct dist {
	enum dist_kind kind;
	double a, b;   /* the kind's parameters in order */
	double offset; /* added to each draw */
	bool abs;
	double min, max; /* of the sum; -INFINITY, INFINITY when not given */
};

/* 0, or -EINVAL with a malloc'd reason that names what was meant. */
int dist_parse(const char *s, enum dist_unit unit, struct dist *ret, char **ret_why);
/* Always a finite number; it may be negative or huge (cauchy, pareto), so check before rounding it. */
double dist_draw(const struct dist *d, struct rng *r);

#endif
