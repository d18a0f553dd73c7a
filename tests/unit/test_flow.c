/* The flow table: who is the originator, when a flow ends, where it is counted, whose it is. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "capture/flow/flow.h"
#include "capture/flow/packet.h"
#include "capture/flow/schema.h"
#include "core/units.h"
#include "tests/lib/frames.h"

#define A "10.0.0.1"
#define B "10.0.0.2"
#define SEC NSEC_PER_SEC

static struct flow *add_at(struct flow_table *t, const struct frame *f, int64_t ts, uint32_t iface,
			   uint32_t owner)
{
	struct flow_packet p = { .ts = ts, .iface = iface, .caplen = f->len, .len = f->len,
				 .data = f->d, .owner = owner };
	struct flow *ret = NULL;

	assert_int_equal(flow_table_add(t, &p, &ret), 1);
	assert_non_null(ret);
	return ret;
}

static struct flow *tcp(struct flow_table *t, int64_t ts, bool reply, uint16_t port, uint8_t flags,
			uint32_t seq, uint32_t ack, const char *text)
{
	struct frame f;

	if (reply)
		frame_tcp(&f, B, 80, A, port, flags, seq, ack, text, (uint32_t)strlen(text));
	else
		frame_tcp(&f, A, port, B, 80, flags, seq, ack, text, (uint32_t)strlen(text));
	return add_at(t, &f, ts, 0, 0);
}

static struct flow *udp(struct flow_table *t, int64_t ts, uint32_t iface, bool reply,
			uint32_t owner)
{
	struct frame f;

	frame_udp(&f, reply ? B : A, reply ? 53 : 5000, reply ? A : B, reply ? 5000 : 53, "abc", 3);
	return add_at(t, &f, ts, iface, owner);
}

static void test_originator(void **state)
{
	struct flow_table *t = flow_table_new(NULL, NULL);
	struct flow *f, *g;

	f = tcp(t, 1, false, 1000, TCP_SYN, 100, 0, "");
	assert_ptr_equal(tcp(t, 2, true, 1000, TCP_SYN | TCP_ACK, 500, 101, ""), f);
	assert_int_equal(f->orig.port, 1000);
	assert_int_equal(f->resp.port, 80);
	assert_string_equal(f->history, "Sh");
	assert_true(f->first == 1 && f->last == 2);
	g = tcp(t, 3, true, 1001, TCP_SYN | TCP_ACK, 500, 101, ""); /* its SYN was not seen */
	assert_int_equal(g->orig.port, 1001);
	assert_string_equal(g->history, "^h");
	tcp(t, 4, false, 1001, TCP_ACK, 101, 501, "");
	assert_string_equal(flow_conn_state(g), "S1");
	assert_int_equal(g->number, 2);
	assert_int_equal(flow_table_count(t), 2);
	flow_table_free(t);
}

static void test_totals(void **state)
{
	struct flow_table *t = flow_table_new(NULL, NULL);
	struct flow *f = udp(t, 1, 0, false, 0);

	udp(t, 2, 0, true, 0);
	udp(t, 5, 0, true, 0);
	assert_int_equal(f->side[0].pkts, 1);
	assert_int_equal(f->side[1].pkts, 2);
	assert_int_equal(f->side[0].ip_bytes, 31);
	assert_int_equal(f->side[1].ip_bytes, 62);
	assert_int_equal(f->side[1].bytes, 6);
	assert_string_equal(flow_conn_state(f), "SF");
	assert_string_equal(flow_service(f), "dns");
	flow_table_free(t);
}

static void test_port_reuse(void **state)
{
	struct flow_table *t = flow_table_new(NULL, NULL);
	struct flow *f, *g;

	f = tcp(t, 1, false, 1000, TCP_SYN, 100, 0, "");
	assert_ptr_equal(tcp(t, 2, false, 1000, TCP_SYN, 100, 0, ""), f); /* again */
	tcp(t, 3, true, 1000, TCP_RST | TCP_ACK, 0, 101, "");
	g = tcp(t, 4, false, 1000, TCP_SYN, 7777, 0, "");
	assert_ptr_not_equal(f, g);
	assert_int_equal(f->side[0].pkts, 2);
	assert_string_equal(flow_conn_state(f), "REJ");
	assert_string_equal(flow_conn_state(g), "S0");
	assert_ptr_equal(tcp(t, 5, true, 1000, TCP_RST | TCP_ACK, 0, 7778, ""), g);
	flow_table_free(t);
}

