/*
 * Writes pcapng, in blocks gathered into large writes.
 *
 * Theory of operation. Blocks are put together in a buffer that always begins at a block's
 * start; when the next block does not fit, the buffer goes out in one write(2). A position given
 * out for a comment is an offset in the file: behind what was written it is in the buffer, else
 * on disk. When a write fails (a full disk), the file is cut back to the last whole block and
 * the writer stays in error: what is there can still be read.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "capture/file/pcapng.h"
#include "capture/file/pcapng_blocks.h"

#define BUF_SIZE (4u << 20)
#define OPT_MAX	 65535 /* bytes in an option */

struct pcapng_writer {
	char *name; /* for messages */
	int fd;
	int error; /* -errno of the first failure; sticks */
	uint32_t n_ifaces;
	uint64_t base; /* file offset of the buffer's start */
	uint8_t *buf;
	size_t len, size;
};

static size_t pad4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static void put(struct pcapng_writer *w, const void *data, size_t n)
{
	if (n)
		memcpy(w->buf + w->len, data, n);
	w->len += n;
}

static void put_padded(struct pcapng_writer *w, const void *data, size_t n)
{
	static const uint8_t zero[4];

	put(w, data, n);
	put(w, zero, pad4(n) - n);
}

static void put16(struct pcapng_writer *w, uint16_t v)
{
	v = htole16(v);
	put(w, &v, sizeof(v));
}

static void put32(struct pcapng_writer *w, uint32_t v)
{
	v = htole32(v);
	put(w, &v, sizeof(v));
}

static void put_option(struct pcapng_writer *w, uint16_t code, const void *data, size_t n)
{
	put16(w, code);
	put16(w, (uint16_t)n);
	put_padded(w, data, n);
}

/* Time stamps are two halves, the high one first, in either byte order. */
static void put_time(struct pcapng_writer *w, int64_t ns)
{
	put32(w, (uint32_t)((uint64_t)ns >> 32));
	put32(w, (uint32_t)ns);
}

static size_t option_size(size_t n)
{
	return 4 + pad4(n);
}

static size_t text_len(const char *s)
{
	return s ? strnlen(s, OPT_MAX) : 0;
}

static size_t text_size(const char *s)
{
	return s ? option_size(text_len(s)) : 0;
}

static void put_text(struct pcapng_writer *w, uint16_t code, const char *s)
{
	if (s)
		put_option(w, code, s, text_len(s));
}

/* After a failed write that took n bytes of the buffer: keeps the whole blocks among them. */
static void cut_back(struct pcapng_writer *w, size_t n)
{
	size_t good = 0;
	uint32_t len;

	while (good + 8 <= n) {
		memcpy(&len, w->buf + good + 4, 4);
		len = le32toh(len);
		if (good + len > n)
			break;
		good += len;
	}
	/* A pipe cannot be cut; there is nothing more to save there. */
	if (ftruncate(w->fd, (off_t)(w->base + good)) == 0)
		w->base += good;
	w->len = 0;
}

int pcapng_flush(struct pcapng_writer *w)
{
	size_t done = 0;

	if (w->error)
		return w->error;
	while (done < w->len) {
		ssize_t n = write(w->fd, w->buf + done, w->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			w->error = n < 0 ? -errno : -EIO;
			cut_back(w, done);
			return w->error;
		}
		done += (size_t)n;
	}
	w->base += w->len;
	w->len = 0;
	return 0;
}

/* Room for a block of total bytes, and its first two fields. */
static int begin_block(struct pcapng_writer *w, uint32_t type, size_t total)
{
	uint8_t *buf;
	int r;

	if (w->error)
		return w->error;
	if (total > UINT32_MAX)
		return -EMSGSIZE;
	if (w->len + total > w->size) {
		r = pcapng_flush(w);
		if (r)
			return r;
	}
	if (total > w->size) {
		buf = realloc(w->buf, total);
		if (!buf)
			return -ENOMEM;
		w->buf = buf;
		w->size = total;
	}
	put32(w, type);
	put32(w, (uint32_t)total);
	return 0;
}

static int write_section(struct pcapng_writer *w, const char *os, const char *app,
			 const char *comment)
{
	size_t total = 28 + text_size(comment) + text_size(os) + text_size(app) + 4;
	int r = begin_block(w, BLOCK_SHB, total);

	if (r)
		return r;
	put32(w, BYTE_ORDER_MAGIC);
	put16(w, 1);
	put16(w, 0);
	put32(w, UINT32_MAX); /* length of the section: not given */
	put32(w, UINT32_MAX);
	put_text(w, OPT_COMMENT, comment);
	put_text(w, OPT_SHB_OS, os);
	put_text(w, OPT_SHB_USERAPPL, app);
	put32(w, OPT_END);
	put32(w, (uint32_t)total);
	return 0;
}

static void writer_free(struct pcapng_writer *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w->buf);
	free(w->name);
	free(w);
}

