/* The [network], [host], [switch] and [router] sections of a topology file. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "core/units.h"
#include "emu/addr.h"
#include "emu/topo_internal.h"

#define LIMIT_PIDS_MAX   4194304 /* the kernel's PID_MAX_LIMIT */
#define LIMIT_MEMORY_MIN (1 << 20)

static int set_string(char **s, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*s);
	*s = copy;
	return 0;
}

static int set_subnet(struct net *net, const struct ini_key *k, const char **ret_why)
{
	uint32_t addr;
	uint8_t prefix;

	if (addr_parse(k->value, &addr, &prefix, ret_why) < 0)
		return -EINVAL;
	*ret_why =
	    prefix ? addr_subnet_why(addr, prefix) : "a subnet needs its length, as in 10.0.0.0/16";
	if (*ret_why)
		return -EINVAL;
	net->subnet = addr;
	net->prefix = prefix;
	net->subnet_line = k->line;
	return 0;
}

/* One of two words. */
static int set_word(bool *ret_second, const char *value, const char *first, const char *second,
		    const char *use, const char **ret_why)
{
	*ret_why = use;
	if (strcmp(value, first) != 0 && strcmp(value, second) != 0)
		return -EINVAL;
	*ret_second = !strcmp(value, second);
	return 0;
}

/* The folder as the file's folder sees it; absolute where it exists. */
static int set_scenario_path(struct net *net, const char *value, const char **ret_why)
{
	const char *slash = strrchr(net->file, '/');
	_cleanup_free_ char *joined = NULL;
	int n = 0;

	*ret_why = "name a folder";
	if (!*value)
		return -EINVAL;
	*ret_why = NULL;
	if (*value != '/' && slash)
		n = asprintf(&joined, "%.*s/%s", (int)(slash - net->file), net->file, value);
	else
		n = asprintf(&joined, "%s", value);
	if (n < 0) {
		joined = NULL;
		return -ENOMEM;
	}

	char *real = realpath(joined, NULL);

	free(net->scenario_path);
	net->scenario_path = real ? real : steal_ptr(joined);
	return 0;
}

static int set_network_key(struct topo *t, const struct ini_key *k, const char **ret_why)
{
	struct net *net = t->net;

	if (!strcmp(k->name, "name")) {
		*ret_why = "use letters, digits and inner hyphens, with at least one letter";
		return net_name_ok(k->value) ? set_string(&net->name, k->value) : -EINVAL;
	}
	if (!strcmp(k->name, "seed"))
		return units_parse_uint(k->value, 0, UINT64_MAX, &net->seed, ret_why);
	if (!strcmp(k->name, "subnet"))
		return set_subnet(net, k, ret_why);
	if (!strcmp(k->name, "ipv6"))
		return units_parse_bool(k->value, &net->ipv6, ret_why);
	if (!strcmp(k->name, "offload"))
		return units_parse_bool(k->value, &net->offload, ret_why);
	if (!strcmp(k->name, "share"))
		return units_parse_bool(k->value, &t->share, ret_why);
	if (!strcmp(k->name, "addresses"))
		return set_word(&net->random_addrs, k->value, "sequential", "random",
				"use sequential or random", ret_why);
	if (!strcmp(k->name, "hostnames"))
		return set_word(&net->drawn_hostnames, k->value, "given", "drawn",
				"use given or drawn", ret_why);
	if (!strcmp(k->name, "engine"))
		return topo_parse_engine(k->value, &net->engine, ret_why);
	if (!strcmp(k->name, "scenario_path"))
		return set_scenario_path(net, k->value, ret_why);
	return 1;
}

int topo_load_network(struct topo *t, const struct ini_section *s, char *const *words, size_t n)
{
	static const char *const known[] = {"name",	 "seed",      "subnet",
					    "ipv6",	 "addresses", "hostnames",
					    "scenario_path", "share",	      "engine",
					    "offload"};
	int result = 0;

	if (n)
		return err_at(t->err, t->net->file, s->line,
			      "[%s]: the section is [network]; its name is a "
			      "key, 'name = %s'",
			      s->name, words[0]);
	for (size_t i = 0; i < s->n_keys; i++) {
		const char *why = NULL;
		int r = set_network_key(t, &s->keys[i], &why);

		if (r > 0)
			result = topo_unknown_key(t->net, s, &s->keys[i], known, ARRAY_SIZE(known),
						  t->err);
		else if (r < 0)
			result = topo_bad_value(t->net, &s->keys[i], why, t->err);
	}
	return result;
}

static int set_hostname(struct net *net, struct node *n, const char *value, const char **ret_why)
{
	*ret_why = "use letters, digits and inner hyphens, at most 63, with at least one letter";
	if (!net_name_ok(value))
		return -EINVAL;
	n->hostname_given = true;
	return set_string(&n->hostname, value);
}

