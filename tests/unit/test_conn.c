/*
 * Connection states and histories, written by hand from Zeek's documentation of conn.log.
 *
 * A script is segments parted by ';', each "DIRECTION FLAGS SEQ ACK LENGTH": "> S 100 0 0" is a
 * SYN of the originator, "< RA 0 101 0" a reset of the responder. Z among the flags is a zero
 * window.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include "capture/flow/conn.h"
#include "capture/flow/flow.h"
#include "core/cleanup.h"

struct play {
	const char *what, *script, *state, *history;
	uint64_t orig_bytes, resp_bytes;
};

static const struct play plays[] = {
	{ "attempt, no reply", "> S 100 0 0", "S0", "S", 0, 0 },
	{ "attempt repeated", "> S 100 0 0;> S 100 0 0", "S0", "S", 0, 0 },
	{ "rejected", "> S 100 0 0;< RA 0 101 0", "REJ", "Sr", 0, 0 },
	{ "established", "> S 100 0 0;< SA 500 101 0;> A 101 501 0", "S1", "ShA", 0, 0 },
	{ "handshake without its last ACK", "> S 100 0 0;< SA 500 101 0", "S1", "Sh", 0, 0 },
	{ "normal",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> PA 101 501 10;< A 501 111 0;< PA 501 111 20;"
	  "> A 111 521 0;> FA 111 521 0;< FA 521 112 0;> A 112 522 0",
	  "SF", "ShADadFf", 10, 20 },
	{ "data with the FIN",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> FA 101 501 7;< FA 501 109 0;> A 109 502 0",
	  "SF", "ShAFf", 7, 0 },
	{ "originator closes only",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> FA 101 501 0;< A 501 102 0", "S2", "ShAFa",
	  0, 0 },
	{ "responder closes only",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;< FA 501 101 0;> A 101 502 0", "S3", "ShAf",
	  0, 0 },
	{ "originator aborts", "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> R 101 0 0", "RSTO",
	  "ShAR", 0, 0 },
	{ "responder aborts",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> PA 101 501 5;< R 501 0 0", "RSTR", "ShADr",
	  5, 0 },
	{ "SYN, then RST of the originator", "> S 100 0 0;> R 101 0 0", "RSTOS0", "SR", 0, 0 },
	{ "half-open scan of an open port", "> S 100 0 0;< SA 500 101 0;> R 101 0 0", "RSTO", "ShR",
	  0, 0 },
	{ "SYN-ACK, then RST of the responder", "< SA 500 101 0;< R 501 0 0", "RSTRH", "hr", 0, 0 },
	{ "SYN, then FIN of the originator", "> S 100 0 0;> FA 101 0 0", "SH", "SF", 0, 0 },
	{ "SYN-ACK, then FIN of the responder", "< SA 500 101 0;< FA 501 101 0", "SHR", "hf", 0, 0 },
	{ "midstream", "> PA 1000 2000 30;< A 2000 1030 0;< PA 2000 1030 40", "OTH", "Dad", 30, 40 },
	{ "only the SYN was missed", "< SA 500 101 0;> A 101 501 0;> PA 101 501 9", "S1", "hAD", 9,
	  0 },
	{ "retransmitted",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> PA 101 501 10;> PA 101 501 10;< A 501 111 0",
	  "S1", "ShADTa", 10, 0 },
	{ "retransmitted with more: new data counts once",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> PA 101 501 10;> PA 101 501 15", "S1", "ShAD",
	  15, 0 },
	{ "filled a gap", "> S 100 0 0;< SA 500 101 0;> PA 111 501 10;> PA 101 501 10", "S1",
	  "ShDT", 20, 0 },
	{ "sequence numbers wrap",
	  "> S 4294967290 0 0;< SA 500 4294967291 0;> PA 4294967291 501 100;> FA 95 501 0;"
	  "< FA 501 96 0", "SF", "ShDFf", 100, 0 },
	{ "simultaneous open",
	  "> S 100 0 0;< S 500 0 0;< SA 500 101 0;> SA 100 501 0;> PA 101 501 4", "S1", "SsD", 4,
	  0 },
	{ "what a RST carries is no payload",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> PA 101 501 5;< RA 501 106 12;< RA 501 106 12",
	  "RSTR", "ShADr", 5, 0 },
	{ "a RST ahead of the SYN-ACK says nothing of its numbers",
	  "> S 100 0 0;< RA 9000 101 0;< SA 500 101 0", "REJ", "Srh", 0, 0 },
	{ "more than 1 MiB acknowledged and unseen",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;< A 501 3000101 0", "S1", "ShAaG", 3000000, 0 },
	{ "an ACK of 0 far ahead acknowledges nothing",
	  "> S 4200000000 0 0;< SA 500 4200000001 0;> A 4200000001 501 0;< A 501 0 0", "S1", "ShAa",
	  0, 0 },
	{ "RST behind both FINs changes nothing",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;< FA 501 101 0;> FA 101 502 0;> R 102 0 0", "SF",
	  "ShAfFR", 0, 0 },
	{ "FIN and RST, then the other FIN: in good order",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> FA 101 501 0;> R 102 0 0;< FA 501 102 0", "SF",
	  "ShAFRf", 0, 0 },
	{ "zero window",
	  "> S 100 0 0;< SA 500 101 0;> PA 101 501 10;< AZ 501 111 0;< AZ 501 111 0", "S1",
	  "ShDaw", 10, 0 },
	{ "FIN and RST at once", "> S 100 0 0;< SA 500 101 0;> FR 101 501 0", "RSTO", "ShI", 0, 0 },
	{ "SYN and FIN at once", "> SF 100 0 0", "SH", "Q", 0, 0 },
	{ "RST far off says nothing of bytes",
	  "> S 100 0 0;< SA 500 101 0;> PA 101 501 10;> R 900000000 0 0", "RSTO", "ShDR", 10, 0 },
	{ "acknowledged, and never seen",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> PA 121 501 10;< A 501 131 0", "S1", "ShADaG", 30,
	  0 },
	{ "acknowledged beyond all that was seen",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;< PA 501 161 10;> A 161 511 0", "S1", "ShAdG", 60,
	  10 },
	{ "a gap of the responder's",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;< PA 601 101 10;> A 101 611 0", "S1", "ShAdg", 0,
	  110 },
	{ "an acknowledged FIN that was not seen is no gap",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;< A 501 102 0", "S1", "ShAa", 0, 0 },
	{ "two RSTs of different places", "> S 100 0 0;< SA 500 101 0;> R 101 0 0;> R 120 0 0",
	  "RSTO", "ShRR", 0, 0 },
};

static uint64_t missed; /* by the segments of the test that is under way */

