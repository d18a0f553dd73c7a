/*
 * Dies by SIGKILL at random moments of build, run and teardown; nothing may be left.
 *
 * A child builds a network, runs a program in a host, takes it down, and again. It is killed at
 * a moment drawn from a seed, as a number of microseconds after it began. It is stopped first,
 * so that its namespaces and BPF programs can be noted while it still has them; then each of
 * them is seen to go by a kernel event. This process is the subreaper of all that the child
 * started: no child left means no process left.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "core/rng.h"
#include "core/units.h"
#include "emu/cgroup.h"
#include "emu/emu.h"
#include "emu/init.h"
#include "emu/netns.h"
#include "emu/rtnl.h"
#include "emu/rundir.h"
#include "tests/lib/leftover.h"
#include "tests/lib/nswatch.h"

#define ROUNDS	 50
#define SEED	 20240607
#define GONE_MS	 20000
#define HOSTS	 8
#define SPAN_US	 150000 /* a build, a run and a teardown take about this long */

static int load_tag(void)
{
	/* r0 = TC_ACT_OK; exit */
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "decoy_tag", "GPL", insns, ARRAY_SIZE(insns),
			     NULL);
}

static void model(struct net *net)
{
	_cleanup_err_ struct err err = { 0 };
	int i, h, s[2], r;
	char name[16];

	net_init(net);
	s[0] = net_add_node(net, NODE_SWITCH, "s1", 1, &err);
	s[1] = net_add_node(net, NODE_SWITCH, "s2", 2, &err);
	r = net_add_node(net, NODE_ROUTER, "r1", 3, &err);
	net_add_link(net, r, s[0], 4, &err);
	net_add_link(net, r, s[1], 5, &err);
	for (i = 0; i < HOSTS; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		h = net_add_node(net, NODE_HOST, name, 6 + i, &err);
		if (h < 0 || net_add_link(net, h, s[i % 2], 6 + i, &err) < 0)
			_exit(20);
	}
	if (net_finish(net, &err) < 0)
		_exit(21);
}

/* The victim: for ever builds, runs a program to its end and leaves another running, removes. */
static void victim(void)
{
	char *quick[] = { (char *)"true", NULL }, *slow[] = { (char *)"cat", NULL };
	struct emu_opts opts = { .egress_bpf_fd = load_tag() };
	struct err err = { 0 };
	int status, in[2];
	struct loop *loop;
	struct prog *p;
	struct emu *e;
	struct net net;

	model(&net);
	if (opts.egress_bpf_fd < 0 || loop_new(&loop) < 0 || pipe2(in, O_CLOEXEC) < 0)
		_exit(22);
	for (;;) {
		struct prog_spec run = { .node = net_find(&net, "h1"), .argv = quick,
					 .fd = { -1, -1, -1 } };
		struct prog_spec stay = { .node = net_find(&net, "h2"), .argv = slow,
					  .fd = { in[0], -1, -1 } };

		if (emu_up(&net, &opts, loop, &e, &err) < 0)
			_exit(23);
		if (prog_run(e, &run, &status, &err) < 0 || status)
			_exit(24);
		if (prog_new(e, &stay, &p, &err) < 0 || prog_start(p, NULL, NULL, &err) < 0)
			_exit(25);
		prog_free(p);
		emu_down(e);
	}
}

static void wait_timer(uint64_t us)
{
	struct itimerspec t = { .it_value = { .tv_sec = us / 1000000,
					      .tv_nsec = us % 1000000 * 1000 + 1 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t n;

	assert_true(fd >= 0);
	assert_int_equal(timerfd_settime(fd, 0, &t, NULL), 0);
	assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
	close(fd);
}

/* The ids of the BPF programs that a stopped process has loaded, by its fds. */
static size_t programs_of(pid_t pid, uint32_t *ids, size_t max)
{
	char path[300], line[128];
	struct dirent *d;
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((d = readdir(dir))) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", pid, d->d_name);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f)) {
			if (n < max && sscanf(line, "prog_id: %u", &ids[n]) == 1)
				n++;
		}
		if (f)
			fclose(f);
	}
	closedir(dir);
	return n;
}

