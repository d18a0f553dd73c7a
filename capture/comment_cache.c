/*
 * Comments of packets that say the same, made once.
 *
 * A row is found by who sent the packet and what its flow belongs to; all that a comment is made
 * of never changes behind these pointers but the pid of a program that is just being started.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include "capture/comment.h"

#define ROWS 512 /* a power of two */

struct key {
	const struct owner *owner;
	const struct activity_label *activity;
	const char *scenario;
	size_t pad;
	uint32_t pid;
	bool used, flow;
};

struct row {
	struct key key;
	struct comment comment;
};

struct comment_cache {
	const struct net *net;
	struct row rows[ROWS];
};

struct comment_cache *comment_cache_new(const struct net *net)
{
	struct comment_cache *cache = calloc(1, sizeof(*cache));

	if (cache)
		cache->net = net;
	return cache;
}

void comment_cache_free(struct comment_cache *cache)
{
	free(cache);
}

static size_t slot_of(const struct key *k)
{
	uint64_t h = (uintptr_t)k->owner ^ (uintptr_t)k->activity * 31 ^ k->pad << 20;

	h *= 0x9e3779b97f4a7c15ull;
	return h >> 32 & (ROWS - 1);
}

static bool same(const struct key *a, const struct key *b)
{
	return a->used && a->owner == b->owner && a->activity == b->activity &&
	       a->scenario == b->scenario && a->pid == b->pid && a->pad == b->pad &&
	       a->flow == b->flow;
}

const struct comment *comment_cached(struct comment_cache *cache, const struct owner *owner,
				     const struct flow *flow, size_t pad)
{
	const struct key key = {
		.owner = owner,
		.activity = flow ? flow->activity : NULL,
		.scenario = flow ? flow->scenario : NULL,
		.pad = pad,
		.pid = owner ? __atomic_load_n(&owner->pid, __ATOMIC_RELAXED) : 0,
		.used = true,
		.flow = flow != NULL,
	};
	struct row *row = &cache->rows[slot_of(&key)];

	if (!same(&row->key, &key)) {
		row->key = key;
		comment_make(&row->comment, cache->net, owner, flow, pad);
	}
	return &row->comment;
}
