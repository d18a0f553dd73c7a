/* What qdisc.c (which qdiscs there are), netem.c and tbf.c (their options) share; nobody else's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_QDISC_INTERNAL_H
#define EMU_QDISC_INTERNAL_H

#include <libmnl/libmnl.h>
#include "emu/shape.h"

/* Attributes of a qdisc behind a header that is never sent: libmnl writes behind headers only. */
struct qdisc_options {
	union {
		struct nlmsghdr nlh;
		char bytes[16384];
	};
};

#define QDISC_FRAME_MIN 64 /* of a queue's packets, at the least */
/* Bytes of a full frame. */
uint32_t qdisc_frame(uint32_t mtu);

/* Does netem hold the rate, and not tbf? */
bool netem_has_rate(const struct shape *s);
/* Can netem hold this jitter, scaled so that its table ends where the distribution's does? */
bool netem_fits_jitter(const struct shape *s);
int netem_options(struct qdisc_options *o, const struct shape *s, uint32_t mtu, uint64_t seed);
/* The seed among options that the kernel gave, if there is one. */
bool netem_read_seed(const void *options, size_t len, uint64_t *ret);

/* A rate of 0 is none: what waits goes at once. */
void tbf_options(struct qdisc_options *o, const struct shape *s, uint32_t mtu);
/* Of the queue in tbf, by the kind that tbf_queue_kind() says. */
const char *tbf_queue_kind(const struct shape *s);
void tbf_queue_options(struct qdisc_options *o, const struct shape *s, uint32_t mtu);

#endif
