/*
 * Splits a growing pcapng file into blocks.
 *
 * Theory of operation. What describes packets (section, interfaces, names, processes) is kept as it was
 * read. Each time that whole packets have come, the reader gets them behind it, as if that were a file.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "capture/file/follow.h"
#include "capture/file/pcapng_blocks.h"

#define BLOCK_MIN 12
#define BLOCK_MAX (16u << 20)
#define HEAD_MAX  (64u << 20) /* of a network of 65,536 links */

struct bytes {
	uint8_t *data;
	size_t len, size;
};

struct known {
	uint32_t ip;
	char *name;
};

struct follow {
	struct bytes head;    /* what describes packets */
	struct bytes pending; /* not read yet */
	struct known *names;
	size_t n_names;
	uint64_t done; /* bytes of blocks so far */
	uint64_t front; /* where the first packet, or its process, was; 0: not there yet */
	bool whole;
};

static int append(struct bytes *b, const void *data, size_t n)
{
	if (b->len + n > b->size) {
		size_t size = b->size ? b->size : 4096;
		uint8_t *more;

		while (size < b->len + n)
			size *= 2;
		more = realloc(b->data, size);
		if (!more)
			return -ENOMEM;
		b->data = more;
		b->size = size;
	}
	if (n)
		memcpy(b->data + b->len, data, n);
	b->len += n;
	return 0;
}

struct follow *follow_new(void)
{
	return calloc(1, sizeof(struct follow));
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_names; i++)
		free(f->names[i].name);
	free(f->names);
	free(f->head.data);
	free(f->pending.data);
	free(f);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static int add_name(struct follow *f, const uint8_t *record, size_t n)
{
	struct known *more;
	char *name = strndup((const char *)record + 4, n - 4);

	more = name ? reallocarray(f->names, f->n_names + 1, sizeof(*more)) : NULL;
	if (!more) {
		free(name);
		return -ENOMEM;
	}
	f->names = more;
	memcpy(&more[f->n_names].ip, record, 4);
	more[f->n_names++].name = name;
	return 0;
}

/* The records of a name resolution block's body, as far as they are whole. */
static int add_names(struct follow *f, const uint8_t *p, size_t n)
{
	int r = 0;

	while (n >= 4 && r == 0) {
		size_t kind = get16(p), len = get16(p + 2), padded = 4 + ((len + 3) & ~(size_t)3);

		if (kind == NRB_END || padded > n)
			break;
		if (kind == NRB_IPV4 && len > 5)
			r = add_name(f, p + 4, len);
		p += padded;
		n -= padded;
	}
	return r;
}

const char *follow_name(void *arg, uint8_t family, const uint8_t *ip)
{
	const struct follow *f = arg;

	for (size_t i = 0; family == AF_INET && i < f->n_names; i++)
		if (!memcmp(&f->names[i].ip, ip, 4))
			return f->names[i].name;
	return NULL;
}

bool follow_is_whole(const struct follow *f)
{
	return f->whole;
}

uint64_t follow_moved(const struct follow *f, int fd)
{
	uint64_t at = f->front;
	uint8_t block[8];

	while (at && pread(fd, block, sizeof(block), (off_t)at) == sizeof(block) &&
	       get32(block) == BLOCK_DSB && get32(block + 4) >= BLOCK_MIN)
		at += get32(block + 4);
	return at - f->front;
}

/* Puts a block where it is needed. */
static int take(struct follow *f, const uint8_t *block, uint32_t total, struct bytes *packets)
{
	switch (get32(block)) {
	case BLOCK_EPB:
		return append(packets, block, total);
	case BLOCK_ISB:
		f->whole = true;
		return 0;
	case BLOCK_DSB:
		return 0;
	case BLOCK_NRB:
		return add_names(f, block + 8, total - BLOCK_MIN);
	default:
		return f->head.len + total > HEAD_MAX ? -EFBIG : append(&f->head, block, total);
	}
}

static int refuse(struct err *err)
{
	return err_usage(err, "this is not a pcapng file as detnet writes them");
}

/* Takes the whole blocks off pending. */
static int split(struct follow *f, struct bytes *packets, struct err *err)
{
	size_t at = 0;
	int r = 0;

	while (r == 0 && f->pending.len - at >= BLOCK_MIN) {
		const uint8_t *block = f->pending.data + at;
		uint32_t total = get32(block + 4);
		bool first = f->head.len == 0;

		if (first != (get32(block) == BLOCK_SHB) || total % 4 || total < BLOCK_MIN ||
		    total > BLOCK_MAX || (first && get32(block + 8) != BYTE_ORDER_MAGIC))
			return refuse(err);
		if (!f->front && (get32(block) == BLOCK_EPB || get32(block) == BLOCK_PROCESS))
			f->front = f->done;
		if (total > f->pending.len - at)
			break;
		if (get32(block + total - 4) != total)
			return refuse(err);
		r = take(f, block, total, packets);
		at += total;
		f->done += total;
	}
	f->pending.len -= at;
	if (at)
		memmove(f->pending.data, f->pending.data + at, f->pending.len);
	return r;
}

static int read_packets(const struct bytes *file, follow_fn *fn, void *arg, struct err *err)
{
	struct pcapng_reader *reader;
	struct pcapng_packet p;
	int r = pcapng_open_mem(file->data, file->len, &reader, err);

	if (r < 0)
		return r;
	while ((r = pcapng_next(reader, &p, err)) > 0)
		fn(arg, &p, pcapng_iface(reader, p.iface));
	pcapng_reader_close(reader);
	return r;
}

int follow_add(struct follow *f, const void *data, size_t n, follow_fn *fn, void *arg,
	       struct err *err)
{
	struct bytes packets = { NULL, 0, 0 }, file = { NULL, 0, 0 };
	int r = append(&f->pending, data, n);

	if (r == 0)
		r = split(f, &packets, err);
	if (r == 0 && packets.len) {
		r = append(&file, f->head.data, f->head.len);
		if (r == 0)
			r = append(&file, packets.data, packets.len);
		if (r == 0)
			r = read_packets(&file, fn, arg, err);
	}
	free(packets.data);
	free(file.data);
	return r;
}
