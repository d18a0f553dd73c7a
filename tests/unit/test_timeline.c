/* Timelines: what [at TIME] sections become, in which order, and that they are written back alike. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/units.h"
#include "emu/topo.h"

#define LAB "[switch s1 s2]\n[router r1]\n[host h{1..3}]\nswitch = s1\n[host h4]\nswitch = s2\n" \
	    "[link r1 s1]\n[link r1 s2]\ndelay = 20ms\n"

static void read_text(const char *text, struct net *net)
{
	_cleanup_err_ struct err err = {0};

	if (topo_load_mem("t.ini", text, strlen(text), NULL, NULL, 0, net, &err) < 0)
		fail_msg("%d: %s", err.items[0].line, err.items[0].msg);
}

static char *print(const struct net *net)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	timeline_print(net, f);
	assert_int_equal(fclose(f), 0);
	return text;
}

/* All changes, "TIME: CHANGE" in lines, in their order. */
static char *list(const struct net *net)
{
	char *text = NULL, buf[40];
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	for (size_t i = 0; i < net->timeline.n; i++) {
		const struct change *c = &net->timeline.changes[i];
		_cleanup_free_ char *one = timeline_text(net, c);

		fprintf(f, "%s: %s\n", units_format_time(buf, sizeof(buf), c->at), one);
	}
	assert_int_equal(fclose(f), 0);
	return text;
}

static void assert_list(const char *sections, const char *want)
{
	_cleanup_free_ char *text = NULL, *got = NULL;
	_cleanup_net_ struct net net = {0};

	assert_true(asprintf(&text, LAB "%s", sections) > 0);
	read_text(text, &net);
	got = list(&net);
	assert_string_equal(got, want);
}

/* What is printed gives the same changes again, and is printed the same. */
static void assert_again(const struct net *net)
{
	_cleanup_free_ char *whole = NULL, *first = list(net), *second = NULL;
	_cleanup_free_ char *sections = print(net), *again_sections = NULL;
	_cleanup_net_ struct net again = {0};
	size_t size;
	FILE *f = open_memstream(&whole, &size);

	assert_non_null(f);
	topo_print(net, NULL, 0, f);
	assert_int_equal(fclose(f), 0);
	read_text(whole, &again);
	second = list(&again);
	assert_string_equal(first, second);
	again_sections = print(&again);
	assert_string_equal(sections, again_sections);
}

static void each_kind(void **state)
{
	assert_list("[at 10s]\n"
		    "link r1 s2 = delay=100ms 10ms normal, loss=1%\n"
		    "link r1 s2 > = rate=1mbit\n"
		    "link s2 r1 > = rate=2mbit\n"
		    "link r1 s2 < = rate=3mbit\n"
		    "link h1 s1 = down\n"
		    "host h3 = up\n"
		    "scenario ftp = stop\n",
		    "10s: link r1 s2 = delay=100ms 10ms normal, loss=1%\n"
		    "10s: link r1 s2 > = rate=1mbit\n"
		    "10s: link s2 r1 > = rate=2mbit\n"
		    "10s: link r1 s2 < = rate=3mbit\n"
		    "10s: link h1 s1 = down\n"
		    "10s: host h3 = up\n"
		    "10s: scenario ftp = stop\n");
}

static void directions_are_ends(void **state)
{
	static const char *const keys[] = {"r1 s2 >", "s2 r1 <", "r1 s2 <", "s2 r1>", "s2 r1"};
	static const bool first[] = {true, true, false, false, true};
	static const bool second[] = {false, false, true, true, true};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_free_ char *text = NULL;
		_cleanup_net_ struct net net = {0};
		const struct change *c;

		assert_true(asprintf(&text, LAB "[at 1s]\nlink %s = rate=1mbit\n", keys[i]) > 0);
		read_text(text, &net);
		assert_int_equal(net.timeline.n, 1);
		c = net.timeline.changes;
		assert_int_equal(c->end[0], first[i]);
		assert_int_equal(c->end[1], second[i]);
		assert_int_equal(net.ifaces[net.links[c->link].iface[0]].node, net_find(&net, "r1"));
		assert_int_equal(net.ifaces[net.links[c->link].iface[1]].node, net_find(&net, "s2"));
		assert_true(timeline_touches(&net, c->link));
		assert_false(timeline_touches(&net, c->link - 1));
	}
}

static void sorted_by_time_and_line(void **state)
{
	assert_list("[at 20s]\nlink h1 s1 = up\n[at 10s]\nlink h1 s1 = down\nhost h2 = down\n"
		    "[at 10s]\nlink h1 s1 = delay=5ms\n[at 0s]\nhost h1 = down\n",
		    "0s: host h1 = down\n10s: link h1 s1 = down\n10s: host h2 = down\n"
		    "10s: link h1 s1 = delay=5ms\n20s: link h1 s1 = up\n");
}

