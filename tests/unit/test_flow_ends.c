/*
 * When flows end: idle and active timeouts, closed connections, and flows handed over while a
 * file is read.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include "capture/flow/flow.h"
#include "capture/flow/packet.h"
#include "capture/flow/schema.h"
#include "core/rng.h"
#include "core/units.h"
#include "tests/lib/frames.h"

#define A    "10.0.0.1"
#define B    "10.0.0.2"
#define SEC  NSEC_PER_SEC
#define MSEC NSEC_PER_MSEC
#define START (1700000000 * SEC)

/* Flows as they were when they ended. */
struct ends {
	struct flow *flows;
	char (*states)[8];
	size_t n, size;
	int stop_at; /* the end that is refused with -EIO; 0: none */
};

static int ended(void *arg, const struct flow *f)
{
	struct ends *e = arg;

	if (e->n == e->size) {
		e->size = e->size ? e->size * 2 : 64;
		e->flows = reallocarray(e->flows, e->size, sizeof(*e->flows));
		e->states = reallocarray(e->states, e->size, sizeof(*e->states));
		assert_true(e->flows && e->states);
	}
	e->flows[e->n] = *f;
	snprintf(e->states[e->n], sizeof(e->states[0]), "%s", flow_conn_state(f));
	e->n++;
	return e->stop_at && e->n >= (size_t)e->stop_at ? -EIO : 0;
}

static void ends_free(struct ends *e)
{
	free(e->flows);
	free(e->states);
}

static int add(struct flow_table *t, const struct frame *f, int64_t ts)
{
	struct flow_packet p = { .ts = ts, .caplen = f->len, .len = f->len, .data = f->d };

	return flow_table_add(t, &p, NULL);
}

static void udp(struct flow_table *t, int64_t ts, uint16_t port)
{
	struct frame f;

	frame_udp(&f, A, port, B, 9000, "abc", 3);
	assert_int_equal(add(t, &f, ts), 1);
}

static void tcp(struct flow_table *t, int64_t ts, bool reply, uint8_t flags, uint32_t seq,
		uint32_t ack, uint32_t n)
{
	static const char text[100];
	struct frame f;

	if (reply)
		frame_tcp(&f, B, 7000, A, 1000, flags, seq, ack, text, n);
	else
		frame_tcp(&f, A, 1000, B, 7000, flags, seq, ack, text, n);
	assert_int_equal(add(t, &f, ts), 1);
}

static void icmp(struct flow_table *t, int64_t ts)
{
	struct frame f;

	frame_icmp(&f, A, B, 8, 0, "ping", 4);
	assert_int_equal(add(t, &f, ts), 1);
}

/* How many flows two packets of a kind, so far apart, are of. */
static size_t flows_of(const struct flow_opts *o, char kind, int64_t apart)
{
	struct flow_table *t = flow_table_new(o, NULL);
	size_t n;

	for (int i = 0; i < 2; i++) {
		int64_t ts = START + i * apart;

		if (kind == 't')
			tcp(t, ts, false, TCP_ACK, 100, 1, 0);
		else if (kind == 'u')
			udp(t, ts, 1);
		else
			icmp(t, ts);
	}
	n = flow_table_count(t);
	flow_table_free(t);
	return n;
}

static void test_idle_times(void **state)
{
	const struct flow_opts own = { .tcp_idle = 10 * MSEC, .udp_idle = 20 * MSEC,
				       .icmp_idle = 30 * MSEC };
	const struct flow_opts never = { .tcp_idle = INT64_MAX, .udp_idle = INT64_MAX,
					 .icmp_idle = INT64_MAX };
	const struct {
		const struct flow_opts *opts;
		char kind;
		int64_t idle;
	} rows[] = {
		{ NULL, 't', 300 * SEC }, { NULL, 'u', 60 * SEC },  { NULL, 'i', 60 * SEC },
		{ &own, 't', 10 * MSEC }, { &own, 'u', 20 * MSEC }, { &own, 'i', 30 * MSEC },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(flows_of(rows[i].opts, rows[i].kind, rows[i].idle), 1);
		assert_int_equal(flows_of(rows[i].opts, rows[i].kind, rows[i].idle + 1), 2);
	}
	for (const char *kind = "tui"; *kind; kind++)
		assert_int_equal(flows_of(&never, *kind, 1000000 * SEC), 1);
}

