/* Reads distributions, and draws from them by inversion where a closed form exists. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/dist.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include "core/err.h"
#include "core/units.h"

#define DIST_SPACE " \t\n"

/* What a parameter may be. The first three take the unit of the context. */
enum dist_role {
	ROLE_ANY,
	ROLE_NOT_NEGATIVE,
	ROLE_POSITIVE,
	ROLE_BARE,
	ROLE_BARE_POSITIVE,
	ROLE_BARE_NOT_NEGATIVE,
};

struct dist_param {
	const char *name;
	enum dist_role role;
};

/* One row a kind. A kind of one parameter has a NULL second name. */
static const struct dist_row {
	const char *name;
	struct dist_param param[2];
	bool one; /* may be given its second parameter alone, the first is then 0 */
} dist_rows[] = {
	[DIST_CONSTANT] = {NULL, {{"value", ROLE_ANY}}, false},
	[DIST_UNIFORM] = {"uniform", {{"min", ROLE_ANY}, {"max", ROLE_ANY}}, false},
	[DIST_EXPONENTIAL] = {"exponential", {{"mean", ROLE_POSITIVE}}, false},
	[DIST_NORMAL] = {"normal", {{"mean", ROLE_ANY}, {"sd", ROLE_NOT_NEGATIVE}}, false},
	[DIST_LOGNORMAL] = {"lognormal", {{"mu", ROLE_BARE}, {"sigma", ROLE_BARE_NOT_NEGATIVE}},
			    false},
	[DIST_PARETO] = {"pareto", {{"scale", ROLE_POSITIVE}, {"shape", ROLE_BARE_POSITIVE}},
			 false},
	[DIST_CAUCHY] = {"cauchy", {{"location", ROLE_ANY}, {"scale", ROLE_POSITIVE}}, true},
	[DIST_WEIBULL] = {"weibull", {{"scale", ROLE_POSITIVE}, {"shape", ROLE_BARE_POSITIVE}},
			  false},
	[DIST_GAMMA] = {"gamma", {{"shape", ROLE_BARE_POSITIVE}, {"scale", ROLE_POSITIVE}}, false},
};

struct parser {
	enum dist_unit unit;
	char **ret_why;
};

static int refuse(const struct parser *p, const char *fmt, ...) printf_like(2, 3);
static int refuse(const struct parser *p, const char *fmt, ...)
{
	va_list ap;
	char *why;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&why, fmt, ap);
	va_end(ap);
	*p->ret_why = r < 0 ? NULL : why;
	return -EINVAL;
}

/* A copy of the len bytes at s without white space around them. */
static char *trimmed(const char *s, size_t len)
{
	while (len && strchr(DIST_SPACE, s[len - 1]))
		len--;
	while (len && strchr(DIST_SPACE, *s)) {
		s++;
		len--;
	}
	return strndup(s, len);
}

/* s in the unit of the context, or bare. */
static int parse_value(const struct parser *p, const char *s, bool bare, double *ret)
{
	bool minus = *s == '-';
	const char *abs = s + minus, *why;
	uint64_t whole = 0;
	int64_t ns = 0;
	double v = 0;
	int r = 0;

	switch (bare ? DIST_NUMBER : p->unit) {
	case DIST_NUMBER:
		r = units_parse_number(abs, &v, &why);
		break;
	case DIST_TIME:
		r = units_parse_time(abs, &ns, &why);
		v = (double)ns / 1e9;
		break;
	case DIST_SIZE:
		r = units_parse_size(abs, &whole, &why);
		v = (double)whole;
		break;
	case DIST_RATE:
		r = units_parse_rate(abs, &whole, &why);
		v = (double)whole;
		break;
	case DIST_SHARE:
		r = units_parse_share(abs, false, &v, &why);
		break;
	}
	if (r)
		return refuse(p, "'%s': %s", s, why);
	*ret = minus ? -v : v;
	return 0;
}

static int parse_param(const struct parser *p, const struct dist_param *d, const char *s,
		       double *ret)
{
	enum dist_role role = d->role;
	bool positive = role == ROLE_POSITIVE || role == ROLE_BARE_POSITIVE;
	bool natural = role == ROLE_NOT_NEGATIVE || role == ROLE_BARE_NOT_NEGATIVE;
	double v = 0;
	int r = parse_value(p, s, role >= ROLE_BARE, &v);

	if (r)
		return r;
	if (positive && v <= 0)
		return refuse(p, "%s must be over 0, not '%s'", d->name, s);
	if (natural && v < 0)
		return refuse(p, "%s must not be negative, '%s'", d->name, s);
	*ret = v;
	return 0;
}

