/*
 * Routes and subnets: packets are walked over the model's routes, hop by hop, as the kernel would.
 *
 * The walk knows nothing of how routes were computed: it looks up the longest prefix, finds the
 * next hop on the wire, and must arrive at the owner of the address.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "core/units.h"
#include "emu/addr.h"
#include "emu/topo.h"

#define TTL 64

static void read_text(const char *text, struct net *net)
{
	_cleanup_err_ struct err err = {0};

	if (topo_load_mem("t.ini", text, strlen(text), NULL, NULL, 0, net, &err) < 0)
		fail_msg("%d: %s\n%s", err.items[0].line, err.items[0].msg, text);
}

/* Do two interfaces share a wire? Follows switches from the one to the other. */
static bool on_wire(const struct net *net, uint32_t from, uint32_t to)
{
	_cleanup_free_ bool *seen = calloc(net->n_nodes, 1);
	_cleanup_free_ uint32_t *queue = calloc(net->n_ifaces + 1, sizeof(*queue));
	size_t n = 0;

	queue[n++] = net_peer(net, from);
	for (size_t at = 0; at < n; at++) {
		const struct node *x = &net->nodes[net->ifaces[queue[at]].node];

		if (queue[at] == to)
			return true;
		if (x->kind != NODE_SWITCH || seen[net->ifaces[queue[at]].node])
			continue;
		seen[net->ifaces[queue[at]].node] = true;
		for (size_t k = 0; k < x->n_ifaces; k++)
			queue[n++] = net_peer(net, x->ifaces[k]);
	}
	return false;
}

/* The next interface that gets the packet, or NET_NONE: no route, or nobody there. */
static uint32_t next_hop(const struct net *net, uint32_t node, uint32_t dst)
{
	const struct node *n = &net->nodes[node];
	uint32_t out = NET_NONE, via = 0, next;
	int best = -1;

	for (size_t k = 0; k < n->n_ifaces; k++) {
		const struct iface *i = &net->ifaces[n->ifaces[k]];

		if (!((i->addr ^ dst) & addr_mask(i->prefix)) && i->prefix > best) {
			best = i->prefix;
			out = n->ifaces[k];
			via = 0;
		}
	}
	for (size_t k = 0; k < n->n_routes; k++) {
		const struct route *r = &n->routes[k];

		assert_int_equal(net->ifaces[r->iface].node, node);
		assert_int_equal(r->dst & ~addr_mask(r->prefix), 0);
		if (!((r->dst ^ dst) & addr_mask(r->prefix)) && r->prefix > best) {
			best = r->prefix;
			out = r->iface;
			via = r->via;
		}
	}
	if (out == NET_NONE)
		return NET_NONE;
	next = net_find_addr(net, via ? via : dst);
	return next != NET_NONE && on_wire(net, out, next) ? next : NET_NONE;
}

/* Hops to the address, or -1. */
static int walk(const struct net *net, uint32_t from, uint32_t dst)
{
	uint32_t target = net->ifaces[net_find_addr(net, dst)].node;

	for (int hops = 0; hops < TTL; hops++) {
		uint32_t next;

		if (from == target)
			return hops;
		if (hops && net->nodes[from].kind != NODE_ROUTER)
			return -1;
		next = next_hop(net, from, dst);
		if (next == NET_NONE)
			return -1;
		from = net->ifaces[next].node;
	}
	return -1;
}

static void all_reach_all(const struct net *net)
{
	for (uint32_t a = 0; a < net->n_nodes; a++)
		for (uint32_t b = 0; b < net->n_nodes; b++)
			if (net->nodes[a].kind != NODE_SWITCH &&
			    net->nodes[b].kind != NODE_SWITCH &&
			    walk(net, a, net_node_addr(net, b)) < 0)
				fail_msg("%s does not reach %s", net->nodes[a].name,
					 net->nodes[b].name);
}

static int hops(const struct net *net, const char *a, const char *b)
{
	return walk(net, net_find(net, a), net_node_addr(net, net_find(net, b)));
}

static void one_router(void **state)
{
	_cleanup_net_ struct net net;

	read_text(
	    "[router r1]\n[switch s1 s2]\n[host a1 a2]\nswitch = s1\n[host b1 b2]\nswitch = s2\n"
	    "[link r1 s1]\n[link r1 s2]\n",
	    &net);
	all_reach_all(&net);
	const struct node *a1 = &net.nodes[net_find(&net, "a1")];

	assert_int_equal(a1->n_routes, 1);
	assert_int_equal(a1->routes[0].prefix, 0);
	assert_int_equal(a1->routes[0].via, 0x0a0000fe); /* routers count down from the end */
	assert_int_equal(net.nodes[net_find(&net, "r1")].n_routes, 0);
	assert_int_equal(net_node_addr(&net, net_find(&net, "b1")), 0x0a000101);
	assert_int_equal(hops(&net, "a1", "b2"), 2);
}

