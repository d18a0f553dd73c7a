/* A packet as a line: what each kind looks like, and that nothing hostile gets through. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include "capture/flow/packet.h"
#include "capture/line.h"
#include "tests/lib/frames.h"

static const char *name_of(void *arg, uint8_t family, const uint8_t *ip)
{
	return family == AF_INET && ip[3] == 1 ? "h1" : NULL;
}

static void assert_line(const struct frame *f, uint32_t caplen, const char *text)
{
	const char sender[] = "host=h1 pid=7 comm=a\033b owner=8193      ";
	struct line l = { .ts = 1700000000123456789, .iface = "h1-eth0", .out = true, .data = f->d,
			  .caplen = caplen, .len = f->len, .sender = sender,
			  .sender_len = sizeof(sender) - 1 };
	char buf[LINE_SIZE], want[LINE_SIZE];
	size_t n;

	n = line_format(buf, &l, name_of, NULL);
	assert_int_equal(n, strlen(buf));
	snprintf(want, sizeof(want),
		 "22:13:20.123456 h1-eth0 out %s | host=h1 pid=7 comm=a b owner=8193\n", text);
	assert_string_equal(buf, want);
}

static void each_kind(void **state)
{
	struct frame f;

	frame_tcp(&f, "10.0.0.1", 40000, "10.0.0.2", 80, TCP_SYN | TCP_ACK, 1, 0, "abc", 3);
	assert_line(&f, f.len, "h1.40000 > 10.0.0.2.80 tcp [S.] len 3");
	frame_tcp(&f, "10.0.0.1", 1, "10.0.0.2", 2, TCP_FIN | TCP_PSH | TCP_RST, 1, 0, NULL, 0);
	assert_line(&f, f.len, "h1.1 > 10.0.0.2.2 tcp [FRP] len 0");
	frame_udp(&f, "10.0.0.2", 53, "10.0.0.1", 5000, "abcd", 4);
	assert_line(&f, f.len, "10.0.0.2.53 > h1.5000 udp len 4");
	frame_icmp(&f, "10.0.0.1", "10.0.0.2", 8, 0, "ping", 4);
	assert_line(&f, f.len, "h1 > 10.0.0.2 icmp echo request len 4");
	frame_icmp(&f, "10.0.0.2", "10.0.0.1", 3, 1, NULL, 0);
	assert_line(&f, f.len, "10.0.0.2 > h1 icmp type 3 code 1 len 0");
	frame_ip(&f, 132, "fe80::1", "ff02::2");
	frame_ip_end(&f);
	assert_line(&f, f.len, "fe80::1 > ff02::2 ip proto 132 len 0");
	frame_ether(&f, 0x88b5);
	assert_line(&f, f.len, "ethertype 0x88b5 len 0");
}

static void arp(void **state)
{
	static const uint8_t request[28] = { 0, 1, 8, 0, 6, 4, 0, 1, [14] = 10, [17] = 1, [24] = 10,
					     [27] = 2 };
	struct frame f;

	frame_ether(&f, 0x0806);
	frame_add(&f, request, sizeof(request));
	assert_line(&f, f.len, "h1 > 10.0.0.2 arp who-has len 28");
	f.d[21] = 2;
	assert_line(&f, f.len, "h1 > 10.0.0.2 arp is-at len 28");
	assert_line(&f, f.len - 1, "ethertype 0x0806 len 28");
}

static void cut_short(void **state)
{
	struct frame f;

	frame_tcp(&f, "10.0.0.1", 40000, "10.0.0.2", 80, TCP_SYN, 1, 0, "abc", 3);
	assert_line(&f, 13, "ethertype 0x0000 len 43");
	for (uint32_t n = 0; n < f.len; n++) {
		struct line_parts parts;
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, f.d, n);
		line_parts(copy, n, f.len, NULL, NULL, &parts);
		assert_true(*parts.what);
		free(copy);
	}
}

static int setup(void **state)
{
	setenv("TZ", "UTC", 1);
	tzset();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind),
		cmocka_unit_test(arp),
		cmocka_unit_test(cut_short),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
