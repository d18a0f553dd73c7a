/*
 * Reads INI files through inih, line by line, so that nothing is cut and every error has its line.
 *
 * inih splits lines into names and values and joins continuation lines. What it would do silently
 * is done here before a line reaches it: a section header is handed over as "[N]", for inih keeps
 * only 49 bytes of a name and says nothing of a section without keys; a comment is cut off, for
 * its versions differ on comments after a continuation line; and a refused line goes no further.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdint.h>
#include <string.h>
#include "core/utf8.h"

#define INI_SPACE     " \t"
#define INI_VALUE_MAX (64 << 10) /* bytes in a value with its continuation lines */

struct reader {
	struct ini *ini;
	struct err *err;
	const char *at, *end;
	int line;
	bool more;	  /* there is a key that the line could continue */
	bool continues;	  /* the line does */
	bool homeless;	  /* why keys have no section was reported */
	size_t len, room; /* of the last key's value */
	int r;		  /* -EINVAL or -ENOMEM after an error; then lines are only checked */
};

static const char *skip_space(const char *s, const char *end)
{
	while (s < end && strchr(INI_SPACE, *s))
		s++;
	return s;
}

static const char *trim_end(const char *s, const char *end)
{
	while (end > s && strchr(INI_SPACE, end[-1]))
		end--;
	return end;
}

/* Room for one more of n elements; a list has a power of two of slots. */
static int grow(void *list, size_t n, size_t size)
{
	void **p = list, *more;

	if (n & (n - 1))
		return 0;
	more = reallocarray(*p, n ? 2 * n : 1, size);
	if (!more)
		return -ENOMEM;
	*p = more;
	return 0;
}

/* Is every character text? Tells what is wrong. A NUL byte ends the reading: it is no text file. */
static int check_text(struct reader *r, const char *s, const char *end)
{
	const char *p = s;

	while (p < end) {
		unsigned char c = *p;
		size_t n = utf8_len(p, end - p);

		if (!c) {
			r->at = r->end;
			return err_at(r->err, r->ini->file, r->line,
				      "a NUL byte; this is not a text file");
		}
		if (!n)
			return err_at(r->err, r->ini->file, r->line,
				      "byte 0x%02x is not UTF-8 text", c);
		if ((c < ' ' && c != '\t') || c == 0x7f ||
		    (c == 0xc2 && (unsigned char)p[1] < 0xa0))
			return err_at(r->err, r->ini->file, r->line,
				      "control character 0x%02x in the line",
				      n == 1 ? c : (unsigned char)p[1]);
		p += n;
	}
	if (end - s > INI_LINE_MAX)
		return err_at(r->err, r->ini->file, r->line,
			      "line of %td bytes; at most %d are read. Continue a long value on "
			      "the next line, which begins with white space",
			      end - s, INI_LINE_MAX);
	return 0;
}

/* The quote that is open before end, or 0. An apostrophe opens one only where a word begins. */
static char open_quote(const char *s, const char *end)
{
	char open = 0;

	for (const char *p = s; p < end; p++) {
		if (*p == '\\' && open != '\'')
			p++;
		else if (open)
			open = *p == open ? 0 : open;
		else if (*p == '"' || (*p == '\'' && (p == s || strchr(INI_SPACE "=(", p[-1]))))
			open = *p;
	}
	return open;
}

/* Moves *end to where a comment begins. It is refused where a quote around it looks intended. */
static int cut_comment(struct reader *r, const char *s, const char **end)
{
	for (const char *p = s + 1; p < *end; p++) {
		char quote;

		if (*p != ';' || !strchr(INI_SPACE, p[-1]))
			continue;
		quote = open_quote(s, p);
		if (quote && memchr(p, quote, *end - p))
			return err_at(r->err, r->ini->file, r->line,
				      "' ;' begins a comment, also inside quotes; write it without "
				      "white space before the ';'");
		*end = p;
		break;
	}
	*end = trim_end(s, *end);
	return 0;
}

/* The text between the brackets, white space folded; malloc'd. */
static char *fold_name(const char *s, const char *end)
{
	char *name = malloc(end - s + 1), *out = name;

	if (!name)
		return NULL;
	end = trim_end(s, end);
	for (s = skip_space(s, end); s < end; s++) {
		if (!strchr(INI_SPACE, *s))
			*out++ = *s;
		else if (!strchr(INI_SPACE, s[1]))
			*out++ = ' ';
	}
	*out = '\0';
	return name;
}

