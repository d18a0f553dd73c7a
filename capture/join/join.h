/*
 * A capture's packets, each joined with its flow, its sender and its activity.
 *
 * The keys are those that docs/joins.md documents: a packet's comment names its owner, its
 * addresses and time name its flow, the flow's row names its activity. Flows are assembled as the
 * run assembled them, from the same packets in the same order, so their uids are those of
 * flows.csv. What lies beside the capture is used where it is a run's (manifest.json) and agrees
 * with the packets' own comments; what is not told there is taken from the comments, or stays empty.
 *
 * Memory grows with the tables beside the capture, the flows alive at a time, and those that
 * flows.csv has under another uid, of which a line is kept to the end; not with the packets.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_JOIN_JOIN_H
#define CAPTURE_JOIN_JOIN_H

#include "capture/file/pcapng.h"
#include "capture/flow/flow.h"
#include "capture/flow/packet.h"

/* Valid until the next packet. A text that nothing tells is NULL, a number 0. */
struct joined {
	uint64_t number; /* from 1, on through all files, as Wireshark counts */
	const struct pcapng_packet *packet;
	int64_t start; /* ns; the time of the first packet of all */
	const char *iface;
	const char *proto; /* "tcp", "arp" … */
	bool has_addrs, has_ports;
	struct packet parsed; /* where has_addrs */
	uint16_t sport, dport; /* ICMP: type and code as flows.csv has them */
	const struct flow *flow; /* NULL: of none */
	const char *uid; /* of flows.csv, where that is there; else of the flow */
	uint32_t owner, pid, activity;
	const char *host, *comm, *exe, *confidence;
	const char *scenario, *sub, *class, *label, *outcome, *evidence;
};

struct join;

/* path: a capture of either format, "-" for standard input, or a run's folder, with all files. */
int join_open(const char *path, struct join **ret, struct err *err);
void join_close(struct join *j);
/* 1 with a packet, 0 at the end, or -errno. */
int join_next(struct join *j, struct joined *ret, struct err *err);

#endif
