/*
 * Small UDP datagrams at a steady rate, for measurements of whatever looks at them on their way.
 *
 *     flood hold PORT                           a socket that takes and reads nothing, until input ends
 *     flood send ADDRESS PORT COUNT RATE SIZE   COUNT datagrams of SIZE bytes, RATE a second; 0: all it can
 *
 * "hold" says "ready" when it is bound. "send" ends with "sent N ns T cpu C": datagrams that the kernel took,
 * and how long that took by the clock and by the processor.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH	 64
#define DATAGRAM_MAX 1400
#define TICK_NS	 1000000

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int udp_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static int hold(const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	char buf[64];

	if (bind(udp_socket(), (struct sockaddr *)&a, sizeof(a)) < 0)
		die("bind");
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, buf, sizeof(buf)) > 0)
		;
	return 0;
}

/* All of n, in calls of a batch. */
static void send_some(int fd, struct mmsghdr *messages, uint64_t n)
{
	while (n > 0) {
		int sent = sendmmsg(fd, messages, n < BATCH ? (unsigned)n : BATCH, 0);

		if (sent < 0 && errno != ENOBUFS && errno != ECONNREFUSED)
			die("sendmmsg");
		if (sent > 0)
			n -= (uint64_t)sent;
	}
}

static int timer(void)
{
	struct itimerspec every = { { 0, TICK_NS }, { 0, TICK_NS } };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) < 0)
		die("timerfd");
	return fd;
}

/* At each tick, what is due by then. */
static void send_all(int fd, struct mmsghdr *messages, uint64_t count, uint64_t rate)
{
	uint64_t start = clock_ns(CLOCK_MONOTONIC), sent = 0, ticks;
	int tick = rate ? timer() : -1;

	while (sent < count) {
		uint64_t due = count;

		if (rate) {
			if (read(tick, &ticks, sizeof(ticks)) < 0)
				die("timerfd");
			due = (clock_ns(CLOCK_MONOTONIC) - start) * rate / 1000000000;
			due = due > count ? count : due;
		}
		send_some(fd, messages, due - sent);
		sent = due;
	}
}

static int send_to(char **argv)
{
	static uint8_t payload[DATAGRAM_MAX];
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint64_t count = strtoull(argv[2], NULL, 10), rate = strtoull(argv[3], NULL, 10), start;
	size_t size = strtoul(argv[4], NULL, 10);
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec iov = { payload, size };
	int fd = udp_socket();

	to.sin_port = htons((uint16_t)atoi(argv[1]));
	if (size > DATAGRAM_MAX || inet_pton(AF_INET, argv[0], &to.sin_addr) != 1) {
		errno = EINVAL;
		die(argv[0]);
	}
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect");
	for (int i = 0; i < BATCH; i++)
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
	start = clock_ns(CLOCK_MONOTONIC);
	send_all(fd, messages, count, rate);
	printf("sent %llu ns %llu cpu %llu\n", (unsigned long long)count,
	       (unsigned long long)(clock_ns(CLOCK_MONOTONIC) - start),
	       (unsigned long long)clock_ns(CLOCK_PROCESS_CPUTIME_ID));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "hold"))
		return hold(argv[2]);
	if (argc == 7 && !strcmp(argv[1], "send"))
		return send_to(argv + 2);
	fputs("usage: flood hold PORT | flood send ADDRESS PORT COUNT RATE SIZE\n", stderr);
	return 2;
}
