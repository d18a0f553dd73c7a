/*
 * Makes network namespaces, moves the calling thread in and out of them, writes their sysctls.
 *
 * A namespace exists as long as something refers to it; ours are referred to by the fd that
 * netns_new() returns, so they go with the process, however it ends. Only the calling thread ever
 * moves: /proc/thread-self, not /proc/self, says where it was.
 *
 * Those of hosts are made by emu/userns.c, each with an owner of its own, so that root in one has
 * no rights over another.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "emu/netns.h"
#include "emu/userns.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static int netns_open_own(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int netns_enter(int ns_fd)
{
	int old = netns_open_own();

	if (old < 0)
		return old;
	if (setns(ns_fd, CLONE_NEWNET) < 0) {
		int r = -errno;

		close(old);
		return r;
	}
	return old;
}

/* Without privilege setns() fails even where there is nothing to do: nobody ever moved. */
static bool is_here(int ns_fd)
{
	struct stat here, there;

	return stat("/proc/thread-self/ns/net", &here) == 0 && fstat(ns_fd, &there) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/*
 * There is no way on from a failure here: a thread that stays in the wrong namespace would do to
 * one network what was meant for another, or to the machine.
 */
void netns_leave(int old_fd)
{
	if (old_fd < 0)
		return;
	if (setns(old_fd, CLONE_NEWNET) < 0 && !is_here(old_fd))
		abort();
	close(old_fd);
}

int netns_socket(int ns_fd, int domain, int type, int protocol)
{
	int old = netns_enter(ns_fd), fd, saved;

	if (old < 0)
		return old;
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	saved = errno;
	netns_leave(old);
	return fd < 0 ? -saved : fd;
}

/* /proc/sys/net shows the namespace of whoever looks, so this is for the thread that is inside. */
static int sysctl_here(const char *name, const char *value)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	size_t len = strlen(value);
	ssize_t n;

	n = snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, value, len);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int netns_sysctl(int ns_fd, const char *name, const char *value)
{
	int old = netns_enter(ns_fd), r;

	if (old < 0)
		return old;
	r = sysctl_here(name, value);
	netns_leave(old);
	return r;
}

static int set_defaults(bool ipv6, struct err *err)
{
	/*
	 * A new namespace starts from what the machine's own has; ours start the same everywhere.
	 */
	static const char *const zero[] = { "ipv4/ip_forward", "ipv4/conf/all/rp_filter",
					    "ipv4/conf/default/rp_filter" };
	size_t i;
	int r;

	for (i = 0; i < ARRAY_SIZE(zero); i++) {
		r = sysctl_here(zero[i], "0");
		if (r < 0)
			return err_sys(err, -r, "cannot set /proc/sys/net/%s of a new namespace",
				       zero[i]);
	}
	/* Unprivileged ICMP sockets for every group: ping works without a file capability. */
	r = sysctl_here("ipv4/ping_group_range", "0 2147483647");
	if (r < 0 && r != -ENOENT)
		return err_sys(err, -r, "cannot set net.ipv4.ping_group_range of a new namespace");
	if (ipv6)
		return 0;
	/* "all" also sets "default" and what exists; a kernel without IPv6 has no such file. */
	r = sysctl_here("ipv6/conf/all/disable_ipv6", "1");
	if (r < 0 && r != -ENOENT)
		return err_sys(err, -r, "cannot turn IPv6 off in a new namespace");
	return 0;
}

static int new_one(int *ret_fd, bool ipv6, struct err *err)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (unshare(CLONE_NEWNET) < 0) {
		if (errno == EPERM)
			return err_missing(err, "making a network namespace is not permitted here; "
						"run detnet as root (sudo)");
		if (errno == ENOSPC)
			return err_missing(err, "the limit of network namespaces is reached; raise "
						"/proc/sys/user/max_net_namespaces");
		if (errno == EINVAL)
			return err_missing(err, "this kernel has no network namespaces "
						"(CONFIG_NET_NS)");
		return err_sys(err, errno, "cannot make a network namespace");
	}
	fd = netns_open_own();
	if (fd < 0)
		return err_sys(err, -fd, "cannot open a new network namespace");
	r = set_defaults(ipv6, err);
	if (r < 0)
		return r;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int netns_new(int *ret_fds, size_t n, bool ipv6, struct err *err)
{
	_cleanup_free_ int *fds = NULL;
	size_t i;
	int old, r = 0;

	fds = calloc(n ? n : 1, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	old = netns_open_own();
	if (old < 0)
		return err_sys(err, -old, "cannot open the current network namespace");
	for (i = 0; i < n; i++) {
		r = new_one(&fds[i], ipv6, err);
		if (r < 0)
			break;
	}
	netns_leave(old);
	if (r < 0) {
		while (i-- > 0)
			close(fds[i]);
		return r;
	}
	memcpy(ret_fds, fds, n * sizeof(*fds));
	return 0;
}

static int defaults_of(const int *fds, size_t n, bool ipv6, struct err *err)
{
	size_t i;
	int old, r = 0;

	old = netns_open_own();
	if (old < 0)
		return err_sys(err, -old, "cannot open the current network namespace");
	for (i = 0; r == 0 && i < n; i++) {
		if (setns(fds[i], CLONE_NEWNET) < 0)
			r = err_sys(err, errno, "cannot enter a new network namespace");
		else
			r = set_defaults(ipv6, err);
	}
	netns_leave(old);
	return r;
}

int netns_new_apart(int *ret_fds, size_t n, bool ipv6, struct err *err)
{
	_cleanup_free_ int *fds = calloc(n ? n : 1, sizeof(*fds));
	size_t i;
	int r;

	if (!fds)
		return -ENOMEM;
	r = userns_new_net(fds, n);
	if (r < 0) {
		log_warn("hosts get no user namespaces (%s): root in a host can reach interfaces "
			 "of switches and of other hosts; 'detnet doctor' says what is missing",
			 strerror(-r));
		return netns_new(ret_fds, n, ipv6, err);
	}
	r = defaults_of(fds, n, ipv6, err);
	if (r < 0) {
		for (i = 0; i < n; i++)
			close(fds[i]);
		return r;
	}
	memcpy(ret_fds, fds, n * sizeof(*fds));
	return 0;
}

uint64_t netns_cookie(int ns_fd)
{
	_cleanup_close_ int fd = -1;
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	fd = netns_socket(ns_fd, AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0)
		return 0;
	return cookie;
}
