/* Follows both ends of a connection, one segment at a time, and writes Zeek's history. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "capture/flow/conn.h"

/*
 * A SYN or RST this far from what was sent so far says nothing about how much was sent, nor does
 * an ACK of 0.
 */
#define SEQ_JUMP_MAX (1 << 20)

enum { NOTED_SYN = 1, NOTED_FIN = 2, NOTED_RST = 4, NOTED_DATA = 8, NOTED_ACK = 16,
       NOTED_FIN_RST = 32, NOTED_MULTI = 64 };

static void note(const struct conn_history *h, int dir, char letter)
{
	size_t n = strlen(h->text);

	if (n >= h->max)
		return;
	h->text[n] = dir ? (char)tolower(letter) : letter;
	h->text[n + 1] = '\0';
}

static void note_once(struct conn_side *s, const struct conn_history *h, int dir, uint8_t bit,
		      char letter)
{
	if (s->noted & bit)
		return;
	s->noted |= bit;
	note(h, dir, letter);
}

/* Again only if the sequence number is another than the last time. */
static void note_seq(struct conn_side *s, const struct conn_history *h, int dir, uint8_t bit,
		     char letter, uint32_t *last_seq, uint32_t seq)
{
	if (s->noted & bit && *last_seq == seq)
		return;
	s->noted |= bit;
	*last_seq = seq;
	note(h, dir, letter);
}

/* At the 1st, 10th, 100th … time. */
static void note_scaled(uint32_t *count, const struct conn_history *h, int dir, char letter)
{
	uint32_t n = ++*count;

	while (n && n % 10 == 0)
		n /= 10;
	if (n == 1)
		note(h, dir, letter);
}

void conn_note_flipped(const struct conn_history *h)
{
	note(h, 0, '^');
}

static void note_segment(struct conn_side *s, int dir, const struct packet *p,
			 const struct conn_history *h)
{
	uint8_t f = p->flags & (TCP_SYN | TCP_FIN | TCP_RST);

	switch (f) {
	case 0:
		if (p->payload_len)
			note_once(s, h, dir, NOTED_DATA, 'D');
		else if (p->flags & TCP_ACK)
			note_once(s, h, dir, NOTED_ACK, 'A');
		break;
	case TCP_SYN:
		note_seq(s, h, dir, NOTED_SYN, p->flags & TCP_ACK ? 'H' : 'S', &s->syn_seq, p->seq);
		break;
	case TCP_FIN:
		note_seq(s, h, dir, NOTED_FIN, 'F', &s->fin_seq, p->seq + p->payload_len);
		break;
	case TCP_RST:
		note_seq(s, h, dir, NOTED_RST, 'R', &s->rst_seq, p->seq);
		break;
	default:
		if (f & TCP_FIN && f & TCP_RST)
			note_once(s, h, dir, NOTED_FIN_RST, 'I');
		else
			note_once(s, h, dir, NOTED_MULTI, 'Q');
	}
}

/* What a RST carries is a message, and no part of the stream. */
static uint32_t segment_len(const struct packet *p)
{
	if (p->flags & TCP_RST && p->payload_len)
		return 0;
	return p->payload_len + !!(p->flags & TCP_SYN) + !!(p->flags & TCP_FIN);
}

/* Counting starts at the SYN, or where one would have been. */
static void start_counting(struct conn_side *s, const struct packet *p)
{
	if (p->flags & TCP_SYN) {
		s->last = p->seq + segment_len(p);
		s->sent = segment_len(p);
	} else {
		s->last = p->seq;
		s->sent = 1;
	}
}

static int32_t ahead_of(uint32_t seq, uint32_t of)
{
	return (int32_t)(seq - of);
}

static void drop_hole(struct conn *c, int dir, unsigned i)
{
	unsigned n = --c->side[dir].n_holes;

	memmove(&c->holes->hole[dir][i], &c->holes->hole[dir][i + 1],
		(n - i) * sizeof(c->holes->hole[dir][0]));
}

/*
 * Where there is no room the oldest goes: what fills it later is then taken for a retransmission.
 */
