/* What the readers of pcapng and of classic pcap share. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_PCAPNG_READER_H
#define CAPTURE_PCAPNG_READER_H

#include <byteswap.h>
#include <string.h>
#include "capture/file/pcapng.h"
#include "capture/file/pcapng_blocks.h"

struct iface_row {
	struct pcapng_iface pub;
	int64_t offset; /* s, added to each time stamp */
	/* A stamp of at most so many ticks is only multiplied, without a division of 128 bits. */
	uint64_t simple_max;
};

/* A process that packets may name by its place among those of their section. */
struct process_row {
	uint32_t pid;
	char *comm; /* may be NULL */
};

struct pcapng_reader {
	char *path; /* for messages */
	int fd;	    /* -1: all is in memory */
	bool eof;
	const uint8_t *data; /* what is there: [pos, end) is not yet used */
	size_t pos, end;
	uint8_t *buf; /* of a file: what data points to */
	size_t size;
	uint64_t offset; /* in the file, of data[0] */
	void (*before_move)(void *arg); /* called before what data points to changes; or NULL */
	void *before_move_arg;
	bool pcap, swapped;
	uint32_t pcap_header; /* bytes before each packet of a classic file */
	bool in_section;
	struct iface_row **ifaces;
	size_t n_ifaces, ifaces_size;
	size_t section; /* first interface of this section */
	struct process_row *processes; /* of this section */
	size_t n_processes, processes_size;
	uint64_t text; /* bytes of names so far */
};

static inline uint16_t reader_get16(const struct pcapng_reader *r, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return r->swapped ? bswap_16(v) : v;
}

static inline uint32_t reader_get32(const struct pcapng_reader *r, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return r->swapped ? bswap_32(v) : v;
}

static inline uint64_t reader_get64(const struct pcapng_reader *r, const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return r->swapped ? bswap_64(v) : v;
}

/* An error about this place in the file; -EINVAL. */
int reader_bad(const struct pcapng_reader *r, struct err *err, const char *what);
/* Sees to it that need bytes are there, and says how many are: fewer only at the end. */
int reader_read(struct pcapng_reader *r, size_t need, size_t *ret_have, struct err *err);
static inline int reader_fill(struct pcapng_reader *r, size_t need, size_t *ret_have,
			      struct err *err)
{
	*ret_have = r->end - r->pos;
	return *ret_have >= need ? 0 : reader_read(r, need, ret_have, err);
}

/* What describes packets, pcapng_rows.c. One more interface, of microseconds; NULL: no memory. */
struct iface_row *reader_add_iface(struct pcapng_reader *r);
/* An interface's block, and Apple's of a process; packets count these from 0. */
int reader_take_iface(struct pcapng_reader *r, const uint8_t *b, size_t len, struct err *err);
int reader_take_process(struct pcapng_reader *r, const uint8_t *b, size_t len, struct err *err);
void reader_drop_processes(struct pcapng_reader *r);
void reader_drop_all(struct pcapng_reader *r);
/* An option at *p; moves *p behind it. False at the end of the list, or where it is cut off. */
bool reader_next_option(const struct pcapng_reader *r, const uint8_t **p, const uint8_t *end,
			uint16_t *ret_code, const uint8_t **ret_data, uint16_t *ret_len);

/* Classic pcap, pcap_read.c. The magic is as it stands in the file, after any swapping. */
bool pcap_is_magic(uint32_t magic);
int pcap_start(struct pcapng_reader *r, struct err *err);
int pcap_next(struct pcapng_reader *r, struct pcapng_packet *ret, struct err *err);

#endif
