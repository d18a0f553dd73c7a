/* Reads files of numbers, and refuses what is none: devices, pipes, binaries, gigabytes. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define NAME_MAX_IN_FILE 150 /* a line of a topology file holds 198 bytes, and a key */

void textfile_free(struct textfile *t)
{
	free(t->name);
	free(t->text);
	*t = (struct textfile){0};
}

static int read_all(int fd, size_t size, char *text, struct textfile *t, struct err *err)
{
	size_t n = 0;

	while (n < size) {
		ssize_t r = read(fd, text + n, size - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_at(err, t->name, 0, "cannot be read: %s",
				      strerrordesc_np(errno));
		if (r == 0)
			break; /* it became shorter meanwhile */
		n += (size_t)r;
	}
	text[n] = '\0';
	if (strlen(text) != n)
		return err_at(err, t->name, 0, "is not a text file: it holds a NUL byte");
	return 0;
}

int textfile_read(const char *dir, const char *path, struct textfile *ret, struct err *err)
{
	_cleanup_textfile_ struct textfile t = {0};
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	if (asprintf(&t.name, "%s%s%s", dir && *path != '/' ? dir : "",
		     dir && *path != '/' ? "/" : "", path) < 0) {
		t.name = NULL;
		return err_sys(err, ENOMEM, "%s", path);
	}
	fd = open(t.name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_at(err, t.name, 0, "cannot be opened: %s", strerrordesc_np(errno));
	if (!S_ISREG(st.st_mode))
		return err_at(err, t.name, 0, "is not a regular file");
	if (st.st_size > TEXTFILE_MAX)
		return err_at(err, t.name, 0, "the file is larger than %d MiB", TEXTFILE_MAX >> 20);
	t.text = malloc((size_t)st.st_size + 1);
	if (!t.text)
		return err_sys(err, ENOMEM, "%s", t.name);
	r = read_all(fd, (size_t)st.st_size, t.text, &t, err);
	if (r < 0)
		return r;
	t.next = t.text;
	*ret = t;
	t = (struct textfile){0};
	return 0;
}

size_t textfile_lines(const struct textfile *t)
{
	size_t n = 1;

	for (const char *p = t->next; (p = strchr(p, '\n')); p++)
		n++;
	return n;
}

const char *textfile_line(struct textfile *t)
{
	char *s = t->next, *end;

	if (!*s)
		return NULL;
	end = s + strcspn(s, "\n");
	t->next = *end ? end + 1 : end;
	while (end > s && strchr(" \t\r\n", end[-1]))
		end--;
	*end = '\0';
	t->line++;
	return s + strspn(s, " \t\r");
}

bool textfile_name_ok(const char *path)
{
	size_t n = strlen(path);

	if (!n || n > NAME_MAX_IN_FILE || *path == ' ' || path[n - 1] == ' ')
		return false;
	for (const char *p = path; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f || strchr("\"'`,;=()", *p))
			return false;
	return strcmp(path, "none") != 0;
}

char *textfile_lasting_name(const struct textfile *t, const char *path)
{
	_cleanup_free_ char *real = realpath(t->name, NULL);

	return real && textfile_name_ok(real) ? steal_ptr(real) : strdup(path);
}
