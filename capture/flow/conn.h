/*
 * The state of one connection, seen from outside: Zeek's history letters and conn_state.
 *
 * Meaning and rules are those of Zeek's documentation (base/protocols/conn, the fields history
 * and conn_state): upper case for the originator, lower case for the responder; A and D once a
 * direction; S, H, F and R again when their sequence number differs; T (retransmission) and W
 * (zero window) at their 1st, 10th, 100th … time; ^ when the roles were turned because a SYN-ACK
 * came first.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_CONN_H
#define CAPTURE_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include "capture/flow/packet.h"

enum conn_end {
	CONN_INACTIVE,
	CONN_PARTIAL, /* sends, but its SYN was not seen; UDP: has sent */
	CONN_SYN_SENT,
	CONN_SYN_ACK_SENT,
	CONN_ESTABLISHED,
	CONN_CLOSED, /* FIN */
	CONN_RESET,
};

struct conn_side {
	uint8_t state, prev; /* enum conn_end */
	uint8_t noted;	     /* letters already in the history, see conn.c */
	bool fin;
	bool isn_set;
	uint32_t isn;	  /* what tells one connection from the next of the same addresses */
	uint32_t last;	  /* sequence number behind all that was sent */
	uint64_t sent;	  /* the same counted from the SYN, 64 bits wide */
	uint32_t syn_seq, fin_seq, rst_seq;
	uint32_t retransmits, zero_windows;
};

struct conn {
	struct conn_side side[2]; /* 0: originator */
	bool closing; /* a FIN or RST was seen */
};

/* A history under way; text holds at most max letters and a NUL. */
struct conn_history {
	char *text;
	unsigned max;
};

/* Is this segment the start of another connection of the same addresses? */
bool conn_is_new(const struct conn *c, int dir, const struct packet *p);
void conn_add_tcp(struct conn *c, int dir, const struct packet *p, const struct conn_history *h);
void conn_add_udp(struct conn *c, int dir, const struct packet *p, const struct conn_history *h);
void conn_note_flipped(const struct conn_history *h);
/* Payload bytes by sequence numbers. */
uint64_t conn_bytes(const struct conn *c, int dir);
const char *conn_state(const struct conn *c, uint8_t proto, uint64_t orig_bytes,
		       uint64_t resp_bytes);

#endif