int pcapng_create(int fd, const char *name, const char *os, const char *app, const char *comment,
		  struct pcapng_writer **ret, struct err *err)
{
	struct pcapng_writer *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (!w) {
		close(fd);
		return err_sys(err, ENOMEM, "cannot write %s", name);
	}
	w->fd = fd;
	w->size = BUF_SIZE;
	w->buf = malloc(w->size);
	w->name = strdup(name);
	if (w->buf && w->name)
		r = write_section(w, os, app, comment);
	if (r) {
		writer_free(w);
		return err_sys(err, -r, "cannot write %s", name);
	}
	*ret = w;
	return 0;
}

int pcapng_add_iface(struct pcapng_writer *w, const char *name, const char *descr,
		     uint32_t snaplen)
{
	static const uint8_t nanoseconds = 9;
	size_t total = 20 + text_size(name) + text_size(descr) + option_size(1) + 4;
	int r = begin_block(w, BLOCK_IDB, total);

	if (r)
		return r;
	put16(w, LINKTYPE_ETHERNET);
	put16(w, 0);
	put32(w, snaplen);
	put_text(w, OPT_IF_NAME, name);
	put_text(w, OPT_IF_DESCRIPTION, descr);
	put_option(w, OPT_IF_TSRESOL, &nanoseconds, 1);
	put32(w, OPT_END);
	put32(w, (uint32_t)total);
	return (int)w->n_ifaces++;
}

int pcapng_write(struct pcapng_writer *w, const struct pcapng_packet *p, uint64_t *ret_comment_pos)
{
	bool comment = p->comment != NULL;
	size_t options = (p->dir ? option_size(4) : 0) + (p->id ? option_size(8) : 0) +
			 (comment ? option_size(p->comment_len) : 0);
	size_t total = 32 + pad4(p->caplen) + options + (options ? 4 : 0);
	uint64_t pos = PCAPNG_NO_POS;
	uint32_t dir = htole32(p->dir);
	uint64_t id = htole64(p->id);
	int r;

	if (w->error)
		return w->error;
	if (p->iface >= w->n_ifaces || (comment && p->comment_len > OPT_MAX))
		return -EINVAL;
	r = begin_block(w, BLOCK_EPB, total);
	if (r)
		return r;
	put32(w, p->iface);
	put_time(w, p->ts);
	put32(w, p->caplen);
	put32(w, p->len);
	put_padded(w, p->data, p->caplen);
	if (p->dir)
		put_option(w, OPT_EPB_FLAGS, &dir, sizeof(dir));
	if (p->id)
		put_option(w, OPT_EPB_PACKETID, &id, sizeof(id));
	if (comment) {
		pos = w->base + w->len + 4;
		put_option(w, OPT_COMMENT, p->comment, p->comment_len);
	}
	if (options)
		put32(w, OPT_END);
	put32(w, (uint32_t)total);
	if (ret_comment_pos)
		*ret_comment_pos = pos;
	return 0;
}

int pcapng_patch_comment(struct pcapng_writer *w, uint64_t pos, const char *comment, size_t len)
{
	if (pos == PCAPNG_NO_POS || pos + len < pos || pos + len > w->base + w->len)
		return w->error ? w->error : -EINVAL; /* cut off by a full disk, or never there */
	if (pos >= w->base) {
		memcpy(w->buf + (pos - w->base), comment, len);
		return 0;
	}
	while (len) {
		ssize_t n = pwrite(w->fd, comment, len, (off_t)pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (!w->error)
				w->error = n < 0 ? -errno : -EIO;
			return w->error;
		}
		comment += n;
		pos += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int pcapng_write_stats(struct pcapng_writer *w, uint32_t iface, int64_t start, int64_t end,
		       uint64_t received, uint64_t dropped)
{
	const size_t total = 24 + 4 * option_size(8) + 4;
	int r;

	if (w->error)
		return w->error;
	if (iface >= w->n_ifaces)
		return -EINVAL;
	r = begin_block(w, BLOCK_ISB, total);
	if (r)
		return r;
	received = htole64(received);
	dropped = htole64(dropped);
	put32(w, iface);
	put_time(w, end);
	put16(w, OPT_ISB_STARTTIME);
	put16(w, 8);
	put_time(w, start);
	put16(w, OPT_ISB_ENDTIME);
	put16(w, 8);
	put_time(w, end);
	put_option(w, OPT_ISB_IFRECV, &received, 8);
	put_option(w, OPT_ISB_IFDROP, &dropped, 8);
	put32(w, OPT_END);
	put32(w, (uint32_t)total);
	return 0;
}

int pcapng_close(struct pcapng_writer *w, struct err *err)
{
	int r;

	if (!w)
		return 0;
	pcapng_flush(w);
	if (close(w->fd) < 0 && !w->error && errno != EINTR)
		w->error = -errno;
	w->fd = -1;
	r = w->error;
	if (r)
		err_sys(err, -r, "cannot write %s; it is complete up to where this happened",
			w->name);
	writer_free(w);
	return r;
}
