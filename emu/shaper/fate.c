/*
 * The queue of fates: a ring of bytes between one writer and one reader, without a lock.
 *
 * Theory of operation. Two counters of bytes only grow: head is the writer's, tail the reader's, and
 * the ring's size, a power of two, turns them into places. A record is in one piece: where it would
 * cross the ring's end, a filler takes what is left there. The reader says that it may sleep (waiting)
 * before it looks at head for the last time, and the writer takes that word back by an exchange after
 * it has moved head. The word is only ever exchanged, never stored, so all that is done to it is in one
 * order in which each exchange sees what was written before those it follows: either the writer's comes
 * second and finds the reader about to sleep, or the reader's does, and then it sees the new head.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include "emu/shaper/fate.h"

#define CACHE_LINE    64
#define QUEUE_MIN     (64ull << 10)
#define QUEUE_MAX     (64ull << 30)
#define RECORDS_ROUND 4096 /* that fate_read() hands out before others have their turn */

const char *const fate_names[FATE_VERDICTS] = {
	[FATE_DELIVERED] = "delivered", [FATE_LOST] = "lost", [FATE_QUEUE_FULL] = "queue",
	[FATE_CODEL] = "codel",		[FATE_DOWN] = "down", [FATE_OVERRUN] = "overrun",
};

struct record {
	uint32_t size; /* of all of it, to the next one */
	bool filler;   /* nothing follows these two */
	struct fate fate;
	uint8_t data[];
};

struct fate_queue {
	uint8_t *ring;
	uint64_t size;
	uint32_t snaplen;
	int fd;
	alignas(CACHE_LINE) _Atomic uint64_t head;
	uint64_t seen_tail; /* as the writer last knew it */
	_Atomic uint64_t lost;
	alignas(CACHE_LINE) _Atomic uint64_t tail;
	alignas(CACHE_LINE) atomic_bool waiting;
};

static uint64_t record_size(uint32_t caplen)
{
	const uint64_t a = alignof(struct record);

	return (sizeof(struct record) + caplen + a - 1) & ~(a - 1);
}

int fate_queue_new(uint64_t bytes, uint32_t snaplen, struct fate_queue **ret)
{
	/* Before a record there may be a filler, a little shorter than itself. */
	uint64_t size = QUEUE_MIN, least = 2 * record_size(snaplen);
	struct fate_queue *q;
	int r;

	if (bytes > QUEUE_MAX || record_size(snaplen) > UINT32_MAX)
		return -EINVAL;
	while (size < bytes || size < least)
		size <<= 1;
	q = aligned_alloc(CACHE_LINE, sizeof(*q));
	if (!q)
		return -ENOMEM;
	memset(q, 0, sizeof(*q));
	q->size = size;
	q->snaplen = snaplen;
	atomic_init(&q->waiting, true);
	q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->fd < 0) {
		r = -errno;
		free(q);
		return r;
	}
	q->ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (q->ring == MAP_FAILED) {
		r = -errno;
		close(q->fd);
		free(q);
		return r;
	}
	*ret = q;
	return 0;
}

void fate_queue_free(struct fate_queue *q)
{
	if (!q)
		return;
	munmap(q->ring, q->size);
	close(q->fd);
	free(q);
}

static struct record *record_at(const struct fate_queue *q, uint64_t pos)
{
	return (struct record *)(q->ring + (pos & (q->size - 1)));
}

int fate_push(struct fate_queue *q, const struct fate *f, const uint8_t *data)
{
	uint32_t caplen = !data ? 0 : f->len < q->snaplen ? f->len : q->snaplen;
	uint64_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
	uint64_t size = record_size(caplen), to_end = q->size - (head & (q->size - 1));
	uint64_t filler = size > to_end ? to_end : 0;
	struct record *rec;

	if (head + filler + size - q->seen_tail > q->size) {
		q->seen_tail = atomic_load_explicit(&q->tail, memory_order_acquire);
		if (head + filler + size - q->seen_tail > q->size) {
			atomic_fetch_add_explicit(&q->lost, 1, memory_order_relaxed);
			return -ENOSPC;
		}
	}
	if (filler) {
		rec = record_at(q, head);
		rec->size = (uint32_t)filler;
		rec->filler = true;
		head += filler;
	}
	rec = record_at(q, head);
	rec->size = (uint32_t)size;
	rec->filler = false;
	rec->fate = *f;
	rec->fate.caplen = caplen;
	if (caplen)
		memcpy(rec->data, data, caplen);
	atomic_store_explicit(&q->head, head + size, memory_order_release);
	return 0;
}

static void signal_reader(const struct fate_queue *q)
{
	eventfd_write(q->fd, 1);
}

void fate_wake(struct fate_queue *q)
{
	if (atomic_exchange_explicit(&q->waiting, false, memory_order_acq_rel))
		signal_reader(q);
}

int fate_queue_fd(const struct fate_queue *q)
{
	return q->fd;
}

/* What is there now, at most max records. */
static unsigned read_records(struct fate_queue *q, unsigned max, fate_fn *fn, void *arg)
{
	uint64_t head = atomic_load_explicit(&q->head, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
	unsigned n = 0;

	while (tail != head && n < max) {
		const struct record *rec = record_at(q, tail);

		tail += rec->size;
		if (!rec->filler) {
			fn(arg, &rec->fate, rec->data);
			n++;
		}
		atomic_store_explicit(&q->tail, tail, memory_order_release);
	}
	return n;
}

unsigned fate_read(struct fate_queue *q, fate_fn *fn, void *arg)
{
	unsigned n = 0;
	eventfd_t count;

	for (;;) {
		n += read_records(q, RECORDS_ROUND - n, fn, arg);
		if (n == RECORDS_ROUND) {
			signal_reader(q);
			return n;
		}
		if (eventfd_read(q->fd, &count) < 0 && errno != EAGAIN)
			return n;
		atomic_exchange_explicit(&q->waiting, true, memory_order_acq_rel);
		if (atomic_load_explicit(&q->head, memory_order_acquire) ==
		    atomic_load_explicit(&q->tail, memory_order_relaxed))
			return n;
		atomic_exchange_explicit(&q->waiting, false, memory_order_acq_rel);
	}
}

uint64_t fate_lost(const struct fate_queue *q)
{
	return atomic_load_explicit(&((struct fate_queue *)q)->lost, memory_order_relaxed);
}
