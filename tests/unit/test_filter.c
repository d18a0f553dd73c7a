/* Capture filters: nodes' names as addresses, libpcap's language, and no name that would need a resolver. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include "capture/filter.h"
#include "tests/lib/frames.h"

static struct net net;

/* libpcap's way to the resolver, in front of the C library's: services and addresses may pass. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	__typeof__(&getaddrinfo) next = (__typeof__(&getaddrinfo))dlsym(RTLD_NEXT, "getaddrinfo");

	if (node && inet_pton(AF_INET6, node, &(struct in6_addr){ 0 }) != 1)
		fail_msg("the resolver was asked for '%s'", node);
	return next(node, service, hints, ret);
}

static int setup(void **state)
{
	net_init(&net);
	net_add_node(&net, NODE_HOST, "h1", 1, NULL);
	net_add_node(&net, NODE_SWITCH, "s1", 1, NULL);
	net_add_node(&net, NODE_HOST, "web-2", 1, NULL);
	net_add_node(&net, NODE_HOST, "cafe", 1, NULL);
	net_add_node(&net, NODE_HOST, "1a", 1, NULL);
	net_add_node(&net, NODE_HOST, "port", 1, NULL);
	for (uint32_t n = 0; n < 6; n++)
		if (n != 1)
			net_add_link(&net, n, 1, 1, NULL);
	return net_finish(&net, NULL);
}

static int teardown(void **state)
{
	net_free(&net);
	return 0;
}

static void refused(const char *text, const char *why)
{
	struct filter *f = NULL;
	char *said = NULL;

	assert_int_equal(filter_new(&net, text, 65536, &f, &said), -EINVAL);
	assert_null(f);
	assert_non_null(said);
	if (!strstr(said, why))
		fail_msg("'%s': expected …%s…, got %s", text, why, said);
	free(said);
}

/* Of one datagram from h1, port 4000, to web-2, port 53. */
static bool passes(const char *text)
{
	struct filter *f = NULL;
	struct frame frame;
	char *why = NULL;
	bool match;

	frame_udp(&frame, "10.0.0.1", 4000, "10.0.0.2", 53, "question", 8);
	if (filter_new(&net, text, 65536, &f, &why))
		fail_msg("'%s': %s", text, why);
	match = filter_match(f, frame.d, frame.len, frame.len);
	filter_free(f);
	return match;
}

static void names_are_addresses(void **state)
{
	assert_true(passes("host h1"));
	assert_true(passes("src h1 and dst web-2"));
	assert_false(passes("src web-2"));
	assert_false(passes("host cafe"));
	assert_true(passes("udp port 53 and (host h1 or host cafe)"));
	assert_true(passes("udp&&!host cafe"));
	assert_true(passes("net 10.0.0.0/8"));
	assert_false(passes("host 1a"));
	assert_true(passes("not host 1a and not ether host 1a:0:0:0:0:1"));
	assert_false(passes("host \\port"));
	assert_true(passes("host \\h1"));
}

static void the_language_is_libpcaps(void **state)
{
	assert_true(passes("udp port domain"));
	assert_false(passes("tcp[tcpflags] & (tcp-syn|tcp-ack) != 0"));
	assert_true(passes("udp[0:2] = 0x0fa0"));
	assert_false(passes("ether host 02:00:00:00:0b:02 or ip6 host fe80::1"));
	assert_true(passes("not arp and not icmp6 and greater 20"));
	assert_true(passes("ip proto \\udp"));
	assert_true(passes("portrange 50-60"));
	assert_true(passes("portrange ftp-60"));
	assert_true(passes("net 10"));
	assert_true(passes("net 10.0 and dst net 10.0.0"));
	assert_true(passes("udp[0x0:0x2] = 4000 and udp[2] + 53 - 1 = 52"));
	assert_false(passes("ip6 net fe80::/16 or ip6 host ::ffff:1.2.3.4"));
	assert_false(passes("ether host 02-0-0-0-b-2 or ether src 02.0.0.0.b.2"));
}

/* pcap-filter(7): what has no qualifier has that of what stands before it. */
static void a_qualifier_holds_until_the_next(void **state)
{
	assert_false(passes("tcp dst port ftp or ftp-data or domain"));
	assert_true(passes("dst port ftp or ftp-data or domain"));
	assert_true(passes("port http or https or (ftp || not ssh)"));
	assert_true(passes("dst port (http or domain)"));
	assert_true(passes("ip proto \\tcp or \\udp"));
	assert_true(passes("portrange 10-20 or 50-60"));
	assert_true(passes("host h1 and port http or domain and host h1"));
	refused("port http and host https", "'https' is neither");
	refused("port http or src https", "'https' is neither");
	refused("port http or tcp[0] = 1 or https", "'https' is neither");
}

static void no_other_name_is_asked_for(void **state)
{
	static const char *const like_numbers[] = {
		"3.de", "1.be", "1b", "12.34.56.78.9a", "1.2.3.4.5", "1.2.3.", "0x", "0x1g", "10-20",
		"1.2.3.4-5", "dead.beef", "1.0x2", "\\3.de", "\\tcp", "\\1.2.3.4", "face:3.de",
	};

	refused("host h11", "'h11' is neither a node of this network nor a word of pcap-filter(7); did you "
			     "mean 'h1'?");
	refused("host www.example.org", "neither a node");
	refused("ucp port 53", "did you mean 'tcp'?");
	refused("host s1", "s1 is a switch");
	for (size_t i = 0; i < ARRAY_SIZE(like_numbers); i++) {
		char text[64];

		snprintf(text, sizeof(text), "host %s", like_numbers[i]);
		refused(text, "neither a node");
	}
	refused("host \\~1", "a '\\' stands before a name");
	refused("host \\::1", "a '\\' stands before a name");
	refused("host tcp-foo.example.org", "neither a node");
}

/* Each word that is handed on is libpcap's; else it would ask the resolver. */
static void libpcap_knows_the_words(void **state)
{
	for (size_t i = 0; filter_words[i]; i++) {
		struct filter *f = NULL;
		char text[64], *why = NULL;

		snprintf(text, sizeof(text), "host %s", filter_words[i]);
		if (filter_new(&net, text, 65536, &f, &why) == 0)
			filter_free(f);
		else if (why && strstr(why, "neither"))
			fail_msg("'%s': %s", text, why);
		free(why);
	}
}

static void what_libpcap_refuses_is_refused(void **state)
{
	refused("port", "syntax error");
	refused("udp port 53 and", "syntax error");
	refused("port 70000", "70000");
	refused("host h1 h1 h1 (", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_addresses),
		cmocka_unit_test(the_language_is_libpcaps),
		cmocka_unit_test(a_qualifier_holds_until_the_next),
		cmocka_unit_test(libpcap_knows_the_words),
		cmocka_unit_test(no_other_name_is_asked_for),
		cmocka_unit_test(what_libpcap_refuses_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
