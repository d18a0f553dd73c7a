/* What rtnl.c (batches), rtnl_tc.c (qdiscs) and rtnl_wait.c (carriers) share; nobody else's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_RTNL_INTERNAL_H
#define EMU_RTNL_INTERNAL_H

#include <libmnl/libmnl.h>
#include "emu/rtnl.h"

struct mnl_socket *rtnl_socket(const struct rtnl *r); /* stays r's; with nothing queued only */
uint32_t rtnl_next_seq(struct rtnl *r);		      /* for a message beside the batches */

/*
 * Begins a message at the batch's end, with room for its attributes: a kilobyte and room more
 * bytes. NULL without memory. Whatever is begun is ended, with what it does and to what, for the
 * error's sentence.
 */
struct nlmsghdr *rtnl_msg_begin(struct rtnl *r, uint16_t type, uint16_t flags, size_t room);
void rtnl_msg_end(struct rtnl *r, const struct nlmsghdr *nlh, const char *what,
		  const char *fmt, ...) printf_like(4, 5);

#endif
