/*
 * The one file that speaks rtnetlink (libmnl) for links, addresses, routes, qdiscs and filters,
 * in batches.
 *
 * A struct rtnl is a socket in one network namespace and a buffer of messages not yet sent.
 * Verbs only append; rtnl_flush() sends the batch and reads every acknowledgement. Addresses are
 * IPv4 in host byte order. Not thread-safe; one rtnl belongs to one thread.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_RTNL_H
#define EMU_RTNL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

struct rtnl;

/* One end of a veth: made with this name, index and MAC in the namespace of ns_fd. */
struct rtnl_end {
	int ns_fd;
	const char *name;
	int ifindex;
	const uint8_t *mac;
};

/* A socket in the namespace of ns_fd (the calling thread comes back to its own), or -1: here. */
int rtnl_open(int ns_fd, struct rtnl **ret);
void rtnl_close(struct rtnl *r);

int rtnl_add_veth(struct rtnl *r, const struct rtnl_end *a, const struct rtnl_end *b, uint32_t mtu);
int rtnl_add_bridge(struct rtnl *r, const char *name, int ifindex, const uint8_t *mac);
int rtnl_set_master(struct rtnl *r, int ifindex, int master); /* and brings it up */
int rtnl_set_up(struct rtnl *r, int ifindex, bool up);
int rtnl_del_link(struct rtnl *r, int ifindex); /* of a veth: both ends */
/* Addresses and routes that are there already stay. */
int rtnl_add_addr(struct rtnl *r, int ifindex, uint32_t addr, uint8_t prefix);
/* via 0: on the link. */
int rtnl_add_route(struct rtnl *r, uint32_t dst, uint8_t prefix, uint32_t via, int ifindex);
/* clsact on the interface, and programs as its direct-action filters; -1: none. */
int rtnl_add_bpf(struct rtnl *r, int ifindex, int ingress_fd, int egress_fd, const char *name);
/* Asks at once, with nothing queued: the program that packets meet first at its egress; 0: none. */
int rtnl_get_bpf(struct rtnl *r, int ifindex, uint32_t *ret_id);

/* A qdisc; options are what TCA_OPTIONS holds, by the kind. */
struct rtnl_qdisc {
	const char *kind;
	uint32_t handle, parent; /* TC_H_ROOT */
	const void *options;
	size_t options_len;
};
/*
 * In place: the qdisc of this handle and kind is there, and keeps its packets. Else it is made,
 * in place of what its parent has. name: the interface's, for messages.
 */
int rtnl_set_qdisc(struct rtnl *r, int ifindex, const struct rtnl_qdisc *q, bool in_place,
		   const char *name);
#define RTNL_KIND_SIZE 16
/*
 * Asks at once, with nothing queued. -ENOENT: there is none of this handle. options, which may be
 * NULL, gets as many bytes of the kernel's as fit.
 */
int rtnl_get_qdisc(struct rtnl *r, int ifindex, uint32_t handle, char ret_kind[RTNL_KIND_SIZE],
		   void *options, size_t size, size_t *ret_len);

/*
 * Waits until interfaces that were brought up also carry packets. The end of a veth that was up
 * first is switched on by a kernel worker (linkwatch) some time after the second: until then it
 * drops all.
 */
int rtnl_wait_running(struct rtnl *r, const int *ifindexes, size_t n, struct err *err);

/* Sends what is queued. 0, or the first error as -errno with err naming the object. */
int rtnl_flush(struct rtnl *r, struct err *err);

#endif
