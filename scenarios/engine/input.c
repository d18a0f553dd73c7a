/* Inputs of a scenario: reading how one is drawn, saying it, and drawing it. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "core/units.h"
#include "scenarios/engine/scenario_internal.h"

#define WORD_MAX   255	       /* letters in a drawn word: a file name's longest */
#define NUMBER_MAX 9007199254740992.0 /* 2^53: what a double counts exactly */

static const struct input_kind_row {
	const char *name;
	enum dist_unit unit;
	bool drawn; /* by a distribution */
} kinds[] = {
	[INPUT_NUMBER] = { "number", DIST_NUMBER, true },
	[INPUT_SIZE] = { "size", DIST_SIZE, true },
	[INPUT_TIME] = { "time", DIST_TIME, true },
	[INPUT_WORD] = { "word", DIST_NUMBER, true },
	[INPUT_CHOICE] = { "choice", DIST_NUMBER, false },
	[INPUT_TEXT] = { "text", DIST_NUMBER, false },
};

/* Names that mean something to the shell or to the engine, beside scenario_variables. */
static const char *const reserved[] = {
	"ifs", "path", "home", "lang", "user_id", "ps1", "ps2", "ps4", "optarg", "optind",
};

bool input_name_ok(const char *name)
{
	if (!islower((unsigned char)name[0]) && name[0] != '_')
		return false;
	for (const char *p = name; *p; p++)
		if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '_')
			return false;
	return true;
}