static void ranges(void **state)
{
	assert_list("[at 1min]\nlink h{1..3} s1 < = loss=2%\nlink s1 h{2..3} = down\nhost h{1..2} h4 = down\n",
		    "60s: link h1 s1 < = loss=2%\n60s: link h2 s1 < = loss=2%\n"
		    "60s: link h3 s1 < = loss=2%\n60s: link s1 h2 = down\n"
		    "60s: link s1 h3 = down\n60s: host h1 = down\n60s: host h2 = down\n"
		    "60s: host h4 = down\n");
}

static void all_links_between_two(void **state)
{
	_cleanup_net_ struct net net = {0};

	read_text("[router r1 r2]\n[switch s1]\n[host h1 h2]\n[link h1 r1]\n[link r1 r2]\n"
		  "[link h2 r2]\n[link r2 r1]\n"
		  "[at 1s]\nlink r1 r2 > = delay=uniform(10ms, 90ms)\n", &net);
	assert_int_equal(net.timeline.n, 2);
	assert_int_not_equal(net.timeline.changes[0].link, net.timeline.changes[1].link);
	for (int i = 0; i < 2; i++) {
		const struct change *c = &net.timeline.changes[i];

		for (int end = 0; end < 2; end++) {
			uint32_t iface = net.links[c->link].iface[end];

			assert_int_equal(c->end[end],
					 net.ifaces[iface].node == net_find(&net, "r1"));
		}
	}
	assert_again(&net);
}

static void written_as_it_was(void **state)
{
	static const char sections[] =
	    "\n[at 500ms]\nlink h{1..3} s1 = delay=5ms, loss=1%\nhost h4 = down\n"
	    "\n[at 10s]\nlink r1 s2 > = delay=none\nscenario ftp = stop\n"
	    "\n[at 10s]\nlink r1 s2 > = rate=5mbit\nhost h4 = up\n";
	_cleanup_net_ struct net net = {0};
	_cleanup_free_ char *got = NULL;

	read_text(LAB "[at 500ms]\nlink h{1..3} s1 = loss=1%\n  delay=5ms\nhost h4 = down\n"
		  "[at 10000ms]\nlink r1 s2 > = delay=none\nscenario ftp = stop\n"
		  "[at 10s]\nlink r1 s2 > = rate=5000kbit\nhost h4 = up\n", &net);
	got = print(&net);
	assert_string_equal(got, sections);
	assert_again(&net);
}

static void everything_taken_back(void **state)
{
	_cleanup_net_ struct net net = {0};
	struct shape s = {.delay = 1, .loss = 0.5};
	char *why = NULL;

	read_text(LAB "[at 1s]\nlink r1 s2 = none\n", &net);
	assert_int_equal(timeline_shape(&net, net.timeline.changes, 0, &s, &why), 0);
	assert_true(shape_is_none(&s));
	assert_again(&net);
}

/* Several keys in a long value: no line of what is written is too long. */
static void long_lines(void **state)
{
	_cleanup_net_ struct net net = {0};

	read_text(LAB "[at 1s]\nlink r1 s2 = delay=123456789ns 12345678ns 12.345% weibull\n"
		  "\tloss=gemodel(1.2345%, 23.456%, 78.901%, 0.12345%), duplicate=1.2345% 23.4567%\n"
		  "\trate=123456789bit, corrupt=1.23456% 34.5678%, reorder=1.2345% 12.345% gap 12345\n"
		  "\tlimit=123456 12345678B, queue=codel(12345678ns, 123456789ns)\n", &net);
	assert_again(&net);
}

static void draws_are_resolved(void **state)
{
	static const char text[] = LAB "[at 2s]\nlink h{1..3} s1 = delay=uniform(10ms, 90ms)\n"
				   "link h1 s1 = loss=shared(uniform(1%, 9%))\nhost h4 = down\n";
	_cleanup_net_ struct net net = {0}, same = {0}, other = {0};
	_cleanup_free_ char *a = NULL, *b = NULL, *c = NULL;
	const struct change *changes;
	uint64_t seed = 99;
	_cleanup_err_ struct err err = {0};

	read_text(text, &net);
	read_text(text, &same);
	assert_int_equal(topo_load_mem("t.ini", text, strlen(text), &seed, NULL, 0, &other, &err), 0);
	a = list(&net);
	b = list(&same);
	c = list(&other);
	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
	assert_null(strstr(a, "uniform"));
	/* Two directions of three links, then what is shared, and the host. */
	changes = net.timeline.changes;
	assert_int_equal(net.timeline.n, 8);
	for (int i = 0; i < 6; i++) {
		int end = changes[i].end[0] ? 0 : 1;
		_cleanup_shape_ struct shape s = {0};
		_cleanup_free_ char *did = NULL;
		char *why = NULL;

		assert_true(changes[i].end[0] != changes[i].end[1]);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(changes[i].text, changes[k].text);
		/* Doing it gives the number that is written. */
		assert_int_equal(timeline_shape(&net, &changes[i], end, &s, &why), 0);
		assert_true(s.delay >= 10 * NSEC_PER_MSEC && s.delay <= 90 * NSEC_PER_MSEC);
		did = shape_text(&s);
		assert_string_equal(did, changes[i].text);
	}
	assert_true(changes[6].end[0] && changes[6].end[1]);
	assert_again(&net);
}

