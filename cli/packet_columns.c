/* What there is to say of a packet, column by column. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "capture/flow/schema.h"
#include "cli/packet_columns.h"
#include "core/units.h"

#define get_fn(column) \
	static const char *get_##column(const struct joined *j, char buf[PACKET_FIELD_SIZE])
#define get_text(column, text) get_fn(column) { return text; }
#define get_id(column, id) get_fn(column) { return put_id(buf, id); }

/* 0 is none. */
static const char *put_id(char *buf, uint64_t id)
{
	if (!id)
		return NULL;
	snprintf(buf, PACKET_FIELD_SIZE, "%" PRIu64, id);
	return buf;
}

static const char *put_port(char *buf, const struct joined *j, uint16_t port)
{
	if (!j->has_addrs || !j->has_ports)
		return NULL;
	snprintf(buf, PACKET_FIELD_SIZE, "%u", port);
	return buf;
}

get_id(number, j->number)
get_id(packet, j->packet->id)
get_text(iface, j->iface)
get_text(proto, j->proto)
get_text(uid, j->uid)
get_id(owner, j->owner)
get_text(host, j->host)
get_id(pid, j->pid)
get_text(comm, j->comm)
get_text(exe, j->exe)
get_text(confidence, j->confidence)
get_id(activity, j->activity)
get_text(scenario, j->scenario)
get_text(sub, j->sub)
get_text(class, j->class)
get_text(label, j->label)
get_text(outcome, j->outcome)
get_text(evidence, j->evidence)

get_fn(time)
{
	int64_t ts = j->packet->ts;
	uint64_t v = ts < 0 ? -(uint64_t)ts : (uint64_t)ts;

	snprintf(buf, PACKET_FIELD_SIZE, "%s%llu.%09llu", ts < 0 ? "-" : "", v / NSEC_PER_SEC,
		 v % NSEC_PER_SEC);
	return buf;
}

get_fn(dir)
{
	uint32_t dir = j->packet->dir;

	return dir == PCAPNG_DIR_OUT ? "out" : dir == PCAPNG_DIR_IN ? "in" : NULL;
}

get_fn(src)
{
	return j->has_addrs ? flow_addr_text(j->parsed.family, j->parsed.src, buf) : NULL;
}

get_fn(dst)
{
	return j->has_addrs ? flow_addr_text(j->parsed.family, j->parsed.dst, buf) : NULL;
}

get_fn(sport)
{
	return put_port(buf, j, j->sport);
}

get_fn(dport)
{
	return put_port(buf, j, j->dport);
}

get_fn(len)
{
	snprintf(buf, PACKET_FIELD_SIZE, "%u", j->packet->len);
	return buf;
}

get_fn(community_id)
{
	if (!j->flow)
		return NULL;
	flow_community_id(j->flow, buf);
	return buf;
}

get_fn(since)
{
	__int128 ns = (__int128)j->packet->ts - j->start;

	snprintf(buf, PACKET_FIELD_SIZE, "%.6f", (double)ns / (double)NSEC_PER_SEC);
	return buf;
}

/* "10.0.0.1:4000 > 10.0.0.2:21" */
get_fn(ends)
{
	char src[FLOW_ADDR_SIZE], dst[FLOW_ADDR_SIZE];

	if (!j->has_addrs)
		return NULL;
	flow_addr_text(j->parsed.family, j->parsed.src, src);
	flow_addr_text(j->parsed.family, j->parsed.dst, dst);
	if (j->parsed.has_ports)
		snprintf(buf, PACKET_FIELD_SIZE, "%s:%u > %s:%u", src, j->sport, dst, j->dport);
	else
		snprintf(buf, PACKET_FIELD_SIZE, "%s > %s", src, dst);
	return buf;
}

get_fn(sender)
{
	if (!j->comm || !j->pid)
		return j->comm;
	snprintf(buf, PACKET_FIELD_SIZE, "%.200s[%u]", j->comm, j->pid);
	return buf;
}

get_fn(task)
{
	if (!j->scenario || !j->sub)
		return j->scenario;
	snprintf(buf, PACKET_FIELD_SIZE, "%.100s/%.100s", j->scenario, j->sub);
	return buf;
}

#define column(n, ...) { .name = #n, .get = get_##n, __VA_ARGS__ }
#define NUMBER .number = true, .right = true

const struct packet_column packet_columns[] = {
	column(number, NUMBER, .help = "its place in the capture, as in Wireshark"),
	column(time, NUMBER, .help = "seconds since 1970, with nine decimals"),
	column(packet, NUMBER, .help = "its id, the same on all links it crossed; fates.csv's key"),
	column(iface, .help = "the interface where it was seen, HOST:NAME"),
	column(dir, .help = "out or in, of that interface"),
	column(src, .help = "the sender's address"),
	column(sport, NUMBER, .help = "and port (ICMP: the type)"),
	column(dst, .help = "the receiver's address"),
	column(dport, NUMBER, .help = "and port (ICMP: the answer's type, or the code)"),
	column(proto, .help = "tcp, udp, icmp, arp or unknown_transport"),
	column(len, NUMBER, .help = "bytes of the frame"),
	column(uid, .help = "its flow; flows.csv's key"),
	column(community_id, .help = "its flow, as Zeek, Suricata and others name it"),
	column(owner, NUMBER, .help = "who sent it; owners.csv's key"),
	column(host, .help = "the sender's host"),
	column(pid, NUMBER, .help = "the process there; none of a kernel's packet"),
	column(comm, .help = "the process's name, or kernel"),
	column(exe, .help = "its program"),
	column(confidence, .help = "inferred, where the kernel could not tell the sender"),
	column(activity, NUMBER, .help = "what it was sent for; activities.csv's key"),
	column(scenario, .help = "the activity's scenario, or the server's"),
	column(sub, .help = "its subscenario"),
	column(class, .help = "benign, or the attack's class"),
	column(label, .help = "benign or attack"),
	column(outcome, .help = "what came of the activity"),
	column(evidence, .help = "the line of a log that proves it"),
	column(since, NUMBER, .made = true, .help = "seconds since the first packet"),
	column(ends, .made = true, .help = "src:sport > dst:dport"),
	column(sender, .made = true, .help = "comm[pid]"),
	column(task, .made = true, .help = "scenario/sub"),
	{ .name = NULL },
};

const struct packet_column *packet_column_find(const char *name, struct err *err)
{
	const char *names[ARRAY_SIZE(packet_columns)], *near;
	size_t n = 0;

	for (; packet_columns[n].name; n++) {
		if (!strcmp(packet_columns[n].name, name))
			return &packet_columns[n];
		names[n] = packet_columns[n].name;
	}
	near = err_nearest(name, names, n);
	err_usage(err, "there is no field '%s'; %s%s%s", name,
		  near ? "did you mean '" : "see: detnet packets --help", near ? near : "",
		  near ? "'?" : "");
	return NULL;
}
