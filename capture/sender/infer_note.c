/* What is noted of senders: a hash of records by key, the youngest of a key first. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "capture/sender/infer_internal.h"
#include "capture/sender/process.h"
#include "core/cleanup.h"

static size_t slot_of(const struct infer *i, const struct infer_key *k)
{
	uint64_t words[sizeof(*k) / sizeof(uint64_t)], h = 0;

	_Static_assert(sizeof(*k) % sizeof(uint64_t) == 0, "whole words, none of them padding");
	memcpy(words, k, sizeof(words));
	for (size_t w = 0; w < ARRAY_SIZE(words); w++)
		h = process_hash(h ^ words[w]);
	return h & (i->n_slots - 1);
}

static int grow(struct infer *i)
{
	size_t n = i->n_slots ? 2 * i->n_slots : 4096, old_n = i->n_slots;
	struct infer_record **old = i->slots, **slots;

	if (i->n_records < i->n_slots)
		return 0;
	slots = calloc(n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	i->slots = slots;
	i->n_slots = n;
	for (size_t s = 0; s < old_n; s++) {
		struct infer_record *r = old[s], *turned = NULL, *next;

		for (; r; r = next) { /* oldest first, so that the youngest comes to lie first again */
			next = r->next;
			r->next = turned;
			turned = r;
		}
		for (r = turned; r; r = next) {
			size_t to = slot_of(i, &r->key);

			next = r->next;
			r->next = slots[to];
			slots[to] = r;
		}
	}
	free(old);
	return 0;
}

struct infer_record *infer_note(struct infer *i, const struct infer_key *k, uint32_t owner,
				uint32_t seq, int64_t ts)
{
	struct infer_record *r = grow(i) < 0 ? NULL : malloc(sizeof(*r));
	size_t s;

	if (!r)
		return NULL;
	s = slot_of(i, k);
	*r = (struct infer_record){ .key = *k, .owner = owner, .seq = seq, .ts = ts,
				    .next = i->slots[s] };
	i->slots[s] = r;
	i->n_records++;
	return r;
}

struct infer_record *infer_noted(const struct infer *i, const struct infer_key *k, int64_t ts)
{
	struct infer_record *r = i->n_slots ? i->slots[slot_of(i, k)] : NULL;

	while (r && (memcmp(&r->key, k, sizeof(*k)) || r->ts > ts))
		r = r->next;
	return r;
}

void infer_forget(struct infer *i)
{
	for (size_t s = 0; s < i->n_slots; s++) {
		struct infer_record *next;

		for (struct infer_record *r = i->slots[s]; r; r = next) {
			next = r->next;
			free(r);
		}
	}
	free(i->slots);
}
