/*
 * The text beside each packet: "host=h1 pid=81 comm=lftp owner=8209 scenario=ftp/get activity=7".
 *
 * owner is the packet's key to owners.csv. A process names itself as it likes, spaces and
 * "owner=1" included, but nothing behind the last " owner=" is of its making: so comm ends there.
 *
 * Its second half comes from the packet's flow, and a flow that the server opens (FTP's active
 * mode) is known to belong to an activity only when the client answers. So a packet of a flow with
 * no activity yet gets its comment padded with spaces, and is completed in place when it is known.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_COMMENT_H
#define CAPTURE_COMMENT_H

#include "capture/flow/flow.h"
#include "capture/sender/owner.h"

#define COMMENT_MAX 512

struct comment {
	char text[COMMENT_MAX];
	size_t len;	/* with the padding */
	size_t who_len; /* of the first half */
	bool padded;
};

/* flow may be NULL (ARP). pad: how long a second half may become, 0: do not pad. */
void comment_make(struct comment *c, const struct net *net, const struct owner *owner,
		  const struct flow *flow, size_t pad);

/* A comment that was written: the sink's, see capture/sink.h. */
struct comment_pos {
	uint32_t stream, file;
	uint64_t at;
};
/* Overwrites it from pos on; 0 or -errno. */
typedef int comment_patch_fn(void *arg, const struct comment_pos *pos, const char *text,
			     size_t len);

/* Remembers that the comment at pos waits for its flow's activity; bounded for each flow. */
void comment_wait(struct flow *flow, const struct comment_pos *pos, const struct comment *c);
/* Completes all that wait, if the activity is known by now. 0 or a failed write. */
int comment_complete(struct flow *flow, comment_patch_fn *patch, void *arg);
bool comment_may_wait(const struct flow *flow);
void comment_forget(struct flow *flow);

/*
 * Comments made before, for packets that say the same: most of a flow's do. What it returns is
 * valid until the next call.
 */
struct comment_cache;
struct comment_cache *comment_cache_new(const struct net *net);
void comment_cache_free(struct comment_cache *cache);
const struct comment *comment_cached(struct comment_cache *cache, const struct owner *owner,
				     const struct flow *flow, size_t pad);

/* What a comment says; the strings are in text, NULL: it does not say. */
struct comment_said {
	char text[COMMENT_MAX + 1];
	const char *host, *comm, *scenario, *sub, *confidence;
	bool kernel;
	uint32_t pid, owner, activity; /* 0: it does not say */
};

/* False for one that is not of our making, e.g. of a person; what *ret holds is then of no use. */
bool comment_read(const char *text, size_t len, struct comment_said *ret);

#endif
