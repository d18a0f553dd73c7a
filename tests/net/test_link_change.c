/* Changes of links while the network runs: by hand and by a timeline, and of links that are broken. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/net/link_fixture.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "core/ini.h"
#include "emu/rtnl.h"
#include "emu/topo.h"

/* ---- in place, and an engine where there was none ---- */

static void changes_lose_nothing(enum link_engine engine)
{
	struct shape s = { .delay = 5 * NSEC_PER_MSEC };
	struct lab l;
	uint32_t i;
	bool *seen = calloc(2000, sizeof(*seen));

	lab_model(&l);
	lab_finish(&l);
	l.net.links[LINK].engine = engine;
	shape_copy(&l.net.links[LINK].shape[0], &s);
	lab_up(&l);
	assert_delay(&l, H1, H2, 5 * NSEC_PER_MSEC);
	for (i = 0; i < 2000; i++) {
		put(&l, H1, H2, i, 64);
		if (i % 20)
			continue;
		s.delay = (5 + i / 20 % 2) * NSEC_PER_MSEC;
		set(&l, 0, &s);
	}
	for (i = 0; i < 2000; i++) {
		int64_t k = get(&l, H2, WAIT_MS);

		assert_true(k >= 0 && k < 2000 && !seen[k]);
		seen[k] = true;
	}
	assert_true(shape_equal(emu_link_shape(l.emu, LINK, 0), &s));
	free(seen);
	lab_down(&l);
}

static void test_changes_lose_nothing(void **state)
{
	each_engine(changes_lose_nothing);
}

static void up(struct lab *l, bool is_up)
{
	if (emu_link_up(l->emu, LINK, is_up, &l->err) < 0)
		fail_msg("%s", l->err.n ? l->err.items[0].msg : "emu_link_up");
	assert_int_equal(emu_link_is_up(l->emu, LINK), is_up);
}