static void add_hole(struct conn *c, int dir, uint32_t from, uint32_t to)
{
	struct conn_side *s = &c->side[dir];

	if (!c->holes)
		c->holes = malloc(sizeof(*c->holes));
	if (!c->holes)
		return;
	if (s->n_holes == CONN_HOLES)
		drop_hole(c, dir, 0);
	c->holes->hole[dir][s->n_holes].from = from;
	c->holes->hole[dir][s->n_holes++].to = to;
}

/* Takes [from, to) out of a hole that it meets. True when nothing of the hole is left. */
static bool fill_hole(struct conn *c, int dir, unsigned i, uint32_t from, uint32_t to)
{
	struct conn_hole *h = &c->holes->hole[dir][i];
	bool left = ahead_of(from, h->from) > 0, right = ahead_of(h->to, to) > 0;

	if (left && right && c->side[dir].n_holes < CONN_HOLES) {
		memmove(h + 1, h, (c->side[dir].n_holes - i) * sizeof(*h));
		c->side[dir].n_holes++;
		h[1].from = to;
	}
	if (left)
		h->to = from;
	else if (right)
		h->from = to;
	return !left && !right;
}

/* Takes [from, to) out of the holes; true when some of it was one. */
static bool fill_holes(struct conn *c, int dir, uint32_t from, uint32_t to)
{
	bool some = false;

	for (unsigned i = 0; i < c->side[dir].n_holes;) {
		if (ahead_of(to, c->holes->hole[dir][i].from) <= 0 ||
		    ahead_of(c->holes->hole[dir][i].to, from) <= 0) {
			i++;
			continue;
		}
		some = true;
		if (fill_hole(c, dir, i, from, to))
			drop_hole(c, dir, i);
		else
			i++;
	}
	return some;
}

/* What the other end acknowledges it has, though it was never seen here; how many bytes. */
static uint64_t acked_unseen(struct conn *c, int sender, uint32_t ack)
{
	struct conn_side *s = &c->side[sender];
	uint64_t missed = 0;
	int32_t beyond;

	while (s->n_holes && ahead_of(ack, c->holes->hole[sender][0].from) > 0) {
		uint32_t from = c->holes->hole[sender][0].from, to = c->holes->hole[sender][0].to;

		if (ahead_of(ack, to) < 0) {
			missed += ack - from;
			c->holes->hole[sender][0].from = ack;
			break;
		}
		missed += to - from;
		drop_hole(c, sender, 0);
	}
	/* One behind the end may be a FIN that was not seen. */
	beyond = ahead_of(ack, s->last);
	if ((s->state == CONN_ESTABLISHED || s->state == CONN_PARTIAL) && beyond > 1 &&
	    (ack || beyond <= SEQ_JUMP_MAX)) {
		missed += (uint32_t)beyond;
		s->sent += (uint32_t)beyond;
		s->last = ack;
	}
	return missed;
}

/* Compares the segment with what was seen; CONN_*. last is still what it was before. */
static unsigned judge_segment(struct conn *c, int dir, const struct packet *p)
{
	struct conn_side *s = &c->side[dir];
	uint32_t from = p->seq + !!(p->flags & TCP_SYN), to = from + p->payload_len;
	int32_t gap = ahead_of(from, s->last);

	if (gap > 0) {
		add_hole(c, dir, s->last, from);
		return 0;
	}
	if (!p->payload_len || !gap)
		return 0;
	if (s->n_holes && fill_holes(c, dir, from, ahead_of(to, s->last) < 0 ? to : s->last))
		return CONN_OUT_OF_ORDER;
	return CONN_RETRANSMITTED;
}

/*
 * Does a SYN set the numbers anew? Where a RST was the first that was seen, it was perhaps forged.
 */
static bool starts_again(const struct conn_side *s, const struct packet *p)
{
	if (s->state == CONN_RESET)
		return s->prev == CONN_INACTIVE;
	return s->state != CONN_CLOSED && p->seq != s->isn;
}

