/* Keeps and writes the 43 features that the netflow and netflow-v3 schemas share. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <string.h>
#include "capture/flow/dns.h"
#include "capture/flow/netflow_state.h"
#include "capture/flow/schema.h"
#include "capture/flow/schema_put.h"
#include "core/units.h"

#define PORT_FTP 21
#define PORT_DNS 53

static const char *const names[NETFLOW_FEATURES] = {
	"IPV4_SRC_ADDR", "L4_SRC_PORT", "IPV4_DST_ADDR", "L4_DST_PORT", "PROTOCOL", "L7_PROTO",
	"IN_BYTES", "IN_PKTS", "OUT_BYTES", "OUT_PKTS", "TCP_FLAGS", "CLIENT_TCP_FLAGS",
	"SERVER_TCP_FLAGS", "FLOW_DURATION_MILLISECONDS", "DURATION_IN", "DURATION_OUT", "MIN_TTL",
	"MAX_TTL", "LONGEST_FLOW_PKT", "SHORTEST_FLOW_PKT", "MIN_IP_PKT_LEN", "MAX_IP_PKT_LEN",
	"SRC_TO_DST_SECOND_BYTES", "DST_TO_SRC_SECOND_BYTES", "RETRANSMITTED_IN_BYTES",
	"RETRANSMITTED_IN_PKTS", "RETRANSMITTED_OUT_BYTES", "RETRANSMITTED_OUT_PKTS",
	"SRC_TO_DST_AVG_THROUGHPUT", "DST_TO_SRC_AVG_THROUGHPUT", "NUM_PKTS_UP_TO_128_BYTES",
	"NUM_PKTS_128_TO_256_BYTES", "NUM_PKTS_256_TO_512_BYTES", "NUM_PKTS_512_TO_1024_BYTES",
	"NUM_PKTS_1024_TO_1514_BYTES", "TCP_WIN_MAX_IN", "TCP_WIN_MAX_OUT", "ICMP_TYPE",
	"ICMP_IPV4_TYPE", "DNS_QUERY_ID", "DNS_QUERY_TYPE", "DNS_TTL_ANSWER",
	"FTP_COMMAND_RET_CODE",
};

/* The greatest length of each class. */
static const uint32_t size_limits[NETFLOW_SIZES] = { 128, 256, 512, 1024, 1514 };

/* Our service names and nDPI's numbers of them (ndpi_protocol_ids.h). */
static const struct {
	const char *service;
	unsigned number;
} l7_numbers[] = {
	{ "ftp", 1 },  { "dns", 5 },  { "http", 7 },
	{ "ssl", 91 }, { "ssh", 92 }, { "ftp-data", 175 },
};

static void add_dns(struct netflow_state *s, const struct packet *p)
{
	/* Over TCP a length comes first (RFC 1035, 4.2.2). */
	uint32_t skip = p->proto == IPPROTO_TCP ? 2 : 0;
	struct dns_message m;

	if (s->has_dns && s->has_dns_ttl)
		return;
	if (p->payload_cap < skip || !dns_parse(p->payload + skip, p->payload_cap - skip, &m))
		return;
	if (!s->has_dns) {
		s->has_dns = true;
		s->dns_id = m.id;
		s->has_dns_type = m.has_question;
		s->dns_type = m.type;
	}
	if (!s->has_dns_ttl && m.has_ttl) {
		s->has_dns_ttl = true;
		s->dns_ttl = m.ttl;
	}
}

/* The code of the last reply in it: lines "226 Done." and not "226-More", RFC 959, 4.2. */
static void add_ftp(struct netflow_state *s, const struct packet *p)
{
	const uint8_t *d = p->payload, *end = d + p->payload_cap, *line = d;

	while (line && end - line >= 4) {
		if (line[0] >= '1' && line[0] <= '5' && line[1] >= '0' && line[1] <= '9' &&
		    line[2] >= '0' && line[2] <= '9' && (line[3] == ' ' || line[3] == '\r'))
			s->ftp_code = (uint16_t)((line[0] - '0') * 100 + (line[1] - '0') * 10 +
						 (line[2] - '0'));
		line = memchr(line, '\n', (size_t)(end - line));
		line = line ? line + 1 : NULL;
	}
}

static void add_payload(struct netflow_state *s, const struct flow *f, int dir,
			const struct packet *p)
{
	if (p->sport == PORT_DNS || p->dport == PORT_DNS)
		add_dns(s, p);
	if (!dir || f->proto != IPPROTO_TCP)
		return;
	/* On other ports a digit comes first, or every segment of a download were looked through.
	 */
	if (p->sport == PORT_FTP ||
	    (p->payload[0] >= '1' && p->payload[0] <= '5' && !strcmp(flow_service(f), "ftp")))
		add_ftp(s, p);
}

static void add_times(struct netflow_side *side, int64_t now)
{
	if (!side->pkts++) {
		side->first = side->last = now;
		return;
	}
	series_add(&side->iat, series_gap(side->last, now));
	if (now > side->last)
		side->last = now;
}

static void add_sizes(struct netflow_state *s, int dir, const struct packet *p)
{
	bool first = s->side[0].pkts + s->side[1].pkts == 1;

	if (first || p->ip_len < s->len_min)
		s->len_min = p->ip_len;
	if (p->ip_len > s->len_max)
		s->len_max = p->ip_len;
	for (int i = 0; i < NETFLOW_SIZES; i++) {
		if (p->ip_len <= size_limits[i]) {
			s->sizes[i]++;
			break;
		}
	}
	if (dir)
		return;
	if (s->side[0].pkts == 1 || p->ttl < s->ttl_min)
		s->ttl_min = p->ttl;
	if (p->ttl > s->ttl_max)
		s->ttl_max = p->ttl;
}

