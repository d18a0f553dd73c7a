/* Static routes by breadth-first search over segments and routers, and the check of reachability.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/route.h"

#include <errno.h>
#include <string.h>

#include "emu/addr.h"

/* The routers' interfaces in each segment, and the state of one search (stamped, so never cleared).
 */
struct search {
	struct net *net;
	const struct segments *s;
	size_t *first; /* routers[first[i]] … routers[first[i + 1] - 1] are in segment i */
	uint32_t *routers;
	uint32_t stamp;
	uint32_t *seg_seen, *node_seen;
	struct route *hop; /* of a segment: via and iface */
	uint32_t *queue;
	uint32_t *copy_from; /* of a segment: a host with one interface whose routes are made */
	struct route *found;
	size_t n_found;
};

static void search_free(struct search *x)
{
	free(x->first);
	free(x->routers);
	free(x->seg_seen);
	free(x->node_seen);
	free(x->hop);
	free(x->queue);
	free(x->copy_from);
	free(x->found);
}

static int search_new(struct search *x, struct net *net, const struct segments *s)
{
	size_t n = s->n + 1, at = 0;

	*x = (struct search){.net = net, .s = s};
	x->first = calloc(n + 1, sizeof(*x->first));
	x->routers = calloc(net->n_ifaces + 1, sizeof(*x->routers));
	x->seg_seen = calloc(n, sizeof(*x->seg_seen));
	x->node_seen = calloc(net->n_nodes + 1, sizeof(*x->node_seen));
	x->hop = calloc(n, sizeof(*x->hop));
	x->queue = calloc(n, sizeof(*x->queue));
	x->copy_from = malloc(n * sizeof(*x->copy_from));
	x->found = calloc(n, sizeof(*x->found));
	if (!x->first || !x->routers || !x->seg_seen || !x->node_seen || !x->hop || !x->queue ||
	    !x->copy_from || !x->found)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		x->first[i] = at;
		x->copy_from[i] = NET_NONE;
		for (size_t k = 0; k < s->seg[i].n; k++) {
			uint32_t m = s->members[s->seg[i].first + k];

			if (node_kinds[net->nodes[net->ifaces[m].node].kind].forwards)
				x->routers[at++] = m;
		}
	}
	x->first[s->n] = at;
	return 0;
}

/* Marks what is reached from the segments of a node, and how; the own segments have no via. */
static size_t search_from(struct search *x, uint32_t start)
{
	const struct net *net = x->net;
	const struct node *from = &net->nodes[start];
	size_t n = 0;

	x->stamp++;
	x->node_seen[start] = x->stamp;
	for (size_t k = 0; k < from->n_ifaces; k++) {
		uint32_t seg = x->s->of_iface[from->ifaces[k]];

		x->seg_seen[seg] = x->stamp;
		x->hop[seg] = (struct route){.iface = from->ifaces[k]};
		x->queue[n++] = seg;
	}
	for (size_t at = 0; at < n; at++) {
		uint32_t seg = x->queue[at];

		for (size_t m = x->first[seg]; m < x->first[seg + 1]; m++) {
			const struct iface *in = &net->ifaces[x->routers[m]];
			const struct node *router = &net->nodes[in->node];

			if (x->node_seen[in->node] == x->stamp)
				continue;
			x->node_seen[in->node] = x->stamp;
			for (size_t k = 0; k < router->n_ifaces; k++) {
				uint32_t next = x->s->of_iface[router->ifaces[k]];

				if (x->seg_seen[next] == x->stamp)
					continue;
				x->seg_seen[next] = x->stamp;
				x->hop[next] = x->hop[seg];
				if (!x->hop[next].via)
					x->hop[next].via = in->addr;
				x->queue[n++] = next;
			}
		}
	}
	return n;
}

static int by_dst(const void *a, const void *b)
{
	const struct route *x = a, *y = b;

	return (x->dst > y->dst) - (x->dst < y->dst);
}

static bool same_way(const struct route *a, const struct route *b)
{
	return a->via == b->via && a->iface == b->iface;
}

