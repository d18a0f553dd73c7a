/* JSON, written as it comes. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"

#include <assert.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include "core/utf8.h"

void json_open(struct json *j, FILE *f, bool pretty)
{
	*j = (struct json){.f = f, .pretty = pretty};
}

void json_close(struct json *j)
{
	fputc('\n', j->f);
}

static void indent(struct json *j)
{
	if (!j->pretty)
		return;
	fputc('\n', j->f);
	for (int i = 0; i < j->depth; i++)
		fputs("  ", j->f);
}

/* What stands before a value or a key. */
static void separate(struct json *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	/* values outside of any object are one a line */
	if (j->some[j->depth])
		fputs(!j->depth ? "\n" : j->pretty ? "," : ", ", j->f);
	j->some[j->depth] = true;
	if (j->depth)
		indent(j);
}

static void begin(struct json *j, char c)
{
	separate(j);
	assert(j->depth + 1 < JSON_DEPTH);
	fputc(c, j->f);
	j->some[++j->depth] = false;
}

static void end(struct json *j, char c)
{
	bool some = j->some[j->depth];

	assert(j->depth > 0);
	j->depth--;
	if (some)
		indent(j);
	fputc(c, j->f);
}

void json_object(struct json *j)
{
	begin(j, '{');
}

void json_object_end(struct json *j)
{
	end(j, '}');
}

void json_array(struct json *j)
{
	begin(j, '[');
}

void json_array_end(struct json *j)
{
	end(j, ']');
}

static void quote(struct json *j, const char *s)
{
	size_t left = strlen(s), n;

	fputc('"', j->f);
	for (; left; s += n, left -= n) {
		unsigned char c = *s;

		n = utf8_len(s, left);
		if (!n) {
			fputs("\xef\xbf\xbd", j->f);
			n = 1;
		} else if (c == '"' || c == '\\') {
			fprintf(j->f, "\\%c", c);
		} else if (c == '\n') {
			fputs("\\n", j->f);
		} else if (c == '\t') {
			fputs("\\t", j->f);
		} else if (c == '\r') {
			fputs("\\r", j->f);
		} else if (c < ' ' || c == 0x7f) {
			fprintf(j->f, "\\u%04x", c);
		} else {
			fwrite(s, 1, n, j->f);
		}
	}
	fputc('"', j->f);
}

void json_key(struct json *j, const char *key)
{
	separate(j);
	quote(j, key);
	fputs(": ", j->f);
	j->after_key = true;
}

void json_str(struct json *j, const char *s)
{
	separate(j);
	if (s)
		quote(j, s);
	else
		fputs("null", j->f);
}

void json_strf(struct json *j, const char *fmt, ...)
{
	_cleanup_free_ char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	json_str(j, s);
}

void json_int(struct json *j, int64_t v)
{
	separate(j);
	fprintf(j->f, "%" PRId64, v);
}

void json_uint(struct json *j, uint64_t v)
{
	separate(j);
	fprintf(j->f, "%" PRIu64, v);
}

/* The fewest digits that read back as v, with a point in every locale. */
static void format_num(char *buf, size_t size, double v)
{
	const char *point = localeconv()->decimal_point;
	char *at;

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(buf, size, "%.*g", digits, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	at = strcmp(point, ".") ? strstr(buf, point) : NULL;
	if (at) {
		*at = '.';
		memmove(at + 1, at + strlen(point), strlen(at + strlen(point)) + 1);
	}
}

void json_num(struct json *j, double v)
{
	char buf[64];

	separate(j);
	if (!isfinite(v)) {
		fputs("null", j->f);
		return;
	}
	format_num(buf, sizeof(buf), v);
	fputs(buf, j->f);
}

void json_bool(struct json *j, bool v)
{
	separate(j);
	fputs(v ? "true" : "false", j->f);
}

void json_raw(struct json *j, const char *s)
{
	separate(j);
	fputs(s, j->f);
}

void json_kv_str(struct json *j, const char *key, const char *s)
{
	json_key(j, key);
	json_str(j, s);
}

void json_kv_int(struct json *j, const char *key, int64_t v)
{
	json_key(j, key);
	json_int(j, v);
}

void json_kv_uint(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_uint(j, v);
}

void json_kv_num(struct json *j, const char *key, double v)
{
	json_key(j, key);
	json_num(j, v);
}

void json_kv_bool(struct json *j, const char *key, bool v)
{
	json_key(j, key);
	json_bool(j, v);
}
