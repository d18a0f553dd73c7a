/* Asks for sockets one by one or all at once, and takes the kernel's answers apart. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "capture/sender/diag.h"
#include "capture/sender/netlink.h"
#include "core/cleanup.h"
#include "emu/netns.h"

#define BUF_SIZE    32768
#define NOTICE_ROOM (1 << 20) /* of the notices' socket: some thousands */

struct diag {
	struct mnl_socket *nl;
	uint32_t seq;
};

static struct mnl_socket *open_in(int ns_fd, unsigned groups, int *ret_err)
{
	int old = netns_enter(ns_fd);
	struct mnl_socket *nl;

	if (old < 0) {
		*ret_err = old;
		return NULL;
	}
	nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC | SOCK_NONBLOCK);
	*ret_err = nl ? 0 : -errno;
	netns_leave(old);
	if (nl && mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) < 0) {
		*ret_err = -errno;
		mnl_socket_close(nl);
		nl = NULL;
	}
	return nl;
}

int diag_open(int ns_fd, struct diag **ret)
{
	struct diag *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->nl = open_in(ns_fd, 0, &r);
	if (!d->nl) {
		free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void diag_close(struct diag *d)
{
	if (!d)
		return;
	mnl_socket_close(d->nl);
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

/*
 * The answer to a question is in the socket when send returns; a dump goes on with each reading.
 * So nothing is waited for: an empty socket is an answer that was lost.
 */
static int ask(struct diag *d, const struct inet_diag_req_v2 *req, uint16_t flags, diag_fn *fn,
	       void *arg)
{
	char buf[BUF_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	ssize_t n;
	int r;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++d->seq ? d->seq : ++d->seq;
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(*req)), req, sizeof(*req));
	if (mnl_socket_sendto(d->nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(d->nl, buf, sizeof(buf));
		if (n < 0)
			return errno == EAGAIN ? -EIO : -errno;
		r = diag_parse(buf, (size_t)n, d->seq, fn, arg);
	} while (r > 0 && flags & NLM_F_DUMP);
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
	int r, fd, size = NOTICE_ROOM;
	struct mnl_socket *nl = open_in(ns_fd, groups, &r);

	if (!nl)
		return r;
	fd = fcntl(mnl_socket_get_fd(nl), F_DUPFD_CLOEXEC, 3);
	r = fd < 0 ? -errno : fd;
	mnl_socket_close(nl);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return r;
}

int diag_read_notices(int fd, diag_fn *fn, void *arg)
{
	char buf[BUF_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		diag_parse(buf, (size_t)n, 0, fn, arg);
	return n < 0 && errno != EAGAIN ? -errno : 0;
}