static bool name_taken(const char *name)
{
	for (size_t i = 0; scenario_variables[i]; i++)
		if (!strcmp(name, scenario_variables[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (!strcmp(name, reserved[i]))
			return true;
	return false;
}

/* A bound after the distribution, in the unit that its draws have. */
static int parse_bound(const char *text, enum dist_unit unit, double *ret, const char **ret_why)
{
	uint64_t bytes;
	int64_t ns;
	char *end;
	double v;
	int r;

	switch (unit) {
	case DIST_SIZE:
		r = units_parse_size(text, &bytes, ret_why);
		if (r == 0)
			*ret = (double)bytes;
		return r;
	case DIST_TIME:
		r = units_parse_time(text, &ns, ret_why);
		if (r == 0)
			*ret = (double)ns / NSEC_PER_SEC;
		return r;
	default:
		v = strtod(text, &end);
		if (end == text || *end || !isfinite(v)) {
			*ret_why = "not a number";
			return -EINVAL;
		}
		*ret = v;
		return 0;
	}
}

static void trim_end(char *s)
{
	size_t n = strlen(s);

	while (n && isspace((unsigned char)s[n - 1]))
		s[--n] = '\0';
}

/* The last word of s, cut off; NULL when it is the only one. */
static char *cut_last_word(char *s)
{
	char *p;

	trim_end(s);
	p = s + strlen(s);
	while (p > s && !isspace((unsigned char)p[-1]))
		p--;
	if (p == s)
		return NULL;
	p[-1] = '\0';
	return p;
}

/* Takes "min N" and "max N" off the end of text. */
static int take_bounds(char *text, enum dist_unit unit, double *min, double *max, char **ret_why)
{
	for (;;) {
		_cleanup_free_ char *rest = strdup(text);
		const char *why = NULL, *word;
		char *number;

		if (!rest)
			return -ENOMEM;
		number = cut_last_word(rest);
		word = number ? cut_last_word(rest) : NULL;
		if (!word || (strcmp(word, "min") && strcmp(word, "max")))
			return 0;
		if (parse_bound(number, unit, word[1] == 'i' ? min : max, &why)) {
			if (asprintf(ret_why, "%s '%s': %s", word, number, why) < 0)
				return -ENOMEM;
			return -EINVAL;
		}
		strcpy(text, rest);
	}
}

static int parse_dist(struct input *in, char *text, char **ret_why)
{
	double min = -INFINITY, max = INFINITY;
	int r;

	r = take_bounds(text, kinds[in->kind].unit, &min, &max, ret_why);
	if (r == 0)
		r = dist_parse(text, kinds[in->kind].unit, &in->dist, ret_why);
	if (r)
		return r;
	in->dist.min = fmax(in->dist.min, min);
	in->dist.max = fmin(in->dist.max, max);
	if (in->dist.min > in->dist.max) {
		*ret_why = strdup("min is larger than max");
		return *ret_why ? -EINVAL : -ENOMEM;
	}
	return 0;
}

static int parse_choices(struct input *in, char *text)
{
	char *save = NULL;

	for (char *w = strtok_r(text, " \t\n", &save); w; w = strtok_r(NULL, " \t\n", &save))
		if (strv_add(&in->choices, w))
			return -ENOMEM;
	return 0;
}

static int kind_of(const char *word, enum input_kind *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(word, kinds[i].name)) {
			*ret = (enum input_kind)i;
			return 0;
		}
	return -EINVAL;
}

static int unknown_kind(const char *word, char **ret_why)
{
	const char *names[ARRAY_SIZE(kinds)], *near;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		names[i] = kinds[i].name;
	near = err_nearest(word, names, ARRAY_SIZE(kinds));
	if (near)
		r = asprintf(ret_why, "unknown kind '%s'; did you mean '%s'?", word, near);
	else
		r = asprintf(ret_why,
			     "unknown kind '%s'; use number, size, time, word, choice or text",
			     word);
	return r < 0 ? -ENOMEM : -EINVAL;
}

/* in->name is set; fills the rest. -EINVAL with a malloc'd reason. */
static int parse_value(struct input *in, const char *value, char **ret_why)
{
	_cleanup_free_ char *copy = strdup(value);
	size_t n = strcspn(value, " \t\n");
	char *rest;

	if (!copy)
		return -ENOMEM;
	rest = copy + n + strspn(value + n, " \t\n");
	copy[n] = '\0';
	trim_end(rest);
	if (kind_of(copy, &in->kind))
		return unknown_kind(copy, ret_why);
	if (!*rest) {
		if (asprintf(ret_why, "'%s' is followed by nothing; say how it is drawn, as in "
				      "docs/scenario.md", copy) < 0)
			return -ENOMEM;
		return -EINVAL;
	}
	if (kinds[in->kind].drawn)
		return parse_dist(in, rest, ret_why);
	if (in->kind == INPUT_CHOICE)
		return parse_choices(in, rest);
	return strv_add(&in->choices, rest);
}

void input_clear(struct input *inputs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(inputs[i].name);
		strv_free(&inputs[i].choices);
	}
	free(inputs);
}

int input_add(struct input **inputs, size_t *n, const char *name, const struct ini *ini,
	      const struct ini_key *k, struct err *err)
{
	_cleanup_free_ char *why = NULL;
	struct input *more, *in;
	int r;

	if (!input_name_ok(name))
		return err_at(err, ini->file, k->line,
			      "input '%s': a name is lower-case letters, digits and '_'", name);
	if (name_taken(name))
		return err_at(err, ini->file, k->line,
			      "input '%s': the name is taken; scripts have a variable of it", name);
	for (size_t i = 0; i < *n; i++)
		if (!strcmp((*inputs)[i].name, name))
			return err_at(err, ini->file, k->line, "input '%s' is also in line %d",
				      name, (*inputs)[i].line);
	more = reallocarray(*inputs, *n + 1, sizeof(**inputs));
	if (!more)
		return -ENOMEM;
	*inputs = more;
	in = &more[*n];
	memset(in, 0, sizeof(*in));
	in->line = k->line;
	in->name = strdup(name);
	if (!in->name)
		return -ENOMEM;
	(*n)++;
	r = parse_value(in, k->value, &why);
	if (why)
		return err_at(err, ini->file, k->line, "input '%s': %s", name, why);
	return r;
}

static const struct {
	const char *name;
	int params;
} dists[] = {
	[DIST_CONSTANT] = { NULL, 1 },	       [DIST_UNIFORM] = { "uniform", 2 },
	[DIST_EXPONENTIAL] = { "exponential", 1 }, [DIST_NORMAL] = { "normal", 2 },
	[DIST_LOGNORMAL] = { "lognormal", 2 }, [DIST_PARETO] = { "pareto", 2 },
	[DIST_CAUCHY] = { "cauchy", 2 },       [DIST_WEIBULL] = { "weibull", 2 },
	[DIST_GAMMA] = { "gamma", 2 },
};

static void put_value(FILE *f, double v, enum dist_unit unit)
{
	char buf[64];

	if (unit == DIST_TIME && v >= 0 && v < 1e9)
		fputs(units_format_time(buf, sizeof(buf), llround(v * NSEC_PER_SEC)), f);
	else if (unit == DIST_SIZE && v >= 0 && v < NUMBER_MAX)
		fputs(units_format_size(buf, sizeof(buf), (uint64_t)llround(v)), f);
	else
		fprintf(f, "%g", v);
}

static void put_dist(FILE *f, const struct dist *d, enum dist_unit unit)
{
	if (d->offset != 0) {
		put_value(f, d->offset, unit);
		fputc('+', f);
	}
	if (d->abs)
		fputs("abs(", f);
	if (dists[d->kind].name)
		fprintf(f, "%s(", dists[d->kind].name);
	put_value(f, d->a, unit);
	if (dists[d->kind].params == 2) {
		fputs(", ", f);
		put_value(f, d->b, unit);
	}
	if (dists[d->kind].name)
		fputc(')', f);
	if (d->abs)
		fputc(')', f);
}

static void put_input(FILE *f, const struct input *in)
{
	enum dist_unit unit = kinds[in->kind].unit;

	fprintf(f, "%s, ", kinds[in->kind].name);
	if (!kinds[in->kind].drawn) {
		for (size_t i = 0; i < in->choices.n; i++)
			fprintf(f, "%s%s", i ? " or " : "", in->choices.s[i]);
		return;
	}
	put_dist(f, &in->dist, unit);
	if (in->kind == INPUT_WORD)
		fputs(" letters", f);
	if (isfinite(in->dist.min)) {
		fputs(", at least ", f);
		put_value(f, in->dist.min, unit);
	}
	if (isfinite(in->dist.max)) {
		fputs(", at most ", f);
		put_value(f, in->dist.max, unit);
	}
}

const char *input_describe(const struct input *in, char *buf, size_t size)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	FILE *f;

	buf[0] = '\0';
	f = open_memstream(&text, &len);
	if (!f)
		return buf;
	put_input(f, in);
	if (fclose(f) == 0)
		snprintf(buf, size, "%s", text);
	return buf;
}

