/* detnet check: is this topology file good? Every error with its line; the kernel is not touched. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/command.h"
#include "emu/net.h"
#include "scenarios/engine/run.h"

static void count_kinds(const struct net *net, size_t ret[NODE_KINDS])
{
	for (size_t i = 0; i < NODE_KINDS; i++)
		ret[i] = 0;
	for (size_t i = 0; i < net->n_nodes; i++)
		ret[net->nodes[i].kind]++;
}

static void print_json(const struct call *call, const struct net *net)
{
	struct json j;
	size_t n[NODE_KINDS];

	count_kinds(net, n);
	json_open(&j, stdout, true);
	json_object(&j);
	json_kv_str(&j, "file", call->args[0]);
	json_kv_bool(&j, "ok", call->err.n == 0);
	if (!call->err.n) {
		json_kv_str(&j, "name", net->name);
		json_kv_uint(&j, "seed", net->seed);
		json_kv_uint(&j, "hosts", n[NODE_HOST]);
		json_kv_uint(&j, "switches", n[NODE_SWITCH]);
		json_kv_uint(&j, "routers", n[NODE_ROUTER]);
		json_kv_uint(&j, "links", net->n_links);
	}
	call_json_errors(&j, "errors", &call->err);
	json_object_end(&j);
	json_close(&j);
}

static int run(struct call *call)
{
	_cleanup_net_ struct net net = { 0 };
	const uint64_t *seed;
	uint64_t store;
	size_t n[NODE_KINDS];

	if (!call_seed(call, &store, &seed))
		run_check(call->args[0], seed, &net, NULL, &call->err);
	if (call->json) {
		print_json(call, &net);
	} else if (!call->err.n) {
		count_kinds(&net, n);
		printf("%s: good: network '%s': %zu hosts, %zu switches, %zu routers, %zu links\n",
		       call->args[0], net.name, n[NODE_HOST], n[NODE_SWITCH], n[NODE_ROUTER],
		       net.n_links);
	}
	return err_exit(&call->err);
}

static const struct option_row options[] = { OPTION_SEED, OPTION_JSON, { 0 } };

const struct command cmd_check = {
	.name = "check",
	.synopsis = "TOPO.ini [--json]",
	.brief = "Validate a topology file and its scenarios",
	.help = "Reads the file as 'detnet run' would, computes every name, address and route, and\n"
		"prints each error with its line. Nothing is built and root is not needed.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
