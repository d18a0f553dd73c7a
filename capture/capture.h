/*
 * The capture of a whole network: rings and fates in, labelled pcapng and flows out, in a thread
 * of its own.
 *
 * One ring in the fabric sees every link that has a switch end; each link without one gets a ring
 * of its own. Packets of a link that the shaper shapes come from the shaper itself, which hands
 * over what became of each, the lost ones too: these are in fates.csv and not in the capture. A
 * packet is written once for each link it crosses, under the name of the host's (or router's)
 * interface there. The thread first takes in what BPF says of processes, then the packets, so a
 * packet's owner is always known by the time it is written.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#include "capture/fates.h"
#include "capture/file/pcapng.h"
#include "capture/flow/flow.h"
#include "capture/sender/infer.h"
#include "capture/sender/owner.h"
#include "capture/sender/tag.h"
#include "capture/sink.h"
#include "emu/emu.h"

/* A packet as it is written, for whoever looks on. */
struct capture_view {
	uint32_t link;
	bool out; /* it left the end that names the link, see tap_naming_iface() */
	const struct flow_packet *packet;
	const struct comment *comment;
};
/* In the capture's thread, so be quick. */
typedef void capture_view_fn(void *arg, const struct capture_view *v);

struct capture_opts {
	int dir_fd;	     /* gets capture.pcapng, flows.csv and fates.csv; -1: none are made */
	const char *name;    /* of the capture's files; NULL: "capture" */
	/*
	 * No flows.csv, no fates.csv, and no flows: what a comment says of scenario and activity
	 * is then the sender's own. Its memory stays the same however long it runs.
	 */
	bool packets_only;
	uint32_t snaplen;    /* bytes of a packet kept */
	uint64_t ring_bytes; /* of all rings and the shaper's queue; 0: as there is memory */
	const char *filter;  /* pcap-filter(7): of packets written; NULL: all. Flows count all */
	enum capture_format format;
	/* A new file (capture-00002.pcapng …) at this size or age; 0: never. */
	uint64_t rotate_bytes;
	int64_t rotate_ns;
	bool per_host;	     /* one file for each host and router, hosts/HOST.pcapng */
	bool secrets;	     /* TLS secrets of hosts' programs into pcapng files; see secrets.h */
	const struct flow_schema *const *schemas; /* beside flows.csv, NULL at the end; or NULL */
};

/* Totals so far; may be read from any thread while it runs. */
struct capture_stats {
	uint64_t packets, bytes;     /* written, wire length */
	uint64_t filtered;	     /* not written, for the filter refused them */
	uint64_t unwritten;	     /* not written, for writing had failed */
	unsigned files;		     /* capture.pcapng and those after it */
	uint64_t drops;		     /* the kernel found no room in a ring */
	uint64_t unlabelled;	     /* packets without an owner */
	uint64_t kernel;	     /* packets of a host's or switch's kernel */
	uint64_t inferred;	     /* packets whose owner is one by inference */
	uint64_t flows;
	uint64_t flows_unlabelled;   /* flows of no activity; known after capture_stop() */
	uint64_t process_events_lost; /* times without room for them; after capture_stop() */
	struct infer_stats inferring; /* after capture_stop() */
	/* Of links that the shaper shapes, known after capture_stop(). */
	bool shaped; /* there are some, and so fates.csv */
	struct fate_counts fates;
	uint64_t fates_lost;  /* fates, and so packets, that the capture had no room for */
	uint64_t overruns;    /* packets that the shaper had no room for */
	uint64_t send_errors; /* packets that it could not send */
	int error;		     /* errno of a failed write; EOVERFLOW: too many flows */
};

const char *capture_error_text(int error);

struct capture;

int capture_start(struct emu *e, struct tag *tag, struct owners *owners,
		  const struct capture_opts *opts, struct capture **ret, struct err *err);
void capture_stats(struct capture *c, struct capture_stats *ret);
/* Has each packet that the filter lets pass shown to fn from now on; NULL: to nobody any more. */
void capture_set_view(struct capture *c, capture_view_fn *fn, void *arg);
/*
 * Takes in what rings and shaper still hold, writes flows.csv, closes the files. The stats are
 * then final.
 */
int capture_stop(struct capture *c, struct err *err);
/* Flows, after capture_stop(), for summaries; in order of first packet. NULL: packets only. */
struct flow_table *capture_flows(struct capture *c);
/*
 * Of packets that left the link's end, after capture_stop(); NULL: no link is shaped by the
 * shaper.
 */
const struct fate_counts *capture_fates(const struct capture *c, uint32_t link, int end);
void capture_free(struct capture *c);

#endif
