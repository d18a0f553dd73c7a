/*
 * Which halves of links have a receiver: the kernel's own events of links, heard by the shaper's thread.
 *
 * Theory of operation. What a host does to its interface is the host's; the half in our namespace then
 * stays up and takes frames that nobody gets. That it lost its carrier is told by the kernel's
 * linkwatch, up to a second later. So the socket hears all namespaces that our halves lead to: there
 * the change is told when it is made. An interface counts as one of ours if it has our index and its
 * namespace is the one that our half names as its peer's. A half that is up again sends as soon as
 * linkwatch has run (IFF_RUNNING). Events that found no room are made good by asking for all halves.
 *
 * Without CAP_NET_BROADCAST, and in a namespace that has no id here, linkwatch's word is all there is.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "emu/netns.h"
#include "emu/shaper/shaper_internal.h"

#define EVENTS_BUF (32 << 20) /* of a network that is made before the thread begins */
#define MESSAGE	   32768      /* the largest part of a dump */

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000 /* in <linux/if.h>, which cannot stand beside <net/if.h> */
#endif

static int listen_in_namespace(void)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
					NETLINK_ROUTE);
	int group = RTNLGRP_LINK, size = EVENTS_BUF, on = 1;
	struct sockaddr_nl a = { .nl_family = AF_NETLINK };

	/* Who has no address is told nothing. */
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on)) < 0 &&
	    errno != EPERM)
		return -errno;
	return steal_fd(&fd);
}

int shaper_carrier_open(struct shaper *s)
{
	int old = netns_enter(s->ns_fd);

	if (old < 0)
		return old;
	s->links_fd = listen_in_namespace();
	netns_leave(old);
	return s->links_fd < 0 ? s->links_fd : 0;
}

/* The answer comes as an event does. ifindex 0: all. Waits for whoever changes links just now. */
static void ask(struct shaper *s, int ifindex)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifm;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = ifindex ? NLM_F_REQUEST : NLM_F_REQUEST | NLM_F_DUMP;
	ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));
	ifm->ifi_index = ifindex;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	/* Unsent, for want of memory: what is known stays. */
	if (send(s->links_fd, nlh, nlh->nlmsg_len, 0) < 0)
		s->links_missed = !ifindex;
}

static void heard_half(struct shaper_end *e, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;
	bool carrier = ifm->ifi_flags & IFF_LOWER_UP;

	e->running = nlh->nlmsg_type == RTM_NEWLINK && carrier && ifm->ifi_flags & IFF_RUNNING;
	/* A veth has a carrier if, and only if, both its ends are up. */
	if (carrier)
		e->peer_up = true;
	mnl_attr_for_each(a, nlh, sizeof(*ifm)) {
		if (mnl_attr_get_type(a) == IFLA_LINK_NETNSID &&
		    mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
			e->nsid = (int)mnl_attr_get_u32(a);
	}
}

static void heard(struct shaper *s, const struct nlmsghdr *nlh, int nsid)
{
	const struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);
	struct shaper_end *e;
	bool before;
	uint32_t i;

	/* A bridge tells of its ports in the same words: that one left is not its end. */
	if ((nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifm) || ifm->ifi_family != AF_UNSPEC)
		return;
	i = (uint32_t)ifm->ifi_index - NET_IFINDEX_BASE;
	if (i >= s->net->n_ifaces)
		return;
	e = &s->ends[i];
	before = e->running && e->peer_up;
	if (nsid < 0)
		heard_half(e, nlh);
	else if (nsid == e->nsid)
		e->peer_up = nlh->nlmsg_type == RTM_NEWLINK && ifm->ifi_flags & IFF_UP;
	if (before && !(e->running && e->peer_up))
		s->carrier_lost = true;
}

/* Of the namespace that a message is from; -1: ours. */
static int nsid_of(struct msghdr *msg)
{
	struct cmsghdr *c;
	int nsid = -1;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_NETLINK && c->cmsg_type == NETLINK_LISTEN_ALL_NSID)
			memcpy(&nsid, CMSG_DATA(c), sizeof(nsid));
	}
	return nsid;
}

/* One datagram. false: there is none. */
static bool read_events(struct shaper *s)
{
	_Alignas(struct nlmsghdr) char buf[MESSAGE];
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(s->links_fd, &msg, 0);
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
	int left, nsid;

	if (n < 0) {
		s->links_missed |= errno == ENOBUFS;
		return errno == ENOBUFS || errno == EINTR;
	}
	nsid = nsid_of(&msg);
	for (left = (int)n; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		heard(s, nlh, nsid);
	return true;
}

void shaper_carrier_read(struct shaper *s)
{
	do {
		while (read_events(s))
			;
		if (!s->links_missed)
			return;
		s->links_missed = false;
		ask(s, 0);
	} while (!s->links_missed);
}

void shaper_carrier_ask(struct shaper *s, int ifindex)
{
	ask(s, ifindex);
	shaper_carrier_read(s);
}
