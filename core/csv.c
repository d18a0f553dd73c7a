/* CSV fields and rows. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/csv.h"

#include <math.h>
#include <string.h>
#include "core/digits.h"
#include "core/utf8.h"

#define DIGITS 20 /* of 2^64 - 1 */

void csv_open(struct csv *c, FILE *f)
{
	*c = (struct csv){.f = f};
}

/* A file of a run may have a row for each packet: no lock and no format for each field. */
static void separate(struct csv *c)
{
	if (c->some)
		putc_unlocked(',', c->f);
	c->some = true;
}

/* Printable ASCII that needs no quotes: almost every field. */
static size_t plain_len(const char *s)
{
	size_t n = 0;

	while (s[n] >= ' ' && s[n] < 0x7f && s[n] != ',' && s[n] != '"')
		n++;
	return n;
}

void csv_str(struct csv *c, const char *s)
{
	size_t left, used, len;
	const char *text;
	bool quoted;

	separate(c);
	if (!s)
		return;
	len = plain_len(s);
	if (!s[len]) {
		fwrite_unlocked(s, 1, len, c->f);
		return;
	}
	quoted = strpbrk(s, ",\"\r\n") != NULL;
	if (quoted)
		fputc('"', c->f);
	for (left = strlen(s); left; s += used, left -= used) {
		used = utf8_clean_char(s, left, "\t\n", &text, &len);
		if (*text == '"')
			fputc('"', c->f);
		fwrite(text, 1, len, c->f);
	}
	if (quoted)
		fputc('"', c->f);
}

void csv_row(struct csv *c, const char *const *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		csv_str(c, fields[i]);
	csv_end(c);
}

static uint64_t magnitude(int64_t v)
{
	return v < 0 ? -(uint64_t)v : (uint64_t)v;
}

void csv_uint(struct csv *c, uint64_t v)
{
	char buf[DIGITS], *p = put_digits(buf + sizeof(buf), v, 1);

	separate(c);
	fwrite_unlocked(p, 1, (size_t)(buf + sizeof(buf) - p), c->f);
}

void csv_int(struct csv *c, int64_t v)
{
	char buf[DIGITS + 1], *p = put_digits(buf + sizeof(buf), magnitude(v), 1);

	if (v < 0)
		*--p = '-';
	separate(c);
	fwrite_unlocked(p, 1, (size_t)(buf + sizeof(buf) - p), c->f);
}

void csv_time(struct csv *c, int64_t ns)
{
	char buf[DIGITS + 2], *p = put_digits(buf + sizeof(buf), magnitude(ns) % 1000000000, 9);

	*--p = '.';
	p = put_digits(p, magnitude(ns) / 1000000000, 1);
	if (ns < 0)
		*--p = '-';
	separate(c);
	fwrite_unlocked(p, 1, (size_t)(buf + sizeof(buf) - p), c->f);
}

/* whole and, behind a point, fraction of so many digits; no zeros at its end. */
static void put_fixed(struct csv *c, bool negative, uint64_t whole, uint64_t fraction, int digits)
{
	char buf[2 * DIGITS + 2], *end = buf + sizeof(buf), *p = end;

	while (digits && fraction % 10 == 0) {
		fraction /= 10;
		digits--;
	}
	if (digits) {
		p = put_digits(p, fraction, digits);
		*--p = '.';
	}
	p = put_digits(p, whole, 1);
	if (negative)
		*--p = '-';
	separate(c);
	fwrite_unlocked(p, 1, (size_t)(end - p), c->f);
}

void csv_decimal(struct csv *c, int64_t v, int digits)
{
	uint64_t unit = 1;

	for (int i = 0; i < digits; i++)
		unit *= 10;
	put_fixed(c, v < 0, magnitude(v) / unit, magnitude(v) % unit, digits);
}

void csv_real(struct csv *c, double v)
{
	double size = fabs(v), whole = floor(size);
	/* Twelve digits and more: what a sum of many doubles can be trusted with. */
	int digits = size < 1e3 ? 9 : size < 1e9 ? 6 : 3;
	double unit = digits == 9 ? 1e9 : digits == 6 ? 1e6 : 1e3, fraction;

	if (!isfinite(v) || size >= 0x1p64) {
		csv_str(c, NULL);
		return;
	}
	fraction = rint((size - whole) * unit);
	if (fraction >= unit) {
		fraction = 0;
		whole++;
	}
	put_fixed(c, v < 0 && (whole > 0 || fraction > 0), (uint64_t)whole, (uint64_t)fraction, digits);
}

void csv_end(struct csv *c)
{
	putc_unlocked('\n', c->f);
	c->some = false;
}
