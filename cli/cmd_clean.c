/* detnet clean: removes what runs that were killed left behind, by run id. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/command.h"
#include "emu/rundir.h"

static int run(struct call *call)
{
	struct json j;
	int swept;

	if (call_need_root(call, "sweeping what killed runs left"))
		return err_exit(&call->err);
	swept = rundir_sweep(&call->err);
	if (call->err.n || swept < 0) {
		if (!call->err.n)
			err_sys(&call->err, -swept, "cannot sweep");
		return err_exit(&call->err);
	}
	if (call->json) {
		json_open(&j, stdout, true);
		json_object(&j);
		json_kv_int(&j, "swept", swept);
		json_object_end(&j);
		json_close(&j);
	} else if (swept) {
		printf("Swept what %d dead run%s left.\n", swept, swept == 1 ? "" : "s");
	} else {
		puts("Nothing to sweep.");
	}
	return 0;
}

static const struct option_row options[] = { OPTION_JSON, { 0 } };

const struct command cmd_clean = {
	.name = "clean",
	.synopsis = "[--json]",
	.brief = "Sweep what killed runs left behind",
	.help = "A network goes away with the program that made it, even by SIGKILL. What can stay are\n"
		"empty control groups and a folder under /run/detnet; every start sweeps those of dead\n"
		"runs, and so does this command. Runs that are alive and anything that is not detnet's\n"
		"are never touched.",
	.options = options,
	.run = run,
};
