/*
 * What the parts of the oracle share: lines that say who wrote them, and the ports of its server.
 *
 * A line is "host=NAME program=N pid=N kind=WORD", padded with spaces to LINE bytes, the last of
 * which is a newline. pid is getpid(2) of the writer, program that of the process which detnet
 * started.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ORACLE_H
#define ORACLE_H

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define LINE 80

enum port {
	/* TCP: a line is answered by a line. */
	PORT_SHARE = 7001, /* workers share the listener */
	PORT_FORK,	   /* a child for each connection, which speaks first */
	PORT_UDP,	   /* UDP, workers share a socket: a line for a line */
	PORT_THREADS,	   /* a thread for each connection */
	PORT_SINK,	   /* a child for each connection: one line when the client has no more */
	PORT_PASS,	   /* connections are passed to a worker, who speaks first */
	PORT_TURNS,	   /* parent and child hold the connection: a line of each */
	/* UDP, a child with a connected socket for each client: speaks first, answers once. */
	PORT_UDP_CONNECTED,
	PORT_CLOSED,   /* nobody is there, by TCP or UDP */
	PORT_UDP_SINK, /* UDP, never read */
	PORT_FLIGHT,   /* workers with many connections each */
	PORT_CLOSE,    /* workers read and write nothing */
	PORT_RESET,    /* closed with the client's line unread */
};

extern int program; /* pid of the process that detnet started */

void say(char line[LINE], const char *kind);
struct sockaddr_in address(const char *ip, int port);
int bound(int family, int type, int port);
int connected(const struct sockaddr *to, int type);
void put(int fd, const char *kind);
void get_lines(int fd, int lines);
/* fork() that must work; in the child, returns 0. */
pid_t child(void);
/* Waits for all children, which must have done well. */
void wait_children(void);
void pass_fd(int channel, int fd);
int take_fd(int channel);

void serve(void);

/* What a kind of talk needs to know. */
struct talk {
	const char *server;
	int shared_udp, shared_udp_connected; /* made by the program's first process */
};
struct kind {
	const char *name;
	void (*talk)(const struct talk *t, const char *kind);
};
extern const struct kind tcp_kinds[], udp_kinds[], packet_kinds[]; /* to a row without a name */

void talk(const char *server, int rounds, int workers);
void talk_unresolved(const char *server);
void talk_flight(const char *server, int connections, int workers);
void talk_short(const char *server, int connections, int workers);
void refuse_all(void);

/* The next hop to server, its MAC address and the interface; whether that is the server itself. */
struct hop {
	struct in_addr gateway;
	bool direct;
	int ifindex;
	char ifname[16];
	unsigned char mac[6], own_mac[6];
	struct in_addr own;
};
void next_hop(const char *server, struct hop *ret);

#endif
