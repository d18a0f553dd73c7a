/*
 * Tables of quantiles to draw delays from, shared by all pipes whose delays have the same form.
 *
 * A table holds the distribution at 16 probabilities in each octave of either tail, down to
 * 2^-28, and a draw lies on the line between two: the few values that make a heavy tail are
 * drawn as the rest are.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SHAPER_QUANTILE_H
#define EMU_SHAPER_QUANTILE_H

#include "emu/shape.h"

struct quantiles;

/*
 * For any thread. The table of a shape's delay, NULL when it needs none (uniform, samples, no
 * jitter). One that nobody holds is computed, which takes up to 20 ms: a thread that must not
 * wait lets another get it first. -ENOMEM.
 */
int quantiles_get(const struct shape *s, struct quantiles **ret);
void quantiles_put(struct quantiles *q); /* NULL is nothing */
/* At u in [0, 1], in jitters from the delay. */
double quantiles_at(const struct quantiles *q, double u);

#endif
