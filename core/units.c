/* Reads and writes numbers with units. All is exact: what is finer than the unit is refused. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/units.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define UNITS_DECIMALS 18 /* most that a number may have; 10^18 fits 64 bits */
/* Of a percentage: with 10 a share up to 9,000 is one quotient of integers that a double holds exactly. */
#define UNITS_SHARE_DECIMALS 10

struct unit {
	const char *name;
	uint64_t size;
};

/* Largest first. */
static const struct unit units_time[] = {
	{"h", 3600 * NSEC_PER_SEC}, {"min", 60 * NSEC_PER_SEC}, {"s", NSEC_PER_SEC},
	{"ms", NSEC_PER_MSEC},	    {"us", NSEC_PER_USEC},	{"ns", 1},
};
static const struct unit units_rate[] = {
	{"tbit", 1000000000000}, {"gbit", 1000000000}, {"mbit", 1000000},
	{"kbit", 1000},		 {"bit", 1},
};
static const struct unit units_size[] = {
	{"TiB", 1ull << 40}, {"TB", 1000000000000}, {"GiB", 1 << 30}, {"GB", 1000000000},
	{"MiB", 1 << 20},    {"MB", 1000000},	    {"KiB", 1 << 10}, {"kB", 1000},
	{"B", 1},
};

/* mantissa / 10^decimals */
struct decimal {
	uint64_t mantissa;
	int decimals;
};

/* Digits with at most one point; *ret_rest is what follows. */
static int parse_decimal(const char *s, struct decimal *ret, const char **ret_rest,
			 const char **ret_why)
{
	struct decimal d = {0};
	bool digits = false, point = false;
	const char *p = s;

	if (*p == '-') {
		*ret_why = "must not be negative";
		return -EINVAL;
	}
	for (; (*p >= '0' && *p <= '9') || (*p == '.' && !point); p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		digits = true;
		if (__builtin_mul_overflow(d.mantissa, 10, &d.mantissa) ||
		    __builtin_add_overflow(d.mantissa, (uint64_t)(*p - '0'), &d.mantissa)) {
			*ret_why = "number has too many digits";
			return -EINVAL;
		}
		d.decimals += point;
	}
	if (!digits || p[-1] == '.') {
		*ret_why = *s ? "is not a number" : "a value is missing";
		return -EINVAL;
	}
	/* Zeros at the end say nothing; without them a decimal has few places. */
	while (d.decimals && d.mantissa % 10 == 0) {
		d.mantissa /= 10;
		d.decimals--;
	}
	if (d.decimals > UNITS_DECIMALS) {
		*ret_why = "number is too fine; 18 decimals are read";
		return -EINVAL;
	}
	*ret = d;
	*ret_rest = p;
	return 0;
}

static uint64_t pow10_u64(int n)
{
	uint64_t p = 1;

	while (n-- > 0)
		p *= 10;
	return p;
}

/* d units of size as a whole number up to max. */
static int scale_decimal(const struct decimal *d, uint64_t size, uint64_t max, const char *fine,
			 uint64_t *ret, const char **ret_why)
{
	unsigned __int128 v = (unsigned __int128)d->mantissa * size;
	uint64_t div = pow10_u64(d->decimals);

	if (v % div) {
		*ret_why = fine;
		return -EINVAL;
	}
	if (v / div > max) {
		*ret_why = "is too large";
		return -EINVAL;
	}
	*ret = v / div;
	return 0;
}

static const struct unit *find_unit(const struct unit *u, size_t n, const char *name,
				    int (*compare)(const char *, const char *))
{
	for (size_t i = 0; i < n; i++)
		if (!compare(u[i].name, name))
			return &u[i];
	return NULL;
}

int units_parse_time(const char *s, int64_t *ret_ns, const char **ret_why)
{
	const struct unit *u;
	struct decimal d;
	const char *rest;
	uint64_t v;
	int r = parse_decimal(s, &d, &rest, ret_why);

	if (r)
		return r;
	if (!*rest && !d.mantissa) {
		*ret_ns = 0;
		return 0;
	}
	u = find_unit(units_time, sizeof(units_time) / sizeof(*u), rest, strcmp);
	if (!u) {
		*ret_why = *rest ? "unknown unit; use ns, us, ms, s, min or h"
				 : "a time needs a unit; use ns, us, ms, s, min or h";
		return -EINVAL;
	}
	r = scale_decimal(&d, u->size, INT64_MAX, "is finer than a nanosecond", &v, ret_why);
	if (r)
		return r;
	*ret_ns = v;
	return 0;
}

