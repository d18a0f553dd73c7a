/*
 * Speaks rtnetlink: messages are laid one behind the other, sent in few large pieces, and every
 * acknowledgement is read and matched to the object it is about.
 *
 * The kernel handles the messages of one sendmsg() in order and goes on behind a failed one, so
 * the first error is kept and the rest of that piece is still read. A piece is bounded (CHUNK_*)
 * so that its acknowledgements fit the socket's receive buffer; none can be lost then.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "emu/netns.h"
#include "emu/rtnl.h"
#include "emu/rtnl_internal.h"

#define MSG_ROOM   1024	      /* more than any message without attributes of a size of its own */
#define CHUNK_MSGS 256	      /* messages in one send */
#define CHUNK_SIZE (64 << 10) /* bytes in one send */
#define SOCK_BUF   (1 << 20)  /* the acknowledgements of a chunk, with their overhead */

/* What a queued message is about, for the error's sentence. */
struct about {
	const char *what; /* "make the veth" */
	char name[IFNAMSIZ + 32];
	size_t end; /* where the message ends in buf */
};

struct rtnl {
	struct mnl_socket *nl;
	char *buf;
	size_t len, cap;
	struct about *about;
	size_t n, cap_about;
	uint32_t seq; /* of the first message queued */
};

static void set_sockopts(struct rtnl *r)
{
	int fd = mnl_socket_get_fd(r->nl), size = SOCK_BUF, one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	/* Short acknowledgements, and the kernel's own sentence for errors. Both only help. */
	mnl_socket_setsockopt(r->nl, NETLINK_CAP_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(r->nl, NETLINK_EXT_ACK, &one, sizeof(one));
}

int rtnl_open(int ns_fd, struct rtnl **ret)
{
	struct rtnl *r = calloc(1, sizeof(*r));
	int old = -1, err = 0;

	if (!r)
		return -ENOMEM;
	if (ns_fd >= 0) {
		old = netns_enter(ns_fd);
		if (old < 0) {
			free(r);
			return old;
		}
	}
	r->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!r->nl)
		err = -errno;
	netns_leave(old);
	if (!err && mnl_socket_bind(r->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		err = -errno;
	if (err) {
		rtnl_close(r);
		return err;
	}
	r->seq = 1;
	set_sockopts(r);
	*ret = r;
	return 0;
}

struct mnl_socket *rtnl_socket(const struct rtnl *r)
{
	return r->nl;
}

uint32_t rtnl_next_seq(struct rtnl *r)
{
	return r->seq++;
}

void rtnl_close(struct rtnl *r)
{
	if (!r)
		return;
	if (r->nl)
		mnl_socket_close(r->nl);
	free(r->buf);
	free(r->about);
	free(r);
}

static int grow(void **p, size_t *cap, size_t need, size_t size)
{
	size_t want = *cap ? *cap : 16;
	void *q;

	while (want < need)
		want *= 2;
	if (want == *cap)
		return 0;
	q = realloc(*p, want * size);
	if (!q)
		return -ENOMEM;
	*p = q;
	*cap = want;
	return 0;
}

struct nlmsghdr *rtnl_msg_begin(struct rtnl *r, uint16_t type, uint16_t flags, size_t room)
{
	struct nlmsghdr *nlh;

	if (grow((void **)&r->buf, &r->cap, r->len + MSG_ROOM + room, 1) < 0 ||
	    grow((void **)&r->about, &r->cap_about, r->n + 1, sizeof(*r->about)) < 0)
		return NULL;
	nlh = mnl_nlmsg_put_header(r->buf + r->len);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	nlh->nlmsg_seq = r->seq + r->n;
	return nlh;
}

void rtnl_msg_end(struct rtnl *r, const struct nlmsghdr *nlh, const char *what,
		  const char *fmt, ...)
{
	struct about *a = &r->about[r->n++];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->name, sizeof(a->name), fmt, ap);
	va_end(ap);
	a->what = what;
	r->len += NLMSG_ALIGN(nlh->nlmsg_len);
	a->end = r->len;
}

static struct nlmsghdr *link_begin(struct rtnl *r, uint16_t flags, int ifindex, unsigned if_flags)
{
	struct nlmsghdr *nlh = rtnl_msg_begin(r, RTM_NEWLINK, flags, 0);
	struct ifinfomsg *ifm;

	if (!nlh)
		return NULL;
	ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));
	ifm->ifi_family = AF_UNSPEC;
	ifm->ifi_index = ifindex;
	ifm->ifi_flags = if_flags;
	ifm->ifi_change = if_flags;
	return nlh;
}