/* Joins halves of one block that go the same way, again and again. */
static size_t join_routes(struct route *r, size_t n)
{
	size_t out = 0;

	qsort(r, n, sizeof(*r), by_dst);
	for (size_t i = 0; i < n; i++) {
		r[out++] = r[i];
		while (out >= 2) {
			struct route *a = &r[out - 2], *b = &r[out - 1];

			if (a->prefix != b->prefix || !same_way(a, b) || a->prefix <= 1 ||
			    (a->dst ^ b->dst) != 1u << (32 - a->prefix))
				break;
			a->prefix--;
			out--;
		}
	}
	return out;
}

/* A route to each segment of the last search that is not the node's own. */
static void list_routes(struct search *x, size_t n_reached)
{
	x->n_found = 0;
	for (size_t i = 0; i < n_reached; i++) {
		const struct segment *seg = &x->s->seg[x->queue[i]];
		struct route r = x->hop[x->queue[i]];

		if (!r.via)
			continue;
		const struct iface *member = &x->net->ifaces[x->s->members[seg->first]];

		r.prefix = member->prefix;
		r.dst = member->addr & addr_mask(member->prefix);
		x->found[x->n_found++] = r;
	}
}

/* The way that most routes go becomes the default route, the first of equals. */
static int add_default(struct search *x)
{
	_cleanup_idmap_ struct idmap count = {0};
	struct route best = {0};
	uint32_t most = 0;
	size_t kept = 0;

	for (size_t i = 0; i < x->n_found; i++) {
		uint32_t n = idmap_get(&count, x->found[i].via);

		if (idmap_put(&count, x->found[i].via, n == IDMAP_NONE ? 1 : n + 1) < 0)
			return -ENOMEM;
	}
	for (size_t i = 0; i < x->n_found; i++) {
		uint32_t n = idmap_get(&count, x->found[i].via);

		if (n > most) {
			most = n;
			best = (struct route){.via = x->found[i].via, .iface = x->found[i].iface};
		}
	}
	for (size_t i = 0; i < x->n_found; i++)
		if (!same_way(&x->found[i], &best))
			x->found[kept++] = x->found[i];
	kept = join_routes(x->found, kept);
	if (most) {
		/* There were more routes than are kept, so there is room in front. */
		memmove(x->found + 1, x->found, kept * sizeof(*x->found));
		x->found[0] = best;
		kept++;
	}
	x->n_found = kept;
	return 0;
}

static int keep_routes(struct node *n, const struct route *routes, size_t count)
{
	free(n->routes);
	n->routes = NULL;
	n->n_routes = 0;
	if (!count)
		return 0;
	n->routes = malloc(count * sizeof(*routes));
	if (!n->routes)
		return -ENOMEM;
	memcpy(n->routes, routes, count * sizeof(*routes));
	n->n_routes = count;
	return 0;
}

static int route_host(struct search *x, uint32_t node)
{
	struct node *n = &x->net->nodes[node];
	uint32_t only = NET_NONE, seg = x->s->of_iface[n->ifaces[0]];
	size_t neighbours = 0;

	for (size_t k = 0; k < n->n_ifaces; k++) {
		uint32_t i = x->s->of_iface[n->ifaces[k]];

		neighbours += x->first[i + 1] - x->first[i];
		if (x->first[i + 1] > x->first[i])
			only = n->ifaces[k];
	}
	if (neighbours == 1) {
		const struct iface *gw =
		    &x->net->ifaces[x->routers[x->first[x->s->of_iface[only]]]];
		struct route r = {.via = gw->addr, .iface = only};

		return keep_routes(n, &r, 1);
	}
	if (!neighbours)
		return keep_routes(n, NULL, 0);
	if (n->n_ifaces == 1 && x->copy_from[seg] != NET_NONE) {
		const struct node *twin = &x->net->nodes[x->copy_from[seg]];

		if (keep_routes(n, twin->routes, twin->n_routes) < 0)
			return -ENOMEM;
		for (size_t i = 0; i < n->n_routes; i++)
			n->routes[i].iface = n->ifaces[0];
		return 0;
	}
	list_routes(x, search_from(x, node));
	if (add_default(x) < 0 || keep_routes(n, x->found, x->n_found) < 0)
		return -ENOMEM;
	if (n->n_ifaces == 1)
		x->copy_from[seg] = node;
	return 0;
}

