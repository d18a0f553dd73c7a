/*
 * How one knows that an activity went well: its expectations against what happened.
 *
 * Lines of the client's and the server's output and the exit status are fed in; the first
 * expectation, in the order of scenario.ini, that did not come true names the failure. Needs no
 * kernel and no clock.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_OUTCOME_H
#define ENGINE_OUTCOME_H

#include <sys/types.h>
#include "scenarios/engine/scenario.h"

/* Compiles pattern with each ${name} replaced by its value from vars ("name=value"), quoted so
 * that it matches itself. -EINVAL with a malloc'd reason, or -ENOMEM. */
int expect_compile(const char *pattern, const struct strv *vars, regex_t *ret, char **ret_why);

struct outcome {
	const struct sub *sub;
	regex_t *re;	/* one for each expectation; unused for EXPECT_EXIT */
	bool *compiled, *met;
	char *evidence[3]; /* by enum expect_where: the last line that met one */
	bool ended, timed_out;
	int wstatus;
};

int outcome_init(struct outcome *o, const struct sub *sub, const struct strv *vars, char **ret_why);
void outcome_clear(struct outcome *o);

void outcome_line(struct outcome *o, enum expect_where where, const char *line, size_t len);
/*
 * Feeds the lines of a file from *offset on and moves it; a last line without an end is
 * left for later unless final. 0 or -errno.
 */
int outcome_read(struct outcome *o, enum expect_where where, int fd, off_t *offset, bool final);
void outcome_exit(struct outcome *o, int wstatus);

/* Has everything come true but lines of the server, for which it is worth waiting? */
bool outcome_waits(const struct outcome *o);
/* "ok" or "failed:…", malloc'd. */
char *outcome_text(const struct outcome *o);
/* The line that proved it (the server's if there is one), or "" ; never NULL. */
const char *outcome_evidence(const struct outcome *o);
/* "exit 1" or "signal 9" into buf, which is returned. */
const char *outcome_status(int wstatus, char *buf, size_t size);

#endif
