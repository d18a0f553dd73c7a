/* What the parts of the capture share: its state. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_CAPTURE_INTERNAL_H
#define CAPTURE_CAPTURE_INTERNAL_H

#include <pthread.h>
#include "capture/capture.h"
#include "capture/filter.h"
#include "capture/packet_id.h"
#include "capture/ring.h"
#include "capture/sender/infer.h"
#include "capture/sender/process_watch.h"
#include "capture/tap.h"
#include "emu/shaper/shaper.h"

struct capture {
	struct emu *emu;
	const struct net *net;
	struct tag *tag;
	struct owners *owners;
	struct process_watch *processes; /* NULL: the capture thread hears of them */
	struct infer *infer; /* NULL: packets bear their senders' tags */
	struct capture_opts opts;
	struct ring **rings;
	size_t n_rings;
	struct taps taps;
	struct shaper *shaper; /* NULL: no link is shaped */
	struct fate_queue *queue;
	struct fates *fates;
	struct shaper_stats shaper_start; /* when the capture began */
	struct packet_ids *ids;
	struct filter *filter; /* NULL: all are written */
	struct sink *sink;     /* NULL: none are */
	int reserve_fd; /* room for a run's other files, should the disk be full; -1: none */
	struct flow_table *flows; /* NULL: packets only */
	struct comment_cache *comments;
	size_t pad; /* bytes that the second half of a comment may need */
	pthread_t thread;
	bool running, stopping;
	int stop_fd; /* says that it is stopping */
	int64_t start;
	uint32_t *naming; /* tap_naming_iface() of each link */
	bool *alone;	  /* tap_is_alone() of each link */
	int64_t flushed_at; /* CLOCK_MONOTONIC ns */
	uint64_t flushed_packets;
	struct capture_stats counts; /* the thread's, who publishes them in stats */
	pthread_mutex_t lock; /* of stats */
	struct capture_stats stats;
	pthread_mutex_t view_lock; /* of what follows; held while packets are read */
	capture_view_fn *view; /* NULL: nobody looks on */
	void *view_arg;
};

/* Rings and queue; their packets wait there from now on. */
int capture_open_sources(struct capture *c, struct err *err);
/* The thread; its argument is the capture. */
void *capture_thread(void *arg);

#endif
