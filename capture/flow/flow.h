/*
 * Bidirectional flows, assembled in one pass, with Zeek's conn_state and history (Zeek's
 * documentation of base/protocols/conn) and the Community ID (v1, corelight/community-id-spec).
 *
 * A packet passes several links; a flow counts it at one vantage only: the interface of the
 * originator's host (set by whoever calls, see flow_packet.iface), so that packet and byte
 * totals are those of a capture at that interface.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_FLOW_H
#define CAPTURE_FLOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "capture/sender/owner.h"

#define FLOW_HISTORY_MAX 32
#define FLOW_UID_SIZE	 19
#define FLOW_NO_IFACE	 UINT32_MAX
#define FLOW_LINK_ETHER	 1
#define FLOW_LINK_NULL	 108 /* LINKTYPE_LOOP, which is read the same */

struct flow_packet {
	int64_t ts;
	uint32_t iface; /* any number that names the vantage, e.g. index in net->ifaces */
	uint32_t caplen, len;
	const uint8_t *data; /* from the link header on */
	/* LINKTYPE_*; 0 and 1: Ethernet; BSD's null, which is 0 in a file, is FLOW_LINK_NULL. */
	uint16_t linktype;
	uint32_t owner;	     /* 0: unknown */
};

/* What stands in a file as what a flow_packet is told by. */
static inline uint16_t flow_linktype(uint16_t of_file)
{
	return of_file ? of_file : FLOW_LINK_NULL;
}

struct flow_addr {
	uint8_t ip[16]; /* IPv4 in the first four bytes */
	uint16_t port;	/* host byte order; ICMP: type (orig) and code (resp) as Zeek has it */
};

/* What one side sent, at the vantage. */
struct flow_side {
	uint64_t pkts, ip_bytes; /* IP total length summed */
	uint64_t bytes;		 /* payload: TCP by sequence numbers, UDP and ICMP summed */
	uint64_t retransmits;	 /* TCP segments whose payload was seen before, in whole or part */
	uint64_t out_of_order;	 /* TCP segments that fill a gap before what was seen */
	uint64_t missed;	 /* TCP payload that the peer acknowledged and that was never seen */
	uint64_t fragments;	 /* IP fragments, the first ones included */
	uint32_t owner;		 /* of its first packet that had a process, else its kernel */
};

/* In the order of use: each packet needs its side and the cache line behind the two. */
struct flow {
	struct flow_side side[2]; /* 0: originator */
	int64_t first, last;	  /* ns */
	uint32_t iface;		  /* vantage */
	uint16_t vlan;		  /* outermost 802.1Q id of its first packet; 0: none */
	uint8_t family;		  /* AF_INET, AF_INET6 */
	uint8_t proto;		  /* IPPROTO_* */
	struct flow_addr orig, resp;
	uint64_t number; /* from 1, in order of first packet */
	char uid[FLOW_UID_SIZE]; /* flow_uid() of its first packet, at whatever interface */
	char history[FLOW_HISTORY_MAX + 1];
	/* The activity of one of its ends, the originator's first; NULL until one is known. */
	const struct activity_label *activity;
	const char *scenario, *class; /* of the activity, else of the server program; or NULL */
	/* Positions of packet comments that wait for the activity; the capture's, see capture.c. */
	void *pending;
};

struct packet;
/*
 * What stands for ports in flows.csv, of one packet as it is: ICMP's are its type and the
 * answer's.
 */
void flow_ports(const struct packet *p, uint16_t *ret_src, uint16_t *ret_dst);
/* "tcp", "udp", "icmp" or Zeek's "unknown_transport". */
const char *flow_proto_name(uint8_t proto);

struct flow_schema;

struct flow_opts {
	/* Idle times after which the same addresses are a new flow, ns; 0: Zeek's defaults. */
	int64_t tcp_idle, udp_idle, icmp_idle; /* 5 min, 1 min, 1 min */
	int64_t tcp_closed; /* the same for a TCP connection that both ends closed or one reset: 5 s */
	int64_t tcp_attempt; /* from the first SYN, where nothing answers it, ns; 0: Zeek's 5 s */
	size_t memory_max; /* bytes of rows; one more is -EOVERFLOW. 0: no bound but the machine's */
	/*
	 * Age at which a flow ends although it goes on, ns (NetFlow's active timeout); 0: none. The next
	 * flow keeps its originator and what is known of the connection.
	 */
	int64_t active;
	bool checksums; /* verify them: a packet with a wrong one is a C in the history and no more */
	/* The schemas whose states are kept beside each flow, NULL-terminated; NULL: none. */
	const struct flow_schema *const *schemas;
	/*
	 * Called with each flow that has ended (timed out, or replaced by the next of its
	 * addresses), which is freed after; so memory holds the live flows only. In order of
	 * their ends, within a short time (flow_expire.c). 0, or -errno, with which
	 * flow_table_add() ends.
	 * NULL: all are kept, for flow_table_each().
	 */
	int (*ended)(void *arg, const struct flow *f);
	/* The interface whose host has this source address, or FLOW_NO_IFACE; NULL: first seen. */
	uint32_t (*vantage)(void *arg, uint8_t family, const uint8_t *ip);
	void *arg;
};

struct flow_table;

struct flow_table *flow_table_new(const struct flow_opts *opts, struct owners *owners);
void flow_table_free(struct flow_table *t);
/*
 * Adds a packet. 1 with its flow (also for a packet that is not at the flow's vantage and
 * therefore not counted), 0 when it is of no flow (ARP and other non-IP).
 */
int flow_table_add(struct flow_table *t, const struct flow_packet *p, struct flow **ret);
/*
 * The same for several packets, at most FLOW_BATCH, whose data is valid together. Faster where
 * there are many flows, for their rows are fetched ahead. How many were of no flow, or what
 * flow_table_add() says; then those of the rest are not added.
 */
#define FLOW_BATCH 32
int flow_table_add_many(struct flow_table *t, const struct flow_packet *fp, size_t n);
/*
 * The flow that a packet would be added to, or NULL. No flow is added or changed; that a first
 * fragment has these ports is remembered.
 */
const struct flow *flow_table_find(struct flow_table *t, const struct flow_packet *fp);
size_t flow_table_count(const struct flow_table *t); /* flows there were so far */
size_t flow_table_live(const struct flow_table *t);  /* rows in memory */
/* The state beside a flow of one of the table's schemas; NULL where it keeps none. */
const void *flow_schema_state(const struct flow_table *t, const struct flow *f,
			      const struct flow_schema *schema);
/*
 * In order of first packet, until fn returns what is not 0. With opts.ended: ends all that live,
 * each handed to that; fn may be NULL.
 */
typedef int flow_fn(void *arg, const struct flow *f);
int flow_table_each(struct flow_table *t, flow_fn *fn, void *arg);

/* Zeek's conn_state: S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH. */
const char *flow_conn_state(const struct flow *f);
/* Zeek-like uid, "C" and 17 base-62 digits of a hash of addresses and first time stamp. */
void flow_uid(const struct flow *f, char buf[FLOW_UID_SIZE]);
/* "1:" and base64 of SHA-1. */
void flow_community_id(const struct flow *f, char buf[32]);
/*
 * A service by payload or well-known port: "ftp", "ftp-data", "ssh", "http", "ssl", "dns", or "".
 */
const char *flow_service(const struct flow *f);

#endif
