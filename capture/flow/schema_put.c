/* Writes what the feature schemas write alike: addresses, ports, ratios, classes. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <string.h>
#include "capture/flow/schema.h"
#include "capture/flow/schema_put.h"

bool schema_has_ports(const struct flow *f)
{
	switch (f->proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		return f->orig.port || f->resp.port;
	default:
		return false;
	}
}

void schema_put_end(struct csv *c, const struct flow *f, const struct flow_addr *a)
{
	char buf[FLOW_ADDR_SIZE];

	csv_str(c, flow_addr_text(f->family, a->ip, buf));
	if (schema_has_ports(f))
		csv_uint(c, a->port);
	else
		csv_str(c, NULL);
}

void schema_put_ratio(struct csv *c, double part, double whole)
{
	if (whole > 0)
		csv_real(c, part / whole);
	else
		csv_str(c, NULL);
}

void schema_put_class(struct csv *c, const struct flow *f, const char *benign)
{
	const char *label = flow_label(f);

	csv_str(c, label && !strcmp(label, "benign") ? benign : f->class);
}
