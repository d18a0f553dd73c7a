/* Writes classic pcap, in records gathered into large writes. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "capture/file/pcapfile.h"
#include "capture/file/pcapng_blocks.h"
#include "core/units.h"

#define BUF_SIZE    (256u << 10)
#define MAGIC_NS    0xa1b23c4du
#define HEADER_SIZE 24
#define RECORD_HEAD 16

struct pcapfile {
	char *name;
	int fd;
	int error;     /* -errno of the first failure; sticks */
	uint64_t base; /* file offset of the buffer's start */
	uint8_t *buf;
	size_t len, size;
	size_t head; /* bytes of the file's header at the buffer's start */
};

static void put32(struct pcapfile *f, uint32_t v)
{
	v = htole32(v);
	memcpy(f->buf + f->len, &v, sizeof(v));
	f->len += sizeof(v);
}

/* After a failed write that took n bytes of the buffer: keeps the whole records among them. */
static void cut_back(struct pcapfile *f, size_t n)
{
	size_t good = n < f->head ? 0 : f->head;
	uint32_t caplen;

	while (n >= f->head && good + RECORD_HEAD <= n) {
		memcpy(&caplen, f->buf + good + 8, 4);
		caplen = le32toh(caplen);
		if (good + RECORD_HEAD + caplen > n)
			break;
		good += RECORD_HEAD + caplen;
	}
	if (ftruncate(f->fd, (off_t)(f->base + good)) == 0)
		f->base += good;
	f->len = 0;
}

int pcapfile_flush(struct pcapfile *f)
{
	size_t done = 0;

	while (!f->error && done < f->len) {
		ssize_t n = write(f->fd, f->buf + done, f->len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			f->error = n < 0 ? -errno : -EIO;
	}
	if (f->error) {
		cut_back(f, done);
		return f->error;
	}
	f->base += f->len;
	f->len = f->head = 0;
	return 0;
}

static void file_free(struct pcapfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->buf);
	free(f->name);
	free(f);
}

int pcapfile_create(int fd, const char *name, uint32_t snaplen, struct pcapfile **ret,
		    struct err *err)
{
	struct pcapfile *f = calloc(1, sizeof(*f));

	if (!f) {
		close(fd);
		return err_sys(err, ENOMEM, "cannot write %s", name);
	}
	f->fd = fd;
	f->size = BUF_SIZE;
	f->buf = malloc(f->size);
	f->name = strdup(name);
	if (!f->buf || !f->name) {
		file_free(f);
		return err_sys(err, ENOMEM, "cannot write %s", name);
	}
	put32(f, MAGIC_NS);
	put32(f, 2 | 4u << 16); /* version 2.4 */
	put32(f, 0);
	put32(f, 0);
	put32(f, snaplen);
	put32(f, LINKTYPE_ETHERNET);
	f->head = HEADER_SIZE;
	*ret = f;
	return 0;
}

int pcapfile_write(struct pcapfile *f, int64_t ts, const uint8_t *data, uint32_t caplen,
		   uint32_t len)
{
	size_t total = RECORD_HEAD + (size_t)caplen;
	uint8_t *buf;
	int r = 0;

	if (f->error)
		return f->error;
	if (f->len + total > f->size)
		r = pcapfile_flush(f);
	if (r == 0 && total > f->size) {
		buf = realloc(f->buf, total);
		if (!buf)
			return -ENOMEM;
		f->buf = buf;
		f->size = total;
	}
	if (r < 0)
		return r;
	put32(f, (uint32_t)(ts / NSEC_PER_SEC));
	put32(f, (uint32_t)(ts % NSEC_PER_SEC));
	put32(f, caplen);
	put32(f, len);
	memcpy(f->buf + f->len, data, caplen);
	f->len += caplen;
	return 0;
}

uint64_t pcapfile_size(const struct pcapfile *f)
{
	return f->base + f->len;
}

int pcapfile_close(struct pcapfile *f, struct err *err)
{
	int r;

	if (!f)
		return 0;
	pcapfile_flush(f);
	if (close(f->fd) < 0 && !f->error && errno != EINTR)
		f->error = -errno;
	f->fd = -1;
	r = f->error;
	if (r)
		err_sys(err, -r, "cannot write %s; it is complete up to where this happened",
			f->name);
	file_free(f);
	return r;
}
