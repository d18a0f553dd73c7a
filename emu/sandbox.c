/*
 * The sandbox of a host's programs: a capability set and a seccomp filter.
 *
 * Theory of operation. A program in a host is root, for labs need root: servers bind low ports,
 * tcpdump opens packet sockets, `ip` changes addresses. Its namespaces already bound what it
 * sees. What is left are the calls that act on the machine as a whole, and they are closed twice:
 * the capability for them is not in the bounding set, so no exec (setuid or not) ever gives it,
 * and the call is refused with EPERM by a filter. The filter is set without NO_NEW_PRIVS, which
 * setuid programs such as su and ping would feel; that takes CAP_SYS_ADMIN, so it is set first
 * and the capabilities go after.
 *
 * The filter is a list of refusals, not of permissions: a host runs whatever its user has
 * installed. The 32-bit x86 calls are filtered by the same rules, and one more strictly: there
 * socketcall() keeps the address family in memory, where a filter cannot see AF_VSOCK, so its
 * SYS_SOCKET is refused whole. Any 64-bit program can make that call (int 0x80), so to allow it
 * would undo the rule for all. 32-bit programs whose C library uses it (glibc's does) thus have no
 * network. x32 and any other foreign call is refused. clone3() answers ENOSYS because its flags lie in memory, where a filter
 * cannot see CLONE_NEWUSER; the C library then uses clone().
 *
 * What capabilities are left a program has in its host's user namespace only (emu/userns.c), which
 * owns the host's network namespace and nothing else: neither the fabric's interfaces nor those of
 * another host can be reached with them, by IFLA_TARGET_NETNSID or any other way, and calls that
 * ask for a capability over the machine (negative nice values, realtime scheduling, locking more
 * memory than the limit) are refused. Joining a user namespace gives a process every capability
 * there, bounding set included, so it is joined first and the sandbox entered after.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "emu/sandbox.h"

static const int kept_caps[] = {
	CAP_CHOWN,    CAP_DAC_OVERRIDE, CAP_FOWNER,	      CAP_FSETID,	 CAP_KILL,
	CAP_SETGID,   CAP_SETUID,	CAP_SETPCAP,	      CAP_NET_BIND_SERVICE,
	CAP_NET_BROADCAST, CAP_NET_ADMIN, CAP_NET_RAW,	      CAP_IPC_LOCK,	 CAP_SYS_CHROOT,
	CAP_SYS_NICE, CAP_AUDIT_WRITE,	CAP_SETFCAP,
};

/* Refused with EPERM whatever the arguments. A name that this libseccomp does not know is skipped:
 * what is newer than it still needs a capability that programs lack. */
static const char *const refused[] = {
	/* the file tree */
	"mount", "umount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr",
	"fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "swapon", "swapoff", "quotactl",
	"quotactl_fd", "open_by_handle_at", "acct",
	/* the kernel */
	"init_module", "finit_module", "delete_module", "create_module", "kexec_load",
	"kexec_file_load", "reboot", "bpf", "perf_event_open", "syslog", "userfaultfd", "iopl",
	"ioperm", "vhangup", "nfsservctl", "lookup_dcookie",
	/* its operations pass by this filter: IORING_OP_SOCKET is one */
	"io_uring_setup", "io_uring_enter", "io_uring_register",
	/* the clock */
	"settimeofday", "stime", "clock_settime", "clock_settime64", "adjtimex", "clock_adjtime",
	"clock_adjtime64",
	/* namespaces and names */
	"setns", "sethostname", "setdomainname",
	/* keyrings know no namespace that we make */
	"add_key", "keyctl", "request_key",
};

static int refuse_all(scmp_filter_ctx ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		int nr = seccomp_syscall_resolve_name(refused[i]), r;

		if (nr == __NR_SCMP_ERROR)
			continue;
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
		if (r < 0 && r != -EACCES) /* the default action: no rule needed */
			return r;
	}
	return 0;
}

