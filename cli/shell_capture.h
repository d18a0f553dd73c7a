/* What the shell's two kinds of captures share: "capture start" into a file, "h1 capture" as lines. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_SHELL_CAPTURE_H
#define CLI_SHELL_CAPTURE_H

#include "capture/capture.h"
#include "cli/shell.h"

#define SHELL_SPACE " \t"

struct shell_capture {
	struct shell *sh;
	struct owners *owners;
	struct tag *tag;
	struct capture *capture; /* that runs, into a file or for lines; NULL: none */
	char *file;		 /* its first, as it was named; NULL: no file */
	char *name;		 /* of its files, without number and ending */
	enum capture_format format;
	char *filter;
	int dir_fd;
};

/* Makes sh->capture, once in the shell's life. */
int shell_know_senders(struct shell *sh, struct err *err);
/* Of the file's [capture], what is about files of packets. */
struct capture_opts shell_capture_opts(const struct shell *sh);
/* The capture is over. */
void shell_capture_forget(struct shell_capture *sc);

/*
 * Takes the text up to an unquoted one of these characters, without its quotes; *at goes on behind
 * it. Backslashes stay, for pcap-filter(7) has them. -EINVAL with err: a quote is not closed.
 */
int shell_unquote(char **at, const char *until, char **ret, struct err *err);

#endif
