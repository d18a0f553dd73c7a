/*
 * What emu (host.c, prog.c) and a host's init (init.c) say to each other.
 *
 * One SOCK_SEQPACKET socket, both ends of the same program, so plain structs:
 *
 * - first an init_hello with the configuration's memfd and, if the host has one, its programs' user
 *   namespace: init answers one init_event, READY or FAILED;
 * - then an init_start for each program, with INIT_FDS descriptors. How the start went is told on
 *   its own pipe (init_report), so that emu can wait for it without meeting other programs' ends;
 * - an init_event ENDED for each program when its process was reaped.
 *
 * Blobs are memfds of NUL-terminated strings, for a packet of a socket has a size limit and a
 * network of 4,096 names or a long command line passes it.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_INIT_PROTO_H
#define EMU_INIT_PROTO_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define INIT_SOCKET_FD 3 /* where an init finds its socket after exec */

/* The head of the configuration's memfd, the same for every host of a network. */
struct init_conf {
	uint32_t n_filter; /* struct sock_filter, right after this head */
	uint32_t n_binds;
	/* then strings: hosts, resolv.conf, share ("": none), n_binds times source and path */
};

struct init_hello {
	char hostname[HOST_NAME_MAX + 1];
	bool share; /* this host gets the shared folder */
};

/* With the hello; the second may be missing. */
enum init_hello_fd { INIT_HELLO_CONF, INIT_HELLO_USERNS, INIT_HELLO_FDS };

/* In this order, after the message: INIT_FD_BLOB holds cwd ("": the default), argv, env. */
enum init_fd {
	INIT_FD_STDIN,
	INIT_FD_STDOUT,
	INIT_FD_STDERR,
	INIT_FD_CGROUP,
	INIT_FD_REPORT,
	INIT_FD_BLOB,
	INIT_FDS
};

struct init_start {
	uint32_t number;
	uint32_t argc, envc;
	uint32_t size;	 /* of the blob */
	bool terminal;	 /* in our session and a group of its own; else a session of its own */
	bool foreground; /* that group gets the terminal */
};

enum init_stage { INIT_STARTING, INIT_CHDIR, INIT_SANDBOX, INIT_EXEC };

/* On the report pipe: one with error 0 and the pid; a second if it then failed; closed by exec. */
struct init_report {
	int32_t pid; /* in the host */
	int32_t error;
	uint32_t stage; /* enum init_stage, where it failed */
};

enum init_event_kind { INIT_READY, INIT_FAILED, INIT_ENDED };

struct init_event {
	uint32_t kind;
	uint32_t number;   /* ENDED */
	int32_t wstatus;   /* ENDED */
	char text[512];	   /* FAILED: the sentence */
};

#endif
