/* What infer.c (who it was) and infer_watch.c (hearing of it in time) share; nobody else's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SENDER_INFER_INTERNAL_H
#define CAPTURE_SENDER_INFER_INTERNAL_H

#include <pthread.h>
#include <sys/queue.h>
#include "capture/flow/packet.h"
#include "capture/sender/diag.h"
#include "capture/sender/infer.h"
#include "emu/idmap.h"

/* One direction between two sockets; the bytes in between are 0, so that it may be compared whole. */
struct infer_key {
	uint8_t family; /* 0: a UDP port that was freed */
	uint8_t proto;
	bool fragment; /* sport is the datagram's id */
	uint8_t pad;
	uint16_t sport, dport; /* of ICMP: 0 */
	uint8_t src[16], dst[16];
};

/* Who sends under a key from ts on. */
struct infer_record {
	struct infer_key key;
	uint32_t owner;
	uint32_t seq; /* of the SYN */
	bool refused; /* nobody was found who would answer it; owner is the kernel */
	int64_t ts;
	int64_t asked; /* of what has no ports */
	int64_t used;  /* the latest ts that there was when it was last looked up */
	LIST_ENTRY(infer_record) in_slot; /* younger ones first */
	TAILQ_ENTRY(infer_record) in_use; /* those last used last */
};

LIST_HEAD(infer_slot, infer_record);
TAILQ_HEAD(infer_uses, infer_record);

struct infer_node {
	struct diag *diag; /* NULL: it has no sockets of its own */
	/* Programs that may still run, by their numbers; and the youngest of all. */
	uint32_t *running;
	size_t n_running;
	uint32_t youngest;
	/* What only_program() last found, for the same turn and a moment. */
	uint64_t only_turn;
	int64_t only_at; /* CLOCK_MONOTONIC ns */
	uint32_t only;
};

/* A packet socket, or a node's notices. */
struct infer_source {
	int fd;
	uint32_t node; /* of the notices; NET_NONE: packets */
};

struct infer {
	struct emu *emu;
	const struct net *net;
	struct owners *owners;
	struct idmap by_mac;
	struct infer_node *nodes;
	size_t programs_seen; /* by number */
	struct infer_slot *slots; /* hash by key; NULL: none yet */
	struct infer_uses uses;
	size_t n_records;
	int64_t newest;	  /* ts noted */
	int64_t udp_from; /* what was noted of UDP before may be of sockets that are closed */
	uint64_t turn;	  /* counts batches of packets */
	struct infer_stats stats;
	struct infer_source **sources;
	size_t n_sources;
	int epoll_fd, stop_fd;
	int notices_fd; /* an epoll of all nodes' notices */
	pthread_t thread;
	bool running;
	pthread_mutex_t lock; /* of all above but what never changes */
};

/* infer_note.c; with the lock held. There is an end to what is kept, those last used go first. The record stays the infer's; NULL without memory. */
struct infer_record *infer_note(struct infer *i, const struct infer_key *k, uint32_t owner,
				uint32_t seq, int64_t ts);
/* The youngest that is not younger than ts, or NULL. */
struct infer_record *infer_noted(struct infer *i, const struct infer_key *k, int64_t ts);
void infer_forget(struct infer *i); /* all */

/* infer.c; with the lock held. */
void infer_heard(struct infer *i, int64_t ts, int ifindex, const uint8_t *data, uint32_t caplen,
		 uint32_t len);
void infer_port_freed(struct infer *i, uint32_t node, uint16_t port, int64_t ts);

/* infer_watch.c */
int infer_watch_open(struct infer *i, struct err *err);
int infer_watch_start(struct infer *i, struct err *err); /* the thread */
void infer_watch_close(struct infer *i);
int infer_watch_notices(struct infer *i, uint32_t node, int fd); /* takes fd over, if 0 */
/* Takes in what the packet sockets hold by now, as far as that has an end; with the lock held. */
void infer_watch_catch_up(struct infer *i);

#endif