/* The last ACK of a closed connection may come late, but not too late. */
static size_t flows_after_close(const struct flow_opts *o, bool reset, int64_t late)
{
	struct flow_table *t = flow_table_new(o, NULL);
	size_t n;

	tcp(t, START, false, TCP_SYN, 100, 0, 0);
	tcp(t, START, true, TCP_SYN | TCP_ACK, 500, 101, 0);
	tcp(t, START, false, TCP_ACK | (reset ? TCP_RST : TCP_FIN), 101, 501, 0);
	if (!reset)
		tcp(t, START, true, TCP_FIN | TCP_ACK, 501, 102, 0);
	tcp(t, START + late, reset, TCP_ACK, 502, 502, 0);
	n = flow_table_count(t);
	flow_table_free(t);
	return n;
}

static void test_closed_connections_end_soon(void **state)
{
	const struct flow_opts later = { .tcp_closed = 60 * SEC };
	const struct flow_opts shorter = { .tcp_idle = SEC };

	for (int reset = 0; reset < 2; reset++) {
		assert_int_equal(flows_after_close(NULL, reset, 5 * SEC), 1);
		assert_int_equal(flows_after_close(NULL, reset, 5 * SEC + 1), 2);
		assert_int_equal(flows_after_close(&later, reset, 60 * SEC), 1);
		assert_int_equal(flows_after_close(&later, reset, 60 * SEC + 1), 2);
		assert_int_equal(flows_after_close(&shorter, reset, SEC + 1), 2);
	}
}

static void test_active_flows_are_cut(void **state)
{
	struct ends e = { 0 };
	const struct flow_opts o = { .active = 10 * SEC, .ended = ended, .arg = &e };
	struct flow_table *t = flow_table_new(&o, NULL);

	tcp(t, START, false, TCP_SYN, 100, 0, 0);
	tcp(t, START + SEC, true, TCP_SYN | TCP_ACK, 500, 101, 0);
	tcp(t, START + 2 * SEC, false, TCP_ACK, 101, 501, 40);
	tcp(t, START + 10 * SEC, true, TCP_ACK, 501, 141, 60); /* of this age it may be */
	tcp(t, START + 10 * SEC + 1, true, TCP_ACK, 561, 141, 10);
	tcp(t, START + 11 * SEC, true, TCP_ACK, 501, 141, 60); /* again, from the part before */
	tcp(t, START + 12 * SEC, false, TCP_ACK | TCP_FIN, 141, 571, 0);
	assert_int_equal(e.n, 1);
	assert_int_equal(flow_table_each(t, NULL, NULL), 0);
	assert_int_equal(e.n, 2);
	assert_string_equal(e.flows[0].history, "ShDd");
	assert_string_equal(e.states[0], "S1");
	assert_int_equal(e.flows[0].side[0].bytes, 40);
	assert_int_equal(e.flows[0].side[1].bytes, 60);
	/* The responder sent the second part's first packet; it is the responder still. */
	assert_int_equal(e.flows[1].orig.port, 1000);
	assert_string_equal(e.flows[1].history, "dtF");
	assert_string_equal(e.states[1], "S2");
	assert_int_equal(e.flows[1].side[0].bytes, 0);
	assert_int_equal(e.flows[1].side[1].bytes, 10);
	assert_int_equal(e.flows[1].side[1].retransmits, 1);
	assert_true(e.flows[1].first == START + 10 * SEC + 1);
	assert_string_not_equal(e.flows[0].uid, e.flows[1].uid);
	flow_table_free(t);
	ends_free(&e);
}

static void test_handed_over_when_time_goes_on(void **state)
{
	struct ends e = { 0 };
	const struct flow_opts o = { .ended = ended, .arg = &e };
	struct flow_table *t = flow_table_new(&o, NULL);

	udp(t, START, 1);
	udp(t, START + SEC, 2);
	udp(t, START + 30 * SEC, 1);
	udp(t, START + 62 * SEC, 3);
	udp(t, START + 62 * SEC, 3);
	assert_int_equal(e.n, 1); /* port 2: idle since 61 s */
	assert_int_equal(e.flows[0].orig.port, 2);
	udp(t, START + 91 * SEC, 3);
	udp(t, START + 91 * SEC, 3);
	assert_int_equal(e.n, 2);
	assert_int_equal(e.flows[1].orig.port, 1);
	assert_int_equal(e.flows[1].side[0].pkts, 2);
	assert_int_equal(flow_table_live(t), 1);
	assert_int_equal(flow_table_count(t), 3);
	assert_int_equal(flow_table_each(t, NULL, NULL), 0);
	assert_int_equal(e.n, 3);
	assert_int_equal(e.flows[2].side[0].pkts, 4);
	assert_int_equal(flow_table_live(t), 0);
	flow_table_free(t);
	ends_free(&e);
}

