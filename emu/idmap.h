/* Maps 64-bit keys (addresses, MACs, hashes of names) to indexes, in constant time. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_IDMAP_H
#define EMU_IDMAP_H

#include <stddef.h>
#include <stdint.h>
#include "core/cleanup.h"

#define IDMAP_NONE UINT32_MAX

/* All 0 is an empty map. */
struct idmap {
	struct idmap_slot {
		uint64_t key;
		uint32_t value; /* IDMAP_NONE: the slot is free */
	} * slots;
	size_t size, used; /* size is 0 or a power of two */
};

int idmap_put(struct idmap *m, uint64_t key, uint32_t value); /* replaces; 0 or -ENOMEM */
uint32_t idmap_get(const struct idmap *m, uint64_t key);      /* IDMAP_NONE: not there */
void idmap_free(struct idmap *m);
#define _cleanup_idmap_ _cleanup_(idmap_free)

/* A key for a text, the same for upper and lower case (FNV-1a). Texts may share one: compare them.
 */
uint64_t idmap_text_key(const char *text);

#endif
