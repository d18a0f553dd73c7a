/* The oracle's clients: workers that go through all kinds, and the two that are many. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "oracle.h"

/* What a host's programs are not let have, because no sender would be known. */
void refuse_all(void)
{
	char params[256] = { 0 };
	int fd, one = 1;

	if (syscall(SYS_io_uring_setup, 4, params) >= 0 || errno != EPERM)
		errx(1, "io_uring is not refused");
	if (socket(AF_XDP, SOCK_RAW, 0) >= 0)
		errx(1, "AF_XDP is not refused");
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0)
		err(1, "packet socket");
	if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) == 0)
		errx(1, "PACKET_QDISC_BYPASS is not refused");
	close(fd);
	printf("refused: io_uring AF_XDP PACKET_QDISC_BYPASS\n");
}

static void all_kinds(const struct talk *t, int rounds)
{
	const struct kind *const tables[] = { tcp_kinds, udp_kinds, packet_kinds };

	for (int r = 0; r < rounds; r++)
		for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
			for (const struct kind *k = tables[i]; k->name; k++)
				k->talk(t, k->name);
}

void talk(const char *server, int rounds, int workers)
{
	struct sockaddr_in sink = address(server, PORT_UDP_SINK);
	struct talk t = { .server = server,
			  .shared_udp = socket(AF_INET, SOCK_DGRAM, 0),
			  .shared_udp_connected = connected((void *)&sink, SOCK_DGRAM) };

	for (int w = 0; w < workers; w++) {
		if (child() == 0) {
			all_kinds(&t, rounds);
			_exit(0);
		}
	}
	wait_children();
}

/*
 * Processes send from one socket to a neighbour that nobody has talked to: their datagrams wait
 * for ARP and leave when its reply comes, in nobody's context. server.sh gives the server that
 * address.
 */
void talk_unresolved(const char *server)
{
	struct sockaddr_in a = address(server, PORT_UDP_SINK);
	int shared, go[2];
	struct hop hop;
	char c;

	next_hop(server, &hop);
	if (!hop.direct)
		return;
	a.sin_addr.s_addr += htonl(100);
	shared = connected((void *)&a, SOCK_DGRAM);
	if (pipe(go) < 0)
		err(1, "pipe");
	for (int w = 0; w < 8; w++) {
		if (child() == 0) {
			close(go[1]);
			if (read(go[0], &c, 1) != 0)
				err(1, "pipe");
			put(shared, "udp-before-arp");
			_exit(0);
		}
	}
	close(go[1]);
	wait_children();
	close(go[0]);
	close(shared);
}

static void flight_worker(const struct sockaddr_in *to, int n, int ready, int go)
{
	int *fds = calloc((size_t)n, sizeof(*fds));
	char c;

	if (!fds)
		err(1, "memory");
	for (int i = 0; i < n; i++)
		fds[i] = connected((const void *)to, SOCK_STREAM);
	if (write(ready, "", 1) != 1 || read(go, &c, 1) != 0)
		err(1, "pipe");
	for (int i = 0; i < n; i++)
		put(fds[i], "tcp-flight");
	for (int i = 0; i < n; i++) {
		get_lines(fds[i], 1);
		close(fds[i]);
	}
	_exit(0);
}

void talk_flight(const char *server, int connections, int workers)
{
	struct sockaddr_in to = address(server, PORT_FLIGHT);
	int ready[2], go[2];
	char c;

	if (pipe(ready) < 0 || pipe(go) < 0)
		err(1, "pipe");
	for (int w = 0; w < workers; w++) {
		if (child() == 0) {
			close(go[1]);
			close(ready[0]);
			flight_worker(&to, connections / workers, ready[1], go[0]);
		}
	}
	close(ready[1]);
	for (int w = 0; w < workers; w++)
		if (read(ready[0], &c, 1) != 1)
			errx(1, "a worker did not connect");
	close(go[1]); /* all are connected */
	wait_children();
}

void talk_short(const char *server, int connections, int workers)
{
	struct sockaddr_in to = address(server, PORT_CLOSE);

	for (int w = 0; w < workers; w++) {
		if (child() != 0)
			continue;
		for (int i = w; i < connections; i += workers) {
			int fd = connected((void *)&to, SOCK_STREAM);

			put(fd, "tcp-short");
			close(fd);
		}
		_exit(0);
	}
	wait_children();
}
