/*
 * The state of one connection, seen from outside: Zeek's history letters and conn_state.
 *
 * Meaning and rules are those of Zeek's documentation (base/protocols/conn, the fields history
 * and conn_state): upper case for the originator, lower case for the responder; A, D, I and Q
 * once a direction; S, H, F and R again when their sequence number differs; C (bad checksum), G
 * (content gap), T (retransmission) and W (zero window) at their 1st, 10th, 100th … time; ^ when
 * the roles were turned because a SYN-ACK came first.
 *
 * T stands for any payload that lies before the end of what was sent, as Zeek has it. What of it
 * was sent again, and what only came late, is told apart by the holes: places behind which
 * something was seen, and they were not. A hole that the other end acknowledges is a content gap.
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
	uint8_t n_holes;
	bool fin;
	bool isn_set;
	bool fragmented;  /* the last segment was new, and its later fragments are still to come */
	uint32_t isn;	  /* what tells one connection from the next of the same addresses */
	uint32_t last;	  /* sequence number behind all that was sent */
	uint32_t syn_seq, fin_seq, rst_seq;
	uint64_t sent;	  /* the same as last, counted from the SYN and 64 bits wide */
	uint64_t before;  /* of these, payload that conn_continue() does not count */
	uint32_t retransmits, zero_windows, corrupt, gaps;
};

/* Of each side the places that were passed over and not yet seen, in the order of their numbers. */
#define CONN_HOLES 16

struct conn_hole {
	uint32_t from, to;
};

struct conn_holes {
	struct conn_hole hole[2][CONN_HOLES];
};

struct conn {
	struct conn_side side[2]; /* 0: originator */
	struct conn_holes *holes; /* malloc'd with the first */
};

/* A history under way; text holds at most max letters and a NUL. */
struct conn_history {
	char *text;
	unsigned max;
};

/* What a segment was beside what it says; several may be true. */
#define CONN_RETRANSMITTED 1u /* payload that was seen before */
#define CONN_OUT_OF_ORDER  2u /* payload that fills a hole */

/* Is this segment the start of another connection of the same addresses? */
bool conn_is_new(const struct conn *c, int dir, const struct packet *p);
/*
 * CONN_*. *ret_missed grows by the payload of the other end that this segment acknowledges and
 * that was never seen.
 */
unsigned conn_add_tcp(struct conn *c, int dir, const struct packet *p, const struct conn_history *h,
		      uint64_t *ret_missed);
void conn_add_udp(struct conn *c, int dir, const struct conn_history *h);
/* A packet whose checksum is wrong: it is noted, and says nothing else. */
void conn_add_corrupt(struct conn *c, int dir, const struct conn_history *h);
void conn_note_flipped(const struct conn_history *h);
/* Both ends have closed it, or one has reset it. */
bool conn_is_over(const struct conn *c);
/* It began with a SYN, which nobody has answered. */
bool conn_is_attempt(const struct conn *c);
/* Moves from into c, a new flow that goes on where another ended: history and bytes begin anew. */
void conn_continue(struct conn *c, struct conn *from);
/* Frees what it holds. */
void conn_close(struct conn *c);
/* Payload bytes by sequence numbers. */
uint64_t conn_bytes(const struct conn *c, int dir);
const char *conn_state(const struct conn *c, uint8_t proto, uint64_t orig_bytes,
		       uint64_t resp_bytes);

#endif
