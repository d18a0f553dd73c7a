/* Shapes an interface's egress: tbf for rate, netem for delay, jitter and loss (libnl-route). */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_QDISC_H
#define EMU_QDISC_H

#include "emu/net.h"

/* Can this kernel do them? Asked once, in a namespace of its own that is gone afterwards. */
bool qdisc_have_netem(void);
bool qdisc_have_tbf(void);

/* Puts the shape on an interface of the namespace of ns_fd; a shape of nothing adds nothing. */
int qdisc_apply(int ns_fd, int ifindex, const char *name, const struct shape *shape, uint32_t mtu,
		struct err *err);

#endif