/* A section header at s, '['. */
static int read_header(struct reader *r, const char *s, const char *end)
{
	const char *close = memchr(s, ']', end - s), *rest;
	_cleanup_free_ char *name = NULL;

	if (!close)
		return err_at(r->err, r->ini->file, r->line, "a section header without ']'");
	rest = skip_space(close + 1, end);
	if (rest < end && *rest != ';')
		return err_at(r->err, r->ini->file, r->line,
			      "text after ']'; only a comment that begins with ';' may follow");
	name = fold_name(s + 1, close);
	if (!name)
		return -ENOMEM;
	if (!*name)
		return err_at(r->err, r->ini->file, r->line, "a section without a name");
	if (grow(&r->ini->sections, r->ini->n_sections, sizeof(*r->ini->sections)))
		return -ENOMEM;
	r->ini->sections[r->ini->n_sections++] = (struct ini_section){
		.name = steal_ptr(name),
		.line = r->line,
	};
	return 0;
}

/* Does a line that is neither blank, comment nor header have the form of a key, or continue one? */
static int check_key(struct reader *r, const char *s, const char *text, const char *end)
{
	const char *eq = memchr(text, '=', end - text), *colon = memchr(text, ':', end - text);

	r->continues = text > s && r->more;
	if (text > s && *text == '[')
		return err_at(r->err, r->ini->file, r->line,
			      "a section header must begin its line, without white space "
			      "before it");
	if (r->continues)
		return 0;
	if (text > s && r->ini->n_sections)
		return err_at(r->err, r->ini->file, r->line,
			      "a line that begins with white space continues a value, and none is "
			      "above it; begin a key without white space before it");
	if (!eq || (colon && colon < eq))
		return err_at(r->err, r->ini->file, r->line, "neither [section] nor key = value%s",
			      colon ? "; a key is followed by '=', not ':'" : "");
	if (trim_end(text, eq) == text)
		return err_at(r->err, r->ini->file, r->line, "'=' without a key before it");
	if (!r->ini->n_sections) {
		if (r->homeless)
			return -EINVAL;
		r->homeless = true;
		return err_at(r->err, r->ini->file, r->line,
			      "a key before any [section]; begin with a line such as [network]");
	}
	return 0;
}

/* What inih is to see of a line: writes it to out. */
static int read_line(struct reader *r, const char *s, const char *end, char *out)
{
	const char *text = skip_space(s, end);
	int ret;

	r->continues = false;
	ret = check_text(r, s, end);
	if (ret || text == end || *text == ';' || *text == '#')
		return ret;
	if (*s == '[') {
		r->more = false;
		ret = read_header(r, s, end);
		r->homeless |= !!ret;
		sprintf(out, "[%zu]\n", r->ini->n_sections);
		return ret;
	}
	ret = cut_comment(r, text, &end);
	if (!ret)
		ret = check_key(r, s, text, end);
	r->more = r->ini->n_sections > 0;
	if (ret)
		return ret;
	memcpy(out, s, end - s);
	strcpy(out + (end - s), "\n");
	return 0;
}

/* inih's reader: one line at a time, as fgets() does. A refused line is an empty one to inih. */
static char *next_line(char *buf, int size, void *arg)
{
	struct reader *r = arg;
	const char *s = r->at, *end;
	int ret;

	if (s >= r->end || r->r == -ENOMEM)
		return NULL;
	end = memchr(s, '\n', r->end - s);
	if (!end)
		end = r->end;
	r->at = end < r->end ? end + 1 : end;
	r->line++;
	if (end > s && end[-1] == '\r')
		end--;
	*buf = '\0';
	if (size <= INI_LINE_MAX + 1)
		ret = err_failed(r->err, "inih reads only %d bytes a line", size);
	else
		ret = read_line(r, s, end, buf);
	if (ret)
		r->r = ret;
	if (r->r)
		*buf = '\0';
	return buf;
}

static int continue_value(struct reader *r, struct ini_key *k, const char *value)
{
	size_t add = strlen(value) + 1;

	if (r->len + add > INI_VALUE_MAX)
		return err_at(r->err, r->ini->file, r->line, "a value is longer than 64 KiB");
	if (r->len + add >= r->room) {
		size_t room = 2 * (r->len + add) + 1;
		char *more = realloc(k->value, room);

		if (!more)
			return -ENOMEM;
		k->value = more;
		r->room = room;
	}
	k->value[r->len] = '\n';
	memcpy(k->value + r->len + 1, value, add);
	r->len += add;
	return 0;
}

static int add_key(struct reader *r, const char *name, const char *value)
{
	struct ini_section *s = &r->ini->sections[r->ini->n_sections - 1];
	_cleanup_free_ char *n = NULL, *v = NULL;

	if (r->continues && !s->n_keys)
		return err_at(r->err, r->ini->file, r->line, "not understood");
	if (r->continues)
		return continue_value(r, &s->keys[s->n_keys - 1], value);
	n = strdup(name);
	v = strdup(value);
	if (!n || !v || grow(&s->keys, s->n_keys, sizeof(*s->keys)))
		return -ENOMEM;
	r->len = strlen(v);
	r->room = r->len + 1;
	r->more = true;
	s->keys[s->n_keys++] = (struct ini_key){steal_ptr(n), steal_ptr(v), r->line};
	return 0;
}

