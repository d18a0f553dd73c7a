/* What shaper.c (the main thread's side), shaper_thread.c and shaper_io.c share; nobody else's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SHAPER_SHAPER_INTERNAL_H
#define EMU_SHAPER_SHAPER_INTERNAL_H

#include <linux/if_packet.h>
#include <pthread.h>
#include <sys/socket.h>

#include "emu/rtnl.h"
#include "emu/shaper/shaper.h"
#include "emu/shaper/shaper_bpf.h"

/*
 * Frames taken from the ring, or sent, before anything else has its turn. Each batch that is sent ends
 * with the kernel's receiving side having run, so that its backlog (net.core.netdev_max_backlog, 1,000
 * by default) cannot fill.
 */
#define SHAPER_BATCH 64

struct shaper_bpf;
struct ring_buffer;

/* One direction of a link, by the interface that packets leave. Not served: pipe is NULL. */
struct shaper_end {
	struct shaper *shaper;
	struct pipe *pipe;
	uint32_t link;
	uint8_t end;
	bool up;
	struct shaper_end *to; /* the other, whose half they are sent out of */
	int out_ifindex;       /* of that half */

	/* Of the half under this index: it sends, and the interface behind it is up, in namespace nsid. */
	bool running, peer_up;
	int nsid;
};

/* Parcels to be sent, and all that sendmmsg() is told of them; filled in once but for what differs. */
struct shaper_outbox {
	unsigned n;
	struct parcel *parcel[SHAPER_BATCH];
	struct mmsghdr msg[SHAPER_BATCH];
	struct iovec iov[SHAPER_BATCH];
	struct sockaddr_ll to[SHAPER_BATCH];
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(uint32_t))];
	} mark[SHAPER_BATCH];
};

/* Parcels that wait to be used again, by the size of their room. */
struct shaper_store {
	struct parcel *free[SHAPER_SIZES];
	uint64_t bytes, bytes_max; /* of memory, in use or not */
};

struct shaper {
	const struct net *net;
	int ns_fd;
	struct rtnl *rtnl; /* in the namespace */
	struct shaper_bpf *bpf;
	int ingress_fd, egress_fd; /* the programs; stay bpf's */
	const uint64_t *lost;	   /* frames that found no room in the ring; shared with BPF */
	uint64_t last_id;	   /* atomic */

	pthread_t thread;
	bool running;
	/* What the main thread asks for, and the answer. */
	pthread_mutex_t lock;
	pthread_cond_t answered_cond;
	int (*fn)(struct shaper *s, void *arg);
	void *arg;
	int64_t asked_at; /* CLOCK_MONOTONIC ns */
	int result;
	bool answered;
	bool asked; /* atomic: there is something in fn */
	int asked_fd; /* eventfd: the same, to end a sleep */

	/* The rest is the thread's while it runs. */
	struct ring_buffer *ring;
	int sock, epoll_fd, timer_fd;
	int frames_fd; /* readable when the ring has frames; stays bpf's */
	int links_fd;  /* of rtnetlink: what happens to interfaces */
	bool links_missed; /* some of that */
	bool carrier_lost; /* a half's, and the outbox may have parcels for it */
	int64_t armed;	       /* time that timer_fd is set to, or INT64_MAX */
	int64_t rested; /* when it last looked whether it may sleep, */
	bool spun;	/* and did not, for something was nearly due */
	int64_t spin;	/* ns that it may spin */
	int64_t late, late_dev; /* how late the timer is: a moving mean, and its deviation */
	bool end;
	int64_t now;	/* CLOCK_MONOTONIC ns, of this round */
	int64_t offset; /* CLOCK_REALTIME less CLOCK_MONOTONIC, of this round */
	unsigned took;	/* frames taken from the ring in this round */
	int64_t latest; /* when the last of them came */
	struct wheel services;	 /* pipes, by when they are to be served */
	struct wheel deliveries; /* parcels, by when they arrive */
	struct shaper_end *ends; /* one for each of net->ifaces */
	struct shaper_outbox out;
	struct shaper_store store;
	struct fate_queue *sink;
	bool told; /* the sink's reader is to be woken */
	struct shaper_stats stats;
};

/* shaper_io.c */
extern const struct pipe_ops shaper_pipe_ops; /* their arg is a struct shaper_end */
int shaper_io_open(struct shaper *s);
void shaper_io_close(struct shaper *s);
/* At most a batch of frames, from the ring through their pipes. Could there be more? */
bool shaper_take_frames(struct shaper *s);
/* A parcel whose time has come. */
void shaper_output(struct shaper *s, struct parcel *p);
void shaper_flush(struct shaper *s); /* and wakes the sink's reader */
/* Ends a parcel that no pipe holds any more. */
void shaper_drop(struct shaper *s, struct parcel *p, enum verdict why, int64_t at);

/* shaper_carrier.c */
int shaper_carrier_open(struct shaper *s);
void shaper_carrier_read(struct shaper *s); /* what was told up to now */
/* And what is so right now, of one half: not cheap, it waits for changes that are being made. */
void shaper_carrier_ask(struct shaper *s, int ifindex);

/* shaper_thread.c */
int shaper_thread_start(struct shaper *s);
void shaper_thread_end(struct shaper *s);
/* Runs fn in the thread, between two batches, or here while there is none; its result. */
int shaper_ask(struct shaper *s, int (*fn)(struct shaper *s, void *arg), void *arg);

#endif
