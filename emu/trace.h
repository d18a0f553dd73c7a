/*
 * A rate that varies in time, as mm-link(1) of Mahimahi has it: each line of the file is the millisecond
 * at which 1,500 more bytes may leave; equal lines add up. The file starts again after its last line.
 * Bytes are those of packets, without the 14 of an Ethernet header, so a full packet takes one line. What
 * is not used at its time is lost; a packet that needs more waits for the next.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_TRACE_H
#define EMU_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

#define TRACE_BYTES 1500 /* that an opportunity is worth */

struct trace {
	unsigned refs; /* atomic: the shaper's thread holds some */
	char *path;    /* absolute where that can be written in a topology file, else as given */
	uint32_t *ms;  /* ascending; the last is the period, over 0 */
	size_t n;
};

/* Errors carry the trace's own file and line: not a number, falling, empty, a period of 0. */
int trace_load(const char *dir, const char *path, struct trace **ret, struct err *err);
struct trace *trace_ref(struct trace *t); /* NULL stays NULL */
void trace_unref(struct trace *t);
/* By name and content; either may be NULL. */
bool trace_equal(const struct trace *a, const struct trace *b);
/* Bits of packets per second over its period. */
double trace_rate(const struct trace *t);
/* The k-th opportunity (from 0, for ever), in ns after the trace's start. */
int64_t trace_at(const struct trace *t, uint64_t k);

#endif
