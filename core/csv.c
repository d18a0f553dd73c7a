/* CSV fields and rows. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/csv.h"

#include <inttypes.h>
#include <string.h>
#include "core/utf8.h"

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
	size_t left, used, len;
	const char *text;
	bool quoted;

	separate(c);
	if (!s)
		return;
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
