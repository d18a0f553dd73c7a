/* Reads Mahimahi traces and says when their opportunities come. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/trace.h"

#include <errno.h>
#include <string.h>

#include "core/units.h"
#include "emu/textfile.h"

static int parse_line(const struct textfile *f, const char *line, uint32_t last, uint32_t *ret,
		      struct err *err)
{
	const char *why;
	uint64_t ms;

	if (!*line)
		return err_at(err, f->name, f->line, "an empty line; each holds a millisecond");
	if (units_parse_uint(line, 0, UINT32_MAX, &ms, &why) < 0)
		return err_at(err, f->name, f->line, "'%.40s' is not a millisecond: %s", line, why);
	if (ms < last)
		return err_at(err, f->name, f->line,
			      "%u comes after %u: milliseconds must not fall", (unsigned)ms, last);
	*ret = (uint32_t)ms;
	return 0;
}

/* All lines to t->ms, which has room for them. */
static int parse_lines(struct textfile *f, struct trace *t, struct err *err)
{
	const char *line;

	while ((line = textfile_line(f))) {
		uint32_t last = t->n ? t->ms[t->n - 1] : 0;
		int r = parse_line(f, line, last, &t->ms[t->n], err);

		if (r < 0)
			return r;
		t->n++;
	}
	if (!t->n)
		return err_at(err, f->name, 0, "is empty; a trace needs a line at least");
	if (!t->ms[t->n - 1])
		return err_at(err, f->name, f->line,
			      "the trace ends at millisecond 0; its last line is its period");
	return 0;
}

int trace_load(const char *dir, const char *path, struct trace **ret, struct err *err)
{
	_cleanup_textfile_ struct textfile f = {0};
	struct trace *t;
	int r = textfile_read(dir, path, &f, err);

	if (r < 0)
		return r;
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_sys(err, ENOMEM, "%s", f.name);
	t->refs = 1;
	t->path = textfile_lasting_name(&f, path);
	t->ms = calloc(textfile_lines(&f), sizeof(*t->ms));
	r = t->path && t->ms ? parse_lines(&f, t, err) : err_sys(err, ENOMEM, "%s", f.name);
	if (r < 0) {
		trace_unref(t);
		return r;
	}
	*ret = t;
	return 0;
}

struct trace *trace_ref(struct trace *t)
{
	if (t)
		__atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
	return t;
}

void trace_unref(struct trace *t)
{
	if (!t || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL))
		return;
	free(t->path);
	free(t->ms);
	free(t);
}

bool trace_equal(const struct trace *a, const struct trace *b)
{
	if (!a || !b || a == b)
		return a == b;
	return a->n == b->n && !strcmp(a->path, b->path) &&
	       !memcmp(a->ms, b->ms, a->n * sizeof(*a->ms));
}

double trace_rate(const struct trace *t)
{
	return (double)t->n * TRACE_BYTES * 8 * 1000 / t->ms[t->n - 1];
}

int64_t trace_at(const struct trace *t, uint64_t k)
{
	unsigned __int128 ms = (unsigned __int128)(k / t->n) * t->ms[t->n - 1] + t->ms[k % t->n];

	return ms > INT64_MAX / NSEC_PER_MSEC ? INT64_MAX : (int64_t)ms * NSEC_PER_MSEC;
}