static void put_end(struct nlmsghdr *nlh, const struct rtnl_end *e, uint32_t mtu)
{
	mnl_attr_put_strz(nlh, IFLA_IFNAME, e->name);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, e->ns_fd);
	mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, 1);
	mnl_attr_put_u32(nlh, IFLA_NUM_RX_QUEUES, 1);
	if (mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	if (e->mac)
		mnl_attr_put(nlh, IFLA_ADDRESS, ETH_ALEN, e->mac);
}

/* veth(4)'s peer is described inside the message, with an ifinfomsg and attributes of its own. */
int rtnl_add_veth(struct rtnl *r, const struct rtnl_end *a, const struct rtnl_end *b, uint32_t mtu)
{
	struct nlmsghdr *nlh = link_begin(r, NLM_F_CREATE | NLM_F_EXCL, a->ifindex, 0);
	struct nlattr *info, *data, *peer;
	struct ifinfomsg *ifm;

	if (!nlh)
		return -ENOMEM;
	put_end(nlh, a, mtu);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));
	/* The kernel takes the peer's index only where the first end's is given too. */
	ifm->ifi_index = b->ifindex;
	put_end(nlh, b, mtu);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	rtnl_msg_end(r, nlh, "make the veth", "%s - %s", a->name, b->name);
	return 0;
}

int rtnl_add_bridge(struct rtnl *r, const char *name, int ifindex, const uint8_t *mac)
{
	struct nlmsghdr *nlh = link_begin(r, NLM_F_CREATE | NLM_F_EXCL, ifindex, IFF_UP);
	struct nlattr *info, *data;

	if (!nlh)
		return -ENOMEM;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	if (mac)
		mnl_attr_put(nlh, IFLA_ADDRESS, ETH_ALEN, mac);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	/* No packets of its own, and ports that forward from the moment they are up. */
	mnl_attr_put_u32(nlh, IFLA_BR_STP_STATE, 0);
	mnl_attr_put_u32(nlh, IFLA_BR_FORWARD_DELAY, 0);
	mnl_attr_put_u8(nlh, IFLA_BR_MCAST_SNOOPING, 0);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	rtnl_msg_end(r, nlh, "make the bridge", "%s", name);
	return 0;
}

int rtnl_set_master(struct rtnl *r, int ifindex, int master)
{
	struct nlmsghdr *nlh = link_begin(r, 0, ifindex, IFF_UP);

	if (!nlh)
		return -ENOMEM;
	mnl_attr_put_u32(nlh, IFLA_MASTER, master);
	rtnl_msg_end(r, nlh, "make a port of bridge", "%d of interface %d", master, ifindex);
	return 0;
}

int rtnl_del_link(struct rtnl *r, int ifindex)
{
	struct nlmsghdr *nlh = link_begin(r, 0, ifindex, 0);

	if (!nlh)
		return -ENOMEM;
	nlh->nlmsg_type = RTM_DELLINK;
	rtnl_msg_end(r, nlh, "delete", "interface %d", ifindex);
	return 0;
}

int rtnl_set_up(struct rtnl *r, int ifindex, bool up)
{
	struct nlmsghdr *nlh = link_begin(r, 0, ifindex, IFF_UP);
	struct ifinfomsg *ifm;

	if (!nlh)
		return -ENOMEM;
	ifm = mnl_nlmsg_get_payload(nlh);
	ifm->ifi_flags = up ? IFF_UP : 0;
	rtnl_msg_end(r, nlh, up ? "bring up" : "bring down", "interface %d", ifindex);
	return 0;
}

static void about_addr(struct rtnl *r, const struct nlmsghdr *nlh, const char *what, uint32_t addr,
		       uint8_t prefix, int ifindex)
{
	struct in_addr in = { .s_addr = htonl(addr) };
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &in, text, sizeof(text));
	rtnl_msg_end(r, nlh, what, "%s/%u on interface %d", text, prefix, ifindex);
}

