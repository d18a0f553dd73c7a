/*
 * Gathers what is written to a capture's file into large writes.
 *
 * The buffer always begins with a unit (a block of pcapng, a record of pcap). When a write fails
 * (a full disk), the file is cut back to its last whole unit and the error stays: what is there
 * can still be read.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_OUTBUF_H
#define CAPTURE_OUTBUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The size of the unit at p, at this offset in the file, of which n bytes are known; 0: too few.
 */
typedef size_t outbuf_unit_fn(const uint8_t *p, size_t n, uint64_t at);

struct outbuf {
	int fd; /* ours */
	int error; /* -errno of the first failure; sticks */
	uint64_t base; /* file offset of the buffer's start */
	uint8_t *buf;
	size_t len, size;
	outbuf_unit_fn *unit;
};

/* 0 or -ENOMEM; the fd is its own either way. */
int outbuf_open(struct outbuf *o, int fd, size_t size, outbuf_unit_fn *unit);
/* Sees to it that the next unit, of n bytes, has room; 0 or -errno. */
int outbuf_room(struct outbuf *o, size_t n);
/* 0 or the first error of its life. */
int outbuf_flush(struct outbuf *o);
/* Without a flush; the first error of its life. */
int outbuf_close(struct outbuf *o);

static inline void outbuf_put(struct outbuf *o, const void *data, size_t n)
{
	if (n)
		memcpy(o->buf + o->len, data, n);
	o->len += n;
}

#endif
