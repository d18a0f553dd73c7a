/*
 * The capture's files: capture.pcapng and those after it, and one for each host beside them.
 *
 * Theory of operation. A stream is a file and its successors: the whole network's, in which each
 * link is an interface named by its host's end, and with per_host one for each host and router, of
 * its own interfaces. A stream begins a new file when the last one is large or old enough; each is
 * whole in itself: section, interfaces, names, packets, statistics. A file that was followed by
 * another stays open for a while, for what comes in late: comments to complete, and TLS secrets.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SINK_H
#define CAPTURE_SINK_H

#include "capture/comment.h"
#include "capture/file/pcapng.h"
#include "emu/net.h"

enum capture_format { CAPTURE_PCAPNG, CAPTURE_PCAP };
extern const char *const capture_format_names[]; /* "pcapng", "pcap": also the names' endings */

#define SINK_HOSTS  "hosts" /* the folder of the files of hosts */
#define SINK_COPIES 3	    /* files that a packet may be in */

struct sink_opts {
	int dir_fd;
	const char *name; /* of the files: "capture" */
	enum capture_format format;
	uint32_t snaplen;
	const char *filter; /* for the files' readers; NULL: none */
	uint64_t rotate_bytes; /* 0: never */
	int64_t rotate_ns;     /* 0: never. Files begin at multiples of it after start */
	bool per_host;
	int64_t start; /* of the capture, CLOCK_REALTIME ns */
};

/* Of one link since the start. Whoever writes counts, but for delivered. */
struct sink_count {
	uint64_t received, accepted, delivered;
	uint64_t dropped, os_dropped; /* see struct pcapng_stats */
};

struct sink;

/* Makes the files. net outlives the sink. */
int sink_open(const struct net *net, const struct sink_opts *opts, struct sink **ret,
	      struct err *err);
struct sink_count *sink_count(struct sink *s, uint32_t link);
/*
 * A packet on a link, out of the end that names it or in; its iface and dir are filled in here.
 * The number of files it was written to, with the positions of its comment there; or -errno.
 */
int sink_write(struct sink *s, uint32_t link, bool out, struct pcapng_packet *p,
	       struct comment_pos ret_pos[SINK_COPIES]);
comment_patch_fn sink_patch; /* arg: the sink */
/*
 * TLS secrets, see pcapng_set_secrets(): in each file that is not closed yet. Copied. 0, -ENOMEM,
 * or -EFBIG for more than SECRETS_MAX together.
 */
int sink_add_secrets(struct sink *s, const char *keys, size_t len);
int sink_flush(struct sink *s);
/* Closes it and removes the files, where a capture does not begin. */
void sink_remove(struct sink *s);
/* Statistics, and the end of all files; the first error of their lives. */
int sink_close(struct sink *s, struct err *err);

/* Of the whole network's stream; may be asked from any thread. */
unsigned sink_files(const struct sink *s);
/* "capture-00002.pcapng": the number-th file, counted from 1. */
#define SINK_NAME_SIZE 300
const char *sink_name(char buf[SINK_NAME_SIZE], const char *name, enum capture_format format,
		      unsigned number);
/* Is it a name of this kind? */
bool sink_is_name(const char *file, const char *name);

#endif
