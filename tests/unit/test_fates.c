/* fates.csv: a row for each copy of each packet, what is unknown empty, and the counts of it. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "capture/fates.h"
#include "capture/flow/flow.h"
#include "capture/flow/packet.h"
#include "core/cleanup.h"
#include "core/tree.h"
#include "core/units.h"
#include "tests/lib/frames.h"

#define A "10.0.0.1"
#define B "10.0.0.2"
#define MANY 20000

static char folder[] = "/tmp/test_fates.XXXXXX";
static int at = -1;
static struct net net;

static int setup(void **state)
{
	_cleanup_err_ struct err err = { 0 };

	net_init(&net);
	net_add_node(&net, NODE_HOST, "h1", 1, &err);
	net_add_node(&net, NODE_SWITCH, "s1", 1, &err);
	net_add_node(&net, NODE_HOST, "h2", 1, &err);
	net_add_link(&net, 0, 1, 1, &err);
	net_add_link(&net, 1, 2, 1, &err);
	if (net_finish(&net, &err) || !mkdtemp(folder))
		return -1;
	at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return at < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	net_free(&net);
	close(at);
	return tree_remove(AT_FDCWD, folder);
}

static struct fates *new_file(void)
{
	_cleanup_err_ struct err err = { 0 };
	struct fates *f;

	unlinkat(at, "fates.csv", 0);
	assert_int_equal(fates_open(at, &net, &f, &err), 0);
	return f;
}

static void add(struct fates *f, const struct fate *fate, const struct frame *frame,
		uint32_t owner, const char *uid)
{
	struct fate full = *fate;

	full.len = frame->len;
	full.caplen = full.caplen ? full.caplen : frame->len;
	assert_int_equal(fates_add(f, &full, frame->d, owner, uid), 0);
}

static char *contents(void)
{
	int fd = openat(at, "fates.csv", O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	text = calloc(1, (size_t)st.st_size + 1);
	assert_int_equal(read(fd, text, (size_t)st.st_size), st.st_size);
	close(fd);
	return text;
}

#define HEADER                                                                                    \
	"packet,ts,from,to,n,copy,owner,uid,proto,src,sport,dst,dport,len,verdict,arrived,queued," \
	"delay,corrupted,marked,reordered\n"

static void test_rows(void **state)
{
	_cleanup_err_ struct err err = { 0 };
	_cleanup_free_ char *text = NULL;
	struct fates *f = new_file();
	struct frame frame;

	frame_tcp(&frame, A, 40000, B, 80, TCP_SYN, 1, 0, NULL, 0);
	add(f, &(struct fate){ .id = 7, .n = 3, .verdict = FATE_DELIVERED, .ts = 1700000000123456789,
			       .arrived = 1700000000023456789, .queued = 1200000, .delay = 98800000,
			       .reordered = true }, &frame, 8195, "Cabc");
	add(f, &(struct fate){ .id = 7, .n = 3, .copy = 1, .end = 1, .ts = 5, .arrived = 4,
			       .corrupted = true, .marked = true }, &frame, OWNER_NONE, NULL);
	frame_udp(&frame, A, 5000, B, 53, "abc", 3);
	add(f, &(struct fate){ .id = UINT64_MAX, .link = 1, .n = 4, .verdict = FATE_LOST, .delay = 9 },
	    &frame, 2, NULL);
	frame_icmp(&frame, B, A, 0, 0, "ping", 4);
	add(f, &(struct fate){ .id = 8, .link = 1, .end = 1, .verdict = FATE_QUEUE_FULL }, &frame, 2,
	    NULL);
	frame_ip(&frame, 132, "fe80::1", "ff02::2");
	frame_ip_end(&frame);
	add(f, &(struct fate){ .id = 9, .verdict = FATE_CODEL }, &frame, 2, NULL);
	frame_ether(&frame, 0x0806);
	add(f, &(struct fate){ .id = 10, .verdict = FATE_DOWN }, &frame, 2, NULL);
	frame_ether(&frame, 0x88b5);
	add(f, &(struct fate){ .id = 11, .verdict = FATE_OVERRUN }, &frame, 2, NULL);
	add(f, &(struct fate){ .id = 12, .verdict = FATE_LOST, .caplen = 13 }, &frame, 2, NULL);
	assert_int_equal(fates_close(f, &err), 0);
	text = contents();
	assert_string_equal(text, HEADER
		"7,1700000000.123456789,h1:h1-eth0,s1:s1-eth1,3,0,8195,Cabc,tcp,10.0.0.1,40000,10.0.0.2,"
		"80,54,delivered,1700000000.023456789,0.001200000,0.098800000,0,0,1\n"
		"7,0.000000005,s1:s1-eth1,h1:h1-eth0,3,1,,,tcp,10.0.0.1,40000,10.0.0.2,80,54,delivered,"
		"0.000000004,0.000000000,0.000000000,1,1,0\n"
		"18446744073709551615,0.000000000,s1:s1-eth2,h2:h2-eth0,4,0,2,,udp,10.0.0.1,5000,"
		"10.0.0.2,53,45,lost,0.000000000,,,0,0,0\n"
		"8,0.000000000,h2:h2-eth0,s1:s1-eth2,0,0,2,,icmp,10.0.0.2,0,10.0.0.1,8,46,queue,"
		"0.000000000,,,0,0,0\n"
		"9,0.000000000,h1:h1-eth0,s1:s1-eth1,0,0,2,,unknown_transport,fe80::1,,ff02::2,,54,codel,"
		"0.000000000,,,0,0,0\n"
		"10,0.000000000,h1:h1-eth0,s1:s1-eth1,0,0,2,,arp,,,,,14,down,0.000000000,,,0,0,0\n"
		"11,0.000000000,h1:h1-eth0,s1:s1-eth1,0,0,2,,,,,,,14,overrun,0.000000000,,,0,0,0\n"
		"12,0.000000000,h1:h1-eth0,s1:s1-eth1,0,0,2,,,,,,,14,lost,0.000000000,,,0,0,0\n");
	fates_free(f);
}

static void test_counts(void **state)
{
	_cleanup_err_ struct err err = { 0 };
	struct fates *f = new_file();
	struct fate_counts sum = { 0 };
	const struct fate_counts *c;
	struct frame frame;

	frame_udp(&frame, A, 5000, B, 53, "abc", 3);
	for (unsigned i = 0; i < FATE_VERDICTS; i++)
		for (unsigned k = 0; k <= i; k++)
			add(f, &(struct fate){ .link = 1, .end = 1, .verdict = (uint8_t)i,
					       .copy = k == 1, .corrupted = true, .marked = i & 1,
					       .reordered = true }, &frame, 2, NULL);
	assert_int_equal(fates_close(f, &err), 0);
	c = fates_counts(f, 1, 1);
	assert_int_equal(c->packets, 16);
	assert_int_equal(c->duplicated, 5);
	for (unsigned i = 0; i < FATE_VERDICTS; i++)
		assert_int_equal(c->verdict[i], i + 1);
	assert_int_equal(c->corrupted, 1);
	assert_int_equal(c->marked, 0);
	assert_int_equal(c->reordered, 1);
	assert_int_equal(fates_counts(f, 1, 0)->packets, 0);
	assert_int_equal(fates_counts(f, 0, 1)->packets, 0);
	fate_counts_add(&sum, c);
	fate_counts_add(&sum, c);
	assert_int_equal(sum.packets, 32);
	assert_int_equal(sum.verdict[FATE_DOWN], 10);
	assert_int_equal(sum.duplicated, 10);
	assert_int_equal(sum.corrupted, 2);
	fates_free(f);
}

/* Rows are in the file after a flush; a write that fails, as on a full disk, is said at once. */
static void test_flush_and_full_disk(void **state)
{
	_cleanup_err_ struct err err = { 0 };
	_cleanup_free_ char *text = NULL;
	struct fates *f = new_file();
	struct fate fate = { .verdict = FATE_LOST };
	struct frame frame;
	struct rlimit old, new;
	int r = 0;

	frame_udp(&frame, A, 5000, B, 53, "abc", 3);
	add(f, &fate, &frame, 2, NULL);
	assert_int_equal(fates_flush(f), 0);
	text = contents();
	assert_non_null(strstr(text, ",lost,0.000000000,,,0,0,0\n"));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	new = old;
	new.rlim_cur = 1 << 20;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &new), 0);
	fate.len = fate.caplen = frame.len;
	for (int i = 0; i < MANY && r == 0; i++)
		r = fates_add(f, &fate, frame.d, 2, NULL);
	assert_int_equal(r, -EFBIG);
	fates_close(f, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_true(fates_counts(f, 0, 0)->verdict[FATE_LOST] > 1000);
	fates_free(f);
	free(text);
	text = contents();
	assert_true(strlen(text) > (1 << 20) - 1000);
	assert_string_equal(text + strlen(text) - 7, ",0,0,0\n"); /* no half row */
}