static int on_key(void *arg, const char *section, const char *name, const char *value)
{
	struct reader *r = arg;
	int ret = add_key(r, name, value);

	if (ret)
		r->r = ret;
	return 1;
}

int ini_read_mem(const char *name, const void *data, size_t size, struct ini *ret, struct err *err)
{
	_cleanup_ini_ struct ini ini = {.file = strdup(name)};
	struct reader r = {.ini = &ini, .err = err, .at = data};
	int line;

	if (!ini.file)
		return -ENOMEM;
	if (size > INI_FILE_MAX)
		return err_at(err, name, 0, "the file is larger than %d MiB", INI_FILE_MAX >> 20);
	r.end = r.at + size;
	if (size >= 3 && !memcmp(data, "\xef\xbb\xbf", 3))
		r.at += 3;
	line = ini_parse_stream(next_line, &r, on_key, &r);
	if (!r.r && line)
		r.r = line > 0 ? err_at(err, name, line, "not understood") : -ENOMEM;
	if (r.r == -ENOMEM)
		err_sys(err, ENOMEM, "%s", name);
	if (r.r)
		return r.r;
	*ret = ini;
	ini = (struct ini){0};
	return 0;
}

int ini_read(const char *path, struct ini *ret, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *data = NULL;
	size_t size = 0, room = 16384;
	ssize_t n = 1;

	if (fd < 0) {
		int errnum = errno;

		err_at(err, path, 0, "cannot be opened: %s", strerrordesc_np(errnum));
		return -errnum;
	}
	/* One byte over the limit is enough for ini_read_mem() to refuse it. */
	while (n && size <= INI_FILE_MAX) {
		if (!data || size == room) {
			char *more = realloc(data, data ? (room *= 2) : room);

			if (!more)
				return err_sys(err, ENOMEM, "%s", path);
			data = more;
		}
		n = read(fd, data + size, room - size);
		if (n < 0 && errno != EINTR) {
			int errnum = errno;

			err_at(err, path, 0, "cannot be read: %s", strerrordesc_np(errnum));
			return -errnum;
		}
		if (n > 0)
			size += n;
	}
	return ini_read_mem(path, data, size, ret, err);
}

void ini_free(struct ini *ini)
{
	for (size_t i = 0; i < ini->n_sections; i++) {
		struct ini_section *s = &ini->sections[i];

		for (size_t k = 0; k < s->n_keys; k++) {
			free(s->keys[k].name);
			free(s->keys[k].value);
		}
		free(s->keys);
		free(s->name);
	}
	free(ini->sections);
	free(ini->file);
	*ini = (struct ini){0};
}

const char *ini_get(const struct ini_section *s, const char *key)
{
	for (size_t i = 0; i < s->n_keys; i++)
		if (!strcmp(s->keys[i].name, key))
			return s->keys[i].value;
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct ini_key *const *x = a, *const *y = b;
	int c = strcmp((*x)->name, (*y)->name);

	return c ? c : (*x)->line - (*y)->line;
}

/* The pairs of a key and the one of its name before it, in file order. */
struct repeat {
	const struct ini_key *key, *first;
};

static int by_line(const void *a, const void *b)
{
	const struct repeat *x = a, *y = b;

	return x->key->line - y->key->line;
}

static bool listed(const char *name, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(words[i], name))
			return true;
	return false;
}

int ini_refuse_duplicates(const char *file, const struct ini_section *s,
			  const char *const *may_repeat, size_t n, struct err *err)
{
	_cleanup_free_ const struct ini_key **keys = NULL;
	_cleanup_free_ struct repeat *found = NULL;
	const struct ini_key *first;
	size_t n_found = 0;
	int r = 0;

	if (s->n_keys < 2)
		return 0;
	keys = reallocarray(NULL, s->n_keys, sizeof(*keys));
	found = reallocarray(NULL, s->n_keys, sizeof(*found));
	if (!keys || !found)
		return err_sys(err, ENOMEM, "%s", file);
	for (size_t i = 0; i < s->n_keys; i++)
		keys[i] = &s->keys[i];
	qsort(keys, s->n_keys, sizeof(*keys), by_name);
	first = keys[0];
	for (size_t i = 1; i < s->n_keys; i++) {
		if (strcmp(keys[i]->name, first->name))
			first = keys[i];
		else if (!listed(first->name, may_repeat, n))
			found[n_found++] = (struct repeat){keys[i], first};
	}
	qsort(found, n_found, sizeof(*found), by_line);
	for (size_t i = 0; i < n_found; i++)
		r = err_at(err, file, found[i].key->line,
			   "key '%s' was given already in line %d; leave one of them out",
			   found[i].key->name, found[i].first->line);
	return r;
}
