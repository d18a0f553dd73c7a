/* Drawings: each node and link is in them, the tree is well formed, and boxes do not lie on each
 * other. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/units.h"
#include "emu/graph.h"
#include "emu/topo.h"

static const char ring[] =
    "[network]\nname = ring\n[router r{1..4}]\n[switch s1 s2]\n[host a{1..12}]\nswitch = s1\n"
    "rate = 10mbit\ndelay = 2ms\n[host b1 b2]\nswitch = s2\n[host solo]\n[link r1 s1]\n[link r1 "
    "r2]\n"
    "rate> = 100mbit\ndelay> = 5ms 1ms normal\n[link r2 r3]\n[link r3 r4]\ndelay = 10ms\nloss = "
    "2%\n"
    "[link r4 r1]\n[link r2 s2]\n[link solo r3]\n";

static char *draw(const char *text, void (*graph)(const struct net *net, FILE *f))
{
	_cleanup_err_ struct err err = {0};
	_cleanup_net_ struct net net;
	char *out = NULL;
	size_t size;
	FILE *f;

	if (topo_load_mem("t.ini", text, strlen(text), NULL, NULL, 0, &net, &err) < 0)
		fail_msg("%s", err.items[0].msg);
	f = open_memstream(&out, &size);
	assert_non_null(f);
	graph(&net, f);
	fclose(f);
	return out;
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)); text += strlen(word))
		n++;
	return n;
}

static void text_is_a_tree(void **state)
{
	_cleanup_free_ char *out = draw("[network]\nname = lab\n[router r1]\n[switch s1 s2]\n"
					"[host h1 h2]\nswitch = s1\n[host files]\nswitch = s2\n"
					"loss< = 1%\n[link r1 s1]\n[link r1 s2]\nrate = 1mbit\n",
					graph_text);

	assert_string_equal(out, "lab  10.0.0.0/16  3 hosts, 2 switches, 1 router, 5 links\n\n"
				 "r1 (router)\n"
				 "├─ s1 (switch)  at r1 10.0.0.254/24\n"
				 "│  ├─ h1  10.0.0.1/24\n"
				 "│  └─ h2  10.0.0.2/24\n"
				 "└─ s2 (switch)  at r1 10.0.1.254/24  [1mbit]\n"
				 "   └─ files  10.0.1.1/24  [up: -; down: loss 1%]\n");
}

static void text_says_what_links_do(void **state)
{
	_cleanup_free_ char *out =
	    draw("[switch s1]\n[host h1]\nswitch = s1\ndelay = 5ms 1ms exponential\n"
		 "loss = gemodel(1%)\nduplicate = 2%\ncorrupt = 3%\nreorder = 4%\n"
		 "slot = 1ms\nlimit = 64KiB\n[host h2]\nswitch = s1\nqueue = codel\n"
		 "trace = " TEST_DATA "/cell.trace\n"
		 "delay = samples(" TEST_DATA "/delays.txt)\n",
		 graph_text);

	assert_non_null(strstr(out, "[5ms ±1ms exponential, loss in bursts, duplicate 2%, "
				    "corrupt 3%, reorder 4%, slots, limit 64KiB]"));
	assert_non_null(strstr(out, "[trace 1.5mbit, 14.5ms measured, codel]"));
}

static void text_names_links_outside_the_tree(void **state)
{
	_cleanup_free_ char *out = draw(ring, graph_text);

	assert_non_null(strstr(out, "\nand these links:\nr3 10.0.2.9/30 ── r4 10.0.2.10/30  "
				    "[10ms, loss 2%]\n"));
	assert_non_null(strstr(out, "[up: -; down: 100mbit, 5ms ±1ms normal]"));
	assert_int_equal(count(out, "─ a"), 12);
	assert_int_equal(count(out, "(router)"), 4);
}

/* Elements open and close in order. */
static void check_xml(const char *s)
{
	const char *open[32];
	int depth = 0;

	while ((s = strchr(s, '<'))) {
		const char *end = strchr(s, '>');

		assert_non_null(end);
		if (s[1] == '/') {
			size_t n = (size_t)(end - s) - 2;

			assert_true(depth > 0);
			depth--;
			assert_memory_equal(s + 2, open[depth], n);
			assert_true(open[depth][n] == ' ' || open[depth][n] == '>');
		} else if (end[-1] != '/') {
			assert_true(depth < 32);
			open[depth++] = s + 1;
		}
		s = end;
	}
	assert_int_equal(depth, 0);
}

struct rect {
	double x, y, w, h;
};

