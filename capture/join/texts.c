/* Keeps each text once. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include "capture/join/texts.h"

/* FNV-1a. Unlike idmap_text_key() it tells upper from lower case. */
uint64_t texts_hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3ull;
	return h;
}

uint32_t texts_add(struct texts *t, const char *text)
{
	uint64_t hash = texts_hash(text);
	uint32_t first = idmap_get(&t->by_hash, hash);

	for (uint32_t i = first; i != TEXTS_NONE; i = t->rows[i].next)
		if (!strcmp(t->rows[i].text, text))
			return i;
	if (t->n == t->size) {
		uint32_t size = t->size ? 2 * t->size : 64;
		struct texts_row *rows = size ? reallocarray(t->rows, size, sizeof(*rows)) : NULL;

		if (!rows)
			return TEXTS_NONE;
		t->rows = rows;
		t->size = size;
	}
	t->rows[t->n] = (struct texts_row){ .text = strdup(text), .next = first };
	if (!t->rows[t->n].text)
		return TEXTS_NONE;
	if (idmap_put(&t->by_hash, hash, t->n)) {
		free(t->rows[t->n].text);
		return TEXTS_NONE;
	}
	return t->n++;
}

void texts_clear(struct texts *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		free(t->rows[i].text);
	free(t->rows);
	idmap_free(&t->by_hash);
	*t = (struct texts){ .n = 0 };
}
