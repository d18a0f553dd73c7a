/*
 * Hears at once of what begins something: packet sockets with a classic filter where the rings are,
 * and a thread that runs before others do, for it has little to do and must not be late. It holds the
 * lock for a batch of packets, so that the capture's thread gets its turn in a flood too.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "capture/sender/first.h"
#include "capture/sender/infer_internal.h"
#include "capture/tap.h"
#include "core/cleanup.h"
#include "core/log.h"
#include "core/units.h"
#include "emu/emu.h"
#include "emu/netns.h"

#define SNAP   128 /* bytes of a packet: all headers that are looked at */
#define BATCH  64
#define RCVBUF (8 << 20)
#define EVENTS 32
#define CATCH_UP 16 /* batches */

/* Of a datagram's fragments the first only: it has the ports. IGMP is the kernel's. */
static const char begins[] =
	"tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn or icmp[icmptype] = icmp-echo"
	" or (ip and not tcp and not icmp and not igmp and ip[6:2] & 0x1fff = 0)"
	" or (ip6 and udp) or (ip6 proto 6 and ip6[53] & 0x12 = 2)"
	" or (ip6 proto 58 and ip6[40] = 128)";

static int set_filter(int fd)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, SNAP);
	struct bpf_program prog;
	struct sock_fprog sock;
	int r;

	if (!p)
		return -ENOMEM;
	r = pcap_compile(p, &prog, begins, 1, PCAP_NETMASK_UNKNOWN);
	pcap_close(p);
	if (r < 0)
		return -EINVAL;
	_Static_assert(sizeof(struct sock_filter) == sizeof(struct bpf_insn), "the same machine");
	sock = (struct sock_fprog){ (unsigned short)prog.bf_len, (struct sock_filter *)prog.bf_insns };
	r = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &sock, sizeof(sock)) < 0 ? -errno : 0;
	pcap_freecode(&prog);
	return r;
}

/* Nothing comes before bind(), so the filter sees it all. */
static int set_up_packets(int fd, int ifindex)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				    .sll_ifindex = ifindex };
	int one = 1, size = RCVBUF, r = set_filter(fd);

	if (r < 0)
		return r;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) < 0)
		return -errno;
	/* A switch hands on what came in, so one direction has it all. Before 4.20 both are read. */
	if (!ifindex)
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	return bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
}

static int add_source(struct infer *i, int epoll, int fd, uint32_t node)
{
	struct infer_source **all = reallocarray(i->sources, i->n_sources + 1, sizeof(*all));
	struct infer_source *s = calloc(1, sizeof(*s));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };

	if (all)
		i->sources = all;
	if (!all || !s || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		int r = all && s ? -errno : -ENOMEM;

		free(s);
		return r;
	}
	*s = (struct infer_source){ .fd = fd, .node = node };
	i->sources[i->n_sources++] = s;
	return 0;
}

int infer_watch_notices(struct infer *i, uint32_t node, int fd)
{
	return add_source(i, i->notices_fd, fd, node);
}

static int add_packets(struct infer *i, int ns_fd, int ifindex)
{
	_cleanup_close_ int fd = netns_socket(ns_fd, AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
	int r = fd < 0 ? fd : set_up_packets(fd, ifindex);

	if (r == 0)
		r = add_source(i, i->epoll_fd, fd, NET_NONE);
	if (r == 0)
		steal_fd(&fd);
	return r;
}

/* One in the fabric, and one for each link that has no end there. */
static int add_all_packets(struct infer *i)
{
	const struct net *net = i->net;
	bool fabric = false;
	int r = 0;

	for (uint32_t l = 0; l < net->n_links && r == 0; l++) {
		const struct iface *named = &net->ifaces[tap_naming_iface(net, l)];

		if (tap_in_fabric(net, l))
			fabric = true;
		else
			r = add_packets(i, emu_node_ns(i->emu, named->node), named->ifindex);
	}
	if (r == 0 && fabric)
		r = add_packets(i, emu_fabric_ns(i->emu), 0);
	return r;
}

/* ---- notices ---- */

static void on_notice(void *arg, const struct diag_socket *s)
{
	const struct infer_source *src = ((void **)arg)[1];

	infer_port_freed(((void **)arg)[0], src->node, s->lport, units_now_real());
}

static void read_notices(struct infer *i, const struct infer_source *s)
{
	void *arg[] = { i, (void *)s };
	int r = diag_read_notices(s->fd, on_notice, arg);

	if (r == 0)
		return;
	i->stats.notices_lost += r < 0;
	i->udp_from = units_now_real();
}

/* Each source once, for they may go on for ever: what is left is as good as lost. */
static void take_notices(struct infer *i)
{
	struct epoll_event ev[EVENTS];

	for (size_t seen = 0; seen <= i->n_sources; seen += EVENTS) {
		int n = epoll_wait(i->notices_fd, ev, EVENTS, 0);

		for (int k = 0; k < n; k++)
			read_notices(i, ev[k].data.ptr);
		if (n < EVENTS)
			return;
	}
}

/* ---- packets ---- */

struct batch {
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	struct sockaddr_ll from[BATCH];
	uint8_t data[BATCH][SNAP];
	char control[BATCH][CMSG_SPACE(sizeof(struct timespec))]
		__attribute__((aligned(__alignof__(struct cmsghdr))));
};

static int64_t stamp_of(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct timespec ts;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	}
	return units_now_real();
}

