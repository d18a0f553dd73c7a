/*
 * Senders without BPF: who owns a packet's socket, as sock_diag(7) tells.
 *
 * Theory of operation. Each program has a cgroup of its own, and a socket belongs to its creator's
 * cgroup. A capture's ring hands a packet over up to 20 ms late, and by then a short connection's socket
 * is gone. So a thread of its own hears, through a classic packet filter, of what begins something (a
 * SYN, a datagram, an echo request) at once, asks for the sockets of both ends, and notes the answers by
 * addresses and time; the capture looks its packets up there. The kernel's notices of destroyed sockets
 * carry no cgroup, but say when a UDP port is free for another program, and end what was noted of it. The
 * kernel sends them from a work queue, so one may come after the first packet of the port's next user.
 *
 * Where the socket is gone already, or is one that sock_diag does not know (packet sockets, ping's),
 * the sender is the only program that runs on the host, if there is but one. Else, and for what no
 * process sends (ARP, echo replies, resets of closed ports), it is the host's kernel. So an owner from
 * here is inferred, and says so; it is a program, never one of its processes.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SENDER_INFER_H
#define CAPTURE_SENDER_INFER_H

#include <stdint.h>
#include "capture/sender/owner.h"
#include "core/err.h"

struct emu;
struct infer;

/* What was not heard of, and may have been taken for another's. */
struct infer_stats {
	uint64_t notices_lost; /* times that the kernel had no room for notices of closed sockets */
	uint64_t unheard;      /* packets that begin something, and that it had no room for */
	uint64_t evicted;      /* records that made room for younger ones */
};

/* All owners say from now on that they are inferred. */
int infer_open(struct emu *e, struct owners *owners, struct infer **ret, struct err *err);
void infer_close(struct infer *i);
void infer_stats(struct infer *i, struct infer_stats *ret);
/*
 * The owner id of an Ethernet frame, never OWNER_NONE. ts: its CLOCK_REALTIME ns. from: the node at the
 * end of the link that it came from, which may have forwarded it.
 */
uint32_t infer_owner(struct infer *i, int64_t ts, uint32_t from, const uint8_t *data,
		     uint32_t caplen, uint32_t len);

#endif
