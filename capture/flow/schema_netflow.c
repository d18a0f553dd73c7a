/* The netflow schema: the columns of the NetFlow v2 datasets, see netflow_state.h. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include "capture/flow/netflow_state.h"
#include "capture/flow/schema.h"

static int header(FILE *out)
{
	struct csv c;

	csv_open(&c, out);
	netflow_put_names(&c);
	csv_str(&c, "Label");
	csv_str(&c, "Attack");
	csv_end(&c);
	return ferror(out) ? -EIO : 0;
}

static int row(const void *state, const struct flow *f, const struct flow_labels *labels, FILE *out)
{
	struct csv c;

	csv_open(&c, out);
	netflow_put_features(&c, state, f);
	netflow_put_label(&c, f);
	csv_end(&c);
	return ferror(out) ? -EIO : 0;
}

const struct flow_schema schema_netflow = {
    .name = "netflow",
    .brief = "the NetFlow v2 datasets' 43 features (NF-UQ-NIDS-v2), Label and Attack",
    .file = "flows-netflow.csv",
    .state_size = sizeof(struct netflow_state),
    .packet = netflow_packet,
    .header = header,
    .row = row,
};
