/* Fuzzes following a capture that grows, in pieces that the first byte chooses, and the lines of its packets. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>
#include "capture/file/follow.h"
#include "capture/line.h"
#include "tests/fuzz/fuzz.h"

static void on_packet(void *arg, const struct pcapng_packet *p, const struct pcapng_iface *i)
{
	const struct line l = {
		.ts = p->ts, .iface = i->name, .data = p->data, .caplen = p->caplen, .len = p->len,
		.sender = p->comment, .sender_len = p->comment ? p->comment_len : 0,
	};
	char buf[LINE_SIZE];
	size_t n = line_format(buf, &l, follow_name, arg);

	/* One line, whatever is in it. */
	if (strlen(buf) != n || !n || strcspn(buf, "\n") != n - 1 || strpbrk(buf, "\r\033"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_err_ struct err err = { 0 };
	struct follow *f = follow_new();
	size_t step = size ? (size_t)data[0] * 16 + 1 : 1;
	int r = 0;

	for (size_t at = 1; at < size && r == 0; at += step)
		r = follow_add(f, data + at, size - at < step ? size - at : step, on_packet, f, &err);
	follow_free(f);
	return 0;
}
