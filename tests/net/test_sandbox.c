/* Tries, inside a host, each thing that a host may not do, and what its limits stop. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/net/host_fixture.h"
#include <linux/if_packet.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include "emu/cgroup.h"

/* Calls whose arguments do not matter, for the filter looks at the number alone. */
static const struct {
	const char *name;
	long nr;
	int expect;
} calls[] = {
	{ "pivot_root", SYS_pivot_root, EPERM },
	{ "move_mount", SYS_move_mount, EPERM },
	{ "open_tree", SYS_open_tree, EPERM },
	{ "fsopen", SYS_fsopen, EPERM },
	{ "fsconfig", SYS_fsconfig, EPERM },
	{ "fsmount", SYS_fsmount, EPERM },
	{ "fspick", SYS_fspick, EPERM },
	{ "mount_setattr", SYS_mount_setattr, EPERM },
	{ "init_module", SYS_init_module, EPERM },
	{ "finit_module", SYS_finit_module, EPERM },
	{ "delete_module", SYS_delete_module, EPERM },
	{ "kexec_load", SYS_kexec_load, EPERM },
	{ "bpf", SYS_bpf, EPERM },
	{ "perf_event_open", SYS_perf_event_open, EPERM },
	{ "swapon", SYS_swapon, EPERM },
	{ "swapoff", SYS_swapoff, EPERM },
	{ "acct", SYS_acct, EPERM },
	{ "quotactl", SYS_quotactl, EPERM },
	{ "setns", SYS_setns, EPERM },
	{ "add_key", SYS_add_key, EPERM },
	{ "keyctl", SYS_keyctl, EPERM },
	{ "request_key", SYS_request_key, EPERM },
	{ "open_by_handle_at", SYS_open_by_handle_at, EPERM },
	{ "userfaultfd", SYS_userfaultfd, EPERM },
	{ "clock_adjtime", SYS_clock_adjtime, EPERM },
	{ "io_uring_setup", SYS_io_uring_setup, EPERM },
	{ "io_uring_enter", SYS_io_uring_enter, EPERM },
	{ "io_uring_register", SYS_io_uring_register, EPERM },
	{ "clone3", SYS_clone3, ENOSYS },
#ifdef SYS_kexec_file_load
	{ "kexec_file_load", SYS_kexec_file_load, EPERM },
#endif
#ifdef SYS_iopl
	{ "iopl", SYS_iopl, EPERM },
	{ "ioperm", SYS_ioperm, EPERM },
#endif
#ifdef __x86_64__
	{ "x32 mount", 0x40000000 | SYS_mount, EPERM },
#endif
};

static int write_to(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -1 : 0;
}

static int open_pty(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		exit(99);
	return open(ptsname(master), O_RDWR | O_NOCTTY);
}

static int try_mount(const char *arg)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL);
}

static int try_umount(const char *arg)
{
	return umount2("/proc", MNT_DETACH);
}

static int try_remount(const char *arg)
{
	return mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL);
}

static int try_clock_settime(const char *arg)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return clock_settime(CLOCK_REALTIME, &now);
}

static int try_settimeofday(const char *arg)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return settimeofday(&now, NULL);
}

static int try_adjtimex(const char *arg)
{
	struct timex t = { 0 };

	return adjtimex(&t);
}

static int try_reboot(const char *arg)
{
	return reboot(RB_DISABLE_CAD);
}

static int try_syslog(const char *arg)
{
	return klogctl(10, NULL, 0);
}

static int try_unshare_user(const char *arg)
{
	return unshare(CLONE_NEWUSER);
}

static int try_unshare_mount(const char *arg)
{
	return unshare(CLONE_NEWNS);
}

static int try_clone_user(const char *arg)
{
	return (int)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
}

static int try_mknod(const char *arg)
{
	return mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0));
}

static int try_kill(const char *arg)
{
	return kill((pid_t)strtol(arg, NULL, 10), 0);
}

