/* Writes JSON (RFC 8259) to a stream; commas, nesting and escapes are its business. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <stdio.h>
#include <stdint.h>
#include <stdbool.h>
#include "core/cleanup.h"

#define JSON_DEPTH 32

struct json {
	FILE *f;
	bool pretty; /* two spaces a level; else one line */
	int depth;
	bool some[JSON_DEPTH]; /* the level has an element already */
	bool after_key;
};

void json_open(struct json *j, FILE *f, bool pretty);
void json_close(struct json *j); /* ends the line */

void json_object(struct json *j);
void json_object_end(struct json *j);
void json_array(struct json *j);
void json_array_end(struct json *j);
void json_key(struct json *j, const char *key);

void json_str(struct json *j, const char *s); /* NULL: null; bytes that are not UTF-8 become U+FFFD */
void json_strf(struct json *j, const char *fmt, ...) printf_like(2, 3);
void json_int(struct json *j, int64_t v);
void json_uint(struct json *j, uint64_t v);
void json_num(struct json *j, double v); /* not finite: null */
void json_bool(struct json *j, bool v);
void json_raw(struct json *j, const char *s); /* a value that is JSON already, e.g. a long decimal */

/* key and value in one */
void json_kv_str(struct json *j, const char *key, const char *s);
void json_kv_int(struct json *j, const char *key, int64_t v);
void json_kv_uint(struct json *j, const char *key, uint64_t v);
void json_kv_num(struct json *j, const char *key, double v);
void json_kv_bool(struct json *j, const char *key, bool v);

#endif
