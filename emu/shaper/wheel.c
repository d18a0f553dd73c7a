/* A hierarchical timer wheel with a word of bits a level; a heap keeps what is due in order. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/shaper/wheel.h"

#include <string.h>

#define SLOT_MASK ((1U << WHEEL_SLOT_BITS) - 1)
#define LEVEL_DUE WHEEL_LEVELS

/* Ticks count from the earliest time there is, so they are 52 bits and never negative. */
static uint64_t tick_of(int64_t at)
{
	return ((uint64_t)at ^ (uint64_t)INT64_MIN) >> WHEEL_TICK_BITS;
}

static int64_t time_of(uint64_t tick)
{
	return (int64_t)(tick << WHEEL_TICK_BITS ^ (uint64_t)INT64_MIN);
}

static bool before(const struct wheel_timer *a, const struct wheel_timer *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void list_push(struct wheel_timer **head, struct wheel_timer *t)
{
	t->next = *head;
	t->prev = head;
	if (t->next)
		t->next->prev = &t->next;
	*head = t;
}

static void list_unlink(struct wheel_timer *t)
{
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->next = NULL;
	t->prev = NULL;
}

/* ---- the heap: a node's children are a list, and the root a list of one ---- */

static struct wheel_timer *meld(struct wheel_timer *a, struct wheel_timer *b)
{
	struct wheel_timer *first = before(b, a) ? b : a, *second = first == a ? b : a;

	list_push(&first->child, second);
	return first;
}

/*
 * Melds siblings in pairs and then the pairs, which is what makes popping O(log n) in the long
 * run.
 */
static struct wheel_timer *meld_siblings(struct wheel_timer *list)
{
	struct wheel_timer *pairs = NULL, *root;

	while (list) {
		struct wheel_timer *a = list, *b = a->next;

		list = b ? b->next : NULL;
		a->next = NULL;
		if (b)
			a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	root = pairs;
	if (!root)
		return NULL;
	pairs = root->next;
	root->next = NULL;
	while (pairs) {
		struct wheel_timer *a = pairs;

		pairs = a->next;
		a->next = NULL;
		root = meld(root, a);
	}
	return root;
}

static void due_meld(struct wheel *w, struct wheel_timer *heap)
{
	struct wheel_timer *root = w->due;

	if (!heap)
		return;
	root = root ? meld(root, heap) : heap;
	root->next = NULL;
	root->prev = &w->due;
	w->due = root;
}

static void due_del(struct wheel *w, struct wheel_timer *t)
{
	struct wheel_timer *children = t->child;

	t->child = NULL;
	list_unlink(t);
	due_meld(w, meld_siblings(children));
}

/* ---- the wheel ---- */

void wheel_init(struct wheel *w, int64_t now)
{
	memset(w, 0, sizeof(*w));
	w->now = now;
}

/*
 * A timer lives at the level of the highest digit (of WHEEL_SLOT_BITS) in which its tick differs
 * from the wheel's. So all of a level are earlier than all of the next, and the lowest bit in
 * use is the earliest.
 */
static void place(struct wheel *w, struct wheel_timer *t)
{
	uint64_t tick = tick_of(t->at), now = tick_of(w->now);
	unsigned level, slot;

	if (tick <= now) {
		t->level = LEVEL_DUE;
		due_meld(w, t);
		return;
	}
	level = (63 - (unsigned)__builtin_clzll(tick ^ now)) / WHEEL_SLOT_BITS;
	slot = tick >> (level * WHEEL_SLOT_BITS) & SLOT_MASK;
	t->level = (uint8_t)level;
	t->slot = (uint8_t)slot;
	if (!w->slot[level][slot] || t->at < w->first[level][slot])
		w->first[level][slot] = t->at;
	w->used[level] |= 1ULL << slot;
	list_push(&w->slot[level][slot], t);
}

void wheel_add(struct wheel *w, struct wheel_timer *t, int64_t at)
{
	t->at = at;
	t->seq = w->seq++;
	t->child = NULL;
	t->next = NULL;
	place(w, t);
}

void wheel_del(struct wheel *w, struct wheel_timer *t)
{
	if (!wheel_linked(t))
		return;
	if (t->level == LEVEL_DUE) {
		due_del(w, t);
		return;
	}
	list_unlink(t);
	if (!w->slot[t->level][t->slot])
		w->used[t->level] &= ~(1ULL << t->slot);
}

/* The level and slot of the earliest timer that is not due; false: there is none. */
static bool earliest(const struct wheel *w, unsigned *ret_level, unsigned *ret_slot)
{
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		if (!w->used[level])
			continue;
		*ret_level = level;
		*ret_slot = (unsigned)__builtin_ctzll(w->used[level]);
		return true;
	}
	return false;
}

/* Goes on to the start of a slot, whose timers become due or move to lower levels. */
static void reach(struct wheel *w, unsigned level, unsigned slot, uint64_t start)
{
	struct wheel_timer *t = w->slot[level][slot], *next;

	w->now = time_of(start);
	w->slot[level][slot] = NULL;
	w->used[level] &= ~(1ULL << slot);
	for (; t; t = next) {
		next = t->next;
		t->next = NULL;
		place(w, t);
	}
}

struct wheel_timer *wheel_pop(struct wheel *w, int64_t now)
{
	unsigned level, slot;

	while (!w->due && earliest(w, &level, &slot)) {
		unsigned shift = level * WHEEL_SLOT_BITS, above = shift + WHEEL_SLOT_BITS;
		uint64_t start = tick_of(w->now) >> above << above | (uint64_t)slot << shift;

		if (start > tick_of(now))
			break;
		reach(w, level, slot, start);
	}
	if (w->due && w->due->at <= now) {
		struct wheel_timer *t = w->due;

		due_del(w, t);
		return t;
	}
	/* No slot in use begins before, so every timer keeps its level. */
	if (now > w->now)
		w->now = now;
	return NULL;
}

int64_t wheel_next(const struct wheel *w)
{
	unsigned level, slot;

	if (w->due)
		return w->due->at;
	return earliest(w, &level, &slot) ? w->first[level][slot] : INT64_MAX;
}
