/* The table of schemas, and what several of them write: addresses, protocols and labels as words. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <string.h>
#include "capture/flow/schema.h"

const struct flow_schema *const flow_schemas[] = {
	&schema_detnet,
	&schema_zeek,
	&schema_cic,
	&schema_netflow,
	&schema_netflow_v3,
	NULL,
};

const struct flow_schema *flow_schema_find(const char *name)
{
	for (size_t i = 0; flow_schemas[i]; i++)
		if (!strcmp(flow_schemas[i]->name, name))
			return flow_schemas[i];
	return NULL;
}

const char *flow_label(const struct flow *f)
{
	if (f->activity)
		return f->activity->attack ? "attack" : "benign";
	if (f->class)
		return strcmp(f->class, "benign") ? "attack" : "benign";
	return NULL;
}

const char *flow_proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return "icmp";
	default:
		return "unknown_transport";
	}
}

/* inet_ntop() formats with sprintf(), which would be half of what a row costs. */
const char *flow_addr_text(uint8_t family, const uint8_t *ip, char *buf)
{
	char *p = buf;

	if (family != AF_INET)
		return inet_ntop(AF_INET6, ip, buf, FLOW_ADDR_SIZE);
	for (int i = 0; i < 4; i++) {
		if (ip[i] >= 100)
			*p++ = (char)('0' + ip[i] / 100);
		if (ip[i] >= 10)
			*p++ = (char)('0' + ip[i] / 10 % 10);
		*p++ = (char)('0' + ip[i] % 10);
		*p++ = '.';
	}
	p[-1] = '\0';
	return buf;
}
