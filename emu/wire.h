/* One link's interfaces: made with the whole network, and again while it runs; build.c's and link.c's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_WIRE_H
#define EMU_WIRE_H

#include "emu/emu_internal.h"
#include "emu/link.h"
#include "emu/rtnl.h"

void wire_rtnl_closep(struct rtnl **r);
#define _cleanup_rtnl_ _cleanup_(wire_rtnl_closep)

/* Bridges have no row in net->ifaces; their indexes follow the last interface's. */
static inline int wire_bridge_ifindex(const struct net *net, uint32_t node)
{
	return NET_IFINDEX_BASE + (int)net->n_ifaces + (int)node;
}

/* A socket for messages, and one for ioctls, in a namespace. */
int wire_open(int ns_fd, struct rtnl **ret, int *ret_sock);

/* The functions with a struct rtnl only queue; its namespace is said, or is that of the interface. */

/* The tag's program, when there is one, on an interface's egress. */
int wire_tag(struct rtnl *r, const struct emu *e, int ifindex);

/* The link's veth or, where the shaper serves it, two. r is of any of our namespaces. */
int wire_add(struct rtnl *r, const struct emu *e, uint32_t link);
/* Bridge or address, and up. */
int wire_up(struct rtnl *r, const struct emu *e, uint32_t iface);
/* The tag's program before all that. */
int wire_iface(struct rtnl *r, const struct emu *e, uint32_t iface);
/* The routes of the interface's node that leave by it. */
int wire_routes(struct rtnl *r, const struct emu *e, uint32_t iface);
/* Those of a shaped link are off in any case, or the shaper would meet frames without a checksum. */
int wire_offloads(const struct emu *e, uint32_t iface, int sock, struct err *err);
/* Hands a link to its engine; both ends are still down. */
int wire_shape(struct emu *e, uint32_t link, struct err *err);
/* Brings up the shaper's halves of links, in one go, and waits for their carriers. */
int wire_halves_up(const struct emu *e, const uint32_t *links, size_t n, struct err *err);
int wire_halves_wait(const struct emu *e, const uint32_t *links, size_t n, struct err *err);
/* The shape of packets that leave a netem link's end; old is what it has. */
int wire_qdisc(const struct emu *e, uint32_t link, int end, const struct shape *old,
	       const struct shape *shape, struct err *err);
/* Of the interface at an end of the link, by its index; without the shaper's half it is missing. */
enum wire_state wire_state(const struct emu *e, uint32_t link, int end);

#endif
