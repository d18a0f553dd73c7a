/*
 * Reads topology files: INI to the network model.
 *
 * In passes, for names may be used before their section: [network] first, then all nodes, then all
 * links in the order of the file, then addresses given to hosts; net_finish() completes the model,
 * and the floors above read their sections. A pass goes on after an error, so one reading tells all
 * that is wrong.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "emu/topo_internal.h"

int topo_bad_value(const struct net *net, const struct ini_key *k, const char *why, struct err *err)
{
	return err_at(err, net->file, k->line, "bad value '%.60s%s' of key '%s': %s", k->value,
		      strlen(k->value) > 60 ? "..." : "", k->name, why ? why : "out of memory");
}

int topo_unknown_key(const struct net *net, const struct ini_section *s, const struct ini_key *k,
		     const char *const *known, size_t n_known, struct err *err)
{
	const char *near = err_nearest(k->name, known, n_known);
	int word = (int)strcspn(s->name, " ");

	if (near)
		return err_at(err, net->file, k->line,
			      "unknown key '%s' in [%.*s]; did you mean '%s'?", k->name, word,
			      s->name, near);
	return err_at(err, net->file, k->line, "unknown key '%s' in [%.*s]", k->name, word,
		      s->name);
}

uint32_t topo_find_node(const struct net *net, const char *name, int line, struct err *err)
{
	uint32_t i = net_find(net, name);

	if (i != NET_NONE)
		return i;

	_cleanup_free_ const char **names = calloc(net->n_nodes + 1, sizeof(*names));
	const char *near = NULL;

	for (size_t k = 0; names && k < net->n_nodes; k++)
		names[k] = net->nodes[k].name;
	if (names)
		near = err_nearest(name, names, net->n_nodes);
	if (near)
		err_at(err, net->file, line, "unknown node '%s'; did you mean '%s'?", name, near);
	else
		err_at(err, net->file, line,
		       "unknown node '%s': no [host], [switch] or [router] has this "
		       "name",
		       name);
	return NET_NONE;
}

/* Errors of one kind of node, for topo_parse_nodes(). */
static int check_kind(const struct net *net, const struct ini_key *k, uint32_t node,
		      enum node_kind kind, struct err *err)
{
	const struct node *n = &net->nodes[node];

	if (kind == NODE_KINDS || n->kind == kind)
		return 0;
	return err_at(err, net->file, k->line, "key '%s' names %s, which is a %s; it takes a %s",
		      k->name, n->name, node_kinds[n->kind].name, node_kinds[kind].name);
}

int topo_parse_nodes(const struct net *net, const struct ini_key *k, enum node_kind kind,
		     uint32_t **ret_nodes, size_t *ret_n, struct err *err)
{
	_cleanup_strv_ struct strv names = {0};
	_cleanup_free_ uint32_t *nodes = NULL;
	_cleanup_free_ bool *seen = calloc(net->n_nodes + 1, sizeof(*seen));
	const char *why = NULL;
	size_t n = 0;
	int result = 0;

	if (range_expand(k->value, &names, &why) < 0)
		return topo_bad_value(net, k, why, err);
	if (!names.n)
		return err_at(err, net->file, k->line, "key '%s' needs the name of a node",
			      k->name);
	nodes = calloc(names.n, sizeof(*nodes));
	if (!nodes || !seen)
		return err_sys(err, ENOMEM, "reading names");
	for (size_t i = 0; i < names.n; i++) {
		uint32_t node = topo_find_node(net, names.s[i], k->line, err);

		if (node == NET_NONE || check_kind(net, k, node, kind, err) < 0)
			result = -EINVAL;
		else if (!seen[node])
			nodes[n++] = node;
		if (node != NET_NONE)
			seen[node] = true;
	}
	if (result < 0)
		return result;
	*ret_nodes = steal_ptr(nodes);
	*ret_n = n;
	return 0;
}

/* 'switch =' of the section's hosts. */
static int link_hosts(struct topo *t, const struct ini_section *s, char *const *words, size_t n)
{
	int result = 0;

	for (size_t i = 0; i < s->n_keys; i++) {
		if (strcmp(s->keys[i].name, "switch") != 0)
			continue;
		result = topo_link_hosts(t->net, s, &s->keys[i], words, n, t->err);
		break; /* a second one is reported as such */
	}
	return result;
}

