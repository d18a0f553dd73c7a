/* Signals through a pipe; see signals.h. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include "cli/signals.h"
#include "core/cleanup.h"

static int write_fd = -1;

static void handle(int signo)
{
	unsigned char byte = (unsigned char)signo;
	int saved = errno;
	ssize_t r = write(write_fd, &byte, 1); /* a full pipe has news enough */

	(void)r;
	errno = saved;
}

int signals_open(bool shell)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };
	struct sigaction sa = { .sa_handler = handle };
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	write_fd = fds[1];
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		/*
		 * A second Ctrl-C is an impatient user's. SIGHUP and SIGTERM come more than once by themselves
		 * (from the kernel, a shell and a service manager) and mean no more than the first.
		 */
		sa.sa_flags = !shell && wanted[i] == SIGINT ? (int)SA_RESETHAND : 0;
		if (shell || wanted[i] != SIGWINCH)
			sigaction(wanted[i], &sa, NULL);
	}
	return fds[0];
}

int signals_next(int fd)
{
	unsigned char byte;

	return read(fd, &byte, 1) == 1 ? byte : 0;
}
