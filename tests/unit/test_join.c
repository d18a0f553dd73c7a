/* Joining: packets of a capture made here with tables written here, whole, in parts and broken. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "capture/join/join.h"
#include "core/tree.h"

#define A 0x0a000001u
#define B 0x0a000002u
#define S 1000000000ll

static char folder[] = "/tmp/detnet-join-XXXXXX";
static char path[256];

static const char *at(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put_file(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* A UDP datagram of no payload, of A's port 40 or B's port 53. */
static void put_packet(struct pcapng_writer *w, uint32_t iface, int64_t ts, uint32_t src,
		       uint32_t dst, const char *comment)
{
	uint8_t frame[60] = { [12] = 8, [14] = 0x45, [17] = 28, [22] = 64,
			      [23] = 17, [35] = src == A ? 40 : 53, [37] = dst == A ? 40 : 53,
			      [39] = 8 };
	struct pcapng_packet p = {
		.iface = iface, .ts = ts, .dir = PCAPNG_DIR_OUT, .id = 7, .caplen = sizeof(frame),
		.len = sizeof(frame), .data = frame, .comment = comment,
		.comment_len = comment ? strlen(comment) : 0,
	};

	src = htonl(src);
	dst = htonl(dst);
	memcpy(frame + 26, &src, 4);
	memcpy(frame + 30, &dst, 4);
	assert_int_equal(pcapng_write(w, &p, NULL), 0);
}

static struct pcapng_writer *new_capture(const char *name)
{
	struct pcapng_iface_info info = { .name = "a:a-eth0", .addr = A, .prefix = 24 };
	struct pcapng_writer *w;
	int fd = open(at(name), O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(pcapng_create(fd, name, NULL, NULL, NULL, &w, NULL), 0);
	assert_int_equal(pcapng_add_iface(w, &info), 0);
	info.name = "b:b-eth0";
	info.addr = B;
	assert_int_equal(pcapng_add_iface(w, &info), 1);
	return w;
}

static struct join *open_join(const char *name)
{
	_cleanup_err_ struct err err = { 0 };
	struct join *j = NULL;

