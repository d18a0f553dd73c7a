/*
 * Fuzzes the flow table: hostile packets of every link type, with each schema's state beside the
 * flows.
 *
 * The first two bytes of the input choose link type, timeouts and options; then come packets,
 * each of a pause (one byte, up to hours), a length (two bytes) and its bytes. They go through
 * two tables: one keeps all flows and takes packet by packet, the other hands them over when they
 * end and takes batches. Both must count the same flows, and each packet once.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "capture/flow/schema.h"
#include "core/units.h"
#include "tests/fuzz/fuzz.h"

#define FLOWS_MAX   512
#define PACKETS_MAX 512

/* What a flow was at its end. */
struct end {
	struct flow flow;
	char state[8];
};

struct totals {
	struct flow_table *table;
	struct end *ends;
	size_t n;
	uint64_t pkts;
	FILE *out;
};

static void need(int truth)
{
	if (!truth)
		abort();
}

static int look(void *arg, const struct flow *f)
{
	static const struct flow_labels nobody;
	struct totals *t = arg;

	need(f->last >= f->first && f->number > 0 && strlen(f->history) <= FLOW_HISTORY_MAX);
	need(strlen(f->uid) == FLOW_UID_SIZE - 1);
	need(t->n < FLOWS_MAX);
	t->ends[t->n].flow = *f;
	snprintf(t->ends[t->n].state, sizeof(t->ends[0].state), "%s", flow_conn_state(f));
	t->n++;
	for (int i = 0; i < 2; i++) {
		const struct flow_side *s = &f->side[i];

		t->pkts += s->pkts;
		need(s->pkts >= s->fragments && s->pkts >= s->retransmits + s->out_of_order);
	}
	for (size_t i = 0; flow_schemas[i]; i++)
		need(!flow_schemas[i]->row(flow_schema_state(t->table, f, flow_schemas[i]), f, &nobody,
					   t->out));
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct end *x = a, *y = b;

	return x->flow.number < y->flow.number ? -1 : x->flow.number > y->flow.number;
}

static void compare(struct totals *a, struct totals *b)
{
	need(a->n == b->n && a->pkts == b->pkts);
	qsort(b->ends, b->n, sizeof(*b->ends), by_number);
	for (size_t i = 0; i < a->n; i++) {
		const struct flow *f = &a->ends[i].flow, *g = &b->ends[i].flow;

		need(!memcmp(f, g, offsetof(struct flow, history)));
		need(!strcmp(f->history, g->history));
		need(!strcmp(a->ends[i].state, b->ends[i].state));
	}
}

/* The packets of the input; their data stays in it. */
static size_t read_packets(const uint8_t *d, size_t size, uint16_t link, struct flow_packet *p)
{
	int64_t ts = 1700000000 * NSEC_PER_SEC;
	size_t n = 0;

	while (size >= 3 && n < PACKETS_MAX) {
		uint32_t len = (uint32_t)d[1] << 8 | d[2], cap = len < size - 3 ? len : (uint32_t)size - 3;

		ts += d[0] % 46 ? (int64_t)1 << d[0] % 46 : 0;
		p[n++] = (struct flow_packet){ .ts = ts, .caplen = cap, .len = len, .data = d + 3,
					       .linktype = link };
		d += 3 + cap;
		size -= 3 + cap;
	}
	return n;
}

static void run(const struct flow_packet *p, size_t n, struct flow_opts opts, FILE *out)
{
	struct totals keep = { .out = out }, hand = { .out = out };
	size_t known = 0;

	keep.ends = calloc(FLOWS_MAX, sizeof(*keep.ends));
	hand.ends = calloc(FLOWS_MAX, sizeof(*hand.ends));
	keep.table = flow_table_new(&opts, NULL);
	opts.ended = look;
	opts.arg = &hand;
	hand.table = flow_table_new(&opts, NULL);
	need(keep.ends && hand.ends && keep.table && hand.table);
	for (size_t i = 0; i < n; i++) {
		struct flow *f = NULL;

		need(flow_table_add(keep.table, &p[i], &f) == (f != NULL));
		need(!f || flow_table_find(keep.table, &p[i]) == f);
		known += f != NULL;
	}
	for (size_t i = 0; i < n; i += FLOW_BATCH)
		need(flow_table_add_many(hand.table, p + i, n - i < FLOW_BATCH ? n - i : FLOW_BATCH) >= 0);
	flow_table_each(keep.table, look, &keep);
	flow_table_each(hand.table, NULL, NULL);
	need(keep.pkts == known && flow_table_live(hand.table) == 0);
	compare(&keep, &hand);
	flow_table_free(keep.table);
	flow_table_free(hand.table);
	free(keep.ends);
	free(hand.ends);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t links[] = { 1, 1, 1, 12, 101, FLOW_LINK_NULL, 113, 228, 229, 276, 127 };
	static const int64_t times[] = { 0, NSEC_PER_MSEC, NSEC_PER_SEC, INT64_MAX };
	_cleanup_free_ struct flow_packet *p = calloc(PACKETS_MAX, sizeof(*p));
	struct flow_opts opts = { .schemas = flow_schemas };
	_cleanup_free_ char *text = NULL;
	size_t text_size;
	FILE *out;

	if (size < 2)
		return 0;
	opts.tcp_idle = times[data[1] & 3];
	opts.udp_idle = opts.icmp_idle = times[data[1] >> 2 & 3];
	opts.tcp_closed = opts.tcp_attempt = times[data[1] >> 4 & 3];
	opts.active = data[1] & 64 ? 10 * NSEC_PER_SEC : 0;
	opts.checksums = data[1] & 128;
	out = open_memstream(&text, &text_size);
	need(p && out);
	run(p, read_packets(data + 2, size - 2, links[data[0] % ARRAY_SIZE(links)], p), opts, out);
	fclose(out);
	return 0;
}