static unsigned add(struct conn *c, int dir, const struct packet *p, const struct conn_history *h)
{
	return conn_add_tcp(c, dir, p, h, &missed);
}

static void parse_segment(const char *s, int *ret_dir, struct packet *ret)
{
	char dir, flags[8];
	unsigned seq, ack, len;

	assert_int_equal(sscanf(s, " %c %7s %u %u %u", &dir, flags, &seq, &ack, &len), 5);
	memset(ret, 0, sizeof(*ret));
	*ret_dir = dir == '<';
	ret->proto = IPPROTO_TCP;
	ret->has_tcp = true;
	ret->seq = seq;
	ret->ack = ack;
	ret->payload_len = len;
	ret->window = strchr(flags, 'Z') ? 0 : 1000;
	ret->flags = (uint8_t)((strchr(flags, 'S') ? TCP_SYN : 0) |
			       (strchr(flags, 'A') ? TCP_ACK : 0) |
			       (strchr(flags, 'F') ? TCP_FIN : 0) |
			       (strchr(flags, 'R') ? TCP_RST : 0) |
			       (strchr(flags, 'P') ? TCP_PSH : 0));
}

static void play_one(const struct play *play)
{
	char history[FLOW_HISTORY_MAX + 1] = "";
	struct conn_history h = { history, FLOW_HISTORY_MAX };
	_cleanup_free_ char *script = strdup(play->script);
	struct conn c = { 0 };
	char *save = NULL;
	const char *got;

	for (char *s = strtok_r(script, ";", &save); s; s = strtok_r(NULL, ";", &save)) {
		struct packet p;
		int dir;

		parse_segment(s, &dir, &p);
		add(&c, dir, &p, &h);
	}
	got = conn_state(&c, IPPROTO_TCP, conn_bytes(&c, 0), conn_bytes(&c, 1));
	if (strcmp(got, play->state) || strcmp(history, play->history) || conn_bytes(&c, 0) != play->orig_bytes ||
	    conn_bytes(&c, 1) != play->resp_bytes)
		fail_msg("%s: is %s %s %llu %llu, not %s %s %llu %llu", play->what, got,
			 history,
			 (unsigned long long)conn_bytes(&c, 0),
			 (unsigned long long)conn_bytes(&c, 1), play->state, play->history,
			 (unsigned long long)play->orig_bytes,
			 (unsigned long long)play->resp_bytes);
	conn_close(&c);
}

