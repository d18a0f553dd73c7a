/* Waits, by rtnetlink's own events, until interfaces that were brought up also carry packets. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "core/units.h"
#include "emu/rtnl_internal.h"

#define RUNNING_MS 10000 /* longest wait for carriers */

/* Another socket in the namespace of r, wherever the thread is. */
static int open_beside(const struct rtnl *r, struct rtnl **ret)
{
	_cleanup_close_ int ns = ioctl(mnl_socket_get_fd(rtnl_socket(r)), SIOCGSKNS);

	return ns < 0 ? -errno : rtnl_open(ns, ret);
}

/*
 * IFF_* of an interface. Kernels from 6.8 on also finish what linkwatch owes it before they answer.
 */
static int get_flags(struct rtnl *r, int ifindex, unsigned *ret_flags)
{
	_Alignas(struct nlmsghdr) char buf[16384];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifm;
	ssize_t n;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = rtnl_next_seq(r);
	ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));
	ifm->ifi_index = ifindex;
	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (mnl_socket_sendto(rtnl_socket(r), nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(rtnl_socket(r), buf, sizeof(buf));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return ((struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
	*ret_flags = ifm->ifi_flags;
	return 0;
}

static int count_running(struct rtnl *r, const int *ifindexes, size_t n, size_t *done)
{
	unsigned flags;
	int ret;

	for (; *done < n; (*done)++) {
		ret = get_flags(r, ifindexes[*done], &flags);
		if (ret < 0)
			return ret;
		if (!(flags & IFF_RUNNING))
			return 0;
	}
	return 0;
}

/*
 * Heard before it is asked, so nothing happens unseen between the two; an overrun is an event too.
 */
int rtnl_wait_running(struct rtnl *r, const int *ifindexes, size_t n, struct err *err)
{
	int64_t until = units_now_mono() + RUNNING_MS * NSEC_PER_MSEC;
	struct pollfd p = { .events = POLLIN };
	struct rtnl *events = NULL;
	int group = RTNLGRP_LINK, ret;
	size_t done = 0;
	char buf[8192];

	ret = count_running(r, ifindexes, n, &done);
	if (ret >= 0 && done == n)
		return 0;
	if (ret >= 0)
		ret = open_beside(r, &events);
	if (ret >= 0 && mnl_socket_setsockopt(rtnl_socket(events), NETLINK_ADD_MEMBERSHIP, &group,
					      sizeof(group)) < 0)
		ret = -errno;
	while (ret >= 0) {
		int64_t left = until - units_now_mono();

		ret = count_running(r, ifindexes, n, &done);
		if (ret < 0 || done == n)
			break;
		p.fd = mnl_socket_get_fd(rtnl_socket(events));
		if (left <= 0)
			ret = -ETIMEDOUT;
		else if (poll(&p, 1, (int)(left / NSEC_PER_MSEC) + 1) > 0)
			while (recv(p.fd, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
				;
	}
	rtnl_close(events);
	if (ret < 0)
		return err_sys(err, -ret, "interface %d does not get its carrier", ifindexes[done]);
	return 0;
}
