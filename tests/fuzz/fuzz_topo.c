/* Fuzzes topology files: a network that is accepted must print to a file that gives it again. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include "emu/topo.h"
#include "tests/fuzz/fuzz.h"

static void need(int truth)
{
	if (!truth)
		abort();
}

static char *print(const struct net *net, size_t *ret_size)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_size);

	need(f != NULL);
	topo_print(net, NULL, 0, f);
	need(!fclose(f));
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_net_ struct net net = {0}, again = {0};
	_cleanup_err_ struct err e = {0};
	_cleanup_free_ char *text = NULL, *text_again = NULL;
	size_t len, len_again;
	int r = topo_load_mem("fuzz.ini", data, size, NULL, NULL, 0, &net, &e);

	need((r == 0) == (e.n == 0));
	need(r <= 0 && (!r || err_exit(&e) != 0));
	if (r)
		return 0;
	text = print(&net, &len);
	r = topo_load_mem("again.ini", text, len, NULL, NULL, 0, &again, &e);
	if (r) {
		_cleanup_free_ char *why = err_text(&e);

		fprintf(stderr, "what was printed is refused:\n%s\n%s", text, why);
		abort();
	}
	text_again = print(&again, &len_again);
	need(len == len_again && !memcmp(text, text_again, len));
	return 0;
}