static void test_idle(void **state)
{
	const struct flow_opts never = { .udp_idle = INT64_MAX };
	struct flow_table *t = flow_table_new(NULL, NULL);
	struct flow *f = udp(t, 0, 0, false, 0);

	assert_ptr_equal(udp(t, 60 * SEC, 0, true, 0), f);
	assert_ptr_not_equal(udp(t, 121 * SEC, 0, true, 0), f);
	assert_int_equal(flow_table_count(t), 2);
	flow_table_free(t);
	t = flow_table_new(&never, NULL);
	f = udp(t, 0, 0, false, 0);
	assert_ptr_equal(udp(t, 1000000 * SEC, 0, true, 0), f);
	flow_table_free(t);
}

/* 10.0.0.N is at interface N. */
static uint32_t by_last_byte(void *arg, uint8_t family, const uint8_t *ip)
{
	return ip[0] == 10 ? ip[3] : FLOW_NO_IFACE;
}

static void test_counts_at_one_interface(void **state)
{
	const struct flow_opts opts = { .vantage = by_last_byte };
	struct flow_table *t = flow_table_new(&opts, NULL);
	struct flow *f = udp(t, 10, 1, false, 0);

	assert_ptr_equal(udp(t, 20, 7, false, 0), f); /* a router's */
	assert_ptr_equal(udp(t, 30, 2, false, 0), f);
	assert_ptr_equal(udp(t, 40, 2, true, 0), f);
	udp(t, 50, 1, true, 0);
	assert_int_equal(f->iface, 1);
	assert_int_equal(f->side[0].pkts, 1);
	assert_int_equal(f->side[1].pkts, 1);
	assert_true(f->first == 10 && f->last == 50);
	assert_int_equal(flow_table_count(t), 1);
	flow_table_free(t);
}

static void test_begins_anew_at_its_true_vantage(void **state)
{
	const struct flow_opts opts = { .vantage = by_last_byte };
	struct flow_table *t = flow_table_new(&opts, NULL);
	struct flow *f = udp(t, 11, 7, false, 0);

	assert_int_equal(f->iface, 7); /* if no other sees it */
	assert_int_equal(f->side[0].pkts, 1);
	udp(t, 10, 1, false, 0);
	udp(t, 12, 2, false, 0);
	udp(t, 13, 1, true, 0);
	assert_int_equal(f->iface, 1);
	assert_int_equal(f->side[0].pkts, 1);
	assert_int_equal(f->side[1].pkts, 1);
	assert_true(f->first == 10 && f->last == 13);
	assert_string_equal(f->history, "Dd");
	flow_table_free(t);
}

static void test_late_copy_opens_no_flow(void **state)
{
	const struct flow_opts opts = { .vantage = by_last_byte };
	struct flow_table *t = flow_table_new(&opts, NULL);
	struct flow *f, *g;
	struct frame one, two;

	frame_tcp(&one, A, 1000, B, 80, TCP_SYN, 100, 0, NULL, 0);
	frame_tcp(&two, A, 1000, B, 80, TCP_SYN, 200, 0, NULL, 0);
	f = add_at(t, &one, 1, 1, 0);
	g = add_at(t, &two, 2, 1, 0);
	assert_ptr_not_equal(f, g);
	assert_ptr_equal(add_at(t, &one, 3, 2, 0), g);
	assert_ptr_equal(add_at(t, &two, 4, 2, 0), g);
	assert_int_equal(flow_table_count(t), 2);
	flow_table_free(t);
}

static void test_icmp(void **state)
{
	struct flow_table *t = flow_table_new(NULL, NULL);
	struct frame f, in;
	struct flow *ping, *error;

	frame_icmp(&f, A, B, 8, 0, "ping", 4);
	ping = add_at(t, &f, 1, 0, 0);
	frame_icmp(&f, B, A, 0, 0, "ping", 4);
	assert_ptr_equal(add_at(t, &f, 2, 0, 0), ping);
	assert_int_equal(ping->orig.port, 8);
	assert_int_equal(ping->resp.port, 0);
	assert_int_equal(ping->side[1].bytes, 4);
	assert_string_equal(flow_conn_state(ping), "OTH");
	frame_udp(&in, A, 1, B, 2, "x", 1);
	frame_icmp(&f, B, A, 3, 3, in.d + 14, 28);
	error = add_at(t, &f, 3, 0, 0);
	assert_ptr_not_equal(error, ping);
	assert_int_equal(error->orig.port, 3);
	assert_int_equal(error->resp.port, 3);
	flow_table_free(t);
}

static void test_fragments(void **state)
{
	struct flow_table *t = flow_table_new(NULL, NULL);
	struct flow *f, *g;
	struct frame fr;

	frame_udp(&fr, A, 5000, B, 53, "abcdefgh", 8);
	frame_put16(&fr, 18, 77);
	frame_put16(&fr, 20, 0x2000);
	f = add_at(t, &fr, 1, 0, 0);
	frame_put16(&fr, 20, 2);
	assert_ptr_equal(add_at(t, &fr, 2, 0, 0), f);
	assert_int_equal(f->side[0].bytes, 8 + 16);
	frame_put16(&fr, 18, 78); /* of a datagram whose first part was not seen */
	g = add_at(t, &fr, 3, 0, 0);
	assert_ptr_not_equal(f, g);
	assert_int_equal(g->orig.port, 0);
	flow_table_free(t);
}

