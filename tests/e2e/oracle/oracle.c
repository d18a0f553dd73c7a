/*
 * Traffic that carries its own truth: every payload says which host and process wrote it.
 *
 *	oracle serve			TCP 7001: workers share a listener and answer what they read
 *					TCP 7002: a child is forked for each connection and speaks first
 *					UDP 7003: workers share a socket and answer
 *	oracle talk SERVER EXCHANGES	forked workers do that many short connections and datagrams
 *
 * A payload is "host=NAME pid=N\n", the pid as getpid(2) says it in the host. tests/e2e/oracle.py
 * compares each with what the capture says of the packet.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS	   20
#define PORT_SHARE 7001
#define PORT_FORK  7002
#define PORT_UDP   7003

static void say_who(char *buf, size_t size)
{
	char name[64];

	gethostname(name, sizeof(name));
	snprintf(buf, size, "host=%s pid=%d\n", name, getpid());
}

static struct sockaddr_in address(const char *ip, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (inet_pton(AF_INET, ip, &a.sin_addr) != 1)
		errx(2, "not an address: %s", ip);
	return a;
}

static int bound(int type, int port)
{
	struct sockaddr_in a = address("0.0.0.0", port);
	int fd = socket(AF_INET, type, 0);

	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)) < 0)
		err(1, "port %d", port);
	return fd;
}

static void put(int fd)
{
	char who[128];

	say_who(who, sizeof(who));
	if (write(fd, who, strlen(who)) < 0)
		err(1, "write");
}

/* Reads lines until there are so many of them. */
static void get_lines(int fd, int lines)
{
	char c;

	while (lines && read(fd, &c, 1) == 1)
		lines -= c == '\n';
	if (lines)
		errx(1, "the other end closed early");
}

static void share_worker(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			err(1, "accept");
		get_lines(fd, 1);
		put(fd);
		close(fd);
	}
}

static void udp_worker(int fd)
{
	for (;;) {
		char buf[256], who[128];
		struct sockaddr_in from;
		socklen_t len = sizeof(from);

		if (recvfrom(fd, buf, sizeof(buf), 0, (void *)&from, &len) < 0)
			err(1, "recvfrom");
		say_who(who, sizeof(who));
		if (sendto(fd, who, strlen(who), 0, (void *)&from, len) < 0)
			err(1, "sendto");
	}
}

static void fork_server(int listener)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			err(1, "accept");
		if (fork() == 0) {
			put(fd); /* a banner: nothing was read on this socket before */
			get_lines(fd, 1);
			put(fd);
			_exit(0);
		}
		close(fd);
	}
}

static void serve(void)
{
	int udp = bound(SOCK_DGRAM, PORT_UDP), share = bound(SOCK_STREAM, PORT_SHARE),
	    forked = bound(SOCK_STREAM, PORT_FORK);

	for (int i = 0; i < WORKERS; i++)
		if (fork() == 0)
			udp_worker(udp);
	if (listen(share, 1024) < 0)
		err(1, "listen");
	for (int i = 0; i < WORKERS; i++)
		if (fork() == 0)
			share_worker(share);
	if (listen(forked, 1024) < 0)
		err(1, "listen");
	fork_server(forked);
}

static void talk_tcp(const char *server, int port, int lines_first)
{
	struct sockaddr_in a = address(server, port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (void *)&a, sizeof(a)) < 0)
		err(1, "connect");
	get_lines(fd, lines_first);
	put(fd);
	get_lines(fd, 1);
	close(fd);
}

/* On its own socket it waits for the answer; on the shared one any worker may get it, so nobody waits. */
static void talk_udp(const char *server, int shared)
{
	struct sockaddr_in a = address(server, PORT_UDP);
	int fd = shared >= 0 ? shared : socket(AF_INET, SOCK_DGRAM, 0);
	char who[128], buf[256];

	say_who(who, sizeof(who));
	if (sendto(fd, who, strlen(who), 0, (void *)&a, sizeof(a)) < 0)
		err(1, "sendto");
	if (shared >= 0)
		return;
	if (recv(fd, buf, sizeof(buf), 0) < 0)
		err(1, "recv");
	close(fd);
}

static void talk(const char *server, int exchanges)
{
	int shared = socket(AF_INET, SOCK_DGRAM, 0), failed = 0, status;

	for (int w = 0; w < WORKERS; w++) {
		if (fork() != 0)
			continue;
		for (int i = w; i < exchanges; i += WORKERS) {
			talk_tcp(server, i & 1 ? PORT_SHARE : PORT_FORK, i & 1 ? 0 : 1);
			talk_udp(server, i & 1 ? -1 : shared);
		}
		_exit(0);
	}
	while (wait(&status) > 0)
		failed += status != 0;
	if (failed)
		errx(1, "%d workers failed", failed);
	printf("all %d exchanges done\n", exchanges);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		serve();
	else if (argc == 4 && strcmp(argv[1], "talk") == 0)
		talk(argv[2], atoi(argv[3]));
	else
		errx(2, "usage: oracle serve | oracle talk SERVER EXCHANGES");
	return 0;
}
