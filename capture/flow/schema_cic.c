/*
 * The cic schema: the 84 columns of CICFlowMeter (Draper-Gil et al. 2016, Lashkari et al. 2017),
 * with the definitions that Engelen, Rimmer and Joosen ("Troubleshooting an Intrusion Detection
 * Dataset: the CICIDS2017 Case Study", 2021) corrected. docs/flows.md has them column by column.
 *
 * Lengths are of payload, as in the original; times are kept in ns and written in µs. A count or a
 * sum of nothing is 0; a mean, a rate, a least or greatest of nothing is empty.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>
#include "capture/flow/schema.h"
#include "capture/flow/schema_put.h"
#include "capture/flow/series.h"
#include "core/units.h"

#define BULK_PACKETS 4                  /* with payload, one way, before anything comes back */
#define BULK_GAP     NSEC_PER_SEC       /* and no pause longer than this */
#define SUBFLOW_GAP  NSEC_PER_SEC       /* a pause longer than this opens the next subflow */
#define IDLE_GAP     (5 * NSEC_PER_SEC) /* CICFlowMeter's activity timeout */

/* Runs of packets with payload one way; the first three fields are of the run under way. */
struct cic_bulk {
	uint64_t run_pkts, run_bytes;
	int64_t start, last;
	uint64_t n, pkts, bytes, duration;
};

struct cic_side {
	struct series len, iat;
	struct cic_bulk bulk;
	uint64_t bytes, header_bytes, data_pkts;
	uint64_t psh, urg;
	int64_t first, last;
	uint16_t init_win;
	bool has_win;
	uint8_t header_min;
};

struct cic_state {
	struct cic_side side[2]; /* 0: forward */
	struct series iat, active, idle;
	uint64_t flags[8]; /* packets with each, by bit: FIN first */
	uint64_t pauses;   /* between subflows */
	int64_t last, active_from;
	bool has_tcp;
};

static const char *const columns[] = {
	"Flow ID", "Src IP", "Src Port", "Dst IP", "Dst Port", "Protocol", "Timestamp",
	"Flow Duration", "Total Fwd Packet", "Total Bwd packets", "Total Length of Fwd Packet",
	"Total Length of Bwd Packet", "Fwd Packet Length Max", "Fwd Packet Length Min",
	"Fwd Packet Length Mean", "Fwd Packet Length Std", "Bwd Packet Length Max",
	"Bwd Packet Length Min", "Bwd Packet Length Mean", "Bwd Packet Length Std", "Flow Bytes/s",
	"Flow Packets/s", "Flow IAT Mean", "Flow IAT Std", "Flow IAT Max", "Flow IAT Min",
	"Fwd IAT Total", "Fwd IAT Mean", "Fwd IAT Std", "Fwd IAT Max", "Fwd IAT Min",
	"Bwd IAT Total", "Bwd IAT Mean", "Bwd IAT Std", "Bwd IAT Max", "Bwd IAT Min",
	"Fwd PSH Flags", "Bwd PSH Flags", "Fwd URG Flags", "Bwd URG Flags", "Fwd Header Length",
	"Bwd Header Length", "Fwd Packets/s", "Bwd Packets/s", "Packet Length Min",
	"Packet Length Max", "Packet Length Mean", "Packet Length Std", "Packet Length Variance",
	"FIN Flag Count", "SYN Flag Count", "RST Flag Count", "PSH Flag Count", "ACK Flag Count",
	"URG Flag Count", "CWR Flag Count", "ECE Flag Count", "Down/Up Ratio",
	"Average Packet Size", "Fwd Segment Size Avg", "Bwd Segment Size Avg",
	"Fwd Bytes/Bulk Avg", "Fwd Packet/Bulk Avg", "Fwd Bulk Rate Avg", "Bwd Bytes/Bulk Avg",
	"Bwd Packet/Bulk Avg", "Bwd Bulk Rate Avg", "Subflow Fwd Packets", "Subflow Fwd Bytes",
	"Subflow Bwd Packets", "Subflow Bwd Bytes", "FWD Init Win Bytes", "Bwd Init Win Bytes",
	"Fwd Act Data Pkts", "Fwd Seg Size Min", "Active Mean", "Active Std", "Active Max",
	"Active Min", "Idle Mean", "Idle Std", "Idle Max", "Idle Min", "Label",
};

static void add_bulk(struct cic_state *s, int dir, int64_t now, uint32_t len)
{
	struct cic_bulk *b = &s->side[dir].bulk;
	int64_t gap = series_gap(b->last, now);

	if (!len)
		return;
	s->side[!dir].bulk.run_pkts = 0; /* something came back */
	if (b->run_pkts && gap > BULK_GAP)
		b->run_pkts = 0;
	if (!b->run_pkts) {
		b->start = now;
		b->run_bytes = 0;
	}
	b->run_pkts++;
	b->run_bytes += len;
	if (b->run_pkts == BULK_PACKETS) {
		b->n++;
		b->pkts += BULK_PACKETS;
		b->bytes += b->run_bytes;
		b->duration += (uint64_t)series_gap(b->start, now);
	} else if (b->run_pkts > BULK_PACKETS) {
		b->pkts++;
		b->bytes += len;
		b->duration += (uint64_t)gap;
	}
	b->last = now;
}