int units_parse_rate(const char *s, uint64_t *ret_bps, const char **ret_why)
{
	const struct unit *u;
	struct decimal d;
	const char *rest;
	uint64_t v;
	int r = parse_decimal(s, &d, &rest, ret_why);

	if (r)
		return r;
	/* tc reads Mbit and mbit alike */
	u = find_unit(units_rate, sizeof(units_rate) / sizeof(*u), rest, strcasecmp);
	if (!u) {
		*ret_why = *rest ? "unknown unit; use bit, kbit, mbit, gbit or tbit (bits a second)"
				 : "a rate needs a unit; use bit, kbit, mbit, gbit or tbit";
		return -EINVAL;
	}
	if (!d.mantissa) {
		*ret_why = "a rate must be over 0";
		return -EINVAL;
	}
	r = scale_decimal(&d, u->size, UINT64_MAX, "is not a whole number of bits", &v, ret_why);
	if (r)
		return r;
	*ret_bps = v;
	return 0;
}

int units_parse_size(const char *s, uint64_t *ret_bytes, const char **ret_why)
{
	const struct unit *u;
	struct decimal d;
	const char *rest;
	int r = parse_decimal(s, &d, &rest, ret_why);

	if (r)
		return r;
	u = find_unit(units_size, sizeof(units_size) / sizeof(*u), *rest ? rest : "B", strcmp);
	if (!u) {
		*ret_why = "unknown unit; use B, kB, MB, GB, TB (powers of 1000) or "
			   "KiB, MiB, GiB, TiB";
		return -EINVAL;
	}
	return scale_decimal(&d, u->size, UINT64_MAX, "is not a whole number of bytes", ret_bytes,
			     ret_why);
}

int units_parse_share(const char *s, bool over_one, double *ret_share, const char **ret_why)
{
	struct decimal d;
	const char *rest;
	int r = parse_decimal(s, &d, &rest, ret_why);

	if (r)
		return r;
	if (strcmp(rest, "%") && (*rest || d.mantissa)) {
		*ret_why = *rest ? "unknown unit; write a share as in 50%"
				 : "a share is written with %, as in 50%";
		return -EINVAL;
	}
	if (d.decimals > UNITS_SHARE_DECIMALS) {
		*ret_why = "is finer than 0.0000000001%";
		return -EINVAL;
	}
	if (!over_one && d.mantissa > 100 * pow10_u64(d.decimals)) {
		*ret_why = "is over 100%";
		return -EINVAL;
	}
	*ret_share = (double)d.mantissa / (100.0 * (double)pow10_u64(d.decimals));
	return 0;
}

int units_parse_number(const char *s, double *ret, const char **ret_why)
{
	bool minus = *s == '-';
	struct decimal d;
	const char *rest;
	double v;
	int r = parse_decimal(s + minus, &d, &rest, ret_why);

	if (r)
		return r;
	if (*rest) {
		*ret_why = "must be a bare number, such as 5 or 0.25";
		return -EINVAL;
	}
	v = (double)d.mantissa / (double)pow10_u64(d.decimals);
	*ret = minus ? -v : v;
	return 0;
}

int units_parse_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret, const char **ret_why)
{
	static _Thread_local char why[80];
	size_t n = strspn(s, "0123456789");
	uint64_t v = 0;
	bool over = false;

	if (!n || s[n]) {
		*ret_why = *s == '-' ? "must not be negative" : "must be a whole number";
		return -EINVAL;
	}
	for (; *s; s++)
		over |= __builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v);
	if (over || v < min || v > max) {
		snprintf(why, sizeof(why), "must be from %llu to %llu", (unsigned long long)min,
			 (unsigned long long)max);
		*ret_why = why;
		return -EINVAL;
	}
	*ret = v;
	return 0;
}

