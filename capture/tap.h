/*
 * Where a link is captured, and what a packet seen there means.
 *
 * A link is named by its host's (or router's) end. A ring sits in the fabric where the link has
 * an end there, else at the named interface itself; interface indexes are unique in a network, so
 * the index of a packet tells its link.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_TAP_H
#define CAPTURE_TAP_H

#include "capture/file/pcapng.h"
#include "emu/net.h"

#define TAP_NAME_SIZE  (NODE_NAME_MAX + IFNAMSIZ + 2)
#define TAP_DESCR_SIZE (2 * NODE_NAME_MAX + 64)

struct tap {
	uint32_t link; /* NET_NONE: not captured */
	bool named;    /* the ring sits at the interface that names the link, not at its peer */
};

struct taps {
	struct tap *at; /* by ifindex - NET_IFINDEX_BASE */
	size_t n;
};

/* The interface that names a link: of the end that is not a switch, the first of two. */
uint32_t tap_naming_iface(const struct net *net, uint32_t link);
bool tap_in_fabric(const struct net *net, uint32_t link); /* has it an end there? */
/*
 * Does no packet go on from it to another link? So it is with a cable between hosts that have no
 * other.
 */
bool tap_is_alone(const struct net *net, uint32_t link);
/* For an interface's block: "h1:h1-eth0" and "address 10.0.0.1 to s1:s1-eth1". */
void tap_describe(const struct net *net, uint32_t iface, char name[TAP_NAME_SIZE],
		  char descr[TAP_DESCR_SIZE]);
/* The rest of it that the model knows: the interface's addresses, and its speeds. */
void tap_iface_info(const struct net *net, uint32_t iface, struct pcapng_iface_info *ret);
/*
 * The names of all addresses for the name resolution block; malloc'd, net->n_ifaces at most, or
 * NULL.
 */
struct pcapng_name *tap_names(const struct net *net, size_t *ret_n);

int taps_init(struct taps *t, const struct net *net); /* of no link yet */
void taps_clear(struct taps *t);
void taps_add(struct taps *t, const struct net *net, uint32_t link);
/* What a packet at this interface index is of, or NULL. */
const struct tap *taps_find(const struct taps *t, int ifindex);

#endif
