/* Folders in which others may write: links are never followed, what is there is never written. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/tree.h"

static char folder[] = "/tmp/test_tree.XXXXXX";
static int at = -1;

static int setup(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return at < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	close(at);
	return tree_remove(AT_FDCWD, folder);
}

static void put(const char *name)
{
	int fd = tree_create(at, name, 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static off_t size_of(const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_size;
}

static void test_create(void **state)
{
	struct stat st;

	put("new");
	assert_int_equal(fstatat(at, "new", &st, 0), 0);
	assert_int_equal(st.st_mode & ~0644u & 07777u, 0);
	assert_int_equal(tree_create(at, "new", 0), -EEXIST);
	assert_int_equal(symlinkat("new", at, "link"), 0);
	assert_int_equal(tree_create(at, "link", O_APPEND), -EEXIST);
	assert_int_equal(symlinkat("nothing", at, "dangling"), 0);
	assert_int_equal(tree_create(at, "dangling", 0), -EEXIST);
	assert_int_equal(faccessat(at, "nothing", F_OK, 0), -1);
	assert_int_equal(linkat(at, "new", at, "hard", 0), 0);
	assert_int_equal(tree_create(at, "hard", 0), -EEXIST);
	assert_int_equal(mkfifoat(at, "fifo", 0666), 0);
	assert_int_equal(tree_create(at, "fifo", 0), -EEXIST);
	assert_int_equal(size_of("new"), 1);
}

static void test_make_dir(void **state)
{
	int fd = tree_make_dir(at, "dir"), again;

	assert_true(fd >= 0);
	again = tree_make_dir(at, "dir");
	assert_true(again >= 0);
	assert_int_equal(symlinkat("dir", at, "to-dir"), 0);
	assert_int_equal(tree_make_dir(at, "to-dir"), -ENOTDIR);
	put("file");
	assert_int_equal(tree_make_dir(at, "file"), -ENOTDIR);
	close(fd);
	close(again);
}

static void test_remove(void **state)
{
	int keep = tree_make_dir(at, "keep"), old = tree_make_dir(at, "old");
	int in = tree_make_dir(old, "in");

	assert_true(keep >= 0 && old >= 0 && in >= 0);
	close(tree_create(keep, "kept", 0));
	close(tree_create(in, "gone", 0));
	assert_int_equal(symlinkat("../keep", old, "to-keep"), 0);
	assert_int_equal(symlinkat("../keep/kept", old, "to-kept"), 0);
	assert_int_equal(symlinkat("keep", at, "to-keep"), 0);
	assert_int_equal(tree_remove(at, "old"), 0);
	assert_int_equal(tree_remove(at, "old"), -ENOENT);
	assert_int_equal(tree_remove(at, "to-keep"), 0);
	assert_int_equal(faccessat(keep, "kept", F_OK, 0), 0);
	assert_int_equal(tree_remove(at, "keep"), 0);
	close(keep);
	close(old);
	close(in);
}

/* Deeper than anything of ours: not ours. */
static void test_remove_has_a_floor(void **state)
{
	int fd = tree_make_dir(at, "deep"), next;

	for (int i = 0; i < 12; i++) {
		next = tree_make_dir(fd, "deep");
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	assert_int_equal(tree_remove(at, "deep"), -ELOOP);
	assert_int_equal(tree_remove(at, "deep/deep/deep/deep/deep"), 0);
	assert_int_equal(tree_remove(at, "deep"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_make_dir),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_remove_has_a_floor),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
