/* detnet TOPO.ini: builds the network and opens its shell. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "capture/secrets.h"
#include "cli/command.h"
#include "cli/shell.h"
#include "core/units.h"
#include "scenarios/engine/run.h"
#include "scenarios/engine/use.h"

static void loop_freep(struct loop **l)
{
	loop_free(*l);
}

static void greet(const struct net *net, int64_t took)
{
	size_t n[NODE_KINDS] = { 0 };
	char buf[32];

	for (size_t i = 0; i < net->n_nodes; i++)
		n[net->nodes[i].kind]++;
	printf("*** Network %s: %zu hosts, %zu switches, %zu routers, %zu links; up in %s\n"
	       "*** Starting CLI: (help lists the commands)\n", net->name, n[NODE_HOST],
	       n[NODE_SWITCH], n[NODE_ROUTER], net->n_links,
	       units_human_time(buf, sizeof(buf), took));
	fflush(stdout);
}

static int serve(struct call *call, struct emu *e, const struct uses *uses, struct loop *loop,
		 int64_t started)
{
	const char *text = call_value(call, "command");
	struct shell sh;
	int r = shell_init(&sh, e, loop, &call->err);

	if (r)
		return r;
	sh.uses = uses;
	r = shell_begin(&sh, &call->err);
	if (r) {
		shell_fini(&sh);
		return r;
	}
	if (text) {
		sh.stdin_fd = STDIN_FILENO;
		sh.terminal = isatty(STDIN_FILENO);
		shell_text(&sh, text);
	} else {
		if (isatty(STDIN_FILENO) && !call->quiet)
			greet(emu_net(e), units_now_mono() - started);
		r = shell_input(&sh, &call->err);
	}
	shell_fini(&sh);
	/* A user at a terminal has seen what failed; a script needs to be told. */
	if (r || (!text && sh.terminal))
		return r;
	return sh.first_failure || !sh.signal ? sh.first_failure : 128 + sh.signal;
}

static int run(struct call *call)
{
	_cleanup_net_ struct net net = { 0 };
	_cleanup_uses_ struct uses uses = { 0 };
	_cleanup_(loop_freep) struct loop *loop = NULL;
	char cwd[PATH_MAX];
	struct emu_opts opts = { .egress_bpf_fd = -1 };
	int64_t started = units_now_mono();
	const uint64_t *seed;
	struct emu *e;
	uint64_t store;
	int r;

	if (call_seed(call, &store, &seed) ||
	    run_check(call->args[0], seed, &net, &uses, &call->err) ||
	    call_need_root(call, "building a network"))
		return err_exit(&call->err);
	opts.sealed = uses_attack(&uses);
	opts.tls_keys = uses.capture.secrets ? SECRETS_FILE : NULL;
	r = loop_new(&loop);
	if (r) {
		err_sys(&call->err, -r, "event loop");
		return err_exit(&call->err);
	}
	/* What a lab with an attack in it holds must not get out by files: then opts.sealed is true. */
	opts.share_dir = getcwd(cwd, sizeof(cwd));
	if (emu_up(&net, &opts, loop, &e, &call->err))
		return err_exit(&call->err);
	r = serve(call, e, &uses, loop, started);
	fflush(stdout);
	emu_down(e);
	return call->err.n ? err_exit(&call->err) : r;
}

static const struct option_row options[] = {
	{ .letter = 'c', .name = "command", .arg = "CMD", .many = true,
	  .help = "Run this line of the shell instead of asking for lines; may be repeated." },
	OPTION_SEED,
	{ 0 },
};

const struct command cmd_shell = {
	.name = "",
	.synopsis = "TOPO.ini [-c CMD]... [--seed N]",
	.brief = "Build a network and open its shell",
	.help = "Builds the network of the file and reads commands: from a terminal, from a pipe, or from -c.\n"
		"The commands are Mininet's; 'help' lists them, and 'h1 ping h2' runs a program in a host.\n"
		"The network goes away with the shell. Given -c or a pipe, detnet ends with the status of\n"
		"the first line that failed.\n\n"
		"    sudo detnet lab.ini\n"
		"    sudo detnet lab.ini -c 'pingall' -c 'h1 ping -c1 h2'\n"
		"    echo 'h1 ip route' | sudo detnet lab.ini",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
