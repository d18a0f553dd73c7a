/*
 * Gives each host's network namespace an owner: a user namespace of its own.
 *
 * Theory of operation. What root may do to a network namespace follows from the user namespace
 * that owns it. Were all owned by ours, a host's root, who needs CAP_NET_ADMIN at home, would have
 * it everywhere: rtnetlink reaches the namespace at the other end of a veth by IFLA_TARGET_NETNSID.
 * So every host's network namespace is owned by a user namespace of its own, its programs run in
 * that one, and their capabilities end there. We, in the parent, keep all capabilities over it.
 *
 * Ids mean the same inside and outside: the map is the identity over all ids that we have. It is
 * there for capabilities alone; files, setuid programs and chown are as before.
 *
 * A namespace is owned by the user namespace of the process that makes it, and nobody comes back
 * from a child user namespace; so each is made by a clone that opens it, sends the descriptor and
 * ends (memory shared as by vfork, so it costs little and ends before clone() returns). It is
 * reaped only after its maps were written, which are reached by its pid. The network namespace
 * holds its owner: there is no second descriptor to keep, and nothing stays when we are killed.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "emu/userns.h"

#define STACK_SIZE (64 << 10)
#define MAP_SIZE   4096 /* the kernel takes no more than a page */

static const char *const map_names[] = { "uid_map", "gid_map" };

struct maker {
	char map[ARRAY_SIZE(map_names)][MAP_SIZE];
	int socket[2];
	char *stack;
};

static void maker_free(struct maker *m)
{
	cleanup_closep(&m->socket[0]);
	cleanup_closep(&m->socket[1]);
	free(m->stack);
}

/* The identity over all ids of this process, which may itself be in a container. */
static int read_map(const char *name, char *ret)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[32], line[128], *first, *second, *end;
	size_t used = 0;

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		/* Where ids begin here, where in the parent, and how many. */
		unsigned long begin = strtoul(line, &first, 10), count;

		strtoul(first, &second, 10);
		count = strtoul(second, &end, 10);
		if (end == second)
			return -EIO;
		used += (size_t)snprintf(ret + used, MAP_SIZE - used, "%lu %lu %lu\n", begin,
					 begin, count);
		if (used >= MAP_SIZE)
			return -E2BIG;
	}
	return used ? 0 : -EIO;
}

static int maker_init(struct maker *m)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(map_names); i++)
		r = read_map(map_names[i], m->map[i]);
	/* No /proc/PID/uid_map: a kernel without user namespaces. */
	if (r < 0)
		return r == -ENOENT ? -EINVAL : r;
	m->stack = malloc(STACK_SIZE);
	if (!m->stack)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, m->socket) < 0)
		return -errno;
	return 0;
}

union fd_control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int))];
};

static int send_fd(int socket, int fd)
{
	union fd_control control = { .space = { 0 } };
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			      .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(socket, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* What the clone sent; it has ended, so there is nothing to wait for. */
static int receive_fd(int socket)
{
	union fd_control control = { .space = { 0 } };
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space,
			      .msg_controllen = sizeof(control.space) };
	struct cmsghdr *c;
	int fd;

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -EMFILE; /* the kernel drops a descriptor for which there is no room */
	memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

/* The clone, in the new namespaces. It returns, for it shares our memory, not our stack. */
static int clone_main(void *arg)
{
	struct maker *m = arg;
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : send_fd(m->socket[1], fd);

	return -r; /* as the exit code, which has room for an errno */
}

static int write_map(pid_t pid, const char *name, const char *map)
{
	_cleanup_close_ int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, map, strlen(map)) < 0)
		return -errno;
	return 0;
}

static pid_t clone_one(struct maker *m)
{
	sigset_t all, old;
	int saved;
	pid_t pid;

	/* No handler of this program may run in the clone. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	/* Without a signal at its end: nobody else in this process sees it, or waits for it. */
	pid = clone(clone_main, m->stack + STACK_SIZE,
		    CLONE_VM | CLONE_VFORK | CLONE_NEWUSER | CLONE_NEWNET, m);
	saved = errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return pid < 0 ? -saved : pid;
}

static int new_one(struct maker *m, int *ret_fd)
{
	pid_t pid = clone_one(m);
	_cleanup_close_ int fd = -1;
	int wstatus, r = 0;

	if (pid < 0)
		return pid;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(map_names); i++)
		r = write_map(pid, map_names[i], m->map[i]);
	while (waitpid(pid, &wstatus, __WALL) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	fd = receive_fd(m->socket[0]);
	if (r == 0 && WIFEXITED(wstatus))
		r = -WEXITSTATUS(wstatus);
	if (r < 0)
		return r;
	if (fd < 0)
		return fd;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int userns_new_net(int *ret_fds, size_t n)
{
	_cleanup_(maker_free) struct maker m = { .socket = { -1, -1 } };
	_cleanup_free_ int *fds = calloc(n ? n : 1, sizeof(*fds));
	int r = fds ? maker_init(&m) : -ENOMEM;
	size_t i;

	for (i = 0; r == 0 && i < n; i++) {
		r = new_one(&m, &fds[i]);
		if (r < 0)
			break;
	}
	if (r < 0) {
		while (fds && i-- > 0)
			close(fds[i]);
		return r;
	}
	memcpy(ret_fds, fds, n * sizeof(*fds));
	return 0;
}

int userns_of_net(int net_fd, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	struct stat own, owner;

	/* A kernel without user namespaces has no such file, and only one owner. */
	if (stat("/proc/self/ns/user", &own) < 0) {
		*ret_fd = -1;
		return 0;
	}
	fd = ioctl(net_fd, NS_GET_USERNS);
	if (fd < 0 || fstat(fd, &owner) < 0)
		return -errno;
	if (own.st_dev == owner.st_dev && own.st_ino == owner.st_ino)
		*ret_fd = -1;
	else
		*ret_fd = steal_fd(&fd);
	return 0;
}

int userns_join(int fd)
{
	return setns(fd, CLONE_NEWUSER) < 0 ? -errno : 0;
}
