/*
 * Fuzzes the feature schemas: the input is a sequence of frames, each behind 8 bytes of time stamp
 * and 2 of length (big endian), which go through the flow table and are written by every schema. A
 * row has as many fields as the header, and none is "nan" or "inf".
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>
#include "capture/flow/dns.h"
#include "capture/flow/schema.h"
#include "tests/fuzz/fuzz.h"

#define SCHEMAS_MAX 16

static const struct flow_schema *schemas[SCHEMAS_MAX + 1];
static struct flow_table *table;

static void need(int truth)
{
	if (!truth)
		abort();
}

static uint64_t big_endian(const uint8_t *d, int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *d++;
	return v;
}

static unsigned n_fields(const char *row)
{
	unsigned n = 1;

	for (; *row; row++)
		n += *row == ',';
	return n;
}

static char *written(const struct flow_schema *s, const struct flow *f)
{
	static const struct flow_labels nobody;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	need(out != NULL);
	need((f ? s->row(flow_schema_state(table, f, s), f, &nobody, out) : s->header(out)) == 0);
	fclose(out);
	return text;
}

static int look_at_flow(void *arg, const struct flow *f)
{
	for (int i = 0; schemas[i]; i++) {
		char *head = written(schemas[i], NULL), *row = written(schemas[i], f);

		/* Zeek's log is no CSV. */
		need(strchr(head, '\t') || n_fields(head) == n_fields(row));
		need(!strstr(row, ",nan") && !strstr(row, ",-nan"));
		need(!strstr(row, ",inf") && !strstr(row, ",-inf"));
		free(head);
		free(row);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct flow_opts opts = {.schemas = schemas};
	struct dns_message m;

	for (int i = 0; flow_schemas[i]; i++) {
		need(i < SCHEMAS_MAX);
		schemas[i] = flow_schemas[i];
	}
	dns_parse(data, size, &m);
	table = flow_table_new(&opts, NULL);
	if (!table)
		return 0;
	while (size > 10) {
		uint32_t len = (uint32_t)big_endian(data + 8, 2);
		struct flow_packet fp = {.ts = (int64_t)big_endian(data, 8), .data = data + 10};
		struct flow *f;

		size -= 10;
		data += 10;
		fp.len = len;
		fp.caplen = len < size ? len : (uint32_t)size; /* the last may be cut short */
		need(flow_table_add(table, &fp, &f) >= 0);
		size -= fp.caplen;
		data += fp.caplen;
	}
	flow_table_each(table, look_at_flow, NULL);
	flow_table_free(table);
	return 0;
}
