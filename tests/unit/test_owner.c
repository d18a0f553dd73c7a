/* The process table against a plain array, and owners as BPF's events make them. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "capture/sender/owner.h"
#include "capture/sender/process.h"
#include "core/rng.h"

#define PIDS 3000

static void table_is_as_an_array(void **state)
{
	static bool there[PIDS];
	struct process_table t = { 0 };
	char exe[32];
	struct rng r;

	rng_open(&r, 1, "test/processes");
	for (int step = 0; step < 40000; step++) {
		uint32_t pid = 1 + (uint32_t)rng_below(&r, PIDS - 1);

		if (rng_below(&r, 5) < 2) {
			process_del(&t, pid);
			there[pid] = false;
			continue;
		}
		snprintf(exe, sizeof(exe), "/bin/p%u", pid);
		process_set(&t, pid, strdup(exe), NULL, false);
		there[pid] = true;
	}
	for (uint32_t pid = 1; pid < PIDS; pid++) {
		const struct process *p = process_find(&t, pid);

		assert_int_equal(p != NULL, there[pid]);
		snprintf(exe, sizeof(exe), "/bin/p%u", pid);
		if (p)
			assert_string_equal(p->exe, exe);
	}
	process_table_clear(&t);
}

static void argv_reads_as_a_shell_would_take_it(void **state)
{
	char *const argv[] = { (char *)"lftp", (char *)"-e", (char *)"get 'a'; bye", (char *)"", NULL };
	const char raw[] = { 'l', 's', 0, '-', 'l', 0, 'x', 'y' }; /* cut: no NUL at the end */
	char *a = process_join_argv(argv), *b = process_join_args(raw, sizeof(raw));

	assert_string_equal(a, "lftp -e 'get '\\''a'\\''; bye' ''");
	assert_string_equal(b, "ls -l xy");
	free(a);
	free(b);
}

static struct tag_event event(uint32_t type, uint32_t pid, uint32_t ppid, uint64_t cgroup)
{
	struct tag_event ev = { .type = type, .pid = pid, .ppid = ppid, .ns_pid = pid - 1000,
				.ns_ppid = ppid - 1000, .cgroup = cgroup };

	strcpy(ev.comm, "server");
	return ev;
}

/* A program forks, the child executes something else, and each uses a socket. */
static void processes_become_owners(void **state)
{
	static const struct activity_label label = { .id = 3, .scenario = "ftp", .sub = "get",
						     .class = "benign" };
	char *const argv[] = { (char *)"/usr/sbin/vsftpd", (char *)"conf", NULL };
	struct owner_program prog = { .id = OWNER_FIRST, .cgroup_id = 77, .cgroup = "detnet/x/h1/1",
				      .node = 0, .scenario = "ftp", .class = "benign",
				      .activity = 3, .argv = argv };
	struct tag_event ev;
	const struct owner *w;
	struct owners *o;
	struct net net;

	net_init(&net);
	assert_true(net_add_node(&net, NODE_HOST, "h1", 1, NULL) >= 0);
	o = owners_new(&net);
	assert_int_equal(owners_add_activity(o, &label), 0);
	assert_int_equal(owners_add_program(o, &prog), 0);
	assert_int_equal(owners_add_program(o, &prog), -EEXIST);

	ev = event(TAG_EV_EXEC, 1002, 1001, 77);
	strcpy(ev.exe, "/usr/sbin/vsftpd");
	ev.exe_len = sizeof("/usr/sbin/vsftpd");
	memcpy(ev.args, "vsftpd\0conf", 12);
	ev.args_len = 12;
	owners_event(o, &ev);
	ev = event(TAG_EV_FORK, 1003, 1001, 77); /* CLONE_PARENT: a sibling that is like its maker */
	ev.forked_by = 1002;
	owners_event(o, &ev);
	ev = event(TAG_EV_OWNER, 1003, 1002, 77);
	ev.owner = OWNER_FIRST + 1;
	owners_event(o, &ev);
	w = owners_get(o, 0xabc00000 | (OWNER_FIRST + 1)); /* a tag: flow hash above the id */
	assert_non_null(w);
	assert_string_equal(w->exe, "/usr/sbin/vsftpd");
	assert_string_equal(w->argv, "vsftpd conf");
	assert_int_equal(w->pid, 3);
	assert_int_equal(w->ppid, 2);
	assert_ptr_equal(w->activity, &label);

	ev = event(TAG_EV_OWNER, 1009, 1, 78); /* of a cgroup that is no program's */
	ev.owner = OWNER_FIRST + 2;
	owners_event(o, &ev);
	assert_null(owners_get(o, OWNER_FIRST + 2));
	assert_null(owners_get(o, OWNER_NONE));
	assert_true(owners_get(o, OWNER_KERNEL(0))->kernel);
	assert_int_equal(owners_label_max(o), strlen(" scenario=ftp/get activity=3"));
	owners_free(o);
	net_free(&net);
}

/* Where no tracepoint tells of execs: what /proc said comes with the event; and how inference finds programs. */
static void programs_are_found_without_tracepoints(void **state)
{
	char *const argv[] = { (char *)"/bin/sh", NULL };
	struct owner_program prog = { .id = OWNER_FIRST, .cgroup_id = 77, .node = 0, .argv = argv,
				      .cgroup = "detnet/x/h1/1" };
	struct tag_event ev = event(TAG_EV_OWNER, 1003, 1002, 77);
	struct owners *o;
	struct net net;

	net_init(&net);
	assert_true(net_add_node(&net, NODE_HOST, "h1", 1, NULL) >= 0);
	o = owners_new(&net);
	assert_int_equal(owners_add_program(o, &prog), 0);
	assert_int_equal(owners_find_program(o, 77), OWNER_FIRST);
	assert_int_equal(owners_find_program(o, 78), OWNER_NONE);
	assert_true(owners_find_cgroup(o, "/outer/detnet/x/h1/1") == 77);
	assert_true(owners_find_cgroup(o, "/detnet/x/h1/12") == 0);
	assert_true(owners_find_cgroup(o, "/") == 0);
	assert_int_equal(owners_program(o, 0)->id, OWNER_FIRST);
	assert_null(owners_program(o, 1));
	ev.owner = OWNER_FIRST + 1;
	strcpy(ev.exe, "/usr/bin/curl");
	ev.exe_len = sizeof("/usr/bin/curl");
	memcpy(ev.args, "curl\0-s", 8);
	ev.args_len = 8;
	owners_event(o, &ev);
	assert_string_equal(owners_get(o, OWNER_FIRST + 1)->exe, "/usr/bin/curl");
	assert_string_equal(owners_get(o, OWNER_FIRST + 1)->argv, "curl -s");
	assert_false(owners_get(o, OWNER_FIRST + 1)->inferred);
	owners_set_inferred(o);
	assert_true(owners_get(o, OWNER_FIRST + 1)->inferred && owners_get(o, OWNER_KERNEL(0))->inferred);
	ev.owner = OWNER_FIRST + 2;
	owners_event(o, &ev);
	assert_true(owners_get(o, OWNER_FIRST + 2)->inferred);
	owners_free(o);
	net_free(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_as_an_array),
		cmocka_unit_test(argv_reads_as_a_shell_would_take_it),
		cmocka_unit_test(processes_become_owners),
		cmocka_unit_test(programs_are_found_without_tracepoints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
