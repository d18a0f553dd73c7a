/* Decimal digits, for rows of which there may be one for each packet. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_DIGITS_H
#define CORE_DIGITS_H

#include <stdint.h>

/* At least so many, that end before end; where they begin. */
static inline char *put_digits(char *end, uint64_t v, int least)
{
	for (; v || least > 0; v /= 10, least--)
		*--end = (char)('0' + v % 10);
	return end;
}

#endif
