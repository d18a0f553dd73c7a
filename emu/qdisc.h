/*
 * Shapes an interface's egress in the kernel: sch_netem, sch_tbf and, for CoDel, sch_codel.
 *
 * Talks to the kernel through libmnl, for libnl knows neither netem's loss models, rate and slots
 * nor its seed. One netem an interface; why tbf limits the rate, and not netem, is said in
 * qdisc.c, with the figures behind it.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_QDISC_H
#define EMU_QDISC_H

#include "core/err.h"
#include "emu/shape.h"

/* Can this kernel do them? Asked once, in a namespace of its own that is gone afterwards. */
bool qdisc_have_netem(void);
bool qdisc_have_tbf(void);
bool qdisc_have_codel(void);
/* Does its netem take a seed (Linux 6.6)? */
bool qdisc_have_seed(void);

/* Can the kernel's qdiscs do all that the shape asks for? If not, why: a static sentence. */
bool qdisc_can(const struct shape *s, const char **ret_why);
/* Is that so with every kernel, that is, is there no module to load for it? (a trace) */
bool qdisc_never(const struct shape *s, const char **ret_why);

/*
 * Would a packet that comes alone pass without the time that it takes on the wire, and is that time over
 * 100 us? sch_tbf cannot hold back what its burst has room for.
 */
bool qdisc_blurs(const struct shape *s, uint32_t mtu);

/*
 * Makes the shape the interface's, in place: nothing that waits or travels is lost, but where
 * another kind of queue (drop-tail in bytes, in packets, CoDel) takes the place of one. seed is
 * for netem's draws, which begin anew. old is the shape that an earlier call gave, so that what
 * it has in common is left alone; NULL where it is not known.
 */
int qdisc_set(int ns_fd, int ifindex, const char *name, const struct shape *old,
	      const struct shape *shape, uint32_t mtu, uint64_t seed, struct err *err);

#endif
