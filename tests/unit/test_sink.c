/* The capture's files: rotated by size and time, one for each host, classic ones, and on a full disk. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include "capture/secrets.h"
#include "capture/sink.h"
#include "core/tree.h"
#include "core/units.h"

#define START (1700000000 * NSEC_PER_SEC)

/* h1, r1 and "h-00002" with a cable each from r1 but the switch's: links 0 h1-r1, 1 r1-s1, 2 h-00002-s1. */
enum { LINK_CABLE, LINK_ROUTER, LINK_HOST };

static char folder[] = "/tmp/test_sink.XXXXXX";
static int at = -1;
static struct net net;

static int setup(void **state)
{
	net_init(&net);
	net_add_node(&net, NODE_HOST, "h1", 1, NULL);
	net_add_node(&net, NODE_ROUTER, "r1", 1, NULL);
	net_add_node(&net, NODE_SWITCH, "s1", 1, NULL);
	net_add_node(&net, NODE_HOST, "h-00002", 1, NULL);
	net_add_link(&net, 0, 1, 1, NULL);
	net_add_link(&net, 1, 2, 1, NULL);
	net_add_link(&net, 3, 2, 1, NULL);
	if (net_finish(&net, NULL) || !mkdtemp(folder))
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

static const char *const leavings[] = { "hosts", "c.pcapng", "c-00002.pcapng", "c-00003.pcapng",
					"c-00004.pcapng", "c.pcap", "c-00002.pcap" };

static struct sink *open_sink(struct sink_opts o)
{
	_cleanup_err_ struct err err = { 0 };
	struct sink *s;

	for (size_t i = 0; i < ARRAY_SIZE(leavings); i++)
		tree_remove(at, leavings[i]);
	o.dir_fd = at;
	o.name = "c";
	o.snaplen = 65536;
	o.start = START;
	assert_int_equal(sink_open(&net, &o, &s, &err), 0);
	return s;
}

static const uint8_t *bytes(void)
{
	static uint8_t b[1000];

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = (uint8_t)i;
	return b;
}

static int write_one(struct sink *s, uint32_t link, bool out, int64_t ts, const char *comment,
		     struct comment_pos pos[SINK_COPIES])
{
	struct pcapng_packet p = { .ts = START + ts, .caplen = 1000, .len = 1000, .data = bytes(),
				   .comment = comment, .comment_len = strlen(comment) };

	sink_count(s, link)->received++;
	sink_count(s, link)->accepted++;
	return sink_write(s, link, out, &p, pos);
}

struct seen {
	unsigned packets;
	char text[4096]; /* "interface direction comment\n" of each */
};

/* A whole file: it opens by itself, and there is no error in it. */
static struct seen look(const char *name)
{
	_cleanup_err_ struct err err = { 0 };
	_cleanup_free_ char *path = NULL;
	struct seen seen = { 0 };
	struct pcapng_reader *r;
	struct pcapng_packet p;
	size_t n = 0;
	int e;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	if (pcapng_open(path, &r, &err))
		fail_msg("%s: %s", name, err_text(&err));
	while ((e = pcapng_next(r, &p, &err)) > 0) {
		assert_memory_equal(p.data, bytes(), p.caplen);
		if (seen.packets++ < 20)
			n += (size_t)snprintf(seen.text + n, sizeof(seen.text) - n, "%s %s %.*s\n",
					      pcapng_iface(r, p.iface)->name,
					      p.dir == PCAPNG_DIR_OUT ? "out" : "in",
					      (int)p.comment_len, p.comment ? p.comment : "");
	}
	assert_int_equal(e, 0);
	pcapng_reader_close(r);
	return seen;
}

static bool is_there(const char *name)
{
	return faccessat(at, name, F_OK, 0) == 0;
}

static void rotates_by_size(void **state)
{
	struct sink *s = open_sink((struct sink_opts){ .rotate_bytes = 10000 });
	struct comment_pos pos[30][SINK_COPIES];

	for (int i = 0; i < 30; i++)
		assert_int_equal(write_one(s, LINK_HOST, true, i, "host=h1 ..........", pos[i]), 1);
	assert_int_equal(sink_files(s), 4);
	/* Wherever it is by now: in a file before the last, or in the buffer. */
	for (int i = 0; i < 30; i += 3) {
		pos[i]->at += strlen("host=h1 ");
		assert_int_equal(sink_patch(s, pos[i], "activity=1", 10), 0);
	}
	assert_int_equal(sink_close(s, NULL), 0);
	assert_int_equal(look("c.pcapng").packets + look("c-00002.pcapng").packets +
				 look("c-00003.pcapng").packets + look("c-00004.pcapng").packets, 30);
	assert_memory_equal(look("c.pcapng").text,
			    "h-00002:h-00002-eth0 out host=h1 activity=1\n"
			    "h-00002:h-00002-eth0 out host=h1 ..........\n", 88);
	assert_non_null(strstr(look("c-00003.pcapng").text, "activity=1"));
	assert_non_null(strstr(look("c-00004.pcapng").text, "activity=1"));
}

static void rotates_by_time_at_multiples_of_it(void **state)
{
	struct sink *s = open_sink((struct sink_opts){ .rotate_ns = NSEC_PER_SEC });
	static const int64_t ms[] = { 0, 999, 1000, 1999, 4500, 4999, 5000 };
	struct comment_pos pos[SINK_COPIES];

	for (size_t i = 0; i < ARRAY_SIZE(ms); i++)
		write_one(s, LINK_HOST, true, ms[i] * NSEC_PER_MSEC, "", pos);
	assert_int_equal(sink_close(s, NULL), 0);
	assert_int_equal(look("c.pcapng").packets, 2);
	assert_int_equal(look("c-00002.pcapng").packets, 2);
	assert_int_equal(look("c-00003.pcapng").packets, 2); /* none for the seconds in between */
	assert_int_equal(look("c-00004.pcapng").packets, 1);
}

static void hosts_have_files_of_their_own(void **state)
{
	struct sink *s = open_sink((struct sink_opts){ .per_host = true });
	struct comment_pos pos[SINK_COPIES];

	assert_int_equal(write_one(s, LINK_CABLE, true, 0, "a.", pos), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sink_patch(s, &pos[i], "A", 1), 0);
	assert_int_equal(write_one(s, LINK_CABLE, false, 0, "b", pos), 3);
	assert_int_equal(write_one(s, LINK_ROUTER, false, 0, "c", pos), 2);
	assert_int_equal(write_one(s, LINK_HOST, true, 0, "d", pos), 2);
	assert_int_equal(sink_close(s, NULL), 0);
	assert_string_equal(look("c.pcapng").text,
			    "h1:h1-eth0 out A.\nh1:h1-eth0 in b\nr1:r1-eth1 in c\n"
			    "h-00002:h-00002-eth0 out d\n");
	assert_string_equal(look("hosts/h1.pcapng").text, "h1:h1-eth0 out A.\nh1:h1-eth0 in b\n");
	assert_string_equal(look("hosts/r1.pcapng").text,
			    "r1:r1-eth0 in A.\nr1:r1-eth0 out b\nr1:r1-eth1 in c\n");
	/* Not as the second file of a host "h" would be called. */
	assert_string_equal(look("hosts/h-00002_.pcapng").text, "h-00002:h-00002-eth0 out d\n");
	assert_false(is_there("hosts/s1.pcapng"));
}

static void classic_files_are_libpcaps(void **state)
{
	struct sink *s = open_sink((struct sink_opts){ .format = CAPTURE_PCAP,
						       .rotate_bytes = 3000 });
	_cleanup_free_ char *path = NULL;
	struct comment_pos pos[SINK_COPIES];
	struct pcap_pkthdr *h;
	char err[PCAP_ERRBUF_SIZE];
	const u_char *data;
	pcap_t *p;

	for (int i = 0; i < 5; i++)
		assert_int_equal(write_one(s, LINK_HOST, true, 123456789 + i, "x", pos), 0);
	assert_int_equal(sink_close(s, NULL), 0);
	assert_int_equal(look("c-00002.pcap").packets, 2);
	assert_true(asprintf(&path, "%s/c.pcap", folder) > 0);
	p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, err);
	assert_non_null(p);
	assert_int_equal(pcap_datalink(p), DLT_EN10MB);
	assert_int_equal(pcap_snapshot(p), 65536);
	assert_int_equal(pcap_next_ex(p, &h, &data), 1);
	assert_true(h->ts.tv_sec == START / NSEC_PER_SEC && h->ts.tv_usec == 123456789);
	assert_true(h->caplen == 1000 && h->len == 1000);
	pcap_close(p);
}