static void test_replaced_flows_are_handed_over(void **state)
{
	struct ends e = { 0 };
	const struct flow_opts o = { .ended = ended, .arg = &e };
	struct flow_table *t = flow_table_new(&o, NULL);

	for (uint32_t i = 0; i < 5000; i++) {
		tcp(t, START + i, false, TCP_SYN, 1000 * i, 0, 0);
		assert_int_equal(e.n, i);
		assert_int_equal(flow_table_live(t), 1);
	}
	for (size_t i = 0; i < e.n; i++) {
		assert_int_equal(e.flows[i].number, i + 1);
		assert_string_equal(e.states[i], "S0");
	}
	flow_table_free(t);
	ends_free(&e);
}

static void test_memory_holds_live_flows_only(void **state)
{
	struct ends e = { 0 };
	const struct flow_opts o = { .ended = ended, .arg = &e };
	struct flow_table *t = flow_table_new(&o, NULL);
	size_t most = 0;

	/* 1,000 new flows a second, each of one packet: 60 s of them live, and what a tick adds. */
	for (uint32_t i = 0; i < 300000; i++) {
		struct frame f;

		frame_udp(&f, A, (uint16_t)i, B, (uint16_t)(i >> 16), "x", 1);
		assert_int_equal(add(t, &f, START + i * MSEC), 1);
		if (flow_table_live(t) > most)
			most = flow_table_live(t);
	}
	assert_in_range(most, 60000, 60200);
	assert_int_equal(e.n + flow_table_live(t), 300000);
	for (size_t i = 1; i < e.n; i++) /* in order, but for a tick */
		assert_true(e.flows[i].first > e.flows[i - 1].first - 100 * MSEC);
	flow_table_free(t);
	ends_free(&e);
}

static void test_one_wild_time_ends_nothing(void **state)
{
	static const int64_t wild[] = { INT64_MAX, INT64_MIN, 0, START + 86400 * SEC };
	struct ends e = { 0 };
	const struct flow_opts o = { .ended = ended, .arg = &e };
	struct flow_table *t = flow_table_new(&o, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(wild); i++) {
		udp(t, START + (int64_t)i * SEC, 1);
		udp(t, wild[i], (uint16_t)(10 + i));
		udp(t, START + (int64_t)i * SEC, 1);
	}
	for (size_t i = 0; i < e.n; i++) /* those of long ago are over, indeed */
		assert_true(e.flows[i].orig.port != 1);
	assert_int_equal(flow_table_count(t), 1 + ARRAY_SIZE(wild));
	udp(t, START + 7 * 86400 * SEC, 2); /* two in a row are no accident */
	udp(t, START + 7 * 86400 * SEC, 2);
	assert_true(e.n >= 1);
	assert_int_equal(flow_table_each(t, NULL, NULL), 0);
	assert_int_equal(e.n, 2 + ARRAY_SIZE(wild));
	flow_table_free(t);
	ends_free(&e);
}

static void test_an_error_is_passed_on(void **state)
{
	struct ends e = { .stop_at = 1 };
	const struct flow_opts o = { .ended = ended, .arg = &e };
	struct flow_table *t = flow_table_new(&o, NULL);
	struct frame f;

	udp(t, START, 1);
	udp(t, START + 100 * SEC, 2);
	frame_udp(&f, A, 3, B, 9000, "abc", 3);
	assert_int_equal(add(t, &f, START + 100 * SEC), -EIO);
	assert_int_equal(flow_table_each(t, NULL, NULL), -EIO);
	flow_table_free(t);
	ends_free(&e);
}

