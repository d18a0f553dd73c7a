/*
 * Gives files, and the files in folders, to a fuzz target: without libFuzzer a target is a test
 * over its seeds, and a crash that was found once stays a test.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "core/cleanup.h"
#include "tests/fuzz/fuzz.h"

static int replay_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ uint8_t *data = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(path);
		return -1;
	}
	/* malloc'd of the exact size, so that the sanitizer sees a read beyond it */
	data = malloc(st.st_size ? st.st_size : 1);
	if (!data || read(fd, data, st.st_size) != st.st_size) {
		perror(path);
		return -1;
	}
	LLVMFuzzerTestOneInput(data, st.st_size);
	return 1;
}

/* The number of files given, or -1. */
static int replay(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0, r = 0;
	struct dirent *de;

	if (!dir)
		return replay_file(path);
	while (r >= 0 && (de = readdir(dir))) {
		_cleanup_free_ char *name = NULL;

		if (de->d_name[0] == '.')
			continue;
		if (asprintf(&name, "%s/%s", path, de->d_name) < 0)
			r = -1;
		else
			r = replay_file(name);
		n += r;
	}
	closedir(dir);
	return r < 0 ? r : n;
}

int main(int argc, char **argv)
{
	int total = 0;

	for (int i = 1; i < argc; i++) {
		int n = replay(argv[i]);

		if (n < 0)
			return 1;
		total += n;
	}
	printf("%d inputs\n", total);
	if (!total)
		fprintf(stderr, "usage: %s FILE-OR-FOLDER...\n", argv[0]);
	return total ? 0 : 2;
}
