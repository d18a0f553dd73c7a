/* Compiles capture filters and applies them. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include "capture/filter.h"
#include "core/cleanup.h"

#define DIGITS "0123456789"
#define HEX    DIGITS "abcdefABCDEF"

struct filter {
	struct bpf_program program;
};

const char *const filter_words[] = {
	"host", "net", "mask", "port", "portrange", "src", "dst", "or", "and", "not", "ether", "ip",
	"ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "igrp", "pim", "vrrp",
	"carp", "ah", "esp", "gateway", "broadcast", "multicast", "proto", "protochain", "less",
	"greater", "len", "length", "link", "vlan", "mpls", "pppoed", "pppoes", "geneve", "inbound",
	"outbound", "atalk", "aarp", "decnet", "lat", "sca", "moprc", "mopdl", "iso", "clnp", "esis",
	"isis", "es-is", "is-is", "stp", "ipx", "netbeui", "llc", "byte", "address1", "type",
	"subtype", "ifindex", "tcpflags", "tcp-fin", "tcp-syn", "tcp-rst", "tcp-push", "tcp-ack",
	"tcp-urg", "tcp-ece", "tcp-cwr", "icmptype", "icmpcode", "icmp-echoreply", "icmp-unreach",
	"icmp-sourcequench", "icmp-redirect", "icmp-echo", "icmp-routeradvert",
	"icmp-routersolicit", "icmp-timxceed", "icmp-paramprob", "icmp-tstamp", "icmp-tstampreply",
	"icmp-ireq", "icmp-ireqreply", "icmp-maskreq", "icmp-maskreply", "icmp6type", "icmp6code",
	"icmp6-destinationunreach", "icmp6-packettoobig", "icmp6-timeexceeded",
	"icmp6-parameterproblem", "icmp6-echo", "icmp6-echoreply", "icmp6-multicastlistenerquery",
	"icmp6-multicastlistenerreportv1", "icmp6-multicastlistenerdone", "icmp6-routersolicit",
	"icmp6-routeradvert", "icmp6-neighborsolicit", "icmp6-neighboradvert", "icmp6-redirect",
	"icmp6-routerrenum", "icmp6-nodeinformationquery", "icmp6-nodeinformationresponse",
	"icmp6-ineighbordiscoverysolicit", "icmp6-ineighbordiscoveryadvert",
	"icmp6-multicastlistenerreportv2", "icmp6-homeagentdiscoveryrequest",
	"icmp6-homeagentdiscoveryreply", "icmp6-mobileprefixsolicit", "icmp6-mobileprefixadvert",
	"icmp6-certpathsolicit", "icmp6-certpathadvert", "icmp6-multicastrouteradvert",
	"icmp6-multicastroutersolicit", "icmp6-multicastrouterterm",
	NULL,
};
#define N_WORDS (ARRAY_SIZE(filter_words) - 1)

/* Behind these stand names of services and protocols, which are files of the machine's. */
static const char *const before_services[] = { "port", "portrange", "proto", "protochain" };
/* What is between two of them: the first one's qualifiers are the second one's, too. */
static const char *const between[] = { "or", "and", "not" };
#define BETWEEN_CHARS "|&!()"

static bool is_one_of(const char *word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(word, list[i]))
			return true;
	return false;
}

/* Bytes of the name or number at p, 0: it is none. */
static size_t word_len(const char *p)
{
	if (!isascii(*p) || !isalnum((unsigned char)*p))
		return 0;
	return strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");
}

/* Six bytes in hex, between them one of the separators. */
static bool is_mac(const char *s)
{
	char sep = s[strspn(s, HEX)];

	if (!sep || !strchr(":-.", sep))
		return false;
	for (int i = 0; i < 6; i++) {
		size_t n = strspn(s, HEX);

		if (n < 1 || n > 2 || s[n] != (i < 5 ? sep : '\0'))
			return false;
		s += n + 1;
	}
	return true;
}

/* One number, or up to four with dots between; or two of a range of ports. */
static bool is_number(const char *s)
{
	int parts = 1;

	if (!strncmp(s, "0x", 2) || !strncmp(s, "0X", 2))
		return s[2] && !s[2 + strspn(s + 2, HEX)];
	for (; parts <= 4; parts++, s++) {
		size_t n = strspn(s, DIGITS);

		if (!n)
			return false;
		s += n;
		if (*s != '.')
			break;
	}
	return parts <= 4 && !*s;
}

static bool is_range(const char *s)
{
	size_t n = strspn(s, DIGITS);

	return n && s[n] == '-' && is_number(s + n + 1);
}

/* Bytes of an IPv6 or MAC address with colons at p, 0: it is none. */
static size_t colons_len(const char *p)
{
	size_t n = strspn(p, HEX ":.");
	char buf[INET6_ADDRSTRLEN];
	struct in6_addr addr;

	if (n >= sizeof(buf) || !memchr(p, ':', n))
		return 0;
	memcpy(buf, p, n);
	buf[n] = '\0';
	return is_mac(buf) || inet_pton(AF_INET6, buf, &addr) == 1 ? n : 0;
}