/* One direction draws the same whether the other is named with it or not, and whoever is named first. */
static void draws_are_of_a_direction(void **state)
{
	static const char *const keys[] = {"h1 s1", "s1 h1", "h1 s1 >", "s1 h1 <"};
	char want[100] = "";

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_free_ char *text = NULL;
		_cleanup_net_ struct net net = {0};
		bool found = false;

		assert_true(asprintf(&text, LAB "[at 2s]\nlink %s = delay=uniform(10ms, 90ms)\n",
				     keys[i]) > 0);
		read_text(text, &net);
		for (size_t k = 0; k < net.timeline.n; k++) {
			const struct change *c = &net.timeline.changes[k];

			if (net.ifaces[net.links[c->link].iface[c->end[0] ? 0 : 1]].node !=
			    net_find(&net, "h1"))
				continue;
			if (!*want)
				snprintf(want, sizeof(want), "%s", c->text);
			assert_string_equal(c->text, want);
			found = true;
		}
		assert_true(found);
	}
}

/* A link's state at a time: rate beside trace and codel without rate depend on what came before. */
static void checked_in_the_order_of_time(void **state)
{
	static const struct {
		const char *sections;
		int line; /* of the error; 0: none */
	} cases[] = {
		{"[at 2s]\nlink r1 s2 = queue=codel\n[at 1s]\nlink r1 s2 = rate=1mbit\n", 0},
		{"[at 1s]\nlink r1 s2 = queue=codel\n[at 2s]\nlink r1 s2 = rate=1mbit\n", 11},
		{"[at 1s]\nlink r1 s2 = reorder=5%\n", 0}, /* its delay is the link's */
		{"[at 1s]\nlink r1 s1 = reorder=5%\n", 11},
		{"[at 1s]\nlink r1 s2 > = delay=none\n[at 2s]\nlink r1 s2 < = reorder=5%\n", 0},
		{"[at 1s]\nlink r1 s2 > = delay=none\n[at 2s]\nlink r1 s2 = reorder=5%\n", 13},
		{"[at 2s]\nlink r1 s2 = delay=none\n[at 2s]\nlink r1 s2 = reorder=5%\n", 13},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = NULL;
		_cleanup_net_ struct net net = {0};
		_cleanup_err_ struct err err = {0};

		assert_true(asprintf(&text, LAB "%s", cases[i].sections) > 0);
		topo_load_mem("t.ini", text, strlen(text), NULL, NULL, 0, &net, &err);
		assert_int_equal(err.n, cases[i].line ? 1 : 0);
		assert_int_equal(err.n ? err.items[0].line : 0, cases[i].line);
	}
}

/* A file that asks for more changes than there may be is refused quickly, however it does so. */
static void too_many(void **state)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_net_ struct net net = {0};
	_cleanup_err_ struct err err = {0};
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	fprintf(f, "[switch s1]\n[host h{1..1000}]\nswitch = s1\n");
	for (int i = 0; i < 101; i++)
		fprintf(f, "[at %dms]\nlink s1 h{1..1000} = down\n", i);
	assert_int_equal(fclose(f), 0);
	assert_true(topo_load_mem("t.ini", text, size, NULL, NULL, 0, &net, &err) < 0);
	assert_int_equal(err.n, 1);
	assert_int_equal(err.items[0].line, 3 + 2 * 101);
	assert_non_null(strstr(err.items[0].msg, "more than 100000 changes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_kind),
	    cmocka_unit_test(directions_are_ends),
	    cmocka_unit_test(sorted_by_time_and_line),
	    cmocka_unit_test(ranges),
	    cmocka_unit_test(all_links_between_two),
	    cmocka_unit_test(written_as_it_was),
	    cmocka_unit_test(everything_taken_back),
	    cmocka_unit_test(long_lines),
	    cmocka_unit_test(draws_are_resolved),
	    cmocka_unit_test(draws_are_of_a_direction),
	    cmocka_unit_test(checked_in_the_order_of_time),
	    cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