int rtnl_add_addr(struct rtnl *r, int ifindex, uint32_t addr, uint8_t prefix)
{
	struct nlmsghdr *nlh;
	struct ifaddrmsg *ifa;
	uint32_t mask;

	if (prefix > 32)
		return -EINVAL;
	mask = prefix ? ~0u << (32 - prefix) : 0;
	nlh = rtnl_msg_begin(r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, 0);
	if (!nlh)
		return -ENOMEM;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = prefix;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	ifa->ifa_index = ifindex;
	mnl_attr_put_u32(nlh, IFA_LOCAL, htonl(addr));
	mnl_attr_put_u32(nlh, IFA_ADDRESS, htonl(addr));
	if (prefix < 31) /* RFC 3021: a /31 has no broadcast address */
		mnl_attr_put_u32(nlh, IFA_BROADCAST, htonl(addr | ~mask));
	about_addr(r, nlh, "add the address", addr, prefix, ifindex);
	return 0;
}

int rtnl_add_route(struct rtnl *r, uint32_t dst, uint8_t prefix, uint32_t via, int ifindex)
{
	struct nlmsghdr *nlh = rtnl_msg_begin(r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, 0);
	struct rtmsg *rtm;

	if (!nlh)
		return -ENOMEM;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = AF_INET;
	rtm->rtm_dst_len = prefix;
	rtm->rtm_table = RT_TABLE_MAIN;
	rtm->rtm_protocol = RTPROT_STATIC;
	rtm->rtm_scope = via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	rtm->rtm_type = RTN_UNICAST;
	if (prefix)
		mnl_attr_put_u32(nlh, RTA_DST, htonl(dst));
	if (via)
		mnl_attr_put_u32(nlh, RTA_GATEWAY, htonl(via));
	mnl_attr_put_u32(nlh, RTA_OIF, ifindex);
	about_addr(r, nlh, "add the route", dst, prefix, ifindex);
	return 0;
}

/* The kernel's own sentence, where it sent one with the error. */
static const char *ext_message(const struct nlmsghdr *nlh, const struct nlmsgerr *e)
{
	const struct nlattr *attr;
	size_t skip = sizeof(*e);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - sizeof(e->msg);
	mnl_attr_for_each(attr, nlh, skip) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(attr);
	}
	return NULL;
}

static int say_error(struct err *err, const struct about *a, int errnum, const char *ext)
{
	if (errnum == EOPNOTSUPP && !strncmp(a->what, "make the ", 9))
		return err_missing(err, "cannot %s %s: this kernel has no %s driver", a->what,
				   a->name, a->what + 9);
	if (ext)
		return err_sys(err, errnum, "cannot %s %s (%s)", a->what, a->name, ext);
	return err_sys(err, errnum, "cannot %s %s", a->what, a->name);
}

/* Reads the acknowledgements of messages first … first+n-1; the first error in *ret_err. */
static int read_acks(struct rtnl *r, size_t first, size_t n, int *ret_err, struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[16384];
	size_t left = n;

	while (left > 0) {
		ssize_t len = mnl_socket_recvfrom(r->nl, buf, sizeof(buf));
		int room = (int)len;
		const struct nlmsghdr *nlh;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return err_sys(err, errno, "lost the kernel's answers (rtnetlink)");
		for (nlh = (void *)buf; mnl_nlmsg_ok(nlh, room); nlh = mnl_nlmsg_next(nlh, &room)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
			size_t i = nlh->nlmsg_seq - r->seq;

			if (nlh->nlmsg_type != NLMSG_ERROR || i < first || i >= first + n)
				continue;
			left--;
			if (e->error && !*ret_err)
				*ret_err = say_error(err, &r->about[i], -e->error,
						     ext_message(nlh, e));
		}
	}
	return 0;
}

/* Where the chunk that begins with message first ends: one past its last message. */
static size_t chunk_end(const struct rtnl *r, size_t first, size_t start)
{
	size_t i = first;

	while (i < r->n && i - first < CHUNK_MSGS && r->about[i].end - start <= CHUNK_SIZE)
		i++;
	return i;
}

int rtnl_flush(struct rtnl *r, struct err *err)
{
	size_t first = 0, start = 0;
	int result = 0;

	while (first < r->n && !result) {
		size_t end = chunk_end(r, first, start);
		size_t stop = r->about[end - 1].end;

		if (mnl_socket_sendto(r->nl, r->buf + start, stop - start) < 0) {
			result = err_sys(err, errno, "cannot send to the kernel (rtnetlink)");
			break;
		}
		if (read_acks(r, first, end - first, &result, err) < 0)
			result = result ? result : -EIO;
		first = end;
		start = stop;
	}
	r->seq += r->n;
	r->n = 0;
	r->len = 0;
	return result;
}
