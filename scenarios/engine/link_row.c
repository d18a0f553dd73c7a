/* Gathers what the manifest says of links, and writes it. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include "emu/link.h"
#include "emu/qdisc.h"
#include "scenarios/engine/link_row.h"

int link_rows_new(const struct emu *e, const struct capture *c, struct link_row **ret)
{
	const struct net *net = emu_net(e);
	struct link_row *rows = calloc(net->n_links + 1, sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	for (uint32_t i = 0; i < net->n_links; i++) {
		struct link_row *row = &rows[i];

		row->engine = emu_link_engine(e, i);
		row->why = emu_link_why(e, i);
		row->seeded = row->engine == ENGINE_SHAPER ||
			      (row->engine == ENGINE_NETEM && qdisc_have_seed());
		row->counted = row->engine == ENGINE_SHAPER && capture_fates(c, i, 0);
		for (int end = 0; row->counted && end < 2; end++)
			row->fates[end] = *capture_fates(c, i, end);
	}
	*ret = rows;
	return 0;
}

const char *link_rows_engine(const struct link_row *rows, size_t n)
{
	bool netem = false, shaper = false;

	for (size_t i = 0; i < n; i++) {
		netem |= rows[i].engine == ENGINE_NETEM;
		shaper |= rows[i].engine == ENGINE_SHAPER;
	}
	return netem ? shaper ? "netem+shaper" : "netem" : shaper ? "shaper" : "none";
}

static void put_end(struct json *j, const struct net *net, uint32_t iface)
{
	const struct iface *i = &net->ifaces[iface];

	json_strf(j, "%s:%s", net->nodes[i->node].name, i->name);
}

void link_row_put_counts(const struct fate_counts *c, struct json *j)
{
	json_kv_uint(j, "in", c->packets);
	for (int i = 0; i < FATE_VERDICTS; i++)
		json_kv_uint(j, fate_names[i], c->verdict[i]);
	json_kv_uint(j, "duplicated", c->duplicated);
	json_kv_uint(j, "corrupted", c->corrupted);
	json_kv_uint(j, "marked", c->marked);
	json_kv_uint(j, "reordered", c->reordered);
}

static void put_direction(struct json *j, const struct net *net, const struct link *l, int end,
			  const struct fate_counts *c)
{
	json_object(j);
	json_key(j, "from");
	put_end(j, net, l->iface[end]);
	link_row_put_counts(c, j);
	json_object_end(j);
}

void link_rows_put(const struct link_row *rows, const struct net *net, struct json *j)
{
	static const char *const engines[] = { [ENGINE_AUTO] = "none", [ENGINE_NETEM] = "netem",
					       [ENGINE_SHAPER] = "shaper" };

	json_key(j, "links");
	json_array(j);
	for (size_t i = 0; rows && i < net->n_links; i++) {
		const struct link *l = &net->links[i];

		json_object(j);
		json_key(j, "ends");
		json_array(j);
		put_end(j, net, l->iface[0]);
		put_end(j, net, l->iface[1]);
		json_array_end(j);
		json_kv_str(j, "engine", engines[rows[i].engine]);
		json_kv_str(j, "why", rows[i].why);
		if (rows[i].engine != ENGINE_AUTO)
			json_kv_bool(j, "seeded", rows[i].seeded);
		if (rows[i].counted) {
			json_key(j, "directions");
			json_array(j);
			for (int end = 0; end < 2; end++)
				put_direction(j, net, l, end, &rows[i].fates[end]);
			json_array_end(j);
		}
		json_object_end(j);
	}
	json_array_end(j);
}
