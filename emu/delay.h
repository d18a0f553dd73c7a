/*
 * Distributions of a link's delay: their names, their quantiles, and tables of these to draw from.
 *
 * A link gives a mean (its delay) and a standard deviation (its jitter; of uniform, half the
 * width). Where a family has a shape, the two determine it; normal and pareto are moved to that
 * mean and scaled to that deviation as netem's own tables are (pareto: shape 3; paretonormal: a
 * quarter normal, three quarters Pareto, summed).
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_DELAY_H
#define EMU_DELAY_H

#include <stddef.h>
#include "emu/samples.h"
#include "emu/shape.h"

extern const char *const delay_dist_names[DELAY_DISTS];

/* 0, or -EINVAL for an unknown word. */
int delay_dist_parse(const char *word, enum delay_dist *ret);

/*
 * The quantile at p, 0 < p < 1, of the distribution itself: in jitters from the delay, so that
 * delay + jitter * quantile is the value. delay and jitter in any one unit, both over 0; samples
 * (in ns, as are the two then) for DELAY_SAMPLES only.
 */
double delay_quantile(enum delay_dist dist, const struct samples *samples, double delay,
		      double jitter, double p);
/* The same at n probabilities in order, which is quicker than one by one; not of DELAY_SAMPLES. */
void delay_quantiles(enum delay_dist dist, double delay, double jitter, const double *p, double *v,
		     size_t n);

/*
 * Quantiles at (i + 0.5) / n in ascending order, n at least 16, each entry to be drawn as often
 * as any other. So that the whole has the mean and the deviation asked for although a table ends
 * where a tail does not, two entries stand for that tail and are moved (not of uniform, which has
 * none, and of samples).
 */
void delay_table(enum delay_dist dist, const struct samples *samples, double delay, double jitter,
		 double *v, size_t n);

#endif