/* What lies between this packet and the one before it. */
static void add_gap(struct cic_state *s, int64_t now)
{
	int64_t gap = series_gap(s->last, now);

	series_add(&s->iat, gap);
	if (gap > SUBFLOW_GAP)
		s->pauses++;
	if (gap <= IDLE_GAP)
		return;
	/* A lone packet was active for no time at all, and is no period. */
	if (s->last > s->active_from)
		series_add(&s->active, series_gap(s->active_from, s->last));
	series_add(&s->idle, gap);
	s->active_from = now;
}

static void add_tcp(struct cic_state *s, struct cic_side *side, const struct packet *p)
{
	s->has_tcp = true;
	for (int bit = 0; bit < 8; bit++)
		s->flags[bit] += p->flags >> bit & 1;
	side->psh += !!(p->flags & TCP_PSH);
	side->urg += !!(p->flags & TCP_URG);
	if (!side->has_win) {
		side->init_win = p->window;
		side->has_win = true;
	}
}

static void cic_packet(void *state, const struct flow *f, int dir, const struct flow_packet *fp,
		       const struct packet *p)
{
	struct cic_state *s = state;
	struct cic_side *side = &s->side[dir];
	bool first = !s->side[0].len.n && !s->side[1].len.n;

	if (first)
		s->last = s->active_from = fp->ts;
	else
		add_gap(s, fp->ts);
	if (!side->len.n)
		side->first = side->last = fp->ts;
	else
		series_add(&side->iat, series_gap(side->last, fp->ts));
	add_bulk(s, dir, fp->ts, p->payload_len);
	if (!side->len.n || p->l4_hlen < side->header_min)
		side->header_min = p->l4_hlen;
	series_add(&side->len, p->payload_len);
	side->bytes += p->payload_len;
	side->header_bytes += p->l4_hlen;
	side->data_pkts += p->payload_len > 0;
	if (p->has_tcp)
		add_tcp(s, side, p);
	if (fp->ts > side->last)
		side->last = fp->ts;
	if (fp->ts > s->last)
		s->last = fp->ts;
}

static int cic_header(FILE *out)
{
	struct csv c;

	csv_open(&c, out);
	csv_row(&c, columns, ARRAY_SIZE(columns));
	return ferror(out) ? -EIO : 0;
}

static void put_empty(struct csv *c, int n)
{
	while (n--)
		csv_str(c, NULL);
}

static void put_usec(struct csv *c, int64_t ns)
{
	csv_decimal(c, ns, 3);
}

/* "10.0.0.1-10.0.0.2-4000-80-6", the originator first. */
static void put_id(struct csv *c, const struct flow *f)
{
	char src[FLOW_ADDR_SIZE], dst[FLOW_ADDR_SIZE], ports[16] = "-",
						       buf[2 * FLOW_ADDR_SIZE + 32];

	flow_addr_text(f->family, f->orig.ip, src);
	flow_addr_text(f->family, f->resp.ip, dst);
	if (schema_has_ports(f))
		snprintf(ports, sizeof(ports), "%u-%u", f->orig.port, f->resp.port);
	snprintf(buf, sizeof(buf), "%s-%s-%s-%u", src, dst, ports, f->proto);
	csv_str(c, buf);
}

/* UTC, with µs, as the corrected tool writes it. */
static void put_timestamp(struct csv *c, int64_t ns)
{
	int64_t sec = ns / NSEC_PER_SEC, rest = ns % NSEC_PER_SEC;
	char buf[64];
	struct tm tm;
	time_t t;

	if (rest < 0) {
		rest += NSEC_PER_SEC;
		sec--;
	}
	t = (time_t)sec;
	if (!gmtime_r(&t, &tm)) {
		csv_str(c, NULL);
		return;
	}
	snprintf(buf, sizeof(buf), "%04d-%02d-%02d %02d:%02d:%02d.%06lld", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, rest / NSEC_PER_USEC);
	csv_str(c, buf);
}

static void put_lengths(struct csv *c, const struct series *len)
{
	if (!len->n) {
		put_empty(c, 4);
		return;
	}
	csv_int(c, len->max);
	csv_int(c, len->min);
	csv_real(c, len->mean);
	csv_real(c, sqrt(series_var(len)));
}

/* Mean, Std, Max, Min of times, in µs. */
static void put_times(struct csv *c, const struct series *ns)
{
	if (!ns->n) {
		put_empty(c, 4);
		return;
	}
	csv_real(c, ns->mean / NSEC_PER_USEC);
	csv_real(c, sqrt(series_var(ns)) / NSEC_PER_USEC);
	put_usec(c, ns->max);
	put_usec(c, ns->min);
}

static void put_all_lengths(struct csv *c, const struct series *len)
{
	csv_int(c, len->min);
	csv_int(c, len->max);
	csv_real(c, len->mean);
	csv_real(c, sqrt(series_var(len)));
	csv_real(c, series_var(len));
}

