/* Names with ranges: "h{1..6}" is h1 … h6, "s{1..2}p{1..3}" is six names, "{01..12}" keeps zeros. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_RANGE_H
#define CORE_RANGE_H

#include <stddef.h>
#include "core/cleanup.h"

#define RANGE_MAX 100000 /* names that one expansion may give */

/* A list of strings that it owns; NULL-terminated, so it serves as an argv too. */
struct strv {
	char **s;
	size_t n;
};
void strv_free(struct strv *v);
#define _cleanup_strv_ _cleanup_(strv_free)
int strv_add(struct strv *v, const char *s);
int strv_addf(struct strv *v, const char *fmt, ...) printf_like(2, 3);

/*
 * Splits text at white space and expands each word; appends to ret. -EINVAL with a reason for an open
 * brace, an empty or backward range, or more than RANGE_MAX names; -ENOMEM.
 */
int range_expand(const char *text, struct strv *ret, const char **ret_why);

#endif
