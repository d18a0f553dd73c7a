/* UTF-8 (RFC 3629): whether bytes are a character, and making clean text of what may be none. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_UTF8_H
#define CORE_UTF8_H

#include <stddef.h>

/*
 * Bytes of the character at s, of which n bytes are there; 0 when they are not UTF-8 (a stray or
 * missing continuation, an overlong form, a surrogate, over U+10FFFF) or n is 0.
 */
size_t utf8_len(const char *s, size_t n);

/*
 * What stands for the character at s (n > 0 bytes are there) in clean text: U+FFFD for a byte that
 * is not UTF-8, a space for a control character (C0, DEL, C1) that is not in keep, else itself.
 * Points *ret at *ret_len bytes and returns how many bytes of s they stand for.
 */
size_t utf8_clean_char(const char *s, size_t n, const char *keep, const char **ret,
		       size_t *ret_len);
/*
 * Copies s into buf as clean text, as much as there is room for and never half a character; buf is
 * always ended by NUL (size > 0). Returns its length. size >= 3 * strlen(s) + 1 holds all of it.
 */
size_t utf8_clean(char *buf, size_t size, const char *s, const char *keep);

#endif
