/*
 * The built-in shaper: links that behave like a WAN on kernels without sch_netem, seeded to the packet.
 *
 * Theory of operation. A shaped link is two veths: each end's other half lies in the shaper's own
 * namespace, under the same interface index. There a tc program on ingress copies each frame, with its
 * tag (skb->hash) and the time, into one BPF ring buffer and drops it; the shaper's thread takes it from
 * there through the link's pipe (emu/shaper/pipe.h) and, when its time has come, sends it out of the
 * other half with sendmmsg() on a packet socket, the tag as SO_MARK, which a tc program on egress turns
 * back into skb->hash. One thread serves all links. It sleeps in epoll until a frame comes or the timer
 * wheel's next parcel is due; the last microseconds before that it spins, for a timer is always late.
 *
 * Delivered is what the receiver's interface took. A host may take that interface down by itself: the
 * shaper follows it by the kernel's events, and says down of what comes then. Known limits: of a receiver
 * whose MTU was lowered from inside it calls delivered what is too long for it; and so a frame that is sent
 * in the very moment between the interface's end and the kernel's word of it, which is longer before
 * Linux 6.6, whose veth does not say that it lost one.
 *
 * All functions are for the thread that made it, save where said; the shaper's own thread is inside.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SHAPER_SHAPER_H
#define EMU_SHAPER_SHAPER_H

#include "emu/net.h"
#include "emu/shaper/pipe.h"

struct shaper;

#define SHAPER_THREAD_NAME "shaper" /* as ps -L and /proc have it */

/* Can this kernel do it (BPF ring buffers and tc programs)? If not, why: a static sentence. */
bool shaper_have(const char **ret_why);

/* Makes the namespace and the programs; the thread begins with the first link. net outlives it. */
int shaper_open(const struct net *net, struct shaper **ret, struct err *err);
/* Drops what is under way, ends the thread, and closes all; NULL is nothing. */
void shaper_close(struct shaper *s);
int shaper_ns(const struct shaper *s); /* its namespace; stays the shaper's */

/*
 * Serves a link from now on: its two halves, under the indexes of net->links[link].iface[], are in
 * shaper_ns() and still down. The programs are attached here.
 */
int shaper_add(struct shaper *s, uint32_t link, const struct shape shape[2], struct err *err);
/* Loses what is under way, and serves it no more; its halves may go before or after. */
int shaper_del(struct shaper *s, uint32_t link);
/* From the next packet on; returns when it is in force. */
int shaper_set(struct shaper *s, uint32_t link, int end, const struct shape *shape);
/* Going down, it loses what is under way on it. */
int shaper_set_up(struct shaper *s, uint32_t link, bool up);

/* Where fates go from now on; NULL: nowhere. Returns when no more go to the former one. */
int shaper_set_sink(struct shaper *s, struct fate_queue *q);
/* A packet's id: counted up from 1 by whoever sees one first. For any thread. */
uint64_t shaper_new_id(struct shaper *s);

struct shaper_stats {
	uint64_t packets;  /* came in */
	/*
	 * Frames that found no room in the ring, or no memory. Only the latter have a fate and a number n:
	 * after one that the ring had no room for, the n of its direction's later packets are short by one.
	 */
	uint64_t overruns;
	uint64_t send_errors; /* that the kernel would not take, but where the receiver is down */
};
void shaper_stats(struct shaper *s, struct shaper_stats *ret);

#endif
