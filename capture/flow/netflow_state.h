/*
 * What the netflow and netflow-v3 schemas have in common: the state beside a flow, and the 43
 * features of Sarhan, Layeghy and Portmann ("Towards a Standard Feature Set for Network Intrusion
 * Detection System Datasets", 2021), which are nProbe's fields. docs/flows.md has them column by
 * column.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_NETFLOW_STATE_H
#define CAPTURE_NETFLOW_STATE_H

#include "capture/flow/flow.h"
#include "capture/flow/packet.h"
#include "capture/flow/series.h"
#include "core/csv.h"

#define NETFLOW_FEATURES 43
#define NETFLOW_SIZES    5 /* classes of packet lengths */

struct netflow_side {
	struct series iat; /* ns */
	uint64_t pkts;
	uint64_t retransmits, retransmitted_bytes; /* packets, and the IP bytes of them */
	int64_t first, last;
	uint16_t win_max;
	uint8_t flags; /* of all segments, or'ed */
	bool has_tcp;
};

struct netflow_state {
	struct netflow_side side[2];
	uint64_t sizes[NETFLOW_SIZES];
	uint32_t len_min, len_max; /* IP bytes */
	uint32_t dns_ttl;
	uint16_t dns_id, dns_type;
	uint16_t ftp_code;            /* 0: none */
	uint8_t ttl_min, ttl_max;     /* of the originator's packets */
	uint8_t icmp_type, icmp_code; /* of the first ICMP packet */
	bool has_icmp, has_dns, has_dns_type, has_dns_ttl;
};

void netflow_packet(void *state, const struct flow *f, int dir, const struct flow_packet *fp,
		    const struct packet *p);
void netflow_put_names(struct csv *c);
/* Their values. */
void netflow_put_features(struct csv *c, const struct netflow_state *s, const struct flow *f);
/* The last two columns, Label (0 or 1) and Attack. */
void netflow_put_label(struct csv *c, const struct flow *f);
/* Time stamps and durations: ms, with what is left below. */
void netflow_put_msec(struct csv *c, int64_t ns);

#endif
