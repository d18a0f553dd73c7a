/* What programs print: logs/HOST/NAME in the output folder. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include "core/tree.h"
#include "scenarios/engine/engine_internal.h"

#define TAIL_BYTES 1500
#define TAIL_LINES 6

void log_close(struct log_file *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->name);
	*l = LOG_NONE;
}

/* The same file once more, whatever has its name by now. */
static int reopen(int fd)
{
	char self[32];
	int r;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	r = open(self, O_RDONLY | O_CLOEXEC);
	return r < 0 ? -errno : r;
}

static int create(int out_fd, const char *host, const char *name)
{
	_cleanup_close_ int logs = -1, dir = -1;

	logs = tree_make_dir(out_fd, "logs");
	if (logs < 0)
		return logs;
	dir = tree_make_dir(logs, host);
	return dir < 0 ? dir : tree_create(dir, name, O_APPEND);
}

int log_create(struct engine *e, uint32_t node, struct log_file *ret, int *ret_fd, const char *fmt,
	       ...)
{
	const char *host = e->o.net->nodes[node].name;
	_cleanup_(log_close) struct log_file log = LOG_NONE;
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int fd = -1;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&name, fmt, ap);
	va_end(ap);
	if (n < 0) {
		name = NULL;
		return -ENOMEM;
	}
	if (asprintf(&log.name, "logs/%s/%s", host, name) < 0) {
		log.name = NULL;
		return -ENOMEM;
	}
	fd = create(e->o.out_fd, host, name);
	if (fd < 0)
		return err_sys(e->err, -fd, "%s", log.name);
	log.fd = reopen(fd);
	if (log.fd < 0)
		return err_sys(e->err, -log.fd, "%s", log.name);
	*ret_fd = steal_fd(&fd);
	if (ret) {
		*ret = log;
		log = LOG_NONE;
	}
	return 0;
}

/* Start of the last TAIL_LINES lines. */
static const char *last_lines(const char *text, size_t n)
{
	const char *p = text + n;
	int lines = 0;

	while (p > text && (p[-1] != '\n' || ++lines < TAIL_LINES))
		p--;
	return p;
}

char *log_tail(const struct log_file *l)
{
	_cleanup_free_ char *copy = NULL;
	char buf[TAIL_BYTES + 1], *out = NULL, *save = NULL;
	struct stat st;
	size_t len;
	ssize_t n;
	FILE *f;

	if (l->fd < 0 || fstat(l->fd, &st))
		return NULL;
	n = pread(l->fd, buf, TAIL_BYTES, st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0);
	while (n > 0 && buf[n - 1] == '\n')
		n--;
	if (n <= 0)
		return NULL;
	buf[n] = '\0';
	copy = strdup(last_lines(buf, (size_t)n));
	f = copy ? open_memstream(&out, &len) : NULL;
	if (!f)
		return NULL;
	for (char *t = strtok_r(copy, "\n", &save); t; t = strtok_r(NULL, "\n", &save))
		fprintf(f, "\n  %s", t);
	if (fclose(f)) {
		free(out);
		return NULL;
	}
	return out;
}