static void test_plays(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(plays); i++)
		play_one(&plays[i]);
}

/* Each state as the documentation of conn.log words it, by a short sequence that the words fit. */
static const struct play states[] = {
	{ "S0: Connection attempt seen, no reply", "> S 100 0 0", "S0", "S", 0, 0 },
	{ "S1: Connection established, not terminated",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> PA 101 501 7", "S1", "ShAD", 7, 0 },
	{ "SF: Normal establishment and termination",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> PA 101 501 3;< PA 501 104 9;> FA 104 510 0;"
	  "< FA 510 105 0;> A 105 511 0", "SF", "ShADdFf", 3, 9 },
	{ "REJ: Connection attempt rejected", "> S 100 0 0;< RA 0 101 0", "REJ", "Sr", 0, 0 },
	{ "S2: Connection established and close attempt by originator seen (but no reply from responder)",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> FA 101 501 0", "S2", "ShAF", 0, 0 },
	{ "S3: Connection established and close attempt by responder seen (but no reply from originator)",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;< FA 501 101 0", "S3", "ShAf", 0, 0 },
	{ "RSTO: Connection established, originator aborted (sent a RST)",
	  "> S 100 0 0;< SA 500 101 0;> A 101 501 0;> RA 101 501 0", "RSTO", "ShAR", 0, 0 },
	{ "RSTR: Responder sent a RST", "> S 100 0 0;< SA 500 101 0;> A 101 501 0;< RA 501 101 0",
	  "RSTR", "ShAr", 0, 0 },
	{ "RSTOS0: Originator sent a SYN followed by a RST, we never saw a SYN-ACK from the responder",
	  "> S 100 0 0;> R 101 0 0", "RSTOS0", "SR", 0, 0 },
	{ "RSTRH: Responder sent a SYN ACK followed by a RST, we never saw a SYN from the originator",
	  "< SA 500 101 0;< R 501 0 0", "RSTRH", "hr", 0, 0 },
	{ "SH: Originator sent a SYN followed by a FIN, we never saw a SYN ACK from the responder",
	  "> S 100 0 0;> F 101 0 0", "SH", "SF", 0, 0 },
	{ "SHR: Responder sent a SYN ACK followed by a FIN, we never saw a SYN from the originator",
	  "< SA 500 101 0;< FA 501 101 0", "SHR", "hf", 0, 0 },
	{ "OTH: No SYN seen, just midstream traffic (a connection that was not later closed)",
	  "> PA 100 500 4;< A 500 104 0", "OTH", "Da", 4, 0 },
};

static void test_every_state(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		play_one(&states[i]);
}

/* Each letter by the one segment that brings it, in either direction, and its words. */
static void test_every_letter(void **state)
{
	static const struct play letters[] = {
		{ "s: a SYN w/o the ACK bit set", "> S 100 0 0", "S0", "S", 0, 0 },
		{ "s, of the responder", "< S 100 0 0", "OTH", "s", 0, 0 },
		{ "h: a SYN+ACK (handshake)", "< SA 100 1 0", "OTH", "h", 0, 0 },
		{ "h, of the originator", "> SA 100 1 0", "OTH", "H", 0, 0 },
		{ "a: a pure ACK", "> A 100 1 0", "OTH", "A", 0, 0 },
		{ "a, of the responder", "< A 100 1 0", "OTH", "a", 0, 0 },
		{ "d: packet with payload (data)", "> A 100 1 5", "OTH", "D", 5, 0 },
		{ "d, of the responder", "< A 100 1 5", "OTH", "d", 0, 5 },
		{ "f: packet with FIN bit set", "> FA 100 1 0", "SH", "F", 0, 0 },
		{ "f, of the responder", "< FA 100 1 0", "SHR", "f", 0, 0 },
		{ "r: packet with RST bit set", "> R 100 1 0", "RSTOS0", "R", 0, 0 },
		{ "r, of the responder", "< R 100 1 0", "RSTRH", "r", 0, 0 },
		{ "i: inconsistent packet (e.g. FIN+RST bits set)", "> FR 100 1 0", "RSTOS0", "I", 0, 0 },
		{ "i, of the responder", "< FR 100 1 0", "RSTRH", "i", 0, 0 },
		{ "q: multi-flag packet (SYN+FIN or SYN+RST bits set)", "> SF 100 1 0", "SH", "Q", 0, 0 },
		{ "q, of the responder", "< SR 100 1 0", "RSTRH", "q", 0, 0 },
		{ "t: packet with retransmitted payload", "> A 100 1 5;> A 100 1 5", "OTH", "DT", 5, 0 },
		{ "t, of the responder", "< A 100 1 5;< A 100 1 5", "OTH", "dt", 0, 5 },
		{ "w: packet with a zero window advertisement", "> AZ 100 1 0", "OTH", "AW", 0, 0 },
		{ "w, of the responder", "< AZ 100 1 0", "OTH", "aw", 0, 0 },
		{ "g: a content gap", "> A 100 1 5;> A 110 1 5;< A 1 115 0", "OTH", "DaG", 15, 0 },
		{ "g, of the responder", "< A 100 1 5;< A 110 1 5;> A 1 115 0", "OTH", "dAg", 0, 15 },
		{ "a, d, i and q once; s, h, f and r when the sequence number differs",
		  "> S 1 0 0;> S 1 0 0;> S 9 0 0;> A 10 1 0;> A 10 1 0;> F 10 1 0;> F 10 1 0", "SH",
		  "SSAF", 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
		play_one(&letters[i]);
}

static void test_corrupt_packets_are_noted_and_no_more(void **state)
{
	char history[FLOW_HISTORY_MAX + 1] = "";
	struct conn_history h = { history, FLOW_HISTORY_MAX };
	struct conn c = { 0 };

	for (int i = 0; i < 10; i++)
		conn_add_corrupt(&c, 0, &h);
	conn_add_corrupt(&c, 1, &h);
	assert_string_equal(history, "CCc"); /* the 1st, the 10th, and the responder's 1st */
	assert_string_equal(conn_state(&c, IPPROTO_TCP, 0, 0), "OTH");
}

/*
 * The segments of a script, and what each of them was judged to be, a letter each: . A(gain)
 * O(ut).
 */
static void check_order(const char *script, const char *want, uint64_t want_missed)
{
	char history[FLOW_HISTORY_MAX + 1] = "", got[64] = "";
	struct conn_history h = { history, FLOW_HISTORY_MAX };
	_cleanup_free_ char *copy = strdup(script);
	struct conn c = { 0 };
	char *save = NULL;
	size_t n = 0;

	missed = 0;
	for (char *s = strtok_r(copy, ";", &save); s; s = strtok_r(NULL, ";", &save)) {
		struct packet p;
		int dir;

		parse_segment(s, &dir, &p);
		got[n++] = ".AO"[add(&c, dir, &p, &h)];
	}
	conn_close(&c);
	if (strcmp(got, want) || missed != want_missed)
		fail_msg("%s: is %s and misses %llu, not %s and %llu", script, got,
			 (unsigned long long)missed, want, (unsigned long long)want_missed);
}

static void test_lateness_is_no_retransmission(void **state)
{
	check_order("> S 100 0 0;> A 101 0 10;> A 111 0 10;> A 121 0 10", "....", 0);
	check_order("> S 100 0 0;> S 100 0 0;> A 101 0 0", "...", 0); /* no payload */
	check_order("> S 100 0 0;> A 101 0 10;> A 101 0 10;> A 111 0 10", "..A.", 0);
	check_order("> S 100 0 0;> A 111 0 10;> A 101 0 10;> A 101 0 10;> A 121 0 5", "..OA.", 0);
	/* A hole that is filled in its middle leaves two; what goes over its edge fills it, too. */
	check_order("> S 100 0 0;> A 201 0 10;> A 131 0 10;> A 131 0 10;> A 121 0 20;> A 191 0 20",
		    "..OAOO", 0);
	check_order("> S 100 0 0;> A 101 0 10;> A 106 0 10;> A 116 0 1", "..A.", 0); /* half new */
	/* Two holes of five and ten, the first of which is given away by an ACK. */
	check_order("> S 100 0 0;> A 106 0 5;> A 121 0 5;< A 1 111 0;> A 101 0 5;> A 111 0 10", "....AO",
		    5);
	check_order("> S 100 0 0;> A 121 0 5;< A 1 111 0;> A 101 0 10;> A 111 0 10", "...AO", 10);
	/* Across the end of the numbers. */
	check_order("> S 4294967285 0 0;> A 10 0 10;> A 4294967286 0 20;> A 0 0 5", "..OA", 0);
}

static void test_more_holes_than_are_remembered(void **state)
{
	char history[FLOW_HISTORY_MAX + 1] = "";
	struct conn_history h = { history, FLOW_HISTORY_MAX };
	struct conn c = { 0 };
	struct packet p;
	unsigned late = 0;
	int dir;

	parse_segment("> S 100 0 0", &dir, &p);
	add(&c, dir, &p, &h);
	parse_segment("> A 111 0 10", &dir, &p);
	for (int i = 0; i < CONN_HOLES + 4; i++, p.seq += 20)
		assert_int_equal(add(&c, dir, &p, &h), 0);
	parse_segment("> A 101 0 10", &dir, &p);
	for (int i = 0; i < CONN_HOLES + 4; i++, p.seq += 20)
		late += add(&c, dir, &p, &h) == CONN_OUT_OF_ORDER;
	assert_int_equal(late, CONN_HOLES);
	assert_int_equal(c.side[0].n_holes, 0);
	conn_close(&c);
}

static void test_continues(void **state)
{
	char history[FLOW_HISTORY_MAX + 1] = "", again[FLOW_HISTORY_MAX + 1] = "";
	struct conn_history h = { history, FLOW_HISTORY_MAX }, h2 = { again, FLOW_HISTORY_MAX };
	struct conn c = { 0 }, next;
	struct packet p;
	int dir;

	static const char *const before[] = { "> S 100 0 0", "< SA 500 101 0", "> A 111 501 10" };
	static const char *const after[] = { "> A 101 501 10", "> A 121 501 30", "> FA 151 501 0" };

	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		parse_segment(before[i], &dir, &p);
		add(&c, dir, &p, &h);
	}
	assert_int_equal(conn_bytes(&c, 0), 20);
	conn_continue(&next, &c);
	conn_close(&c);
	for (size_t i = 0; i < ARRAY_SIZE(after); i++) {
		parse_segment(after[i], &dir, &p);
		/* The hole of the first part is filled in the second. */
		assert_int_equal(add(&next, dir, &p, &h2), i ? 0 : CONN_OUT_OF_ORDER);
	}
	assert_int_equal(conn_bytes(&next, 0), 30);
	assert_string_equal(history, "ShD");
	assert_string_equal(again, "DTF");
	assert_string_equal(conn_state(&next, IPPROTO_TCP, 30, 0), "S2");
	parse_segment("> S 900 0 0", &dir, &p);
	assert_true(conn_is_new(&next, 0, &p));
	conn_close(&next);
}

static void test_retransmissions_are_noted_at_powers_of_ten(void **state)
{
	char history[FLOW_HISTORY_MAX + 1] = "";
	struct conn_history h = { history, FLOW_HISTORY_MAX };
	struct conn c = { 0 };
	struct packet p;
	int dir;

	parse_segment("> PA 100 0 10", &dir, &p);
	for (int i = 0; i < 1 + 100; i++)
		add(&c, dir, &p, &h);
	assert_string_equal(history, "DTTT");
	assert_int_equal(conn_bytes(&c, 0), 10);
}

static void test_history_has_an_end(void **state)
{
	char history[FLOW_HISTORY_MAX + 1] = "";
	struct conn_history h = { history, FLOW_HISTORY_MAX };
	struct conn c = { 0 };
	struct packet p;
	int dir;

	parse_segment("> R 1 0 0", &dir, &p);
	for (int i = 0; i < 1000; i++, p.seq++)
		add(&c, dir, &p, &h);
	assert_int_equal(strlen(history), FLOW_HISTORY_MAX);
}

static void test_more_than_4_gib(void **state)
{
	char history[FLOW_HISTORY_MAX + 1] = "";
	struct conn_history h = { history, FLOW_HISTORY_MAX };
	struct conn c = { 0 };
	struct packet p;
	int dir;

	parse_segment("> S 7 0 0", &dir, &p);
	add(&c, dir, &p, &h);
	parse_segment("> A 8 0 60000", &dir, &p);
	for (int i = 0; i < 200000; i++, p.seq += 60000)
		add(&c, dir, &p, &h);
	assert_true(conn_bytes(&c, 0) == 200000ull * 60000);
}

static void test_new_connection(void **state)
{
	char history[FLOW_HISTORY_MAX + 1] = "";
	struct conn_history h = { history, FLOW_HISTORY_MAX };
	struct conn c = { 0 };
	struct packet p;
	int dir;

	parse_segment("> S 100 0 0", &dir, &p);
	add(&c, dir, &p, &h);
	assert_false(conn_is_new(&c, dir, &p)); /* the SYN again */
	parse_segment("< S 900 0 0", &dir, &p);
	assert_false(conn_is_new(&c, dir, &p)); /* a simultaneous open */
	parse_segment("> S 200 0 0", &dir, &p);
	assert_true(conn_is_new(&c, dir, &p));
	parse_segment("> SA 200 0 0", &dir, &p);
	assert_false(conn_is_new(&c, dir, &p));
	parse_segment("> A 200 0 0", &dir, &p);
	assert_false(conn_is_new(&c, dir, &p));
}

static void test_udp(void **state)
{
	char history[FLOW_HISTORY_MAX + 1] = "";
	struct conn_history h = { history, FLOW_HISTORY_MAX };
	struct conn c = { 0 };

	assert_string_equal(conn_state(&c, IPPROTO_UDP, 0, 0), "OTH");
	conn_add_udp(&c, 0, &h);
	conn_add_udp(&c, 0, &h);
	assert_string_equal(conn_state(&c, IPPROTO_UDP, 0, 0), "S0");
	conn_add_udp(&c, 1, &h);
	assert_string_equal(conn_state(&c, IPPROTO_UDP, 0, 0), "SF");
	assert_string_equal(history, "Dd");
	assert_string_equal(conn_state(&c, IPPROTO_ICMP, 0, 0), "OTH");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plays),
		cmocka_unit_test(test_every_state),
		cmocka_unit_test(test_every_letter),
		cmocka_unit_test(test_corrupt_packets_are_noted_and_no_more),
		cmocka_unit_test(test_lateness_is_no_retransmission),
		cmocka_unit_test(test_more_holes_than_are_remembered),
		cmocka_unit_test(test_continues),
		cmocka_unit_test(test_retransmissions_are_noted_at_powers_of_ten),
		cmocka_unit_test(test_history_has_an_end),
		cmocka_unit_test(test_more_than_4_gib),
		cmocka_unit_test(test_new_connection),
		cmocka_unit_test(test_udp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