/* A draw that is a number in any case: a ratio of tails can leave the doubles. */
static double draw_number(const struct input *in, struct rng *r, double min, double max)
{
	double v = dist_draw(&in->dist, r);

	if (isnan(v))
		v = 0;
	return fmin(fmax(v, min), max);
}

static char *draw_word(const struct input *in, struct rng *r)
{
	size_t n = (size_t)llround(draw_number(in, r, 1, WORD_MAX));
	char *s = malloc(n + 1);

	if (!s)
		return NULL;
	for (size_t i = 0; i < n; i++)
		s[i] = (char)('a' + rng_below(r, 26));
	s[n] = '\0';
	return s;
}

int input_draw(const struct input *in, struct rng *r, char **ret)
{
	char *s = NULL;
	int n = 0;

	switch (in->kind) {
	case INPUT_NUMBER:
		n = asprintf(&s, "%" PRId64,
			     (int64_t)llround(draw_number(in, r, -NUMBER_MAX, NUMBER_MAX)));
		break;
	case INPUT_SIZE:
		n = asprintf(&s, "%" PRId64, (int64_t)llround(draw_number(in, r, 0, NUMBER_MAX)));
		break;
	case INPUT_TIME:
		n = asprintf(&s, "%.3f", draw_number(in, r, 0, 1e9));
		break;
	case INPUT_WORD:
		s = draw_word(in, r);
		break;
	case INPUT_CHOICE:
		s = strdup(in->choices.s[rng_below(r, in->choices.n)]);
		break;
	case INPUT_TEXT:
		s = strdup(in->choices.s[0]);
		break;
	}
	if (n < 0 || !s)
		return -ENOMEM;
	*ret = s;
	return 0;
}
