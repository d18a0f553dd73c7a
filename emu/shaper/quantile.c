/* Quantiles at nodes that are as close in either tail as their distance from its end asks for. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/shaper/quantile.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include "core/cleanup.h"
#include "emu/delay.h"

/*
 * A probability t of at most a half lies between two nodes named by the exponent and the first
 * bits of its fraction, as a double has them.
 */
#define NODE_BITS   4
#define NODE_OCTAVE 28
#define NODE_SHIFT  (52 - NODE_BITS)
#define NODE_FIRST  ((uint64_t)(1023 - NODE_OCTAVE) << NODE_BITS)
#define NODES	    (((NODE_OCTAVE - 1) << NODE_BITS) + 1)

struct quantiles {
	struct quantiles *next;
	unsigned refs;
	enum delay_dist dist;
	double cv;		       /* jitter / delay; 0 of a family that has no shape */
	double low[NODES], high[NODES]; /* at t and at 1 - t */
};

static struct quantiles *held; /* under the lock, as are their refs */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static double node_at(size_t i)
{
	uint64_t bits = (NODE_FIRST + i) << NODE_SHIFT;
	double t;

	memcpy(&t, &bits, sizeof(t));
	return t;
}

double quantiles_at(const struct quantiles *q, double u)
{
	const double *side = u <= 0.5 ? q->low : q->high;
	double t = u <= 0.5 ? u : 1 - u, part;
	uint64_t bits;
	size_t i;

	memcpy(&bits, &t, sizeof(bits));
	if (t <= 0 || bits >> NODE_SHIFT < NODE_FIRST)
		return side[0];
	i = (bits >> NODE_SHIFT) - NODE_FIRST;
	if (i >= NODES - 1)
		return side[NODES - 1];
	part = (double)(bits & ((1ULL << NODE_SHIFT) - 1)) / (double)(1ULL << NODE_SHIFT);
	return side[i] + part * (side[i + 1] - side[i]);
}

static struct quantiles *compute(const struct shape *s, double cv)
{
	struct quantiles *q = calloc(1, sizeof(*q));
	double p[NODES];

	if (!q)
		return NULL;
	q->dist = s->dist;
	q->cv = cv;
	for (size_t i = 0; i < NODES; i++)
		p[i] = node_at(i);
	delay_quantiles(s->dist, (double)s->delay, (double)s->jitter, p, q->low, NODES);
	for (size_t i = 0; i < NODES; i++)
		p[i] = 1 - p[i];
	delay_quantiles(s->dist, (double)s->delay, (double)s->jitter, p, q->high, NODES);
	return q;
}

static bool has_form(enum delay_dist dist)
{
	return dist == DELAY_WEIBULL || dist == DELAY_GAMMA || dist == DELAY_LOGNORMAL;
}

int quantiles_get(const struct shape *s, struct quantiles **ret)
{
	bool drawn = s->delay > 0 && s->jitter > 0;
	struct quantiles *q = NULL;
	double cv = 0;
	int r = 0;

	if (!drawn || s->dist == DELAY_UNIFORM || s->dist == DELAY_SAMPLES) {
		*ret = NULL;
		return 0;
	}
	if (has_form(s->dist))
		cv = (double)s->jitter / (double)s->delay;
	pthread_mutex_lock(&lock);
	for (q = held; q && (q->dist != s->dist || q->cv != cv);)
		q = q->next;
	if (!q) {
		q = compute(s, cv);
		if (q) {
			q->next = held;
			held = q;
		}
	}
	if (q)
		q->refs++;
	else
		r = -ENOMEM;
	pthread_mutex_unlock(&lock);
	if (!r)
		*ret = q;
	return r;
}

void quantiles_put(struct quantiles *q)
{
	if (!q)
		return;
	pthread_mutex_lock(&lock);
	if (!--q->refs) {
		struct quantiles **at = &held;

		while (*at != q)
			at = &(*at)->next;
		*at = q->next;
		free(q);
	}
	pthread_mutex_unlock(&lock);
}
