/* The list of errors a user can act on, and the word that was probably meant. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define ERR_WORD_MAX 200 /* longer words get no suggestion */

void err_free(struct err *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->items[i].file);
		free(e->items[i].msg);
	}
	free(e->items);
	*e = (struct err){0};
}

/* Takes msg. Without memory the error is still counted, so that err_exit() is not 0. */
static void err_add(struct err *e, enum err_class class, const char *file, int line, char *msg)
{
	_cleanup_free_ char *text = msg, *name = NULL;
	struct err_item *items;

	if (!e)
		return;
	if (e->n >= ERR_MAX || !text)
		goto count;
	if (file) {
		name = strdup(file);
		if (!name)
			goto count;
	}
	items = realloc(e->items, (e->n + 1) * sizeof(*items));
	if (!items)
		goto count;
	e->items = items;
	items[e->n++] = (struct err_item){class, steal_ptr(name), line, steal_ptr(text)};
	return;
count:
	e->suppressed++;
}

static char *err_format(const char *fmt, va_list ap) printf_like(1, 0);
static char *err_format(const char *fmt, va_list ap)
{
	char *s;

	return vasprintf(&s, fmt, ap) < 0 ? NULL : s;
}

#define ERR_ADD(e, class, file, line, fmt)                               \
	do {                                                             \
		va_list ap_;                                             \
                                                                         \
		va_start(ap_, fmt);                                      \
		err_add(e, class, file, line, err_format(fmt, ap_));     \
		va_end(ap_);                                             \
	} while (0)

int err_at(struct err *e, const char *file, int line, const char *fmt, ...)
{
	ERR_ADD(e, ERR_USAGE, file, line, fmt);
	return -EINVAL;
}

int err_usage(struct err *e, const char *fmt, ...)
{
	ERR_ADD(e, ERR_USAGE, NULL, 0, fmt);
	return -EINVAL;
}

int err_missing(struct err *e, const char *fmt, ...)
{
	ERR_ADD(e, ERR_MISSING, NULL, 0, fmt);
	return -EOPNOTSUPP;
}

int err_missing_at(struct err *e, const char *file, int line, const char *fmt, ...)
{
	ERR_ADD(e, ERR_MISSING, file, line, fmt);
	return -EOPNOTSUPP;
}

int err_failed(struct err *e, const char *fmt, ...)
{
	ERR_ADD(e, ERR_FAILED, NULL, 0, fmt);
	return -EIO;
}

int err_integrity(struct err *e, const char *fmt, ...)
{
	ERR_ADD(e, ERR_INTEGRITY, NULL, 0, fmt);
	return -EIO;
}

int err_sys(struct err *e, int errnum, const char *fmt, ...)
{
	_cleanup_free_ char *what = NULL;
	char *msg = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = err_format(fmt, ap);
	va_end(ap);
	/* strerrordesc_np() is of no locale and safe in threads */
	if (what && strerrordesc_np(errnum)) {
		if (asprintf(&msg, "%s: %s", what, strerrordesc_np(errnum)) < 0)
			msg = NULL;
	} else if (what) {
		if (asprintf(&msg, "%s: error %d", what, errnum) < 0)
			msg = NULL;
	}
	err_add(e, ERR_FAILED, NULL, 0, msg);
	return -errnum;
}

int err_exit(const struct err *e)
{
	if (e->n)
		return e->items[0].class;
	return e->suppressed ? ERR_FAILED : 0;
}

char *err_text(const struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < e->n; i++) {
		const struct err_item *it = &e->items[i];

		if (it->file && it->line)
			fprintf(f, "%s:%d: ", it->file, it->line);
		else if (it->file)
			fprintf(f, "%s: ", it->file);
		fprintf(f, "%s\n", it->msg);
	}
	if (e->suppressed && !e->n)
		fputs("out of memory\n", f);
	else if (e->suppressed)
		fprintf(f, "and %zu more error%s\n", e->suppressed, e->suppressed > 1 ? "s" : "");
	if (fclose(f))
		return NULL;
	return steal_ptr(text);
}

static size_t min2(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: insertions, deletions, substitutions, and swaps of two neighbours. */
static size_t edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t rows[3][ERR_WORD_MAX + 1];
	size_t *prev2 = rows[0], *prev = rows[1], *cur = rows[2];

	for (size_t j = 0; j <= nb; j++)
		prev[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t *spare = prev2;

		cur[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t d = min2(prev[j] + 1, cur[j - 1] + 1);

			d = min2(d, prev[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d = min2(d, prev2[j - 2] + 1);
			cur[j] = d;
		}
		prev2 = prev;
		prev = cur;
		cur = spare;
	}
	return prev[nb];
}

const char *err_nearest(const char *word, const char *const *candidates, size_t n)
{
	size_t len = strlen(word), best = len / 3 + 1;
	const char *found = NULL;

	if (len > ERR_WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t clen = strlen(candidates[i]), d;

		if (clen > ERR_WORD_MAX || clen > len + best || len > clen + best)
			continue;
		d = edit_distance(word, len, candidates[i], clen);
		if (d < best) {
			best = d;
			found = candidates[i];
		}
	}
	return found;
}
