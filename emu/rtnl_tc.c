/* The verbs of rtnetlink for traffic control: qdiscs and filters. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "core/cleanup.h"
#include "emu/rtnl_internal.h"

static struct nlmsghdr *tc_begin(struct rtnl *r, uint16_t type, uint16_t flags, int ifindex,
				 uint32_t handle, uint32_t parent, uint32_t info, size_t room)
{
	struct nlmsghdr *nlh = rtnl_msg_begin(r, type, flags, room);
	struct tcmsg *tcm;

	if (!nlh)
		return NULL;
	tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));
	tcm->tcm_family = AF_UNSPEC;
	tcm->tcm_ifindex = ifindex;
	tcm->tcm_handle = handle;
	tcm->tcm_parent = parent;
	tcm->tcm_info = info;
	return nlh;
}

static int add_filter(struct rtnl *r, int ifindex, uint32_t hook, int prog_fd, const char *name)
{
	struct nlattr *options;
	struct nlmsghdr *nlh;

	if (prog_fd < 0)
		return 0;
	nlh = tc_begin(r, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, ifindex, 1,
		       TC_H_MAKE(TC_H_CLSACT, hook), TC_H_MAKE(1 << 16, htons(ETH_P_ALL)), 0);
	if (!nlh)
		return -ENOMEM;
	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	options = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	mnl_attr_put_u32(nlh, TCA_BPF_FD, prog_fd);
	mnl_attr_put_strz(nlh, TCA_BPF_NAME, name);
	mnl_attr_put_u32(nlh, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(nlh, options);
	rtnl_msg_end(r, nlh, "put the program", "%s on interface %d", name, ifindex);
	return 0;
}

int rtnl_add_bpf(struct rtnl *r, int ifindex, int ingress_fd, int egress_fd, const char *name)
{
	struct nlmsghdr *nlh;
	int ret;

	nlh = tc_begin(r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, ifindex,
		       TC_H_MAKE(TC_H_CLSACT, 0), TC_H_CLSACT, 0, 0);
	if (!nlh)
		return -ENOMEM;
	mnl_attr_put_strz(nlh, TCA_KIND, "clsact");
	rtnl_msg_end(r, nlh, "add clsact to", "interface %d", ifindex);
	ret = add_filter(r, ifindex, TC_H_MIN_INGRESS, ingress_fd, name);
	return ret < 0 ? ret : add_filter(r, ifindex, TC_H_MIN_EGRESS, egress_fd, name);
}

struct filter {
	bool any;
	uint32_t prog; /* 0: it is no program's */
};

/* Of the messages of a dump, which are in the order in which packets meet the filters. */
static int read_filter(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr, *option;
	const char *kind = "";
	struct filter *f = arg;

	if (f->any)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(struct tcmsg)) {
		if (mnl_attr_get_type(attr) == TCA_KIND)
			kind = mnl_attr_get_str(attr);
		if (mnl_attr_get_type(attr) != TCA_OPTIONS)
			continue;
		f->any = true;
		mnl_attr_for_each_nested(option, attr)
			if (!strcmp(kind, "bpf") && mnl_attr_get_type(option) == TCA_BPF_ID)
				f->prog = mnl_attr_get_u32(option);
	}
	return MNL_CB_OK;
}

int rtnl_get_bpf(struct rtnl *r, int ifindex, uint32_t *ret_id)
{
	_Alignas(struct nlmsghdr) char buf[32768];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	uint32_t seq = rtnl_next_seq(r);
	struct filter first = { 0 };
	struct tcmsg *tcm;
	int more = MNL_CB_OK;

	nlh->nlmsg_type = RTM_GETTFILTER;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));
	tcm->tcm_ifindex = ifindex;
	tcm->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
	if (mnl_socket_sendto(rtnl_socket(r), nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (more > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(rtnl_socket(r), buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		more = mnl_cb_run(buf, (size_t)n, seq, 0, read_filter, &first);
	}
	if (more < 0)
		return -errno;
	*ret_id = first.prog;
	return 0;
}

int rtnl_set_qdisc(struct rtnl *r, int ifindex, const struct rtnl_qdisc *q, bool in_place,
		   const char *name)
{
	uint16_t flags = in_place ? 0 : NLM_F_CREATE | NLM_F_REPLACE;
	struct nlmsghdr *nlh = tc_begin(r, RTM_NEWQDISC, flags, ifindex, q->handle, q->parent, 0,
					q->options_len);

	if (!nlh)
		return -ENOMEM;
	mnl_attr_put_strz(nlh, TCA_KIND, q->kind);
	mnl_attr_put(nlh, TCA_OPTIONS, q->options_len, q->options);
	rtnl_msg_end(r, nlh, in_place ? "change the qdisc" : "put the qdisc", "%s %s %s", q->kind,
		     in_place ? "of" : "on", name);
	return 0;
}

/* Keeps what the caller asked for of one RTM_NEWQDISC. */
static void read_qdisc(const struct nlmsghdr *nlh, char ret_kind[RTNL_KIND_SIZE], void *options,
		       size_t size, size_t *ret_len)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct tcmsg)) {
		size_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) == TCA_KIND)
			snprintf(ret_kind, RTNL_KIND_SIZE, "%.*s", (int)len,
				 mnl_attr_get_str(attr));
		if (mnl_attr_get_type(attr) != TCA_OPTIONS || !options)
			continue;
		*ret_len = len < size ? len : size;
		memcpy(options, mnl_attr_get_payload(attr), *ret_len);
	}
}

/* Before Linux 6.10 a qdisc that is asked for is only announced; NLM_F_ECHO has us hear it. */
int rtnl_get_qdisc(struct rtnl *r, int ifindex, uint32_t handle, char ret_kind[RTNL_KIND_SIZE],
		   void *options, size_t size, size_t *ret_len)
{
	_Alignas(struct nlmsghdr) char buf[16384];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	uint32_t seq = rtnl_next_seq(r);
	struct tcmsg *tcm;

	nlh->nlmsg_type = RTM_GETQDISC;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_ECHO;
	nlh->nlmsg_seq = seq;
	tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));
	tcm->tcm_ifindex = ifindex;
	tcm->tcm_handle = handle;
	if (mnl_socket_sendto(rtnl_socket(r), nlh, nlh->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(rtnl_socket(r), buf, sizeof(buf));
		int room = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		for (nlh = (void *)buf; mnl_nlmsg_ok(nlh, room); nlh = mnl_nlmsg_next(nlh, &room)) {
			if (nlh->nlmsg_seq != seq)
				continue;
			if (nlh->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
			if (nlh->nlmsg_type == RTM_NEWQDISC)
				read_qdisc(nlh, ret_kind, options, size, ret_len);
		}
	}
}
