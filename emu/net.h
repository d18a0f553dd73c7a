/*
 * The network model: plain data, made without a kernel.
 *
 * A struct net is built from an INI file (emu/topo.h), then completed and checked by net_finish():
 * interfaces named, addresses, MACs and interface indexes assigned, routes computed. Everything
 * after that only reads it. Nodes, interfaces and links refer to each other by index.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_NET_H
#define EMU_NET_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/err.h"
#include "emu/idmap.h"
#include "emu/shape.h"
#include "emu/timeline.h"

#define NET_NODES_MAX 4096 /* bounded by the owner ids kept for kernels, see capture/sender/tag_bpf.h */
#define NET_LINKS_MAX 65536
#define NET_MTU	      1500 /* of a link that says nothing */
#define NODE_NAME_MAX 63   /* a host name, RFC 1123 */
#define NET_NONE      IDMAP_NONE

/* Interface indexes start here; each is unique in its whole network, so an index names an interface. */
#define NET_IFINDEX_BASE 100

enum node_kind { NODE_HOST, NODE_SWITCH, NODE_ROUTER, NODE_KINDS };

/* What differs between kinds of node; one row each in emu/node.c. */
struct node_ops {
	const char *name; /* the section's word: "host" */
	bool has_ns;	  /* lives in a namespace of its own (a switch lives in the fabric) */
	bool has_addr;	  /* its interfaces carry IP addresses */
	bool forwards;	  /* routes packets between its interfaces */
	const char *svg_shape;
};
extern const struct node_ops node_kinds[NODE_KINDS];

/* Limits of a host's cgroup; 0 means none. */
struct node_limits {
	double cpu; /* share of one processor: 0.5 is 50%, 2 is two processors */
	uint64_t memory; /* bytes */
	uint64_t pids;
};

/*
 * An IPv4 route; addresses in host byte order. via 0: on the link. The routes of a node's own subnets
 * are not listed: the kernel makes them with the addresses.
 */
struct route {
	uint32_t dst;
	uint8_t prefix;
	uint32_t via;
	uint32_t iface; /* index in net->ifaces, belongs to the node */
};

struct node {
	char *name;
	enum node_kind kind;
	int line;	    /* of its section in net->file */
	char *hostname;	    /* what the host calls itself; its name unless given or drawn */
	bool hostname_given; /* it is kept, not drawn */
	uint32_t *ifaces;   /* indexes in net->ifaces, in the order of links */
	size_t n_ifaces;
	uint32_t primary;   /* the interface whose address every host reaches, or NET_NONE */
	struct route *routes;
	size_t n_routes;
	struct node_limits limits;
	bool share; /* the folder detnet was started in is writable (hosts only) */
};

struct iface {
	uint32_t node, link;
	uint8_t end;	   /* which end of the link: 0 or 1 */
	uint32_t number;   /* its place among its node's: 0 is eth0 */
	char name[IFNAMSIZ]; /* "h1-eth0"; shortened when the node's name is long */
	int ifindex;
	uint8_t mac[6];
	uint32_t addr; /* IPv4 in host byte order; 0: none (switch ports) */
	uint8_t prefix;
	int addr_line, mac_line; /* of the keys that gave them; 0: assigned by net_finish() */
};

/* Who shapes a link; see emu/link.h. */
enum link_engine { ENGINE_AUTO, ENGINE_NETEM, ENGINE_SHAPER };
extern const char *const link_engine_names[3]; /* "auto", "netem", "shaper" */

struct link {
	uint32_t iface[2];	/* indexes in net->ifaces */
	struct shape shape[2];	/* of packets that leave iface[0], iface[1] */
	enum link_engine engine; /* as asked for; the network's unless given */
	uint32_t mtu;
	int line;
};

struct net {
	char *file; /* for messages; "-" when not from a file */
	char *name;
	uint64_t seed;
	uint32_t subnet; /* host byte order */
	uint8_t prefix;
	int subnet_line;     /* of its key; 0: the default */
	bool ipv6;	     /* off: no IPv6 chatter */
	bool offload;	     /* on: frames of 64 KB without checksums, see emu/offload.h */
	bool random_addrs;   /* addresses drawn from the seed rather than counted up */
	bool drawn_hostnames;
	enum link_engine engine; /* of links that do not say */
	struct timeline timeline; /* what changes during a run */
	char *scenario_path; /* a folder of scenarios beside ours, or NULL */
	struct node *nodes;
	size_t n_nodes;
	struct iface *ifaces;
	size_t n_ifaces;
	struct link *links;
	size_t n_links;
	struct idmap by_name; /* nodes, see net_find() */
	struct idmap by_addr; /* interfaces, see net_find_addr() */
};

/* Building. Each returns the new index or a negative errno (-EINVAL with err filled). */
void net_init(struct net *net); /* defaults: name "net", seed 1, subnet 10.0.0.0/16 */
void net_free(struct net *net);
#define _cleanup_net_ _cleanup_(net_free)
int net_add_node(struct net *net, enum node_kind kind, const char *name, int line, struct err *err);
/* Ends are node indexes. Interfaces' addr and mac may then be given; 0 ones are assigned later. */
int net_add_link(struct net *net, uint32_t a, uint32_t b, int line, struct err *err);

/* Index of a node by name, or NET_NONE. */
uint32_t net_find(const struct net *net, const char *name);
uint32_t net_find_addr(const struct net *net, uint32_t addr);  /* index in ifaces, or NET_NONE */
/* The other end of an interface's link. */
static inline uint32_t net_peer(const struct net *net, uint32_t iface)
{
	const struct iface *i = &net->ifaces[iface];

	return net->links[i->link].iface[!i->end];
}
/*
 * What the random streams of one direction of a link are named by: "link/h1/s1" from h1 to s1, and
 * "link/h1/s1/2" for the second of several. Not by interfaces: the numbers of a switch's ports shift
 * when a host is added. malloc'd; NULL without memory.
 */
char *net_link_path(const struct net *net, uint32_t link, int end);
/* The address that other hosts reach a node by (its first, as a rule), host byte order, or 0. */
uint32_t net_node_addr(const struct net *net, uint32_t node);

/*
 * Completes and checks: names, addresses, MACs, routes; every host must reach every other. Errors
 * carry file and line. Draws come from the seed by path ("mac/h1/0"), so nodes do not shift each other.
 */
int net_finish(struct net *net, struct err *err);

/* Is it a name that a host may have: letters, digits and inner hyphens, at most 63, not only digits? */
bool net_name_ok(const char *name);

/* "10.0.0.1" into buf of at least 16 bytes, which is returned. */
const char *net_format_addr(char *buf, uint32_t addr);
const char *net_format_mac(char *buf, const uint8_t mac[6]); /* 18 bytes */

#endif
