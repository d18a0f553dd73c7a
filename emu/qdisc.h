/*
 * Shapes an interface's egress in the kernel: sch_netem, sch_tbf and, for CoDel, sch_codel.
 *
 * Talks to the kernel through libmnl, for libnl knows neither netem's loss models, rate and slots nor its
 * seed. One netem an interface; which of netem's rate and tbf limits the rate is said in qdisc.c, with
 * the figures behind it.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_QDISC_H
#define EMU_QDISC_H

#include "emu/net.h"

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
 * Makes the shape the interface's, whatever it had; seed is for netem's draws. Where the kinds of qdisc
 * are the same as before they are changed in place: nothing that waits or travels is lost. Where they
 * are not (a rate comes or goes) the order of replacing keeps what it can.
 */
int qdisc_set(int ns_fd, int ifindex, const char *name, const struct shape *old,
	      const struct shape *shape, uint32_t mtu, uint64_t seed, struct err *err);

/* Puts the shape on an interface of the namespace of ns_fd; a shape of nothing adds nothing. */
int qdisc_apply(int ns_fd, int ifindex, const char *name, const struct shape *shape, uint32_t mtu,
		struct err *err);

#endif
