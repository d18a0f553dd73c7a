/* Topology files: what is read, and that what is printed gives the same network again. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/units.h"
#include "emu/topo.h"
#include "emu/trace.h"

#define EXAMPLES TEST_DATA "/../../../examples/"

static void read_text(const char *text, struct net *net)
{
	_cleanup_err_ struct err err = {0};

	if (topo_load_mem("t.ini", text, strlen(text), NULL, NULL, 0, net, &err) < 0)
		fail_msg("%d: %s", err.items[0].line, err.items[0].msg);
	assert_int_equal(err.n, 0);
}

static const struct node *node(const struct net *net, const char *name)
{
	uint32_t i = net_find(net, name);

	assert_int_not_equal(i, NET_NONE);
	return &net->nodes[i];
}

static uint32_t addr_of(const struct net *net, const char *name)
{
	return net_node_addr(net, net_find(net, name));
}

static void same_node(const struct node *a, const struct node *b)
{
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->hostname, b->hostname);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->share, b->share);
	assert_int_equal(a->primary, b->primary);
	assert_memory_equal(&a->limits, &b->limits, sizeof(a->limits));
	assert_int_equal(a->n_ifaces, b->n_ifaces);
	assert_int_equal(a->n_routes, b->n_routes);
	for (size_t i = 0; i < a->n_ifaces; i++)
		assert_int_equal(a->ifaces[i], b->ifaces[i]);
	for (size_t i = 0; i < a->n_routes; i++) {
		assert_int_equal(a->routes[i].dst, b->routes[i].dst);
		assert_int_equal(a->routes[i].prefix, b->routes[i].prefix);
		assert_int_equal(a->routes[i].via, b->routes[i].via);
		assert_int_equal(a->routes[i].iface, b->routes[i].iface);
	}
}

static void same_net(const struct net *a, const struct net *b)
{
	assert_string_equal(a->name, b->name);
	assert_true(a->seed == b->seed && a->subnet == b->subnet && a->prefix == b->prefix);
	assert_int_equal(a->engine, b->engine);
	assert_true(a->ipv6 == b->ipv6 && a->random_addrs == b->random_addrs &&
		    a->drawn_hostnames == b->drawn_hostnames);
	assert_int_equal(a->n_nodes, b->n_nodes);
	assert_int_equal(a->n_ifaces, b->n_ifaces);
	assert_int_equal(a->n_links, b->n_links);
	for (size_t i = 0; i < a->n_nodes; i++)
		same_node(&a->nodes[i], &b->nodes[i]);
	for (size_t i = 0; i < a->n_ifaces; i++) {
		const struct iface *x = &a->ifaces[i], *y = &b->ifaces[i];

		assert_string_equal(x->name, y->name);
		assert_memory_equal(x->mac, y->mac, 6);
		assert_true(x->node == y->node && x->link == y->link && x->end == y->end);
		assert_true(x->number == y->number && x->ifindex == y->ifindex);
		assert_true(x->addr == y->addr && x->prefix == y->prefix);
	}
	for (size_t i = 0; i < a->n_links; i++) {
		const struct link *x = &a->links[i], *y = &b->links[i];

		assert_true(x->iface[0] == y->iface[0] && x->iface[1] == y->iface[1]);
		assert_int_equal(x->mtu, y->mtu);
		assert_int_equal(x->engine, y->engine);
		assert_true(shape_equal(&x->shape[0], &y->shape[0]));
		assert_true(shape_equal(&x->shape[1], &y->shape[1]));
	}
}

static char *printed(const struct net *net)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	topo_print(net, NULL, 0, f);
	fclose(f);
	return text;
}

/* Read again under another seed too: everything is written down, so nothing is drawn. */
static void round_trip(const struct net *net)
{
	_cleanup_free_ char *text = printed(net), *again = NULL;
	_cleanup_net_ struct net back, other;
	_cleanup_err_ struct err err = {0};
	uint64_t seed = net->seed + 1;

	read_text(text, &back);
	same_net(net, &back);
	again = printed(&back);
	assert_string_equal(text, again);
	assert_int_equal(topo_load_mem("o", text, strlen(text), &seed, NULL, 0, &other, &err), 0);
	assert_true(other.seed == seed);
	other.seed = net->seed;
	same_net(net, &other);
}

