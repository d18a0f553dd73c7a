/*
 * The text beside each packet: "host=h1 pid=812 comm=lftp scenario=ftp/get activity=17".
 *
 * Its second half comes from the packet's flow, and a flow that the server opens (FTP's active mode)
 * is known to belong to an activity only when the client answers. So a packet of a flow with no
 * activity yet gets its comment padded with spaces, and is completed in place when it is known.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_COMMENT_H
#define CAPTURE_COMMENT_H

#include "capture/flow/flow.h"
#include "capture/sender/owner.h"
#include "capture/file/pcapng.h"

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

/* Remembers that the comment at pos waits for its flow's activity; bounded for each flow. */
void comment_wait(struct flow *flow, uint64_t pos, const struct comment *c);
/* Completes all that wait, if the activity is known by now. 0 or a failed write. */
int comment_complete(struct flow *flow, struct pcapng_writer *w);
bool comment_may_wait(const struct flow *flow);
void comment_forget(struct flow *flow);

#endif
