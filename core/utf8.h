/* UTF-8 (RFC 3629): how long the sequence at a place is, and whether it is one at all. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stddef.h>

/*
 * Bytes of the character at s, of which n bytes are there; 0 when they are not UTF-8 (a stray or
 * missing continuation, an overlong form, a surrogate, over U+10FFFF) or n is 0.
 */
size_t utf8_len(const char *s, size_t n);

#endif
