/*
 * Reads classic pcap: both byte orders, micro- and nanoseconds, and Kuznetzov's longer packet
 * header.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include "capture/file/pcapng_reader.h"
#include "core/units.h"

#define PCAP_USEC     0xa1b2c3d4u
#define PCAP_NSEC     0xa1b23c4du
#define PCAP_MODIFIED 0xa1b2cd34u

bool pcap_is_magic(uint32_t m)
{
	return m == PCAP_USEC || m == PCAP_NSEC || m == PCAP_MODIFIED;
}

int pcap_start(struct pcapng_reader *r, struct err *err)
{
	struct iface_row *row;
	uint32_t magic;
	size_t have;
	int e = reader_fill(r, 24, &have, err);

	if (e)
		return e;
	if (have < 24)
		return reader_bad(r, err, "the file ends inside its header");
	row = reader_add_iface(r);
	if (!row)
		return err_sys(err, ENOMEM, "cannot read %s", r->path);
	magic = reader_get32(r, r->data + r->pos);
	r->pcap = true;
	r->pcap_header = magic == PCAP_MODIFIED ? 24 : 16;
	row->pub.tick_ns_num = magic == PCAP_NSEC ? 1 : NSEC_PER_USEC;
	row->pub.snaplen = reader_get32(r, r->data + r->pos + 16);
	/* The upper half tells of a frame check sequence. */
	row->pub.linktype = (uint16_t)reader_get32(r, r->data + r->pos + 20);
	r->pos += 24;
	return 0;
}

int pcap_next(struct pcapng_reader *r, struct pcapng_packet *ret, struct err *err)
{
	struct pcapng_packet p = { 0 };
	const uint8_t *h;
	size_t have;
	int e = reader_fill(r, r->pcap_header, &have, err);

	if (e)
		return e;
	if (!have)
		return 0;
	if (have < r->pcap_header)
		return reader_bad(r, err, "the file ends inside a packet's header");
	p.caplen = reader_get32(r, r->data + r->pos + 8);
	if (p.caplen > BLOCK_MAX)
		return reader_bad(r, err, "packet of an impossible length");
	e = reader_fill(r, (size_t)r->pcap_header + p.caplen, &have, err);
	if (e)
		return e;
	if (have < (size_t)r->pcap_header + p.caplen)
		return reader_bad(r, err, "the file ends inside a packet");
	h = r->data + r->pos;
	p.len = reader_get32(r, h + 12);
	p.ts = (int64_t)reader_get32(r, h) * NSEC_PER_SEC +
	       (int64_t)reader_get32(r, h + 4) * r->ifaces[0]->pub.tick_ns_num;
	p.data = h + r->pcap_header;
	r->pos += (size_t)r->pcap_header + p.caplen;
	*ret = p;
	return 1;
}