/* An ICMP error, and what FTP announced, may be about a flow that has ended. */
static void test_what_is_about_ended_flows(void **state)
{
	struct ends e = { 0 };
	const struct flow_opts o = { .ended = ended, .arg = &e };
	struct flow_table *t = flow_table_new(&o, NULL);
	struct frame f, in;

	frame_tcp(&f, B, 21, A, 1000, TCP_ACK, 1, 1, "220 an FTP server\r\n", 19);
	add(t, &f, START);
	frame_tcp(&f, B, 21, A, 1000, TCP_ACK, 20, 1, "227 Passive (10,0,0,2,156,65).\r\n", 32);
	add(t, &f, START);
	udp(t, START, 1);
	udp(t, START + 1000 * SEC, 2);
	udp(t, START + 1000 * SEC, 2);
	assert_int_equal(e.n, 2);
	frame_udp(&in, A, 1, B, 9000, "abc", 3);
	frame_icmp(&f, B, A, 3, 3, in.d + 14, in.len - 14);
	assert_int_equal(add(t, &f, START + 1000 * SEC), 1);
	frame_tcp(&f, A, 1001, B, 156 * 256 + 65, TCP_SYN, 1, 0, NULL, 0);
	assert_int_equal(add(t, &f, START + 1000 * SEC), 1);
	assert_int_equal(flow_table_each(t, NULL, NULL), 0);
	assert_int_equal(e.n, 5);
	flow_table_free(t);
	ends_free(&e);
}

/* A schema whose state is how many packets it was shown, and the bytes of them. */
struct seen {
	uint64_t pkts[2], bytes;
};

static void see(void *state, const struct flow *f, int dir, const struct flow_packet *fp,
		const struct packet *p)
{
	struct seen *s = state;

	s->pkts[dir]++;
	s->bytes += fp->len;
	assert_int_equal(s->pkts[dir], f->side[dir].pkts); /* its own totals come first */
	assert_non_null(p->ip);
}

static const struct flow_schema one = { .name = "one", .state_size = sizeof(struct seen),
					.packet = see };
static const struct flow_schema two = { .name = "two", .state_size = 1 };
static const struct flow_schema three = { .name = "three", .state_size = sizeof(struct seen),
					  .packet = see };
static const struct flow_schema *const schemas[] = { &one, &two, &three, NULL };

struct schema_end {
	struct flow_table *t;
	uint64_t flows, pkts;
};

static int check_states(void *arg, const struct flow *f)
{
	struct schema_end *e = arg;
	const struct seen *a = flow_schema_state(e->t, f, &one);
	const struct seen *b = flow_schema_state(e->t, f, &three);
	const char *c = flow_schema_state(e->t, f, &two);

	for (int i = 0; i < 2; i++) {
		assert_int_equal(a->pkts[i], f->side[i].pkts);
		assert_int_equal(b->pkts[i], f->side[i].pkts);
	}
	assert_int_equal(*c, 0);
	assert_null(flow_schema_state(e->t, f, &schema_zeek));
	e->flows++;
	e->pkts += a->pkts[0] + a->pkts[1];
	return 0;
}

static void test_states_of_schemas(void **state)
{
	struct schema_end e = { 0 };
	const struct flow_opts o = { .ended = check_states, .arg = &e, .schemas = schemas };

	e.t = flow_table_new(&o, NULL);
	for (uint32_t i = 0; i < 20000; i++) /* rows are used again, and begin at 0 again */
		udp(e.t, START + i * 40 * MSEC, (uint16_t)(i * i % 3001));
	assert_int_equal(flow_table_each(e.t, NULL, NULL), 0);
	assert_int_equal(e.pkts, 20000);
	assert_int_equal(e.flows, flow_table_count(e.t));
	flow_table_free(e.t);
}

/* Segments of few connections with pauses of all lengths, so that each way to end is met. */
static void random_packet(struct rng *r, struct frame *f, int64_t *ts)
{
	static const uint8_t flags[] = { TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_ACK, TCP_ACK | TCP_PSH,
					 TCP_FIN | TCP_ACK, TCP_RST };
	static const int64_t pause[] = { 0, 1, MSEC, 50 * MSEC, SEC, 6 * SEC, 61 * SEC, 400 * SEC };
	uint64_t port = rng_below(r, 40), kind = rng_below(r, 3);
	bool there = rng_below(r, 2);

	*ts += rng_below(r, 4) ? pause[rng_below(r, 3)] : pause[rng_below(r, ARRAY_SIZE(pause))];
	if (kind == 0)
		frame_udp(f, there ? A : B, there ? (uint16_t)port : 53, there ? B : A,
			  there ? 53 : (uint16_t)port, "abc", 3);
	else if (kind == 1)
		frame_icmp(f, there ? A : B, there ? B : A, there ? 8 : 0, 0, "ping", 4);
	else
		frame_tcp(f, there ? A : B, there ? (uint16_t)port : 80, there ? B : A,
			  there ? 80 : (uint16_t)port, flags[rng_below(r, ARRAY_SIZE(flags))],
			  (uint32_t)rng_below(r, 200), (uint32_t)rng_below(r, 200), "0123456789",
			  (uint32_t)rng_below(r, 11));
}

