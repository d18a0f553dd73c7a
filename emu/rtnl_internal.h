/* What rtnl.c (batches) and rtnl_wait.c (waiting for carriers) share; nobody else's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_RTNL_INTERNAL_H
#define EMU_RTNL_INTERNAL_H

#include <libmnl/libmnl.h>
#include "emu/rtnl.h"

struct mnl_socket *rtnl_socket(const struct rtnl *r); /* stays r's; with nothing queued only */
uint32_t rtnl_next_seq(struct rtnl *r);		      /* for a message beside the batches */

#endif
