/*
 * Fuzzes the joining of a capture with the tables beside it. An input is the four files, one
 * behind the other: capture.pcapng, owners.csv, activities.csv, flows.csv, apart by a line "%%".
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "capture/join/join.h"
#include "core/tree.h"
#include "tests/fuzz/fuzz.h"

#define MARK "\n%%\n"

static char folder[] = "/tmp/detnet-fuzz-XXXXXX";

/* Reading into a volatile is not optimised away. */
static volatile char char_sink;

static void need(int truth)
{
	if (!truth)
		abort();
}

static void remove_folder(void)
{
	tree_remove(AT_FDCWD, folder);
}

static void put_file(const char *name, const void *data, size_t size)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	unlink(path); /* ext4 waits for the disk when a file that it cut short is closed */
	f = fopen(path, "we");
	need(f && fwrite(data, 1, size, f) == size && !fclose(f));
}

static void look(const char *text)
{
	for (; text && *text; text++)
		char_sink = *text;
}

static void look_at_packet(const struct joined *p)
{
	need(p->packet != NULL && p->number > 0);
	need(!p->uid || (p->flow && strlen(p->uid) < FLOW_UID_SIZE));
	need(!p->label || p->class || p->uid);
	look(p->iface);
	look(p->host);
	look(p->comm);
	look(p->exe);
	look(p->confidence);
	look(p->scenario);
	look(p->sub);
	look(p->class);
	look(p->label);
	look(p->outcome);
	look(p->evidence);
}

static void put_files(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "capture.pcapng", "owners.csv", "activities.csv",
					     "flows.csv" };

	for (size_t i = 0; i < 4; i++) {
		const uint8_t *end = size ? memmem(data, size, MARK, strlen(MARK)) : NULL;
		size_t n = end && i < 3 ? (size_t)(end - data) : size;

		put_file(names[i], data, n);
		data += n;
		size -= n;
		if (size) {
			data += strlen(MARK);
			size -= strlen(MARK);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_err_ struct err e = { 0 };
	struct join *j = NULL;
	struct joined p;
	int r;

	if (strstr(folder, "XXXXXX")) {
		need(mkdtemp(folder) != NULL);
		atexit(remove_folder);
	}
	put_files(data, size);
	r = join_open(folder, &j, &e);
	while (r >= 0 && (r = join_next(j, &p, &e)) > 0)
		look_at_packet(&p);
	need((r == 0) == (e.n == 0));
	join_close(j);
	return 0;
}
