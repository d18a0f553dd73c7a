/*
 * What the oracle's clients send below UDP and TCP: raw, ping and packet sockets, one function a
 * kind.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "oracle.h"

/* The gateway to server, 0: it is on a link of ours; and by which interface. */
static void find_route(struct in_addr server, struct hop *ret)
{
	unsigned int to, gateway, mask, flags, best = 0;
	char line[256], name[16];
	FILE *f = fopen("/proc/net/route", "re");
	bool found = false;

	if (!f)
		err(1, "routes");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%15s %x %x %x %*d %*u %*d %x", name, &to, &gateway, &flags,
			   &mask) != 5)
			continue;
		if ((server.s_addr & mask) != to || (found && ntohl(mask) < ntohl(best)))
			continue;
		found = true;
		best = mask;
		ret->gateway.s_addr = gateway;
		snprintf(ret->ifname, sizeof(ret->ifname), "%s", name);
	}
	fclose(f);
	if (!found)
		errx(1, "no route to the server");
	ret->direct = ret->gateway.s_addr == 0;
	if (ret->direct)
		ret->gateway = server;
}

void next_hop(const char *server, struct hop *ret)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq ifr = { 0 };
	struct arpreq req = { 0 };
	struct sockaddr_in *a = (void *)&req.arp_pa;

	*ret = (struct hop){ 0 };
	find_route(address(server, 0).sin_addr, ret);
	ret->ifindex = (int)if_nametoindex(ret->ifname);
	memcpy(ifr.ifr_name, ret->ifname, sizeof(ifr.ifr_name));
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		err(1, "own MAC address");
	memcpy(ret->own_mac, ifr.ifr_hwaddr.sa_data, 6);
	if (ioctl(fd, SIOCGIFADDR, &ifr) < 0)
		err(1, "own address");
	ret->own = ((struct sockaddr_in *)(void *)&ifr.ifr_addr)->sin_addr;
	a->sin_family = AF_INET;
	a->sin_addr = ret->gateway;
	snprintf(req.arp_dev, sizeof(req.arp_dev), "%s", ret->ifname);
	if (ioctl(fd, SIOCGARP, &req) < 0 && errno != ENXIO)
		err(1, "neighbour");
	memcpy(ret->mac, req.arp_ha.sa_data, 6);
	close(fd);
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint16_t *p = data;
	uint32_t sum = 0;

	for (; len > 1; len -= 2)
		sum += *p++;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

struct datagram {
	struct iphdr ip;
	struct udphdr udp;
	char line[LINE];
} __attribute__((packed));

static void fill(struct datagram *d, const struct hop *hop, const char *server, const char *kind)
{
	*d = (struct datagram){ 0 };
	d->ip.version = 4;
	d->ip.ihl = 5;
	d->ip.tot_len = htons(sizeof(*d));
	d->ip.ttl = 64;
	d->ip.protocol = IPPROTO_UDP;
	d->ip.saddr = hop->own.s_addr;
	d->ip.daddr = address(server, 0).sin_addr.s_addr;
	d->ip.check = checksum(&d->ip, sizeof(d->ip));
	d->udp.source = htons(7999);
	d->udp.dest = htons(PORT_UDP_SINK);
	d->udp.len = htons(sizeof(d->udp) + LINE); /* a checksum of 0 is none */
	say(d->line, kind);
}

struct frame {
	struct ether_header eth;
	struct datagram d;
} __attribute__((packed));

static void fill_frame(struct frame *f, const struct talk *t, const char *kind)
{
	struct hop hop;

	next_hop(t->server, &hop);
	memcpy(f->eth.ether_dhost, hop.mac, 6);
	memcpy(f->eth.ether_shost, hop.own_mac, 6);
	f->eth.ether_type = htons(ETH_P_IP);
	fill(&f->d, &hop, t->server, kind);
}

/* What does a socket send that only its parent has used? Says it in a process of its own. */
static void in_child(const struct talk *t, int fd, const char *kind,
		     void (*send_one)(const struct talk *t, int fd, const char *kind))
{
	int status;
	pid_t pid;

	send_one(t, fd, kind);
	pid = child();
	if (pid == 0) {
		send_one(t, fd, kind);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "%s: the child failed", kind);
	send_one(t, fd, kind);
	close(fd);
}

