/* What the manifest says of links: the engine of each and why, and sums of fates where known. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "scenarios/engine/link_row.h"

static void test_engine(void **state)
{
	struct link_row rows[3] = { { .engine = ENGINE_AUTO } };

	assert_string_equal(link_rows_engine(NULL, 0), "none");
	assert_string_equal(link_rows_engine(rows, 3), "none");
	rows[1].engine = ENGINE_NETEM;
	assert_string_equal(link_rows_engine(rows, 3), "netem");
	rows[2].engine = ENGINE_SHAPER;
	assert_string_equal(link_rows_engine(rows, 3), "netem+shaper");
	assert_string_equal(link_rows_engine(rows + 2, 1), "shaper");
}

static char *put(const struct link_row *rows, const struct net *net)
{
	char *text = NULL;
	size_t size;
	struct json j;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	json_open(&j, f, false);
	json_object(&j);
	link_rows_put(rows, net, &j);
	json_object_end(&j);
	json_close(&j);
	fclose(f);
	return text;
}

static void test_put(void **state)
{
	const struct link_row rows[] = {
		{ .engine = ENGINE_SHAPER, .why = "asked for", .seeded = true, .counted = true,
		  .fates = { { .packets = 9, .verdict = { 1, 2, 3, 4, 5, 6 }, .duplicated = 7,
			       .corrupted = 8, .marked = 10, .reordered = 11 } } },
		{ .engine = ENGINE_NETEM, .why = "it can" },
		{ .engine = ENGINE_AUTO, .why = "it shapes nothing" },
	};
	_cleanup_err_ struct err err = { 0 };
	_cleanup_free_ char *text = NULL, *none = NULL;
	_cleanup_net_ struct net net;

	net_init(&net);
	net_add_node(&net, NODE_SWITCH, "s", 1, &err);
	net_add_node(&net, NODE_HOST, "a", 1, &err);
	net_add_node(&net, NODE_HOST, "b", 1, &err);
	net_add_node(&net, NODE_HOST, "c", 1, &err);
	for (uint32_t i = 1; i <= 3; i++)
		net_add_link(&net, i, 0, 1, &err);
	assert_int_equal(net_finish(&net, &err), 0);
	text = put(rows, &net);
	assert_string_equal(text,
		"{\"links\": [{\"ends\": [\"a:a-eth0\", \"s:s-eth1\"], \"engine\": \"shaper\", "
		"\"why\": \"asked for\", \"seeded\": true, \"directions\": [{\"from\": "
		"\"a:a-eth0\", \"in\": 9, \"delivered\": 1, \"lost\": 2, \"queue\": 3, \"codel\": 4, "
		"\"down\": 5, \"overrun\": 6, \"duplicated\": 7, \"corrupted\": 8, \"marked\": 10, "
		"\"reordered\": 11}, {\"from\": \"s:s-eth1\", \"in\": 0, \"delivered\": 0, "
		"\"lost\": 0, \"queue\": 0, \"codel\": 0, \"down\": 0, \"overrun\": 0, "
		"\"duplicated\": 0, \"corrupted\": 0, \"marked\": 0, \"reordered\": 0}]}, {\"ends\": "
		"[\"b:b-eth0\", \"s:s-eth2\"], \"engine\": \"netem\", \"why\": \"it can\", "
		"\"seeded\": false}, {\"ends\": [\"c:c-eth0\", \"s:s-eth3\"], \"engine\": \"none\", "
		"\"why\": \"it shapes nothing\"}]}\n");
	none = put(NULL, &net);
	assert_string_equal(none, "{\"links\": []}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_engine),
		cmocka_unit_test(test_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
