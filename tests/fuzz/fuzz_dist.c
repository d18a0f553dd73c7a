/* Fuzzes the readers of numbers: distributions, units, ranges. What is written must read back. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "core/dist.h"
#include "core/range.h"
#include "core/units.h"
#include "tests/fuzz/fuzz.h"

static void need(int truth)
{
	if (!truth)
		abort();
}

static void try_dist(const char *s)
{
	for (int unit = DIST_NUMBER; unit <= DIST_SHARE; unit++) {
		_cleanup_free_ char *why = NULL;
		struct dist d;
		struct rng r;
		int ret = dist_parse(s, unit, &d, &why);

		need(ret == 0 || (ret == -EINVAL && why && *why));
		if (ret)
			continue;
		rng_open(&r, 1, "fuzz");
		for (int i = 0; i < 20; i++) {
			double v = dist_draw(&d, &r);

			need(isfinite(v) && v >= d.min && v <= d.max);
		}
	}
}

static void try_units(const char *s)
{
	const char *why = NULL;
	char buf[64];
	uint64_t v, back;
	int64_t ns, ns_back;
	double x;
	bool b;

	if (!units_parse_time(s, &ns, &why))
		need(!units_parse_time(units_format_time(buf, sizeof(buf), ns), &ns_back, &why) &&
		     ns == ns_back);
	if (!units_parse_rate(s, &v, &why))
		need(!units_parse_rate(units_format_rate(buf, sizeof(buf), v), &back, &why) &&
		     v == back);
	if (!units_parse_size(s, &v, &why))
		need(!units_parse_size(units_format_size(buf, sizeof(buf), v), &back, &why) &&
		     v == back);
	if (!units_parse_share(s, false, &x, &why))
		need(x >= 0 && x <= 1);
	if (!units_parse_share(s, true, &x, &why)) {
		double x_back;

		need(x >= 0 && isfinite(x));
		units_format_share(buf, sizeof(buf), x);
		need(!units_parse_share(buf, true, &x_back, &why));
		need(x_back == x || x > 9000);
	}
	if (!units_parse_number(s, &x, &why))
		need(isfinite(x));
	if (!units_parse_uint(s, 3, 1000, &v, &why))
		need(v >= 3 && v <= 1000);
	why = NULL;
	need(!units_parse_bool(s, &b, &why) || why);
}

static void try_range(const char *s)
{
	_cleanup_strv_ struct strv v = {0};
	const char *why = NULL;

	if (range_expand(s, &v, &why)) {
		need(why && !v.n);
		return;
	}
	need(v.n <= RANGE_MAX);
	for (size_t i = 0; i < v.n; i++)
		need(*v.s[i] && !strpbrk(v.s[i], " \t\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *s = NULL;

	if (size > 4096)
		return 0;
	s = strndup((const char *)data, size);
	need(s != NULL);
	try_dist(s);
	try_units(s);
	try_range(s);
	return 0;
}
