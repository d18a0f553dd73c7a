/* Writes a packet down as one line. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "capture/flow/packet.h"
#include "capture/line.h"
#include "core/units.h"
#include "core/utf8.h"

#define ARP_SIZE 28 /* of Ethernet and IPv4 */

static void put_host(char *buf, size_t size, uint8_t family, const uint8_t *ip, line_name_fn *name,
		     void *arg)
{
	const char *known = name ? name(arg, family, ip) : NULL;
	char addr[INET6_ADDRSTRLEN];

	if (!known)
		known = inet_ntop(family, ip, addr, sizeof(addr));
	utf8_clean(buf, size, known ? known : "?", "");
}

static void put_port(char *buf, size_t size, uint16_t port)
{
	size_t n = strlen(buf);

	snprintf(buf + n, size - n, ".%u", port);
}

static void put_arp(const uint8_t *arp, line_name_fn *name, void *arg, struct line_parts *ret)
{
	unsigned op = (unsigned)(arp[6] << 8 | arp[7]);

	put_host(ret->src, sizeof(ret->src), AF_INET, arp + 14, name, arg);
	put_host(ret->dst, sizeof(ret->dst), AF_INET, arp + 24, name, arg);
	snprintf(ret->what, sizeof(ret->what), "arp %s",
		 op == 1 ? "who-has" : op == 2 ? "is-at" : "?");
}

static void put_tcp(const struct packet *p, struct line_parts *ret)
{
	static const struct { uint8_t bit; char letter; } flags[] = {
		{ TCP_FIN, 'F' }, { TCP_SYN, 'S' }, { TCP_RST, 'R' },
		{ TCP_PSH, 'P' }, { TCP_ACK, '.' },
	};
	char text[8], *t = text;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (p->flags & flags[i].bit)
			*t++ = flags[i].letter;
	*t = '\0';
	snprintf(ret->what, sizeof(ret->what), "tcp [%s]", text);
}

static void put_icmp(const struct packet *p, struct line_parts *ret)
{
	const char *proto = p->family == AF_INET ? "icmp" : "icmp6";
	bool request = p->icmp_type == (p->family == AF_INET ? 8 : 128);
	bool reply = p->icmp_type == (p->family == AF_INET ? 0 : 129);

	if (request || reply)
		snprintf(ret->what, sizeof(ret->what), "%s echo %s", proto,
			 request ? "request" : "reply");
	else
		snprintf(ret->what, sizeof(ret->what), "%s type %u code %u", proto, p->icmp_type,
			 p->icmp_code);
}

static void put_ip(const struct packet *p, line_name_fn *name, void *arg, struct line_parts *ret)
{
	put_host(ret->src, sizeof(ret->src), p->family, p->src, name, arg);
	put_host(ret->dst, sizeof(ret->dst), p->family, p->dst, name, arg);
	ret->len = p->payload_len;
	if (p->has_ports) {
		put_port(ret->src, sizeof(ret->src), p->sport);
		put_port(ret->dst, sizeof(ret->dst), p->dport);
	}
	if (p->has_tcp)
		put_tcp(p, ret);
	else if (p->has_icmp)
		put_icmp(p, ret);
	else if (p->proto == IPPROTO_UDP)
		strcpy(ret->what, "udp");
	else
		snprintf(ret->what, sizeof(ret->what), "ip proto %u", p->proto);
	if (p->later_fragment)
		strcat(ret->what, " fragment");
}

void line_parts(const uint8_t *data, uint32_t caplen, uint32_t len, line_name_fn *name, void *arg,
		struct line_parts *ret)
{
	struct packet p;
	unsigned type;

	*ret = (struct line_parts){ .len = len > ETH_HLEN ? len - ETH_HLEN : 0 };
	if (packet_parse(data, caplen, len, &p)) {
		put_ip(&p, name, arg, ret);
		return;
	}
	type = caplen >= ETH_HLEN ? (unsigned)(data[12] << 8 | data[13]) : 0;
	if (type == ETH_P_ARP && caplen >= ETH_HLEN + ARP_SIZE)
		put_arp(data + ETH_HLEN, name, arg, ret);
	else
		snprintf(ret->what, sizeof(ret->what), "ethertype 0x%04x", type);
}

size_t line_format(char buf[LINE_SIZE], const struct line *l, line_name_fn *name, void *arg)
{
	int64_t part = (l->ts % NSEC_PER_SEC + NSEC_PER_SEC) % NSEC_PER_SEC;
	time_t seconds = (time_t)((l->ts - part) / NSEC_PER_SEC);
	char sender[1024], text[1024], iface[128], clock[16];
	struct line_parts parts;
	struct tm tm;
	size_t n = l->sender_len < sizeof(text) - 1 ? l->sender_len : sizeof(text) - 1;
	int len;

	line_parts(l->data, l->caplen, l->len, name, arg, &parts);
	if (n)
		memcpy(text, l->sender, n);
	text[n] = '\0';
	for (; n && text[n - 1] == ' '; n--) /* room for what was not known yet */
		text[n - 1] = '\0';
	utf8_clean(sender, sizeof(sender), text, "");
	utf8_clean(iface, sizeof(iface), l->iface ? l->iface : "?", "");
	if (!localtime_r(&seconds, &tm) || !strftime(clock, sizeof(clock), "%T", &tm))
		strcpy(clock, "?");
	len = snprintf(buf, LINE_SIZE, "%s.%06u %s %s %s%s%s%s%s len %u | %s\n", clock,
		       (unsigned)(part / NSEC_PER_USEC), iface,
		       l->out ? "out" : "in", parts.src, *parts.src ? " > " : "", parts.dst,
		       *parts.dst ? " " : "", parts.what, parts.len, sender);
	return len < 0 ? 0 : (size_t)len < LINE_SIZE ? (size_t)len : LINE_SIZE - 1;
}