/* The boxes of nodes, from their groups. */
static size_t read_boxes(const char *svg, struct rect *boxes, size_t max)
{
	size_t n = 0;

	while ((svg = strstr(svg, "<g>"))) {
		const char *rect = strstr(svg, "<rect"), *x = strstr(rect, " x=");

		assert_true(n < max);
		assert_int_equal(sscanf(x, " x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"",
					&boxes[n].x, &boxes[n].y, &boxes[n].w, &boxes[n].h),
				 4);
		n++;
		svg = rect;
	}
	return n;
}

static void check_boxes(const char *svg, size_t nodes)
{
	_cleanup_free_ struct rect *b = calloc(nodes, sizeof(*b));
	double width, height;

	assert_int_equal(read_boxes(svg, b, nodes), nodes);
	assert_int_equal(
	    sscanf(strstr(svg, "width="), "width=\"%lf\" height=\"%lf\"", &width, &height), 2);
	for (size_t i = 0; i < nodes; i++) {
		assert_true(b[i].x >= 0 && b[i].y >= 0);
		assert_true(b[i].x + b[i].w <= width && b[i].y + b[i].h <= height);
		for (size_t k = 0; k < i; k++)
			assert_false(b[i].x < b[k].x + b[k].w && b[k].x < b[i].x + b[i].w &&
				     b[i].y < b[k].y + b[k].h && b[k].y < b[i].y + b[i].h);
	}
}

static void svg_has_all(void **state)
{
	_cleanup_free_ char *out = draw(ring, graph_svg);

	check_xml(out);
	check_boxes(out, 21);
	assert_int_equal(count(out, "class=\"x\""), 1); /* the link that closes the ring */
	assert_int_equal(count(out, "class=\"l\""), 20);
	assert_int_equal(count(out, ">10mbit, 2ms</text>"), 12);
	assert_non_null(strstr(out, ">10.0.0.12/24</text>"));
	assert_non_null(strstr(out, ">↓ 100mbit, 5ms ±1ms normal</text>"));
	assert_non_null(strstr(out, "a1-eth0 10.0.0.1/24 02:"));
}

static void svg_of_any_size(void **state)
{
	for (int hosts = 1; hosts < 60; hosts += 3) {
		_cleanup_free_ char *out = NULL;
		char text[256];

		snprintf(
		    text, sizeof(text),
		    "[router r1]\n[switch s1 s2 s3]\n[host h{1..%d}]\nswitch = s1\n"
		    "[host x]\nswitch = s2\n[host y]\nswitch = s3\n[link s1 s2]\n[link r1 s1]\n"
		    "[link r1 s3]\n",
		    hosts);
		out = draw(text, graph_svg);
		check_xml(out);
		check_boxes(out, (size_t)hosts + 6);
	}
}

static void long_names_are_cut(void **state)
{
	_cleanup_free_ char *out = draw("[switch s1]\n[host a-very-long-name-of-a-host-indeed b]\n"
					"switch = s1\n",
					graph_svg);

	check_xml(out);
	check_boxes(out, 3);
	assert_non_null(strstr(out, ">a-very-long-name-…</text>"));
	assert_non_null(strstr(out, "<title>host a-very-long-name-of-a-host-indeed\n"));
}

static void names_are_escaped(void **state)
{
	_cleanup_net_ struct net net;
	_cleanup_err_ struct err err = {0};
	_cleanup_free_ char *out = NULL;
	size_t size;
	FILE *f;

	net_init(&net);
	net.name = strdup("<a>&b");
	net_add_link(&net, (uint32_t)net_add_node(&net, NODE_HOST, "h1", 1, &err),
		     (uint32_t)net_add_node(&net, NODE_HOST, "h2", 1, &err), 1, &err);
	assert_int_equal(net_finish(&net, &err), 0);
	f = open_memstream(&out, &size);
	graph_svg(&net, f);
	fclose(f);
	check_xml(out);
	assert_non_null(strstr(out, ">&lt;a&gt;&amp;b</text>"));
}

static void large_networks_are_quick(void **state)
{
	int64_t start = units_now_mono();
	_cleanup_free_ char *svg = draw("[switch s1]\n[host h{1..4000}]\nswitch = s1\n", graph_svg);
	_cleanup_free_ char *text =
	    draw("[switch s1]\n[host h{1..4000}]\nswitch = s1\n", graph_text);

	assert_int_equal(count(text, "\n"), 2 + 1 + 4000);
	assert_int_equal(count(svg, "<g>"), 4001);
	assert_true(units_now_mono() - start < 10 * NSEC_PER_SEC); /* under a sanitizer */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_is_a_tree),
	    cmocka_unit_test(text_says_what_links_do),
	    cmocka_unit_test(text_names_links_outside_the_tree),
	    cmocka_unit_test(svg_has_all),
	    cmocka_unit_test(svg_of_any_size),
	    cmocka_unit_test(long_names_are_cut),
	    cmocka_unit_test(names_are_escaped),
	    cmocka_unit_test(large_networks_are_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
