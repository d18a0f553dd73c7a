/* The words of a shape's value: split, and read as numbers or drawn from distributions. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "core/dist.h"
#include "emu/shape_internal.h"
#include "emu/textfile.h"

#define SPACE	  " \t\r\n"
#define BYTES_MAX 65535 /* of overhead */

int shape_refuse(const struct shape_reader *r, const char *fmt, ...)
{
	char *why;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&why, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	free(*r->ret_why);
	*r->ret_why = why;
	return -EINVAL;
}

void shape_words_free(struct shape_words *w)
{
	free(w->text);
	*w = (struct shape_words){0};
}

static void trim(char **s, char *end)
{
	while (end > *s && strchr(SPACE, end[-1]))
		end--;
	*end = '\0';
	*s += strspn(*s, SPACE);
}

int shape_split(const struct shape_reader *r, const char *text, bool at_commas,
		struct shape_words *ret)
{
	_cleanup_words_ struct shape_words w = {.text = strdup(text)};
	const char *ends = at_commas ? "," : SPACE;
	char *p = w.text;
	bool more = true;

	if (!w.text)
		return -ENOMEM;
	while (more) {
		char *start = p;
		int depth = 0;

		for (; *p && (depth > 0 || !strchr(ends, *p)); p++)
			depth += (*p == '(') - (*p == ')');
		if (depth)
			return shape_refuse(r, "a '(' without its ')'");
		more = *p;
		trim(&start, p);
		p += more;
		if (!*start && !at_commas)
			continue;
		if (w.n == SHAPE_WORDS)
			return shape_refuse(r, "too many words");
		w.w[w.n++] = start;
	}
	*ret = w;
	w.text = NULL;
	return 0;
}

int shape_call(const char *word, const char *name, char **ret_args)
{
	size_t n = strlen(name), len = strlen(word);
	char *args;

	if (strncmp(word, name, n) != 0 || word[n] != '(' || word[len - 1] != ')')
		return 0;
	args = strndup(word + n + 1, len - n - 2);
	if (!args)
		return -ENOMEM;
	*ret_args = args;
	return 1;
}

/* Why a word is wrong; the word is named where the value has others. */
static int refuse_word(const struct shape_reader *r, const char *word, const char *why)
{
	return strcmp(word, r->value) ? shape_refuse(r, "'%s': %s", word, why)
				      : shape_refuse(r, "%s", why);
}

/* The first error of a file becomes the reason, with its place. */
int shape_refuse_file(const struct shape_reader *r, const struct err *err)
{
	const struct err_item *i = err->items;

	if (!err->n || !i->file)
		return -ENOMEM;
	if (i->line)
		return shape_refuse(r, "%s:%d: %s", i->file, i->line, i->msg);
	return shape_refuse(r, "%s: %s", i->file, i->msg);
}

int shape_check_name(const struct shape_reader *r, const char *name, const char *use)
{
	if (!*name)
		return shape_refuse(r, "name a file%s", use);
	if (!textfile_name_ok(name))
		return shape_refuse(r, "a file's name here has at most 150 bytes, and no quotes, "
				       "brackets, ',', ';' or '='");
	return 0;
}

static bool is_draw(const char *word)
{
	return strchr(word, '(') != NULL;
}

static int draw(struct shape_reader *r, int place, const char *word, enum dist_unit unit,
		double min, double max, double *ret)
{
	const char *path = r->src->path ? r->src->path : "link";
	_cleanup_free_ char *shared = NULL, *why = NULL;
	struct dist d;
	struct rng rng;
	int n = shape_call(word, "shared", &shared);

	if (n < 0)
		return n;
	if (n && !is_draw(shared))
		return shape_refuse(r, "shared is of a distribution, as in "
				       "shared(uniform(10ms, 50ms))");
	n = dist_parse(n ? shared : word, unit, &d, &why);
	if (n < 0)
		return why ? shape_refuse(r, "%s", why) : -ENOMEM;
	if (shared && r->src->shared)
		path = r->src->shared;
	else if (r->src->drew)
		*r->src->drew = true;
	rng_open(&rng, r->src->seed, "%s/%s/%d", path, r->key, place);
	r->drew = true;
	*ret = fmin(fmax(dist_draw(&d, &rng), min), max);
	return 0;
}