/* Freed after a grace period: each further namespace seen to die passes at least one. */
static void assert_program_gone(uint32_t id)
{
	int64_t until = units_now_mono() + GONE_MS * NSEC_PER_MSEC;
	int fd;

	for (;;) {
		fd = bpf_prog_get_fd_by_id(id);
		if (fd < 0)
			break;
		close(fd);
		assert_true(units_now_mono() < until);
		assert_int_equal(leftover_drain(GONE_MS), 0);
	}
	assert_int_equal(fd, -ENOENT);
}

/* Everything that the victim had started is our child now; its end is waited for, not polled. */
static void reap_all(void)
{
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
	assert_int_equal(errno, ECHILD);
}

/* What is left under /run/detnet is locked by somebody who lives, and so are the cgroups of it. */
static void assert_swept(void)
{
	_cleanup_free_ char *ours = NULL;
	_cleanup_err_ struct err err = { 0 };
	char *line, *save = NULL, path[512], id[RUN_ID_LEN + 1];

	if (rundir_sweep(&err) < 0)
		fail_msg("%s", err.items[0].msg);
	ours = leftover_take(LEFTOVER_OURS);
	assert_non_null(ours);
	for (line = strtok_r(ours, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *at = strstr(line, "/detnet/");
		int fd;

		if (!at || sscanf(at, "/detnet/%12[0-9a-f]", id) != 1)
			continue;
		snprintf(path, sizeof(path), "/run/detnet/%s", id);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			continue; /* ended between the two looks */
		if (flock(fd, LOCK_SH | LOCK_NB) == 0)
			fail_msg("left: %s", line);
		close(fd);
	}
}

struct decoys {
	int ns;	   /* holds a veth pair named as a host's interface */
	pid_t ping;
	int pidfd;
};

/* Forked twice, so that it is nobody's child here and the victim's are all there is to wait for. */
static pid_t start_ping(void)
{
	pid_t pid, ping;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		ping = fork();
		if (ping == 0) {
			dup2(null, 1);
			dup2(null, 2);
			execlp("ping", "ping", "-i", "0.5", "127.0.0.1", (char *)NULL);
			_exit(127);
		}
		_exit(write(p[1], &ping, sizeof(ping)) == sizeof(ping) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(read(p[0], &ping, sizeof(ping)), sizeof(ping));
	close(p[0]);
	close(p[1]);
	return ping;
}

static void decoys_make(struct decoys *d)
{
	_cleanup_err_ struct err err = { 0 };
	struct rtnl_end a, b;
	struct rtnl *r;

	assert_int_equal(netns_new(&d->ns, 1, false, &err), 0);
	assert_int_equal(rtnl_open(d->ns, &r), 0);
	a = (struct rtnl_end){ .ns_fd = d->ns, .name = "foo-eth0", .ifindex = 100 };
	b = (struct rtnl_end){ .ns_fd = d->ns, .name = "h1-eth0", .ifindex = 101 };
	rtnl_add_veth(r, &a, &b, 0);
	assert_int_equal(rtnl_flush(r, &err), 0);
	rtnl_close(r);
	d->ping = start_ping();
	d->pidfd = (int)syscall(SYS_pidfd_open, d->ping, 0);
	assert_true(d->pidfd >= 0);
}

static void decoys_check(const struct decoys *d)
{
	struct pollfd p = { .fd = d->pidfd, .events = POLLIN };
	int old = netns_enter(d->ns);
	unsigned foo, h1;

	assert_true(old >= 0);
	foo = if_nametoindex("foo-eth0");
	h1 = if_nametoindex("h1-eth0");
	netns_leave(old);
	assert_int_equal(foo, 100);
	assert_int_equal(h1, 101);
	assert_int_equal(poll(&p, 1, 0), 0); /* it lives */
}

static void decoys_end(struct decoys *d)
{
	assert_int_equal(syscall(SYS_pidfd_send_signal, d->pidfd, SIGKILL, NULL, 0), 0);
	close(d->pidfd);
	close(d->ns);
}

static void one_round(uint64_t us, const struct decoys *d, size_t *namespaces)
{
	struct nswatch *w = nswatch_new();
	int status, ready[2];
	uint32_t ids[8];
	size_t n, i;
	pid_t pid;
	char c;

	assert_non_null(w);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		nswatch_free(w); /* it has what it makes, and nothing of ours */
		close(d->ns);
		close(ready[0]);
		close(ready[1]); /* which says that it begins */
		victim();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 0);
	close(ready[0]);
	wait_timer(us);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	if (!WIFSTOPPED(status))
		fail_msg("the victim ended by itself: %d", WEXITSTATUS(status));
	assert_true(nswatch_add_process(w, pid) >= 0);
	n = programs_of(pid, ids, ARRAY_SIZE(ids));
	*namespaces += nswatch_alive(w);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	reap_all();
	assert_int_equal(nswatch_wait(w, GONE_MS), 0);
	for (i = 0; i < n; i++)
		assert_program_gone(ids[i]);
	nswatch_free(w);
}

/* The first build of all may load kernel modules, which stay and bring sysctls: before we look. */
static void load_modules(void)
{
	struct emu_opts opts = { .egress_bpf_fd = load_tag() };
	_cleanup_err_ struct err err = { 0 };
	_cleanup_net_ struct net net;
	struct loop *loop;
	struct emu *e;

	assert_true(opts.egress_bpf_fd >= 0);
	model(&net);
	assert_int_equal(loop_new(&loop), 0);
	if (emu_up(&net, &opts, loop, &e, &err) < 0)
		fail_msg("%s", err.items[0].msg);
	emu_down(e);
	loop_free(loop);
	close(opts.egress_bpf_fd);
}

static void test_sigkill(void **state)
{
	_cleanup_free_ char *before = NULL, *after = NULL, *diff = NULL;
	size_t i, namespaces = 0;
	struct decoys d;
	struct rng rng;

	load_modules();
	rng_open(&rng, SEED, "sigkill");
	before = leftover_take(LEFTOVER_MACHINE);
	decoys_make(&d); /* while orphans still go to the machine's init */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	for (i = 0; i < ROUNDS; i++)
		one_round(rng_below(&rng, SPAN_US), &d, &namespaces);
	assert_true(namespaces > ROUNDS); /* it was hit with something in its hands */
	assert_swept();
	decoys_check(&d);
	after = leftover_take(LEFTOVER_MACHINE);
	assert_non_null(before);
	assert_non_null(after);
	diff = leftover_diff(before, after);
	assert_string_equal(diff, "");
	decoys_end(&d);
}

/* Is there a cgroup of the run in any hierarchy? */
static bool cgroup_left(const char *id)
{
	_cleanup_free_ char *ours = leftover_take(LEFTOVER_OURS);
	char *line, *save = NULL;

	assert_non_null(ours);
	for (line = strtok_r(ours, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "cgroup ", 7) && strstr(line, id))
			return true;
	}
	return false;
}

