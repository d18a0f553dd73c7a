/* Reads the rows that a schema wrote back from their text, and writes them as JSON. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "cli/flows_json.h"

FILE *flows_json_open(struct flows_json *j, FILE *out)
{
	memset(j, 0, sizeof(*j));
	json_open(&j->json, out, false);
	j->text_file = open_memstream(&j->text, &j->size);
	return j->text_file;
}

void flows_json_close(struct flows_json *j)
{
	if (j->text_file)
		fclose(j->text_file);
	free(j->text);
	free(j->header);
	free(j->columns);
	memset(j, 0, sizeof(*j));
}

/*
 * The next field of a line, unquoted in place and ended with a NUL, and where the one behind it begins;
 * NULL behind the last.
 */
static char *next_field(char *s, char separator, char **ret_next)
{
	char *from = s, *to = s;
	bool quoted = separator == ',' && *s == '"';

	for (from += quoted; *from; from++) {
		if (quoted && *from == '"' && from[1] == '"')
			from++;
		else if (quoted && *from == '"')
			quoted = false;
		else if (!quoted && (*from == separator || *from == '\n'))
			break;
		if (*from != '"' || quoted)
			*to++ = *from;
	}
	*ret_next = *from == separator ? from + 1 : NULL;
	*to = '\0';
	return s;
}

/* Has the text the form of a number in JSON (RFC 8259, 6)? */
static bool is_number(const char *s)
{
	const char *digits;

	s += *s == '-';
	digits = s;
	while (isdigit((unsigned char)*s))
		s++;
	if (s == digits || (*digits == '0' && s - digits > 1))
		return false;
	if (*s == '.') {
		digits = ++s;
		while (isdigit((unsigned char)*s))
			s++;
		if (s == digits)
			return false;
	}
	return !*s;
}

/* What was written since the last call, as one string that the caller may change. */
static char *take_text(struct flows_json *j)
{
	if (fflush(j->text_file))
		return NULL;
	j->text[j->size] = '\0';
	rewind(j->text_file);
	return j->text;
}

static int add_column(struct flows_json *j, const char *name)
{
	const char **columns = reallocarray(j->columns, j->n_columns + 1, sizeof(*columns));

	if (!columns)
		return -ENOMEM;
	j->columns = columns;
	j->columns[j->n_columns++] = name;
	return 0;
}

int flows_json_header(struct flows_json *j)
{
	char *text = take_text(j), *fields, *next;

	j->header = text ? strdup(text) : NULL;
	if (!j->header)
		return -ENOMEM;
	fields = strstr(j->header, "#fields\t");
	j->zeek = fields;
	next = fields ? strchr(fields, '\t') + 1 : j->header;
	while (next) {
		const char *name = next_field(next, j->zeek ? '\t' : ',', &next);
		int r = add_column(j, name);

		if (r)
			return r;
	}
	return 0;
}

int flows_json_row(struct flows_json *j)
{
	char *next = take_text(j);

	if (!next)
		return -ENOMEM;
	json_object(&j->json);
	for (size_t i = 0; next && i < j->n_columns; i++) {
		const char *value = next_field(next, j->zeek ? '\t' : ',', &next);

		json_key(&j->json, j->columns[i]);
		if (!*value || (j->zeek && !strcmp(value, "-")))
			json_str(&j->json, NULL);
		else if (is_number(value))
			json_raw(&j->json, value);
		else
			json_str(&j->json, value);
	}
	json_object_end(&j->json);
	return 0;
}
