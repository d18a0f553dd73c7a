/* CSV fields and rows. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/csv.h"

#include <inttypes.h>
#include <string.h>

void csv_open(struct csv *c, FILE *f)
{
	*c = (struct csv){.f = f};
}

static void separate(struct csv *c)
{
	if (c->some)
		fputc(',', c->f);
	c->some = true;
}

void csv_str(struct csv *c, const char *s)
{
	separate(c);
	if (!s)
		return;
	if (!strpbrk(s, ",\"\r\n")) {
		fputs(s, c->f);
		return;
	}
	fputc('"', c->f);
	for (; *s; s++) {
		if (*s == '"')
			fputc('"', c->f);
		fputc(*s, c->f);
	}
	fputc('"', c->f);
}

void csv_row(struct csv *c, const char *const *fields, size_t n)
{
	for (size_t i = 0; i < n; i++)
		csv_str(c, fields[i]);
	csv_end(c);
}

void csv_uint(struct csv *c, uint64_t v)
{
	separate(c);
	fprintf(c->f, "%" PRIu64, v);
}

void csv_int(struct csv *c, int64_t v)
{
	separate(c);
	fprintf(c->f, "%" PRId64, v);
}

void csv_time(struct csv *c, int64_t ns)
{
	uint64_t abs = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;

	separate(c);
	fprintf(c->f, "%s%" PRIu64 ".%09" PRIu64, ns < 0 ? "-" : "", abs / 1000000000,
		abs % 1000000000);
}

void csv_end(struct csv *c)
{
	fputc('\n', c->f);
	c->some = false;
}