/* What is being filled while arguments come. */
struct call {
	const struct dist_row *row;
	double value[2];
	bool given[2];
	size_t n_plain; /* arguments without a name */
	double min, max;
};

static size_t n_params(const struct dist_row *row)
{
	return row->param[1].name ? 2 : 1;
}

static int named_argument(const struct parser *p, struct call *c, const char *name, const char *s)
{
	const char *words[4];
	size_t n = 0;
	const char *near;

	for (size_t i = 0; i < n_params(c->row); i++) {
		words[n++] = c->row->param[i].name;
		if (strcmp(name, c->row->param[i].name))
			continue;
		if (c->given[i])
			return refuse(p, "%s is given twice", name);
		c->given[i] = true;
		return parse_param(p, &c->row->param[i], s, &c->value[i]);
	}
	if (!strcmp(name, "min") && isinf(c->min))
		return parse_value(p, s, false, &c->min);
	if (!strcmp(name, "max") && isinf(c->max))
		return parse_value(p, s, false, &c->max);
	if (!strcmp(name, "min") || !strcmp(name, "max"))
		return refuse(p, "%s is given twice", name);
	words[n++] = "min";
	words[n++] = "max";
	near = err_nearest(name, words, n);
	if (near)
		return refuse(p, "%s has no '%s'; did you mean '%s'?", c->row->name, name, near);
	return refuse(p, "%s has no '%s'; it has %s%s%s, min and max", c->row->name, name,
		      c->row->param[0].name, c->row->param[1].name ? ", " : "",
		      c->row->param[1].name ? c->row->param[1].name : "");
}

static int argument(const struct parser *p, struct call *c, const char *arg, size_t len)
{
	const char *eq = memchr(arg, '=', len);
	_cleanup_free_ char *name = NULL, *s = NULL;
	size_t i = c->n_plain;

	if (eq) {
		name = trimmed(arg, eq - arg);
		s = trimmed(eq + 1, len - (eq + 1 - arg));
		if (!name || !s)
			return -ENOMEM;
		return named_argument(p, c, name, s);
	}
	s = trimmed(arg, len);
	if (!s)
		return -ENOMEM;
	if (!*s)
		return refuse(p, "%s has an empty argument", c->row->name);
	if (i >= n_params(c->row))
		return refuse(p, "%s takes %zu number%s; '%s' is one too many", c->row->name,
			      n_params(c->row), n_params(c->row) > 1 ? "s" : "", s);
	if (c->given[i])
		return refuse(p, "%s is given twice", c->row->param[i].name);
	c->n_plain++;
	c->given[i] = true;
	return parse_param(p, &c->row->param[i], s, &c->value[i]);
}

/* All parameters there, and in order? */
static int finish_call(const struct parser *p, struct call *c, struct dist *d)
{
	const struct dist_row *row = c->row;

	if (row->one && c->given[0] && !c->given[1] && c->n_plain) {
		/* cauchy(s) is cauchy(0, s) */
		if (c->value[0] <= 0)
			return refuse(p, "%s must be over 0", row->param[1].name);
		c->value[1] = c->value[0];
		c->value[0] = 0;
		c->given[1] = true;
	} else if (row->one && c->given[1]) {
		c->given[0] = true;
	}
	for (size_t i = 0; i < n_params(row); i++)
		if (!c->given[i])
			return refuse(p, "%s lacks its %s", row->name, row->param[i].name);
	d->kind = row - dist_rows;
	d->a = c->value[0];
	d->b = c->value[1];
	if (d->kind == DIST_UNIFORM && d->a > d->b)
		return refuse(p, "uniform needs the smaller number first");
	if (c->min > c->max)
		return refuse(p, "min is over max");
	d->min = c->min;
	d->max = c->max;
	return 0;
}

static int find_row(const struct parser *p, const char *name, const struct dist_row **ret)
{
	const char *words[ARRAY_SIZE(dist_rows) + 1], *near;
	size_t n = 0;

	for (size_t i = DIST_CONSTANT + 1; i < ARRAY_SIZE(dist_rows); i++) {
		words[n++] = dist_rows[i].name;
		if (!strcmp(name, dist_rows[i].name)) {
			*ret = &dist_rows[i];
			return 0;
		}
	}
	words[n++] = "abs";
	near = err_nearest(name, words, n);
	if (near)
		return refuse(p, "unknown distribution '%s'; did you mean '%s'?", name, near);
	return refuse(p, "unknown distribution '%s'; there are uniform, exponential, normal, "
			 "lognormal, pareto, cauchy, weibull, gamma and abs", name);
}