static void goes_down_and_up(enum link_engine engine)
{
	struct sockaddr_in a;
	struct lab l;
	int64_t k;
	int i;

	lab_model(&l);
	lab_finish(&l);
	l.net.links[LINK].engine = engine;
	l.net.links[LINK].shape[0].delay = 2 * NSEC_PER_MSEC;
	lab_up(&l);
	a = addr_of(&l, H2);
	assert_delay(&l, H1, H2, 2 * NSEC_PER_MSEC);
	for (i = 0; i < 3; i++) {
		up(&l, false);
		assert_int_equal(sendto(l.out[H1], "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), -1);
		assert_int_equal(errno, ENETUNREACH);
		put(&l, H2, H1, 99, 64); /* lost, or kept by the router while it asks for h1 */
		up(&l, true);
		/* The default route is there again, and packets pass both ways at once. */
		assert_delay(&l, H1, H2, 2 * NSEC_PER_MSEC);
		put(&l, H2, H1, 7, 64);
		while ((k = get(&l, H1, WAIT_MS)) == 99)
			;
		assert_int_equal(k, 7);
	}
	lab_down(&l);
}

static void test_goes_down_and_up(void **state)
{
	each_engine(goes_down_and_up);
}

/* Index and MAC of h1's interface, from inside. */
static void assert_iface(const struct lab *l)
{
	const struct iface *f = &l->net.ifaces[l->net.links[LINK].iface[0]];
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", f->name);
	assert_int_equal(ioctl(l->out[H1], SIOCGIFINDEX, &ifr), 0);
	assert_int_equal(ifr.ifr_ifindex, f->ifindex);
	assert_int_equal(ioctl(l->out[H1], SIOCGIFHWADDR, &ifr), 0);
	assert_memory_equal(ifr.ifr_hwaddr.sa_data, f->mac, 6);
}

/* A link that was plain gets its engine while the network runs. */
static void gets_an_engine(enum link_engine engine)
{
	struct shape s = { .delay = 10 * NSEC_PER_MSEC }, none = { 0 };
	struct lab l;

	lab_model(&l);
	lab_finish(&l);
	lab_up(&l);
	assert_int_equal(emu_link_engine(l.emu, LINK), ENGINE_AUTO);
	assert_delay(&l, H1, H2, 0);
	l.net.links[LINK].engine = engine;
	set(&l, 1, &s);
	assert_int_equal(emu_link_engine(l.emu, LINK), engine);
	assert_iface(&l);
	assert_delay(&l, H2, H1, 10 * NSEC_PER_MSEC);
	assert_delay(&l, H1, H2, 0);
	set(&l, 1, &none);
	assert_delay(&l, H2, H1, 0);
	up(&l, false);
	up(&l, true);
	assert_delay(&l, H1, H2, 0);
	lab_down(&l);
}

static void test_gets_an_engine(void **state)
{
	each_engine(gets_an_engine);
}

static void gets_it_while_down(enum link_engine engine)
{
	struct shape s = { .delay = 10 * NSEC_PER_MSEC };
	struct sockaddr_in a;
	struct lab l;

	lab_model(&l);
	lab_finish(&l);
	lab_up(&l);
	a = addr_of(&l, H2);
	up(&l, false);
	l.net.links[LINK].engine = engine;
	set(&l, 0, &s);
	assert_false(emu_link_is_up(l.emu, LINK));
	assert_int_equal(sendto(l.out[H1], "x", 1, 0, (struct sockaddr *)&a, sizeof(a)), -1);
	up(&l, true);
	assert_delay(&l, H1, H2, 10 * NSEC_PER_MSEC);
	lab_down(&l);
}

static void test_gets_it_while_down(void **state)
{
	each_engine(gets_it_while_down);
}

/* ---- interfaces made anew ---- */

static void end_iface(const struct lab *l, int end, int *ret_ns, int *ret_ifindex)
{
	const struct iface *f = &l->net.ifaces[l->net.links[LINK].iface[end]];

	*ret_ns = emu_node_ns(l->emu, f->node);
	*ret_ifindex = f->ifindex;
}

/* As a host's root does. */
static void delete_end(struct lab *l, int end)
{
	struct rtnl *r;
	int ns, ifindex;

	end_iface(l, end, &ns, &ifindex);
	assert_int_equal(rtnl_open(ns, &r), 0);
	assert_int_equal(rtnl_del_link(r, ifindex), 0);
	assert_int_equal(rtnl_flush(r, &l->err), 0);
	rtnl_close(r);
}

static void take_end_down(struct lab *l, int end)
{
	struct rtnl *r;
	int ns, ifindex;

	end_iface(l, end, &ns, &ifindex);
	assert_int_equal(rtnl_open(ns, &r), 0);
	assert_int_equal(rtnl_set_up(r, ifindex, false), 0);
	assert_int_equal(rtnl_flush(r, &l->err), 0);
	rtnl_close(r);
}

static void assert_ends(const struct lab *l, enum wire_state first, enum wire_state second)
{
	assert_int_equal(emu_link_end(l->emu, LINK, 0), first);
	assert_int_equal(emu_link_end(l->emu, LINK, 1), second);
}

static void shaped_lab(struct lab *l, enum link_engine engine)
{
	lab_model(l);
	lab_finish(l);
	l->net.links[LINK].engine = engine;
	l->net.links[LINK].shape[0].delay = 2 * NSEC_PER_MSEC;
	lab_up(l);
	assert_delay(l, H1, H2, 2 * NSEC_PER_MSEC);
	assert_ends(l, WIRE_UP, WIRE_UP);
}

/* An interface that is gone comes again with up, or with any change; down is no error. */
static void comes_back(enum link_engine engine)
{
	struct shape s = { .delay = 10 * NSEC_PER_MSEC };
	struct lab l;
	int end;

	for (end = 0; end < 2; end++) {
		shaped_lab(&l, engine);
		delete_end(&l, end);
		assert_int_equal(emu_link_end(l.emu, LINK, end), WIRE_MISSING);
		up(&l, false);
		up(&l, false);
		up(&l, true);
		assert_ends(&l, WIRE_UP, WIRE_UP);
		assert_iface(&l);
		assert_int_equal(emu_links_remade(l.emu), 1);
		assert_delay(&l, H1, H2, 2 * NSEC_PER_MSEC);
		delete_end(&l, end);
		set(&l, 0, &s);
		assert_ends(&l, WIRE_UP, WIRE_UP);
		assert_int_equal(emu_links_remade(l.emu), 2);
		assert_delay(&l, H1, H2, 10 * NSEC_PER_MSEC);
		assert_delay(&l, H2, H1, 0);
		lab_down(&l);
	}
}

static void test_comes_back(void **state)
{
	each_engine(comes_back);
}

static void up_means_up(enum link_engine engine)
{
	struct lab l;
	int end;

	shaped_lab(&l, engine);
	for (end = 0; end < 2; end++) {
		take_end_down(&l, end);
		assert_int_equal(emu_link_end(l.emu, LINK, end), WIRE_DOWN);
		up(&l, true);
		assert_ends(&l, WIRE_UP, WIRE_UP);
		assert_delay(&l, H1, H2, 2 * NSEC_PER_MSEC);
	}
	assert_int_equal(emu_links_remade(l.emu), 0);
	lab_down(&l);
}

static void test_up_means_up(void **state)
{
	each_engine(up_means_up);
}

/* An interface of the same name is in the way: it fails as often as it is tried, and no longer. */
static void name_in_the_way(enum link_engine engine)
{
	const struct iface *f;
	struct rtnl_end a = { .name = NULL }, b = { .name = "other", .ifindex = 9001 };
	struct shape s = { .delay = 10 * NSEC_PER_MSEC };
	struct lab l;
	struct rtnl *r;
	int i;

	shaped_lab(&l, engine);
	f = &l.net.ifaces[l.net.links[LINK].iface[0]];
	delete_end(&l, 0);
	a = (struct rtnl_end){ .ns_fd = emu_node_ns(l.emu, H1), .name = f->name, .ifindex = 9000 };
	b.ns_fd = a.ns_fd;
	assert_int_equal(rtnl_open(a.ns_fd, &r), 0);
	assert_int_equal(rtnl_add_veth(r, &a, &b, 1500), 0);
	assert_int_equal(rtnl_flush(r, &l.err), 0);
	for (i = 0; i < 2; i++) {
		assert_int_equal(emu_link_up(l.emu, LINK, true, &l.err), -EEXIST);
		assert_ends(&l, WIRE_MISSING, WIRE_MISSING);
		assert_int_equal(emu_link_set(l.emu, LINK, 0, &s, &l.err), -EEXIST);
	}
	assert_int_equal(emu_link_shape(l.emu, LINK, 0)->delay, 2 * NSEC_PER_MSEC);
	assert_int_equal(rtnl_del_link(r, a.ifindex), 0);
	assert_int_equal(rtnl_flush(r, &l.err), 0);
	rtnl_close(r);
	up(&l, true);
	assert_ends(&l, WIRE_UP, WIRE_UP);
	assert_delay(&l, H1, H2, 2 * NSEC_PER_MSEC);
	lab_down(&l);
}

static void test_name_in_the_way(void **state)
{
	each_engine(name_in_the_way);
}

/* A host sees no moment of being up in what is made anew of a link that is down. */
static void stays_down(enum link_engine engine)
{
	struct sockaddr_nl group = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct shape s = { .delay = 10 * NSEC_PER_MSEC };
	char buf[8192] __attribute__((aligned(__alignof__(struct nlmsghdr))));
	struct lab l;
	int old, fd, made = 0;
	ssize_t n;

	shaped_lab(&l, engine);
	up(&l, false);
	delete_end(&l, 0);
	old = netns_enter(emu_node_ns(l.emu, H1));
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	netns_leave(old);
	assert_int_equal(bind(fd, (struct sockaddr *)&group, sizeof(group)), 0);
	set(&l, 0, &s);
	assert_int_equal(emu_links_remade(l.emu), 1);
	assert_ends(&l, WIRE_DOWN, WIRE_DOWN);
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		struct nlmsghdr *h = (struct nlmsghdr *)buf;

		for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			const struct ifinfomsg *ifm = NLMSG_DATA(h);

			if (h->nlmsg_type != RTM_NEWLINK)
				continue;
			assert_false(ifm->ifi_flags & IFF_UP);
			made++;
		}
	}
	assert_true(made > 0);
	close(fd);
	up(&l, true);
	assert_delay(&l, H1, H2, 10 * NSEC_PER_MSEC);
	lab_down(&l);
}

