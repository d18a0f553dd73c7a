/*
 * Reads a link's delay: words, a call such as pareto(mean=60ms, jitter=10ms), or measured samples.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "emu/delay.h"
#include "emu/samples.h"
#include "emu/shape_internal.h"

static bool may_be_negative(enum delay_dist dist)
{
	return dist == DELAY_UNIFORM || dist == DELAY_NORMAL || dist == DELAY_PARETO ||
	       dist == DELAY_PARETONORMAL;
}

bool shape_jitter_reorders(const struct shape *s)
{
	return !s->samples && may_be_negative(s->dist) && s->jitter > s->delay;
}

/* What was drawn is made to fit; what was written must. */
static int finish_delay(const struct shape_reader *r, struct shape *s)
{
	if (r->drew && (!s->delay || shape_jitter_reorders(s)))
		s->jitter = s->delay;
	if (!r->drew && s->dist != DELAY_UNIFORM && (!s->delay || !s->jitter))
		return shape_refuse(r, "a distribution needs a delay and a jitter over 0");
	if (!s->jitter) {
		s->dist = DELAY_UNIFORM;
		s->delay_corr = 0;
	}
	return 0;
}

static int set_dist(const struct shape_reader *r, const char *word, struct shape *s)
{
	if (delay_dist_parse(word, &s->dist) == 0)
		return 0;
	return shape_refuse(r, "unknown distribution; use uniform, normal, pareto, paretonormal, "
			       "weibull, gamma, lognormal or exponential");
}

static bool is_share(const char *word)
{
	return strpbrk(word, "(%") || strspn(word, "0123456789.-");
}

/* "60ms", "60ms 10ms", "60ms 10ms 25% normal": delay, jitter, correlation, distribution. */
static int set_delay_words(struct shape_reader *r, const struct shape_words *w, struct shape *s)
{
	enum delay_dist ignored;
	size_t at = 2;
	int n;

	if (w->n < 1 || w->n > 4)
		return shape_refuse(r, "write a delay, a jitter and a distribution, as in "
				       "'60ms 10ms normal'");
	n = shape_time(r, 0, w->w[0], 0, &s->delay);
	if (n == 0 && w->n > 1 && delay_dist_parse(w->w[1], &ignored) == 0)
		return shape_refuse(r, "a distribution needs a jitter before it, as in "
				       "'60ms 10ms normal'");
	if (n == 0 && w->n > 1)
		n = shape_time(r, 1, w->w[1], 0, &s->jitter);
	if (n == 0 && at < w->n && is_share(w->w[at]))
		n = shape_share(r, 2, w->w[at++], &s->delay_corr);
	if (n == 0 && at < w->n)
		n = set_dist(r, w->w[at++], s);
	if (n == 0 && at < w->n)
		return shape_refuse(r, "write a delay, a jitter and a distribution, as in "
				       "'60ms 10ms normal'");
	return n < 0 ? n : finish_delay(r, s);
}

/* What follows "name =" in an argument, or NULL when it is another's. */
static const char *argument(const char *arg, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(arg, name, n) != 0)
		return NULL;
	arg += n + strspn(arg + n, " \t\n");
	return *arg == '=' ? arg + 1 + strspn(arg + 1, " \t\n") : NULL;
}

/*
 * "pareto(mean=60ms, jitter=10ms, correlation=25%)" is "60ms 10ms 25% pareto". 1 when it is one;
 * without a jitter it is a distribution that a constant delay is drawn from, and 0.
 */
static int set_delay_call(struct shape_reader *r, const char *word, struct shape *s)
{
	static const char *const names[] = {"mean", "jitter", "correlation"};
	const char *value[ARRAY_SIZE(names)] = {NULL};
	_cleanup_words_ struct shape_words args = {0};
	_cleanup_free_ char *inner = NULL;
	struct shape_words w = {0};
	enum delay_dist dist;
	int n = 0;

	for (dist = 0; dist < DELAY_DISTS && n == 0; dist++)
		n = shape_call(word, delay_dist_names[dist], &inner);
	if (n <= 0 || (n = shape_split(r, inner, true, &args)) < 0)
		return n;
	for (size_t i = 0; i < args.n; i++)
		if (argument(args.w[i], "jitter"))
			value[1] = args.w[i];
	if (!value[1])
		return 0;
	value[1] = NULL;
	for (size_t i = 0; i < args.n; i++) {
		size_t k = 0;

		while (k < ARRAY_SIZE(names) && !argument(args.w[i], names[k]))
			k++;
		if (k == ARRAY_SIZE(names) || value[k])
			return shape_refuse(r, "'%s': write mean=, jitter= and correlation=, each "
					       "once", args.w[i]);
		value[k] = argument(args.w[i], names[k]);
	}
	if (!value[0])
		return shape_refuse(r, "the mean is missing, as in pareto(mean=60ms, jitter=10ms)");
	for (size_t k = 0; k < ARRAY_SIZE(names) && value[k]; k++)
		w.w[w.n++] = (char *)value[k];
	s->dist = dist - 1;
	n = set_delay_words(r, &w, s);
	return n < 0 ? n : 1;
}

static int set_samples(struct shape_reader *r, const char *name, const char *corr, struct shape *s)
{
	_cleanup_err_ struct err err = {0};
	int n = shape_check_name(r, name, ", as in samples(delays.txt)");

	if (n == 0 && corr)
		n = shape_share(r, 2, corr, &s->delay_corr);
	if (n < 0)
		return n;
	if (samples_load(r->src->dir, name, &s->samples, &err) < 0)
		return shape_refuse_file(r, &err);
	s->dist = DELAY_SAMPLES;
	s->delay = llround(s->samples->mean);
	s->jitter = llround(s->samples->sd);
	return 0;
}

int shape_set_delay(struct shape_reader *r, const char *value, struct shape *s)
{
	_cleanup_words_ struct shape_words w = {0};
	_cleanup_free_ char *name = NULL;
	int n = shape_split(r, value, false, &w);

	if (n < 0)
		return n;
	n = w.n ? shape_call(w.w[0], "samples", &name) : 0;
	if (n < 0)
		return n;
	if (n && w.n > 2)
		return shape_refuse(r, "only a correlation may stand behind samples(...)");
	if (n)
		return set_samples(r, name + strspn(name, " "), w.n > 1 ? w.w[1] : NULL, s);
	if (w.n == 1)
		n = set_delay_call(r, w.w[0], s);
	return n ? (n < 0 ? n : 0) : set_delay_words(r, &w, s);
}
