/*
 * What is noted of senders: a hash of records by key, the youngest of a key first. What has not been
 * looked up for long goes, and what was looked up longest ago where there are too many: a socket that
 * is still there is asked for again.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "capture/sender/infer_internal.h"
#include "capture/sender/process.h"
#include "core/cleanup.h"
#include "core/units.h"

#define SLOTS	    (1u << 17)
#define RECORDS_MAX (1u << 18) /* 40 MiB */
#define AGE_MAX	    (600 * NSEC_PER_SEC)

static struct infer_slot *slot_of(const struct infer *i, const struct infer_key *k)
{
	uint64_t words[sizeof(*k) / sizeof(uint64_t)], h = 0;

	_Static_assert(sizeof(*k) % sizeof(uint64_t) == 0, "whole words, none of them padding");
	memcpy(words, k, sizeof(words));
	for (size_t w = 0; w < ARRAY_SIZE(words); w++)
		h = process_hash(h ^ words[w]);
	return &i->slots[h & (SLOTS - 1)];
}

/* Without the notice of a closed socket, nothing older that was noted of its port is sure. */
static void drop(struct infer *i, struct infer_record *r)
{
	if (r->key.family == 0 && r->ts > i->udp_from)
		i->udp_from = r->ts;
	LIST_REMOVE(r, in_slot);
	TAILQ_REMOVE(&i->uses, r, in_use);
	i->n_records--;
	free(r);
}

/* Two at most for each that comes, so that no one call takes long. */
static void make_room(struct infer *i)
{
	for (int k = 0; k < 2; k++) {
		struct infer_record *r = TAILQ_FIRST(&i->uses);
		bool old = r && r->used < i->newest - AGE_MAX;

		if (!r || (!old && i->n_records < RECORDS_MAX))
			return;
		i->stats.evicted += !old;
		drop(i, r);
	}
}

static void use(struct infer *i, struct infer_record *r)
{
	r->used = i->newest;
	TAILQ_REMOVE(&i->uses, r, in_use);
	TAILQ_INSERT_TAIL(&i->uses, r, in_use);
}

struct infer_record *infer_note(struct infer *i, const struct infer_key *k, uint32_t owner,
				uint32_t seq, int64_t ts)
{
	struct infer_record *r;

	if (!i->slots) {
		i->slots = calloc(SLOTS, sizeof(*i->slots));
		TAILQ_INIT(&i->uses);
	}
	r = i->slots ? malloc(sizeof(*r)) : NULL;
	if (!r)
		return NULL;
	if (ts > i->newest)
		i->newest = ts;
	make_room(i);
	*r = (struct infer_record){ .key = *k, .owner = owner, .seq = seq, .ts = ts, .asked = ts,
				    .used = i->newest };
	LIST_INSERT_HEAD(slot_of(i, k), r, in_slot);
	TAILQ_INSERT_TAIL(&i->uses, r, in_use);
	i->n_records++;
	return r;
}

struct infer_record *infer_noted(struct infer *i, const struct infer_key *k, int64_t ts)
{
	struct infer_record *r;

	if (!i->slots)
		return NULL;
	LIST_FOREACH(r, slot_of(i, k), in_slot)
		if (!memcmp(&r->key, k, sizeof(*k)) && r->ts <= ts)
			break;
	if (r)
		use(i, r);
	return r;
}

void infer_forget(struct infer *i)
{
	while (i->slots && !TAILQ_EMPTY(&i->uses))
		drop(i, TAILQ_FIRST(&i->uses));
	free(i->slots);
	i->slots = NULL;
}
