/*
 * INI files, read with inih, with line numbers and nothing cut silently.
 *
 * Debian's inih cuts a line at 200 bytes, has no line numbers, says nothing of a section without
 * keys, and ends a value at " ;". So each line is fed to it through ini_parse_stream() after our own
 * look: an overlong line, a NUL byte, bytes that are not UTF-8, or a " ;" inside quotes is refused
 * with its line. A line that begins with white space continues the value above it (joined by "\n"),
 * so headers and keys begin their line. A key is followed by '=', never ':'.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_INI_H
#define CORE_INI_H

#include <stddef.h>
#include "core/err.h"

#define INI_LINE_MAX 198     /* bytes in a line, without its end */
#define INI_FILE_MAX (4 << 20) /* bytes in a file */

struct ini_key {
	char *name;
	char *value; /* never NULL */
	int line;
};

struct ini_section {
	char *name; /* the whole text between [ and ], white space folded: "link r1 s1" */
	int line;
	struct ini_key *keys;
	size_t n_keys;
};

/* A file read: sections in file order. Two sections of one name stay two. */
struct ini {
	char *file; /* as the user named it, for messages */
	struct ini_section *sections;
	size_t n_sections;
};

/* 0, or a negative errno with every error of the file in err. */
int ini_read(const char *path, struct ini *ret, struct err *err);
/* The same from memory; name is used in messages. */
int ini_read_mem(const char *name, const void *data, size_t size, struct ini *ret, struct err *err);
void ini_free(struct ini *ini);
#define _cleanup_ini_ _cleanup_(ini_free)

/* The value of a key, or NULL. */
const char *ini_get(const struct ini_section *s, const char *key);

/*
 * ini_read() lets a key be given more than once in a section. This refuses all that are, but those
 * named in may_repeat: 0, or -EINVAL with an error for each repetition.
 */
int ini_refuse_duplicates(const char *file, const struct ini_section *s,
			  const char *const *may_repeat, size_t n, struct err *err);

#endif
