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
 * packet. A link that the shaper serves is two such veths (emu/wire.h).
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "emu/build.h"
#include "emu/link.h"
#include "emu/netns.h"
#include "emu/shaper/shaper.h"
#include "emu/wire.h"

#define BRIDGE_PORTS_MAX 1023 /* BR_MAX_PORTS less port 0, which the kernel keeps */
#define LO_IFINDEX	 1

static bool has_ns(const struct net *net, uint32_t node)
{
	return node_kinds[net->nodes[node].kind].has_ns;
}

static void choose_engines(struct emu *e, struct err *err)
{
	size_t i;

	for (i = 0; i < e->net->n_links; i++)
		link_choose(e->net, (uint32_t)i, &e->links[i].engine, &e->links[i].why, err);
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

int build_check(struct emu *e, struct err *err)
{
	size_t before = err->n;

	choose_engines(e, err);
	check_nodes(e->net, err);
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

static int add_bridge(struct rtnl *r, const struct net *net, uint32_t node)
{
	const struct node *n = &net->nodes[node];
	const uint8_t *mac = n->n_ifaces ? net->ifaces[n->ifaces[0]].mac : NULL;
	char name[IFNAMSIZ];

	if (strlen(n->name) < sizeof(name))
		snprintf(name, sizeof(name), "%s", n->name);
	else
		snprintf(name, sizeof(name), "switch%u", node);
	return rtnl_add_bridge(r, name, wire_bridge_ifindex(net, node), mac);
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
		ret = wire_add(r, e, (uint32_t)i);
		if (ret < 0)
			return ret;
	}
	return rtnl_flush(r, err);
}

/* The switches' side: ports and, when there is one, the tag program on ports and bridges. */
static int set_up_fabric(struct rtnl *r, const struct emu *e, int sock, struct err *err)
{
	const struct net *net = e->net;
	size_t i, j;
	int ret = 0;

	for (i = 0; i < net->n_nodes; i++) {
		const struct node *n = &net->nodes[i];

		if (has_ns(net, i))
			continue;
		ret = wire_tag(r, e, wire_bridge_ifindex(net, i));
		for (j = 0; ret >= 0 && j < n->n_ifaces; j++) {
			ret = wire_offloads(e, n->ifaces[j], sock, err);
			if (ret >= 0)
				ret = wire_iface(r, e, n->ifaces[j]);
		}
		if (ret < 0)
			return ret;
	}
	return rtnl_flush(r, err);
}

static int tag_switches(const struct emu *e, struct err *err)
{
	const struct net *net = e->net;
	_cleanup_rtnl_ struct rtnl *r = NULL;
	int ret = rtnl_open(e->fabric_fd, &r);
	size_t i, j;

	for (i = 0; i < net->n_nodes && ret >= 0; i++) {
		const struct node *n = &net->nodes[i];

		if (has_ns(net, i))
			continue;
		ret = wire_tag(r, e, wire_bridge_ifindex(net, i));
		for (j = 0; j < n->n_ifaces && ret >= 0; j++)
			ret = wire_tag(r, e, net->ifaces[n->ifaces[j]].ifindex);
	}
	return ret < 0 ? ret : rtnl_flush(r, err);
}

static int tag_node(const struct emu *e, uint32_t node, struct err *err)
{
	const struct node *n = &e->net->nodes[node];
	_cleanup_rtnl_ struct rtnl *r = NULL;
	int ret = rtnl_open(e->hosts[node].ns_fd, &r);
	size_t i;

	for (i = 0; i < n->n_ifaces && ret >= 0; i++)
		ret = wire_tag(r, e, e->net->ifaces[n->ifaces[i]].ifindex);
	return ret < 0 ? ret : rtnl_flush(r, err);
}

static void warn_untagged(const char *where, int error, const struct err *err)
{
	log_warn("some packets of %s will not name their senders: %s", where,
		 err->n ? err->items[0].msg : strerror(-error));
}

void build_tag(struct emu *e)
{
	const struct net *net = e->net;
	_cleanup_err_ struct err fabric = { 0 };
	int r = tag_switches(e, &fabric);
	size_t i;

	if (r < 0)
		warn_untagged("switches", r, &fabric);
	for (i = 0; i < net->n_nodes; i++) {
		_cleanup_err_ struct err err = { 0 };

		r = has_ns(net, i) ? tag_node(e, (uint32_t)i, &err) : 0;
		if (r < 0)
			warn_untagged(net->nodes[i].name, r, &err);
	}
}

static int check_node(const struct emu *e, uint32_t node, uint32_t prog, struct err *err)
{
	const struct node *n = &e->net->nodes[node];
	_cleanup_rtnl_ struct rtnl *r = NULL;
	int ret = rtnl_open(e->hosts[node].ns_fd, &r), whole = 0;

	for (size_t i = 0; i < n->n_ifaces && ret >= 0; i++) {
		const struct iface *f = &e->net->ifaces[n->ifaces[i]];
		uint32_t first = 0;

		ret = rtnl_get_bpf(r, f->ifindex, &first);
		if (ret >= 0 && first != prog)
			whole = err_integrity(err,
					      "%s took the tag's program off %s, or put a filter in "
					      "front of it: what left there may name anybody",
					      n->name, f->name);
	}
	if (ret < 0)
		return err_sys(err, -ret, "cannot look for the tag's program in %s", n->name);
	return whole;
}

int emu_check_tag(const struct emu *e, struct err *err)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);
	int ret = 0;

	if (e->egress_bpf_fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(e->egress_bpf_fd, &info, &size) < 0)
		return err_sys(err, errno, "cannot ask for the tag's program");
	for (size_t i = 0; i < e->net->n_nodes; i++) {
		int r = has_ns(e->net, i) ? check_node(e, (uint32_t)i, info.id, err) : 0;

		if (r < 0)
			ret = r;
	}
	return ret;
}