static int load_link(struct topo *t, const struct ini_section *s, char *const *words, size_t n)
{
	return topo_load_link(t->net, s, words, n, t->err);
}

static int load_at(struct topo *t, const struct ini_section *s, char *const *words, size_t n)
{
	return timeline_load(t->net, s, words, n, t->err);
}

static int give_host(struct topo *t, const struct ini_section *s, char *const *words, size_t n)
{
	uint32_t host = n == 1 ? net_find(t->net, words[0]) : NET_NONE;

	return host == NET_NONE ? 0 : topo_give_host(t->net, s, host, t->err);
}

/* One row for each thing that a kind of section brings; a pass does all rows of its number. */
static const struct own_section {
	const char *word;
	int pass;
	int (*load)(struct topo *t, const struct ini_section *s, char *const *words, size_t n);
} own_sections[] = {
    {"network", 0, topo_load_network},
    {"host", 1, topo_load_host},
    {"switch", 1, topo_load_switch},
    {"router", 1, topo_load_router},
    {"host", 2, link_hosts},
    {"link", 2, load_link},
    {"host", 3, give_host},
    {"at", 4, load_at},
};
#define PASSES	   4 /* before net_finish() */
#define PASS_AFTER 4

static bool is_word(const struct ini_section *s, const char *word)
{
	size_t n = strlen(word);

	return !strncmp(s->name, word, n) && (!s->name[n] || s->name[n] == ' ');
}

static int unknown_section(const struct topo *t, const struct ini_section *s)
{
	_cleanup_free_ const char **known = NULL;
	_cleanup_free_ char *word = strndup(s->name, strcspn(s->name, " "));
	const char *near = NULL;
	size_t n = 0;

	known = calloc(ARRAY_SIZE(own_sections) + t->n_sections, sizeof(*known));
	if (!known || !word)
		return err_sys(t->err, ENOMEM, "reading sections");
	for (size_t i = 0; i < ARRAY_SIZE(own_sections); i++)
		known[n++] = own_sections[i].word;
	for (size_t i = 0; i < t->n_sections; i++)
		known[n++] = t->sections[i].word;
	near = err_nearest(word, known, n);
	if (near)
		return err_at(t->err, t->net->file, s->line,
			      "unknown section [%.60s]; did you mean [%s]?", word, near);
	return err_at(t->err, t->net->file, s->line,
		      "unknown section [%.60s]; there are network, host, switch, router, link, at%s",
		      word, t->n_sections ? ", scenario and capture" : "");
}