/* A run folder and cgroups of a dead run go at the next start; those of a living one stay. */
static void test_next_start_sweeps(void **state)
{
	_cleanup_err_ struct err err = { 0 };
	char path[64], dead[RUN_ID_LEN + 1];
	struct rundir alive, run;
	struct stat st;
	int p[2], status;
	pid_t pid;

	assert_int_equal(rundir_open(&alive, &err), 0);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct node_limits none = { 0 };
		struct cgroup_run *c;
		uint64_t id;
		int fd;

		if (rundir_open(&run, &err) < 0 || cgroup_open(run.id, &c, &err) < 0 ||
		    cgroup_add_host(c, "h1", &none, &fd, &err) < 0 ||
		    cgroup_add_program(c, "h1", 1, &fd, &id, &err) < 0 || !id)
			_exit(1);
		if (write(p[1], run.id, sizeof(run.id)) != sizeof(run.id))
			_exit(2);
		_exit(0); /* and cleans nothing up */
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(p[0], dead, sizeof(dead)), sizeof(dead));
	snprintf(path, sizeof(path), "/run/detnet/%s", dead);
	assert_int_equal(stat(path, &st), 0);
	assert_true(cgroup_left(dead));
	assert_true(rundir_sweep(&err) >= 1);
	assert_int_equal(stat(path, &st), -1);
	assert_false(cgroup_left(dead));
	snprintf(path, sizeof(path), "/run/detnet/%s", alive.id);
	assert_int_equal(stat(path, &st), 0);
	rundir_close(&alive);
	assert_int_equal(stat(path, &st), -1);
	close(p[0]);
	close(p[1]);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_start_sweeps),
		cmocka_unit_test(test_sigkill),
	};

	if (argc > 0 && !strcmp(argv[0], INIT_ARGV0))
		return init_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