static unsigned count_segment(struct conn *c, int dir, const struct packet *p,
			      const struct conn_history *h)
{
	struct conn_side *s = &c->side[dir];
	uint32_t end = p->seq + segment_len(p);
	unsigned what = 0;
	int32_t ahead;

	if (s->state == CONN_INACTIVE) {
		start_counting(s, p);
	} else if (p->flags & TCP_SYN && starts_again(s, p)) {
		start_counting(s, p);
		s->n_holes = 0;
	}
	if (p->flags & TCP_FIN)
		s->fin = true;
	ahead = ahead_of(end, s->last);
	s->fragmented = false;
	if (p->flags & (TCP_SYN | TCP_RST) && (ahead > SEQ_JUMP_MAX || ahead < -SEQ_JUMP_MAX))
		return 0;
	if (p->flags & TCP_FIN && s->sent == 1) {
		/* Only the SYN was seen before: however far it is, this is how much was sent. */
		s->sent += (uint32_t)(end - s->last);
		s->last = end;
		return 0;
	}
	if (s->state == CONN_RESET)
		return 0;
	if (s->state != CONN_INACTIVE && !(p->flags & TCP_RST))
		what = judge_segment(c, dir, p);
	if (ahead > 0) {
		s->sent += (uint32_t)ahead;
		s->last = end;
		s->fragmented = p->fragment && !(p->flags & TCP_RST);
	} else if (p->payload_len && s->state != CONN_INACTIVE && !(p->flags & TCP_RST)) {
		note_scaled(&s->retransmits, h, dir, 'T');
	}
	return what;
}

/* A later fragment has no header of its own: it goes on where the segment's first part ended. */
static void count_fragment(struct conn_side *s, const struct packet *p)
{
	if (!p->later_fragment || !s->fragmented)
		return;
	s->last += p->payload_len;
	s->sent += p->payload_len;
}

/* The sequence number that names the connection: of the SYN, else as it must have been. */
static void set_isn(struct conn *c, int dir, const struct packet *p)
{
	struct conn_side *s = &c->side[dir], *peer = &c->side[!dir];
	bool is_syn_ack = (p->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);

	if (!s->isn_set || is_syn_ack) {
		s->isn = p->flags & TCP_SYN ? p->seq : p->seq - 1;
		s->isn_set = true;
	}
	if (!peer->isn_set && p->flags & TCP_ACK) {
		peer->isn = p->ack - 1;
		peer->isn_set = true;
	}
}

