/*
 * Reads a pcapng file while it is being written: takes bytes as they come, and hands out the
 * packets of whole blocks.
 *
 * Only files as the writer here makes them are followed (little-endian, one section); a damaged or
 * hostile one is refused. The blocks themselves are read by the reader of pcapng.h.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_FOLLOW_H
#define CAPTURE_FOLLOW_H

#include <stdbool.h>
#include "capture/file/pcapng.h"

struct follow;

typedef void follow_fn(void *arg, const struct pcapng_packet *p, const struct pcapng_iface *iface);

struct follow *follow_new(void);
void follow_free(struct follow *f);
/* 0, -EINVAL with err, or -ENOMEM; after an error there is nothing more to add. */
int follow_add(struct follow *f, const void *data, size_t n, follow_fn *fn, void *arg,
	       struct err *err);
/*
 * How far the packets were moved back, to make room for TLS secrets in front of them, since they
 * were read from fd: how much farther the next bytes are. 0: not at all, so far.
 */
uint64_t follow_moved(const struct follow *f, int fd);
/* Statistics were there, which come last. */
bool follow_is_whole(const struct follow *f);
/* Of an IPv4 address (AF_INET), as the file says, or NULL. A line_name_fn; arg: the follow. */
const char *follow_name(void *arg, uint8_t family, const uint8_t *ip);

#endif