static int unknown(const struct net *net, const char *name, char **ret_why)
{
	_cleanup_free_ const char **names = calloc(net->n_nodes + 1, sizeof(*names));
	const char *near;
	int n;

	for (size_t i = 0; names && i < net->n_nodes; i++)
		names[i] = net->nodes[i].name;
	near = names ? err_nearest(name, names, net->n_nodes) : NULL;
	if (!near)
		near = err_nearest(name, filter_words, N_WORDS);
	n = asprintf(ret_why, "'%s' is neither a node of this network nor a word of pcap-filter(7)"
			      "%s%s%s", name, near ? "; did you mean '" : "", near ? near : "",
		     near ? "'?" : "");
	if (n < 0)
		*ret_why = NULL;
	return -EINVAL;
}

/* What was read of a filter, and where it goes. */
struct rewriting {
	const struct net *net;
	FILE *f;
	bool service; /* the last qualifier is of services, protocols or their numbers */
	bool range;   /* it is portrange */
	char **ret_why;
};

/* A word of the language: what it makes of the names behind it. */
static void note_word(struct rewriting *w, const char *word)
{
	if (is_one_of(word, between, ARRAY_SIZE(between)))
		return;
	w->service = is_one_of(word, before_services, ARRAY_SIZE(before_services));
	w->range = !strcmp(word, "portrange");
}

/* A node's address in place of its name. */
static int put_node(struct rewriting *w, const char *name)
{
	uint32_t node = net_find(w->net, name), addr;
	char buf[16];

	if (node == NET_NONE)
		return unknown(w->net, name, w->ret_why);
	addr = net_node_addr(w->net, node);
	if (!addr) {
		if (asprintf(w->ret_why, "%s is a switch, which has no address", name) < 0)
			*w->ret_why = NULL;
		return -EINVAL;
	}
	fputs(net_format_addr(buf, addr), w->f);
	return 0;
}

/* escaped: it stands behind a '\\', and is none of the language's. */
static int put_word(struct rewriting *w, const char *word, bool escaped)
{
	if (!escaped && (is_number(word) || is_mac(word) || (w->range && is_range(word)))) {
		fputs(word, w->f);
	} else if (!escaped && is_one_of(word, filter_words, N_WORDS)) {
		note_word(w, word);
		fputs(word, w->f);
	} else if (w->service) {
		fprintf(w->f, "%s%s", escaped ? "\\" : "", word);
	} else {
		return put_node(w, word);
	}
	return 0;
}

/* What is no word; a lone backslash would make one of what follows. */
static int put_other(struct rewriting *w, const char *p, size_t n)
{
	if (*p == '\\') {
		*w->ret_why = strdup("a '\\' stands before a name");
		return -EINVAL;
	}
	if (n == 1 && !isspace((unsigned char)*p) && !strchr(BETWEEN_CHARS, *p))
		w->service = w->range = false;
	fwrite(p, 1, n, w->f);
	return 0;
}

/* The next piece of the filter, which moves on behind it. */
static int put_piece(struct rewriting *w, const char **text)
{
	const char *p = *text;
	bool escaped = *p == '\\';
	size_t colons = colons_len(p), n = colons ? 0 : word_len(p + escaped);
	char *word;
	int r;

	if (!n) {
		n = colons ? colons : 1;
		*text += n;
		return put_other(w, p, n);
	}
	word = strndup(p + escaped, n);
	r = word ? put_word(w, word, escaped) : -ENOMEM;
	free(word);
	*text += escaped + n;
	return r;
}

static int put_addresses(const struct net *net, const char *text, char **ret, char **ret_why)
{
	size_t size;
	struct rewriting w = { .net = net, .f = open_memstream(ret, &size), .ret_why = ret_why };
	int r = w.f ? 0 : -ENOMEM;

	while (*text && r == 0)
		r = put_piece(&w, &text);
	if (w.f && fclose(w.f) && r == 0)
		r = -ENOMEM;
	return r;
}

static int compile(struct filter *f, const char *text, uint32_t snaplen, char **ret_why)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, (int)snaplen);
	int r = 0;

	if (!p)
		return -ENOMEM;
	if (pcap_compile(p, &f->program, text, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		*ret_why = strdup(pcap_geterr(p));
		r = -EINVAL;
	}
	pcap_close(p);
	return r;
}

int filter_new(const struct net *net, const char *text, uint32_t snaplen, struct filter **ret,
	       char **ret_why)
{
	_cleanup_free_ char *expr = NULL;
	_cleanup_free_ struct filter *f = calloc(1, sizeof(*f));
	char *why = NULL;
	int r = f ? put_addresses(net, text, &expr, &why) : -ENOMEM;

	if (r == 0)
		r = compile(f, expr, snaplen, &why);
	if (r < 0) {
		*ret_why = why;
		return r;
	}
	*ret = steal_ptr(f);
	return 0;
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	pcap_freecode(&f->program);
	free(f);
}

bool filter_match(const struct filter *f, const uint8_t *data, uint32_t caplen, uint32_t len)
{
	const struct pcap_pkthdr h = { .caplen = caplen, .len = len };

	return pcap_offline_filter(&f->program, &h, data) != 0;
}
