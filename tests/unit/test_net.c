/* The model without a file: names, indexes, MACs, addresses and what is refused. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/units.h"
#include "emu/addr.h"
#include "emu/idmap.h"

#define ADDR(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static uint32_t add(struct net *net, enum node_kind kind, const char *name)
{
	_cleanup_err_ struct err err = {0};
	int i = net_add_node(net, kind, name, 1, &err);

	assert_true(i >= 0);
	return (uint32_t)i;
}

static uint32_t join(struct net *net, uint32_t a, uint32_t b)
{
	_cleanup_err_ struct err err = {0};
	int i = net_add_link(net, a, b, 2, &err);

	assert_true(i >= 0);
	return (uint32_t)i;
}

/* Hosts h1 … on one switch. */
static void single(struct net *net, int hosts, const char *prefix)
{
	uint32_t sw;

	net_init(net);
	sw = add(net, NODE_SWITCH, "s1");
	for (int i = 1; i <= hosts; i++) {
		char name[80];

		snprintf(name, sizeof(name), "%s%d", prefix, i);
		join(net, add(net, NODE_HOST, name), sw);
	}
}

static void finish(struct net *net)
{
	_cleanup_err_ struct err err = {0};

	if (net_finish(net, &err) < 0)
		fail_msg("%s", err.items[0].msg);
	assert_int_equal(err.n, 0);
}

static void refused(struct net *net, const char *text)
{
	_cleanup_err_ struct err err = {0};

	assert_int_not_equal(net_finish(net, &err), 0);
	if (!strstr(err.items[0].msg, text))
		fail_msg("'%s' is not in '%s'", text, err.items[0].msg);
}

static void map_keeps_what_is_put(void **state)
{
	_cleanup_idmap_ struct idmap m = {0};

	assert_int_equal(idmap_get(&m, 5), IDMAP_NONE);
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(idmap_put(&m, (uint64_t)i << 32 | i, i), 0);
	assert_int_equal(idmap_put(&m, 0, 77), 0);
	assert_int_equal(m.used, 5000);
	assert_int_equal(idmap_get(&m, 0), 77);
	for (uint32_t i = 1; i < 5000; i++)
		assert_int_equal(idmap_get(&m, (uint64_t)i << 32 | i), i);
	assert_int_equal(idmap_get(&m, 5000), IDMAP_NONE);
	assert_true(idmap_text_key("H1") == idmap_text_key("h1"));
	assert_true(idmap_text_key("h1") != idmap_text_key("h2"));
}

static void nodes_are_found(void **state)
{
	_cleanup_net_ struct net net;
	_cleanup_err_ struct err err = {0};

	single(&net, 3, "h");
	assert_int_equal(net_find(&net, "s1"), 0);
	assert_int_equal(net_find(&net, "h3"), 3);
	assert_int_equal(net_find(&net, "H3"), NET_NONE);
	assert_int_equal(net_find(&net, "h4"), NET_NONE);
	assert_int_equal(net_add_node(&net, NODE_HOST, "h3", 9, &err), -22);
	assert_string_equal(err.items[0].msg,
			    "duplicate name 'h3': a host on line 1 has it already");
	assert_int_equal(err.items[0].line, 9);
	assert_int_equal(net.n_nodes, 4);
}

