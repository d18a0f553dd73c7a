/* Compiles capture filters and applies them. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include "capture/filter.h"
#include "core/cleanup.h"

struct filter {
	struct bpf_program program;
};

/* The words of pcap-filter(7), save those that begin as one of word_starts[]. */
static const char *const words[] = {
	"host", "net", "mask", "port", "portrange", "src", "dst", "or", "and", "not", "ether", "ip",
	"ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "igrp", "pim", "vrrp",
	"carp", "ah", "esp", "gateway", "broadcast", "multicast", "proto", "protochain", "less",
	"greater", "len", "length", "link", "vlan", "mpls", "pppoed", "pppoes", "geneve", "inbound",
	"outbound", "atalk", "aarp", "decnet", "lat", "sca", "moprc", "mopdl", "iso", "clnp", "esis",
	"isis", "es-is", "is-is", "stp", "ipx", "netbeui", "llc", "byte", "address1", "type",
	"subtype", "ifindex", "tcpflags",
};
static const char *const word_starts[] = { "tcp-", "icmp-", "icmp6-", "icmptype", "icmpcode",
					   "icmp6type", "icmp6code" };
/* Behind these stand names of services and protocols, which are files of the machine's. */
static const char *const before_services[] = { "port", "portrange", "proto", "protochain" };

static bool is_one_of(const char *word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(word, list[i]))
			return true;
	return false;
}

static bool is_word(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(word_starts); i++)
		if (!strncmp(word, word_starts[i], strlen(word_starts[i])))
			return true;
	return is_one_of(word, words, ARRAY_SIZE(words));
}

/* Bytes of the name at p, 0: it is none. Numbers, addresses and operators are libpcap's alone. */
static size_t name_len(const char *p)
{
	size_t n;

	n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._");
	if (!n || p[n] == ':' || !strncmp(p, "0x", 2)) /* ':': of an IPv6 or a MAC address */
		return 0;
	for (size_t i = 0; i < n; i++)
		if (isalpha((unsigned char)p[i]) && !isxdigit((unsigned char)p[i]))
			return n;
	return isalpha((unsigned char)*p) ? n : 0; /* "cafe" may be a name */
}

/* Where a number or an address ends. */
static size_t other_len(const char *p)
{
	size_t n = strspn(p, "0123456789abcdefABCDEFxX:./");

	return n ? n : 1;
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
		near = err_nearest(name, words, ARRAY_SIZE(words));
	n = asprintf(ret_why, "'%s' is neither a node of this network nor a word of pcap-filter(7)"
			      "%s%s%s", name, near ? "; did you mean '" : "", near ? near : "",
		     near ? "'?" : "");
	if (n < 0)
		*ret_why = NULL;
	return -EINVAL;
}

/* A node's address in place of its name. */
static int put_name(const struct net *net, const char *name, bool service, FILE *f, char **ret_why)
{
	char buf[16];
	uint32_t node, addr;

	node = service || is_word(name) ? NET_NONE : net_find(net, name);
	if (node == NET_NONE && !service && !is_word(name))
		return unknown(net, name, ret_why);
	addr = node == NET_NONE ? 0 : net_node_addr(net, node);
	if (node != NET_NONE && !addr) {
		if (asprintf(ret_why, "%s is a switch, which has no address", name) < 0)
			*ret_why = NULL;
		return -EINVAL;
	}
	fputs(addr ? net_format_addr(buf, addr) : name, f);
	return 0;
}

static int put_addresses(const struct net *net, const char *text, char **ret, char **ret_why)
{
	_cleanup_free_ char *last = NULL;
	size_t size;
	FILE *f = open_memstream(ret, &size);
	int r = f ? 0 : -ENOMEM;

	while (*text && r == 0) {
		size_t n = name_len(text);
		bool name = n > 0;

		if (!name)
			n = other_len(text);
		if (name) {
			char *word = strndup(text, n);
			bool service = last && is_one_of(last, before_services,
							 ARRAY_SIZE(before_services));

			r = word ? put_name(net, word, service, f, ret_why) : -ENOMEM;
			free(last);
			last = word;
		} else {
			fwrite(text, 1, n, f);
			if (!isspace((unsigned char)*text)) {
				free(last);
				last = NULL;
			}
		}
		text += n;
	}
	if (f && fclose(f) && r == 0)
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
