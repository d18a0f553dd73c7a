/*
 * Traffic that carries its own truth: every payload says which host, program and process wrote it,
 * and by what kind of socket and call. tests/e2e/oracle.py compares each with what the capture
 * says.
 *
 *	oracle serve				see enum port
 *	oracle talk SERVER ROUNDS WORKERS	forked workers go through every kind so often
 *	oracle flight SERVER N WORKERS		N TCP connections are open before the first write
 *	oracle short SERVER N WORKERS		N times connect, write, close
 *	oracle put FD KIND			one line to an inherited socket, after an exec
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "oracle.h"

int program;

void say(char line[LINE], const char *kind)
{
	char name[64], text[LINE];
	int n;

	gethostname(name, sizeof(name));
	n = snprintf(text, sizeof(text), "host=%s program=%d pid=%d kind=%s", name, program,
		     getpid(), kind);
	if (n >= LINE)
		errx(1, "too long for a line: %s", text);
	memset(line, ' ', LINE);
	memcpy(line, text, (size_t)n);
	line[LINE - 1] = '\n';
}

struct sockaddr_in address(const char *ip, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	if (inet_pton(AF_INET, ip, &a.sin_addr) != 1)
		errx(2, "not an address: %s", ip);
	return a;
}

int bound(int family, int type, int port)
{
	/* One that takes IPv6 takes IPv4 too. */
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in a4 = address("0.0.0.0", port);
	int fd = socket(family, type, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, family == AF_INET6 ? (void *)&a6 : (void *)&a4,
		 family == AF_INET6 ? sizeof(a6) : sizeof(a4)) < 0)
		err(1, "port %d", port);
	return fd;
}

int connected(const struct sockaddr *to, int type)
{
	int fd = socket(to->sa_family, type, 0);
	socklen_t len = to->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
						    sizeof(struct sockaddr_in);

	if (fd < 0 || connect(fd, to, len) < 0)
		err(1, "connect");
	return fd;
}

void put(int fd, const char *kind)
{
	char line[LINE];

	say(line, kind);
	if (write(fd, line, sizeof(line)) != sizeof(line))
		err(1, "%s: write", kind);
}

void get_lines(int fd, int lines)
{
	size_t left = (size_t)lines * LINE;
	char buf[4096];

	while (left) {
		ssize_t n = read(fd, buf, left < sizeof(buf) ? left : sizeof(buf));

		if (n < 0)
			err(1, "read");
		if (n == 0)
			errx(1, "the other end closed early");
		left -= (size_t)n;
	}
}

pid_t child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	return pid;
}

void wait_children(void)
{
	int status, failed = 0;

	while (wait(&status) > 0)
		failed += status != 0;
	if (failed)
		errx(1, "%d children failed", failed);
}

/* One byte goes with it, for a message of no bytes would carry no control data. */
union control {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

void pass_fd(int channel, int fd)
{
	union control control = { 0 };
	char one = 1;
	struct iovec byte = { .iov_base = &one, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &byte, .msg_iovlen = 1, .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(channel, &msg, 0) != 1)
		err(1, "pass a socket");
}

int take_fd(int channel)
{
	union control control;
	char got;
	struct iovec byte = { .iov_base = &got, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &byte, .msg_iovlen = 1, .msg_control = control.buf,
			      .msg_controllen = sizeof(control.buf) };
	int fd;

	if (recvmsg(channel, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		errx(1, "no socket was passed");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

int main(int argc, char **argv)
{
	struct rlimit files;

	program = getpid();
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (argc == 2 && strcmp(argv[1], "serve") == 0) {
		serve();
	} else if (argc == 5 && strcmp(argv[1], "talk") == 0) {
		refuse_all();
		talk_unresolved(argv[2]);
		talk(argv[2], atoi(argv[3]), atoi(argv[4]));
		printf("all %s rounds done\n", argv[3]);
	} else if (argc == 5 && strcmp(argv[1], "flight") == 0) {
		talk_flight(argv[2], atoi(argv[3]), atoi(argv[4]));
		printf("all %s connections done\n", argv[3]);
	} else if (argc == 5 && strcmp(argv[1], "short") == 0) {
		talk_short(argv[2], atoi(argv[3]), atoi(argv[4]));
		printf("all %s connections done\n", argv[3]);
	} else if (argc == 5 && strcmp(argv[1], "put") == 0) {
		program = atoi(argv[4]);
		put(atoi(argv[2]), argv[3]);
	} else {
		errx(2, "usage: oracle serve | oracle talk|flight|short SERVER N WORKERS");
	}
	return 0;
}