int units_parse_bool(const char *s, bool *ret, const char **ret_why)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!strcmp(s, words[i])) {
			*ret = i & 1;
			return 0;
		}
	}
	*ret_why = "must be yes or no";
	return -EINVAL;
}

/* v as a decimal number of units of size, or false when it has no end within 18 places. */
static bool format_exact(char *buf, size_t len, uint64_t v, const struct unit *u)
{
	uint64_t whole = v / u->size, rest = v % u->size;
	char places[UNITS_DECIMALS + 1];
	int n = 0;

	if (!whole && u->size > 1)
		return false;
	while (rest && n < UNITS_DECIMALS) {
		unsigned __int128 next = (unsigned __int128)rest * 10;

		places[n++] = '0' + (int)(next / u->size);
		rest = next % u->size;
	}
	if (rest)
		return false;
	places[n] = '\0';
	n = snprintf(buf, len, "%llu%s%s%s", (unsigned long long)whole, n ? "." : "", places,
		     u->name);
	return n > 0 && (size_t)n < len;
}

/* The shortest of the exact forms; of equals a whole number, then the larger unit. */
static const char *format_shortest(char *buf, size_t size, uint64_t v, const struct unit *u,
				   size_t n)
{
	char form[64], best[64] = "";
	size_t len = SIZE_MAX; /* twice the length, and one for a point */

	for (size_t i = 0; i < n; i++) {
		size_t l;

		if (!format_exact(form, sizeof(form), v, &u[i]))
			continue;
		l = 2 * strlen(form) + !!strchr(form, '.');
		if (l < len) {
			len = l;
			strcpy(best, form);
		}
	}
	snprintf(buf, size, "%s", best);
	return buf;
}

const char *units_format_time(char *buf, size_t size, int64_t ns)
{
	if (!ns) {
		snprintf(buf, size, "0s");
		return buf;
	}
	return format_shortest(buf, size, ns < 0 ? 0 : ns, units_time, 6);
}

const char *units_format_rate(char *buf, size_t size, uint64_t bps)
{
	return format_shortest(buf, size, bps, units_rate, 5);
}

const char *units_format_size(char *buf, size_t size, uint64_t bytes)
{
	return format_shortest(buf, size, bytes, units_size,
			       sizeof(units_size) / sizeof(*units_size));
}

const char *units_format_share(char *buf, size_t size, double share)
{
	char text[64] = "0%";
	const char *why;
	double back;

	for (int places = 0; places <= UNITS_SHARE_DECIMALS; places++) {
		int n = snprintf(text, sizeof(text) - 1, "%.*f", places, share * 100);

		if (n < 0 || (size_t)n >= sizeof(text) - 1)
			break;
		strcpy(text + n, "%");
		if (!units_parse_share(text, true, &back, &why) && back == share)
			break;
	}
	snprintf(buf, size, "%s", text);
	return buf;
}

const char *units_human_size(char *buf, size_t size, uint64_t bytes)
{
	static const char *const names[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double v = (double)bytes;
	size_t i = 0;

	for (; v >= (i ? 999.95 : 1000) && i < 6; i++)
		v /= 1000;
	snprintf(buf, size, i ? "%.1f %s" : "%.0f %s", v, names[i]);
	return buf;
}

const char *units_human_time(char *buf, size_t size, int64_t ns)
{
	double s = (double)ns / 1e9;

	if (s < 0.9995e-3)
		snprintf(buf, size, "%.0f us", s * 1e6);
	else if (s < 0.9995)
		snprintf(buf, size, "%.0f ms", s * 1e3);
	else if (s < 119.95)
		snprintf(buf, size, "%.1f s", s);
	else if (s < 7199.5)
		snprintf(buf, size, "%lld min %lld s", (long long)(s + 0.5) / 60,
			 (long long)(s + 0.5) % 60);
	else
		snprintf(buf, size, "%lld h %lld min", (long long)(s / 60 + 0.5) / 60,
			 (long long)(s / 60 + 0.5) % 60);
	return buf;
}

static int64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t units_now_mono(void)
{
	return now(CLOCK_MONOTONIC);
}

int64_t units_now_real(void)
{
	return now(CLOCK_REALTIME);
}
