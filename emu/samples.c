/* Reads measured delays and gives their quantiles. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/samples.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/units.h"
#include "emu/textfile.h"

#define SAMPLE_MAX (3600 * NSEC_PER_SEC) /* as a link's delay */

/* "12.5ms", or "12.5", which is of milliseconds. */
static int parse_line(const struct textfile *f, const char *line, int64_t *ret, struct err *err)
{
	_cleanup_free_ char *with_unit = NULL;
	const char *why = NULL;

	if (!*line)
		return err_at(err, f->name, f->line, "an empty line; each holds a delay");
	if (!line[strspn(line, "0123456789.")]) {
		if (asprintf(&with_unit, "%sms", line) < 0) {
			with_unit = NULL;
			return err_sys(err, ENOMEM, "%s", f->name);
		}
		line = with_unit;
	}
	if (units_parse_time(line, ret, &why) == 0 && *ret <= SAMPLE_MAX)
		return 0;
	return err_at(err, f->name, f->line, "'%.40s' is not a delay: %s", line,
		      why ? why : "is over an hour");
}

static int parse_lines(struct textfile *f, struct samples *s, struct err *err)
{
	const char *line;

	while ((line = textfile_line(f))) {
		int r = parse_line(f, line, &s->ns[s->n], err);

		if (r < 0)
			return r;
		s->n++;
	}
	if (s->n < 2)
		return err_at(err, f->name, 0, "%s; a distribution needs two delays at least",
			      s->n ? "holds one delay" : "is empty");
	return 0;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/*
 * What samples_quantile() draws: uniform within each of the n - 1 steps between neighbours, so mean
 * and variance are those of that distribution, not of the bare points.
 */
static void summarize(struct samples *s)
{
	double steps = (double)(s->n - 1), sum = 0, squares = 0;

	for (size_t i = 0; i + 1 < s->n; i++)
		sum += ((double)s->ns[i] + (double)s->ns[i + 1]) / 2;
	s->mean = sum / steps;
	for (size_t i = 0; i + 1 < s->n; i++) {
		double a = (double)s->ns[i] - s->mean, b = (double)s->ns[i + 1] - s->mean;

		squares += (a * a + a * b + b * b) / 3;
	}
	s->sd = sqrt(squares / steps);
}

int samples_load(const char *dir, const char *path, struct samples **ret, struct err *err)
{
	_cleanup_textfile_ struct textfile f = {0};
	struct samples *s;
	int r = textfile_read(dir, path, &f, err);

	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_sys(err, ENOMEM, "%s", f.name);
	s->refs = 1;
	s->path = textfile_lasting_name(&f, path);
	s->ns = calloc(textfile_lines(&f), sizeof(*s->ns));
	r = s->path && s->ns ? parse_lines(&f, s, err) : err_sys(err, ENOMEM, "%s", f.name);
	if (r < 0) {
		samples_unref(s);
		return r;
	}
	qsort(s->ns, s->n, sizeof(*s->ns), compare);
	summarize(s);
	*ret = s;
	return 0;
}

struct samples *samples_ref(struct samples *s)
{
	if (s)
		__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void samples_unref(struct samples *s)
{
	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	free(s->path);
	free(s->ns);
	free(s);
}

bool samples_equal(const struct samples *a, const struct samples *b)
{
	if (!a || !b || a == b)
		return a == b;
	return a->n == b->n && !strcmp(a->path, b->path) &&
	       !memcmp(a->ns, b->ns, a->n * sizeof(*a->ns));
}

double samples_quantile(const struct samples *s, double p)
{
	double at = p * (double)(s->n - 1);
	size_t i = (size_t)at;

	if (i + 1 >= s->n)
		return (double)s->ns[s->n - 1];
	return (double)s->ns[i] + (at - (double)i) * (double)(s->ns[i + 1] - s->ns[i]);
}
