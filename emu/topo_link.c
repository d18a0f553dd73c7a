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
#include "emu/topo_internal.h"

#define MTU_MIN 68 /* RFC 791 */
#define MTU_MAX 65535

/* The key of a shape without its direction: '>', '<', or 0 for both. NULL: it is none. */
static const char *shape_key(const char *name, char *ret_direction)
{
	size_t n = strlen(name);
	char direction = 0;

	if (n && (name[n - 1] == '>' || name[n - 1] == '<'))
		direction = name[--n];
	while (direction && n && name[n - 1] == ' ')
		n--;
	for (size_t i = 0; shape_keys[i]; i++)
		if (!strncmp(name, shape_keys[i], n) && !shape_keys[i][n]) {
			*ret_direction = direction;
			return shape_keys[i];
		}
	return NULL;
}

bool topo_is_link_key(const char *name)
{
	char direction;

	return !strcmp(name, "mtu") || !strcmp(name, "engine") || shape_key(name, &direction);
}

size_t topo_link_keys(const char *known[TOPO_LINK_KEYS_MAX])
{
	size_t n = 0;

	known[n++] = "mtu";
	known[n++] = "engine";
	for (size_t i = 0; shape_keys[i] && n < TOPO_LINK_KEYS_MAX; i++)
		known[n++] = shape_keys[i];
	return n;
}

int topo_parse_engine(const char *value, enum link_engine *ret, const char **ret_why)
{
	for (int i = ENGINE_AUTO; i <= ENGINE_SHAPER; i++)
		if (!strcmp(value, link_engine_names[i])) {
			*ret = (enum link_engine)i;
			return 0;
		}
	*ret_why = "use auto, netem or shaper";
	return -EINVAL;
}

/* What all links of a section share. */
struct link_opts {
	const struct ini_section *s;
	char *dir, *shared;	 /* of a struct shape_source */
	struct shape shape[2];	 /* drawn values are not yet those of a link */
	bool *drew[2];		 /* of each key of the section */
	bool draws[2];		 /* any of them */
	enum link_engine engine;
	uint64_t mtu; /* 0: not given */
};

static void link_opts_free(struct link_opts *o)
{
	free(o->dir);
	free(o->shared);
	free(o->drew[0]);
	free(o->drew[1]);
	shape_clear(&o->shape[0]);
	shape_clear(&o->shape[1]);
}
#define _cleanup_opts_ _cleanup_(link_opts_free)

static bool has_end(char direction, int end)
{
	return !direction || direction == (end ? '<' : '>');
}

/*
 * The keys for packets that leave one end; a key for one direction wins over one for both, wherever
 * it stands. Both are read, so that both are checked; what is bad for both ends is said of the first.
 */
static int set_shape(const struct net *net, struct link_opts *o, int end, struct err *err)
{
	int result = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < o->s->n_keys; i++) {
			const struct ini_key *k = &o->s->keys[i];
			_cleanup_free_ char *why = NULL;
			char direction = 0;
			const char *key = shape_key(k->name, &direction);
			struct shape_source src = {
			    .dir = o->dir,
			    .seed = net->seed,
			    .shared = o->shared,
			    .drew = &o->drew[end][i],
			};
			int r;

			if (!key || !direction != !pass || !has_end(direction, end))
				continue;
			r = shape_set(&o->shape[end], key, k->value, &src, &why);
			o->draws[end] = o->draws[end] || o->drew[end][i];
			if (r < 0)
				result = r;
			if (r < 0 && (!end || direction))
				topo_bad_value(net, k, why, err);
		}
	return result;
}

/* The line of the key that a shape got its fault by; one for this end before one for both. */
static int line_of(const struct ini_section *s, const char *fault, int end)
{
	int line = s->line;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < s->n_keys; i++) {
			char direction = 0;
			const char *key = shape_key(s->keys[i].name, &direction);

			if (key && !strcmp(key, fault) && !direction == !pass &&
			    has_end(direction, end))
				line = s->keys[i].line;
		}
	return line;
}

static int check_shape(const struct net *net, const struct ini_section *s, int end,
		       const struct shape *shape, struct err *err)
{
	_cleanup_free_ char *why = NULL;
	const char *key = "";

	if (shape_check_key(shape, &key, &why) == 0)
		return 0;
	return err_at(err, net->file, line_of(s, key, end), "[%s]: %s", s->name,
		      why ? why : "out of memory");
}

/* Both directions, as they are where nothing is drawn; what one fault says of both is said once. */
static int set_shapes(const struct net *net, struct link_opts *o, struct err *err)
{
	int result = set_shape(net, o, 0, err), r = set_shape(net, o, 1, err);

	result = result ? result : r;
	if (result == 0 && !o->draws[0])
		result = check_shape(net, o->s, 0, &o->shape[0], err);
	if (result == 0 && !o->draws[1] && !shape_equal(&o->shape[0], &o->shape[1]))
		result = check_shape(net, o->s, 1, &o->shape[1], err);
	return result;
}

