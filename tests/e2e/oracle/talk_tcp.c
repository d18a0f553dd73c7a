/* What the oracle's clients do over TCP, one function a kind. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "oracle.h"

#define BULK 100 /* lines of a call that moves many */

static int to_port(const struct talk *t, enum port port)
{
	struct sockaddr_in a = address(t->server, port);

	return connected((void *)&a, SOCK_STREAM);
}

/* Waits until the other end has all that was written. */
static void end_of_sink(int fd)
{
	if (shutdown(fd, SHUT_WR) < 0)
		err(1, "shutdown");
	get_lines(fd, 1);
	close(fd);
}

static void one_line(const struct talk *t, const char *kind)
{
	int fd = to_port(t, PORT_SHARE);

	put(fd, kind);
	get_lines(fd, 1);
	close(fd);
}

static void banner(const struct talk *t, const char *kind)
{
	int fd = to_port(t, PORT_FORK);

	get_lines(fd, 1);
	put(fd, kind);
	get_lines(fd, 1);
	close(fd);
}

static void *thread_line(void *arg)
{
	one_line(arg, "tcp-threads");
	return NULL;
}

static void *thread_on_shared(void *arg)
{
	put(*(int *)arg, "tcp-threads");
	return NULL;
}

static void threads(const struct talk *t, const char *kind)
{
	pthread_t own[4];
	int fd = to_port(t, PORT_SINK);

	for (int i = 0; i < 4; i++)
		if (pthread_create(&own[i], NULL, i & 1 ? thread_line : thread_on_shared,
				   i & 1 ? (void *)t : &fd) != 0)
			errx(1, "%s: no thread", kind);
	for (int i = 0; i < 4; i++)
		pthread_join(own[i], NULL);
	end_of_sink(fd);
	fd = to_port(t, PORT_THREADS);
	put(fd, kind);
	get_lines(fd, 1);
	close(fd);
}

static void put_in_child(int fd, const char *kind)
{
	pid_t pid = child();
	int status;

	if (pid == 0) {
		put(fd, kind);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "%s: the child failed", kind);
}

static void inherited(const struct talk *t, const char *kind)
{
	int fd = to_port(t, PORT_TURNS);

	for (int turn = 0; turn < 4; turn++) {
		if (turn & 1)
			put_in_child(fd, kind);
		else
			put(fd, kind);
		get_lines(fd, 2);
	}
	close(fd);
}

static void executed(const struct talk *t, const char *kind)
{
	int fd = to_port(t, PORT_SHARE), status;
	char number[16], leader[16];
	pid_t pid;

	snprintf(number, sizeof(number), "%d", fd);
	snprintf(leader, sizeof(leader), "%d", program);
	pid = child();
	if (pid == 0) {
		execl("/proc/self/exe", "oracle", "put", number, kind, leader, NULL);
		err(1, "exec");
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "%s: the child failed", kind);
	get_lines(fd, 1);
	close(fd);
}

static void passed(const struct talk *t, const char *kind)
{
	int channel[2], fd;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, channel) < 0)
		err(1, "socketpair");
	if (child() == 0) {
		fd = take_fd(channel[1]);
		put(fd, kind);
		get_lines(fd, 2);
		_exit(0);
	}
	fd = to_port(t, PORT_PASS);
	pass_fd(channel[0], fd);
	close(fd);
	wait_children();
	close(channel[0]);
	close(channel[1]);
}

/* Two processes at once: bytes of both are queued, some segments hold both's. */
static void two_writers(const struct talk *t, const char *kind)
{
	int fd = to_port(t, PORT_SINK);
	pid_t pid = child();
	int status;

	for (int i = 0; i < BULK; i++)
		put(fd, kind);
	if (pid == 0)
		_exit(0);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "%s: the child failed", kind);
	end_of_sink(fd);
}

/* One writes a lot and the other only reads, as programs that fork for each direction do. */
static void reader_and_writer(const struct talk *t, const char *kind)
{
	int fd = to_port(t, PORT_FLIGHT), status;
	pid_t pid = child();

	if (pid == 0) {
		get_lines(fd, BULK);
		_exit(0);
	}
	for (int i = 0; i < BULK; i++)
		put(fd, kind);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "%s: the child failed", kind);
	close(fd);
}