static int try_ptrace(const char *arg)
{
	return (int)ptrace(PTRACE_ATTACH, (pid_t)strtol(arg, NULL, 10), NULL, NULL);
}

static int try_init_fd(const char *arg)
{
	return open("/proc/1/fd/2", O_RDWR);
}

static int try_tiocsti(const char *arg)
{
	return ioctl(open_pty(), TIOCSTI, "x");
}

/* The kernel drops the high bits of a request; a filter that does not is passed by. */
static int try_tiocsti_high(const char *arg)
{
	return (int)syscall(SYS_ioctl, open_pty(), TIOCSTI | 1UL << 32, "x");
}

static int try_tioclinux(const char *arg)
{
	return ioctl(open_pty(), TIOCLINUX, "\2");
}

static int try_vsock(const char *arg)
{
	return socket(AF_VSOCK, SOCK_STREAM, 0);
}

/* Ways past the egress hook, where the sender of a frame is written on it. */
static int try_xdp(const char *arg)
{
	return socket(AF_XDP, SOCK_RAW, 0);
}

static int try_qdisc_bypass(const char *arg)
{
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW, 0);
	int one = 1;

	if (fd < 0)
		return -1;
	return setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
}

static int try_sethostname(const char *arg)
{
	return sethostname("x", 1);
}

static int try_write(const char *arg)
{
	return write_to(arg, "0");
}

static int try_create(const char *arg)
{
	return open(arg, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

static int try_chmod(const char *arg)
{
	return chmod(arg, 0600);
}

static int try_open(const char *arg)
{
	return open(arg, O_RDONLY);
}

#ifdef __x86_64__
static void no_ia32(int sig)
{
	_exit(EPERM); /* a kernel without 32-bit calls refuses all of them */
}

/*
 * umount2 by the 32-bit call table, where its number is another. User-Mode Linux takes this
 * number for its own table's getpeername(0): no way around the filter either, and ENOTSOCK.
 */
static int try_ia32_umount(const char *arg)
{
	long r = 52;

	signal(SIGSEGV, no_ia32);
	__asm__ volatile("int $0x80" : "+a"(r) : "b"(0), "c"(0), "d"(0), "S"(0), "D"(0) : "memory");
	errno = (int)-r;
	return r < 0 ? -1 : 0;
}
#endif

static char outside[16]; /* the pid of this test, which no host can see */

static const struct {
	const char *name, *arg;
	int (*fn)(const char *arg);
	int expect, or;
} tries[] = {
	{ "mount", NULL, try_mount, EPERM, 0 },
	{ "umount", NULL, try_umount, EPERM, 0 },
	{ "remount", NULL, try_remount, EPERM, 0 },
	{ "clock_settime", NULL, try_clock_settime, EPERM, 0 },
	{ "settimeofday", NULL, try_settimeofday, EPERM, 0 },
	{ "adjtimex", NULL, try_adjtimex, EPERM, 0 },
	{ "reboot", NULL, try_reboot, EPERM, 0 },
	{ "syslog", NULL, try_syslog, EPERM, 0 },
	{ "unshare_user", NULL, try_unshare_user, EPERM, 0 },
	{ "unshare_mount", NULL, try_unshare_mount, EPERM, 0 },
	{ "clone_user", NULL, try_clone_user, EPERM, 0 },
	{ "mknod", NULL, try_mknod, EPERM, 0 },
	{ "kill_outside", outside, try_kill, ESRCH, 0 },
	{ "ptrace_outside", outside, try_ptrace, ESRCH, 0 },
	{ "ptrace_init", "1", try_ptrace, EPERM, 0 },
	{ "init_fd", NULL, try_init_fd, EACCES, EPERM },
	{ "tiocsti", NULL, try_tiocsti, EPERM, 0 },
	{ "tiocsti_high", NULL, try_tiocsti_high, EPERM, 0 },
	{ "tioclinux", NULL, try_tioclinux, EPERM, 0 },
	{ "vsock", NULL, try_vsock, EPERM, 0 },
	{ "xdp", NULL, try_xdp, EPERM, 0 },
	{ "qdisc_bypass", NULL, try_qdisc_bypass, ENOPROTOOPT, 0 },
	{ "sethostname", NULL, try_sethostname, EPERM, 0 },
	{ "sysctl", "/proc/sys/kernel/printk", try_write, EROFS, 0 },
	{ "core_pattern", "/proc/sys/kernel/core_pattern", try_write, EROFS, 0 },
	{ "sysrq", "/proc/sysrq-trigger", try_write, EROFS, ENOENT },
	{ "sysfs", "/sys/kernel/uevent_seqnum", try_write, EROFS, EACCES },
	{ "usr", "/usr/detnet-test", try_create, EROFS, 0 },
	{ "root_folder", "/detnet-test", try_create, EROFS, 0 },
	{ "chmod_null", "/dev/null", try_chmod, EROFS, 0 },
	{ "vda", "/dev/vda", try_open, ENOENT, 0 },
	{ "kmsg", "/dev/kmsg", try_open, ENOENT, 0 },
	{ "mem", "/dev/mem", try_open, ENOENT, 0 },
	{ "cgroup", "/sys/fs/cgroup/unified/cgroup.procs", try_open, ENOENT, 0 },
#ifdef __x86_64__
	{ "ia32_umount", NULL, try_ia32_umount, EPERM, ENOTSOCK },
#endif
};

/* Forks until it is refused; the children live till the host's end of this program. */
static int probe_fork(void)
{
	int n = 0;

	for (; n < 10 * H3_PIDS; n++) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (pid == 0) {
			for (;;)
				pause();
		}
	}
	printf("%d %d\n", n, errno);
	fflush(stdout);
	return 0;
}

static int probe_hog(void)
{
	for (int i = 0; i < 8 * H3_MEMORY / (1 << 20); i++) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		if (p == MAP_FAILED)
			return 1;
		memset(p, i, 1 << 20);
	}
	return 0;
}