bool conn_is_new(const struct conn *c, int dir, const struct packet *p)
{
	const struct conn_side *s = &c->side[dir];

	if (!p->has_tcp || (p->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN || !s->isn_set)
		return false;
	return p->seq != s->isn;
}

static void set_state(struct conn_side *s, enum conn_end state)
{
	s->prev = s->state;
	s->state = state;
}

static void from_inactive(struct conn_side *s, struct conn_side *peer, int dir,
			  const struct packet *p)
{
	if (p->flags & TCP_SYN && !dir) {
		set_state(s, p->flags & TCP_ACK ? CONN_SYN_ACK_SENT : CONN_SYN_SENT);
	} else if (p->flags & TCP_SYN) {
		/* A SYN-ACK, or the second SYN of a simultaneous open. */
		if (peer->state == CONN_SYN_SENT)
			set_state(peer, CONN_ESTABLISHED);
		set_state(s, CONN_ESTABLISHED);
	}
	if (p->flags & TCP_FIN)
		set_state(s, CONN_CLOSED);
	if (p->flags & TCP_RST)
		set_state(s, CONN_RESET);
	if (s->state != CONN_INACTIVE)
		return;
	if (dir && !p->payload_len && peer->state == CONN_SYN_SENT)
		return; /* an ACK of the SYN ahead of the SYN-ACK */
	if (p->flags & TCP_ACK && peer->state == CONN_ESTABLISHED)
		set_state(s, CONN_ESTABLISHED); /* only the SYN was missed */
	else
		set_state(s, CONN_PARTIAL);
}

static void from_established(struct conn_side *s, struct conn_side *peer, const struct packet *p)
{
	if (p->flags & TCP_SYN && !(p->flags & TCP_ACK) && s->state == CONN_PARTIAL &&
	    peer->state == CONN_INACTIVE)
		set_state(s, CONN_SYN_SENT);
	if (p->flags & TCP_FIN && !(p->flags & TCP_RST)) {
		set_state(s, CONN_CLOSED);
		/* Its FIN and then a RST were an end in good order if this side ends so, too. */
		if (peer->state == CONN_RESET && peer->prev == CONN_CLOSED)
			set_state(peer, CONN_CLOSED);
	}
	if (p->flags & TCP_RST)
		set_state(s, CONN_RESET);
}

static void step(struct conn_side *s, struct conn_side *peer, int dir, const struct packet *p)
{
	switch (s->state) {
	case CONN_INACTIVE:
		from_inactive(s, peer, dir, p);
		break;
	case CONN_SYN_SENT:
	case CONN_SYN_ACK_SENT:
		if (p->flags & TCP_FIN)
			set_state(s, CONN_CLOSED);
		if (p->flags & TCP_RST)
			set_state(s, CONN_RESET);
		break;
	case CONN_ESTABLISHED:
	case CONN_PARTIAL:
		from_established(s, peer, p);
		break;
	case CONN_CLOSED:
		if (p->flags & TCP_RST && peer->state != CONN_CLOSED)
			set_state(s, CONN_RESET);
		break;
	default:
		break; /* after a RST nothing counts */
	}
}

unsigned conn_add_tcp(struct conn *c, int dir, const struct packet *p, const struct conn_history *h,
		      uint64_t *ret_missed)
{
	struct conn_side *s = &c->side[dir], *peer = &c->side[!dir];
	uint64_t missed;
	unsigned what;

	if (!p->has_tcp) {
		count_fragment(s, p);
		return 0;
	}
	note_segment(s, dir, p, h);
	if (!p->window && !(p->flags & TCP_RST) && peer->state != CONN_CLOSED &&
	    s->state != CONN_RESET)
		note_scaled(&s->zero_windows, h, dir, 'W');
	what = count_segment(c, dir, p, h);
	if ((p->flags & (TCP_ACK | TCP_RST)) == TCP_ACK &&
	    (peer->n_holes || p->ack != peer->last)) {
		missed = acked_unseen(c, !dir, p->ack);
		if (missed)
			note_scaled(&peer->gaps, h, !dir, 'G');
		*ret_missed += missed;
	}
	set_isn(c, dir, p);
	step(s, peer, dir, p);
	return what;
}

void conn_add_corrupt(struct conn *c, int dir, const struct conn_history *h)
{
	note_scaled(&c->side[dir].corrupt, h, dir, 'C');
}

bool conn_is_over(const struct conn *c)
{
	return (c->side[0].state == CONN_CLOSED && c->side[1].state == CONN_CLOSED) ||
	       c->side[0].state == CONN_RESET || c->side[1].state == CONN_RESET;
}

bool conn_is_attempt(const struct conn *c)
{
	const struct conn_side *s = &c->side[0];

	return (s->state == CONN_SYN_SENT || s->state == CONN_SYN_ACK_SENT) &&
	       s->prev == CONN_INACTIVE && c->side[1].state == CONN_INACTIVE;
}

void conn_continue(struct conn *c, struct conn *from)
{
	*c = *from;
	from->holes = NULL;
	from->side[0].n_holes = from->side[1].n_holes = 0;
	for (int dir = 0; dir < 2; dir++) {
		struct conn_side *s = &c->side[dir];

		s->before += conn_bytes(c, dir);
		s->noted = 0;
		s->retransmits = s->zero_windows = s->corrupt = s->gaps = 0;
	}
}

void conn_close(struct conn *c)
{
	free(c->holes);
	c->holes = NULL;
}

void conn_add_udp(struct conn *c, int dir, const struct conn_history *h)
{
	note_once(&c->side[dir], h, dir, NOTED_DATA, 'D');
	c->side[dir].state = CONN_PARTIAL;
}
