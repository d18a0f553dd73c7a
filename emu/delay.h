/*
 * Distributions of a link's delay: their names, and the tables that netem draws from.
 *
 * A link gives a mean (its delay) and a standard deviation (its jitter). Where a family has a shape,
 * the two determine it; normal and pareto are moved to that mean and scaled to that deviation as
 * netem's own tables are (pareto: shape 3; paretonormal: a quarter normal, three quarters Pareto).
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_DELAY_H
#define EMU_DELAY_H

#include "emu/net.h"

#define DELAY_TABLE_SIDE 64
#define DELAY_TABLE_N	 (DELAY_TABLE_SIDE * DELAY_TABLE_SIDE)

extern const char *const delay_dist_names[DELAY_DISTS];

/* 0, or -EINVAL for an unknown word. */
int delay_dist_parse(const char *word, enum delay_dist *ret);

/*
 * Quantiles at (i + 0.5) / DELAY_TABLE_N in ascending order, in standard deviations from the mean. mean
 * and sd in any one unit, both over 0; not for DELAY_UNIFORM, which needs no table.
 */
void delay_table(enum delay_dist dist, double mean, double sd, double v[DELAY_TABLE_N]);

#endif
