/*
 * Links of a topology file: [link a b] sections and the short form, 'switch = NAME' in a host.
 *
 * A key that shapes packets holds for both directions; with '>' behind it for packets from the
 * first end to the second, with '<' for those from the second to the first. The first end of the
 * short form is the host.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "core/units.h"
#include "emu/addr.h"
#include "emu/delay.h"
#include "emu/topo_internal.h"

#define MTU_MIN 68 /* RFC 791 */
#define MTU_MAX 65535

static int parse_rate(const char *v, struct shape *s, const char **ret_why)
{
	return units_parse_rate(v, &s->rate, ret_why);
}

/* "60ms", "60ms 10ms", "60ms 10ms normal": delay, jitter, distribution. */
static int parse_delay(const char *v, struct shape *s, const char **ret_why)
{
	_cleanup_free_ char *copy = strdup(v);
	char *rest = copy, *words[4] = {NULL};
	enum delay_dist dist = DELAY_UNIFORM;
	int64_t delay, jitter = 0;
	size_t n = 0;

	*ret_why = "out of memory";
	if (!copy)
		return -ENOMEM;
	for (char *w; n < 4 && (w = strsep(&rest, " \t\n"));)
		if (*w)
			words[n++] = w;
	*ret_why = "write a delay, a jitter and a distribution, as in '60ms 10ms normal'";
	if (n < 1 || n > 3)
		return -EINVAL;
	if (units_parse_time(words[0], &delay, ret_why) < 0)
		return -EINVAL;
	if (n > 1 && units_parse_time(words[1], &jitter, ret_why) < 0) {
		enum delay_dist ignored;

		if (delay_dist_parse(words[1], &ignored) == 0)
			*ret_why =
			    "a distribution needs a jitter before it, as in '60ms 10ms normal'";
		return -EINVAL;
	}
	*ret_why = "unknown distribution; use uniform, normal, pareto, paretonormal, weibull, gamma, "
		   "lognormal or exponential";
	if (n > 2 && delay_dist_parse(words[2], &dist) < 0)
		return -EINVAL;
	*ret_why = "a distribution needs a delay and a jitter over 0";
	if (dist != DELAY_UNIFORM && (!delay || !jitter))
		return -EINVAL;
	s->delay = delay;
	s->jitter = jitter;
	s->dist = dist;
	return 0;
}

static int parse_loss(const char *v, struct shape *s, const char **ret_why)
{
	if (strchr(v, '(')) {
		*ret_why = "loss models are not known; write a share such as 1%";
		return -EINVAL;
	}
	return units_parse_share(v, false, &s->loss, ret_why);
}

static int parse_limit(const char *v, struct shape *s, const char **ret_why)
{
	return units_parse_uint(v, 1, UINT32_MAX, &s->limit, ret_why);
}

static const struct shape_row {
	const char *name;
	int (*parse)(const char *v, struct shape *s, const char **ret_why);
} shape_rows[] = {
    {"rate", parse_rate},
    {"delay", parse_delay},
    {"loss", parse_loss},
    {"limit", parse_limit},
};

/* The row of a key, and its direction: '>', '<', or 0 for both. */
static const struct shape_row *find_shape_key(const char *name, char *ret_direction)
{
	size_t n = strlen(name);
	char direction = 0;

	if (n && (name[n - 1] == '>' || name[n - 1] == '<'))
		direction = name[--n];
	while (direction && n && name[n - 1] == ' ')
		n--;
	for (size_t i = 0; i < ARRAY_SIZE(shape_rows); i++)
		if (!strncmp(name, shape_rows[i].name, n) && !shape_rows[i].name[n]) {
			*ret_direction = direction;
			return &shape_rows[i];
		}
	return NULL;
}

bool topo_is_link_key(const char *name)
{
	char direction;

	return !strcmp(name, "mtu") || find_shape_key(name, &direction);
}

/* What all links of a section share. */
struct link_opts {
	struct shape shape[2];
	uint64_t mtu; /* 0: not given */
};

