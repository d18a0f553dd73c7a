/* detnet help: the usage, or the help of one command. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include "cli/command.h"

static int run(struct call *call)
{
	const char *names[CALL_OPTIONS_MAX], *near;
	size_t n = 0;

	if (!call->n_args) {
		help_usage(stdout);
		return 0;
	}
	for (size_t i = 0; commands[i]; i++) {
		names[n++] = commands[i]->name;
		if (strcmp(commands[i]->name, call->args[0]))
			continue;
		help_command(commands[i], stdout);
		return 0;
	}
	near = err_nearest(call->args[0], names, n);
	err_usage(&call->err, "unknown command '%s'%s%s%s", call->args[0],
		  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return err_exit(&call->err);
}

static const struct option_row options[] = { { 0 } };

const struct command cmd_help = {
	.name = "help",
	.synopsis = "[COMMAND]",
	.brief = "Explain a command",
	.help = "Prints what 'detnet COMMAND --help' prints; without a name, the usage.",
	.options = options,
	.max_args = 1,
	.run = run,
};
