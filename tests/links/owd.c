/*
 * One-way delays: sends numbered frames over a link, or receives them and writes what each met.
 *
 *     owd receive [-n COUNT] [-g MS] [-s BYTES] [-e] -o FILE IFACE PEER-MAC <PIPE
 *     owd send    [-n COUNT] [-r RATE] [-s BYTES] [-e] IFACE PEER-MAC
 *
 * A frame is Ethernet, IPv4 and UDP, with its number and the time before it was handed to the kernel
 * three times over and then bytes that follow from the number, so the receiver can tell it from others
 * and count its flipped bits whichever they are. It goes through packet sockets: neither ARP nor checks
 * of headers and checksums come between a link and the figures, and its IP addresses belong to nobody,
 * so nothing answers.
 *
 * The receiver says "ready" when no frame can be missed any more. It ends when it has COUNT frames, or
 * once its standard input has ended (the sender is done) and MS milliseconds have passed, the longest
 * that a frame may be under way: what has not come by then is lost. FILE has a line for each frame, in
 * the order received: seq,sent_ns,received_ns,flipped_bits,ecn; times are of the system's clock, the
 * kernel's own for the receipt.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NSEC	     1000000000LL
#define FRAME_MIN    128
#define FRAME_MAX    1514
#define RING_FRAME   2048 /* with its header; the largest frame fits */
#define RING_FRAMES  8192
#define RING_BLOCK   (64 * RING_FRAME)
#define FLIPPED_MAX  64	 /* more bits than that differ: it is none of ours */
#define COPIES_MAX   2	 /* of a frame that may come */
#define COUNT_MAX    10000000UL

struct stamp {
	uint64_t seq[3], sent[3]; /* big endian */
};

struct options {
	unsigned long count, rate, grace_ms, size;
	bool ect;
	const char *file, *iface;
	int ifindex;
	struct ether_addr own, peer;
};

struct record {
	uint64_t seq;
	int64_t sent, received;
	uint16_t flipped;
	uint8_t ecn;
};

static void die(const char *what)
{
	fprintf(stderr, "owd: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * NSEC + t.tv_nsec;
}

/* ---- frames ---- */

static uint16_t ip_sum(const uint8_t *p)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014). */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static void make_frame(uint8_t *f, size_t size, const struct ether_addr *from,
		       const struct ether_addr *to, uint8_t ecn, uint64_t seq, int64_t sent)
{
	struct ether_header *eth = (struct ether_header *)f;
	struct iphdr ip = {
		.version = 4, .ihl = 5, .tos = ecn, .tot_len = htons((uint16_t)(size - sizeof(*eth))),
		.frag_off = htons(IP_DF), .ttl = 64, .protocol = IPPROTO_UDP,
		.saddr = htonl(0xc0000201), .daddr = htonl(0xc0000202), /* of RFC 5737, nobody's */
	};
	struct udphdr udp = { .source = htons(4000), .dest = htons(4000),
			      .len = htons((uint16_t)(size - sizeof(*eth) - sizeof(ip))) };
	struct stamp stamp;
	size_t at = sizeof(*eth);

	memcpy(eth->ether_dhost, to, ETH_ALEN);
	memcpy(eth->ether_shost, from, ETH_ALEN);
	eth->ether_type = htons(ETHERTYPE_IP);
	ip.check = htons(ip_sum((const uint8_t *)&ip));
	memcpy(f + at, &ip, sizeof(ip));
	at += sizeof(ip);
	memcpy(f + at, &udp, sizeof(udp));
	at += sizeof(udp);
	for (int i = 0; i < 3; i++) {
		stamp.seq[i] = htobe64(seq);
		stamp.sent[i] = htobe64((uint64_t)sent);
	}
	memcpy(f + at, &stamp, sizeof(stamp));
	for (at += sizeof(stamp); at < size; at++)
		f[at] = (uint8_t)(mix(seq + (at / 8 << 32)) >> at % 8 * 8);
}

static uint64_t majority(const uint64_t v[3])
{
	return be64toh((v[0] & v[1]) | (v[1] & v[2]) | (v[0] & v[2]));
}

