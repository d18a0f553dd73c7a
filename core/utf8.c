/* UTF-8 by the table of well-formed byte sequences (Unicode, table 3-7). */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The range of the second byte for each range of first bytes; later bytes are 80..BF. */
static const struct utf8_form {
	uint8_t first_lo, first_hi, second_lo, second_hi, len;
} utf8_forms[] = {
	{0x00, 0x7f, 0, 0, 1},
	{0xc2, 0xdf, 0x80, 0xbf, 2},
	{0xe0, 0xe0, 0xa0, 0xbf, 3},
	{0xe1, 0xec, 0x80, 0xbf, 3},
	{0xed, 0xed, 0x80, 0x9f, 3},
	{0xee, 0xef, 0x80, 0xbf, 3},
	{0xf0, 0xf0, 0x90, 0xbf, 4},
	{0xf1, 0xf3, 0x80, 0xbf, 4},
	{0xf4, 0xf4, 0x80, 0x8f, 4},
};

size_t utf8_len(const char *s, size_t n)
{
	const uint8_t *b = (const uint8_t *)s;

	if (!n)
		return 0;
	for (size_t i = 0; i < sizeof(utf8_forms) / sizeof(utf8_forms[0]); i++) {
		const struct utf8_form *f = &utf8_forms[i];

		if (b[0] < f->first_lo || b[0] > f->first_hi)
			continue;
		if (n < f->len)
			return 0;
		if (f->len > 1 && (b[1] < f->second_lo || b[1] > f->second_hi))
			return 0;
		for (size_t k = 2; k < f->len; k++)
			if (b[k] < 0x80 || b[k] > 0xbf)
				return 0;
		return f->len;
	}
	return 0;
}

static bool is_control(const char *s, size_t len)
{
	const uint8_t *b = (const uint8_t *)s;

	return len == 1 ? b[0] < 0x20 || b[0] == 0x7f : len == 2 && b[0] == 0xc2 && b[1] < 0xa0;
}

size_t utf8_clean_char(const char *s, size_t n, const char *keep, const char **ret,
		       size_t *ret_len)
{
	size_t len = utf8_len(s, n);

	if (!len) {
		*ret = "\xef\xbf\xbd";
		*ret_len = 3;
		return 1;
	}
	*ret = s;
	*ret_len = len;
	if (is_control(s, len) && (len > 1 || !*s || !strchr(keep, *s))) {
		*ret = " ";
		*ret_len = 1;
	}
	return len;
}

size_t utf8_clean(char *buf, size_t size, const char *s, const char *keep)
{
	size_t left = strlen(s), out = 0, used, len;
	const char *c;

	for (; left; s += used, left -= used, out += len) {
		used = utf8_clean_char(s, left, keep, &c, &len);
		if (out + len >= size)
			break;
		memcpy(buf + out, c, len);
	}
	buf[out] = '\0';
	return out;
}
