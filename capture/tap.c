/* Which interface index is captured for which link. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "capture/tap.h"
#include "core/cleanup.h"

static bool is_port(const struct net *net, uint32_t iface)
{
	return net->nodes[net->ifaces[iface].node].kind == NODE_SWITCH;
}

uint32_t tap_naming_iface(const struct net *net, uint32_t link)
{
	const struct link *l = &net->links[link];

	return is_port(net, l->iface[0]) && !is_port(net, l->iface[1]) ? l->iface[1] : l->iface[0];
}

bool tap_in_fabric(const struct net *net, uint32_t link)
{
	return is_port(net, net->links[link].iface[0]) || is_port(net, net->links[link].iface[1]);
}

bool tap_is_alone(const struct net *net, uint32_t link)
{
	for (int end = 0; end < 2; end++) {
		const struct iface *ifc = &net->ifaces[net->links[link].iface[end]];

		if (is_port(net, net->links[link].iface[end]) || net->nodes[ifc->node].n_ifaces > 1)
			return false;
	}
	return true;
}

void tap_describe(const struct net *net, uint32_t iface, char name[TAP_NAME_SIZE],
		  char descr[TAP_DESCR_SIZE])
{
	const struct iface *ifc = &net->ifaces[iface], *far = &net->ifaces[net_peer(net, iface)];
	char addr[16];

	snprintf(name, TAP_NAME_SIZE, "%s:%s", net->nodes[ifc->node].name, ifc->name);
	snprintf(descr, TAP_DESCR_SIZE, "%s%s%s to %s:%s", ifc->addr ? "" : "switch port",
		 ifc->addr ? "address " : "", ifc->addr ? net_format_addr(addr, ifc->addr) : "",
		 net->nodes[far->node].name, far->name);
}

void tap_iface_info(const struct net *net, uint32_t iface, struct pcapng_iface_info *ret)
{
	const struct iface *ifc = &net->ifaces[iface];
	const struct link *l = &net->links[ifc->link];

	*ret = (struct pcapng_iface_info){
		.mac = ifc->mac,
		.addr = ifc->addr,
		.prefix = ifc->prefix,
		.tx_speed = l->shape[ifc->end].rate,
		.rx_speed = l->shape[!ifc->end].rate,
	};
}

struct pcapng_name *tap_names(const struct net *net, size_t *ret_n)
{
	struct pcapng_name *names = calloc(net->n_ifaces + 1, sizeof(*names));
	size_t n = 0;

	for (size_t i = 0; names && i < net->n_ifaces; i++) {
		const struct iface *ifc = &net->ifaces[i];
		uint32_t addr = htonl(ifc->addr);

		if (!ifc->addr)
			continue;
		names[n].family = AF_INET;
		memcpy(names[n].ip, &addr, sizeof(addr));
		names[n++].name = net->nodes[ifc->node].name;
	}
	*ret_n = n;
	return names;
}

int taps_init(struct taps *t, const struct net *net)
{
	t->at = calloc(net->n_ifaces + 1, sizeof(*t->at));
	if (!t->at)
		return -ENOMEM;
	t->n = net->n_ifaces;
	for (size_t i = 0; i < t->n; i++)
		t->at[i].link = NET_NONE;
	return 0;
}

void taps_clear(struct taps *t)
{
	free(t->at);
	*t = (struct taps){ .at = NULL };
}

void taps_add(struct taps *t, const struct net *net, uint32_t link)
{
	uint32_t named = tap_naming_iface(net, link), peer = net_peer(net, named);
	uint32_t at = !is_port(net, named) && is_port(net, peer) ? peer : named;

	t->at[net->ifaces[at].ifindex - NET_IFINDEX_BASE] =
		(struct tap){ .link = link, .named = at == named };
}

const struct tap *taps_find(const struct taps *t, int ifindex)
{
	size_t i = (size_t)ifindex - NET_IFINDEX_BASE;

	return ifindex >= NET_IFINDEX_BASE && i < t->n && t->at[i].link != NET_NONE ? &t->at[i] :
										       NULL;
}