static void ring_takes_the_short_way(void **state)
{
	_cleanup_net_ struct net net;

	read_text(
	    "[router r{1..6}]\n[host h{1..6}]\n[link r1 h1]\n[link r2 h2]\n[link r3 h3]\n"
	    "[link r4 h4]\n[link r5 h5]\n[link r6 h6]\n[link r1 r2]\n[link r2 r3]\n[link r3 r4]\n"
	    "[link r4 r5]\n[link r5 r6]\n[link r6 r1]\n",
	    &net);
	all_reach_all(&net);
	assert_int_equal(hops(&net, "h1", "h6"), 3);
	assert_int_equal(hops(&net, "h1", "h2"), 3);
	assert_int_equal(hops(&net, "h1", "h4"), 5);
	for (uint32_t i = 0; i < net.n_ifaces; i++)
		assert_int_equal(net.ifaces[i].prefix, 30);
}

/* Of two ways of equal length, the one over the link that the file names first. */
static void ties_are_settled_by_the_file(void **state)
{
	_cleanup_net_ struct net net;
	const struct node *r1;

	read_text("[router r1 up down r2]\n[host a b]\n[link a r1]\n[link r2 b]\n[link r1 down]\n"
		  "[link r1 up]\n[link up r2]\n[link down r2]\n",
		  &net);
	all_reach_all(&net);
	r1 = &net.nodes[net_find(&net, "r1")];
	uint32_t next =
	    next_hop(&net, net_find(&net, "r1"), net_node_addr(&net, net_find(&net, "b")));

	assert_string_equal(net.nodes[net.ifaces[next].node].name, "down");
	assert_true(r1->n_routes > 0);
}

static void several_routers_on_a_segment(void **state)
{
	_cleanup_net_ struct net net;
	const struct node *h1, *h2;

	read_text("[switch s1 s2 s3 s4]\n[router r1 r2]\n[host h1 h2]\nswitch = s1\n[host "
		  "a]\nswitch = s2\n"
		  "[host b]\nswitch = s3\n[host c]\nswitch = s4\n[link r{1..2} s1]\n[link r1 s2]\n"
		  "[link r2 s3]\n[link r2 s4]\n",
		  &net);
	all_reach_all(&net);
	h1 = &net.nodes[net_find(&net, "h1")];
	h2 = &net.nodes[net_find(&net, "h2")];
	/* r2 leads to more, so it is the default; one route leads over r1. */
	assert_int_equal(h1->n_routes, 2);
	assert_int_equal(h2->n_routes, 2);
	assert_int_equal(h1->routes[0].prefix, 0);
	assert_string_equal(net.nodes[net.ifaces[net_find_addr(&net, h1->routes[0].via)].node].name,
			    "r2");
	assert_int_equal(h2->routes[1].iface, h2->ifaces[0]);
	assert_int_equal(hops(&net, "h1", "a"), 2);
	assert_int_equal(hops(&net, "h1", "c"), 2);
}

static void hosts_with_several_subnets(void **state)
{
	_cleanup_net_ struct net net;

	read_text("[switch s1 s2 s3]\n[router r1]\n[host m]\nswitch = s1\n[link m s2]\n[host a]\n"
		  "switch = s1\n[host b]\nswitch = s2\n[host c]\nswitch = s3\n[link r1 s1]\n[link "
		  "r1 s2]\n"
		  "[link r1 s3]\n",
		  &net);
	all_reach_all(&net);
	assert_int_equal(hops(&net, "m", "b"), 1);
	assert_int_equal(hops(&net, "m", "c"), 2);
}

/* A private link beside the common segment: names mean the addresses that all reach. */
static void private_links(void **state)
{
	_cleanup_net_ struct net net;
	uint32_t a;

	read_text("[switch s1]\n[host a b]\n[host c]\n[link a b]\n[link a s1]\n[link b s1]\n[link "
		  "c s1]\n",
		  &net);
	all_reach_all(&net);
	a = net_find(&net, "a");
	assert_int_equal(net.nodes[a].primary, net.nodes[a].ifaces[1]);
	assert_int_equal(hops(&net, "c", "a"), 1);
}

/* Chains join neighbouring subnets, so tables stay short. */
static void chains_are_joined(void **state)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_net_ struct net net;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	fputs("[router r{1..33}]\n[switch s{1..33}]\n[host h{1..33}]\n", f);
	for (int i = 1; i <= 33; i++) {
		fprintf(f, "[link h%d s%d]\n[link r%d s%d]\n", i, i, i, i);
		if (i > 1)
			fprintf(f, "[link r%d r%d]\n", i - 1, i);
	}
	fclose(f);
	read_text(text, &net);
	all_reach_all(&net);
	assert_int_equal(hops(&net, "h1", "h33"), 34);
	for (uint32_t i = 0; i < net.n_nodes; i++)
		assert_true(net.nodes[i].n_routes <= 20);
}