static void test_times_far_apart(void **state)
{
	struct flow_table *t = flow_table_new(NULL, NULL);
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct flow *f = udp(t, INT64_MIN, 0, false, 0);

	assert_int_equal(schema_detnet.row(NULL, f, NULL, out), 0);
	assert_ptr_not_equal(udp(t, INT64_MAX, 0, true, 0), f);
	f->last = INT64_MAX;
	assert_int_equal(schema_detnet.row(NULL, f, NULL, out), 0);
	fclose(out);
	assert_non_null(strstr(text, "9223372036.854775807"));
	flow_table_free(t);
}

static void test_odd_packets(void **state)
{
	struct flow_table *t = flow_table_new(NULL, NULL);
	struct flow_packet p = { 0 };
	struct frame f;
	struct flow *land;

	frame_tcp(&f, A, 80, A, 80, TCP_SYN, 1, 0, NULL, 0);
	land = add_at(t, &f, 1, 0, 0);
	add_at(t, &f, 2, 0, 0);
	assert_int_equal(land->side[0].pkts, 2);
	frame_ip(&f, 47, A, B); /* GRE */
	frame_ip_end(&f);
	assert_int_equal(add_at(t, &f, 3, 0, 0)->proto, 47);
	frame_ether(&f, 0x0806);
	p.data = f.d;
	p.caplen = p.len = 42;
	assert_int_equal(flow_table_add(t, &p, NULL), 0);
	p.caplen = p.len = 0;
	assert_int_equal(flow_table_add(t, &p, NULL), 0);
	flow_table_free(t);
}

static void test_services(void **state)
{
	struct flow_table *t = flow_table_new(NULL, NULL);
	struct frame f;
	struct flow *c, *d;

	c = tcp(t, 1, false, 1000, TCP_SYN, 100, 0, "");
	assert_string_equal(flow_service(c), "");
	tcp(t, 2, false, 1000, TCP_ACK, 101, 0, "SSH-2.0-x\r\n");
	assert_string_equal(flow_service(c), "ssh"); /* though the port is 80 */
	frame_tcp(&f, A, 1000, B, 2121, TCP_SYN, 1, 1, NULL, 0);
	c = add_at(t, &f, 1, 0, 0);
	frame_tcp(&f, B, 2121, A, 1000, TCP_ACK, 1, 1, "220 an FTP server\r\n", 19);
	add_at(t, &f, 2, 0, 0);
	assert_string_equal(flow_service(c), "ftp");
	frame_tcp(&f, B, 2121, A, 1000, TCP_ACK, 20, 1, "227 Passive (10,0,0,2,156,65).\r\n", 32);
	add_at(t, &f, 3, 0, 0);
	frame_tcp(&f, A, 1001, B, 156 * 256 + 65, TCP_SYN, 1, 0, NULL, 0);
	d = add_at(t, &f, 4, 0, 0);
	assert_string_equal(flow_service(d), "ftp-data");
	frame_tcp(&f, A, 1002, B, 156 * 256 + 65, TCP_SYN, 1, 0, NULL, 0);
	d = add_at(t, &f, 5, 0, 0);
	assert_string_equal(flow_service(d), "");
	flow_table_free(t);
}

static struct owners *make_owners(void)
{
	static const struct activity_label get = { 1, "ftp", "get", "benign", false };
	static const struct activity_label scan = { 2, "scan", "syn", "probe", true };
	char prog[] = "prog";
	char *const argv[] = { prog, NULL };
	static const struct net net;
	struct owners *o = owners_new(&net);

	assert_non_null(o);
	assert_int_equal(owners_add_activity(o, &get), 0);
	assert_int_equal(owners_add_activity(o, &scan), 0);
	for (uint32_t i = 0; i < 3; i++) {
		struct owner_program p = { .id = OWNER_FIRST + i, .cgroup_id = 100 + i,
					   .cgroup = "c", .activity = i, .argv = argv };

		if (i == 0) { /* a server: of no activity, but of a scenario */
			p.scenario = "ftp";
			p.class = "benign";
		}
		assert_int_equal(owners_add_program(o, &p), 0);
	}
	return o;
}