static void *find(struct flow_table *t, const struct frame *f, int64_t ts)
{
	struct flow_packet p = { .ts = ts, .iface = 1, .caplen = f->len, .len = f->len,
				 .data = f->d };

	return (void *)flow_table_find(t, &p);
}

/* A packet that was dropped is of the flow that it would have been of, and makes none. */
static void test_find_adds_nothing(void **state)
{
	struct flow_table *t = flow_table_new(NULL, NULL);
	struct flow_packet p = { .ts = 1, .iface = 1 };
	struct frame syn, data, reply, first, later;
	struct flow *f = NULL;

	frame_tcp(&syn, A, 1000, B, 80, TCP_SYN, 100, 0, NULL, 0);
	frame_tcp(&data, A, 1000, B, 80, TCP_ACK, 101, 501, "x", 1);
	frame_tcp(&reply, B, 80, A, 1000, TCP_SYN | TCP_ACK, 500, 101, NULL, 0);
	assert_null(find(t, &syn, 1));
	assert_int_equal(flow_table_count(t), 0);
	p.data = syn.d;
	p.caplen = p.len = syn.len;
	assert_int_equal(flow_table_add(t, &p, &f), 1);
	assert_ptr_equal(find(t, &data, 2), f);
	assert_ptr_equal(find(t, &reply, 2), f);
	assert_null(find(t, &data, 400 * NSEC_PER_SEC));
	assert_int_equal(f->side[0].pkts, 1);
	assert_int_equal(f->side[1].pkts, 0);
	assert_string_equal(f->history, "S");
	/* a lost first fragment tells nothing of the next, whose flow is then not known */
	frame_udp(&first, A, 7, B, 9, "abcdefgh", 8);
	frame_put16(&first, first.ip + 6, 0x2000);
	later = first;
	frame_put16(&later, later.ip + 6, 2);
	p.data = first.d;
	p.caplen = p.len = first.len;
	assert_null(find(t, &first, 2));
	assert_null(find(t, &later, 2));
	assert_int_equal(flow_table_add(t, &p, &f), 1);
	assert_ptr_equal(find(t, &later, 2), f);
	assert_int_equal(flow_table_count(t), 2);
	flow_table_free(t);
}