/* A key for one direction wins over one for both, wherever it stands. */
static int parse_opts(const struct net *net, const struct ini_section *s, struct link_opts *ret,
		      struct err *err)
{
	struct link_opts o = {0};
	int result = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < s->n_keys; i++) {
			const struct ini_key *k = &s->keys[i];
			const char *why = NULL;
			char direction = 0;
			const struct shape_row *row = find_shape_key(k->name, &direction);
			int r = 0;

			if (!row && !pass && !strcmp(k->name, "mtu"))
				r = units_parse_uint(k->value, MTU_MIN, MTU_MAX, &o.mtu, &why);
			if (row && !direction == !pass && direction != '<')
				r = row->parse(k->value, &o.shape[0], &why);
			if (r == 0 && row && !direction == !pass && direction != '>')
				r = row->parse(k->value, &o.shape[1], &why);
			if (r < 0)
				result = topo_bad_value(net, k, why, err);
		}
	*ret = o;
	return result;
}

static int add_link(struct net *net, uint32_t a, uint32_t b, int line, const struct link_opts *o,
		    struct err *err)
{
	int i = net_add_link(net, a, b, line, err);

	if (i < 0)
		return i;
	net->links[i].shape[0] = o->shape[0];
	net->links[i].shape[1] = o->shape[1];
	if (o->mtu)
		net->links[i].mtu = (uint32_t)o->mtu;
	return i;
}

static int give_address(struct net *net, uint32_t iface, const struct ini_key *k, struct err *err)
{
	struct iface *i = &net->ifaces[iface];
	const struct node *n = &net->nodes[i->node];
	const char *why;
	uint32_t addr;
	uint8_t prefix;

	if (!node_kinds[n->kind].has_addr)
		return err_at(err, net->file, k->line, "%s is a %s: its ports carry no addresses",
			      n->name, node_kinds[n->kind].name);
	if (addr_parse(k->value, &addr, &prefix, &why) < 0)
		return topo_bad_value(net, k, why, err);
	if (i->addr)
		return err_at(err, net->file, k->line,
			      "%s has an address for this interface on line %d", n->name,
			      i->addr_line);
	i->addr = addr;
	i->prefix = prefix;
	i->addr_line = k->line;
	return 0;
}

static int give_mac(struct net *net, uint32_t iface, const struct ini_key *k, struct err *err)
{
	struct iface *i = &net->ifaces[iface];
	const char *why;
	uint8_t mac[6];

	if (addr_parse_mac(k->value, mac, &why) < 0)
		return topo_bad_value(net, k, why, err);
	if (i->mac_line)
		return err_at(err, net->file, k->line, "%s has a MAC for this interface on line %d",
			      net->nodes[i->node].name, i->mac_line);
	memcpy(i->mac, mac, sizeof(mac));
	i->mac_line = k->line;
	return 0;
}

/* 'address NODE = …' and 'mac NODE = …': of NODE's end of the only link from first to last - 1. */
static int give_end(struct net *net, const struct ini_key *k, size_t first, size_t last,
		    struct err *err)
{
	bool is_addr = !strncmp(k->name, "address", 7);
	const char *name = k->name + (is_addr ? 7 : 3);
	uint32_t found = NET_NONE;

	name += strspn(name, " \t");
	for (size_t i = first; i < last; i++)
		for (int end = 0; end < 2; end++) {
			uint32_t iface = net->links[i].iface[end];

			if (strcmp(net->nodes[net->ifaces[iface].node].name, name))
				continue;
			if (found != NET_NONE)
				return err_at(
				    err, net->file, k->line,
				    "key '%s': %s is an end of several links of this section",
				    k->name, name);
			found = iface;
		}
	if (found == NET_NONE)
		return err_at(err, net->file, k->line,
			      "key '%s': name an end of the link, as in '%s NODE = ...'", k->name,
			      is_addr ? "address" : "mac");
	return is_addr ? give_address(net, found, k, err) : give_mac(net, found, k, err);
}

static bool is_end_key(const char *name)
{
	static const char *const words[] = {"address", "mac"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t n = strlen(words[i]);

		if (!strncmp(name, words[i], n) && (!name[n] || name[n] == ' ' || name[n] == '\t'))
			return true;
	}
	return false;
}

/* The nodes of one word of [link a b]; -EINVAL with an error for a bad range or an unknown name. */
static int find_side(const struct net *net, const struct ini_section *s, const char *word,
		     uint32_t **ret, size_t *ret_n, struct err *err)
{
	_cleanup_strv_ struct strv names = {0};
	_cleanup_free_ uint32_t *nodes = NULL;
	const char *why = "out of memory";
	int result = 0;

	if (range_expand(word, &names, &why) < 0)
		return err_at(err, net->file, s->line, "bad name '%s': %s", word, why);
	nodes = calloc(names.n + 1, sizeof(*nodes));
	if (!nodes)
		return err_sys(err, ENOMEM, "reading links");
	for (size_t i = 0; i < names.n; i++) {
		nodes[i] = topo_find_node(net, names.s[i], s->line, err);
		if (nodes[i] == NET_NONE)
			result = -EINVAL;
	}
	if (result < 0)
		return result;
	*ret_n = names.n;
	*ret = steal_ptr(nodes);
	return 0;
}