	assert_int_equal(join_open(at(name), &j, &err), 0);
	return j;
}

static void check_error(const char *name, const char *part)
{
	_cleanup_err_ struct err err = { 0 };
	_cleanup_free_ char *text = NULL;
	struct join *j = NULL;

	assert_true(join_open(at(name), &j, &err) < 0);
	assert_null(j);
	text = err_text(&err);
	if (!text || !strstr(text, part))
		fail_msg("'%s' is not in: %s", part, text);
}

/* The flow's uid as the assembly gives it, with no table beside the capture. */
static void uid_of_first(const char *name, char uid[FLOW_UID_SIZE])
{
	struct join *j = open_join(name);
	struct joined p;

	assert_int_equal(join_next(j, &p, NULL), 1);
	strcpy(uid, p.uid);
	join_close(j);
}

static void comments_tell_what_no_table_does(void **state)
{
	struct pcapng_writer *w = new_capture("alone.pcapng");
	struct join *j;
	struct joined p;

	put_packet(w, 0, 5 * S, A, B,
		   "host=a pid=3 comm=dig owner=9000 scenario=dns/ask activity=4");
	put_packet(w, 1, 5 * S + 9, A, B, "host=a kernel owner=1 confidence=inferred");
	put_packet(w, 1, 6 * S, B, A, "a person's remark");
	assert_int_equal(pcapng_close(w, NULL), 0);
	j = open_join("alone.pcapng");
	assert_int_equal(join_next(j, &p, NULL), 1);
	assert_string_equal(p.iface, "a:a-eth0");
	assert_string_equal(p.host, "a");
	assert_string_equal(p.comm, "dig");
	assert_string_equal(p.scenario, "dns");
	assert_string_equal(p.sub, "ask");
	assert_string_equal(p.proto, "udp");
	assert_true(p.number == 1 && p.owner == 9000 && p.pid == 3 && p.activity == 4);
	assert_true(p.sport == 40 && p.dport == 53 && p.packet->id == 7);
	assert_null(p.exe);
	assert_null(p.class);
	assert_int_equal(join_next(j, &p, NULL), 1);
	assert_string_equal(p.comm, "kernel");
	assert_string_equal(p.confidence, "inferred");
	assert_true(p.pid == 0 && p.activity == 0 && p.start == 5 * S);
	assert_int_equal(join_next(j, &p, NULL), 1);
	assert_null(p.host);
	assert_non_null(p.uid);
	assert_int_equal(join_next(j, &p, NULL), 0);
	join_close(j);
}

static void tables_beside_it_say_more(void **state)
{
	struct pcapng_writer *w = new_capture("capture.pcapng");
	char uid[FLOW_UID_SIZE], *text = NULL;
	struct join *j;
	struct joined p;

	put_packet(w, 0, 5 * S, A, B, "host=a pid=3 comm=dig owner=9000");
	put_packet(w, 0, 6 * S, B, A, "host=b pid=4 comm=x owner=9001 scenario=old activity=1");
	assert_int_equal(pcapng_close(w, NULL), 0);
	uid_of_first("capture.pcapng", uid);
	put_file("owners.csv", "owner,host,pid,ppid,start,comm,exe,argv,cgroup,activity\n"
			       "9000,a,3,1,4.5,dig,/bin/dig,\"dig, +short\",c,4\n"
			       "9001,b,4,1,4.5,named,/sbin/named,named,c,\n");
	put_file("activities.csv", "id,scenario,sub,class,client,server,start,end,outcome,"
				   "inputs,evidence\n"
				   "4,dns,ask,benign,a,b,4.0,6.0,ok,{},\"two\nlines\"\n");
	assert_true(asprintf(&text,
			     "ts,uid,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,duration,"
			     "activity,scenario,sub,class,label\n"
			     "5.000000000,%s,10.0.0.1,40,10.0.0.2,53,udp,1.000000000,4,dns,ask,"
			     "benign,benign\n", uid) > 0);
	put_file("flows.csv", text);
	free(text);
	j = open_join(".");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(join_next(j, &p, NULL), 1);
		assert_string_equal(p.uid, uid);
		assert_true(p.activity == 4);
		assert_string_equal(p.scenario, "dns");
		assert_string_equal(p.label, "benign");
		assert_string_equal(p.outcome, "ok");
		assert_string_equal(p.evidence, "two\nlines");
		assert_string_equal(p.host, i ? "b" : "a");
		assert_string_equal(p.comm, i ? "x" : "dig"); /* as it was called then */
		assert_string_equal(p.exe, i ? "/sbin/named" : "/bin/dig");
	}
	assert_int_equal(join_next(j, &p, NULL), 0);
	join_close(j);
}

/* Two flows of the same ends, more than Zeek's minute apart, of which a part sees the ends only. */
static void a_part_of_a_capture_finds_the_runs_flows(void **state)
{
	struct pcapng_writer *w = new_capture("part.pcapng");
	char part[sizeof(path)];
	struct join *j;
	struct joined p;

	put_file("manifest.json", "{}\n");
	put_file("flows.csv", "uid,ts,duration,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,"
			      "activity,scenario,sub,class,label\n"
			      "Cfirst,100.0,10.0,10.0.0.1,40,10.0.0.2,53,udp,,,,,\n"
			      "Csecond,300.0,10.000000001,10.0.0.2,53,10.0.0.1,40,udp,,web,,x,"
			      "attack\n"
			      "Cother,0,400,10.0.0.1,41,10.0.0.2,53,udp,,,,,\n");
	put_packet(w, 1, 109 * S, A, B, NULL);
	put_packet(w, 1, 110 * S, A, B, NULL);
	put_packet(w, 1, 305 * S, A, B, NULL);
	put_packet(w, 1, 306 * S, A, A, NULL);
	put_packet(w, 1, 372 * S, A, B, NULL);
	assert_int_equal(pcapng_close(w, NULL), 0);
	mkdir(at("hosts"), 0700);
	strcpy(part, at("part.pcapng"));
	assert_int_equal(link(part, at("hosts/b.pcapng")), 0);
	j = open_join("hosts/b.pcapng");
	assert_int_equal(join_next(j, &p, NULL), 1);
	assert_string_equal(p.uid, "Cfirst");
	join_close(j);
	j = open_join("part.pcapng");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(join_next(j, &p, NULL), 1);
		assert_string_equal(p.uid, i < 2 ? "Cfirst" : "Csecond");
	}
	assert_string_equal(p.scenario, "web");
	assert_string_equal(p.label, "attack");
	assert_int_equal(join_next(j, &p, NULL), 1);
	assert_non_null(p.flow);
	assert_null(p.uid); /* flows.csv has none of these ends */
	assert_int_equal(join_next(j, &p, NULL), 1);
	assert_null(p.uid); /* nor one so late */
	join_close(j);
}

