/* Asks for sockets one by one or all at once, and takes the kernel's answers apart. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>
#include "capture/sender/diag.h"
#include "capture/sender/netlink.h"
#include "core/cleanup.h"
#include "emu/netns.h"

#define BUF_SIZE    32768
#define NOTICE_ROOM (1 << 20) /* of the notices' socket: some thousands */
#define NOTICES_MAX 4096      /* at once: whoever sends them must not keep us here */

struct diag {
	int fd;
	uint32_t seq;
};

/*
 * A socket in a host's namespace is within reach of the host's root, who may send to it. One that is
 * connected to the kernel is refused to all others, but for groups that it is in.
 */
static int open_in(int ns_fd, unsigned groups)
{
	struct sockaddr_nl own = { .nl_family = AF_NETLINK, .nl_groups = groups };
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	_cleanup_close_ int fd = netns_socket(ns_fd, AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK,
					      NETLINK_SOCK_DIAG);

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 ||
	    connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	return steal_fd(&fd);
}

int diag_open(int ns_fd, struct diag **ret)
{
	struct diag *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->fd = open_in(ns_fd, 0);
	r = d->fd < 0 ? d->fd : 0;
	if (r == 0 && getrandom(&d->seq, sizeof(d->seq), 0) < 0)
		r = -errno;
	if (r < 0) {
		diag_close(d);
		return r;
	}
	*ret = d;
	return 0;
}

void diag_close(struct diag *d)
{
	if (!d)
		return;
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

/* What comes without a cgroup is of a kernel before 5.8, or of a socket that is none any more. */
static int parse_socket(const struct nlmsghdr *nlh, diag_fn *fn, void *arg)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(nlh);
	struct diag_socket s = { 0 };
	const struct nlattr *a;
	size_t addr_len;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*m))
		return -EBADMSG;
	if (m->idiag_family != AF_INET && m->idiag_family != AF_INET6)
		return -EBADMSG;
	addr_len = m->idiag_family == AF_INET ? 4 : 16;
	s.family = m->idiag_family;
	s.state = m->idiag_state;
	s.lport = ntohs(m->id.idiag_sport);
	s.rport = ntohs(m->id.idiag_dport);
	s.cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
	memcpy(s.local, m->id.idiag_src, addr_len);
	memcpy(s.remote, m->id.idiag_dst, addr_len);
	mnl_attr_for_each(a, nlh, sizeof(*m)) {
		unsigned type = mnl_attr_get_type(a);

		if (type == INET_DIAG_PROTOCOL && mnl_attr_get_payload_len(a) >= 1)
			s.proto = mnl_attr_get_u8(a);
		else if (type == INET_DIAG_CGROUP_ID && mnl_attr_get_payload_len(a) >= 8)
			s.cgroup = mnl_attr_get_u64(a);
	}
	fn(arg, &s);
	return 1;
}

static int parse_error(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e) || e->error > 0 || e->error < -4095)
		return -EBADMSG;
	return e->error;
}

int diag_parse(const void *buf, size_t len, uint32_t seq, diag_fn *fn, void *arg)
{
	const struct nlmsghdr *nlh = buf;
	int left = (int)len, r = 1;

	if (len > INT32_MAX || !netlink_ok(nlh, left))
		return -EBADMSG;
	while (netlink_ok(nlh, left) && r > 0) {
		if (seq && nlh->nlmsg_seq != seq)
			r = 1; /* of a question that was given up */
		else if (nlh->nlmsg_type == NLMSG_ERROR)
			r = parse_error(nlh);
		else if (nlh->nlmsg_type == NLMSG_DONE)
			r = 0;
		else if (nlh->nlmsg_type == SOCK_DIAG_BY_FAMILY)
			r = parse_socket(nlh, fn, arg);
		nlh = mnl_nlmsg_next(nlh, &left);
	}
	return r;
}

struct answers {
	diag_fn *fn;
	void *arg;
	size_t n;
};

static void count_answer(void *arg, const struct diag_socket *s)
{
	struct answers *a = arg;

	a->n++;
	a->fn(a->arg, s);
}