static int route_router(struct search *x, uint32_t node)
{
	list_routes(x, search_from(x, node));
	return keep_routes(&x->net->nodes[node], x->found, join_routes(x->found, x->n_found));
}

/* Numbers the parts of the network: segments that routers join. Returns how many. */
static uint32_t number_parts(struct search *x, uint32_t *part)
{
	uint32_t parts = 0;

	for (size_t i = 0; i < x->s->n; i++)
		part[i] = NET_NONE;
	for (uint32_t i = 0; i < x->net->n_nodes; i++) {
		const struct node *n = &x->net->nodes[i];
		size_t reached;

		if (!node_kinds[n->kind].forwards || part[x->s->of_iface[n->ifaces[0]]] != NET_NONE)
			continue;
		reached = search_from(x, i);
		for (size_t k = 0; k < reached; k++)
			part[x->queue[k]] = parts;
		parts++;
	}
	for (size_t i = 0; i < x->s->n; i++)
		if (part[i] == NET_NONE)
			part[i] = parts++;
	return parts;
}

/* The node's first interface in a part, or NET_NONE. */
static uint32_t iface_in(const struct search *x, const struct node *n, const uint32_t *part,
			 uint32_t wanted)
{
	for (size_t k = 0; k < n->n_ifaces; k++)
		if (part[x->s->of_iface[n->ifaces[k]]] == wanted)
			return n->ifaces[k];
	return NET_NONE;
}

/* The part with most hosts, the first of equals. */
static int main_part(const struct search *x, const uint32_t *part, uint32_t n_parts, uint32_t *ret)
{
	_cleanup_free_ uint32_t *hosts = calloc(n_parts + 1, sizeof(*hosts));
	_cleanup_free_ uint32_t *last = calloc(n_parts + 1, sizeof(*last));
	uint32_t best = 0;

	if (!hosts || !last)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->net->n_nodes; i++) {
		const struct node *n = &x->net->nodes[i];

		for (size_t k = 0; k < n->n_ifaces && n->kind == NODE_HOST; k++) {
			uint32_t p = part[x->s->of_iface[n->ifaces[k]]];

			/* A host counts once, with several interfaces in a part too. */
			if (last[p] != i + 1)
				hosts[p]++;
			last[p] = i + 1;
		}
	}
	for (uint32_t p = 1; p < n_parts; p++)
		if (hosts[p] > hosts[best])
			best = p;
	*ret = best;
	return 0;
}

static int check_reach(struct search *x, struct err *err)
{
	_cleanup_free_ uint32_t *part = calloc(x->s->n + 1, sizeof(*part));
	struct net *net = x->net;
	const char *inside = NULL;
	uint32_t wanted;
	int result = 0;

	if (!part || main_part(x, part, number_parts(x, part), &wanted) < 0)
		return err_sys(err, ENOMEM, "computing routes");
	for (size_t i = 0; i < net->n_nodes; i++) {
		struct node *n = &net->nodes[i];

		if (!node_kinds[n->kind].has_addr)
			continue;
		n->primary = iface_in(x, n, part, wanted);
		if (n->primary != NET_NONE && n->kind == NODE_HOST && !inside)
			inside = n->name;
	}
	for (size_t i = 0; i < net->n_nodes; i++) {
		const struct node *n = &net->nodes[i];

		if (!node_kinds[n->kind].has_addr || n->primary != NET_NONE)
			continue;
		result = err_at(
		    err, net->file, n->line,
		    "%s %s cannot reach host %s: no switch or router joins them (hosts do not "
		    "forward); add a link",
		    node_kinds[n->kind].name, n->name, inside);
	}
	return result;
}

int route_compute(struct net *net, const struct segments *segments, struct err *err)
{
	_cleanup_(search_free) struct search x;
	int r;

	if (search_new(&x, net, segments) < 0)
		return err_sys(err, ENOMEM, "computing routes");
	r = check_reach(&x, err);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < net->n_nodes && r == 0; i++) {
		if (net->nodes[i].kind == NODE_HOST)
			r = route_host(&x, i);
		else if (node_kinds[net->nodes[i].kind].forwards)
			r = route_router(&x, i);
	}
	return r < 0 ? err_sys(err, -r, "computing routes") : 0;
}