/* Tables are a run's; a file in any other folder has nothing to do with what else is there. */
static void what_is_no_runs_is_left_alone(void **state)
{
	struct pcapng_writer *w = new_capture("capture.pcapng");
	struct join *j;
	struct joined p;

	put_packet(w, 0, 5 * S, A, B, "host=a pid=3 comm=dig owner=9000");
	assert_int_equal(pcapng_close(w, NULL), 0);
	remove(at("manifest.json"));
	put_file("flows.csv", "#separator \\x09\n#fields\tts\tuid\n");
	put_file("owners.csv", "owner,host,pid,comm,exe,activity\n9000,a,3,dig,/bin/dig,\n");
	j = open_join("capture.pcapng");
	assert_int_equal(join_next(j, &p, NULL), 1);
	assert_null(p.exe);
	join_close(j);
	put_file("manifest.json", "{}\n");
	check_error("capture.pcapng", "flows.csv:1: the column 'uid' is missing");
	remove(at("flows.csv"));
	j = open_join("capture.pcapng");
	assert_int_equal(join_next(j, &p, NULL), 1);
	assert_string_equal(p.exe, "/bin/dig");
	join_close(j);
	for (int i = 0; i < 2; i++) {
		remove(at("owners.csv"));
		assert_int_equal(i ? mkfifo(at("owners.csv"), 0600) :
				     symlink("/dev/zero", at("owners.csv")), 0);
		check_error("capture.pcapng", "owners.csv: must be a regular file");
	}
	remove(at("owners.csv"));
}

static void another_runs_tables_are_left_alone(void **state)
{
	struct pcapng_writer *w = new_capture("capture.pcapng");
	struct join *j;
	struct joined p;

	put_packet(w, 0, 5 * S, A, B, "host=a pid=3 comm=dig owner=9000 activity=4");
	put_packet(w, 0, 6 * S, A, B, "host=a pid=3 comm=dig owner=9001");
	assert_int_equal(pcapng_close(w, NULL), 0);
	put_file("owners.csv", "owner,host,pid,comm,exe,activity\n9000,z,3,dig,/bin/dig,7\n"
			       "9001,a,3,dig,/bin/dig,7\n");
	put_file("activities.csv", "id,scenario,sub,class,outcome,evidence\n4,other,x,,,\n");
	j = open_join("capture.pcapng");
	assert_int_equal(join_next(j, &p, NULL), 1);
	assert_string_equal(p.host, "a");
	assert_true(p.activity == 4 && !p.exe && !p.scenario);
	assert_int_equal(join_next(j, &p, NULL), 1);
	assert_true(p.activity == 0 && !p.exe);
	join_close(j);
	remove(at("owners.csv"));
	remove(at("activities.csv"));
}

