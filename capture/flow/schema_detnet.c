/* The schema of flows.csv: Zeek's columns, then who was at each end and what it was for. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "capture/flow/flow_internal.h"
#include "capture/flow/schema.h"
#include "core/csv.h"

static const char *const columns[] = {
	"ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration",
	"orig_bytes", "resp_bytes", "conn_state", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts",
	"resp_ip_bytes", "community_id", "orig_host", "resp_host", "orig_owner", "resp_owner",
	"activity", "scenario", "sub", "class", "label", "vantage", "orig_retransmits",
	"resp_retransmits", "orig_out_of_order", "resp_out_of_order", "orig_missed_bytes",
	"resp_missed_bytes", "orig_fragments", "resp_fragments", "vlan",
};

static int header(FILE *f)
{
	struct csv c;

	csv_open(&c, f);
	csv_row(&c, columns, ARRAY_SIZE(columns));
	return ferror(f) ? -EIO : 0;
}

static const char *host_of(const struct net *net, uint8_t family, const uint8_t *ip)
{
	uint32_t addr, i;

	if (!net || family != AF_INET)
		return NULL;
	memcpy(&addr, ip, 4);
	i = net_find_addr(net, ntohl(addr));
	return i == NET_NONE ? NULL : net->nodes[net->ifaces[i].node].name;
}

/* The node that an owner runs on, where the address belongs to nobody (e.g. a forged one). */
static const char *host_of_owner(const struct net *net, struct owners *owners, uint32_t id)
{
	const struct owner *o = owners && id ? owners_get(owners, id) : NULL;

	return net && o && o->node < net->n_nodes ? net->nodes[o->node].name : NULL;
}

static void write_addr(struct csv *c, uint8_t family, const struct flow_addr *a)
{
	char buf[FLOW_ADDR_SIZE];

	csv_str(c, flow_addr_text(family, a->ip, buf));
	csv_uint(c, a->port);
}

static void write_owner(struct csv *c, uint32_t id)
{
	if (id)
		csv_uint(c, id);
	else
		csv_str(c, NULL);
}

static void write_vantage(struct csv *c, const struct flow *fl, const struct net *net)
{
	char buf[NODE_NAME_MAX + IFNAMSIZ + 2];

	if (fl->iface == FLOW_NO_IFACE) {
		csv_str(c, NULL);
	} else if (net && fl->iface < net->n_ifaces) {
		const struct iface *i = &net->ifaces[fl->iface];

		snprintf(buf, sizeof(buf), "%s:%s", net->nodes[i->node].name, i->name);
		csv_str(c, buf);
	} else {
		csv_uint(c, fl->iface);
	}
}

/* Only TCP numbers what it sends. */
static void write_pair(struct csv *c, uint64_t orig, uint64_t resp, bool known)
{
	if (known) {
		csv_uint(c, orig);
		csv_uint(c, resp);
	} else {
		csv_str(c, NULL);
		csv_str(c, NULL);
	}
}

static void write_counts(struct csv *c, const struct flow *fl)
{
	const struct flow_side *o = &fl->side[0], *r = &fl->side[1];
	bool tcp = fl->proto == IPPROTO_TCP;

	write_pair(c, o->retransmits, r->retransmits, tcp);
	write_pair(c, o->out_of_order, r->out_of_order, tcp);
	write_pair(c, o->missed, r->missed, tcp);
	write_pair(c, o->fragments, r->fragments, true);
	if (fl->vlan)
		csv_uint(c, fl->vlan);
	else
		csv_str(c, NULL);
}

static void write_label(struct csv *c, const struct flow *fl)
{
	const struct activity_label *a = fl->activity;

	if (a)
		csv_uint(c, a->id);
	else
		csv_str(c, NULL);
	csv_str(c, fl->scenario);
	csv_str(c, a ? a->sub : NULL);
	csv_str(c, fl->class);
	csv_str(c, flow_label(fl));
}

static void write_hosts(struct csv *c, const struct flow *fl, const struct net *net,
			struct owners *owners)
{
	const struct flow_addr *ends[2] = { &fl->orig, &fl->resp };

	for (int i = 0; i < 2; i++) {
		const char *host = host_of(net, fl->family, ends[i]->ip);

		csv_str(c, host ? host : host_of_owner(net, owners, fl->side[i].owner));
	}
	write_owner(c, fl->side[0].owner);
	write_owner(c, fl->side[1].owner);
}

static int row(const void *state, const struct flow *fl, const struct flow_labels *labels, FILE *f)
{
	const struct net *net = labels ? labels->net : NULL;
	struct owners *owners = labels ? labels->owners : NULL;
	char community[32];
	int64_t duration;
	struct csv c;

	flow_community_id(fl, community);
	csv_open(&c, f);
	csv_time(&c, fl->first);
	csv_str(&c, fl->uid);
	write_addr(&c, fl->family, &fl->orig);
	write_addr(&c, fl->family, &fl->resp);
	csv_str(&c, flow_proto_name(fl->proto));
	csv_str(&c, flow_service(fl));
	if (__builtin_sub_overflow(fl->last, fl->first, &duration))
		duration = INT64_MAX;
	csv_time(&c, duration);
	csv_uint(&c, fl->side[0].bytes);
	csv_uint(&c, fl->side[1].bytes);
	csv_str(&c, flow_conn_state(fl));
	csv_str(&c, fl->history);
	for (int i = 0; i < 2; i++) {
		csv_uint(&c, fl->side[i].pkts);
		csv_uint(&c, fl->side[i].ip_bytes);
	}
	csv_str(&c, community);
	write_hosts(&c, fl, net, owners);
	write_label(&c, fl);
	write_vantage(&c, fl, net);
	write_counts(&c, fl);
	csv_end(&c);
	return ferror(f) ? -EIO : 0;
}

const struct flow_schema schema_detnet = {
	.name = "detnet",
	.brief = "CSV in Zeek's terms, then senders, labels and counts of what went wrong on the way",
	.file = "flows.csv",
	.header = header,
	.row = row,
};
