/*
 * From the model to the kernel: namespaces, then links, then the fabric, then each node.
 *
 * Theory of operation. Every link is one message to the fabric's rtnetlink socket, which makes
 * both ends of a veth in their final namespaces under their final names and indexes; nothing is
 * made and moved, and the machine's own namespace never sees an interface. The links and the
 * bridges of the whole network go in one batch, the ports of the bridges in a second, and then
 * each node gets one batch of its own (interfaces up, addresses, routes). A peer must not be
 * brought up by the message that makes it, veth answers ENOTCONN; that is why being up is a
 * phase. The last is waiting for carriers: a network that is returned does not lose its first
 * packet.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "emu/build.h"
#include "emu/netns.h"
#include "emu/offload.h"
#include "emu/qdisc.h"
#include "emu/rtnl.h"

#define BRIDGE_PORTS_MAX 1023 /* BR_MAX_PORTS less port 0, which the kernel keeps */
#define LO_IFINDEX	 1
#define EGRESS_NAME	 "detnet"

static void close_rtnlp(struct rtnl **r)
{
	rtnl_close(*r);
}
#define _cleanup_rtnl_ _cleanup_(close_rtnlp)

static bool has_ns(const struct net *net, uint32_t node)
{
	return node_kinds[net->nodes[node].kind].has_ns;
}

static bool needs_netem(const struct shape *s)
{
	return s->delay || s->jitter || s->loss > 0;
}

static void check_links(const struct net *net, struct err *err)
{
	bool netem = !net_uses_netem(net) || qdisc_have_netem();
	bool tbf = !net_uses_rate(net) || qdisc_have_tbf();
	size_t i;

	for (i = 0; i < net->n_links; i++) {
		const struct link *l = &net->links[i];
		const struct shape *s = l->shape;

		if (!netem && (needs_netem(&s[0]) || needs_netem(&s[1])))
			err_missing_at(err, net->file, l->line,
				       "delay, jitter and loss need the kernel's sch_netem, which "
				       "this one does not have; remove them from the link, or use "
				       "a kernel with CONFIG_NET_SCH_NETEM");
		if (!tbf && (s[0].rate || s[1].rate))
			err_missing_at(err, net->file, l->line,
				       "rate needs the kernel's sch_tbf, which this one does not "
				       "have; remove it from the link, or use a kernel with "
				       "CONFIG_NET_SCH_TBF");
	}
}

static void check_nodes(const struct net *net, struct err *err)
{
	bool cpu, memory, pids;
	size_t i;

	cgroup_limits_kind(&cpu, &memory, &pids);
	for (i = 0; i < net->n_nodes; i++) {
		const struct node *n = &net->nodes[i];
		const char *lacks = n->limits.cpu > 0 && !cpu	? "cpu"
				    : n->limits.memory && !memory ? "memory"
				    : n->limits.pids && !pids	? "pids"
								: NULL;

		if (lacks)
			err_missing_at(err, net->file, n->line,
				       "%s of %s needs the cgroup controller %s, which this "
				       "machine has neither on v2 nor on v1",
				       lacks, n->name, lacks);
		if (!has_ns(net, i) && n->n_ifaces > BRIDGE_PORTS_MAX)
			err_at(err, net->file, n->line,
			       "%s has %zu links; a switch holds %d, so use several and link them",
			       n->name, n->n_ifaces, BRIDGE_PORTS_MAX);
	}
}

int build_check(const struct net *net, struct err *err)
{
	size_t before = err->n;

	check_links(net, err);
	check_nodes(net, err);
	if (err->n == before)
		return 0;
	return err->items[before].class == ERR_MISSING ? -EOPNOTSUPP : -EINVAL;
}

