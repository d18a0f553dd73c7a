/*
 * The command line: one table of commands from which dispatch, usage, --help and detnet(1) all come.
 *
 * A command is a file cmd_NAME.c and a row here. Its function gets the options already parsed, prints its
 * result on standard output, fills call->err for what went wrong, and returns the exit code.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "core/err.h"
#include "core/json.h"

#define CALL_OPTIONS_MAX 16

struct option_row {
	char letter;	  /* 0: none */
	const char *name; /* the long form, without "--" */
	const char *arg;  /* "DIR"; NULL: a flag */
	const char *help; /* one sentence */
	bool many;	  /* may be repeated; the values are joined by line ends */
};

struct call;

struct command {
	const char *name;	/* "run"; "" is the shell: the command without a word of its own */
	const char *synopsis;	/* what follows "detnet NAME" */
	const char *brief;	/* one line without a full stop */
	const char *help;	/* paragraphs; lines that begin with four spaces are examples */
	const struct option_row *options; /* ends with a row without a name */
	int min_args, max_args;
	int (*run)(struct call *call);
};

/* One command line, parsed. */
struct call {
	const struct command *cmd;
	char *values[CALL_OPTIONS_MAX]; /* by index in cmd->options; NULL: not given */
	char *const *args;		/* what is not an option, NULL-terminated */
	int n_args;
	bool json, quiet;
	int verbose;
	const char *line; /* the whole command line, as typed */
	struct err err;
};

extern const struct command *const commands[]; /* NULL-terminated */

extern const struct command cmd_shell, cmd_run, cmd_check, cmd_graph, cmd_scenarios,
	cmd_flows, cmd_packets, cmd_tail, cmd_doctor, cmd_clean, cmd_help;

#define OPTION_JSON { .name = "json", .help = "Print the result as JSON." }
#define OPTION_SEED \
	{ .letter = 's', .name = "seed", .arg = "N", .help = "Draw from this seed, not the file's." }

/* The whole life of the program; returns its exit code. */
int command_main(int argc, char **argv);

/* For commands. The value of an option by its long name, or NULL; for a flag, not NULL means given. */
const char *call_value(const struct call *call, const char *option);
/* Reads --seed: 0 with *ret_seed pointing at *store or NULL, or -EINVAL with err filled. */
int call_seed(struct call *call, uint64_t *store, const uint64_t **ret_seed);
/* 0, or -EOPNOTSUPP with the way out in err, where the caller is not root; what: "sweeping". */
int call_need_root(struct call *call, const char *what);
/* Prints every error as "detnet: file:line: message"; returns the exit code. */
int call_report(struct call *call);
/* {"file":…,"line":…,"message":…} for each error, as an array under key. */
void call_json_errors(struct json *j, const char *key, const struct err *err);

/* help.c: the table as text and as a man page. */
void help_usage(FILE *f);
void help_command(const struct command *cmd, FILE *f);
void help_man(FILE *f);
extern const struct option_row common_options[];

#endif
