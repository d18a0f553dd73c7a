/* detnet graph: draws a topology file for a terminal, as SVG, or as JSON for other drawers. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include "cli/command.h"
#include "emu/graph.h"
#include "scenarios/engine/run.h"

static void json_iface(struct json *j, const struct net *net, uint32_t index)
{
	const struct iface *i = &net->ifaces[index];
	char buf[32];

	json_object(j);
	json_kv_str(j, "node", net->nodes[i->node].name);
	json_kv_str(j, "interface", i->name);
	json_kv_str(j, "mac", net_format_mac(buf, i->mac));
	json_key(j, "address");
	if (i->addr)
		json_strf(j, "%s/%u", net_format_addr(buf, i->addr), i->prefix);
	else
		json_str(j, NULL);
	json_object_end(j);
}

static void print_json(const struct net *net)
{
	struct json j;

	json_open(&j, stdout, true);
	json_object(&j);
	json_kv_str(&j, "name", net->name);
	json_key(&j, "nodes");
	json_array(&j);
	for (size_t i = 0; i < net->n_nodes; i++) {
		json_object(&j);
		json_kv_str(&j, "name", net->nodes[i].name);
		json_kv_str(&j, "kind", node_kinds[net->nodes[i].kind].name);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_key(&j, "links");
	json_array(&j);
	for (size_t i = 0; i < net->n_links; i++) {
		json_array(&j);
		json_iface(&j, net, net->links[i].iface[0]);
		json_iface(&j, net, net->links[i].iface[1]);
		json_array_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	json_close(&j);
}

static int write_svg(struct call *call, const struct net *net, const char *path)
{
	FILE *f = path ? fopen(path, "we") : stdout;
	int r;

	if (!f)
		return err_sys(&call->err, errno, "%s", path);
	graph_svg(net, f);
	if (f == stdout)
		return 0;
	r = ferror(f);
	if (fclose(f) || r)
		return err_sys(&call->err, errno ? errno : EIO, "%s", path);
	return 0;
}

static int run(struct call *call)
{
	_cleanup_net_ struct net net = { 0 };
	const char *path = call->n_args > 1 ? call->args[1] : NULL;
	bool svg = call_value(call, "svg");

	if (path && !svg)
		err_usage(&call->err, "a file to write needs --svg: detnet graph %s --svg %s",
			  call->args[0], path);
	else if (svg && call->json)
		err_usage(&call->err, "choose one of --svg and --json");
	if (call->err.n || run_check(call->args[0], NULL, &net, NULL, &call->err))
		return err_exit(&call->err);
	if (call->json)
		print_json(&net);
	else if (svg)
		write_svg(call, &net, path);
	else
		graph_text(&net, stdout);
	return err_exit(&call->err);
}

static const struct option_row options[] = {
	{ .name = "svg", .help = "Write SVG, to FILE or to standard output." },
	OPTION_JSON,
	{ 0 },
};

const struct command cmd_graph = {
	.name = "graph",
	.synopsis = "TOPO.ini [--svg [FILE]] [--json]",
	.brief = "Draw a topology",
	.help = "Draws the network with its addresses and link rates. Nothing is built and root is not\n"
		"needed.\n\n"
		"    detnet graph lab.ini\n"
		"    detnet graph lab.ini --svg lab.svg",
	.options = options,
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