static double clock_s(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Prints processor time over wall time of some work. */
static int probe_burn(void)
{
	double wall = clock_s(CLOCK_MONOTONIC), cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);

	while (clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu < 0.3)
		;
	cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("%f\n", cpu / (clock_s(CLOCK_MONOTONIC) - wall));
	return 0;
}

static int probe(const char *name, const char *arg)
{
	if (!strcmp(name, "fork"))
		return probe_fork();
	if (!strcmp(name, "hog"))
		return probe_hog();
	if (!strcmp(name, "burn"))
		return probe_burn();
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (!strcmp(name, calls[i].name))
			return syscall(calls[i].nr, 0, 0, 0, 0, 0, 0) < 0 ? errno : 0;
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++)
		if (!strcmp(name, tries[i].name))
			return tries[i].fn(arg) < 0 ? errno : 0;
	return 98;
}

static void test_calls(void **state)
{
	char out[1024];

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		int r = probe_in(H1, calls[i].name, NULL, out, sizeof(out));

		if (r != calls[i].expect)
			fail_msg("%s: %d (%s), expected %s %s", calls[i].name, r, strerror(r),
				 strerror(calls[i].expect), out);
	}
}

static void test_tries(void **state)
{
	char out[1024];

	snprintf(outside, sizeof(outside), "%d", getpid());
	for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
		int r = probe_in(H1, tries[i].name, tries[i].arg, out, sizeof(out));

		if (r != tries[i].expect && (r == 0 || r != tries[i].or))
			fail_msg("%s: %d (%s), expected %s %s", tries[i].name, r, strerror(r),
				 strerror(tries[i].expect), out);
	}
	/* And the machine is as it was. */
	assert_int_equal(access("/usr/detnet-test", F_OK), -1);
}