static int compare_flow(void *arg, const struct flow *f)
{
	struct ends *e = arg;

	for (size_t i = 0; i < e->n; i++) {
		if (e->flows[i].number != f->number)
			continue;
		assert_memory_equal(&e->flows[i], f, offsetof(struct flow, history));
		assert_string_equal(e->flows[i].history, f->history);
		assert_string_equal(e->states[i], flow_conn_state(f));
		return 0;
	}
	fail_msg("flow %llu was not handed over", (unsigned long long)f->number);
	return 0;
}

/* All flows kept, packet by packet, and handed over, in batches: the same flows. */
static void test_the_same_in_both_ways(void **state)
{
	for (int round = 0; round < 6; round++) {
		struct ends e = { 0 };
		const struct flow_opts keep = { .active = round & 1 ? 20 * SEC : 0 };
		struct flow_opts hand = keep;
		struct flow_table *a = flow_table_new(&keep, NULL), *b;
		struct flow_packet batch[FLOW_BATCH];
		struct frame *frames = calloc(FLOW_BATCH, sizeof(*frames));
		int64_t ts = START;
		struct rng r;

		hand.ended = ended;
		hand.arg = &e;
		b = flow_table_new(&hand, NULL);
		assert_true(a && b && frames);
		rng_open(&r, (uint64_t)round, "flow/both");
		for (size_t i = 0; i < 3000; i++) {
			size_t k = i % FLOW_BATCH;

			random_packet(&r, &frames[k], &ts);
			assert_int_equal(add(a, &frames[k], ts), 1);
			batch[k] = (struct flow_packet){ .ts = ts, .caplen = frames[k].len,
							 .len = frames[k].len, .data = frames[k].d };
			if (k == FLOW_BATCH - 1)
				assert_int_equal(flow_table_add_many(b, batch, FLOW_BATCH), 0);
		}
		assert_int_equal(flow_table_add_many(b, batch, 3000 % FLOW_BATCH), 0);
		assert_int_equal(flow_table_each(b, NULL, NULL), 0);
		assert_int_equal(e.n, flow_table_count(a));
		assert_true(e.n > 300);
		assert_int_equal(flow_table_each(a, compare_flow, &e), 0);
		flow_table_free(a);
		flow_table_free(b);
		free(frames);
		ends_free(&e);
	}
}

static struct flow *add_flow(struct flow_table *t, const struct frame *f, int64_t ts, uint16_t link)
{
	struct flow_packet p = { .ts = ts, .caplen = f->len, .len = f->len, .data = f->d,
				 .linktype = link };
	struct flow *ret = NULL;

	assert_int_equal(flow_table_add(t, &p, &ret), 1);
	return ret;
}

static void test_vlan_and_links(void **state)
{
	struct flow_table *t = flow_table_new(NULL, NULL);
	struct frame f, raw = { .len = 0 };
	struct flow *a;

	frame_udp(&f, A, 1, B, 2, "abc", 3);
	frame_add(&raw, f.d + f.ip, f.len - f.ip);
	frame_vlan(&f, 0x8100, 42);
	a = add_flow(t, &f, 1, 1);
	assert_int_equal(a->vlan, 42);
	frame_vlan(&f, 0x8100, 43);
	assert_ptr_equal(add_flow(t, &f, 2, 0), a);
	assert_ptr_equal(add_flow(t, &raw, 3, 101), a);
	assert_int_equal(a->vlan, 42);
	assert_int_equal(a->side[0].pkts, 3);
	assert_int_equal(a->side[0].ip_bytes, 93);
	frame_udp(&f, B, 9, A, 8, "abc", 3);
	assert_int_equal(add_flow(t, &f, 4, 0)->vlan, 0);
	flow_table_free(t);
}