/*
 * Ways for a frame to reach an interface past its egress hook, where the sender is written on it:
 * the capture could not say whose it is. The option answers as an older kernel does, which programs
 * know what to do about; the family as AF_VSOCK does, as one socketcall() can have one answer only.
 */
static int refuse_bypass(scmp_filter_ctx ctx)
{
	int r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
				 SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_XDP));

	if (r < 0)
		return r;
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOPROTOOPT), SCMP_SYS(setsockopt), 2,
				SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, SOL_PACKET),
				SCMP_A2(SCMP_CMP_MASKED_EQ, UINT32_MAX, PACKET_QDISC_BYPASS));
}

static int refuse_some(scmp_filter_ctx ctx)
{
	/* The kernel takes 32 bits of an ioctl's request: more, and high bits evade the filter. */
	static const uint32_t requests[] = { TIOCSTI, TIOCLINUX };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, requests[i]));
		if (r < 0)
			return r;
	}
	r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1,
			     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER));
	if (r < 0)
		return r;
	r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
			     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER));
	if (r < 0)
		return r;
	r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (r < 0)
		return r;
	/* A virtual machine's sockets to its hypervisor leave every network namespace. */
	r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
			     SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_VSOCK));
	return r < 0 ? r : refuse_bypass(ctx);
}

/* libseccomp writes a program to a file only; a memfd is one. */
static int export_program(scmp_filter_ctx ctx, struct sock_filter **ret, size_t *ret_n)
{
	_cleanup_close_ int fd = memfd_create("detnet-filter", MFD_CLOEXEC);
	_cleanup_free_ struct sock_filter *program = NULL;
	struct stat st;
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size == 0 || st.st_size % (off_t)sizeof(*program))
		return -EINVAL;
	program = malloc((size_t)st.st_size);
	if (!program)
		return -ENOMEM;
	if (pread(fd, program, (size_t)st.st_size, 0) != st.st_size)
		return -EIO;
	*ret_n = (size_t)st.st_size / sizeof(*program);
	*ret = steal_ptr(program);
	return 0;
}

static int add_architectures(scmp_filter_ctx ctx)
{
	int r = 0;

	/* The native one is in already. x32 is left out, which refuses all of it. */
	if (seccomp_arch_native() == SCMP_ARCH_X86_64)
		r = seccomp_arch_add(ctx, SCMP_ARCH_X86);
	else if (seccomp_arch_native() == SCMP_ARCH_AARCH64)
		r = seccomp_arch_add(ctx, SCMP_ARCH_ARM);
	return r == -EEXIST ? 0 : r;
}

int sandbox_compile(struct sock_filter **ret, size_t *ret_n, struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!ctx)
		return err_sys(err, ENOMEM, "cannot make the hosts' system-call filter");
	r = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
	/* A binary tree: allowed calls, which are nearly all, meet a few comparisons only. */
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = add_architectures(ctx);
	if (r == 0)
		r = refuse_all(ctx);
	if (r == 0)
		r = refuse_some(ctx);
	if (r == 0)
		r = export_program(ctx, ret, ret_n);
	seccomp_release(ctx);
	if (r < 0)
		return err_sys(err, -r, "cannot make the hosts' system-call filter");
	return 0;
}

static uint64_t kept_mask(void)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < ARRAY_SIZE(kept_caps); i++)
		mask |= UINT64_C(1) << kept_caps[i];
	return mask;
}

static int limit_bounding(void)
{
	uint64_t kept = kept_mask();

	for (int cap = 0; cap < 64; cap++) {
		if (kept & (UINT64_C(1) << cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL) /* past the last this kernel knows */
			break;
		return -errno;
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

int sandbox_enter(const struct sock_filter *filter, size_t n)
{
	struct sock_fprog program = { .len = (unsigned short)n,
				      .filter = (struct sock_filter *)filter };
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint64_t kept = kept_mask();
	int r = limit_bounding();

	if (r < 0)
		return r;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return -errno;
	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(kept >> 32 * i);
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}
