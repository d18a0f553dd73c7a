/* Writes classic pcap, in records gathered into large writes. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "capture/file/outbuf.h"
#include "capture/file/pcapfile.h"
#include "capture/file/pcapng_blocks.h"
#include "core/units.h"

#define BUF_SIZE    (256u << 10)
#define MAGIC_NS    0xa1b23c4du
#define HEADER_SIZE 24
#define RECORD_HEAD 16

struct pcapfile {
	char *name;
	struct outbuf out;
};

static void put32(struct pcapfile *f, uint32_t v)
{
	v = htole32(v);
	outbuf_put(&f->out, &v, sizeof(v));
}

static size_t record_size(const uint8_t *p, size_t n, uint64_t at)
{
	if (at == 0)
		return HEADER_SIZE;
	return n < RECORD_HEAD ? 0 : RECORD_HEAD + (size_t)block_get32(p + 8);
}

int pcapfile_flush(struct pcapfile *f)
{
	return outbuf_flush(&f->out);
}

static void file_free(struct pcapfile *f)
{
	outbuf_close(&f->out);
	free(f->name);
	free(f);
}

int pcapfile_create(int fd, const char *name, uint32_t snaplen, struct pcapfile **ret,
		    struct err *err)
{
	struct pcapfile *f = calloc(1, sizeof(*f));
	int r;

	if (!f) {
		close(fd);
		return err_sys(err, ENOMEM, "cannot write %s", name);
	}
	r = outbuf_open(&f->out, fd, BUF_SIZE, record_size);
	f->name = strdup(name);
	if (r < 0 || !f->name) {
		file_free(f);
		return err_sys(err, ENOMEM, "cannot write %s", name);
	}
	put32(f, MAGIC_NS);
	put32(f, 2 | 4u << 16); /* version 2.4 */
	put32(f, 0);
	put32(f, 0);
	put32(f, snaplen);
	put32(f, LINKTYPE_ETHERNET);
	*ret = f;
	return 0;
}

int pcapfile_write(struct pcapfile *f, int64_t ts, const uint8_t *data, uint32_t caplen,
		   uint32_t len)
{
	int r = outbuf_room(&f->out, RECORD_HEAD + (size_t)caplen);

	if (r < 0)
		return r;
	put32(f, (uint32_t)(ts / NSEC_PER_SEC));
	put32(f, (uint32_t)(ts % NSEC_PER_SEC));
	put32(f, caplen);
	put32(f, len);
	outbuf_put(&f->out, data, caplen);
	return 0;
}

uint64_t pcapfile_size(const struct pcapfile *f)
{
	return f->out.base + f->out.len;
}

int pcapfile_close(struct pcapfile *f, struct err *err)
{
	int r;

	if (!f)
		return 0;
	pcapfile_flush(f);
	r = outbuf_close(&f->out);
	if (r)
		err_sys(err, -r, "cannot write %s; it is complete up to where this happened",
			f->name);
	file_free(f);
	return r;
}