static void add_tcp(struct netflow_side *side, const struct flow_side *total,
		    const struct packet *p)
{
	side->has_tcp = true;
	side->flags |= p->flags;
	if (p->window > side->win_max)
		side->win_max = p->window;
	if (total->retransmits > side->retransmits) {
		side->retransmits = total->retransmits;
		side->retransmitted_bytes += p->ip_len;
	}
}

void netflow_packet(void *state, const struct flow *f, int dir, const struct flow_packet *fp,
		    const struct packet *p)
{
	struct netflow_state *s = state;

	add_times(&s->side[dir], fp->ts);
	add_sizes(s, dir, p);
	if (p->has_tcp)
		add_tcp(&s->side[dir], &f->side[dir], p);
	if (p->has_icmp && !s->has_icmp) {
		s->has_icmp = true;
		s->icmp_type = p->icmp_type;
		s->icmp_code = p->icmp_code;
	}
	if (p->payload_cap && p->has_ports)
		add_payload(s, f, dir, p);
}

static void put_if(struct csv *c, bool known, uint64_t v)
{
	if (known)
		csv_uint(c, v);
	else
		csv_str(c, NULL);
}

void netflow_put_msec(struct csv *c, int64_t ns)
{
	csv_decimal(c, ns, 6);
}

static void put_l7(struct csv *c, const struct flow *f)
{
	const char *service = flow_service(f);
	size_t i = 0;

	while (i < ARRAY_SIZE(l7_numbers) && strcmp(service, l7_numbers[i].service))
		i++;
	put_if(c, i < ARRAY_SIZE(l7_numbers),
	       i < ARRAY_SIZE(l7_numbers) ? l7_numbers[i].number : 0);
}

static void put_duration(struct csv *c, const struct netflow_side *side)
{
	if (side->pkts)
		netflow_put_msec(c, series_gap(side->first, side->last));
	else
		csv_str(c, NULL);
}

/* PROTOCOL to MAX_IP_PKT_LEN. */
static void put_totals(struct csv *c, const struct netflow_state *s, const struct flow *f)
{
	const struct netflow_side *in = &s->side[0], *out = &s->side[1];
	bool tcp = f->proto == IPPROTO_TCP;

	csv_uint(c, f->proto);
	put_l7(c, f);
	for (int dir = 0; dir < 2; dir++) {
		csv_uint(c, f->side[dir].ip_bytes);
		csv_uint(c, f->side[dir].pkts);
	}
	put_if(c, !tcp || in->has_tcp || out->has_tcp, in->flags | out->flags);
	put_if(c, !tcp || in->has_tcp || !in->pkts, in->flags);
	put_if(c, !tcp || out->has_tcp || !out->pkts, out->flags);
	netflow_put_msec(c, series_gap(f->first, f->last));
	put_duration(c, in);
	put_duration(c, out);
	put_if(c, in->pkts, s->ttl_min);
	put_if(c, in->pkts, s->ttl_max);
	csv_uint(c, s->len_max);
	csv_uint(c, s->len_min);
	csv_uint(c, s->len_min);
	csv_uint(c, s->len_max);
}

/* SRC_TO_DST_SECOND_BYTES to DST_TO_SRC_AVG_THROUGHPUT. */
static void put_rates(struct csv *c, const struct netflow_state *s, const struct flow *f)
{
	double sec = (double)series_gap(f->first, f->last) / NSEC_PER_SEC;

	for (int dir = 0; dir < 2; dir++)
		schema_put_ratio(c, (double)f->side[dir].ip_bytes, sec);
	for (int dir = 0; dir < 2; dir++) {
		csv_uint(c, s->side[dir].retransmitted_bytes);
		csv_uint(c, s->side[dir].retransmits);
	}
	for (int dir = 0; dir < 2; dir++)
		schema_put_ratio(c, 8 * (double)f->side[dir].ip_bytes, sec);
}

void netflow_put_names(struct csv *c)
{
	for (size_t i = 0; i < NETFLOW_FEATURES; i++)
		csv_str(c, names[i]);
}

void netflow_put_features(struct csv *c, const struct netflow_state *s, const struct flow *f)
{
	bool ftp = s->ftp_code && !strcmp(flow_service(f), "ftp");

	schema_put_end(c, f, &f->orig);
	schema_put_end(c, f, &f->resp);
	put_totals(c, s, f);
	put_rates(c, s, f);
	for (int i = 0; i < NETFLOW_SIZES; i++)
		csv_uint(c, s->sizes[i]);
	put_if(c, s->side[0].has_tcp, s->side[0].win_max);
	put_if(c, s->side[1].has_tcp, s->side[1].win_max);
	put_if(c, s->has_icmp, s->icmp_type * 256u + s->icmp_code);
	put_if(c, s->has_icmp && f->proto == IPPROTO_ICMP, s->icmp_type);
	put_if(c, s->has_dns, s->dns_id);
	put_if(c, s->has_dns_type, s->dns_type);
	put_if(c, s->has_dns_ttl, s->dns_ttl);
	put_if(c, ftp, s->ftp_code);
}

void netflow_put_label(struct csv *c, const struct flow *f)
{
	const char *label = flow_label(f);

	put_if(c, label, label && strcmp(label, "benign"));
	schema_put_class(c, f, "Benign");
}
