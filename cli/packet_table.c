/* Aligns and prints the rows of 'detnet packets'. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cli/packet_table.h"
#include "core/utf8.h"

/* Columns that a text takes on a terminal, as far as a count of characters tells. */
static size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void print_cell(const struct packet_table *t, size_t column, const char *text)
{
	size_t width = text_width(text);
	int pad = width < t->width[column] ? (int)(t->width[column] - width) : 0;
	bool last = column + 1 == t->n_columns;

	if (t->columns[column]->right)
		fprintf(t->f, "%*s%s", pad, "", text);
	else
		fprintf(t->f, "%s%*s", text, last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", t->f);
}

/* The text of a cell: clean, for a name may hold what a terminal takes for a command. */
static char *make_cell(const struct packet_column *c, const struct joined *j)
{
	char buf[PACKET_FIELD_SIZE], *cell;
	const char *value = c->get(j, buf);
	size_t size;

	if (!value)
		value = "-";
	size = 3 * strlen(value) + 1;
	cell = malloc(size);
	if (cell)
		utf8_clean(cell, size, value, "");
	return cell;
}

void packet_table_open(struct packet_table *t, FILE *f, const struct packet_column *const *columns,
		       size_t n_columns)
{
	*t = (struct packet_table){ .f = f, .columns = columns, .n_columns = n_columns };
	for (size_t i = 0; i < n_columns; i++)
		t->width[i] = strlen(columns[i]->name);
}

static void print_header(struct packet_table *t)
{
	for (size_t i = 0; i < t->n_columns; i++) {
		char name[64];
		size_t n = 0;

		for (; t->columns[i]->name[n]; n++)
			name[n] = (char)toupper((unsigned char)t->columns[i]->name[n]);
		name[n] = '\0';
		print_cell(t, i, name);
	}
}

/* Ends the looking ahead. */
static void print_waiting(struct packet_table *t)
{
	if (t->begun)
		return;
	t->begun = true;
	print_header(t);
	for (size_t i = 0; i < t->n_waiting; i++) {
		print_cell(t, i % t->n_columns, t->waiting[i]);
		free(t->waiting[i]);
	}
	t->n_waiting = 0;
}

int packet_table_add(struct packet_table *t, const struct joined *j)
{
	if (!t->waiting) {
		t->waiting = calloc(PACKET_TABLE_AHEAD * t->n_columns, sizeof(*t->waiting));
		if (!t->waiting)
			return -ENOMEM;
	}
	for (size_t i = 0; i < t->n_columns; i++) {
		char *cell = make_cell(t->columns[i], j);

		if (!cell)
			return -ENOMEM;
		if (t->begun) {
			print_cell(t, i, cell);
			free(cell);
			continue;
		}
		t->waiting[t->n_waiting++] = cell;
		if (text_width(cell) > t->width[i])
			t->width[i] = text_width(cell);
	}
	if (t->n_waiting == PACKET_TABLE_AHEAD * t->n_columns)
		print_waiting(t);
	return 0;
}

void packet_table_close(struct packet_table *t)
{
	print_waiting(t);
}

void packet_table_free(struct packet_table *t)
{
	for (size_t i = 0; i < t->n_waiting; i++)
		free(t->waiting[i]);
	free(t->waiting);
	*t = (struct packet_table){ .f = NULL };
}