/* BULK lines in memory of their own; unmapped by whoever got them. */
static char *bulk(const char *kind)
{
	char *lines = mmap(NULL, BULK * LINE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (lines == MAP_FAILED)
		err(1, "memory");
	for (int i = 0; i < BULK; i++)
		say(lines + i * LINE, kind);
	return lines;
}

static void send_file(const struct talk *t, const char *kind)
{
	int fd = to_port(t, PORT_SINK), file = memfd_create("lines", MFD_CLOEXEC);
	char *lines = bulk(kind);

	if (file < 0 || write(file, lines, BULK * LINE) != BULK * LINE)
		err(1, "%s: file", kind);
	for (off_t at = 0; at < BULK * LINE;)
		if (sendfile(fd, file, &at, BULK * LINE) <= 0)
			err(1, "%s", kind);
	munmap(lines, BULK * LINE);
	close(file);
	end_of_sink(fd);
}

/* Through a pipe, whose pages were written to it (splice) or are the process's own (vmsplice). */
static void through_pipe(const struct talk *t, const char *kind, bool map)
{
	int fd = to_port(t, PORT_SINK), p[2];
	char *lines = bulk(kind);
	struct iovec iov = { .iov_base = lines, .iov_len = BULK * LINE };
	ssize_t n;

	if (pipe(p) < 0)
		err(1, "pipe");
	n = map ? vmsplice(p[1], &iov, 1, 0) : write(p[1], lines, BULK * LINE);
	if (n != BULK * LINE)
		err(1, "%s: pipe", kind);
	while (n > 0) {
		ssize_t sent = splice(p[0], NULL, fd, NULL, (size_t)n, 0);

		if (sent <= 0)
			err(1, "%s", kind);
		n -= sent;
	}
	close(p[0]);
	close(p[1]);
	end_of_sink(fd);
	munmap(lines, BULK * LINE);
}

static void splice_pipe(const struct talk *t, const char *kind)
{
	through_pipe(t, kind, false);
}

static void vmsplice_pipe(const struct talk *t, const char *kind)
{
	through_pipe(t, kind, true);
}

static void send_mmsg(const struct talk *t, const char *kind)
{
	int fd = to_port(t, PORT_SINK);
	char *lines = bulk(kind);
	struct mmsghdr msgs[BULK] = { 0 };
	struct iovec iov[BULK];

	for (int i = 0; i < BULK; i++) {
		iov[i] = (struct iovec){ .iov_base = lines + i * LINE, .iov_len = LINE };
		msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	for (int sent = 0; sent < BULK;) {
		int n = sendmmsg(fd, msgs + sent, (unsigned int)(BULK - sent), 0);

		if (n <= 0)
			err(1, "%s", kind);
		sent += n;
	}
	end_of_sink(fd);
	munmap(lines, BULK * LINE);
}

static void zerocopy(const struct talk *t, const char *kind)
{
	int fd = to_port(t, PORT_SINK), one = 1;
	char *lines = bulk(kind);

	if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) < 0)
		err(1, "SO_ZEROCOPY");
	for (ssize_t at = 0; at < BULK * LINE;) {
		ssize_t n = send(fd, lines + at, (size_t)(BULK * LINE - at), MSG_ZEROCOPY);

		if (n <= 0)
			err(1, "%s", kind);
		at += n;
	}
	end_of_sink(fd);
	munmap(lines, BULK * LINE);
}

static void to_reset(const struct talk *t, const char *kind)
{
	struct sockaddr_in closed = address(t->server, PORT_CLOSED);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char c;

	if (connect(fd, (void *)&closed, sizeof(closed)) == 0)
		errx(1, "port %d is open", PORT_CLOSED);
	close(fd);
	fd = to_port(t, PORT_RESET);
	put(fd, kind);
	if (read(fd, &c, 1) == 0) /* a reset is an error */
		errx(1, "%s: no reset", kind);
	close(fd);
}

static void closed_at_once(const struct talk *t, const char *kind)
{
	int fd = to_port(t, PORT_CLOSE);

	put(fd, kind);
	close(fd);
}

const struct kind tcp_kinds[] = {
	{ "tcp-connect", one_line },
	{ "tcp-connect", banner },
	{ "tcp-threads", threads },
	{ "tcp-inherited", inherited },
	{ "tcp-exec", executed },
	{ "tcp-passed", passed },
	{ "tcp-two-writers", two_writers },
	{ "tcp-reader-and-writer", reader_and_writer },
	{ "tcp-sendfile", send_file },
	{ "tcp-splice", splice_pipe },
	{ "tcp-vmsplice", vmsplice_pipe },
	{ "tcp-sendmmsg", send_mmsg },
	{ "tcp-zerocopy", zerocopy },
	{ "tcp-reset", to_reset },
	{ "tcp-short", closed_at_once },
	{ 0 },
};
