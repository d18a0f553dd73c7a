/* Where a run may write as root, and where not. */
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
#include "scenarios/engine/dataset.h"

#define SOMEBODY 12345

static char folder[] = "/tmp/test_outdir.XXXXXX";

static int setup(void **state)
{
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	umask(022);
	return mkdtemp(folder) ? chdir(folder) : -1;
}

static int teardown(void **state)
{
	return chdir("/") ? -1 : tree_remove(AT_FDCWD, folder);
}

static void allow(const char *out)
{
	_cleanup_err_ struct err err = { 0 };
	int fd = -1;

	assert_int_equal(dataset_prepare(out, &fd, &err), 0);
	assert_int_equal(err.n, 0);
	assert_true(fd >= 0);
	close(fd);
}

static void refuse(const char *out, const char *why)
{
	_cleanup_err_ struct err err = { 0 };
	int fd = -1;

	assert_int_equal(dataset_prepare(out, &fd, &err), -EINVAL);
	assert_int_equal(err_exit(&err), ERR_USAGE);
	assert_int_equal(fd, -1);
	assert_non_null(strstr(err.items[0].msg, why));
}

static void make(const char *name)
{
	int fd = tree_create(AT_FDCWD, name, 0);

	assert_true(fd >= 0);
	close(fd);
}

static void test_new_and_old(void **state)
{
	allow("a/b/c");
	allow("a/b/c/");
	make("a/b/c/manifest.json");
	make("a/b/c/flows.csv");
	make("a/b/c/fates.csv");
	make("a/b/c/flows-cic.csv");
	make("a/b/c/capture.pcap");
	make("a/b/c/capture-00002.pcapng");
	assert_int_equal(mkdir("a/b/c/hosts", 0755), 0);
	make("a/b/c/hosts/h1.pcapng");
	assert_int_equal(mkdir("a/b/c/logs", 0755), 0);
	assert_int_equal(mkdir("a/b/c/logs/h1", 0755), 0);
	make("a/b/c/logs/h1/1-client.log");
	allow("a/b/c");
	assert_int_equal(rmdir("a/b/c"), 0); /* empty again */
	assert_int_equal(mkdir("a/b/c", 0755), 0);
	make("a/b/c/thesis.tex");
	make("a/b/c/flows.csv");
	refuse("a/b/c", "'thesis.tex', which is not of a run");
	assert_int_equal(renameat(AT_FDCWD, "a/b/c/thesis.tex", AT_FDCWD, "a/b/c/mine.pcapng"), 0);
	refuse("a/b/c", "'mine.pcapng', which is not of a run");
	assert_int_equal(renameat(AT_FDCWD, "a/b/c/mine.pcapng", AT_FDCWD, "a/b/c/thesis.tex"), 0);
	assert_int_equal(access("a/b/c/flows.csv", F_OK), 0);
	refuse("", "empty");
	refuse("a/b/c/thesis.tex/", "is a file");
}

static void test_links(void **state)
{
	assert_int_equal(mkdir("real", 0755), 0);
	make("victim");
	assert_int_equal(symlink("real", "link"), 0);
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	refuse("link", "symbolic link");
	refuse("link//", "symbolic link");
	refuse("dangling", "symbolic link");
	assert_int_equal(access("nowhere", F_OK), -1);
	/* links in a dataset's place go, not what they point to */
	assert_int_equal(symlink("../victim", "real/capture.pcapng"), 0);
	assert_int_equal(symlink("..", "real/logs"), 0);
	allow("real");
	assert_int_equal(access("victim", F_OK), 0);
	assert_int_equal(rmdir("real"), 0);
}

static void test_who_may_write(void **state)
{
	assert_int_equal(mkdir("open", 0755), 0);
	assert_int_equal(chmod("open", 0777), 0);
	refuse("open", "chmod go-w open");
	assert_int_equal(chmod("open", 01777), 0);
	refuse("open", "others may write");
	assert_int_equal(chmod("open", 0775), 0);
	allow("open"); /* our own group */
	if (geteuid())
		skip(); /* only root can give folders away */
	assert_int_equal(chown("open", 0, SOMEBODY), 0);
	refuse("open", "others may write");
	assert_int_equal(chown("open", SOMEBODY, SOMEBODY), 0);
	refuse("open", "belongs to user 12345");
	setenv("SUDO_UID", "12345", 1);
	refuse("open", "others may write");
	setenv("SUDO_GID", "12345", 1);
	allow("open");
	setenv("SUDO_UID", "12346", 1);
	refuse("open", "belongs to user 12345");
	setenv("SUDO_UID", "12345x", 1);
	refuse("open", "belongs to user 12345");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_and_old),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_who_may_write),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
