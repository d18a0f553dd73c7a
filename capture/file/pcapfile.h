/*
 * Classic pcap files (IETF draft-ietf-opsawg-pcap) with nanoseconds, for readers that know no
 * pcapng.
 *
 * A file of this kind names no interface, no direction and no sender. libpcap writes it too, but
 * through a stream that cuts a record in two when the disk is full.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_PCAPFILE_H
#define CAPTURE_PCAPFILE_H

#include <stdint.h>
#include "core/err.h"

struct pcapfile;

/* Into fd, an empty file, which is the writer's from now on, even after an error. */
int pcapfile_create(int fd, const char *name, uint32_t snaplen, struct pcapfile **ret,
		    struct err *err);
/* An Ethernet frame; ts in ns. 0 or -errno, and then whole records are all that is in the file. */
int pcapfile_write(struct pcapfile *f, int64_t ts, const uint8_t *data, uint32_t caplen,
		   uint32_t len);
uint64_t pcapfile_size(const struct pcapfile *f); /* what is buffered included */
int pcapfile_flush(struct pcapfile *f);
/* Flushes and closes, also after an error; the first error of its life. */
int pcapfile_close(struct pcapfile *f, struct err *err);

#endif
