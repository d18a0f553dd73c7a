/*
 * Hears at once of what begins something: packet sockets with a classic filter where the rings are,
 * and a thread that runs before others do, for it has little to do and must not be late.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <pcap/pcap.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
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

static int add_source(struct infer *i, int fd, uint32_t node)
{
	struct infer_source **all = reallocarray(i->sources, i->n_sources + 1, sizeof(*all));
	struct infer_source *s = calloc(1, sizeof(*s));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = s };

	if (all)
		i->sources = all;
	if (!all || !s || epoll_ctl(i->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
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
	return add_source(i, fd, node);
}

static int add_packets(struct infer *i, int ns_fd, int ifindex)
{
	_cleanup_close_ int fd = -1;
	int old = netns_enter(ns_fd), r;

	if (old < 0)
		return old;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = fd < 0 ? -errno : 0;
	netns_leave(old);
	if (r == 0)
		r = set_up_packets(fd, ifindex);
	if (r == 0)
		r = add_source(i, fd, NET_NONE);
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

/* ---- reading ---- */

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
	for (int k = 0; k < n; k++) {
		uint32_t len = b.msgs[k].msg_len;

		infer_heard(i, stamp_of(&b.msgs[k].msg_hdr), b.from[k].sll_ifindex, b.data[k],
			    len < SNAP ? len : SNAP, len);
	}
	return n;
}

static void on_notice(void *arg, const struct diag_socket *s)
{
	const struct infer_source *src = ((void **)arg)[1];

	infer_port_freed(((void **)arg)[0], src->node, s->lport, units_now_real());
}

/* Where notices were lost, a port's next user is taken for its last. */
static void read_source(struct infer *i, struct infer_source *s)
{
	void *arg[] = { i, s };

	if (s->node != NET_NONE) {
		if (diag_read_notices(s->fd, on_notice, arg) == -ENOBUFS)
			log_debug("notices of closed sockets were lost");
		return;
	}
	while (read_batch(i, s->fd) == BATCH)
		;
}

void infer_watch_catch_up(struct infer *i)
{
	for (size_t k = 0; k < i->n_sources; k++)
		if (i->sources[k]->node == NET_NONE)
			read_source(i, i->sources[k]);
}

static void *watch(void *arg)
{
	struct infer *i = arg;
	struct epoll_event ev[EVENTS];

	for (;;) {
		int n = epoll_wait(i->epoll_fd, ev, EVENTS, -1);

		if (n < 0 && errno != EINTR)
			return NULL;
		pthread_mutex_lock(&i->lock);
		for (int k = 0; k < n; k++) {
			if (!ev[k].data.ptr) {
				pthread_mutex_unlock(&i->lock);
				return NULL;
			}
			read_source(i, ev[k].data.ptr);
		}
		pthread_mutex_unlock(&i->lock);
	}
}

/* Before whatever sends: each microsecond later, more sockets are gone. It may be refused. */
static void run_first(pthread_t thread)
{
	struct sched_param p = { .sched_priority = 1 };
	int r = pthread_setschedparam(thread, SCHED_FIFO, &p);

	if (r)
		log_debug("the watch for new connections gets no realtime priority: %s",
			  strerror(r));
}

int infer_watch_open(struct infer *i, struct err *err)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int r;

	i->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	i->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (i->epoll_fd < 0 || i->stop_fd < 0 ||
	    epoll_ctl(i->epoll_fd, EPOLL_CTL_ADD, i->stop_fd, &ev) < 0)
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
	run_first(i->thread);
	return 0;
}

void infer_watch_close(struct infer *i)
{
	uint64_t one = 1;

	if (i->running && write(i->stop_fd, &one, sizeof(one)) > 0)
		pthread_join(i->thread, NULL);
	for (size_t k = 0; k < i->n_sources; k++) {
		close(i->sources[k]->fd);
		free(i->sources[k]);
	}
	free(i->sources);
	if (i->epoll_fd >= 0)
		close(i->epoll_fd);
	if (i->stop_fd >= 0)
		close(i->stop_fd);
}
