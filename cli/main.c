/* The program: a host's init when emu starts it under that name, else a command line. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <signal.h>
#include <string.h>
#include "cli/command.h"
#include "emu/init.h"

int main(int argc, char **argv)
{
	if (argc > 0 && !strcmp(argv[0], INIT_ARGV0))
		return init_main(argc, argv);
	/* A reader who leaves ("| head -1") must not take a run with it: what it leaves is its files. */
	signal(SIGPIPE, SIG_IGN);
	return command_main(argc, argv);
}
