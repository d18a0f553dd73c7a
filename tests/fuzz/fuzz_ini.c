/* Fuzzes the INI reader: what is read must be text, and what is refused must say why and where. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include "core/ini.h"
#include "core/utf8.h"
#include "tests/fuzz/fuzz.h"

static void need(int truth)
{
	if (!truth)
		abort();
}

static void need_text(const char *s)
{
	size_t left = strlen(s), n;

	for (; left; s += n, left -= n) {
		n = utf8_len(s, left);
		need(n > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_ini_ struct ini ini = {0};
	_cleanup_err_ struct err e = {0};
	_cleanup_free_ char *text = NULL;
	int last = 0, r = ini_read_mem("fuzz.ini", data, size, &ini, &e);

	need((r == 0) == (e.n == 0));
	need(r == 0 || r == -EINVAL);
	for (size_t i = 0; i < e.n; i++)
		need(e.items[i].line > 0 || size > INI_FILE_MAX);
	for (size_t i = 0; i < ini.n_sections; i++) {
		const struct ini_section *s = &ini.sections[i];

		need(s->line > last && *s->name);
		need_text(s->name);
		last = s->line;
		for (size_t k = 0; k < s->n_keys; k++) {
			need(s->keys[k].line > last && *s->keys[k].name);
			need_text(s->keys[k].name);
			need_text(s->keys[k].value);
			need(ini_get(s, s->keys[k].name) != NULL);
			last = s->keys[k].line;
			if (k > 200)
				break; /* ini_get() walks; enough was seen */
		}
		last = s->n_keys ? s->keys[s->n_keys - 1].line : last;
		ini_refuse_duplicates("fuzz.ini", s, NULL, 0, &e);
	}
	text = err_text(&e);
	need(text != NULL);
	return 0;
}
