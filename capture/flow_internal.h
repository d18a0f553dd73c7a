/* What the parts of the flow table share: the row behind a struct flow. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_FLOW_INTERNAL_H
#define CAPTURE_FLOW_INTERNAL_H

#include "capture/conn.h"
#include "capture/flow.h"
#include "capture/packet.h"

/* The two ends in the order of their bytes, so that both directions have one key. */
struct flow_key {
	uint8_t ip[2][16];
	uint16_t port[2];
	uint8_t proto, family;
	uint8_t pad[2];
};

enum flow_service_id {
	SERVICE_NONE,
	SERVICE_FTP,
	SERVICE_FTP_DATA,
	SERVICE_SSH,
	SERVICE_HTTP,
	SERVICE_SSL,
	SERVICE_DNS,
};

struct flow_entry {
	struct flow flow; /* first: a struct flow of the table is one of these */
	struct flow_key key;
	struct conn conn;
	bool orig_second;	/* the originator is the key's second end */
	bool provisional;	/* no packet of the true vantage yet */
	uint8_t service;	/* enum flow_service_id, by payload */
	uint8_t looked[2];	/* payloads looked at, each direction */
	uint32_t want;		/* the true vantage while provisional */
	uint32_t resolved[2];	/* owner whose activity was last asked for */
	const struct owner *program[2]; /* the owner that gave side[].owner */
	bool activity_of_orig;
};

static inline const struct flow_entry *flow_entry(const struct flow *f)
{
	return (const struct flow_entry *)f;
}

/* What the payload says of the flow's service; once known it stays. */
void flow_look(struct flow_entry *e, int dir, const struct packet *p);
/* An FTP reply or command that names the address of a data connection: 1 with it. */
int flow_ftp_data_addr(const struct packet *p, uint8_t ip[16], uint16_t *ret_port);

#endif