int shape_time(struct shape_reader *r, int place, const char *word, int64_t min, int64_t *ret)
{
	const char *why = NULL;
	int64_t ns;
	double v;
	int n;

	if (is_draw(word)) {
		n = draw(r, place, word, DIST_TIME, (double)min / 1e9,
			 (double)SHAPE_TIME_MAX / 1e9, &v);
		if (n == 0)
			*ret = v < 1e-3 ? llround(v * 1e9) : llround(v * 1e6) * NSEC_PER_USEC;
		return n;
	}
	if (units_parse_time(word, &ns, &why) < 0)
		return refuse_word(r, word, why);
	if (ns > SHAPE_TIME_MAX)
		return refuse_word(r, word, "is over an hour");
	if (ns < min)
		return refuse_word(r, word, "must be over 0");
	*ret = ns;
	return 0;
}

int shape_share(struct shape_reader *r, int place, const char *word, double *ret)
{
	const char *why = NULL;
	double v;
	int n;

	if (is_draw(word)) {
		n = draw(r, place, word, DIST_SHARE, 0, 1, &v);
		if (n == 0)
			*ret = round(v * 1e6) / 1e6;
		return n;
	}
	return units_parse_share(word, false, ret, &why) < 0 ? refuse_word(r, word, why) : 0;
}

int shape_rate(struct shape_reader *r, int place, const char *word, uint64_t *ret)
{
	const char *why = NULL;
	uint64_t bps;
	double v;
	int n;

	if (is_draw(word)) {
		n = draw(r, place, word, DIST_RATE, 1, SHAPE_RATE_MAX, &v);
		if (n == 0)
			*ret = v < 1e6 ? (uint64_t)llround(v) : (uint64_t)llround(v / 1e3) * 1000;
		return n;
	}
	if (units_parse_rate(word, &bps, &why) < 0)
		return refuse_word(r, word, why);
	if (bps > SHAPE_RATE_MAX)
		return refuse_word(r, word, "is over 1000tbit");
	*ret = bps;
	return 0;
}

int shape_size(struct shape_reader *r, int place, const char *word, uint64_t min, uint64_t *ret)
{
	const char *why = NULL;
	uint64_t bytes;
	double v;
	int n;

	if (is_draw(word)) {
		n = draw(r, place, word, DIST_SIZE, (double)min, 1e12, &v);
		if (n == 0)
			*ret = (uint64_t)llround(v);
		return n;
	}
	if (units_parse_size(word, &bytes, &why) < 0)
		return refuse_word(r, word, why);
	if (bytes < min)
		return refuse_word(r, word, "must be over 0");
	*ret = bytes;
	return 0;
}

int shape_bytes(struct shape_reader *r, int place, const char *word, int32_t *ret)
{
	bool minus = *word == '-';
	const char *why = NULL;
	uint64_t bytes;
	double v;
	int n;

	if (is_draw(word)) {
		n = draw(r, place, word, DIST_SIZE, -BYTES_MAX, BYTES_MAX, &v);
		if (n == 0)
			*ret = (int32_t)lround(v);
		return n;
	}
	if (units_parse_size(word + minus, &bytes, &why) < 0)
		return refuse_word(r, word, why);
	if (bytes > BYTES_MAX)
		return refuse_word(r, word, "must be from -65535 to 65535 bytes");
	*ret = minus ? -(int32_t)bytes : (int32_t)bytes;
	return 0;
}

int shape_count(struct shape_reader *r, int place, const char *word, uint32_t min, uint64_t *ret)
{
	const char *why = NULL;
	double v;
	int n;

	if (is_draw(word)) {
		n = draw(r, place, word, DIST_NUMBER, min, UINT32_MAX, &v);
		if (n == 0)
			*ret = (uint64_t)llround(v);
		return n;
	}
	return units_parse_uint(word, min, UINT32_MAX, ret, &why) < 0 ? refuse_word(r, word, why)
								     : 0;
}