static void test_fragments(void **state)
{
	struct flow_table *t = flow_table_new(NULL, NULL);
	struct flow *a;
	struct frame f;

	/* A segment of 8 + 16 bytes in two parts, then the next one. */
	frame_tcp(&f, A, 1, B, 2, TCP_ACK, 1000, 1, "12345678", 8);
	frame_put16(&f, 18, 77);
	frame_put16(&f, 20, 0x2000);
	a = add_flow(t, &f, START, 0);
	frame_ip(&f, IPPROTO_TCP, A, B);
	frame_put16(&f, 18, 77);
	frame_put16(&f, 20, 28 / 8);
	frame_add(&f, "0123456789abcdef", 16);
	frame_ip_end(&f);
	assert_ptr_equal(add_flow(t, &f, START + 60 * SEC, 0), a);
	assert_int_equal(a->side[0].fragments, 2);
	assert_int_equal(a->side[0].bytes, 24);
	frame_tcp(&f, A, 1, B, 2, TCP_ACK, 1024, 1, "x", 1);
	add_flow(t, &f, START + 60 * SEC, 0);
	frame_tcp(&f, B, 2, A, 1, TCP_ACK, 1, 1025, NULL, 0);
	add_flow(t, &f, START + 60 * SEC, 0);
	assert_int_equal(a->side[0].bytes, 25);
	assert_int_equal(a->side[0].out_of_order + a->side[0].retransmits + a->side[0].missed, 0);
	assert_int_equal(a->side[0].fragments, 2);
	assert_string_equal(a->history, "Da");
	/* The same number a minute later is another datagram, whose first part was not seen. */
	frame_ip(&f, IPPROTO_TCP, A, B);
	frame_put16(&f, 18, 77);
	frame_put16(&f, 20, 28 / 8);
	frame_ip_end(&f);
	assert_ptr_not_equal(add_flow(t, &f, START + 61 * SEC, 0), a);
	flow_table_free(t);
}

static void test_lateness_and_loss(void **state)
{
	struct flow_table *t = flow_table_new(NULL, NULL);
	struct flow *a;
	struct frame f;

	frame_tcp(&f, A, 1, B, 2, TCP_SYN, 99, 0, NULL, 0);
	a = add_flow(t, &f, START, 0);
	frame_tcp(&f, B, 2, A, 1, TCP_SYN | TCP_ACK, 0, 100, NULL, 0);
	add_flow(t, &f, START, 0);
	for (uint32_t i = 0; i < 4; i++) { /* 100, 120, 110, 110 again */
		static const uint32_t seqs[] = { 100, 120, 110, 110 };

		frame_tcp(&f, A, 1, B, 2, TCP_ACK, seqs[i], 1, "0123456789", 10);
		add_flow(t, &f, START, 0);
	}
	assert_int_equal(a->side[0].out_of_order, 1);
	assert_int_equal(a->side[0].retransmits, 1);
	frame_tcp(&f, B, 2, A, 1, TCP_ACK, 1, 180, NULL, 0);
	add_flow(t, &f, START, 0);
	assert_int_equal(a->side[0].missed, 50);
	assert_int_equal(a->side[0].bytes, 80);
	assert_string_equal(a->history, "ShDTaG");
	flow_table_free(t);
}

static void test_corrupt_packets(void **state)
{
	const struct flow_opts verify = { .checksums = true };
	struct flow_table *t = flow_table_new(&verify, NULL);
	struct flow *a;
	struct frame f;

	frame_udp(&f, A, 1, B, 2, "abc", 3);
	frame_put16(&f, f.ip + 10, 0x1111);
	a = add_flow(t, &f, START, 0);
	assert_string_equal(a->history, "C");
	assert_int_equal(a->side[0].pkts, 1);
	assert_int_equal(a->side[0].bytes, 0);
	flow_table_free(t);
	t = flow_table_new(NULL, NULL);
	assert_string_equal(add_flow(t, &f, START, 0)->history, "D");
	flow_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_times),
		cmocka_unit_test(test_closed_connections_end_soon),
		cmocka_unit_test(test_active_flows_are_cut),
		cmocka_unit_test(test_handed_over_when_time_goes_on),
		cmocka_unit_test(test_replaced_flows_are_handed_over),
		cmocka_unit_test(test_memory_holds_live_flows_only),
		cmocka_unit_test(test_one_wild_time_ends_nothing),
		cmocka_unit_test(test_an_error_is_passed_on),
		cmocka_unit_test(test_what_is_about_ended_flows),
		cmocka_unit_test(test_states_of_schemas),
		cmocka_unit_test(test_the_same_in_both_ways),
		cmocka_unit_test(test_vlan_and_links),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_lateness_and_loss),
		cmocka_unit_test(test_corrupt_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
