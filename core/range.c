/* Expands names with ranges, and holds lists of strings. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/range.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define STRV_MIN     8
#define RANGE_DIGITS 9
#define RANGE_WORD   255 /* bytes in a word with a range */
#define RANGE_SPACE  " \t\r\n"

void strv_free(struct strv *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->s[i]);
	free(v->s);
	*v = (struct strv){0};
}

/* Takes s, also on failure. */
static int strv_push(struct strv *v, char *s)
{
	_cleanup_free_ char *own = s;

	if (!own)
		return -ENOMEM;
	/* Strings and the NULL lie in a power of two of slots, 8 or more: grow when it is full. */
	if (!v->s || (v->n + 1 >= STRV_MIN && !((v->n + 1) & v->n))) {
		size_t room = v->n + 1 < STRV_MIN ? STRV_MIN : 2 * (v->n + 1);
		char **more = realloc(v->s, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		v->s = more;
	}
	v->s[v->n++] = steal_ptr(own);
	v->s[v->n] = NULL;
	return 0;
}

int strv_add(struct strv *v, const char *s)
{
	return strv_push(v, strdup(s));
}

int strv_addf(struct strv *v, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&s, fmt, ap);
	va_end(ap);
	return r < 0 ? -ENOMEM : strv_push(v, s);
}

/* "{01..12}" read: two numbers and how wide to print them (0: as they are). */
struct range {
	uint32_t from, to;
	int width;
	size_t len; /* of the text, with its braces */
};

static size_t parse_digits(const char *s, uint32_t *ret)
{
	size_t n = strspn(s, "0123456789");

	if (n && n <= RANGE_DIGITS)
		*ret = strtoul(s, NULL, 10);
	return n;
}

/* s is at an open brace of a word of len bytes. */
static int parse_range(const char *s, size_t len, struct range *ret, const char **ret_why)
{
	const char *end = memchr(s, '}', len), *p = s + 1;
	struct range r = {0};
	size_t a, b;

	if (!end) {
		*ret_why = "a brace is left open; write {1..6}";
		return -EINVAL;
	}
	a = parse_digits(p, &r.from);
	p += a;
	if (!a || strncmp(p, "..", 2))
		goto bad;
	p += 2;
	b = parse_digits(p, &r.to);
	if (!b || p + b != end)
		goto bad;
	if (a > RANGE_DIGITS || b > RANGE_DIGITS) {
		*ret_why = "a number in a range has more than nine digits";
		return -EINVAL;
	}
	if (r.to < r.from) {
		*ret_why = "a range runs backwards; write the smaller number first";
		return -EINVAL;
	}
	if ((a > 1 && s[1] == '0') || (b > 1 && *p == '0'))
		r.width = a > b ? a : b;
	r.len = end - s + 1;
	*ret = r;
	return 0;
bad:
	*ret_why = "a range is two numbers, as in {1..6}";
	return -EINVAL;
}

/* Each of heads, then len bytes of s, then each number of g if there is one, in that order. */
static int append_range(struct strv *heads, const char *s, size_t len, const struct range *g)
{
	_cleanup_strv_ struct strv next = {0};
	int r = 0;

	for (size_t i = 0; i < heads->n; i++) {
		if (!g)
			r = strv_addf(&next, "%s%.*s", heads->s[i], (int)len, s);
		for (uint32_t v = g ? g->from : 1; g && !r && v <= g->to; v++)
			r = strv_addf(&next, "%s%.*s%0*u", heads->s[i], (int)len, s, g->width, v);
		if (r)
			return r;
	}
	strv_free(heads);
	*heads = next;
	next = (struct strv){0};
	return 0;
}

/* Expands a word of len bytes into ret: a list of beginnings is made longer range by range. */
static int expand_word(const char *s, size_t len, size_t room, struct strv *ret,
		       const char **ret_why)
{
	_cleanup_strv_ struct strv heads = {0};
	const char *end = s + len;
	int r = strv_add(&heads, "");

	if (len > RANGE_WORD && memchr(s, '{', len)) {
		*ret_why = "a word with a range is longer than 255 bytes";
		return -EINVAL;
	}
	while (!r && s < end) {
		size_t plain = 0;
		struct range g = {.len = 0};

		while (s + plain < end && s[plain] != '{' && s[plain] != '}')
			plain++;
		if (s + plain < end && s[plain] == '}') {
			*ret_why = "a brace is closed that was not opened; write {1..6}";
			return -EINVAL;
		}
		if (s + plain < end) {
			r = parse_range(s + plain, end - s - plain, &g, ret_why);
			if (r)
				return r;
			if (heads.n * ((uint64_t)g.to - g.from + 1) > room) {
				*ret_why = "more than 100000 names";
				return -EINVAL;
			}
		}
		r = append_range(&heads, s, plain, g.len ? &g : NULL);
		s += plain + g.len;
	}
	for (size_t i = 0; !r && i < heads.n; i++)
		r = strv_push(ret, steal_ptr(heads.s[i]));
	return r;
}

int range_expand(const char *text, struct strv *ret, const char **ret_why)
{
	_cleanup_strv_ struct strv names = {0};
	const char *s = text + strspn(text, RANGE_SPACE);
	size_t before = ret->n;
	int r = 0;

	while (!r && *s) {
		size_t len = strcspn(s, RANGE_SPACE);

		if (names.n >= RANGE_MAX) {
			*ret_why = "more than 100000 names";
			return -EINVAL;
		}
		r = expand_word(s, len, RANGE_MAX - names.n, &names, ret_why);
		s += len;
		s += strspn(s, RANGE_SPACE);
	}
	for (size_t i = 0; !r && i < names.n; i++)
		r = strv_push(ret, steal_ptr(names.s[i]));
	if (r) {
		while (ret->n > before)
			free(ret->s[--ret->n]);
		if (ret->s)
			ret->s[ret->n] = NULL;
		if (r == -ENOMEM)
			*ret_why = "out of memory";
	}
	return r;
}