/*
 * The kernel answers within send(), and goes on with a dump at each reading, so there is nothing to
 * wait for: a socket that is empty before the answer has been read has lost it. What is read before it
 * belongs to earlier questions that were given up.
 */
static int ask(struct diag *d, const struct inet_diag_req_v2 *req, uint16_t flags, diag_fn *fn,
	       void *arg)
{
	char buf[BUF_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct answers a = { .fn = fn, .arg = arg };
	int r = 1;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++d->seq ? d->seq : ++d->seq;
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(*req)), req, sizeof(*req));
	if (send(d->fd, nlh, nlh->nlmsg_len, 0) < 0)
		return -errno;
	while (r > 0 && (flags & NLM_F_DUMP || !a.n)) {
		ssize_t n = netlink_recv(d->fd, buf, sizeof(buf));

		if (n == -ENOMSG)
			continue;
		if (n < 0)
			return n == -EAGAIN ? -EIO : (int)n;
		r = diag_parse(buf, (size_t)n, d->seq, count_answer, &a);
	}
	return r < 0 ? r : 0;
}

static void set_end(__be32 addr[4], __be16 *port, const uint8_t ip[16], uint16_t p)
{
	memcpy(addr, ip, 16);
	*port = htons(p);
}

struct found {
	struct diag_socket *ret;
	bool any;
};

static void take(void *arg, const struct diag_socket *s)
{
	struct found *f = arg;

	*f->ret = *s;
	f->any = true;
}

int diag_find(struct diag *d, const struct diag_socket *q, struct diag_socket *ret)
{
	struct inet_diag_req_v2 req = { .sdiag_family = q->family, .sdiag_protocol = q->proto,
					.idiag_states = UINT32_MAX };
	struct diag_socket s = { 0 };
	struct found f = { .ret = &s };
	int r;

	req.id.idiag_if = q->ifindex;
	req.id.idiag_cookie[0] = req.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	if (q->proto != IPPROTO_TCP && q->proto != IPPROTO_UDP) {
		req.sdiag_protocol = IPPROTO_RAW;
		req.pad = q->proto; /* sdiag_raw_protocol */
	}
	if (q->proto == IPPROTO_UDP) { /* the kernel takes them from the sender's side here */
		set_end(req.id.idiag_src, &req.id.idiag_sport, q->remote, q->rport);
		set_end(req.id.idiag_dst, &req.id.idiag_dport, q->local, q->lport);
	} else {
		set_end(req.id.idiag_src, &req.id.idiag_sport, q->local, q->lport);
		set_end(req.id.idiag_dst, &req.id.idiag_dport, q->remote, q->rport);
	}
	r = ask(d, &req, 0, take, &f);
	if (r < 0)
		return r;
	if (!f.any)
		return -ENOENT;
	*ret = s;
	return 0;
}

int diag_dump(struct diag *d, uint8_t family, uint8_t proto, uint32_t states, diag_fn *fn,
	      void *arg)
{
	struct inet_diag_req_v2 req = { .sdiag_family = family, .sdiag_protocol = proto,
					.idiag_states = states };

	return ask(d, &req, NLM_F_DUMP, fn, arg);
}

int diag_open_notices(int ns_fd)
{
	unsigned groups = 1u << (SKNLGRP_INET_UDP_DESTROY - 1) |
			  1u << (SKNLGRP_INET6_UDP_DESTROY - 1);
	int fd = open_in(ns_fd, groups), size = NOTICE_ROOM;

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

int diag_read_notices(int fd, diag_fn *fn, void *arg)
{
	char buf[BUF_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (unsigned k = 0; k < NOTICES_MAX; k++) {
		ssize_t n = netlink_recv(fd, buf, sizeof(buf));

		if (n >= 0)
			diag_parse(buf, (size_t)n, 0, fn, arg);
		else if (n != -ENOMSG && n != -EMSGSIZE)
			return n == -EAGAIN ? 0 : (int)n;
	}
	return 1;
}
