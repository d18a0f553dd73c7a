/* What /proc says of a process: of this one, of texts as kernels write them, and of broken ones. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "capture/sender/procfs.h"
#include "core/cleanup.h"

static void status_gives_the_innermost_pid(void **state)
{
	static const char text[] = "Name:\tPPid: 9\\nNSpid:\t1\nTgid:\t400\nPPid:\t399\n"
				   "NStgid:\t400\t7\nNSpid:\t400\t17\t3\nNSpgid:\t400\n";
	uint32_t ppid, pid;

	assert_int_equal(procfs_parse_status(text, &ppid, &pid), 0);
	assert_int_equal(ppid, 399);
	assert_int_equal(pid, 3);
	assert_int_equal(procfs_parse_status("PPid:\t1\nNSpid:\t400", &ppid, &pid), 0);
	assert_int_equal(pid, 400);
}

static void broken_status_is_refused(void **state)
{
	static const char *const bad[] = { "", "\n", "PPid:\t1\n", "NSpid:\t1\n", "PPid:\nNSpid:\t1\n",
					   "PPid:\tx\nNSpid:\t1\n", "PPid:\t1\nNSpid:\t1\t\n",
					   "PPid:\t-1\nNSpid:\t1\n", "PPid:\t1\nNSpid:\t4294967296\n" };
	uint32_t ppid = 5, pid = 6;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(procfs_parse_status(bad[i], &ppid, &pid), -EBADMSG);
	assert_int_equal(ppid, 5);
	assert_int_equal(pid, 6);
}

static void stat_gives_the_start_whatever_the_name(void **state)
{
	uint64_t ticks;

	assert_int_equal(procfs_parse_stat("7 (a) b (c)) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 "
					   "123456 9 9", &ticks), 0);
	assert_true(ticks == 123456);
	assert_int_equal(procfs_parse_stat("7 (a) S 1 7", &ticks), -EBADMSG);
	assert_int_equal(procfs_parse_stat("7 a S", &ticks), -EBADMSG);
	assert_int_equal(procfs_parse_stat("", &ticks), -EBADMSG);
	assert_int_equal(procfs_parse_stat("7 (a) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 x", &ticks),
			 -EBADMSG);
}

static void cgroup_is_that_of_v2(void **state)
{
	char path[32];

	assert_int_equal(procfs_parse_cgroup("2:cpu:/x\n0::/detnet/r/h1/3\n", path, sizeof(path)), 0);
	assert_string_equal(path, "/detnet/r/h1/3");
	assert_int_equal(procfs_parse_cgroup("0::/", path, sizeof(path)), 0);
	assert_string_equal(path, "/");
	assert_int_equal(procfs_parse_cgroup("2:cpu:/0::/\n", path, sizeof(path)), -EBADMSG);
	assert_int_equal(procfs_parse_cgroup("0::/a/path/that/is/longer/than/what/it/goes/into", path,
					     sizeof(path)), -EBADMSG);
}

static void a_running_process_is_completed(void **state)
{
	struct tag_event ev = { .type = TAG_EV_OWNER, .pid = (unsigned)getpid() },
			 gone = { .type = TAG_EV_OWNER, .pid = UINT32_MAX, .start = 5 };

	assert_int_equal(procfs_complete(&ev), 0);
	assert_int_equal(ev.ppid, getppid());
	assert_true(ev.ns_pid > 0 && ev.start > 0);
	assert_non_null(strstr(ev.exe, "test_procfs"));
	assert_int_equal(ev.exe_len, strlen(ev.exe) + 1);
	assert_non_null(strstr(ev.args, "test_procfs"));
	assert_string_equal(ev.comm, "test_procfs");
	assert_true(procfs_complete(&gone) < 0);
	assert_int_equal(gone.start, 5);
	assert_int_equal(gone.exe_len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_gives_the_innermost_pid),
		cmocka_unit_test(broken_status_is_refused),
		cmocka_unit_test(stat_gives_the_start_whatever_the_name),
		cmocka_unit_test(cgroup_is_that_of_v2),
		cmocka_unit_test(a_running_process_is_completed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
