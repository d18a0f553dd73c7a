/* Fuzzes the capture readers, and flows and packet ids with the packets that come out of them. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "capture/file/pcapng.h"
#include "capture/flow/flow.h"
#include "capture/flow/schema.h"
#include "capture/packet_id.h"
#include "tests/fuzz/fuzz.h"

/* Reading into a volatile is not optimised away. */
static volatile uint8_t byte_sink;

static void need(int truth)
{
	if (!truth)
		abort();
}

static int look_at_flow(void *arg, const struct flow *f)
{
	char uid[19], community[32];

	need(f->last >= f->first && f->number > 0);
	need(*flow_conn_state(f) && flow_service(f) != NULL);
	flow_uid(f, uid);
	flow_community_id(f, community);
	need(uid[0] == 'C' && !strncmp(community, "1:", 2));
	need(strlen(f->history) <= FLOW_HISTORY_MAX);
	schema_detnet.row(NULL, f, NULL, arg);
	return 0;
}

/* As if seen on the shaped link of its number. */
static void take_id(struct packet_ids *ids, const struct pcapng_packet *p)
{
	const struct packet_seen s = { .link = p->iface, .ts = p->ts, .data = p->data,
				       .caplen = p->caplen, .len = p->len, .shaper_id = p->id,
				       .corrupted = p->dir & 1, .flipped = p->len };

	need(packet_ids_get(ids, &s) > 0);
}

static void read_packets(struct pcapng_reader *r, struct flow_table *t, struct packet_ids *ids)
{
	_cleanup_err_ struct err e = {0};
	struct pcapng_packet p;
	int ret;

	while ((ret = pcapng_next(r, &p, &e)) > 0) {
		struct flow_packet fp = {
			.ts = p.ts,
			.iface = p.iface,
			.caplen = p.caplen,
			.len = p.len,
			.data = p.data,
		};
		struct flow *f = NULL;

		need(pcapng_iface(r, p.iface) != NULL);
		/* every byte that was promised must be there */
		for (uint32_t i = 0; i < p.caplen; i++)
			byte_sink = p.data[i];
		for (size_t i = 0; p.comment && i < p.comment_len; i++)
			byte_sink = p.comment[i];
		byte_sink = (uint8_t)(p.comm ? strlen(p.comm) : p.pid + p.dir + p.id);
		take_id(ids, &p);
		need(flow_table_add(t, &fp, &f) == (f != NULL));
	}
	need((ret == 0) == (e.n == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flow_opts opts = {0};
	_cleanup_err_ struct err e = {0};
	_cleanup_free_ char *csv = NULL;
	struct pcapng_reader *r;
	struct flow_table *t;
	struct packet_ids *ids;
	size_t csv_size;
	FILE *f;

	if (pcapng_open_mem(data, size, &r, &e)) {
		need(e.n > 0);
		return 0;
	}
	t = flow_table_new(&opts, NULL);
	ids = packet_ids_new(16);
	f = open_memstream(&csv, &csv_size);
	need(t && f && ids);
	read_packets(r, t, ids);
	flow_table_each(t, look_at_flow, f);
	fclose(f);
	flow_table_free(t);
	packet_ids_free(ids);
	pcapng_reader_close(r);
	return 0;
}