static void header_included_one(const struct talk *t, int fd, const char *kind)
{
	struct sockaddr_in to = address(t->server, 0);
	struct datagram d;
	struct hop hop;

	next_hop(t->server, &hop);
	fill(&d, &hop, t->server, kind);
	if (sendto(fd, &d, sizeof(d), 0, (void *)&to, sizeof(to)) < 0)
		err(1, "%s", kind);
}

static void header_included(const struct talk *t, const char *kind)
{
	in_child(t, socket(AF_INET, SOCK_RAW, IPPROTO_RAW), kind, header_included_one);
}

static void echo_one(const struct talk *t, int fd, const char *kind)
{
	struct sockaddr_in to = address(t->server, 0);
	struct {
		struct icmphdr icmp;
		char line[LINE];
	} echo = { .icmp = { .type = ICMP_ECHO, .un.echo.id = htons((uint16_t)getpid()) } };

	say(echo.line, kind);
	echo.icmp.checksum = checksum(&echo, sizeof(echo));
	if (sendto(fd, &echo, sizeof(echo), 0, (void *)&to, sizeof(to)) < 0)
		err(1, "%s", kind);
}

static void raw_echo(const struct talk *t, const char *kind)
{
	in_child(t, socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), kind, echo_one);
}

/* Where net.ipv4.ping_group_range lets nobody have such sockets, ping takes a raw one. */
static void ping_socket(const struct talk *t, const char *kind)
{
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);

	if (fd >= 0)
		in_child(t, fd, kind, echo_one);
	else if (errno != EACCES)
		err(1, "%s", kind);
}

static void packet_one(const struct talk *t, int fd, const char *kind)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	struct frame f;
	struct hop hop;

	next_hop(t->server, &hop);
	to.sll_ifindex = hop.ifindex;
	fill_frame(&f, t, kind);
	if (sendto(fd, &f, sizeof(f), 0, (void *)&to, sizeof(to)) < 0)
		err(1, "%s", kind);
}

static void packet(const struct talk *t, const char *kind)
{
	in_child(t, socket(AF_PACKET, SOCK_RAW, 0), kind, packet_one);
}

static void cooked_one(const struct talk *t, int fd, const char *kind)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
				  .sll_halen = 6 };
	struct datagram d;
	struct hop hop;

	next_hop(t->server, &hop);
	to.sll_ifindex = hop.ifindex;
	memcpy(to.sll_addr, hop.mac, 6);
	fill(&d, &hop, t->server, kind);
	if (sendto(fd, &d, sizeof(d), 0, (void *)&to, sizeof(to)) < 0)
		err(1, "%s", kind);
}

static void cooked(const struct talk *t, const char *kind)
{
	in_child(t, socket(AF_PACKET, SOCK_DGRAM, 0), kind, cooked_one);
}

#define RING_FRAMES 8
#define RING_FRAME  2048

/* Frames are put into the ring and then sent by one call, which waits until they have left. */
static void ring(const struct talk *t, const char *kind)
{
	struct tpacket_req req = { .tp_block_size = RING_FRAMES * RING_FRAME, .tp_block_nr = 1,
				   .tp_frame_size = RING_FRAME, .tp_frame_nr = RING_FRAMES };
	struct sockaddr_ll at = { .sll_family = AF_PACKET };
	int fd = socket(AF_PACKET, SOCK_RAW, 0), version = TPACKET_V2;
	struct hop hop;
	char *map;

	next_hop(t->server, &hop);
	at.sll_ifindex = hop.ifindex;
	if (fd < 0 || bind(fd, (void *)&at, sizeof(at)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)) < 0)
		err(1, "%s", kind);
	map = mmap(NULL, req.tp_block_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		err(1, "%s: ring", kind);
	for (int i = 0; i < RING_FRAMES; i++) {
		struct tpacket2_hdr *h = (void *)(map + i * RING_FRAME);
		struct frame f;

		fill_frame(&f, t, kind);
		memcpy((char *)h + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll), &f, sizeof(f));
		h->tp_len = sizeof(f);
		h->tp_status = TP_STATUS_SEND_REQUEST;
	}
	if (send(fd, NULL, 0, 0) != RING_FRAMES * (int)sizeof(struct frame))
		err(1, "%s: send", kind);
	munmap(map, req.tp_block_size);
	close(fd);
}

const struct kind packet_kinds[] = {
	{ "icmp-raw", raw_echo },
	{ "icmp-ping", ping_socket },
	{ "ip-header-included", header_included },
	{ "packet-raw", packet },
	{ "packet-cooked", cooked },
	{ "packet-ring", ring },
	{ 0 },
};
