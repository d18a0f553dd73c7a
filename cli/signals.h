/*
 * Signals as something to read. The handlers only write the signal's number into a pipe, so that an event
 * loop can wait for it; programs that are started get the default actions back by themselves (exec).
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

/*
 * From now on SIGINT, SIGTERM and SIGHUP arrive in the pipe whose read end is returned (non-blocking), or
 * -errno. A shell also gets SIGWINCH; anybody else's second signal has its default action, so that a user
 * can always get out.
 */
int signals_open(bool shell);
/* The next signal that came, or 0. */
int signals_next(int fd);

#endif
