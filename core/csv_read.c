/* Takes the rows of a CSV file apart. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "core/csv_read.h"

/* Fields, each ended by NUL, one behind the other. */
struct row {
	char *text;
	size_t len, size;
	size_t *at; /* where each field begins */
	size_t n, at_size;
};

struct csv_reader {
	FILE *f;
	char *name;
	struct row header, row;
	int line;     /* being read */
	int row_line; /* where the row began */
};

static int bad(const struct csv_reader *r, struct err *err, const char *what)
{
	return err_at(err, r->name, r->line, "%s", what);
}

static int put(struct row *w, char c)
{
	if (w->len > CSV_ROW_MAX)
		return -EMSGSIZE;
	if (w->len == w->size) {
		size_t size = w->size ? 2 * w->size : 256;
		char *text = realloc(w->text, size);

		if (!text)
			return -ENOMEM;
		w->text = text;
		w->size = size;
	}
	w->text[w->len++] = c;
	return 0;
}

static int begin_field(struct row *w)
{
	if (w->n == w->at_size) {
		size_t size = w->at_size ? 2 * w->at_size : 32;
		size_t *at = reallocarray(w->at, size, sizeof(*at));

		if (!at)
			return -ENOMEM;
		w->at = at;
		w->at_size = size;
	}
	w->at[w->n++] = w->len;
	return 0;
}

static int next_char(struct csv_reader *r)
{
	int c = getc_unlocked(r->f);

	if (c == '\r') {
		c = getc_unlocked(r->f);
		if (c != '\n') {
			ungetc(c, r->f);
			c = '\r';
		}
	}
	return c;
}

/* What is behind the opening quote, up to the closing one; *ret_c is the character behind that. */
static int read_quoted(struct csv_reader *r, struct row *w, int *ret_c, struct err *err)
{
	for (;;) {
		int c = getc_unlocked(r->f), e;

		if (c == EOF || c == '\0')
			return bad(r, err, c ? "a quote is never closed" : "a NUL in the file");
		if (c == '"') {
			c = next_char(r);
			if (c != '"') {
				*ret_c = c;
				return 0;
			}
		}
		r->line += c == '\n';
		e = put(w, (char)c);
		if (e)
			return e;
	}
}

/* A field whose first character is c; *ret_c is what ended it: a comma, a line end or EOF. */
static int read_field(struct csv_reader *r, struct row *w, int c, int *ret_c, struct err *err)
{
	int e = begin_field(w);

	if (e == 0 && c == '"') {
		e = read_quoted(r, w, &c, err);
		if (e == 0 && c != ',' && c != '\n' && c != EOF)
			e = bad(r, err, "text behind a closing quote");
	}
	for (; e == 0 && c != ',' && c != '\n' && c != EOF; c = next_char(r)) {
		if (c == '"' || c == '\0')
			return bad(r, err, c ? "a quote inside a field" : "a NUL in the file");
		e = put(w, (char)c);
	}
	*ret_c = c;
	return e ? e : put(w, '\0');
}

/* 1 with a row, 0 at the end. */
static int read_row(struct csv_reader *r, struct row *w, struct err *err)
{
	int c = next_char(r), e = 0;
	bool more = true;

	w->len = w->n = 0;
	r->row_line = r->line;
	if (c == EOF && !ferror(r->f))
		return 0;
	while (more && e == 0) {
		e = read_field(r, w, c, &c, err);
		more = c == ',';
		if (more)
			c = next_char(r);
	}
	if (ferror(r->f))
		return err_sys(err, errno ? errno : EIO, "cannot read %s", r->name);
	if (e == -ENOMEM)
		return err_sys(err, ENOMEM, "cannot read %s", r->name);
	if (e == -EMSGSIZE)
		return bad(r, err, "a row is longer than 16 MiB");
	r->line += c == '\n';
	return e ? e : 1;
}

int csv_reader_open(FILE *f, const char *name, struct csv_reader **ret, struct err *err)
{
	struct csv_reader *r = calloc(1, sizeof(*r));
	int e;

	if (!r) {
		fclose(f);
		return err_sys(err, ENOMEM, "cannot read %s", name);
	}
	r->f = f;
	r->line = 1;
	r->name = strdup(name);
	errno = 0;
	e = r->name ? read_row(r, &r->header, err) : err_sys(err, ENOMEM, "cannot read %s", name);
	if (e == 0)
		e = bad(r, err, "it is empty: a header is missing");
	if (e < 0) {
		csv_reader_free(r);
		return e;
	}
	if (!strncmp(r->header.text, "\xef\xbb\xbf", 3))
		r->header.at[0] += 3;
	*ret = r;
	return 0;
}

void csv_reader_free(struct csv_reader *r)
{
	if (!r)
		return;
	fclose(r->f);
	free(r->name);
	free(r->header.text);
	free(r->header.at);
	free(r->row.text);
	free(r->row.at);
	free(r);
}

int csv_reader_column(const struct csv_reader *r, const char *name)
{
	for (size_t i = 0; i < r->header.n; i++)
		if (!strcmp(r->header.text + r->header.at[i], name))
			return (int)i;
	return -1;
}

int csv_reader_next(struct csv_reader *r, struct err *err)
{
	int e = read_row(r, &r->row, err);

	if (e > 0 && r->row.n != r->header.n)
		return err_at(err, r->name, r->row_line, "%zu fields where the header has %zu",
			      r->row.n, r->header.n);
	return e;
}

const char *csv_reader_field(const struct csv_reader *r, int column)
{
	return column < 0 ? "" : r->row.text + r->row.at[column];
}

int csv_reader_line(const struct csv_reader *r)
{
	return r->row_line;
}
