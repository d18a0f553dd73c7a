/* What the shaper's BPF programs and its thread share. Plain C types, included by both. */
/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
#ifndef EMU_SHAPER_SHAPER_BPF_H
#define EMU_SHAPER_SHAPER_BPF_H

/*
 * Room for a frame in the ring and in a parcel comes in these sizes, because the verifier wants to know
 * them; the last holds the largest MTU (65,535) with its Ethernet header and a VLAN tag.
 */
#define SHAPER_SIZES	5
#define SHAPER_SIZE_0	128
#define SHAPER_SIZE_1	512
#define SHAPER_SIZE_2	1600
#define SHAPER_SIZE_3	9216
#define SHAPER_SIZE_4	65600

/* A frame as it came to one half of a link. */
struct shaper_frame {
	unsigned long long time;   /* CLOCK_MONOTONIC ns */
	unsigned int hash;	   /* skb->hash, the owner's tag */
	unsigned int ifindex;	   /* of the half, and of the interface that it left */
	unsigned int len;	   /* of data */
	unsigned short vlan_proto; /* network byte order; 0: no tag beside the frame */
	unsigned short vlan_tci;   /* host byte order */
	unsigned char data[];
};

#endif