int build_namespaces(struct emu *e, struct err *err)
{
	const struct net *net = e->net;
	_cleanup_free_ int *fds = NULL;
	size_t i, n = 0;
	int r;

	for (i = 0; i < net->n_nodes; i++)
		n += has_ns(net, i);
	fds = calloc(n ? n : 1, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	r = netns_new_apart(fds, n, net->ipv6, err);
	if (r < 0)
		return r;
	for (i = 0, n = 0; i < net->n_nodes; i++) {
		if (has_ns(net, i))
			e->hosts[i].ns_fd = fds[n++];
	}
	for (i = 0; i < net->n_nodes; i++) {
		if (!node_kinds[net->nodes[i].kind].forwards)
			continue;
		r = netns_sysctl(e->hosts[i].ns_fd, "ipv4/ip_forward", "1");
		if (r < 0)
			return err_sys(err, -r, "cannot let %s forward", net->nodes[i].name);
	}
	return 0;
}

static int ns_of(const struct emu *e, uint32_t node)
{
	return has_ns(e->net, node) ? e->hosts[node].ns_fd : e->fabric_fd;
}

/* Bridges have no row in net->ifaces; their indexes follow the last interface's. */
static int bridge_ifindex(const struct net *net, uint32_t node)
{
	return NET_IFINDEX_BASE + (int)net->n_ifaces + (int)node;
}

static int add_bridge(struct rtnl *r, const struct net *net, uint32_t node)
{
	const struct node *n = &net->nodes[node];
	const uint8_t *mac = n->n_ifaces ? net->ifaces[n->ifaces[0]].mac : NULL;
	char name[IFNAMSIZ];

	if (strlen(n->name) < sizeof(name))
		snprintf(name, sizeof(name), "%s", n->name);
	else
		snprintf(name, sizeof(name), "switch%u", node);
	return rtnl_add_bridge(r, name, bridge_ifindex(net, node), mac);
}

static int add_veth(struct rtnl *r, const struct emu *e, const struct link *l)
{
	struct rtnl_end end[2];
	int i;

	for (i = 0; i < 2; i++) {
		const struct iface *f = &e->net->ifaces[l->iface[i]];

		end[i] = (struct rtnl_end){ .ns_fd = ns_of(e, f->node), .name = f->name,
					    .ifindex = f->ifindex, .mac = f->mac };
	}
	return rtnl_add_veth(r, &end[0], &end[1], l->mtu);
}

static int make_links(struct rtnl *r, const struct emu *e, struct err *err)
{
	const struct net *net = e->net;
	size_t i;
	int ret;

	for (i = 0; i < net->n_nodes; i++) {
		ret = has_ns(net, i) ? 0 : add_bridge(r, net, i);
		if (ret < 0)
			return ret;
	}
	for (i = 0; i < net->n_links; i++) {
		ret = add_veth(r, e, &net->links[i]);
		if (ret < 0)
			return ret;
	}
	return rtnl_flush(r, err);
}

/* The switches' side: ports and, when there is one, the tag program on ports and bridges. */
static int set_up_fabric(struct rtnl *r, const struct emu *e, int bpf_fd, struct err *err)
{
	const struct net *net = e->net;
	size_t i, j;
	int ret = 0;

	for (i = 0; i < net->n_nodes; i++) {
		int bridge = bridge_ifindex(net, i);

		if (has_ns(net, i))
			continue;
		if (bpf_fd >= 0)
			ret = rtnl_add_bpf(r, bridge, -1, bpf_fd, EGRESS_NAME);
		for (j = 0; ret >= 0 && j < net->nodes[i].n_ifaces; j++) {
			int port = net->ifaces[net->nodes[i].ifaces[j]].ifindex;

			if (bpf_fd >= 0)
				ret = rtnl_add_bpf(r, port, -1, bpf_fd, EGRESS_NAME);
			if (ret >= 0)
				ret = rtnl_set_master(r, port, bridge);
		}
		if (ret < 0)
			return ret;
	}
	return rtnl_flush(r, err);
}

static int queue_node(struct rtnl *r, const struct net *net, const struct node *n, int bpf_fd)
{
	int ret = rtnl_set_up(r, LO_IFINDEX, true);
	size_t i;

	for (i = 0; ret >= 0 && i < n->n_ifaces; i++) {
		const struct iface *f = &net->ifaces[n->ifaces[i]];

		/* The tag first: no packet leaves without it. */
		if (bpf_fd >= 0)
			ret = rtnl_add_bpf(r, f->ifindex, -1, bpf_fd, EGRESS_NAME);
		if (ret >= 0 && f->addr)
			ret = rtnl_add_addr(r, f->ifindex, f->addr, f->prefix);
		if (ret >= 0)
			ret = rtnl_set_up(r, f->ifindex, true);
	}
	for (i = 0; ret >= 0 && i < n->n_routes; i++) {
		const struct route *t = &n->routes[i];

		ret = rtnl_add_route(r, t->dst, t->prefix, t->via, net->ifaces[t->iface].ifindex);
	}
	return ret;
}

static int offloads_off(const struct net *net, const struct node *n, int sock, struct err *err)
{
	size_t i;
	int r;

	for (i = 0; i < n->n_ifaces; i++) {
		r = offload_off(sock, net->ifaces[n->ifaces[i]].name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int set_up_node(const struct emu *e, uint32_t node, int bpf_fd, struct err *err)
{
	const struct node *n = &e->net->nodes[node];
	_cleanup_close_ int sock = -1;
	_cleanup_rtnl_ struct rtnl *r = NULL;
	_cleanup_err_ struct err why = { 0 };
	int old, ret;

	old = netns_enter(e->hosts[node].ns_fd);
	if (old < 0)
		return err_sys(err, -old, "cannot enter the namespace of %s", n->name);
	ret = rtnl_open(-1, &r);
	if (!e->offload)
		sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	netns_leave(old);
	if (ret < 0 || (!e->offload && sock < 0))
		return err_sys(err, ret < 0 ? -ret : errno, "cannot open a socket in %s", n->name);
	/* Before they are up: a feature change on a running device costs a restart of it. */
	if (!e->offload) {
		ret = offloads_off(e->net, n, sock, err);
		if (ret < 0)
			return ret;
	}
	ret = queue_node(r, e->net, n, bpf_fd);
	if (ret >= 0)
		ret = rtnl_flush(r, &why);
	if (ret < 0)
		err_failed(err, "%s: %s", n->name, why.n ? why.items[0].msg : strerror(-ret));
	return ret;
}

static int shape_links(const struct emu *e, struct err *err)
{
	const struct net *net = e->net;
	size_t i;
	int end, r;

	for (i = 0; i < net->n_links; i++) {
		const struct link *l = &net->links[i];

		for (end = 0; end < 2; end++) {
			const struct iface *f = &net->ifaces[l->iface[end]];

			r = qdisc_apply(ns_of(e, f->node), f->ifindex, f->name, &l->shape[end],
					l->mtu, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Ports were up before their peers, so the kernel still owes them their carrier. */
static int wait_ports(struct rtnl *r, const struct emu *e, struct err *err)
{
	const struct net *net = e->net;
	_cleanup_free_ int *ports = calloc(net->n_ifaces ? net->n_ifaces : 1, sizeof(*ports));
	size_t i, n = 0;

	if (!ports)
		return -ENOMEM;
	for (i = 0; i < net->n_ifaces; i++) {
		if (!has_ns(net, net->ifaces[i].node))
			ports[n++] = net->ifaces[i].ifindex;
	}
	return rtnl_wait_running(r, ports, n, err);
}

/* A link with no switch at either end: the end of the node that came first is owed it. */
static int wait_direct(const struct emu *e, struct err *err)
{
	const struct net *net = e->net;
	size_t i;
	int ret;

	for (i = 0; i < net->n_links; i++) {
		const struct iface *a = &net->ifaces[net->links[i].iface[0]];
		const struct iface *b = &net->ifaces[net->links[i].iface[1]];
		const struct iface *first = a->node < b->node ? a : b;
		_cleanup_rtnl_ struct rtnl *r = NULL;

		if (!has_ns(net, a->node) || !has_ns(net, b->node))
			continue;
		ret = rtnl_open(e->hosts[first->node].ns_fd, &r);
		if (ret < 0)
			return ret;
		ret = rtnl_wait_running(r, &first->ifindex, 1, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int build_network(struct emu *e, int egress_bpf_fd, struct err *err)
{
	_cleanup_rtnl_ struct rtnl *fabric = NULL;
	size_t i;
	int r;

	r = rtnl_open(e->fabric_fd, &fabric);
	if (r < 0)
		return err_sys(err, -r, "cannot open an rtnetlink socket in the fabric");
	/* Where br_netfilter is loaded, bridged frames would visit the fabric's IP firewall. */
	netns_sysctl(e->fabric_fd, "bridge/bridge-nf-call-iptables", "0");
	netns_sysctl(e->fabric_fd, "bridge/bridge-nf-call-ip6tables", "0");
	netns_sysctl(e->fabric_fd, "bridge/bridge-nf-call-arptables", "0");
	r = make_links(fabric, e, err);
	/* Shaped and tagged before anything is up, so the first packet is like every other. */
	if (r >= 0)
		r = shape_links(e, err);
	if (r >= 0)
		r = set_up_fabric(fabric, e, egress_bpf_fd, err);
	for (i = 0; r >= 0 && i < e->net->n_nodes; i++) {
		if (has_ns(e->net, i))
			r = set_up_node(e, i, egress_bpf_fd, err);
	}
	if (r >= 0)
		r = wait_ports(fabric, e, err);
	return r < 0 ? r : wait_direct(e, err);
}
