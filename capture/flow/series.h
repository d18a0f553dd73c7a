/*
 * Count, mean, variance, least and greatest of values that come one at a time (Welford 1962;
 * merging: Chan, Golub and LeVeque 1979). Zeroed, it is empty.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SERIES_H
#define CAPTURE_SERIES_H

#include <stdint.h>

struct series {
	uint64_t n;
	double mean, m2; /* m2: sum of squared distances from the mean */
	int64_t min, max;
};

static inline void series_add(struct series *s, int64_t v)
{
	double x = (double)v, d = x - s->mean;

	s->n++;
	s->mean += d / (double)s->n;
	s->m2 += d * (x - s->mean);
	if (s->n == 1 || v < s->min)
		s->min = v;
	if (s->n == 1 || v > s->max)
		s->max = v;
}

static inline struct series series_merge(const struct series *a, const struct series *b)
{
	double n = (double)(a->n + b->n), d = b->mean - a->mean;
	struct series s = *a;

	if (!b->n)
		return *a;
	if (!a->n)
		return *b;
	s.n = a->n + b->n;
	s.mean += d * (double)b->n / n;
	s.m2 += b->m2 + d * d * (double)a->n * (double)b->n / n;
	if (b->min < s.min)
		s.min = b->min;
	if (b->max > s.max)
		s.max = b->max;
	return s;
}

/* Of a sample, i.e. over n - 1; one value has none, which is 0. Of no values: whoever calls asks n.
 */
static inline double series_var(const struct series *s)
{
	return s->n > 1 ? s->m2 / (double)(s->n - 1) : 0;
}

/* Of all values there are, i.e. over n. */
static inline double series_var_all(const struct series *s)
{
	return s->n ? s->m2 / (double)s->n : 0;
}

/* Time from one stamp to the next, ns: 0 where the clock went back, at most INT64_MAX. */
static inline int64_t series_gap(int64_t from, int64_t to)
{
	uint64_t gap = (uint64_t)to - (uint64_t)from;

	if (to <= from)
		return 0;
	return gap > INT64_MAX ? INT64_MAX : (int64_t)gap;
}

#endif