/* A device node that lies in the shared folder is no device there. */
static void test_no_devices(void **state)
{
	char path[64], out[256];

	snprintf(path, sizeof(path), "%s/node", fx.share);
	assert_int_equal(mknod(path, S_IFCHR | 0666, makedev(1, 5)), 0);
	assert_int_equal(probe_in(H1, "vda", path, out, sizeof(out)), EACCES);
	assert_int_equal(unlink(path), 0);
}

static void test_capabilities(void **state)
{
	char out[4096];

	assert_int_equal(sh_in(H1, "grep -E 'Cap(Prm|Eff|Bnd|Inh)' /proc/self/status", out,
			       sizeof(out)), 0);
	assert_non_null(strstr(out, "CapInh:\t0000000000000000"));
	assert_non_null(strstr(out, "CapPrm:\t00000000a0847dfb"));
	assert_non_null(strstr(out, "CapEff:\t00000000a0847dfb"));
	assert_non_null(strstr(out, "CapBnd:\t00000000a0847dfb"));
	/* Setuid programs work: no NO_NEW_PRIVS. */
	assert_int_equal(sh_in(H1, "grep NoNewPrivs /proc/self/status", out, sizeof(out)), 0);
	assert_non_null(strstr(out, "NoNewPrivs:\t0"));
	assert_int_equal(sh_in(H1, "echo 1 > /proc/sys/net/ipv4/ip_forward &&"
				   "ip link add v0 type veth && ip link del v0", out,
			       sizeof(out)), 0);
}

/* Says so when this machine has no such limit, rather than pass. */
static void need_limit(int which)
{
	bool have[3];

	cgroup_limits_kind(&have[0], &have[1], &have[2]);
	if (have[which])
		return;
	print_message("this machine has no cgroup controller for the %s limit\n",
		      which == 0 ? "cpu" : which == 1 ? "memory" : "pids");
	skip();
}

static void test_pids_limit(void **state)
{
	char out[256], *end;

	need_limit(2);
	assert_int_equal(probe_in(H3, "fork", NULL, out, sizeof(out)), 0);
	/* The limit is of the host: its init and the prober are two of them. */
	assert_int_equal(strtol(out, &end, 10), H3_PIDS - 2);
	assert_int_equal(strtol(end, NULL, 10), EAGAIN);
	/* All of them went with the program that was freed: there is room again. */
	assert_int_equal(sh_in(H3, "true", out, sizeof(out)), 0);
}

static void test_memory_limit(void **state)
{
	char out[256];

	need_limit(1);
	assert_int_equal(probe_in(H3, "hog", NULL, out, sizeof(out)), 128 + SIGKILL);
	assert_int_equal(sh_in(H3, "true", out, sizeof(out)), 0);
}

static void test_cpu_limit(void **state)
{
	char out[256];
	double share;

	need_limit(0);
	assert_int_equal(probe_in(H3, "burn", NULL, out, sizeof(out)), 0);
	share = strtod(out, NULL);
	print_message("cpu share with cpu = %g: %g\n", H3_CPU, share);
	assert_true(share > 0 && share < H3_CPU * 1.4);
}

static int up(void **state)
{
	return fixture_up();
}

static int down(void **state)
{
	return fixture_down();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),	    cmocka_unit_test(test_tries),
		cmocka_unit_test(test_no_devices),  cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_pids_limit),  cmocka_unit_test(test_memory_limit),
		cmocka_unit_test(test_cpu_limit),
	};

	if (!strcmp(argv[0], INIT_ARGV0))
		return init_main(argc, argv);
	if (argc > 2 && !strcmp(argv[1], "probe")) {
		int r = probe(argv[2], argc > 3 ? argv[3] : NULL);

		/* Past a sanitizer's leak check: the pids limit refuses its thread. */
		fflush(stdout);
		_exit(r);
	}
	return cmocka_run_group_tests(tests, up, down);
}