/* One datagram behind each kind of link header that flows are made of. */
static void every_link_is_read(void **state)
{
	static const struct {
		uint16_t type;
		uint8_t head[20];
		size_t len;
	} links[] = {
		{ 0, { 2 }, 4 },
		{ 101, { 0 }, 0 },
		{ 108, { 0, 0, 0, 2 }, 4 },
		{ 113, { 0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0 }, 16 },
	};
	static const uint8_t ip[28] = { 0x45, [3] = 28, [8] = 64, 17, [12] = 10, 0, 0, 1, 10, 0, 0, 2,
					0, 40, 0, 53, 0, 8 };

	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		const uint32_t head[] = { 0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, links[i].type };
		const uint32_t n = (uint32_t)(links[i].len + sizeof(ip)), record[] = { 5, 0, n, n };
		FILE *f = fopen(at("links.pcap"), "w");
		struct join *j;
		struct joined p;

		assert_non_null(f);
		fwrite(head, sizeof(head), 1, f);
		fwrite(record, sizeof(record), 1, f);
		fwrite(links[i].head, 1, links[i].len, f);
		fwrite(ip, sizeof(ip), 1, f);
		assert_int_equal(fclose(f), 0);
		j = open_join("links.pcap");
		assert_int_equal(join_next(j, &p, NULL), 1);
		assert_true(p.has_addrs && p.has_ports && p.sport == 40 && p.dport == 53);
		assert_string_equal(p.proto, "udp");
		assert_non_null(p.uid);
		join_close(j);
	}
}

static void a_rotated_capture_is_one(void **state)
{
	static const char *const names[] = { "capture-00010.pcapng", "capture-00002.pcapng",
					     "capture.pcapng" };
	static const int64_t times[] = { 30 * S, 20 * S, 10 * S };
	struct join *j;
	struct joined p;

	remove(at("flows.csv"));
	put_file("capture-x.pcapng", "is none of a run's files");
	for (int i = 0; i < 3; i++) {
		struct pcapng_writer *w = new_capture(names[i]);

		put_packet(w, 0, times[i], A, B, NULL);
		assert_int_equal(pcapng_close(w, NULL), 0);
	}
	j = open_join("");
	for (uint64_t i = 1; i <= 3; i++) {
		char first[FLOW_UID_SIZE];

		assert_int_equal(join_next(j, &p, NULL), 1);
		assert_true(p.number == i && p.packet->ts == (int64_t)i * 10 * S);
		if (i == 1)
			strcpy(first, p.uid);
		assert_string_equal(p.uid, first);
	}
	assert_int_equal(join_next(j, &p, NULL), 0);
	join_close(j);
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
	put_file("flows.csv", "uid,ts\nC1,5\n");
	check_error("capture.pcapng", "flows.csv:1: the column 'duration' is missing");
	remove(at("flows.csv"));
	put_file("owners.csv", "owner,host,pid,comm,exe,activity\n1,a,0,kernel,,\n2,a,x,c,,\n");
	check_error("capture.pcapng", "owners.csv:3: pid: must be a whole number");
	put_file("owners.csv", "owner,host,pid,comm,exe,activity\n1,a,0\n");
	check_error("capture.pcapng", "owners.csv:2: 3 fields where the header has 6");
	remove(at("owners.csv"));
	put_file("flows.csv", "uid,ts,duration,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,"
			      "activity,scenario,sub,class,label\nC,9999999999999,1,,,,,,,,,,\n");
	check_error("capture.pcapng", "flows.csv:2: ts: must be a time in seconds");
	remove(at("flows.csv"));
	put_file("not", "a capture");
	check_error("not", "not a capture");
	check_error("nowhere", "No such file");
	mkdir(at("empty"), 0700);
	check_error("empty", "there is no capture.pcapng in this folder");
}

static int set_up(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	return tree_remove(AT_FDCWD, folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comments_tell_what_no_table_does),
		cmocka_unit_test(tables_beside_it_say_more),
		cmocka_unit_test(a_part_of_a_capture_finds_the_runs_flows),
		cmocka_unit_test(what_is_no_runs_is_left_alone),
		cmocka_unit_test(another_runs_tables_are_left_alone),
		cmocka_unit_test(every_link_is_read),
		cmocka_unit_test(a_rotated_capture_is_one),
		cmocka_unit_test(what_is_wrong_is_named_with_its_line),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