static int parse_opts(const struct net *net, const struct ini_section *s, struct link_opts *o,
		      struct err *err)
{
	const char *slash = strrchr(net->file, '/');
	int result = 0, r;

	o->s = s;
	o->engine = net->engine;
	if (asprintf(&o->shared, "link/[%s]", s->name) < 0)
		o->shared = NULL;
	if (slash)
		o->dir = slash == net->file ? strdup("/") : strndup(net->file, slash - net->file);
	for (int end = 0; end < 2; end++)
		o->drew[end] = calloc(s->n_keys + 1, sizeof(*o->drew[end]));
	if (!o->shared || (slash && !o->dir) || !o->drew[0] || !o->drew[1])
		return err_sys(err, ENOMEM, "reading links");
	for (size_t i = 0; i < s->n_keys; i++) {
		const struct ini_key *k = &s->keys[i];
		const char *why = NULL;

		r = 0;
		if (!strcmp(k->name, "mtu"))
			r = units_parse_uint(k->value, MTU_MIN, MTU_MAX, &o->mtu, &why);
		else if (!strcmp(k->name, "engine"))
			r = topo_parse_engine(k->value, &o->engine, &why);
		if (r < 0)
			result = topo_bad_value(net, k, why, err);
	}
	r = set_shapes(net, o, err);
	return result ? result : r;
}


/* Is there a key for this direction only, beside this one for both? */
static bool is_overridden(const struct ini_section *s, size_t key, int end)
{
	char direction = 0, other;
	const char *name = shape_key(s->keys[key].name, &direction), *k;

	for (size_t i = 0; i < s->n_keys && !direction; i++) {
		other = 0;
		k = shape_key(s->keys[i].name, &other);
		if (k && k == name && other && has_end(other, end))
			return true;
	}
	return false;
}

/* The shape of one direction of a link; what was drawn for the section is drawn for it. */
static int give_shape(struct net *net, uint32_t link, int end, const struct link_opts *o,
		      struct err *err)
{
	struct shape *shape = &net->links[link].shape[end];
	_cleanup_free_ char *path = NULL;

	shape_copy(shape, &o->shape[end]);
	if (!o->draws[end])
		return 0;
	path = net_link_path(net, link, end);
	if (!path)
		return err_sys(err, ENOMEM, "reading links");
	for (size_t i = 0; i < o->s->n_keys; i++) {
		const struct ini_key *k = &o->s->keys[i];
		_cleanup_free_ char *why = NULL;
		char direction;
		struct shape_source src = {
		    .dir = o->dir,
		    .seed = net->seed,
		    .path = path,
		    .shared = o->shared,
		};

		if (!o->drew[end][i] || is_overridden(o->s, i, end))
			continue;
		if (shape_set(shape, shape_key(k->name, &direction), k->value, &src, &why) < 0)
			return topo_bad_value(net, k, why, err);
	}
	return check_shape(net, o->s, end, shape, err);
}

static int add_link(struct net *net, uint32_t a, uint32_t b, int line, const struct link_opts *o,
		    struct err *err)
{
	int i = net_add_link(net, a, b, line, err), r = 0;

	if (i < 0)
		return i;
	net->links[i].engine = o->engine;
	if (o->mtu)
		net->links[i].mtu = (uint32_t)o->mtu;
	for (int end = 0; end < 2 && r == 0; end++)
		r = give_shape(net, (uint32_t)i, end, o, err);
	return r < 0 ? r : i;
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
	const char *known[TOPO_LINK_KEYS_MAX + 2];
	size_t n = topo_link_keys(known);
	int result = 0;

	known[n++] = "address";
	known[n++] = "mac";
	for (size_t i = 0; i < s->n_keys; i++)
		if (!topo_is_link_key(s->keys[i].name) && !is_end_key(s->keys[i].name))
			result = topo_unknown_key(net, s, &s->keys[i], known, n, err);
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
	_cleanup_opts_ struct link_opts opts = {0};
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

int topo_link_hosts(struct net *net, const struct ini_section *s, const struct ini_key *sw,
		    char *const *words, size_t n_words, struct err *err)
{
	_cleanup_opts_ struct link_opts opts = {0};
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
			      sw->value, node_kinds[net->nodes[to].kind].name, words[0], sw->value);
	for (size_t i = 0; i < n_words && r >= 0; i++) {
		uint32_t host = net_find(net, words[i]);

		if (host != NET_NONE)
			r = add_link(net, host, to, sw->line, &opts, err);
	}
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