static const char rich[] =
    "[network]\nname = rich\nseed = 18446744073709551615\nsubnet = 172.16.0.0/12\n"
    "addresses = random\nhostnames = drawn\nipv6 = yes\noffload = on\nscenario_path = ./mine\nengine = netem\n"
    "[host lone]\nhostname = lone\n[link lone r1]\naddress r1 = 172.17.0.9\nmtu = 9000\n"
    "[switch s{1..3}]\n[router r{1..2}]\n"
    "[host h{1..6}]\nswitch = s1\nrate = 123456789bit\ndelay = 1.000001ms 333ns pareto\n"
    "loss = 0.1234567%\nlimit = 77\nmtu = 1400\n"
    "[host twin]\nswitch = s2\naddress = 172.20.1.1/20\nmac = 52:54:00:00:00:01\ncpu = 33.3%\n"
    "memory = 100MB\npids = 64\nshare = no\n"
    "[link twin s3]\nrate> = 1gbit\nrate< = 10mbit\ndelay< = 5ms 0s\n"
    "[link r1 s1]\n[link s2 r1]\n[link r2 s3]\n[link r1 r2]\nmac r2 = 02:00:00:00:00:99\n"
    "[host end]\n[link r2 end]\n[link lone end]\n";

static void rich_file_round_trips(void **state)
{
	_cleanup_net_ struct net net;

	read_text(rich, &net);
	assert_int_equal(net.n_links, 15);
	assert_true(node(&net, "twin")->limits.cpu > 0.3329 &&
		    node(&net, "twin")->limits.cpu < 0.3331);
	assert_false(node(&net, "twin")->share);
	assert_true(node(&net, "h1")->share);
	assert_string_not_equal(node(&net, "h1")->hostname, "h1");
	assert_string_equal(node(&net, "lone")->hostname, "lone");
	round_trip(&net);
}

static void examples_round_trip(void **state)
{
	static const char *const files[] = {"two.ini", "single200.ini", "wan.ini",
					      "cellular.ini"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_net_ struct net net;
		_cleanup_err_ struct err err = {0};
		char path[4096];

		snprintf(path, sizeof(path), EXAMPLES "%s", files[i]);
		if (topo_load(path, NULL, NULL, 0, &net, &err) < 0)
			fail_msg("%s: %s", path, err.items[0].msg);
		round_trip(&net);
	}
}

/* A section of a floor above: counts its calls and keeps the words. */
struct seen {
	int calls;
	char words[64];
	size_t nodes;
	int result;
};

static int load_seen(void *arg, const struct net *net, const struct ini_section *s,
		     char *const *words, size_t n_words, struct err *err)
{
	struct seen *seen = arg;
	static const char *const known[] = {"clients", "every"};
	uint32_t *nodes = NULL;
	size_t n = 0;

	seen->calls++;
	for (size_t i = 0; i < n_words; i++)
		snprintf(seen->words + strlen(seen->words),
			 sizeof(seen->words) - strlen(seen->words), "%s,", words[i]);
	for (size_t i = 0; i < s->n_keys; i++) {
		if (strcmp(s->keys[i].name, "clients") != 0)
			return topo_unknown_key(net, s, &s->keys[i], known, 2, err);
		seen->result = topo_parse_nodes(net, &s->keys[i], NODE_HOST, &nodes, &n, err);
		if (seen->result < 0)
			return seen->result;
		seen->nodes = n;
		/* Everything is finished by now. */
		assert_int_not_equal(net_node_addr(net, nodes[0]), 0);
		free(nodes);
	}
	return 0;
}

static void print_seen(void *arg, const struct net *net, FILE *f)
{
	fputs("\n[scenario ftp]\nclients = h1\n", f);
}

static int load_with(const char *text, struct seen *seen, struct net *net, struct err *err)
{
	struct topo_section sections[] = {{"scenario", load_seen, print_seen, seen}};

	*seen = (struct seen){0};
	return topo_load_mem("t.ini", text, strlen(text), NULL, sections, 1, net, err);
}

#define TWO "[switch s1]\n[host h{1..3}]\nswitch = s1\n"

static void sections_above(void **state)
{
	_cleanup_err_ struct err err = {0};
	_cleanup_net_ struct net net;
	_cleanup_free_ char *text = NULL;
	struct seen seen;
	size_t size;
	struct topo_section sections[] = {{"scenario", load_seen, print_seen, &seen}};

	assert_int_equal(
	    load_with("[scenario  ftp x]\nclients = h{1..2} h1\n" TWO, &seen, &net, &err), 0);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.nodes, 2);
	assert_string_equal(seen.words, "ftp,x,");
	FILE *f = open_memstream(&text, &size);

	topo_print(&net, sections, 1, f);
	fclose(f);
	assert_non_null(strstr(text, "\n[scenario ftp]\nclients = h1\n"));
}