static uint32_t other_vantage(void *arg, uint8_t family, const uint8_t *ip)
{
	return 5;
}

/* The name that fates.csv gives a flow is the one that flows.csv gives it later. */
static void test_uid_stays(void **state)
{
	struct flow_opts opts = { .vantage = other_vantage };
	struct flow_table *t = flow_table_new(&opts, NULL);
	struct flow_packet p = { .ts = 1, .iface = 1 };
	char uid[FLOW_UID_SIZE];
	struct frame syn;
	struct flow *f = NULL;

	frame_tcp(&syn, A, 1000, B, 80, TCP_SYN, 100, 0, NULL, 0);
	p.data = syn.d;
	p.caplen = p.len = syn.len;
	assert_int_equal(flow_table_add(t, &p, &f), 1);
	memcpy(uid, f->uid, sizeof(uid));
	assert_int_equal(strlen(uid), FLOW_UID_SIZE - 1);
	p.ts = 2;
	p.iface = 5;
	assert_int_equal(flow_table_add(t, &p, &f), 1);
	assert_int_equal(f->first, 2);
	assert_string_equal(f->uid, uid);
	flow_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_flush_and_full_disk),
		cmocka_unit_test(test_find_adds_nothing),
		cmocka_unit_test(test_uid_stays),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