static int queue_node(struct rtnl *r, const struct emu *e, const struct node *n)
{
	int ret = rtnl_set_up(r, LO_IFINDEX, true);
	size_t i;

	for (i = 0; ret >= 0 && i < n->n_ifaces; i++)
		ret = wire_iface(r, e, n->ifaces[i]);
	for (i = 0; ret >= 0 && i < n->n_ifaces; i++)
		ret = wire_routes(r, e, n->ifaces[i]);
	return ret;
}

static int set_up_node(const struct emu *e, uint32_t node, struct err *err)
{
	const struct node *n = &e->net->nodes[node];
	_cleanup_close_ int sock = -1;
	_cleanup_rtnl_ struct rtnl *r = NULL;
	_cleanup_err_ struct err why = { 0 };
	size_t i;
	int ret = wire_open(e->hosts[node].ns_fd, &r, &sock);

	if (ret < 0)
		return err_sys(err, -ret, "cannot open a socket in %s", n->name);
	/* Before they are up: a feature change on a running device costs a restart of it. */
	for (i = 0; i < n->n_ifaces; i++) {
		ret = wire_offloads(e, n->ifaces[i], sock, err);
		if (ret < 0)
			return ret;
	}
	ret = queue_node(r, e, n);
	if (ret >= 0)
		ret = rtnl_flush(r, &why);
	if (ret < 0)
		err_failed(err, "%s: %s", n->name, why.n ? why.items[0].msg : strerror(-ret));
	return ret;
}

static int open_shaper(struct emu *e, struct err *err)
{
	size_t i;

	for (i = 0; i < e->net->n_links; i++) {
		if (e->links[i].engine == ENGINE_SHAPER)
			return shaper_open(e->net, &e->shaper, err);
	}
	return 0;
}

/* Before their ends are up, and the shaper's halves before theirs. */
static int shape_links(struct emu *e, const uint32_t *all, struct err *err)
{
	size_t i;
	int r = 0;

	for (i = 0; r >= 0 && i < e->net->n_links; i++)
		r = wire_shape(e, (uint32_t)i, err);
	return r < 0 ? r : wire_halves_up(e, all, e->net->n_links, err);
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

/* Where br_netfilter is loaded, bridged frames would visit the fabric's IP firewall. */
static void no_firewall(const struct emu *e)
{
	netns_sysctl(e->fabric_fd, "bridge/bridge-nf-call-iptables", "0");
	netns_sysctl(e->fabric_fd, "bridge/bridge-nf-call-ip6tables", "0");
	netns_sysctl(e->fabric_fd, "bridge/bridge-nf-call-arptables", "0");
}

int build_network(struct emu *e, struct err *err)
{
	const struct net *net = e->net;
	_cleanup_free_ uint32_t *all = calloc(net->n_links ? net->n_links : 1, sizeof(*all));
	_cleanup_rtnl_ struct rtnl *fabric = NULL;
	_cleanup_close_ int sock = -1;
	size_t i;
	int r;

	if (!all)
		return -ENOMEM;
	for (i = 0; i < net->n_links; i++)
		all[i] = (uint32_t)i;
	r = wire_open(e->fabric_fd, &fabric, &sock);
	if (r < 0)
		return err_sys(err, -r, "cannot open a socket in the fabric");
	no_firewall(e);
	r = open_shaper(e, err);
	if (r >= 0)
		r = make_links(fabric, e, err);
	/* Shaped and tagged before anything is up, so the first packet is like every other. */
	if (r >= 0)
		r = shape_links(e, all, err);
	if (r >= 0)
		r = set_up_fabric(fabric, e, sock, err);
	for (i = 0; r >= 0 && i < net->n_nodes; i++) {
		if (has_ns(net, i))
			r = set_up_node(e, i, err);
	}
	if (r >= 0)
		r = wait_ports(fabric, e, err);
	if (r >= 0)
		r = wait_direct(e, err);
	return r < 0 ? r : wire_halves_wait(e, all, net->n_links, err);
}