static void bad_sections_above(void **state)
{
	static const struct {
		const char *text, *why;
		int line;
	} cases[] = {
	    {TWO "[scenario ftp]\nclients = h9\n", "unknown node 'h9'", 5},
	    {TWO "[scenario ftp]\nclients = s1\n", "names s1, which is a switch; it takes a host",
	     5},
	    {TWO "[scenario ftp]\nclients =\n", "key 'clients' needs the name of a node", 5},
	    {TWO "[scenario ftp]\nclients = h{1..\n", "brace", 5},
	    {TWO "[scenario ftp]\nclient = h1\n",
	     "unknown key 'client' in [scenario]; did you mean "
	     "'clients'?",
	     5},
	    {TWO "[scenaro ftp]\n", "unknown section [scenaro]; did you mean [scenario]?", 4},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_err_ struct err err = {0};
		struct net net;
		struct seen seen;

		assert_int_not_equal(load_with(cases[i].text, &seen, &net, &err), 0);
		assert_int_equal(err.n, 1);
		assert_int_equal(err.items[0].line, cases[i].line);
		if (!strstr(err.items[0].msg, cases[i].why))
			fail_msg("%s", err.items[0].msg);
	}
}

static void shapes(void **state)
{
	_cleanup_net_ struct net net;

	read_text("[switch s1]\n[host h1]\nswitch = s1\nrate = 10mbit\nrate< = 1gbit\n"
		  "delay> = 20ms 5ms normal\nloss = 1%\n[host h2]\nswitch = s1\n",
		  &net);
	const struct shape *s = net.links[0].shape;

	/* '>' leaves the host, for the host is the first end. */
	assert_int_equal(net.ifaces[net.links[0].iface[0]].node, net_find(&net, "h1"));
	assert_true(s[0].rate == 10000000 && s[1].rate == 1000000000);
	assert_true(s[0].delay == 20 * NSEC_PER_MSEC && s[0].jitter == 5 * NSEC_PER_MSEC);
	assert_int_equal(s[0].dist, DELAY_NORMAL);
	assert_true(s[1].delay == 0 && s[1].jitter == 0 && s[0].loss == 0.01 && s[1].loss == 0.01);
	assert_int_equal(net.links[0].mtu, 1500);
	assert_true(net.links[1].shape[0].rate == 0);
}

/* The shape of packets that leave one node towards the other. */
static const struct shape *shape_between(const struct net *net, const char *from, const char *to)
{
	for (size_t i = 0; i < net->n_links; i++)
		for (int end = 0; end < 2; end++) {
			const struct link *l = &net->links[i];

			if (!strcmp(net->nodes[net->ifaces[l->iface[end]].node].name, from) &&
			    !strcmp(net->nodes[net->ifaces[l->iface[!end]].node].name, to))
				return &l->shape[end];
		}
	fail_msg("no link from %s to %s", from, to);
	return NULL;
}

#define DRAWS "switch = s1\ndelay = uniform(10ms, 50ms) uniform(0ms, 10ms) normal\n" \
	      "rate> = shared(uniform(1mbit, 10mbit))\nlimit = uniform(10, 1000)\nlimit< = 7\n"

/* Each direction of each link has its own values, whatever else is in the file. */
static void links_draw(void **state)
{
	_cleanup_net_ struct net net, more, other;

	read_text("[switch s1]\n[host h{1..3}]\n" DRAWS, &net);
	read_text("[switch s0 s1]\n[host h0]\nswitch = s1\n[host h{1..3}]\n" DRAWS
		  "[link s0 s1]\nloss = uniform(1%, 2%)\n", &more);
	read_text("[network]\nseed = 2\n[switch s1]\n[host h{1..3}]\n" DRAWS, &other);
	for (int i = 1; i <= 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "h%d", i);
		const struct shape *up = shape_between(&net, name, "s1");
		const struct shape *down = shape_between(&net, "s1", name);

		assert_in_range(up->delay, 10 * NSEC_PER_MSEC, 50 * NSEC_PER_MSEC);
		assert_true(up->delay != down->delay && up->jitter != down->jitter);
		assert_true(down->limit == 7 && up->limit != 7 && !down->rate);
		assert_int_equal(up->rate, shape_between(&net, "h1", "s1")->rate);
		assert_true(i == 1 || up->delay != shape_between(&net, "h1", "s1")->delay);
		assert_true(shape_equal(up, shape_between(&more, name, "s1")));
		assert_true(shape_equal(down, shape_between(&more, "s1", name)));
		assert_true(up->delay != shape_between(&other, name, "s1")->delay);
	}
	assert_true(shape_is_none(shape_between(&more, "h0", "s1")));
	assert_true(more.links[4].shape[0].loss >= 0.01 && !more.links[4].shape[0].delay);
	round_trip(&net);
	round_trip(&more);
}