static int check_link_keys(const struct net *net, const struct ini_section *s, struct err *err)
{
	static const char *const known[] = {"rate", "delay",   "loss", "limit",
					    "mtu",  "address", "mac"};
	int result = 0;

	for (size_t i = 0; i < s->n_keys; i++)
		if (!topo_is_link_key(s->keys[i].name) && !is_end_key(s->keys[i].name))
			result =
			    topo_unknown_key(net, s, &s->keys[i], known, ARRAY_SIZE(known), err);
	return result;
}

static int add_links(struct net *net, const struct ini_section *s, const uint32_t *a, size_t n_a,
		     const uint32_t *b, size_t n_b, const struct link_opts *opts, struct err *err)
{
	for (size_t i = 0; i < n_a; i++)
		for (size_t k = 0; k < n_b; k++) {
			int r = add_link(net, a[i], b[k], s->line, opts, err);

			if (r < 0)
				return r;
		}
	return 0;
}

int topo_load_link(struct net *net, const struct ini_section *s, char *const *words, size_t n_words,
		   struct err *err)
{
	_cleanup_free_ uint32_t *a = NULL, *b = NULL;
	size_t n_a = 0, n_b = 0, first = net->n_links;
	struct link_opts opts;
	int result, r;

	if (n_words != 2)
		return err_at(err, net->file, s->line,
			      "[%s]: a link has two ends, as in [link r1 s1]", s->name);
	result = check_link_keys(net, s, err);
	r = parse_opts(net, s, &opts, err);
	result = result ? result : r;
	r = find_side(net, s, words[0], &a, &n_a, err);
	result = result ? result : r;
	r = find_side(net, s, words[1], &b, &n_b, err);
	if (r < 0 || !a)
		return -EINVAL;
	if (n_a > 1 && n_b > 1)
		return err_at(err, net->file, s->line,
			      "[%s]: a range may stand on one side of a link only", s->name);
	r = add_links(net, s, a, n_a, b, n_b, &opts, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s->n_keys; i++)
		if (is_end_key(s->keys[i].name) &&
		    give_end(net, &s->keys[i], first, net->n_links, err) < 0)
			result = -EINVAL;
	return result;
}

int topo_link_host(struct net *net, const struct ini_section *s, const struct ini_key *sw,
		   uint32_t host, struct err *err)
{
	struct link_opts opts;
	uint32_t to;
	int r = parse_opts(net, s, &opts, err);

	if (r < 0)
		return r;
	to = topo_find_node(net, sw->value, sw->line, err);
	if (to == NET_NONE)
		return -EINVAL;
	if (net->nodes[to].kind != NODE_SWITCH)
		return err_at(err, net->file, sw->line,
			      "'switch = %s': %s is a %s; use a [link %s %s] section", sw->value,
			      sw->value, node_kinds[net->nodes[to].kind].name,
			      net->nodes[host].name, sw->value);
	r = add_link(net, host, to, sw->line, &opts, err);
	return r < 0 ? r : 0;
}

int topo_give_host(struct net *net, const struct ini_section *s, uint32_t host, struct err *err)
{
	const struct node *n = &net->nodes[host];
	int result = 0;

	for (size_t i = 0; i < s->n_keys; i++) {
		const struct ini_key *k = &s->keys[i];

		if (!is_end_key(k->name) || !n->n_ifaces)
			continue;
		uint32_t iface = n->ifaces[0];
		int r;

		/* 'mac SWITCH = …' beside 'switch = SWITCH': of the port at the other end. */
		if (!strncmp(k->name, "mac ", 4))
			r = give_end(net, k, net->ifaces[iface].link, net->ifaces[iface].link + 1UL,
				     err);
		else if (!strcmp(k->name, "mac"))
			r = give_mac(net, iface, k, err);
		else
			r = give_address(net, iface, k, err);
		if (r < 0)
			result = r;
	}
	return result;
}
