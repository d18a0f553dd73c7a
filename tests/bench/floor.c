/*
 * The floor for build times: the least a C program does to make N hosts on one switch.
 *
 * The kernel objects of detnet's build and nothing else: a namespace each, a veth made in place,
 * a bridge port, an address, everything up, IPv6 off. Prints "up_ns down_ns"; down is closing
 * every namespace.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static _Alignas(struct nlmsghdr) char buf[8192];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int new_ns(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		die("unshare");
	fd = open("/proc/sys/net/ipv6/conf/all/disable_ipv6", O_WRONLY);
	if (fd >= 0) {
		if (write(fd, "1", 1) != 1)
			die("disable_ipv6");
		close(fd);
	}
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("open");
	return fd;
}

static struct nlmsghdr *begin(int type, int flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return nlh;
}

static struct nlmsghdr *begin_link(int flags, int index, unsigned up)
{
	struct nlmsghdr *nlh = begin(RTM_NEWLINK, flags);
	struct ifinfomsg *ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));

	ifm->ifi_index = index;
	ifm->ifi_flags = ifm->ifi_change = up;
	return nlh;
}

static void talk(struct mnl_socket *s, struct nlmsghdr *nlh)
{
	ssize_t n;

	if (mnl_socket_sendto(s, nlh, nlh->nlmsg_len) < 0)
		die("send");
	n = mnl_socket_recvfrom(s, buf, sizeof(buf));
	if (n < 0 || mnl_cb_run(buf, n, 0, 0, NULL, NULL) < 0)
		die("rtnetlink");
}

static struct mnl_socket *open_rtnl(void)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (!s || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0)
		die("netlink");
	return s;
}

static void add_bridge(struct mnl_socket *s)
{
	struct nlmsghdr *nlh = begin_link(NLM_F_CREATE | NLM_F_EXCL, 50, IFF_UP);
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 }; /* or it is drawn anew at each port */
	struct nlattr *info, *data;

	mnl_attr_put_strz(nlh, IFLA_IFNAME, "s1");
	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(mac), mac);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u8(nlh, IFLA_BR_MCAST_SNOOPING, 0);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	talk(s, nlh);
}

static void put_end(struct nlmsghdr *nlh, const char *node, int i, int ns)
{
	char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "%s-eth%d", node, i);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, ns);
	mnl_attr_put_u32(nlh, IFLA_NUM_TX_QUEUES, 1);
	mnl_attr_put_u32(nlh, IFLA_NUM_RX_QUEUES, 1);
}

static void add_veth(struct mnl_socket *s, int i, int host, int fabric)
{
	struct nlmsghdr *nlh = begin_link(NLM_F_CREATE | NLM_F_EXCL, 100 + 2 * i, 0);
	struct nlattr *info, *data, *peer;
	struct ifinfomsg *ifm;

	put_end(nlh, "h", i, host);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));
	ifm->ifi_index = 101 + 2 * i;
	put_end(nlh, "s1", i, fabric);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	talk(s, nlh);

	nlh = begin_link(0, 101 + 2 * i, IFF_UP);
	mnl_attr_put_u32(nlh, IFLA_MASTER, 50);
	talk(s, nlh);
}

static void set_up_host(int i, int ns)
{
	struct mnl_socket *s;
	struct nlmsghdr *nlh;
	struct ifaddrmsg *ifa;

	if (setns(ns, CLONE_NEWNET) < 0)
		die("setns");
	s = open_rtnl();
	talk(s, begin_link(0, 1, IFF_UP));
	nlh = begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = 16;
	ifa->ifa_index = 100 + 2 * i;
	mnl_attr_put_u32(nlh, IFA_LOCAL, htonl(0x0a000001 + i));
	talk(s, nlh);
	talk(s, begin_link(0, 100 + 2 * i, IFF_UP));
	mnl_socket_close(s);
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 200, *host, fabric, own, i;
	struct mnl_socket *s;
	struct rlimit l;
	int64_t t0, t1;

	if (n < 1 || n > 1000) {
		fprintf(stderr, "usage: floor HOSTS (1 to 1000)\n");
		return 2;
	}
	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
	host = calloc(n, sizeof(*host));
	own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (!host || own < 0)
		die("start");
	t0 = now();
	for (i = 0; i < n; i++)
		host[i] = new_ns();
	fabric = new_ns();
	s = open_rtnl();
	add_bridge(s);
	for (i = 0; i < n; i++)
		add_veth(s, i, host[i], fabric);
	for (i = 0; i < n; i++)
		set_up_host(i, host[i]);
	t1 = now();
	if (setns(own, CLONE_NEWNET) < 0)
		die("setns");
	mnl_socket_close(s);
	for (i = 0; i < n; i++)
		close(host[i]);
	close(fabric);
	printf("%lld %lld\n", (long long)(t1 - t0), (long long)(now() - t1));
	free(host);
	return 0;
}
