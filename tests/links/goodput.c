/*
 * TCP goodput: one end sends all it can, the other counts payload over a window in the steady state.
 *
 *     goodput receive [-w WARM-MS] [-t MS] [-n STREAMS] PORT
 *     goodput send [-n STREAMS] ADDRESS PORT
 *
 * The receiver says "ready" when it listens, and ends with "bytes N ns T mss M": what it read in T
 * nanoseconds, which began WARM-MS after the last stream was accepted. The window begins and ends when
 * nothing waits for a lost segment to be sent again, or it would count less than came. Then the receiver
 * closes, which ends the sender.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STREAMS_MAX 64
#define CHUNK	    65536
#define HELD_MAX    32768 /* bytes of memory, some full segments */

static char chunk[CHUNK];

static void die(const char *what)
{
	fprintf(stderr, "goodput: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int wait_for(struct pollfd *p, unsigned n, int64_t until)
{
	int64_t left = until - now();
	int r = poll(p, n, until ? (int)(left > 0 ? (left + 999999) / 1000000 : 0) : -1);

	if (r < 0 && errno != EINTR)
		die("poll");
	return r;
}

/* Accepts all streams; those that came first are read meanwhile, so none of them stalls. */
static void accept_all(int listener, struct pollfd *p, unsigned streams)
{
	unsigned n = 0;

	while (n < streams) {
		p[n] = (struct pollfd){ .fd = listener, .events = POLLIN };
		wait_for(p, n + 1, 0);
		for (unsigned i = 0; i < n; i++)
			if (p[i].revents && read(p[i].fd, chunk, sizeof(chunk)) < 0 && errno != EAGAIN)
				die("read");
		if (!p[n].revents)
			continue;
		p[n].fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (p[n].fd < 0)
			die("accept");
		n++;
	}
}

/* Memory of what came and was not read: after reading, that is what came out of order. */
static uint64_t held(const struct pollfd *p, unsigned n)
{
	uint32_t info[SK_MEMINFO_VARS];
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++) {
		socklen_t len = sizeof(info);

		if (getsockopt(p[i].fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
			die("SO_MEMINFO");
		sum += info[SK_MEMINFO_RMEM_ALLOC];
	}
	return sum;
}

/*
 * Reads until a time, and then, for up to half of the window more, until little is held; *ret_end is the
 * time of the last look.
 */
static uint64_t read_until(struct pollfd *p, unsigned n, int64_t until, int64_t window, int64_t *ret_end)
{
	uint64_t bytes = 0;

	do {
		wait_for(p, n, now() < until ? until : until + window / 2);
		for (unsigned i = 0; i < n; i++) {
			ssize_t r = p[i].revents ? read(p[i].fd, chunk, sizeof(chunk)) : -1;

			if (r > 0)
				bytes += (uint64_t)r;
			else if (p[i].revents && (r == 0 || errno != EAGAIN))
				die("a stream ended");
		}
		*ret_end = now();
	} while (*ret_end < until || (held(p, n) > HELD_MAX && *ret_end < until + window / 2));
	return bytes;
}

static int do_receive(uint16_t port, unsigned streams, int64_t warm_ms, int64_t ms)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct pollfd p[STREAMS_MAX + 1];
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int64_t start, end;
	uint64_t bytes;

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 || listen(fd, STREAMS_MAX) < 0)
		die("listen");
	puts("ready");
	fflush(stdout);
	accept_all(fd, p, streams);
	read_until(p, streams, now() + warm_ms * 1000000, ms * 1000000, &start);
	bytes = read_until(p, streams, start + ms * 1000000, ms * 1000000, &end);
	if (getsockopt(p[0].fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		die("TCP_INFO");
	printf("bytes %llu ns %lld mss %u\n", (unsigned long long)bytes, (long long)(end - start),
	       info.tcpi_rcv_mss);
	return 0;
}

static int do_send(const char *address, uint16_t port, unsigned streams)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct pollfd p[STREAMS_MAX];

	if (inet_pton(AF_INET, address, &sin.sin_addr) != 1)
		die(address);
	for (unsigned i = 0; i < streams; i++) {
		p[i] = (struct pollfd){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
					.events = POLLOUT };
		if (p[i].fd < 0 || connect(p[i].fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
		    fcntl(p[i].fd, F_SETFL, O_NONBLOCK) < 0)
			die("connect");
	}
	for (;;) {
		wait_for(p, streams, 0);
		for (unsigned i = 0; i < streams; i++) {
			if (!p[i].revents || write(p[i].fd, chunk, sizeof(chunk)) >= 0 || errno == EAGAIN)
				continue;
			if (errno != EPIPE && errno != ECONNRESET)
				die("write");
			return 0;
		}
	}
}

static bool number(const char *s, long min, long max, long *ret)
{
	char *end;

	errno = 0;
	*ret = strtol(s, &end, 10);
	return !errno && end != s && !*end && *ret >= min && *ret <= max;
}

static int usage(void)
{
	fputs("usage: goodput receive [-w WARM-MS] [-t MS] [-n STREAMS] PORT\n"
	      "       goodput send [-n STREAMS] ADDRESS PORT\n", stderr);
	return 2;
}

int main(int argc, char **argv)
{
	long warm = 1000, ms = 1000, streams = 1, port;
	bool ok = true, sends = argc > 1 && !strcmp(argv[1], "send");

	if (argc < 2 || (!sends && strcmp(argv[1], "receive")))
		return usage();
	argc--;
	argv++;
	for (int c; (c = getopt(argc, argv, "w:t:n:")) != -1;) {
		if (c == 'w')
			ok &= number(optarg, 0, 3600000, &warm);
		else if (c == 't')
			ok &= number(optarg, 1, 3600000, &ms);
		else if (c == 'n')
			ok &= number(optarg, 1, STREAMS_MAX, &streams);
		else
			return usage();
	}
	if (!ok || argc - optind != 1 + sends || !number(argv[argc - 1], 1, 65535, &port))
		return usage();
	signal(SIGPIPE, SIG_IGN);
	return sends ? do_send(argv[optind], (uint16_t)port, (unsigned)streams)
		     : do_receive((uint16_t)port, (unsigned)streams, warm, ms);
}