static void test_stays_down(void **state)
{
	each_engine(stays_down);
}

/* ---- while packets are captured ---- */

#define DIRECT "[host h1 h2]\n[link h1 h2]\n"

static void direct_up(struct lab *l, const char *text)
{
	memset(l, 0, sizeof(*l));
	if (topo_load_mem("lab.ini", text, strlen(text), NULL, NULL, 0, &l->net, &l->err) < 0)
		fail_msg("%s", l->err.items[0].msg);
	assert_int_equal(loop_new(&l->loop), 0);
	lab_up(l);
	emu_hold_links(l->emu, true);
}

static int no_rate(const char *what)
{
	if (qdisc_have_tbf())
		return 0;
	print_message("             no sch_tbf here, so not %s\n", what);
	return 1;
}

/* Each state is one that the kernel can do; all of them in one would not be. */
static void test_timeline_keeps_its_engine(void **state)
{
	struct lab l;
	size_t i;

	if (no_rate("a timeline of netem"))
		return;
	direct_up(&l, DIRECT "[at 500ms]\nlink h1 h2 = rate=200mbit\n"
		      "[at 1200ms]\nlink h1 h2 = rate=none, overhead=-10, limit=100 10KiB\n"
		      "[at 1300ms]\nlink h1 h2 = limit=none, overhead=none\n"
		      "[at 2s]\nlink h1 h2 = rate=400mbit, queue=droptail\n");
	assert_int_equal(emu_link_engine(l.emu, LINK), ENGINE_NETEM);
	assert_int_equal(l.net.timeline.n, 4);
	for (i = 0; i < l.net.timeline.n; i++) {
		if (timeline_apply(l.emu, &l.net.timeline.changes[i], &l.err) < 0)
			fail_msg("%s", l.err.items[0].msg);
		assert_int_equal(emu_link_engine(l.emu, LINK), ENGINE_NETEM);
		assert_true(one_way(&l, H1, H2) >= 0);
	}
	assert_int_equal(emu_links_remade(l.emu), 0);
	lab_down(&l);
}

