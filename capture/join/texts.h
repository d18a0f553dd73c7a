/* Texts that come again (names of hosts, programs, interfaces), each kept once and numbered. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_JOIN_TEXTS_H
#define CAPTURE_JOIN_TEXTS_H

#include <stdint.h>
#include "emu/idmap.h"

#define TEXTS_NONE UINT32_MAX

/* All 0 is none yet. */
struct texts {
	struct texts_row {
		char *text;
		uint32_t next; /* of the same hash, or TEXTS_NONE */
	} *rows;
	uint32_t n, size;
	struct idmap by_hash;
};

/* The same for equal bytes, in any process. */
uint64_t texts_hash(const char *text);
/* Its number, from 0, or TEXTS_NONE without memory. */
uint32_t texts_add(struct texts *t, const char *text);
void texts_clear(struct texts *t);

#endif