/* What a full disk leaves ends with a whole packet, in either format. */
static void a_full_disk_leaves_whole_packets(void **state)
{
	struct rlimit old, new;
	struct comment_pos pos[SINK_COPIES];

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	new = old;
	new.rlim_cur = 1000001;
	signal(SIGXFSZ, SIG_IGN);
	for (int format = CAPTURE_PCAPNG; format <= CAPTURE_PCAP; format++) {
		_cleanup_err_ struct err err = { 0 };
		struct sink *s = open_sink((struct sink_opts){ .format = (enum capture_format)format,
							       .per_host = true });
		unsigned n = 0;
		int r = 0;

		assert_int_equal(setrlimit(RLIMIT_FSIZE, &new), 0);
		while (r >= 0 && n++ < 10000)
			r = write_one(s, LINK_HOST, true, n, "host=h1", pos);
		assert_int_equal(r, -EFBIG);
		assert_true(write_one(s, LINK_HOST, true, n, "host=h1", pos) == -EFBIG);
		assert_int_equal(sink_close(s, &err), -EFBIG);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		assert_int_equal(err.n, 1);
		n = look(format == CAPTURE_PCAP ? "c.pcap" : "c.pcapng").packets;
		assert_in_range(n, 850, 1000);
		n = look(format == CAPTURE_PCAP ? "hosts/h-00002_.pcap" :
						  "hosts/h-00002_.pcapng").packets;
		assert_in_range(n, 1, 1000);
	}
}

