/*
 * Reads pcapng of both byte orders, and classic pcap in all its forms, from a file, a pipe or
 * memory.
 *
 * The input is hostile until shown otherwise: every length is held against what is there before
 * it is used, and a block that lies ends the reading with a message that names its place.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <byteswap.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include "capture/file/pcapng.h"
#include "capture/file/pcapng_blocks.h"
#include "capture/file/pcapng_reader.h"
#include "core/units.h"

#define READ_SIZE (1u << 20)

/* The comment that tells the sender begins so, whatever other programs add to a packet. */
#define SENDER "host="

enum { SECTION_MAJOR = 1 };

int reader_bad(const struct pcapng_reader *r, struct err *err, const char *what)
{
	err_at(err, r->path, 0, "%s, at byte %" PRIu64, what, r->offset + r->pos);
	return -EINVAL;
}

int reader_read(struct pcapng_reader *r, size_t need, size_t *ret_have, struct err *err)
{
	while (r->end - r->pos < need && r->fd >= 0 && !r->eof) {
		ssize_t n;

		if (r->before_move)
			r->before_move(r->before_move_arg);
		if (r->pos) {
			memmove(r->buf, r->buf + r->pos, r->end - r->pos);
			r->offset += r->pos;
			r->end -= r->pos;
			r->pos = 0;
		}
		if (r->size - r->end < READ_SIZE / 2) {
			size_t size = r->size + READ_SIZE;
			uint8_t *buf;

			/* Grows with what was read, not with what a block says of its length. */
			buf = realloc(r->buf, size);
			if (!buf)
				return err_sys(err, ENOMEM, "cannot read %s", r->path);
			r->data = r->buf = buf;
			r->size = size;
		}
		n = read(r->fd, r->buf + r->end, r->size - r->end);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "cannot read %s", r->path);
		r->eof = n == 0;
		r->end += (size_t)n;
	}
	*ret_have = r->end - r->pos;
	return 0;
}