/* Counts of flags that no header of theirs was captured for are unknown, not 0. */
static void put_flags(struct csv *c, const struct cic_state *s, bool known)
{
	static const uint8_t order[] = { 0, 1, 2, 3, 4, 5, 7, 6 }; /* CWR comes before ECE */

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (known)
			csv_uint(c, s->flags[order[i]]);
		else
			csv_str(c, NULL);
	}
}

static void put_push_urgent(struct csv *c, const struct cic_state *s, bool known)
{
	if (!known) {
		put_empty(c, 4);
		return;
	}
	csv_uint(c, s->side[0].psh);
	csv_uint(c, s->side[1].psh);
	csv_uint(c, s->side[0].urg);
	csv_uint(c, s->side[1].urg);
}

static void put_bulk(struct csv *c, const struct cic_bulk *b)
{
	schema_put_ratio(c, (double)b->bytes, (double)b->n);
	schema_put_ratio(c, (double)b->pkts, (double)b->n);
	schema_put_ratio(c, (double)b->bytes, (double)b->duration / NSEC_PER_SEC);
}

static void put_window(struct csv *c, const struct cic_side *side)
{
	if (side->has_win)
		csv_uint(c, side->init_win);
	else
		csv_str(c, NULL);
}

/* Columns 1 to 36. */
static void put_sizes_and_times(struct csv *c, const struct cic_state *s, const struct flow *f,
				int64_t duration)
{
	const struct cic_side *fwd = &s->side[0], *bwd = &s->side[1];
	double sec = (double)duration / NSEC_PER_SEC;

	put_id(c, f);
	schema_put_end(c, f, &f->orig);
	schema_put_end(c, f, &f->resp);
	csv_uint(c, f->proto);
	put_timestamp(c, f->first);
	put_usec(c, duration);
	csv_uint(c, fwd->len.n);
	csv_uint(c, bwd->len.n);
	csv_uint(c, fwd->bytes);
	csv_uint(c, bwd->bytes);
	put_lengths(c, &fwd->len);
	put_lengths(c, &bwd->len);
	schema_put_ratio(c, (double)(fwd->bytes + bwd->bytes), sec);
	schema_put_ratio(c, (double)(fwd->len.n + bwd->len.n), sec);
	put_times(c, &s->iat);
	for (int dir = 0; dir < 2; dir++) {
		const struct cic_side *side = &s->side[dir];

		if (side->iat.n)
			put_usec(c, series_gap(side->first, side->last));
		else
			csv_str(c, NULL);
		put_times(c, &side->iat);
	}
}

static int cic_row(const void *state, const struct flow *f, const struct flow_labels *labels,
		   FILE *out)
{
	const struct cic_state *s = state;
	const struct cic_side *fwd = &s->side[0], *bwd = &s->side[1];
	struct series all = series_merge(&fwd->len, &bwd->len);
	int64_t duration = series_gap(f->first, f->last);
	double sec = (double)duration / NSEC_PER_SEC, subflows = (double)(s->pauses + 1);
	bool flags_known = f->proto != IPPROTO_TCP || s->has_tcp;
	struct csv c;

	csv_open(&c, out);
	put_sizes_and_times(&c, s, f, duration);
	put_push_urgent(&c, s, flags_known);
	csv_uint(&c, fwd->header_bytes);
	csv_uint(&c, bwd->header_bytes);
	schema_put_ratio(&c, (double)fwd->len.n, sec);
	schema_put_ratio(&c, (double)bwd->len.n, sec);
	put_all_lengths(&c, &all);
	put_flags(&c, s, flags_known);
	schema_put_ratio(&c, (double)bwd->len.n, (double)fwd->len.n);
	schema_put_ratio(&c, (double)(fwd->bytes + bwd->bytes), (double)all.n);
	schema_put_ratio(&c, (double)fwd->bytes, (double)fwd->len.n);
	schema_put_ratio(&c, (double)bwd->bytes, (double)bwd->len.n);
	put_bulk(&c, &fwd->bulk);
	put_bulk(&c, &bwd->bulk);
	csv_real(&c, (double)fwd->len.n / subflows);
	csv_real(&c, (double)fwd->bytes / subflows);
	csv_real(&c, (double)bwd->len.n / subflows);
	csv_real(&c, (double)bwd->bytes / subflows);
	put_window(&c, fwd);
	put_window(&c, bwd);
	csv_uint(&c, fwd->data_pkts);
	if (fwd->len.n)
		csv_uint(&c, fwd->header_min);
	else
		csv_str(&c, NULL);
	put_times(&c, &s->active);
	put_times(&c, &s->idle);
	schema_put_class(&c, f, "BENIGN");
	csv_end(&c);
	return ferror(out) ? -EIO : 0;
}

const struct flow_schema schema_cic = {
    .name = "cic",
    .brief = "CICFlowMeter's 84 columns, with corrected definitions",
    .file = "flows-cic.csv",
    .state_size = sizeof(struct cic_state),
    .packet = cic_packet,
    .header = cic_header,
    .row = cic_row,
};
