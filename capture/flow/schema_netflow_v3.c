/*
 * The netflow-v3 schema: the 53 features of the NetFlow v3 datasets (Luay et al., "Temporal
 * Analysis of NetFlow Datasets for Network Intrusion Detection Systems", 2025), which are those of
 * v2, when the flow began and ended, and the times between its packets.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include "capture/flow/netflow_state.h"
#include "capture/flow/schema.h"
#include "core/units.h"

static const char *const iat_names[] = {
	"SRC_TO_DST_IAT_MIN", "SRC_TO_DST_IAT_MAX", "SRC_TO_DST_IAT_AVG", "SRC_TO_DST_IAT_STDDEV",
	"DST_TO_SRC_IAT_MIN", "DST_TO_SRC_IAT_MAX", "DST_TO_SRC_IAT_AVG", "DST_TO_SRC_IAT_STDDEV",
};

static int header(FILE *out)
{
	struct csv c;

	csv_open(&c, out);
	csv_str(&c, "FLOW_START_MILLISECONDS");
	csv_str(&c, "FLOW_END_MILLISECONDS");
	netflow_put_names(&c);
	for (size_t i = 0; i < ARRAY_SIZE(iat_names); i++)
		csv_str(&c, iat_names[i]);
	csv_str(&c, "Label");
	csv_str(&c, "Attack");
	csv_end(&c);
	return ferror(out) ? -EIO : 0;
}

static void put_iat(struct csv *c, const struct series *iat)
{
	if (!iat->n) {
		for (int i = 0; i < 4; i++)
			csv_str(c, NULL);
		return;
	}
	netflow_put_msec(c, iat->min);
	netflow_put_msec(c, iat->max);
	csv_real(c, iat->mean / NSEC_PER_MSEC);
	csv_real(c, sqrt(series_var_all(iat)) / NSEC_PER_MSEC);
}

static int row(const void *state, const struct flow *f, const struct flow_labels *labels, FILE *out)
{
	const struct netflow_state *s = state;
	struct csv c;

	csv_open(&c, out);
	netflow_put_msec(&c, f->first);
	netflow_put_msec(&c, f->last);
	netflow_put_features(&c, s, f);
	put_iat(&c, &s->side[0].iat);
	put_iat(&c, &s->side[1].iat);
	netflow_put_label(&c, f);
	csv_end(&c);
	return ferror(out) ? -EIO : 0;
}

const struct flow_schema schema_netflow_v3 = {
    .name = "netflow-v3",
    .brief = "the NetFlow v3 datasets' 53 features, Label and Attack",
    .file = "flows-netflow-v3.csv",
    .state_size = sizeof(struct netflow_state),
    .packet = netflow_packet,
    .header = header,
    .row = row,
};
