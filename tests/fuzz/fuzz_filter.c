/* Fuzzes capture filters: what is taken also runs. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include "capture/filter.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX 300 /* libpcap's optimizer takes its time for long ones */

static struct net net;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t frame[64] = { [12] = 0x08, [14] = 0x45, [17] = 50, [23] = 6 };
	char text[TEXT_MAX + 1], *why = NULL;
	struct filter *f;

	if (!net.n_nodes) {
		net_init(&net);
		net_add_node(&net, NODE_HOST, "h1", 1, NULL);
		net_add_node(&net, NODE_SWITCH, "s1", 1, NULL);
		net_add_link(&net, 0, 1, 1, NULL);
		if (net_finish(&net, NULL))
			abort();
	}
	size = size < TEXT_MAX ? size : TEXT_MAX;
	memcpy(text, data, size);
	text[size] = '\0';
	if (filter_new(&net, text, 65536, &f, &why) < 0) {
		free(why);
		return 0;
	}
	for (uint32_t n = 0; n <= sizeof(frame); n++)
		filter_match(f, frame, n, sizeof(frame));
	filter_free(f);
	return 0;
}