static int64_t clamp64(__int128 v)
{
	return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

static int64_t ticks_to_ns(const struct iface_row *row, uint64_t ticks)
{
	__int128 ns;

	if (row->simple_max && ticks <= row->simple_max)
		return (int64_t)ticks * row->pub.tick_ns_num;
	ns = (__int128)ticks * row->pub.tick_ns_num / row->pub.tick_ns_den;

	return clamp64(ns + (__int128)row->offset * NSEC_PER_SEC);
}

static bool is_sender(const void *comment, size_t len)
{
	return len >= strlen(SENDER) && !memcmp(comment, SENDER, strlen(SENDER));
}

/* Of several comments the one that tells the sender, else the first. */
static void read_packet_options(const struct pcapng_reader *r, const uint8_t *p,
				const uint8_t *end, struct pcapng_packet *ret)
{
	uint32_t process = UINT32_MAX;
	const uint8_t *data;
	uint16_t code, n;

	while (reader_next_option(r, &p, end, &code, &data, &n)) {
		if (code == OPT_COMMENT) {
			if (ret->comment && (is_sender(ret->comment, ret->comment_len) ||
					     !is_sender(data, n)))
				continue;
			ret->comment = (const char *)data;
			ret->comment_len = n;
		} else if (code == OPT_EPB_FLAGS && n >= 4) {
			ret->dir = reader_get32(r, data) & 3;
		} else if (code == OPT_EPB_PACKETID && n >= 8) {
			ret->id = reader_get64(r, data);
		} else if (code == OPT_EPB_PROCESS_THREAD && n >= 4) {
			ret->pid = reader_get32(r, data);
		} else if (code == OPT_EPB_PROCESS_BLOCK && n >= 4) {
			process = reader_get32(r, data);
		}
	}
	if (process < r->n_processes) {
		ret->comm = r->processes[process].comm;
		if (!ret->pid)
			ret->pid = r->processes[process].pid;
	}
}

/* An Enhanced Packet Block, or the obsolete one, which differs in the interface's field only. */
static int read_packet(struct pcapng_reader *r, uint32_t type, const uint8_t *b, size_t len,
		       struct pcapng_packet *ret, struct err *err)
{
	struct pcapng_packet p = { 0 };
	size_t padded;

	if (len < 20)
		return reader_bad(r, err, "packet block too short");
	p.iface = type == BLOCK_EPB ? reader_get32(r, b) : reader_get16(r, b);
	if (p.iface >= r->n_ifaces - r->section)
		return reader_bad(r, err, "packet of an interface that the file does not describe");
	p.iface += (uint32_t)r->section;
	p.ts = ticks_to_ns(r->ifaces[p.iface],
			   (uint64_t)reader_get32(r, b + 4) << 32 | reader_get32(r, b + 8));
	p.caplen = reader_get32(r, b + 12);
	p.len = reader_get32(r, b + 16);
	if (p.caplen > len - 20)
		return reader_bad(r, err, "packet longer than its block");
	p.data = b + 20;
	padded = ((size_t)p.caplen + 3) & ~(size_t)3;
	if (padded <= len - 20)
		read_packet_options(r, b + 20 + padded, b + len, &p);
	*ret = p;
	return 1;
}

/* A Simple Packet Block: of the first interface, and without a time. */
static int read_simple(struct pcapng_reader *r, const uint8_t *b, size_t len,
		       struct pcapng_packet *ret, struct err *err)
{
	struct pcapng_packet p = { 0 };
	uint32_t snaplen;

	if (len < 4)
		return reader_bad(r, err, "packet block too short");
	if (r->n_ifaces == r->section)
		return reader_bad(r, err, "packet of an interface that the file does not describe");
	p.iface = (uint32_t)r->section;
	snaplen = r->ifaces[r->section]->pub.snaplen;
	p.len = reader_get32(r, b);
	p.caplen = snaplen && p.len > snaplen ? snaplen : p.len;
	if (p.caplen > len - 4)
		return reader_bad(r, err, "packet longer than its block");
	p.data = b + 4;
	*ret = p;
	return 1;
}

/* The byte order of a section, from the magic in its header, at p. */
static int read_order(struct pcapng_reader *r, const uint8_t *p, struct err *err)
{
	uint32_t magic;

	memcpy(&magic, p, sizeof(magic));
	if (magic != BYTE_ORDER_MAGIC && bswap_32(magic) != BYTE_ORDER_MAGIC)
		return reader_bad(r, err, "section header without its byte order");
	r->swapped = magic != BYTE_ORDER_MAGIC;
	r->section = r->n_ifaces;
	r->in_section = true;
	reader_drop_processes(r);
	return 0;
}

/* Its order is known by now. */
static int check_section(const struct pcapng_reader *r, const uint8_t *b, size_t len,
			 struct err *err)
{
	if (len < 16)
		return reader_bad(r, err, "section header too short");
	if (reader_get16(r, b + 4) != SECTION_MAJOR)
		return reader_bad(r, err, "section of a pcapng version that is not known");
	return 0;
}

/* The next block, whole: 1, with its body in *ret_body; 0 at the end of the file. */
static int next_block(struct pcapng_reader *r, uint32_t *ret_type, const uint8_t **ret_body,
		      size_t *ret_len, struct err *err)
{
	uint32_t type, total;
	size_t have;
	int e = reader_fill(r, 12, &have, err);

	if (e < 0)
		return e;
	if (!have)
		return 0;
	if (have < 12)
		return reader_bad(r, err, "the file ends inside a block");
	memcpy(&type, r->data + r->pos, 4);
	if (type == BLOCK_SHB) {
		e = read_order(r, r->data + r->pos + 8, err);
		if (e < 0)
			return e;
	} else if (!r->in_section) {
		return reader_bad(r, err, "block outside of a section");
	}
	type = reader_get32(r, r->data + r->pos);
	total = reader_get32(r, r->data + r->pos + 4);
	if (total < 12 || total % 4 || total > BLOCK_MAX)
		return reader_bad(r, err, "block of an impossible length");
	e = reader_fill(r, total, &have, err);
	if (e < 0)
		return e;
	if (have < total)
		return reader_bad(r, err, "the file ends inside a block");
	if (reader_get32(r, r->data + r->pos + total - 4) != total)
		return reader_bad(r, err, "block whose two lengths differ");
	*ret_type = type;
	*ret_body = r->data + r->pos + 8;
	*ret_len = total - 12;
	return 1;
}

static int next_pcapng(struct pcapng_reader *r, struct pcapng_packet *ret, struct err *err)
{
	const uint8_t *body = NULL;
	uint32_t type = 0;
	size_t len = 0;

	for (;;) {
		int e = next_block(r, &type, &body, &len, err);

		if (e <= 0)
			return e;
		if (type == BLOCK_SHB)
			e = check_section(r, body, len, err);
		else if (type == BLOCK_IDB)
			e = reader_take_iface(r, body, len, err);
		else if (type == BLOCK_EPB || type == BLOCK_OLD_PACKET)
			e = read_packet(r, type, body, len, ret, err);
		else if (type == BLOCK_SPB)
			e = read_simple(r, body, len, ret, err);
		else if (type == BLOCK_PROCESS)
			e = reader_take_process(r, body, len, err);
		else
			e = 0; /* statistics, names, and what others added */
		if (e < 0)
			return e;
		r->pos += len + 12;
		if (e > 0)
			return 1;
	}
}

int pcapng_next(struct pcapng_reader *r, struct pcapng_packet *ret, struct err *err)
{
	return r->pcap ? pcap_next(r, ret, err) : next_pcapng(r, ret, err);
}

static int start(struct pcapng_reader *r, struct err *err)
{
	uint32_t magic;
	size_t have;
	int e = reader_fill(r, 4, &have, err);

	if (e)
		return e;
	if (have < 4)
		return err_at(err, r->path, 0, "not a capture: %s",
			      have ? "it is too short" : "it is empty");
	memcpy(&magic, r->data + r->pos, 4);
	if (magic == BLOCK_SHB)
		return 0;
	r->swapped = pcap_is_magic(bswap_32(magic));
	if (r->swapped || pcap_is_magic(magic))
		return pcap_start(r, err);
	return err_at(err, r->path, 0, "not a capture: it is neither pcapng nor pcap");
}

static struct pcapng_reader *reader_new(const char *path)
{
	struct pcapng_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->fd = -1;
	r->path = strdup(path);
	if (!r->path) {
		free(r);
		return NULL;
	}
	return r;
}

void pcapng_reader_close(struct pcapng_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	reader_drop_all(r);
	free(r->buf);
	free(r->path);
	free(r);
}

static int reader_start(struct pcapng_reader *r, struct pcapng_reader **ret, struct err *err)
{
	int e = start(r, err);

	if (e) {
		pcapng_reader_close(r);
		return e;
	}
	*ret = r;
	return 0;
}

int pcapng_open(const char *path, struct pcapng_reader **ret, struct err *err)
{
	struct pcapng_reader *r = reader_new(path);

	if (!r)
		return err_sys(err, ENOMEM, "cannot read %s", path);
	r->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r->fd < 0) {
		int e = err_sys(err, errno, "cannot read %s", path);

		pcapng_reader_close(r);
		return e;
	}
	return reader_start(r, ret, err);
}

int pcapng_open_mem(const void *data, size_t size, struct pcapng_reader **ret, struct err *err)
{
	struct pcapng_reader *r = reader_new("capture");

	if (!r)
		return err_sys(err, ENOMEM, "cannot read a capture");
	r->data = data;
	r->end = size;
	return reader_start(r, ret, err);
}

void pcapng_go_on(struct pcapng_reader *r, const void *data, size_t size)
{
	r->offset += r->end;
	r->data = data;
	r->pos = 0;
	r->end = size;
}

void pcapng_before_move(struct pcapng_reader *r, void (*fn)(void *arg), void *arg)
{
	r->before_move = fn;
	r->before_move_arg = arg;
}

const struct pcapng_iface *pcapng_iface(const struct pcapng_reader *r, uint32_t id)
{
	return id < r->n_ifaces ? &r->ifaces[id]->pub : NULL;
}
