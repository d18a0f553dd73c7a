/*
 * Splits a growing pcapng file into blocks.
 *
 * Theory of operation. Bytes wait until a block is whole; all that are go to one reader, which
 * goes on from what it has read so far, so each byte is looked at once. Only names are read here.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "capture/file/follow.h"
#include "capture/file/pcapng_blocks.h"

#define BLOCK_MIN 12
#define NAMES_MAX (1u << 17) /* two for each of 65,536 links; more are passed over */
#define NAME_MAX  255 /* of DNS */

struct known {
	uint32_t ip;
	uint32_t order; /* as they came: the first one of an address counts */
	char *name;
};

struct follow {
	uint8_t *pending; /* not read yet */
	size_t n_pending, pending_size;
	struct pcapng_reader *reader; /* NULL: no block was whole yet */
	struct known *names;
	size_t n_names, names_size;
	bool sorted; /* by address */
	uint64_t done; /* bytes of blocks so far */
	uint64_t front; /* where the first packet, or its process, was; 0: not there yet */
	bool whole;
};

static int append(struct follow *f, const void *data, size_t n)
{
	if (f->n_pending + n > f->pending_size) {
		size_t size = f->pending_size ? f->pending_size : 4096;
		uint8_t *more;

		while (size < f->n_pending + n)
			size *= 2;
		more = realloc(f->pending, size);
		if (!more)
			return -ENOMEM;
		f->pending = more;
		f->pending_size = size;
	}
	if (n)
		memcpy(f->pending + f->n_pending, data, n);
	f->n_pending += n;
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
	free(f->pending);
	pcapng_reader_close(f->reader);
	free(f);
}

static int add_name(struct follow *f, const uint8_t *record, size_t n)
{
	struct known *k;

	if (f->n_names == NAMES_MAX)
		return 0;
	if (f->n_names == f->names_size) {
		size_t size = f->names_size ? f->names_size * 2 : 64;

		k = reallocarray(f->names, size, sizeof(*k));
		if (!k)
			return -ENOMEM;
		f->names = k;
		f->names_size = size;
	}
	k = &f->names[f->n_names];
	k->name = strndup((const char *)record + 4, n - 4 < NAME_MAX ? n - 4 : NAME_MAX);
	if (!k->name)
		return -ENOMEM;
	memcpy(&k->ip, record, 4);
	k->order = (uint32_t)f->n_names++;
	f->sorted = false;
	return 0;
}

/* The records of a name resolution block's body, as far as they are whole. */
static int add_names(struct follow *f, const uint8_t *p, size_t n)
{
	int r = 0;

	while (n >= 4 && r == 0) {
		size_t kind = block_get16(p), len = block_get16(p + 2);
		size_t padded = 4 + ((len + 3) & ~(size_t)3);

		if (kind == NRB_END || padded > n)
			break;
		if (kind == NRB_IPV4 && len > 5)
			r = add_name(f, p + 4, len);
		p += padded;
		n -= padded;
	}
	return r;
}

static int by_address(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	if (x->ip != y->ip)
		return x->ip < y->ip ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

const char *follow_name(void *arg, uint8_t family, const uint8_t *ip)
{
	struct follow *f = arg;
	size_t from = 0, to = f->n_names;
	uint32_t wanted;

	if (family != AF_INET || !to)
		return NULL;
	if (!f->sorted)
		qsort(f->names, f->n_names, sizeof(*f->names), by_address);
	f->sorted = true;
	memcpy(&wanted, ip, 4);
	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (f->names[middle].ip < wanted)
			from = middle + 1;
		else
			to = middle;
	}
	return from < f->n_names && f->names[from].ip == wanted ? f->names[from].name : NULL;
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
	       block_get32(block) == BLOCK_DSB && block_get32(block + 4) >= BLOCK_MIN)
		at += block_get32(block + 4);
	return at - f->front;
}

static int refuse(struct err *err)
{
	return err_usage(err, "this is not a pcapng file as detnet writes them");
}

/* Is this a block that the writer makes, as far as its beginning says? */
static bool is_good(const uint8_t *block, bool first)
{
	uint32_t total = block_get32(block + 4);

	return first == (block_get32(block) == BLOCK_SHB) && total % 4 == 0 &&
	       total >= BLOCK_MIN && total <= BLOCK_MAX &&
	       (!first || block_get32(block + 8) == BYTE_ORDER_MAGIC);
}

/* As soon as a packet begins, for it may be moved before it is whole. */
static void note_front(struct follow *f, uint32_t type)
{
	if (!f->front && (type == BLOCK_EPB || type == BLOCK_PROCESS))
		f->front = f->done;
}

/* How many bytes of pending are whole blocks. */
static int split(struct follow *f, size_t *ret_len, struct err *err)
{
	size_t at = 0;
	int r = 0;

	while (r == 0 && f->n_pending - at >= BLOCK_MIN) {
		const uint8_t *block = f->pending + at;
		uint32_t type = block_get32(block), total = block_get32(block + 4);

		if (!is_good(block, f->done == 0))
			return refuse(err);
		if (total > f->n_pending - at)
			break;
		if (block_get32(block + total - 4) != total)
			return refuse(err);
		if (type == BLOCK_NRB)
			r = add_names(f, block + 8, total - BLOCK_MIN);
		note_front(f, type);
		f->whole |= type == BLOCK_ISB;
		at += total;
		f->done += total;
	}
	if (f->n_pending - at >= 4)
		note_front(f, block_get32(f->pending + at));
	*ret_len = at;
	return r;
}

static int read_blocks(struct follow *f, size_t n, follow_fn *fn, void *arg, struct err *err)
{
	struct pcapng_packet p;
	int r = 0;

	if (f->reader)
		pcapng_go_on(f->reader, f->pending, n);
	else
		r = pcapng_open_mem(f->pending, n, &f->reader, err);
	if (r < 0)
		return r;
	while ((r = pcapng_next(f->reader, &p, err)) > 0)
		fn(arg, &p, pcapng_iface(f->reader, p.iface));
	f->n_pending -= n;
	memmove(f->pending, f->pending + n, f->n_pending);
	return r;
}

int follow_add(struct follow *f, const void *data, size_t n, follow_fn *fn, void *arg,
	       struct err *err)
{
	size_t len = 0;
	int r = append(f, data, n);

	if (r == 0)
		r = split(f, &len, err);
	return r < 0 || !len ? r : read_blocks(f, len, fn, arg, err);
}
