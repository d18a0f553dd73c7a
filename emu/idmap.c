/* Maps 64-bit keys to indexes: open addressing, doubled when three quarters full. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/idmap.h"

#include <ctype.h>
#include <errno.h>

#define FIRST_SIZE 64

static size_t slot_of(const struct idmap *m, uint64_t key)
{
	/* Addresses count up, so the key is spread first (finalizer of splitmix64). */
	uint64_t h = key;

	h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ULL;
	h = (h ^ (h >> 27)) * 0x94d049bb133111ebULL;
	size_t i = (size_t)(h ^ (h >> 31)) & (m->size - 1);

	while (m->slots[i].value != IDMAP_NONE && m->slots[i].key != key)
		i = (i + 1) & (m->size - 1);
	return i;
}

static int grow(struct idmap *m)
{
	struct idmap bigger = {.size = m->size ? m->size * 2 : FIRST_SIZE, .used = m->used};

	bigger.slots = malloc(bigger.size * sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < bigger.size; i++)
		bigger.slots[i] = (struct idmap_slot){.value = IDMAP_NONE};
	for (size_t i = 0; i < m->size; i++)
		if (m->slots[i].value != IDMAP_NONE)
			bigger.slots[slot_of(&bigger, m->slots[i].key)] = m->slots[i];
	free(m->slots);
	*m = bigger;
	return 0;
}

int idmap_put(struct idmap *m, uint64_t key, uint32_t value)
{
	if (m->used * 4 >= m->size * 3) {
		int r = grow(m);

		if (r < 0)
			return r;
	}
	struct idmap_slot *s = &m->slots[slot_of(m, key)];

	if (s->value == IDMAP_NONE)
		m->used++;
	*s = (struct idmap_slot){.key = key, .value = value};
	return 0;
}

uint32_t idmap_get(const struct idmap *m, uint64_t key)
{
	return m->size ? m->slots[slot_of(m, key)].value : IDMAP_NONE;
}

void idmap_free(struct idmap *m)
{
	free(m->slots);
	*m = (struct idmap){0};
}

uint64_t idmap_text_key(const char *text)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (; *text; text++)
		h = (h ^ (unsigned char)tolower((unsigned char)*text)) * 0x100000001b3ULL;
	return h;
}
