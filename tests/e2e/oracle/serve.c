/* The oracle's server: a process, or a few, for each way of serving. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "oracle.h"

#define WORKERS 20

static int accepted(int listener)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		err(1, "accept");
	return fd;
}

static void share_worker(int listener)
{
	for (;;) {
		int fd = accepted(listener);

		get_lines(fd, 1);
		put(fd, "tcp-shared-listener");
		close(fd);
	}
}

/* Never writes: who reads is who acknowledges. */
static void close_worker(int listener)
{
	char buf[4096];

	for (;;) {
		int fd = accepted(listener);

		while (read(fd, buf, sizeof(buf)) > 0)
			;
		close(fd);
	}
}

static void reset_worker(int listener)
{
	for (;;) {
		int fd = accepted(listener);
		char c;

		if (recv(fd, &c, 1, MSG_PEEK) != 1) /* it is there, and stays unread */
			err(1, "peek");
		close(fd);
	}
}

static void flight_worker(int listener)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = listener };
	int ep = epoll_create1(0);
	char line[LINE];

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev) < 0)
		err(1, "epoll");
	while (epoll_wait(ep, &ev, 1, -1) >= 0) {
		int fd = ev.data.fd;

		if (fd != listener) {
			if (recv(fd, line, sizeof(line), MSG_WAITALL) > 0)
				put(fd, "tcp-flight");
			else
				close(fd);
			continue;
		}
		fd = accept4(listener, NULL, NULL, 0);
		if (fd < 0)
			continue; /* another worker was faster */
		ev = (struct epoll_event){ .events = EPOLLIN, .data.fd = fd };
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
			err(1, "epoll");
	}
}

static void fork_server(int listener)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accepted(listener);

		if (child() == 0) {
			put(fd, "tcp-accept-fork"); /* nothing was read on this socket before */
			get_lines(fd, 1);
			put(fd, "tcp-accept-fork");
			_exit(0);
		}
		close(fd);
	}
}

static void sink_server(int listener)
{
	char buf[16384];

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accepted(listener);

		if (child() == 0) {
			while (read(fd, buf, sizeof(buf)) > 0)
				;
			put(fd, "tcp-accept-fork");
			_exit(0);
		}
		close(fd);
	}
}

static void *thread(void *arg)
{
	int fd = (int)(intptr_t)arg;

	get_lines(fd, 1);
	put(fd, "tcp-threads");
	close(fd);
	return NULL;
}

static void thread_server(int listener)
{
	for (;;) {
		int fd = accepted(listener);
		pthread_t t;

		if (pthread_create(&t, NULL, thread, (void *)(intptr_t)fd) != 0)
			errx(1, "no thread");
		pthread_detach(t);
	}
}

static void pass_server(int listener)
{
	int channel[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, channel) < 0)
		err(1, "socketpair");
	if (child() == 0) {
		for (;;) {
			int fd = take_fd(channel[1]);

			put(fd, "tcp-passed");
			get_lines(fd, 1);
			put(fd, "tcp-passed");
			close(fd);
		}
	}
	for (;;) {
		int fd = accepted(listener);

		pass_fd(channel[0], fd);
		close(fd);
	}
}

/* The parent reads and answers; then the child answers, which has read nothing. */
static void turns(int fd)
{
	int go[2], done[2];
	char line[LINE], c;

	if (pipe(go) < 0 || pipe(done) < 0)
		err(1, "pipe");
	if (child() == 0) {
		close(go[1]);
		while (read(go[0], &c, 1) == 1) {
			put(fd, "tcp-inherited");
			if (write(done[1], "", 1) != 1)
				err(1, "pipe");
		}
		_exit(0);
	}
	while (recv(fd, line, sizeof(line), MSG_WAITALL) == sizeof(line)) {
		put(fd, "tcp-inherited");
		if (write(go[1], "", 1) != 1 || read(done[0], &c, 1) != 1)
			err(1, "pipe");
	}
}

static void turns_server(int listener)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accepted(listener);

		if (child() == 0) {
			turns(fd);
			_exit(0);
		}
		close(fd);
	}
}

static void udp_worker(int fd)
{
	for (;;) {
		char buf[256], line[LINE];
		struct sockaddr_in6 from;
		socklen_t len = sizeof(from);

		if (recvfrom(fd, buf, sizeof(buf), 0, (void *)&from, &len) < 0)
			err(1, "recvfrom");
		say(line, "udp-shared");
		if (sendto(fd, line, sizeof(line), 0, (void *)&from, len) < 0)
			err(1, "sendto");
	}
}

static void udp_connected_server(int fd)
{
	char buf[256];

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		int own;

		if (recvfrom(fd, buf, sizeof(buf), 0, (void *)&from, &len) < 0)
			err(1, "recvfrom");
		own = connected((void *)&from, SOCK_DGRAM);
		/* The child has neither made, connected nor read the socket when it sends. */
		if (child() == 0) {
			put(own, "udp-connected");
			if (read(own, buf, sizeof(buf)) < 0)
				err(1, "read");
			put(own, "udp-connected");
			_exit(0);
		}
		close(own);
	}
}

static void start(void (*server)(int), int n, int fd)
{
	for (int i = 0; i < n; i++)
		if (child() == 0)
			server(fd);
}

void serve(void)
{
	static const struct {
		enum port port;
		int workers;
		void (*server)(int listener);
	} tcp[] = {
		{ PORT_FORK, 1, fork_server },	 { PORT_THREADS, 1, thread_server },
		{ PORT_SINK, 1, sink_server },	 { PORT_PASS, 1, pass_server },
		{ PORT_TURNS, 1, turns_server }, { PORT_FLIGHT, WORKERS, flight_worker },
		{ PORT_CLOSE, 4, close_worker }, { PORT_RESET, 1, reset_worker },
		{ PORT_SHARE, WORKERS, share_worker },
	};
	int v6 = access("/proc/net/if_inet6", F_OK) == 0 ? AF_INET6 : AF_INET;

	bound(AF_INET, SOCK_DGRAM, PORT_UDP_SINK);
	start(udp_worker, WORKERS, bound(v6, SOCK_DGRAM, PORT_UDP));
	start(udp_connected_server, 1, bound(AF_INET, SOCK_DGRAM, PORT_UDP_CONNECTED));
	for (size_t i = 0; i < sizeof(tcp) / sizeof(tcp[0]); i++) {
		int type = SOCK_STREAM | (tcp[i].port == PORT_FLIGHT ? SOCK_NONBLOCK : 0);
		int listener = bound(v6, type, tcp[i].port);

		if (listen(listener, 4096) < 0)
			err(1, "listen");
		start(tcp[i].server, tcp[i].workers, listener);
	}
	for (;;)
		pause();
}
