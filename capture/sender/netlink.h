/* Is there a whole netlink message? libmnl takes a length of 2 GiB and more for a small one. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SENDER_NETLINK_H
#define CAPTURE_SENDER_NETLINK_H

#include <libmnl/libmnl.h>
#include <stdbool.h>

static inline bool netlink_ok(const struct nlmsghdr *nlh, int left)
{
	return mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (uint32_t)left;
}

#endif
