/*
 * A packet as one line of text, for people who look on:
 *
 *     12:00:00.123456 h1-eth0 out h1.4000 > h2.80 tcp [S] len 0 | host=h1 pid=8 comm=nc owner=8209
 *
 * The frame may be cut short or hostile, and the text behind the bar anybody's: a line is one line
 * of printable text.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_LINE_H
#define CAPTURE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_SIZE 2048

/* The name of an address, or NULL. */
typedef const char *line_name_fn(void *arg, uint8_t family, const uint8_t *ip);

struct line {
	int64_t ts; /* CLOCK_REALTIME ns */
	const char *iface;
	bool out; /* it leaves the interface */
	const uint8_t *data; /* an Ethernet frame */
	uint32_t caplen, len;
	const char *sender; /* not NUL-terminated */
	size_t sender_len;
};

/* With its line end, and a NUL behind it; the length without. */
size_t line_format(char buf[LINE_SIZE], const struct line *l, line_name_fn *name, void *arg);

/* The parts between the direction and the bar, of the frame alone. */
struct line_parts {
	char src[80], dst[80]; /* names or addresses, ports behind a dot; "" where there are none */
	char what[80];	       /* "tcp [S.]", "arp who-has" */
	uint32_t len;	       /* bytes behind the headers that what names */
};
void line_parts(const uint8_t *data, uint32_t caplen, uint32_t len, line_name_fn *name, void *arg,
		struct line_parts *ret);

#endif