static void names_follow_rfc_1123(void **state)
{
	static const char *const ok[] = {"h1", "a", "files", "web-1", "9a", "1-2", "X"};
	static const char *const bad[] = {"",    "-a",  "a-",  "1",   "127",
					  "a.b", "a b", "a_b", "a/b", "é"};
	char name[NODE_NAME_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(ok); i++)
		assert_true(net_name_ok(ok[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(net_name_ok(bad[i]));
	memset(name, 'a', sizeof(name));
	name[NODE_NAME_MAX + 1] = '\0';
	assert_false(net_name_ok(name));
	name[NODE_NAME_MAX] = '\0';
	assert_true(net_name_ok(name));
}

static void one_segment_counts_like_mininet(void **state)
{
	_cleanup_net_ struct net net;
	char buf[18];

	single(&net, 300, "h");
	finish(&net);
	assert_string_equal(net.name, "net");
	assert_string_equal(net_format_addr(buf, net_node_addr(&net, net_find(&net, "h1"))),
			    "10.0.0.1");
	assert_string_equal(net_format_addr(buf, net_node_addr(&net, net_find(&net, "h300"))),
			    "10.0.1.44");
	assert_int_equal(net_node_addr(&net, 0), 0); /* a switch has none */
	for (uint32_t i = 0; i < net.n_ifaces; i++) {
		const struct iface *f = &net.ifaces[i];

		assert_int_equal(f->ifindex, NET_IFINDEX_BASE + (int)i);
		if (f->addr) {
			assert_int_equal(f->prefix, 16);
			assert_int_equal(net_find_addr(&net, f->addr), i);
		}
		assert_int_equal(f->mac[0], 2);
		assert_int_equal(net_peer(&net, net_peer(&net, i)), i);
	}
	assert_int_equal(net_find_addr(&net, ADDR(10, 0, 9, 9)), NET_NONE);
	assert_string_equal(net.ifaces[0].name, "h1-eth0");
	assert_string_equal(net.ifaces[1].name, "s1-eth1"); /* as in Mininet */
	assert_string_equal(net.ifaces[599].name, "s1-eth300");
}

static bool all_unique(const struct net *net)
{
	_cleanup_idmap_ struct idmap names = {0}, macs = {0};

	for (uint32_t i = 0; i < net->n_ifaces; i++) {
		uint64_t mac = 0;

		memcpy(&mac, net->ifaces[i].mac, 6);
		if (strlen(net->ifaces[i].name) > 15 || !net->ifaces[i].name[0] ||
		    idmap_get(&names, idmap_text_key(net->ifaces[i].name)) != IDMAP_NONE ||
		    idmap_get(&macs, mac) != IDMAP_NONE)
			return false;
		idmap_put(&names, idmap_text_key(net->ifaces[i].name), i);
		idmap_put(&macs, mac, i);
	}
	return true;
}

static void long_names_give_short_interfaces(void **state)
{
	_cleanup_net_ struct net net;

	single(&net, 900, "a-host-with-quite-a-long-name-and-then-a-number-");
	/* The first long name would be cut to this one's interface. */
	join(&net, add(&net, NODE_HOST, "a-host-wit"), 0);
	finish(&net);
	assert_true(all_unique(&net));
	assert_string_equal(net.ifaces[net.n_ifaces - 2].name, "a-host-wit-eth0");
}

static void interface_names_avoid_nodes(void **state)
{
	_cleanup_net_ struct net net;
	uint32_t sw;

	net_init(&net);
	sw = add(&net, NODE_SWITCH, "h1-eth0");
	join(&net, add(&net, NODE_HOST, "h1"), sw);
	join(&net, add(&net, NODE_HOST, "h2"), sw);
	finish(&net);
	assert_true(all_unique(&net));
	assert_string_not_equal(net.ifaces[0].name, "h1-eth0");
}

/* Draws come by path: another seed changes all, another host none. */
static void macs_are_drawn_by_path(void **state)
{
	_cleanup_net_ struct net a, b, c;

	single(&a, 20, "h");
	single(&b, 21, "h");
	single(&c, 20, "h");
	c.seed = 2;
	finish(&a);
	finish(&b);
	finish(&c);
	for (uint32_t i = 0; i < a.n_ifaces; i++) {
		assert_memory_equal(a.ifaces[i].mac, b.ifaces[i].mac, 6);
		assert_memory_not_equal(a.ifaces[i].mac, c.ifaces[i].mac, 6);
	}
	assert_true(all_unique(&a));
}

static void given_things_are_kept_and_avoided(void **state)
{
	_cleanup_net_ struct net net;
	static const uint8_t mac[6] = {0x52, 0x54, 0, 1, 2, 3};
	char buf[16];

	single(&net, 5, "h");
	net.ifaces[8].addr = ADDR(10, 0, 0, 2); /* of h5 */
	memcpy(net.ifaces[8].mac, mac, 6);
	finish(&net);
	assert_int_equal(net.ifaces[8].addr, ADDR(10, 0, 0, 2));
	assert_memory_equal(net.ifaces[8].mac, mac, 6);
	assert_string_equal(net_format_addr(buf, net.ifaces[2].addr), "10.0.0.3");
	assert_string_equal(net_format_addr(buf, net.ifaces[6].addr), "10.0.0.5");
}

static void random_addresses_fill_a_subnet(void **state)
{
	_cleanup_net_ struct net a, b, c;

	single(&a, 14, "h");
	a.subnet = ADDR(192, 168, 7, 16);
	a.prefix = 28;
	a.random_addrs = true;
	finish(&a); /* 14 of 14: each exactly once */
	for (uint32_t x = 17; x <= 30; x++)
		assert_int_not_equal(net_find_addr(&a, ADDR(192, 168, 7, x)), NET_NONE);
	single(&b, 10, "h");
	single(&c, 11, "h");
	b.random_addrs = c.random_addrs = true;
	finish(&b);
	finish(&c);
	for (uint32_t i = 0; i < b.n_ifaces; i++)
		assert_int_equal(b.ifaces[i].addr, c.ifaces[i].addr);
	assert_true(b.ifaces[0].addr != ADDR(10, 0, 0, 1) || b.ifaces[2].addr != ADDR(10, 0, 0, 2));
}

static void full_subnets(void **state)
{
	_cleanup_net_ struct net fits, full;

	single(&fits, 254, "h");
	fits.prefix = 24;
	finish(&fits);
	single(&full, 255, "h");
	full.prefix = 24;
	refused(&full,
		"subnet too small: 10.0.0.0/24 has no room for 255 addresses in 1 segment; use at "
		"least a /23");
}

static void hostnames_are_drawn_once(void **state)
{
	_cleanup_net_ struct net net, again;
	_cleanup_idmap_ struct idmap seen = {0};

	single(&net, 200, "h");
	single(&again, 201, "h");
	net.drawn_hostnames = again.drawn_hostnames = true;
	free(net.nodes[5].hostname);
	net.nodes[5].hostname = strdup("mail");
	net.nodes[5].hostname_given = true;
	finish(&net);
	finish(&again);
	assert_string_equal(net.nodes[0].hostname, "s1");
	assert_string_equal(net.nodes[5].hostname, "mail");
	for (uint32_t i = 1; i < net.n_nodes; i++) {
		uint64_t key = idmap_text_key(net.nodes[i].hostname);

		assert_true(net_name_ok(net.nodes[i].hostname));
		assert_int_equal(idmap_get(&seen, key), IDMAP_NONE);
		idmap_put(&seen, key, i);
		if (i != 5)
			assert_string_equal(net.nodes[i].hostname, again.nodes[i].hostname);
	}
}

static void large_networks_are_quick(void **state)
{
	_cleanup_net_ struct net net;
	int64_t start = units_now_mono();

	single(&net, NET_NODES_MAX - 1, "h");
	finish(&net);
	/* Some 10 ms; a square in the number of nodes would take minutes under a sanitizer. */
	assert_true(units_now_mono() - start < 5 * NSEC_PER_SEC);

	_cleanup_err_ struct err err = {0};

	assert_int_equal(net_add_node(&net, NODE_HOST, "more", 1, &err), -22);
	assert_true(all_unique(&net));
}

static void parses(void **state)
{
	uint32_t addr;
	uint8_t prefix, mac[6];
	const char *why;
	char buf[18];

	assert_int_equal(addr_parse("10.1.2.3", &addr, &prefix, &why), 0);
	assert_int_equal(addr, ADDR(10, 1, 2, 3));
	assert_int_equal(prefix, 0);
	assert_int_equal(addr_parse("10.1.2.3/30", &addr, &prefix, &why), 0);
	assert_int_equal(prefix, 30);
	assert_int_equal(addr_parse("10.1.2.3/", &addr, &prefix, &why), -22);
	assert_int_equal(addr_parse("10.1.2.3/+8", &addr, &prefix, &why), -22);
	assert_int_equal(addr_parse("0.0.0.0", &addr, &prefix, &why), -22);
	assert_int_equal(addr_parse("1.2.3.4.5.6.7.8.9.10", &addr, &prefix, &why), -22);
	assert_int_equal(addr_parse_mac("02:aB:00-00:00:fF", mac, &why), 0);
	assert_string_equal(net_format_mac(buf, mac), "02:ab:00:00:00:ff");
	assert_int_equal(addr_parse_mac("02:ab:00:00:00:fg", mac, &why), -22);
	assert_int_equal(addr_parse_mac("02:ab:00:00:00:ff:", mac, &why), -22);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(map_keeps_what_is_put),
	    cmocka_unit_test(nodes_are_found),
	    cmocka_unit_test(names_follow_rfc_1123),
	    cmocka_unit_test(one_segment_counts_like_mininet),
	    cmocka_unit_test(long_names_give_short_interfaces),
	    cmocka_unit_test(interface_names_avoid_nodes),
	    cmocka_unit_test(macs_are_drawn_by_path),
	    cmocka_unit_test(given_things_are_kept_and_avoided),
	    cmocka_unit_test(random_addresses_fill_a_subnet),
	    cmocka_unit_test(full_subnets),
	    cmocka_unit_test(hostnames_are_drawn_once),
	    cmocka_unit_test(large_networks_are_quick),
	    cmocka_unit_test(parses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