static void apply_by_hand(struct lab *l, const char *key, const char *value, int want)
{
	struct ini_key k = { .name = (char *)key, .value = (char *)value };
	struct timeline t = { 0 };

	assert_int_equal(timeline_parse(&l->net, &k, &t, &l->err), 0);
	assert_int_equal(t.n, 1);
	assert_int_equal(timeline_apply(l->emu, &t.changes[0], &l->err), want);
	timeline_free(&t);
}

/* The second direction cannot have it, so the first does not either, and the link is as it was. */
static void test_fails_whole_and_says_so(void **state)
{
	struct lab l;

	if (no_rate("a change that fails"))
		return;
	direct_up(&l, DIRECT "rate< = 200mbit\n");
	assert_int_equal(emu_link_engine(l.emu, LINK), ENGINE_NETEM);
	apply_by_hand(&l, "link h1 h2", "limit=100 10KiB", -EBUSY);
	assert_non_null(strstr(l.err.items[0].msg, "h1-eth0<->h2-eth0 would need new interfaces"));
	assert_true(shape_is_none(emu_link_shape(l.emu, LINK, 0)));
	assert_int_equal(emu_link_shape(l.emu, LINK, 1)->limit, 0);
	assert_int_equal(emu_link_engine(l.emu, LINK), ENGINE_NETEM);
	assert_ends(&l, WIRE_UP, WIRE_UP);
	assert_true(one_way(&l, H1, H2) >= 0);
	delete_end(&l, 0);
	assert_int_equal(emu_link_up(l.emu, LINK, true, &l.err), -EBUSY);
	assert_int_equal(emu_links_remade(l.emu), 0);
	lab_down(&l);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes_lose_nothing),
		cmocka_unit_test(test_goes_down_and_up),
		cmocka_unit_test(test_gets_an_engine),
		cmocka_unit_test(test_gets_it_while_down),
		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_up_means_up),
		cmocka_unit_test(test_name_in_the_way),
		cmocka_unit_test(test_stays_down),
		cmocka_unit_test(test_timeline_keeps_its_engine),
		cmocka_unit_test(test_fails_whole_and_says_so),
	};

	if (argc > 0 && !strcmp(argv[0], INIT_ARGV0))
		return init_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