/* Random trees of routers with extra links and switches: everyone reaches everyone. */
static void random_networks(void **state)
{
	for (int round = 0; round < 60; round++) {
		_cleanup_free_ char *text = NULL;
		_cleanup_net_ struct net net;
		struct rng rng;
		size_t size;
		FILE *f = open_memstream(&text, &size);
		int routers, switches;

		rng_open(&rng, 3, "route/%d", round);
		routers = 1 + (int)rng_below(&rng, 8);
		switches = 1 + (int)rng_below(&rng, 8);
		fprintf(f, "[network]\nsubnet = 10.%d.0.0/%d\naddresses = %s\n", round,
			16 + (int)rng_below(&rng, 8), round & 1 ? "random" : "sequential");
		for (int r = 1; r <= routers; r++) {
			fprintf(f, "[router r%d]\n", r);
			if (r > 1)
				fprintf(f, "[link r%d r%d]\n", r, 1 + (int)rng_below(&rng, r - 1));
		}
		for (int s = 1; s <= switches; s++) {
			int first = 1 + (int)rng_below(&rng, routers);

			fprintf(f, "[switch s%d]\n[link s%d r%d]\n", s, s, first);
			if (rng_below(&rng, 3) == 0 && routers > 1)
				fprintf(f, "[link r%d s%d]\n", first % routers + 1, s);
			for (int h = 1 + (int)rng_below(&rng, 4); h; h--) {
				fprintf(f, "[host h%d-%d]\nswitch = s%d\n", s, h, s);
				if (rng_below(&rng, 5) == 0 && s > 1)
					fprintf(f, "[link h%d-%d s%d]\n", s, h, s - 1);
			}
		}
		fclose(f);
		read_text(text, &net);
		all_reach_all(&net);
	}
}

/* No address in two subnets, and each where it belongs, however small the subnet is. */
static void subnets_fit(void **state)
{
	static const int tight[] = {16, 23, 24, 25, 26};

	for (size_t i = 0; i < ARRAY_SIZE(tight); i++) {
		_cleanup_net_ struct net net;
		char text[512];

		snprintf(text, sizeof(text),
			 "[network]\nsubnet = 10.0.0.0/%d\n[switch s{1..3}]\n[router r1 r2]\n"
			 "[host a{1..20}]\nswitch = s1\n[host b{1..5}]\nswitch = s2\n[host c]\n"
			 "switch = s3\n[link r1 s{1..2}]\n[link r2 s3]\n[link r1 r2]\n",
			 tight[i]);
		read_text(text, &net);
		all_reach_all(&net);
		for (uint32_t a = 0; a < net.n_ifaces; a++)
			for (uint32_t b = 0; b < net.n_ifaces; b++) {
				const struct iface *x = &net.ifaces[a], *y = &net.ifaces[b];

				if (!x->addr || !y->addr || a == b)
					continue;
				assert_int_equal(on_wire(&net, a, b),
						 !((x->addr ^ y->addr) & addr_mask(x->prefix)));
			}
	}
}

/* Given addresses decide where their blocks lie, and others keep away. */
static void given_blocks(void **state)
{
	_cleanup_net_ struct net net;

	read_text(
	    "[switch s1 s2 s3]\n[router r1]\n[host a]\nswitch = s1\naddress = 10.0.1.7\n[host b]\n"
	    "switch = s2\n[host c]\nswitch = s3\naddress = 10.0.0.130/25\n[link r1 s{1..3}]\n",
	    &net);
	all_reach_all(&net);
	assert_int_equal(net_node_addr(&net, net_find(&net, "a")), 0x0a000107);
	assert_int_equal(net_node_addr(&net, net_find(&net, "b")), 0x0a000201);
	assert_int_equal(net_node_addr(&net, net_find(&net, "c")), 0x0a000082);
}

static void large_networks_are_quick(void **state)
{
	_cleanup_net_ struct net net, star;
	int64_t start = units_now_mono();

	read_text(
	    "[router r{1..40}]\n[switch s1]\n[host h{1..3000}]\nswitch = s1\n[link r{1..40} s1]\n",
	    &net);
	read_text("[router r1]\n[host h{1..4000}]\n[link h{1..4000} r1]\n", &star);
	assert_int_equal(hops(&star, "h1", "h4000"), 2);
	assert_true(units_now_mono() - start < 10 * NSEC_PER_SEC); /* under a sanitizer */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_router),
	    cmocka_unit_test(ring_takes_the_short_way),
	    cmocka_unit_test(ties_are_settled_by_the_file),
	    cmocka_unit_test(several_routers_on_a_segment),
	    cmocka_unit_test(hosts_with_several_subnets),
	    cmocka_unit_test(private_links),
	    cmocka_unit_test(chains_are_joined),
	    cmocka_unit_test(random_networks),
	    cmocka_unit_test(subnets_fit),
	    cmocka_unit_test(given_blocks),
	    cmocka_unit_test(large_networks_are_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
