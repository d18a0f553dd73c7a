/*
 * Fuzzes what hosts' programs may leave as TLS secrets: only whole lines that look like some are
 * kept.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include "capture/secrets.h"
#include "tests/fuzz/fuzz.h"

static void need(int truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size ? size : 1), *again = malloc(size ? size : 1);
	size_t n, spaces = 0;

	need(text && again);
	memcpy(text, data, size);
	n = secrets_clean(text, size);
	need(n <= size && (!n || text[n - 1] == '\n'));
	for (size_t i = 0; i < n; i++) {
		spaces = text[i] == '\n' ? 0 : spaces + (text[i] == ' ');
		need(spaces <= 2 && (text[i] == '\n' || (text[i] >= ' ' && text[i] <= 'z')));
	}
	memcpy(again, text, n);
	need(secrets_clean(again, n) == n && !memcmp(again, text, n));
	return 0;
}