/* A port that was freed before one of the packets was sent is known to be when they are looked at. */
static int read_batch(struct infer *i, int fd)
{
	struct batch b;
	int n;

	for (int k = 0; k < BATCH; k++) {
		b.iov[k] = (struct iovec){ b.data[k], SNAP };
		b.msgs[k].msg_hdr = (struct msghdr){
			.msg_name = &b.from[k], .msg_namelen = sizeof(b.from[k]),
			.msg_iov = &b.iov[k], .msg_iovlen = 1,
			.msg_control = b.control[k], .msg_controllen = sizeof(b.control[k]),
		};
	}
	n = recvmmsg(fd, b.msgs, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
	take_notices(i);
	i->turn++;
	for (int k = 0; k < n; k++) {
		uint32_t len = b.msgs[k].msg_len;

		infer_heard(i, stamp_of(&b.msgs[k].msg_hdr), b.from[k].sll_ifindex, b.data[k],
			    len < SNAP ? len : SNAP, len);
	}
	return n;
}

void infer_watch_catch_up(struct infer *i)
{
	for (size_t k = 0; k < i->n_sources; k++)
		for (int n = 0; n < CATCH_UP && i->sources[k]->node == NET_NONE; n++)
			if (read_batch(i, i->sources[k]->fd) < BATCH)
				break;
}

/* One turn for one source: a batch of packets, or, of s NULL, the notices. */
static void take_turn(struct infer *i, const struct infer_source *s)
{
	pthread_mutex_lock(&i->lock);
	if (s)
		read_batch(i, s->fd);
	else
		take_notices(i);
	pthread_mutex_unlock(&i->lock);
}

static void *watch(void *arg)
{
	struct infer *i = arg;
	struct first first = { 0 };
	struct epoll_event ev[EVENTS];

	for (;;) {
		int n = epoll_wait(i->epoll_fd, ev, EVENTS, 0);

		first_turn(&first, n == 0);
		if (n == 0)
			n = epoll_wait(i->epoll_fd, ev, EVENTS, -1);
		if (n < 0 && errno != EINTR) {
			log_warn("connections are heard of late from now on: %s", strerror(errno));
			return NULL;
		}
		for (int k = 0; k < n; k++) {
			if (ev[k].data.ptr == &i->stop_fd)
				return NULL;
			take_turn(i, ev[k].data.ptr);
		}
	}
}

int infer_watch_open(struct infer *i, struct err *err)
{
	struct epoll_event stop = { .events = EPOLLIN, .data.ptr = &i->stop_fd };
	struct epoll_event notices = { .events = EPOLLIN };
	int r;

	i->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	i->notices_fd = epoll_create1(EPOLL_CLOEXEC);
	i->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (i->epoll_fd < 0 || i->notices_fd < 0 || i->stop_fd < 0 ||
	    epoll_ctl(i->epoll_fd, EPOLL_CTL_ADD, i->stop_fd, &stop) < 0 ||
	    epoll_ctl(i->epoll_fd, EPOLL_CTL_ADD, i->notices_fd, &notices) < 0)
		return err_sys(err, errno, "cannot watch for new connections");
	r = add_all_packets(i);
	return r < 0 ? err_sys(err, -r, "cannot watch for new connections") : 0;
}

int infer_watch_start(struct infer *i, struct err *err)
{
	int r = pthread_create(&i->thread, NULL, watch, i);

	if (r)
		return err_sys(err, r, "cannot watch for new connections");
	i->running = true;
	return 0;
}

void infer_stats(struct infer *i, struct infer_stats *ret)
{
	pthread_mutex_lock(&i->lock);
	for (size_t k = 0; k < i->n_sources; k++) {
		struct tpacket_stats s;
		socklen_t len = sizeof(s);

		/* The kernel starts again from 0 at each reading. */
		if (i->sources[k]->node == NET_NONE &&
		    getsockopt(i->sources[k]->fd, SOL_PACKET, PACKET_STATISTICS, &s, &len) == 0)
			i->stats.unheard += s.tp_drops;
	}
	*ret = i->stats;
	pthread_mutex_unlock(&i->lock);
}

void infer_watch_close(struct infer *i)
{
	uint64_t one = 1;

	if (i->running) {
		/* It cannot fail: nobody else has counted this up. */
		if (write(i->stop_fd, &one, sizeof(one)) < 0)
			log_warn("a thread is waited for in vain: %s", strerror(errno));
		pthread_join(i->thread, NULL);
	}
	for (size_t k = 0; k < i->n_sources; k++) {
		close(i->sources[k]->fd);
		free(i->sources[k]);
	}
	free(i->sources);
	if (i->epoll_fd >= 0)
		close(i->epoll_fd);
	if (i->notices_fd >= 0)
		close(i->notices_fd);
	if (i->stop_fd >= 0)
		close(i->stop_fd);
}
