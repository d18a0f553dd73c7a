/* What is written to a capture's file, gathered; a failed write leaves whole units. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "capture/file/outbuf.h"

int outbuf_open(struct outbuf *o, int fd, size_t size, outbuf_unit_fn *unit)
{
	*o = (struct outbuf){ .fd = fd, .size = size, .buf = malloc(size), .unit = unit };
	return o->buf ? 0 : -ENOMEM;
}

/* After a failed write that took n bytes of the buffer: keeps the whole units among them. */
static void cut_back(struct outbuf *o, size_t n)
{
	size_t good = 0, unit;

	while (good < n && (unit = o->unit(o->buf + good, n - good, o->base + good)) > 0 &&
	       unit <= n - good)
		good += unit;
	/* A pipe cannot be cut; there is nothing more to save there. */
	if (ftruncate(o->fd, (off_t)(o->base + good)) == 0)
		o->base += good;
	o->len = 0;
}

int outbuf_flush(struct outbuf *o)
{
	size_t done = 0;

	if (o->error)
		return o->error;
	while (done < o->len) {
		ssize_t n = write(o->fd, o->buf + done, o->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			o->error = n < 0 ? -errno : -EIO;
			cut_back(o, done);
			return o->error;
		}
		done += (size_t)n;
	}
	o->base += o->len;
	o->len = 0;
	return 0;
}

int outbuf_room(struct outbuf *o, size_t n)
{
	uint8_t *buf;
	int r;

	if (o->error)
		return o->error;
	if (o->len + n > o->size) {
		r = outbuf_flush(o);
		if (r < 0)
			return r;
	}
	if (n > o->size) {
		buf = realloc(o->buf, n);
		if (!buf)
			return -ENOMEM;
		o->buf = buf;
		o->size = n;
	}
	return 0;
}

int outbuf_close(struct outbuf *o)
{
	if (o->fd >= 0 && close(o->fd) < 0 && !o->error && errno != EINTR)
		o->error = -errno;
	o->fd = -1;
	free(o->buf);
	o->buf = NULL;
	return o->error;
}
