/* What the parts of the pcapng writer share: its state, and how fields and options are put. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_PCAPNG_WRITER_H
#define CAPTURE_PCAPNG_WRITER_H

#include <endian.h>
#include <string.h>
#include "capture/file/outbuf.h"
#include "capture/file/pcapng.h"
#include "capture/file/pcapng_blocks.h"

#define OPTION_MAX 65535 /* bytes in an option */

struct pcapng_writer {
	char *name; /* for messages */
	struct outbuf out;
	uint32_t n_ifaces;
	uint64_t front; /* file offset of the first packet, or of its process; 0: none yet */
	uint32_t *processes; /* by pcapng_packet.process: its block's number, from 1; 0: none */
	uint32_t processes_size, n_processes;
	const char *keys; /* not ours */
	size_t keys_len;
	int dir_fd; /* of the folder where the file has its name; -1: not known */
};

static inline size_t pad4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static inline void put(struct pcapng_writer *w, const void *data, size_t n)
{
	outbuf_put(&w->out, data, n);
}

static inline void put_padded(struct pcapng_writer *w, const void *data, size_t n)
{
	static const uint8_t zero[4];

	put(w, data, n);
	put(w, zero, pad4(n) - n);
}

static inline void put16(struct pcapng_writer *w, uint16_t v)
{
	v = htole16(v);
	put(w, &v, sizeof(v));
}

static inline void put32(struct pcapng_writer *w, uint32_t v)
{
	v = htole32(v);
	put(w, &v, sizeof(v));
}

/* Time stamps are two halves, the high one first, in either byte order. */
static inline void put_time(struct pcapng_writer *w, int64_t ns)
{
	put32(w, (uint32_t)((uint64_t)ns >> 32));
	put32(w, (uint32_t)ns);
}

static inline size_t option_size(size_t n)
{
	return 4 + pad4(n);
}

static inline void put_option(struct pcapng_writer *w, uint16_t code, const void *data, size_t n)
{
	put16(w, code);
	put16(w, (uint16_t)n);
	put_padded(w, data, n);
}

static inline void put_option64(struct pcapng_writer *w, uint16_t code, uint64_t v)
{
	v = htole64(v);
	put_option(w, code, &v, sizeof(v));
}

static inline size_t text_len(const char *s)
{
	return s ? strnlen(s, OPTION_MAX) : 0;
}

static inline size_t text_size(const char *s)
{
	return s ? option_size(text_len(s)) : 0;
}

static inline void put_text(struct pcapng_writer *w, uint16_t code, const char *s)
{
	if (s)
		put_option(w, code, s, text_len(s));
}

/* Room for a block of total bytes, and its first two fields; 0 or -errno. */
int writer_begin(struct pcapng_writer *w, uint32_t type, size_t total);
/* The block's last field. */
static inline void writer_end(struct pcapng_writer *w, size_t total)
{
	put32(w, (uint32_t)total);
}
/* Sees to it that this process has its block; *ret_number is its place among them, from 0. */
int writer_process(struct pcapng_writer *w, const struct pcapng_packet *p, uint32_t *ret_number);
/*
 * Puts the secrets in front of the packets, when all else is written. 0; or -errno, and the file
 * is as it was; -EUCLEAN: it is damaged.
 */
int writer_put_secrets(struct pcapng_writer *w);

#endif
