/* Fuzzes what the kernel tells of sockets and of processes: the first byte says which. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include "capture/sender/diag.h"
#include "capture/sender/proc_events.h"
#include "capture/sender/procfs.h"
#include "core/cleanup.h"
#include "tests/fuzz/fuzz.h"

static void need(int truth)
{
	if (!truth)
		abort();
}

static void on_socket(void *arg, const struct diag_socket *s)
{
	need(s->family == AF_INET || s->family == AF_INET6);
	if (s->family == AF_INET)
		need(!s->local[4] && !s->remote[15]);
}

static void on_process(void *arg, enum proc_happening what, uint32_t pid)
{
	need(what == PROC_EXEC || what == PROC_EXIT);
}

static void read_text(char kind, const char *text)
{
	uint32_t ppid, pid;
	uint64_t ticks;
	char path[40];

	if (kind == 's')
		procfs_parse_status(text, &ppid, &pid);
	else if (kind == 't')
		procfs_parse_stat(text, &ticks);
	else if (!procfs_parse_cgroup(text, path, sizeof(path)))
		need(path[0] == '/' && strlen(path) < sizeof(path) && !strchr(path, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *copy = malloc(size + 1); /* aligned, as a socket's buffer is */
	size_t len = size ? size - 1 : 0;
	int r;

	need(copy != NULL);
	if (!size)
		return 0;
	memcpy(copy, data + 1, len);
	if (data[0] == 'd') {
		r = diag_parse(copy, len, 0, on_socket, NULL);
		need(r == 0 || r == 1 || (r < 0 && r >= -4095));
	} else if (data[0] == 'p') {
		proc_events_parse(copy, len, on_process, NULL);
	} else {
		copy[len] = '\0';
		read_text((char)data[0], copy);
	}
	return 0;
}
