/*
 * CoDel: drops from a queue in which packets keep waiting longer than they should. RFC 8289,
 * section 5.
 *
 * It sees a queue through two functions and has no clock: times are given, in ns.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SHAPER_CODEL_H
#define EMU_SHAPER_CODEL_H

#include <stdbool.h>
#include <stdint.h>

struct codel_queue {
	void *arg;
	/* Takes the first packet or gives NULL: when it came, and the bytes that still wait. */
	void *(*pop)(void *arg, int64_t *ret_arrived, uint64_t *ret_waiting);
	/* Drops it; or marks it instead (section 4.6), returns false, and it is sent. */
	bool (*drop)(void *arg, void *packet);
};

/* All 0 at the start. Names are the RFC's. */
struct codel {
	bool above, dropping;
	int64_t first_above_time; /* while above */
	int64_t drop_next;
	uint32_t count, lastcount;
};

/*
 * The packet to send at now, or NULL: the queue is empty. mtu: a queue of that many bytes is
 * none.
 */
void *codel_dequeue(struct codel *c, const struct codel_queue *q, int64_t target, int64_t interval,
		    uint64_t mtu, int64_t now);

#endif