/* A trace is read once for all hosts of a section. */
static void links_share_files(void **state)
{
	_cleanup_net_ struct net net;
	const struct shape *a, *b;

	read_text("[switch s1]\n[host h{1..3}]\nswitch = s1\ntrace = " TEST_DATA
		  "/cell.trace\ndelay = uniform(1ms, 2ms)\n", &net);
	a = shape_between(&net, "h1", "s1");
	b = shape_between(&net, "h3", "s1");
	assert_non_null(a->trace);
	assert_ptr_equal(a->trace, b->trace);
	assert_int_equal(a->trace->refs, 3);
	round_trip(&net);
}

static void engines(void **state)
{
	_cleanup_net_ struct net net;
	_cleanup_free_ char *text = NULL;

	read_text("[network]\nengine = shaper\n[switch s1]\n[host h1]\nswitch = s1\n[host h2]\n"
		  "[link h2 s1]\nengine = netem\n", &net);
	assert_int_equal(net.links[0].engine, ENGINE_SHAPER);
	assert_int_equal(net.links[1].engine, ENGINE_NETEM);
	text = printed(&net);
	assert_non_null(strstr(text, "\nengine = shaper\n"));
	assert_non_null(strstr(text, "\nengine = netem\n"));
	round_trip(&net);
}

static void seed_overrides(void **state)
{
	_cleanup_net_ struct net a, b, c;
	_cleanup_err_ struct err err = {0};
	uint64_t seed = 9;
	const char *text = "[network]\nseed = 8\n" TWO, *nine = "[network]\nseed = 9\n" TWO;

	read_text(text, &a);
	read_text(nine, &b);
	assert_int_equal(topo_load_mem("t", text, strlen(text), &seed, NULL, 0, &c, &err), 0);
	same_net(&b, &c);
	assert_memory_not_equal(a.ifaces[0].mac, c.ifaces[0].mac, 6);
}

static void share_and_scenario_path(void **state)
{
	_cleanup_net_ struct net net, absolute;
	_cleanup_err_ struct err err = {0};
	const char *text = "[network]\nshare = no\nscenario_path = not/there\n" TWO
			   "[host x]\nswitch = s1\nshare = yes\n";

	assert_int_equal(
	    topo_load_mem("some/where/t.ini", text, strlen(text), NULL, NULL, 0, &net, &err), 0);
	assert_string_equal(net.scenario_path, "some/where/not/there");
	assert_false(node(&net, "h1")->share);
	assert_true(node(&net, "x")->share);
	read_text("[network]\nscenario_path = /\n" TWO, &absolute);
	assert_string_equal(absolute.scenario_path, "/");
}

/* Forward references, comments, links of ranges, addresses by link and by host. */
static void order_is_free(void **state)
{
	_cleanup_net_ struct net net;

	read_text("[link h{1..3} s1] ; three\n[link r1 s1]\naddress r1 = 10.0.9.1/24\n[host h2]\n"
		  "address = 10.0.9.77\n[host h1]\n[host h3]\n[switch s1]\n[router r1]\n",
		  &net);
	assert_int_equal(addr_of(&net, "r1"), 0x0a000901);
	assert_int_equal(addr_of(&net, "h2"), 0x0a00094d);
	/* In the order of nodes: h2, h1, h3. */
	assert_int_equal(addr_of(&net, "h1"), 0x0a000902);
	assert_int_equal(addr_of(&net, "h3"), 0x0a000903);
	round_trip(&net);
}

static void large_files_are_quick(void **state)
{
	_cleanup_net_ struct net net;
	int64_t start = units_now_mono();

	read_text("[switch s1]\n[host h{1..4000}]\nswitch = s1\n", &net);
	round_trip(&net);
	assert_int_equal(addr_of(&net, "h4000"), 0x0a000fa0);
	assert_true(units_now_mono() - start < 20 * NSEC_PER_SEC); /* under a sanitizer */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rich_file_round_trips),
	    cmocka_unit_test(examples_round_trip),
	    cmocka_unit_test(sections_above),
	    cmocka_unit_test(bad_sections_above),
	    cmocka_unit_test(shapes),
	    cmocka_unit_test(links_draw),
	    cmocka_unit_test(links_share_files),
	    cmocka_unit_test(engines),
	    cmocka_unit_test(seed_overrides),
	    cmocka_unit_test(share_and_scenario_path),
	    cmocka_unit_test(order_is_free),
	    cmocka_unit_test(large_files_are_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