static void test_whose_it_is(void **state)
{
	struct owners *o = make_owners();
	struct flow_table *t = flow_table_new(NULL, o);
	struct flow *f = udp(t, 1, 0, false, OWNER_KERNEL(3));

	assert_int_equal(f->side[0].owner, OWNER_KERNEL(3));
	assert_null(f->activity);
	assert_null(f->scenario);
	udp(t, 2, 0, true, OWNER_FIRST);
	assert_string_equal(f->scenario, "ftp");
	assert_string_equal(f->class, "benign");
	udp(t, 3, 0, true, OWNER_FIRST + 1); /* the responder's activity, for want of another */
	assert_int_equal(f->activity->id, 1);
	udp(t, 4, 9, false, OWNER_FIRST + 2); /* seen elsewhere: told all the same */
	assert_int_equal(f->activity->id, 2);
	assert_string_equal(f->scenario, "scan");
	assert_string_equal(f->class, "probe");
	udp(t, 5, 0, true, OWNER_FIRST + 1);
	assert_int_equal(f->activity->id, 2);
	assert_int_equal(f->side[0].owner, OWNER_FIRST + 2); /* a process, though a kernel came first */
	assert_int_equal(f->side[1].owner, OWNER_FIRST);
	assert_int_equal(f->side[0].pkts, 1);
	flow_table_free(t);
	owners_free(o);
}

static void test_errors_belong_to_what_they_quote(void **state)
{
	struct owners *o = make_owners();
	struct flow_table *t = flow_table_new(NULL, o);
	struct frame f, in;
	struct flow *error;

	udp(t, 1, 0, false, OWNER_FIRST + 2);
	frame_udp(&in, A, 5000, B, 53, "abc", 3);
	frame_icmp(&f, B, A, 3, 3, in.d + 14, in.len - 14);
	error = add_at(t, &f, 2, 0, OWNER_KERNEL(2));
	assert_int_equal(error->activity->id, 2);
	assert_string_equal(error->scenario, "scan");
	flow_table_free(t);
	owners_free(o);
}

static int number(void *arg, const struct flow *f)
{
	uint64_t *last = arg;

	assert_int_equal(f->number, *last + 1);
	*last = f->number;
	return 0;
}

static void test_many(void **state)
{
	struct flow_table *t = flow_table_new(NULL, NULL);
	struct flow **flows = calloc(100000, sizeof(*flows));
	uint64_t last = 0;
	struct frame f;

	assert_non_null(flows);
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 100000; i++) {
			struct flow *g;

			frame_udp(&f, A, (uint16_t)i, B, (uint16_t)(i >> 16), "x", 1);
			g = add_at(t, &f, round, 0, 0);
			if (round)
				assert_ptr_equal(g, flows[i]);
			flows[i] = g;
		}
	}
	assert_int_equal(flow_table_count(t), 100000);
	assert_int_equal(flow_table_each(t, number, &last), 0);
	assert_int_equal(last, 100000);
	free(flows);
	flow_table_free(t);
}

static void test_csv(void **state)
{
	struct owners *o = make_owners();
	struct flow_table *t = flow_table_new(NULL, o);
	_cleanup_free_ char *text = NULL, *want = NULL;
	char uid[19], community[32];
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct flow *f;

	f = udp(t, 1500000000, 4, false, OWNER_FIRST + 2);
	udp(t, 1750000001, 4, true, 0);
	assert_int_equal(schema_detnet.header(out), 0);
	assert_int_equal(schema_detnet.row(NULL, f, &(struct flow_labels){ .owners = o }, out), 0);
	fclose(out);
	flow_uid(f, uid);
	flow_community_id(f, community);
	assert_true(asprintf(&want,
		"ts,uid,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,service,duration,orig_bytes,"
		"resp_bytes,conn_state,history,orig_pkts,orig_ip_bytes,resp_pkts,resp_ip_bytes,"
		"community_id,orig_host,resp_host,orig_owner,resp_owner,activity,scenario,sub,class,"
		"label,vantage,orig_retransmits,resp_retransmits,orig_out_of_order,resp_out_of_order,"
		"orig_missed_bytes,resp_missed_bytes,orig_fragments,resp_fragments,vlan\n"
		"1.500000000,%s,10.0.0.1,5000,10.0.0.2,53,udp,dns,0.250000001,3,3,SF,Dd,1,31,1,31,"
		"%s,,,8194,,2,scan,syn,probe,attack,4,,,,,,,0,0,\n", uid, community) > 0);
	assert_string_equal(text, want);
	flow_table_free(t);
	owners_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_originator),
		cmocka_unit_test(test_totals),
		cmocka_unit_test(test_port_reuse),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_counts_at_one_interface),
		cmocka_unit_test(test_begins_anew_at_its_true_vantage),
		cmocka_unit_test(test_late_copy_opens_no_flow),
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_times_far_apart),
		cmocka_unit_test(test_odd_packets),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_whose_it_is),
		cmocka_unit_test(test_errors_belong_to_what_they_quote),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_csv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