static unsigned differing_bits(const uint8_t *a, const uint8_t *b, size_t n)
{
	unsigned bits = 0;

	for (size_t i = 0; i < n; i++)
		bits += (unsigned)__builtin_popcount(a[i] ^ b[i]);
	return bits;
}

/* Is it one of the sender's, but for a few bits? A mark is none of them, for it changes the checksum. */
static bool read_frame(const struct options *o, const uint8_t *f, size_t len, struct record *ret)
{
	const size_t tos = sizeof(struct ether_header) + 1;
	uint8_t expected[FRAME_MAX];
	struct stamp stamp;
	unsigned plain, other;

	if (len != o->size)
		return false;
	memcpy(&stamp, f + sizeof(struct ether_header) + sizeof(struct iphdr) + sizeof(struct udphdr),
	       sizeof(stamp));
	ret->seq = majority(stamp.seq);
	ret->sent = (int64_t)majority(stamp.sent);
	ret->ecn = o->ect ? 2 : 0;
	make_frame(expected, len, &o->peer, &o->own, ret->ecn, ret->seq, ret->sent);
	plain = differing_bits(f, expected, len);
	make_frame(expected, len, &o->peer, &o->own, f[tos] & 3, ret->seq, ret->sent);
	other = differing_bits(f, expected, len);
	if (other < plain)
		ret->ecn = f[tos] & 3;
	ret->flipped = (uint16_t)(other < plain ? other : plain);
	return ret->flipped <= FLIPPED_MAX;
}

/* ---- roles ---- */

/* protocol: in network byte order; 0 receives nothing. */
static int open_socket(const struct options *o, uint16_t protocol)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET, .sll_ifindex = o->ifindex,
				   .sll_protocol = protocol };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0)
		die("packet socket");
	return fd;
}

static int do_send(const struct options *o)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = o->ifindex,
				  .sll_protocol = htons(ETHERTYPE_IP) };
	int64_t start, latest = 0;
	unsigned long refused = 0;
	uint8_t frame[FRAME_MAX];
	int fd = open_socket(o, 0);

	start = now(CLOCK_MONOTONIC);
	for (unsigned long i = 0; i < o->count; i++) {
		int64_t at = start + (int64_t)((double)i / (double)o->rate * NSEC), late;
		struct timespec t = { at / NSEC, at % NSEC };

		/* The pace of what is measured, by deadlines that do not drift; no event is waited for. */
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
			;
		late = now(CLOCK_MONOTONIC) - at;
		if (late > latest)
			latest = late;
		make_frame(frame, o->size, &o->own, &o->peer, o->ect ? 2 : 0, i, now(CLOCK_REALTIME));
		if (sendto(fd, frame, o->size, 0, (struct sockaddr *)&to, sizeof(to)) >= 0)
			continue;
		if (errno != ENOBUFS) /* the queue of the interface is full: that packet is lost */
			die("send");
		refused++;
	}
	close(fd);
	printf("sent %lu refused %lu latest_us %lld\n", o->count, refused, (long long)latest / 1000);
	return 0;
}