static void secrets_have_a_limit(void **state)
{
	struct sink *s = open_sink((struct sink_opts){ .per_host = true });
	_cleanup_free_ char *keys = malloc(SECRETS_MAX);

	memset(keys, '\n', SECRETS_MAX);
	assert_int_equal(sink_add_secrets(s, keys, SECRETS_MAX - 1), 0);
	assert_int_equal(sink_add_secrets(s, keys, 2), -EFBIG);
	assert_int_equal(sink_add_secrets(s, keys, 1), 0);
	assert_int_equal(sink_close(s, NULL), 0);
	assert_int_equal(look("hosts/r1.pcapng").packets, 0);
}

static void knows_its_names(void **state)
{
	char buf[SINK_NAME_SIZE];

	assert_string_equal(sink_name(buf, "capture", CAPTURE_PCAPNG, 1), "capture.pcapng");
	assert_string_equal(sink_name(buf, "capture", CAPTURE_PCAP, 2), "capture-00002.pcap");
	assert_true(sink_is_name("capture.pcap", "capture"));
	assert_true(sink_is_name("capture-123456.pcapng", "capture"));
	assert_false(sink_is_name("capture-1.pcapng", "capture"));
	assert_false(sink_is_name("capture-00002.csv", "capture"));
	assert_false(sink_is_name("capture2.pcapng", "capture"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rotates_by_size),
		cmocka_unit_test(rotates_by_time_at_multiples_of_it),
		cmocka_unit_test(hosts_have_files_of_their_own),
		cmocka_unit_test(classic_files_are_libpcaps),
		cmocka_unit_test(a_full_disk_leaves_whole_packets),
		cmocka_unit_test(secrets_have_a_limit),
		cmocka_unit_test(knows_its_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