/* For [link a b], whose sides are expanded each for itself. */
static int split_words(const char *name, struct strv *ret)
{
	for (size_t n; *name; name += n + (name[n] == ' ')) {
		n = strcspn(name, " ");
		if (strv_addf(ret, "%.*s", (int)n, name) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The words of each section's name, and whether it is of a known kind. */
static int check_sections(struct topo *t)
{
	const struct ini_section *network = NULL;
	int result = 0;

	for (size_t i = 0; i < t->ini->n_sections; i++) {
		const struct ini_section *s = &t->ini->sections[i];
		const char *why = NULL;
		bool own = false, known = false;

		for (size_t k = 0; k < ARRAY_SIZE(own_sections); k++)
			own = own || is_word(s, own_sections[k].word);
		for (size_t k = 0; k < t->n_sections; k++)
			known = known || is_word(s, t->sections[k].word);
		if (!own && !known) {
			result = unknown_section(t, s);
			continue;
		}
		if (own && ini_refuse_duplicates(t->net->file, s, NULL, 0, t->err) < 0)
			result = -EINVAL;
		if (is_word(s, "network") && network)
			result =
			    err_at(t->err, t->net->file, s->line,
				   "a second [network] section (first on line %d)", network->line);
		else if (is_word(s, "network"))
			network = s;
		if ((is_word(s, "link") ? split_words(s->name, &t->words[i])
					: range_expand(s->name, &t->words[i], &why)) < 0) {
			strv_free(&t->words[i]);
			result = err_at(t->err, t->net->file, s->line, "[%s]: %s", s->name,
					why ? why : "out of memory");
		}
	}
	return result;
}

static int run_pass(struct topo *t, int pass)
{
	int result = 0;

	for (size_t i = 0; i < t->ini->n_sections; i++) {
		const struct ini_section *s = &t->ini->sections[i];

		for (size_t k = 0; k < ARRAY_SIZE(own_sections) && t->words[i].n; k++)
			if (own_sections[k].pass == pass && is_word(s, own_sections[k].word) &&
			    own_sections[k].load(t, s, t->words[i].s + 1, t->words[i].n - 1) < 0)
				result = -EINVAL;
	}
	return result;
}

static int load_above(struct topo *t)
{
	int result = 0;

	for (size_t i = 0; i < t->ini->n_sections; i++) {
		const struct ini_section *s = &t->ini->sections[i];

		for (size_t k = 0; k < t->n_sections && t->words[i].n; k++) {
			const struct topo_section *row = &t->sections[k];
			int r;

			if (!is_word(s, row->word))
				continue;
			r = row->load(row->arg, t->net, s, t->words[i].s + 1, t->words[i].n - 1,
				      t->err);
			if (r < 0)
				result = r;
		}
	}
	return result;
}

/* Passes find errors in their own order; people read files from the top. */
static void sort_errors(struct err *err, size_t from)
{
	for (size_t i = from + 1; i < err->n; i++) {
		struct err_item item = err->items[i];
		size_t k = i;

		for (; k > from && err->items[k - 1].line > item.line; k--)
			err->items[k] = err->items[k - 1];
		err->items[k] = item;
	}
}

static int load_ini(struct topo *t)
{
	int result = check_sections(t), r;

	for (int pass = 0; pass < PASSES; pass++) {
		r = run_pass(t, pass);
		result = result ? result : r;
		if (!pass && t->seed)
			t->net->seed = *t->seed;
	}
	/* What is still wrong would only be said again in other words. */
	if (result == 0)
		result = net_finish(t->net, t->err);
	if (result < 0)
		return result;
	result = run_pass(t, PASS_AFTER);
	if (result == 0)
		result = timeline_finish(t->net, t->err);
	r = load_above(t);
	return result ? result : r;
}

static int load(const struct ini *ini, const uint64_t *seed, const struct topo_section *sections,
		size_t n_sections, struct net *ret, struct err *err)
{
	_cleanup_net_ struct net net;
	size_t from = err->n;
	struct topo t = {
	    .net = &net,
	    .ini = ini,
	    .seed = seed,
	    .share = true,
	    .sections = sections,
	    .n_sections = n_sections,
	    .err = err,
	};
	int r;

	net_init(&net);
	net.file = strdup(ini->file);
	t.words = calloc(ini->n_sections + 1, sizeof(*t.words));
	if (!net.file || !t.words)
		r = err_sys(err, ENOMEM, "reading %s", ini->file);
	else
		r = load_ini(&t);
	for (size_t i = 0; i < ini->n_sections && t.words; i++)
		strv_free(&t.words[i]);
	free(t.words);
	if (r < 0) {
		sort_errors(err, from);
		return r;
	}
	*ret = net;
	net_init(&net); /* it is the caller's now */
	return 0;
}

int topo_load(const char *path, const uint64_t *seed, const struct topo_section *sections,
	      size_t n_sections, struct net *ret, struct err *err)
{
	_cleanup_ini_ struct ini ini = {0};
	int r = ini_read(path, &ini, err);

	return r < 0 ? r : load(&ini, seed, sections, n_sections, ret, err);
}

int topo_load_mem(const char *name, const void *data, size_t size, const uint64_t *seed,
		  const struct topo_section *sections, size_t n_sections, struct net *ret,
		  struct err *err)
{
	_cleanup_ini_ struct ini ini = {0};
	int r = ini_read_mem(name, data, size, &ini, err);

	return r < 0 ? r : load(&ini, seed, sections, n_sections, ret, err);
}
