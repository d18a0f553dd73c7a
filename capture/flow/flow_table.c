/*
 * The rows of the flow table, and how they are found.
 *
 * Theory of operation. Rows live in chunks that never move; behind each lie the states of the
 * schemas. A hash table with open addressing maps a key, the same for both directions, to the
 * newest row of these addresses. Where all flows are kept, rows stand in the order of their first
 * packet, and an older row is found by this order only. Where each flow is handed over at its
 * end, its row is used again.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include "capture/flow/flow_internal.h"
#include "capture/flow/schema.h"
#include "core/units.h"

#define FIRST_ROWS 256
#define CHUNK_SIZE (4u << 20)
#define HUGE_PAGE  (2u << 20)
#define SLOTS_MIN  4096
#define ALIGN	   64 /* of rows and states: a cache line */

static size_t aligned(size_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static size_t state_size(const struct flow_schema *s)
{
	return aligned(s->state_size);
}

static void set_defaults(struct flow_opts *o)
{
	if (!o->tcp_idle)
		o->tcp_idle = 5 * 60 * NSEC_PER_SEC;
	if (!o->udp_idle)
		o->udp_idle = 60 * NSEC_PER_SEC;
	if (!o->icmp_idle)
		o->icmp_idle = 60 * NSEC_PER_SEC;
	if (!o->tcp_closed)
		o->tcp_closed = 5 * NSEC_PER_SEC;
	if (!o->tcp_attempt)
		o->tcp_attempt = 5 * NSEC_PER_SEC;
}

struct flow_table *flow_table_new(const struct flow_opts *opts, struct owners *owners)
{
	struct flow_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	if (opts)
		t->opts = *opts;
	set_defaults(&t->opts);
	t->owners = owners;
	t->row_size = aligned(sizeof(struct flow_entry));
	for (size_t i = 0; t->opts.schemas && t->opts.schemas[i]; i++)
		t->row_size += state_size(t->opts.schemas[i]);
	t->chunk_rows = CHUNK_SIZE / t->row_size;
	if (getrandom(t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed[0] = t->seed[1] = (uint64_t)units_now_mono();
	t->seed[1] |= 1;
	flow_expire_init(t);
	t->n_slots = SLOTS_MIN;
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	if (!t->slots) {
		free(t);
		return NULL;
	}
	return t;
}

static struct flow_entry *row_at(const struct flow_table *t, size_t i)
{
	size_t chunk = 0;

	if (i >= FIRST_ROWS) {
		i -= FIRST_ROWS;
		chunk = 1 + i / t->chunk_rows;
		i %= t->chunk_rows;
	}
	return (struct flow_entry *)(t->chunks[chunk] + i * t->row_size);
}

void flow_table_free(struct flow_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_rows; i++)
		conn_close(&row_at(t, i)->conn);
	for (size_t i = 0; i < t->n_chunks; i++)
		free(t->chunks[i]);
	free(t->chunks);
	free(t->slots);
	free(t);
}

uint64_t flow_key_hash(const struct flow_table *t, const struct flow_key *k)
{
	_Static_assert(sizeof(struct flow_key) == 40, "hashed as five words");
	return flow_hash(t->seed, k, 5);
}

static bool is_of(const struct flow_entry *e, const struct flow_key *k)
{
	const struct flow *f = &e->flow;
	bool orig = e->orig_second;

	return !memcmp(f->orig.ip, k->ip[orig], 16) && !memcmp(f->resp.ip, k->ip[!orig], 16) &&
	       f->orig.port == k->port[orig] && f->resp.port == k->port[!orig] &&
	       f->proto == k->proto && f->family == k->family;
}

struct flow_slot *flow_slot_find(const struct flow_table *t, const struct flow_key *k,
				 uint64_t hash)
{
	size_t mask = t->n_slots - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct flow_slot *s = &t->slots[i];

		if (!s->entry || (s->hash == hash && is_of(s->entry, k)))
			return s;
	}
}

/*
 * Memory that is jumped about in: with pages of 4 KiB each jump would cost a walk of the page
 * tables, which in a virtual machine is longer than the access itself.
 */
static void *huge_alloc(size_t size)
{
	void *p;

	size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	p = aligned_alloc(HUGE_PAGE, size);
	if (p)
		madvise(p, size, MADV_HUGEPAGE); /* a kernel without them is only slower */
	return p;
}

static struct flow_slot *alloc_slots(size_t n)
{
	struct flow_slot *slots;

	if (n * sizeof(*slots) < HUGE_PAGE)
		return calloc(n, sizeof(*slots));
	slots = huge_alloc(n * sizeof(*slots));
	if (slots)
		memset(slots, 0, n * sizeof(*slots));
	return slots;
}

static int grow_slots(struct flow_table *t)
{
	size_t n = t->n_slots * 2, mask = n - 1;
	struct flow_slot *slots = alloc_slots(n);

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_slots; i++) {
		size_t j = t->slots[i].hash & mask;

		if (!t->slots[i].entry)
			continue;
		while (slots[j].entry)
			j = (j + 1) & mask;
		slots[j] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->n_slots = n;
	return 0;
}

/* Empties a slot, and moves those behind it that would not be found across the gap. */
static void clear_slot(struct flow_table *t, size_t i)
{
	size_t mask = t->n_slots - 1;

	for (size_t j = (i + 1) & mask; t->slots[j].entry; j = (j + 1) & mask) {
		size_t home = t->slots[j].hash & mask;

		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		t->slots[i] = t->slots[j];
		i = j;
	}
	t->slots[i].entry = NULL;
	t->n_used--;
}

static void forget(struct flow_table *t, const struct flow_entry *e)
{
	size_t mask = t->n_slots - 1;

	for (size_t i = e->hash & mask; t->slots[i].entry; i = (i + 1) & mask) {
		if (t->slots[i].entry == e) {
			clear_slot(t, i);
			return;
		}
	}
}

static int add_chunk(struct flow_table *t)
{
	if (t->n_chunks == t->chunks_size) {
		size_t size = t->chunks_size ? t->chunks_size * 2 : 64;
		uint8_t **c = reallocarray(t->chunks, size, sizeof(*c));

		if (!c)
			return -ENOMEM;
		t->chunks = c;
		t->chunks_size = size;
	}
	t->chunks[t->n_chunks] = t->n_chunks ? huge_alloc(t->chunk_rows * t->row_size) :
					       aligned_alloc(ALIGN, FIRST_ROWS * t->row_size);
	if (!t->chunks[t->n_chunks])
		return -ENOMEM;
	t->n_chunks++;
	return 0;
}

static struct flow_entry *new_row(struct flow_table *t)
{
	struct flow_entry *e = t->free;

	if (e) {
		t->free = e->next;
		t->n_free--;
	} else {
		size_t room = t->n_chunks ? FIRST_ROWS + (t->n_chunks - 1) * t->chunk_rows : 0;

		if (t->n_rows == room && add_chunk(t))
			return NULL;
		e = row_at(t, t->n_rows++);
	}
	memset(e, 0, t->row_size);
	e->flow.number = ++t->n;
	return e;
}

static bool is_full(const struct flow_table *t)
{
	return t->opts.memory_max && !t->free &&
	       (t->n_rows + 1) * t->row_size > t->opts.memory_max;
}

int flow_row_add(struct flow_table *t, struct flow_slot *s, uint64_t hash, const struct flow_key *k,
		 struct flow_entry **ret)
{
	struct flow_entry *e;
	int r;

	if (is_full(t))
		return -EOVERFLOW;
	if (!s->entry && (t->n_used + 1) * 2 > t->n_slots) {
		r = grow_slots(t);
		if (r)
			return r;
		s = flow_slot_find(t, k, hash);
	}
	e = new_row(t);
	if (!e)
		return -ENOMEM;
	e->hash = hash;
	t->n_used += !s->entry;
	s->hash = hash;
	s->entry = e;
	*ret = e;
	return 0;
}

int flow_row_end(struct flow_table *t, struct flow_entry *e)
{
	int r;

	conn_close(&e->conn);
	if (!t->opts.ended)
		return 0;
	forget(t, e);
	flow_expire_remove(e);
	r = t->opts.ended(t->opts.arg, &e->flow);
	e->flow.number = 0;
	e->next = t->free;
	t->free = e;
	t->n_free++;
	return r;
}

size_t flow_table_count(const struct flow_table *t)
{
	return t->n;
}

size_t flow_table_live(const struct flow_table *t)
{
	return t->n_rows - t->n_free;
}

static int by_number(const void *a, const void *b)
{
	const struct flow_entry *const *x = a, *const *y = b;

	return (*x)->flow.number < (*y)->flow.number ? -1 : 1;
}

static int end_all(struct flow_table *t)
{
	size_t n = 0, live = flow_table_live(t);
	_cleanup_free_ struct flow_entry **rows = calloc(live + 1, sizeof(*rows));
	int r = 0;

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < t->n_rows; i++)
		if (row_at(t, i)->flow.number)
			rows[n++] = row_at(t, i);
	qsort(rows, n, sizeof(*rows), by_number);
	for (size_t i = 0; !r && i < n; i++)
		r = flow_row_end(t, rows[i]);
	return r;
}

