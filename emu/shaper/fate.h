/*
 * What became of each packet on a shaped link, and its bytes: from the shaper's thread to the capture's.
 *
 * A queue of records in memory shared by two threads of this process: one writes, one reads, no lock, no
 * system call but a wake-up when the reader sleeps. A packet that is delivered is handed over with the
 * time at which it left, so the capture of a shaped link needs no ring in the kernel.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SHAPER_FATE_H
#define EMU_SHAPER_FATE_H

#include <stdbool.h>
#include <stdint.h>

enum verdict {
	FATE_DELIVERED,
	FATE_LOST,	 /* the link's loss */
	FATE_QUEUE_FULL, /* the link's limit */
	FATE_CODEL,	 /* dropped by CoDel */
	FATE_DOWN,	 /* the link is down */
	FATE_OVERRUN,	 /* the shaper had no room: never asked for, an integrity failure */
	FATE_VERDICTS
};
extern const char *const fate_names[FATE_VERDICTS]; /* "delivered", "lost", "queue", "codel", "down", "overrun" */

struct fate {
	uint64_t id;	  /* of the packet, unique in the run; a duplicate has its original's */
	uint64_t n;	  /* it is the n-th packet, from 0, that came to this end of the link */
	uint32_t link;	  /* index in net->links */
	uint8_t end;	  /* that it left: from net->links[].iface[end] to the other */
	uint8_t verdict;  /* enum verdict */
	uint8_t copy;	  /* 0, or 1 for the duplicate */
	bool corrupted, marked, reordered; /* marked: CE was set in place of a drop */
	uint32_t flipped; /* if it is corrupted: the wrong bit, 8 * i + j for bit j of byte i */
	uint32_t hash;	  /* skb->hash: the owner's tag */
	int64_t ts;	  /* CLOCK_REALTIME ns: when it was delivered or dropped */
	int64_t arrived;  /* the same clock: when it came to the link */
	int64_t queued;	  /* ns that it waited for the rate, and was sent at it */
	int64_t delay;	  /* ns drawn for it */
	uint32_t caplen, len;
};

/* ---- the queue ---- */

struct fate_queue;
/* bytes of memory for records, rounded up to a power of two; snaplen bytes of each packet are kept. */
int fate_queue_new(uint64_t bytes, uint32_t snaplen, struct fate_queue **ret);
void fate_queue_free(struct fate_queue *q);

/*
 * The writer's: 0, or -ENOSPC (counted) when the reader is too slow. data is all f->len bytes of the
 * packet, or NULL for one whose bytes nobody has; the record's caplen is filled here.
 */
int fate_push(struct fate_queue *q, const struct fate *f, const uint8_t *data);
void fate_wake(struct fate_queue *q); /* after a batch of pushes */

/* The reader's: fd becomes readable when there is something; fn's pointers are valid until it returns. */
int fate_queue_fd(const struct fate_queue *q);
typedef void fate_fn(void *arg, const struct fate *f, const uint8_t *data);
unsigned fate_read(struct fate_queue *q, fate_fn *fn, void *arg); /* number of records; may be bounded */
uint64_t fate_lost(const struct fate_queue *q); /* records that found no room */

#endif