/* "name(arguments)" or "abs(name(arguments))", trimmed. */
static int parse_call(const struct parser *p, const char *s, struct dist *d)
{
	size_t len = strlen(s), open = strcspn(s, "(");
	_cleanup_free_ char *name = trimmed(s, open), *inner = NULL;
	struct call c = {.min = -INFINITY, .max = INFINITY};
	const char *arg, *end;
	int r;

	if (!name)
		return -ENOMEM;
	if (s[len - 1] != ')')
		return refuse(p, "'%s' does not end with ')'", s);
	arg = s + open + 1;
	end = s + len - 1;
	if (!strcmp(name, "abs") && !d->abs) {
		inner = trimmed(arg, end - arg);
		if (!inner)
			return -ENOMEM;
		d->abs = true;
		if (!strchr(inner, '('))
			return refuse(p, "abs is of a distribution, as in abs(cauchy(5000))");
		return parse_call(p, inner, d);
	}
	r = find_row(p, name, &c.row);
	if (!r && memchr(arg, '(', end - arg))
		r = refuse(p, "%s takes numbers, not another distribution", name);
	while (!r) {
		const char *comma = memchr(arg, ',', end - arg);

		r = argument(p, &c, arg, (comma ? comma : end) - arg);
		if (!comma)
			break;
		arg = comma + 1;
	}
	return r ? r : finish_call(p, &c, d);
}

/* "OFFSET +" before the name of a call; *s is moved after it. */
static int parse_offset(const struct parser *p, const char **s, double *ret)
{
	const char *plus = memchr(*s, '+', strcspn(*s, "("));
	_cleanup_free_ char *text = NULL;
	int r;

	if (!plus)
		return 0;
	text = trimmed(*s, plus - *s);
	if (!text)
		return -ENOMEM;
	r = parse_value(p, text, false, ret);
	if (!r)
		*s = plus + 1 + strspn(plus + 1, DIST_SPACE);
	return r;
}

int dist_parse(const char *s, enum dist_unit unit, struct dist *ret, char **ret_why)
{
	struct parser p = {unit, ret_why};
	struct dist d = {.kind = DIST_CONSTANT, .min = -INFINITY, .max = INFINITY};
	_cleanup_free_ char *text = trimmed(s, strlen(s));
	const char *call = text;
	int r;

	if (!text)
		return -ENOMEM;
	if (!strchr(text, '(') && *text >= 'A' && *text != '_') {
		r = refuse(&p, "'%s' is neither a number nor a distribution such as "
			       "exponential(...)", text);
	} else if (!strchr(text, '(')) {
		r = parse_value(&p, text, false, &d.a);
	} else {
		r = parse_offset(&p, &call, &d.offset);
		if (!r)
			r = parse_call(&p, call, &d);
	}
	if (r)
		return r;
	/* min= and max= are of the call; the offset comes on top of them */
	d.min += d.offset;
	d.max += d.offset;
	*ret = d;
	return 0;
}

/* Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. */
static double draw_gamma(struct rng *r, double shape, double scale)
{
	double boost = 1, d, c;

	if (shape < 1) {
		boost = pow(1 - rng_unit(r), 1 / shape);
		shape += 1;
	}
	d = shape - 1.0 / 3;
	c = 1 / sqrt(9 * d);
	for (;;) {
		double x = rng_normal(r), v = 1 + c * x, u;

		if (v <= 0)
			continue;
		v = v * v * v;
		u = 1 - rng_unit(r); /* over 0, so that its log is finite */
		if (log(u) < 0.5 * x * x + d - d * v + d * log(v))
			return boost * d * v * scale;
	}
}

static double draw(const struct dist *d, struct rng *r)
{
	switch (d->kind) {
	case DIST_CONSTANT:
		return d->a;
	case DIST_UNIFORM:
		return d->a + (d->b - d->a) * rng_unit(r);
	case DIST_EXPONENTIAL:
		return -d->a * log1p(-rng_unit(r));
	case DIST_NORMAL:
		return d->a + d->b * rng_normal(r);
	case DIST_LOGNORMAL:
		return exp(d->a + d->b * rng_normal(r));
	case DIST_PARETO:
		return d->a * pow(1 - rng_unit(r), -1 / d->b);
	case DIST_CAUCHY:
		return d->a + d->b * tan(M_PI * (rng_unit(r) - 0.5));
	case DIST_WEIBULL:
		return d->a * pow(-log1p(-rng_unit(r)), 1 / d->b);
	case DIST_GAMMA:
		return draw_gamma(r, d->a, d->b);
	}
	return 0;
}

double dist_draw(const struct dist *d, struct rng *r)
{
	double v = draw(d, r);

	if (d->abs)
		v = fabs(v);
	v = fmin(fmax(v + d->offset, d->min), d->max);
	/* A heavy tail may pass what a double holds; whoever rounds it wants a number. */
	return fmin(fmax(v, -DBL_MAX), DBL_MAX);
}