int flow_table_each(struct flow_table *t, flow_fn *fn, void *arg)
{
	if (t->opts.ended)
		return end_all(t);
	for (size_t i = 0; i < t->n_rows; i++) {
		int r = fn(arg, &row_at(t, i)->flow);

		if (r)
			return r;
	}
	return 0;
}

/* The state of the schema behind the row; *at is where the first begins, and then the next. */
static void *next_state(const struct flow_schema *schema, size_t *at, const struct flow_entry *e)
{
	uint8_t *state = (uint8_t *)e + *at;

	*at += state_size(schema);
	return state;
}

const void *flow_schema_state(const struct flow_table *t, const struct flow *f,
			      const struct flow_schema *schema)
{
	size_t at = aligned(sizeof(struct flow_entry));

	for (size_t i = 0; t->opts.schemas && t->opts.schemas[i]; i++) {
		void *state = next_state(t->opts.schemas[i], &at, flow_entry(f));

		if (t->opts.schemas[i] == schema)
			return schema->state_size ? state : NULL;
	}
	return NULL;
}

void flow_show_schemas(struct flow_table *t, struct flow_entry *e, int dir, const struct packet *p,
		       const struct flow_packet *fp)
{
	size_t at = aligned(sizeof(struct flow_entry));

	for (size_t i = 0; t->opts.schemas[i]; i++) {
		const struct flow_schema *s = t->opts.schemas[i];
		void *state = next_state(s, &at, e);

		if (s->packet)
			s->packet(state, &e->flow, dir, fp, p);
	}
}

void flow_reset_schemas(struct flow_table *t, struct flow_entry *e)
{
	size_t at = aligned(sizeof(struct flow_entry));

	for (size_t i = 0; t->opts.schemas && t->opts.schemas[i]; i++) {
		const struct flow_schema *s = t->opts.schemas[i];
		void *state = next_state(s, &at, e);

		if (s->reset)
			s->reset(state);
		else
			memset(state, 0, s->state_size);
	}
}