static uint8_t *open_ring(int fd)
{
	struct tpacket_req req = { .tp_block_size = RING_BLOCK, .tp_frame_size = RING_FRAME,
				   .tp_block_nr = RING_FRAMES * RING_FRAME / RING_BLOCK,
				   .tp_frame_nr = RING_FRAMES };
	int version = TPACKET_V2, one = 1;
	uint8_t *ring;

	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		die("ring");
	ring = mmap(NULL, (size_t)RING_FRAMES * RING_FRAME, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		die("mmap");
	return ring;
}

/* Takes what is in the ring from slot *at on; the number of records afterwards. */
static size_t drain(const struct options *o, uint8_t *ring, unsigned *at, struct record *v, size_t n,
		    size_t max)
{
	for (;; *at = (*at + 1) % RING_FRAMES) {
		struct tpacket2_hdr *h = (struct tpacket2_hdr *)(ring + (size_t)*at * RING_FRAME);

		if (n == max || !(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return n;
		if (read_frame(o, (uint8_t *)h + h->tp_mac, h->tp_snaplen, &v[n])) {
			v[n].received = h->tp_sec * NSEC + h->tp_nsec;
			n++;
		}
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	}
}

/* Has the sender's side ended? */
static bool side_ended(void)
{
	char buf[256];

	return read(STDIN_FILENO, buf, sizeof(buf)) <= 0;
}

static void write_records(const char *file, const struct record *v, size_t n)
{
	FILE *f = fopen(file, "we");

	if (!f)
		die(file);
	fputs("seq,sent_ns,received_ns,flipped_bits,ecn\n", f);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%llu,%lld,%lld,%u,%u\n", (unsigned long long)v[i].seq,
			(long long)v[i].sent, (long long)v[i].received, v[i].flipped, v[i].ecn);
	if (ferror(f) | fclose(f))
		die(file);
}

static int do_receive(const struct options *o)
{
	size_t n = 0, max = o->count ? o->count : COUNT_MAX / COPIES_MAX;
	struct record *v = calloc(max, sizeof(*v));
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);
	/* Bound only when the ring is there, so every frame that comes is in it. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	uint8_t *ring = open_ring(fd);
	struct sockaddr_ll sll = { .sll_family = AF_PACKET, .sll_ifindex = o->ifindex,
				   .sll_protocol = htons(ETH_P_ALL) };
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
			       { .fd = STDIN_FILENO, .events = POLLIN } };
	int64_t deadline = 0;
	unsigned at = 0;

	if (!v || bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0)
		die("start");
	puts("ready");
	fflush(stdout);
	while (n < max) {
		int64_t left = deadline ? deadline - now(CLOCK_MONOTONIC) : 0;

		if (left < 0)
			break;
		if (poll(p, 2, deadline ? (int)(left / 1000000) + 1 : -1) < 0 && errno != EINTR)
			die("poll");
		n = drain(o, ring, &at, v, n, max);
		if (p[1].fd >= 0 && p[1].revents && side_ended()) {
			p[1].fd = -1;
			deadline = now(CLOCK_MONOTONIC) + (int64_t)o->grace_ms * 1000000;
		}
	}
	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) < 0)
		die("statistics");
	write_records(o->file, v, n);
	printf("received %zu missed %u\n", n, stats.tp_drops);
	free(v);
	return stats.tp_drops ? 1 : 0;
}

/* ---- the command line ---- */

static int usage(void)
{
	fputs("usage: owd receive [-n COUNT] [-g MS] [-s BYTES] [-e] -o FILE IFACE PEER-MAC\n"
	      "       owd send [-n COUNT] [-r RATE] [-s BYTES] [-e] IFACE PEER-MAC\n", stderr);
	return 2;
}

static bool number(const char *s, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(s, &end, 10);
	return !errno && end != s && !*end && *ret <= max;
}

static bool read_options(struct options *o, int argc, char **argv)
{
	bool ok = true;

	for (int c; (c = getopt(argc, argv, "n:r:g:s:o:e")) != -1;) {
		switch (c) {
		case 'n':
			ok &= number(optarg, COUNT_MAX, &o->count) && o->count;
			break;
		case 'r':
			ok &= number(optarg, 10000000, &o->rate) && o->rate;
			break;
		case 'g':
			ok &= number(optarg, 3600000, &o->grace_ms);
			break;
		case 's':
			ok &= number(optarg, FRAME_MAX, &o->size) && o->size >= FRAME_MIN;
			break;
		case 'e':
			o->ect = true;
			break;
		case 'o':
			o->file = optarg;
			break;
		default:
			return false;
		}
	}
	if (!ok || argc - optind != 2 || !ether_aton_r(argv[optind + 1], &o->peer))
		return false;
	o->iface = argv[optind];
	return true;
}

static void find_interface(struct options *o)
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", o->iface);
	o->ifindex = (int)if_nametoindex(o->iface);
	if (fd < 0 || !o->ifindex || ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		die(o->iface);
	memcpy(&o->own, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	close(fd);
}

int main(int argc, char **argv)
{
	struct options o = { .rate = 2000, .grace_ms = 1000, .size = FRAME_MIN };
	bool sends = argc > 1 && !strcmp(argv[1], "send");

	if (argc < 2 || (!sends && strcmp(argv[1], "receive")) ||
	    !read_options(&o, argc - 1, argv + 1) || (sends ? !o.count : !o.file))
		return usage();
	find_interface(&o);
	return sends ? do_send(&o) : do_receive(&o);
}
