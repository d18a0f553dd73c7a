/*
 * The schema of Zeek's conn.log: tab-separated, with the header and footer that Zeek's readers
 * (zeek-cut, pandas, Spicy's and Logstash's parsers) go by.
 *
 * Columns, types and meaning are those of Zeek's documentation of conn.log (Zeek 5 to 7.0), with
 * the community_id that its package adds. A value that is not known is "-". As Zeek has it, a
 * flow of no length in time has no duration and no bytes. local_orig and local_resp depend on a
 * site's own networks, which a capture does not tell.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <time.h>
#include "capture/flow/schema.h"
#include "core/digits.h"
#include "core/units.h"

static const char *const columns[][2] = {
	{ "ts", "time" },	    { "uid", "string" },	{ "id.orig_h", "addr" },
	{ "id.orig_p", "port" },    { "id.resp_h", "addr" },	{ "id.resp_p", "port" },
	{ "proto", "enum" },	    { "service", "string" },	{ "duration", "interval" },
	{ "orig_bytes", "count" },  { "resp_bytes", "count" },	{ "conn_state", "string" },
	{ "local_orig", "bool" },   { "local_resp", "bool" },	{ "missed_bytes", "count" },
	{ "history", "string" },    { "orig_pkts", "count" },	{ "orig_ip_bytes", "count" },
	{ "resp_pkts", "count" },   { "resp_ip_bytes", "count" }, { "tunnel_parents", "set[string]" },
	{ "community_id", "string" },
};

static void put_now(const char *word, FILE *out)
{
	time_t now = units_now_real() / NSEC_PER_SEC;
	char buf[32];
	struct tm tm;

	if (localtime_r(&now, &tm) && strftime(buf, sizeof(buf), "%Y-%m-%d-%H-%M-%S", &tm))
		fprintf(out, "%s\t%s\n", word, buf);
}

static int header(FILE *out)
{
	fputs("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
	      "#path\tconn\n", out);
	put_now("#open", out);
	for (int i = 0; i < 2; i++) {
		fputs(i ? "#types" : "#fields", out);
		for (size_t k = 0; k < ARRAY_SIZE(columns); k++)
			fprintf(out, "\t%s", columns[k][i]);
		fputc('\n', out);
	}
	return ferror(out) ? -EIO : 0;
}

static int footer(FILE *out)
{
	put_now("#close", out);
	return ferror(out) ? -EIO : 0;
}

/* The fields of a row end with a tab, the last one with the line. */
static void put_str(const char *s, FILE *out)
{
	if (!s || !*s)
		s = "-";
	fwrite_unlocked(s, 1, strlen(s), out);
	putc_unlocked('\t', out);
}

static void put_uint(uint64_t v, FILE *out)
{
	char buf[21], *end = buf + sizeof(buf) - 1;

	*end = '\0';
	put_str(put_digits(end, v, 1), out);
}

/* Seconds with six decimals, rounded, as Zeek writes times and intervals. */
static void put_time(int64_t ns, FILE *out)
{
	uint64_t us = ((ns < 0 ? -(uint64_t)ns : (uint64_t)ns) + 500) / 1000;
	char buf[32], *p = buf + sizeof(buf) - 1;

	*p = '\0';
	p = put_digits(p, us % 1000000, 6);
	*--p = '.';
	p = put_digits(p, us / 1000000, 1);
	if (ns < 0)
		*--p = '-';
	put_str(p, out);
}

static void put_addr(const struct flow *f, const struct flow_addr *a, FILE *out)
{
	char buf[FLOW_ADDR_SIZE];

	put_str(flow_addr_text(f->family, a->ip, buf), out);
	put_uint(a->port, out);
}

static void put_extent(const struct flow *f, FILE *out)
{
	int64_t duration;

	if (__builtin_sub_overflow(f->last, f->first, &duration))
		duration = INT64_MAX;
	if (!duration) {
		fputs("-\t-\t-\t", out);
		return;
	}
	put_time(duration, out);
	put_uint(f->side[0].bytes, out);
	put_uint(f->side[1].bytes, out);
}

static int row(const void *state, const struct flow *f, const struct flow_labels *labels, FILE *out)
{
	char community[32];

	put_time(f->first, out);
	put_str(f->uid, out);
	put_addr(f, &f->orig, out);
	put_addr(f, &f->resp, out);
	put_str(flow_proto_name(f->proto), out);
	put_str(flow_service(f), out);
	put_extent(f, out);
	put_str(flow_conn_state(f), out);
	put_str(NULL, out);
	put_str(NULL, out);
	put_uint(f->side[0].missed + f->side[1].missed, out);
	put_str(f->history, out);
	for (int i = 0; i < 2; i++) {
		put_uint(f->side[i].pkts, out);
		put_uint(f->side[i].ip_bytes, out);
	}
	put_str(NULL, out);
	flow_community_id(f, community);
	fputs(community, out);
	putc_unlocked('\n', out);
	return ferror(out) ? -EIO : 0;
}

const struct flow_schema schema_zeek = {
	.name = "zeek",
	.brief = "Zeek's conn.log, tab-separated, with community_id",
	.file = "conn.log",
	.header = header,
	.row = row,
	.footer = footer,
};