/* A key of a host's own; 1 when it is none. */
static int set_host_key(struct net *net, struct node *n, const struct ini_key *k,
			const char **ret_why)
{
	double cpu;

	if (!strcmp(k->name, "hostname"))
		return set_hostname(net, n, k->value, ret_why);
	if (!strcmp(k->name, "share"))
		return units_parse_bool(k->value, &n->share, ret_why);
	if (!strcmp(k->name, "pids"))
		return units_parse_uint(k->value, 1, LIMIT_PIDS_MAX, &n->limits.pids, ret_why);
	if (!strcmp(k->name, "memory")) {
		uint64_t memory;

		if (units_parse_size(k->value, &memory, ret_why) < 0)
			return -EINVAL;
		*ret_why = "a host needs at least 1MiB";
		n->limits.memory = memory;
		return memory < LIMIT_MEMORY_MIN ? -EINVAL : 0;
	}
	if (!strcmp(k->name, "cpu")) {
		if (units_parse_share(k->value, true, &cpu, ret_why) < 0)
			return -EINVAL;
		*ret_why = "a host needs some of a processor, at least 1%";
		n->limits.cpu = cpu;
		return cpu < 0.01 ? -EINVAL : 0;
	}
	return 1;
}

/* Keys that links and addresses read later; true for them. */
static bool is_later_key(const struct ini_key *k)
{
	return !strcmp(k->name, "switch") || !strcmp(k->name, "address") ||
	       !strcmp(k->name, "mac") || !strncmp(k->name, "mac ", 4);
}

/* What only one host can have, in a section of several. */
static int check_single(const struct net *net, const struct ini_section *s, size_t n_names,
			struct err *err)
{
	static const char *const single[] = {"address", "mac", "hostname"};
	int result = 0;

	for (size_t i = 0; i < s->n_keys && n_names > 1; i++)
		for (size_t k = 0; k < ARRAY_SIZE(single); k++)
			if (!strcmp(s->keys[i].name, single[k]))
				result = err_at(err, net->file, s->keys[i].line,
						"key '%s' is for one host, but [%s] names %zu",
						single[k], s->name, n_names);
	return result;
}

/* Makes the nodes that a section names; the first bad name ends it. */
static int add_nodes(struct topo *t, const struct ini_section *s, char *const *words, size_t n,
		     enum node_kind kind, uint32_t *ret_first, size_t *ret_n)
{
	size_t first = t->net->n_nodes;

	if (!n)
		return err_at(t->err, t->net->file, s->line, "[%s] needs a name, as in [%s %c1]",
			      s->name, s->name, s->name[0]);
	for (size_t i = 0; i < n; i++) {
		int r = net_add_node(t->net, kind, words[i], s->line, t->err);

		if (r < 0)
			return r;
	}
	*ret_first = (uint32_t)first;
	*ret_n = t->net->n_nodes - first;
	return 0;
}

static int check_beside_switch(const struct net *net, const struct ini_section *s,
			       const struct ini_key *k, struct err *err)
{
	if (ini_get(s, "switch"))
		return 0;
	return err_at(
	    err, net->file, k->line,
	    "key '%s' shapes a link: it stands beside 'switch =' or in a [link ...] section",
	    k->name);
}

int topo_load_host(struct topo *t, const struct ini_section *s, char *const *words, size_t n)
{
	static const char *const own[] = {"switch", "address", "mac",  "hostname",
					  "cpu",    "memory",  "pids", "share"};
	const char *known[ARRAY_SIZE(own) + TOPO_LINK_KEYS_MAX];
	size_t n_known = topo_link_keys(known);
	struct net *net = t->net;
	uint32_t first = 0;
	size_t count = 0;
	int result = add_nodes(t, s, words, n, NODE_HOST, &first, &count);

	if (result < 0)
		return result;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		known[n_known++] = own[i];
	result = check_single(net, s, count, t->err);
	for (size_t h = first; h < first + count; h++)
		net->nodes[h].share = t->share;
	for (size_t i = 0; i < s->n_keys; i++) {
		const struct ini_key *k = &s->keys[i];
		const char *why = NULL;
		int r = 0;

		if (is_later_key(k))
			continue;
		if (topo_is_link_key(k->name)) {
			if (check_beside_switch(net, s, k, t->err) < 0)
				result = -EINVAL;
			continue;
		}
		for (size_t h = first; h < first + count && r == 0; h++)
			r = set_host_key(net, &net->nodes[h], k, &why);
		if (r > 0)
			result = topo_unknown_key(net, s, k, known, n_known, t->err);
		else if (r < 0)
			result = topo_bad_value(net, k, why, t->err);
	}
	return result;
}

int topo_load_router(struct topo *t, const struct ini_section *s, char *const *words, size_t n)
{
	static const char *const known[] = {"hostname"};
	uint32_t first = 0;
	size_t count = 0;
	int result = add_nodes(t, s, words, n, NODE_ROUTER, &first, &count);

	if (result < 0)
		return result;
	result = check_single(t->net, s, count, t->err);
	for (size_t i = 0; i < s->n_keys; i++) {
		const struct ini_key *k = &s->keys[i];
		const char *why = NULL;

		if (strcmp(k->name, "hostname") != 0)
			result = topo_unknown_key(t->net, s, k, known, ARRAY_SIZE(known), t->err);
		else if (set_hostname(t->net, &t->net->nodes[first], k->value, &why) < 0)
			result = topo_bad_value(t->net, k, why, t->err);
	}
	return result;
}

int topo_load_switch(struct topo *t, const struct ini_section *s, char *const *words, size_t n)
{
	uint32_t first;
	size_t count;
	int result = add_nodes(t, s, words, n, NODE_SWITCH, &first, &count);

	for (size_t i = 0; i < s->n_keys && result != -ENOMEM; i++)
		result = topo_unknown_key(t->net, s, &s->keys[i], NULL, 0, t->err);
	return result;
}
