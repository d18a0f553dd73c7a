/*
 * Writes a capture of many flows whose packets come in random order, for benches of what reads it.
 *
 *     make_capture FILE FLOWS PACKETS small|mix
 *
 * Seven of ten flows are TCP (handshake, then data and ACKs), the others UDP. "small" has frames
 * of 54 to 74 bytes; "mix" half of them small and the rest up to 1,514, as on a line that carries
 * downloads.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include "capture/flow/packet.h"
#include "core/cleanup.h"
#include "core/rng.h"
#include "core/units.h"
#include "tests/lib/frames.h"

#define BETWEEN 500 /* ns */

struct talk {
	uint32_t a, b, seq[2];
	uint16_t port;
	uint8_t step;
	bool udp;
};

static void put32(uint8_t *d, uint32_t v)
{
	memcpy(d, &v, 4); /* the file's byte order is the machine's */
}

static void write_packet(FILE *f, int64_t ts, const uint8_t *d, uint32_t len)
{
	uint8_t head[16];

	put32(head, (uint32_t)(ts / NSEC_PER_SEC));
	put32(head + 4, (uint32_t)(ts % NSEC_PER_SEC));
	put32(head + 8, len);
	put32(head + 12, len);
	fwrite(head, 1, sizeof(head), f);
	fwrite(d, 1, len, f);
}

static uint32_t payload(struct rng *r, bool mix, const struct talk *t)
{
	static const uint16_t sizes[] = { 0, 0, 0, 0, 100, 400, 1448, 1448 };

	if (t->udp)
		return mix ? 20 + (uint32_t)rng_below(r, 500) : 10;
	if (t->step < 2)
		return 0;
	return mix ? sizes[rng_below(r, ARRAY_SIZE(sizes))] : (uint32_t)rng_below(r, 20);
}

/* The flow's next packet, from one end and then from the other, over a frame that is there. */
static void next_packet(struct talk *t, struct rng *r, bool mix, struct frame *f)
{
	bool back = t->step & 1;
	uint32_t n = payload(r, mix, t), seq = t->seq[back];
	uint8_t flags = t->step == 0 ? TCP_SYN : t->step == 1 ? TCP_SYN | TCP_ACK : TCP_ACK;
	uint32_t l4 = t->udp ? 8 : 20;

	f->len = 14 + 20 + l4 + n;
	frame_put16(f, 16, (uint16_t)(20 + l4 + n));
	f->d[23] = t->udp ? 17 : 6;
	frame_put32(f, back ? 30 : 26, t->a);
	frame_put32(f, back ? 26 : 30, t->b);
	frame_put16(f, back ? 36 : 34, t->port);
	frame_put16(f, back ? 34 : 36, t->udp ? 9000 : 7000);
	if (t->udp) {
		frame_put16(f, 38, (uint16_t)(8 + n));
	} else {
		frame_put32(f, 38, seq);
		frame_put32(f, 42, flags & TCP_ACK ? t->seq[!back] : 0);
		f->d[46] = 0x50;
		f->d[47] = flags;
		frame_put16(f, 48, 1000);
	}
	t->seq[back] += n + !!(flags & TCP_SYN);
	t->step = t->step < 250 ? t->step + 1 : 2;
}

int main(int argc, char **argv)
{
	static const uint32_t header[6] = { 0xa1b23c4d, 4 << 16 | 2, 0, 0, 262144, 1 };
	uint32_t n_flows = argc == 5 ? (uint32_t)atoi(argv[2]) : 0;
	_cleanup_free_ struct talk *talks = calloc(n_flows + 1, sizeof(*talks));
	_cleanup_fclose_ FILE *f = argc == 5 ? fopen(argv[1], "we") : NULL;
	struct frame frame = { 0 };
	struct rng r;

	if (!f || !n_flows || !talks) {
		fprintf(stderr, "usage: make_capture FILE FLOWS PACKETS small|mix\n");
		return 2;
	}
	rng_open(&r, 1, "bench/capture");
	for (uint32_t i = 0; i < n_flows; i++)
		talks[i] = (struct talk){ .a = 0x0a000000 + i, .b = 0x0b000000 + i % 65536,
					  .seq = { (uint32_t)rng_u64(&r), (uint32_t)rng_u64(&r) },
					  .port = (uint16_t)(1024 + rng_below(&r, 60000)),
					  .udp = rng_below(&r, 10) < 3 };
	frame_ip(&frame, IPPROTO_TCP, "10.0.0.1", "10.0.0.2");
	fwrite(header, 1, sizeof(header), f);
	for (int64_t i = 0, n = atoi(argv[3]); i < n; i++) {
		next_packet(&talks[rng_below(&r, n_flows)], &r, argv[4][0] == 'm', &frame);
		write_packet(f, 1700000000 * NSEC_PER_SEC + i * BETWEEN, frame.d, frame.len);
	}
	return fflush(f) || ferror(f) ? 1 : 0;
}
