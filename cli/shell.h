/*
 * The shell of a running network, with the words and the output of Mininet's.
 *
 * A line is "COMMAND ARGS" or "NODE PROGRAM ARGS". Commands are rows of one table (shell.c); each is a
 * function in a shell_*.c file. Lines come from -c, from a pipe, or from a terminal through libedit;
 * while the shell waits for any of them, its loop goes on serving the network.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include <stdbool.h>
#include "core/err.h"
#include "core/loop.h"
#include "emu/emu.h"

/* A program of a host that its line did not wait for, or that left others behind. */
struct shell_job {
	struct shell_job *next;
	struct prog *prog;
	bool ended;
	int wstatus;
};

struct shell {
	const struct net *net;
	struct emu *emu;
	struct loop *loop;
	int signal_fd;	   /* of signals_open() */
	bool terminal;	   /* programs have a terminal */
	bool script;	   /* lines come from -c, a pipe or a file: not typed */
	int stdin_fd;	   /* standard input of programs, or -1 */
	bool interrupted;  /* Ctrl-C came */
	bool resized;	   /* the terminal has a new size */
	bool leave;	   /* exit, or told to end */
	int signal;	   /* that told it to end; 0: none */
	int first_failure; /* exit status of the first line that failed */
	struct shell_job *jobs;
	struct timeline_run *timeline;
	const struct uses *uses; /* what the file says of captures */
	struct shell_capture *capture; /* NULL: nobody asked for one so far */
	struct editline *editor; /* libedit's, while it waits for a key */
};

struct shell_command {
	const char *name;
	const char *synopsis; /* its arguments */
	const char *help;     /* one sentence; more on further lines */
	int (*run)(struct shell *sh, char *args); /* the exit status of the line, 0 … 255 */
};

int shell_init(struct shell *sh, struct emu *emu, struct loop *loop, struct err *err);
/* The network is up: the file's timeline begins. */
int shell_begin(struct shell *sh, struct err *err);
void shell_fini(struct shell *sh);
/* One line; its status is returned and kept if it is the first failure. */
int shell_line(struct shell *sh, char *line);
/* Lines of text, as from -c. */
void shell_text(struct shell *sh, const char *text);
/* Lines from standard input until its end or exit: a terminal's with editing, else as they come. */
int shell_input(struct shell *sh, struct err *err);
/* A line on standard error that nobody asked for; what is being typed is shown again behind it. */
void shell_announce(struct shell *sh, const char *line);
/* Waits for events of the network, the terminal and signals; sets interrupted, resized, leave. */
void shell_wait(struct shell *sh);
/*
 * Before a line: true when no more are to be run. Ctrl-C ends a script, as it does bash's; at a
 * terminal it is for the line that is typed or run.
 */
bool shell_ends(struct shell *sh);
/* Prints what went wrong on standard error as "*** sentence"; returns 1. */
int shell_fail(const struct err *err);

extern const struct shell_command shell_commands[]; /* ends with a row without a name */

/* Explains the command of that name, or lists all for "". */
int shell_help(struct shell *sh, char *args);

/* shell_show.c */
int shell_nodes(struct shell *sh, char *args);
int shell_net(struct shell *sh, char *args);
int shell_dump(struct shell *sh, char *args);
int shell_intfs(struct shell *sh, char *args);
/* shell_link.c */
int shell_links(struct shell *sh, char *args);
int shell_link(struct shell *sh, char *args);
/* shell_ping.c */
int shell_pingall(struct shell *sh, char *args);
/* shell_capture.c */
int shell_capture(struct shell *sh, char *args);
void shell_capture_end(struct shell *sh);
/* shell_look.c */
int shell_node_capture(struct shell *sh, uint32_t node, char *args);
/* shell_exec.c */
int shell_sh(struct shell *sh, char *args);
int shell_node(struct shell *sh, uint32_t node, char *args);
void shell_reap_jobs(struct shell *sh);

#endif
