/*
 * The [at TIME] sections of a topology file: read. A section's keys become changes when all nodes and
 * links are known; timeline_check.c looks at what they do.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "core/units.h"
#include "emu/topo_internal.h"

#define SPACE	 " \t\n"
#define TEXT_MAX 1000 /* bytes in a value; each link that a range names reads it */

void timeline_free(struct timeline *t)
{
	free(t->changes);
	free(t->touches);
	strv_free(&t->texts);
	*t = (struct timeline){0};
}

bool timeline_touches(const struct net *net, uint32_t link)
{
	return net->timeline.touches && net->timeline.touches[link];
}

/* ---- one key ---- */

/* What the changes of one key have in common, and where they go. */
struct reading {
	const struct net *net;
	const struct ini_key *k;
	struct timeline *to;
	struct change common;
	struct err *err;
};

static int too_many(const struct reading *r)
{
	return err_at(r->err, r->net->file, r->k->line,
		      "more than %d changes in [at TIME] sections", TIMELINE_MAX);
}

int timeline_add(struct timeline *t, const struct change *c)
{
	if (t->n >= TIMELINE_MAX)
		return -E2BIG;
	if (!(t->n & (t->n - 1))) {
		struct change *more = reallocarray(t->changes, t->n ? 2 * t->n : 1, sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->changes = more;
	}
	t->changes[t->n++] = *c;
	return 0;
}

static int add_change(struct reading *r, const struct change *c)
{
	int result = timeline_add(r->to, c);

	if (result == -E2BIG)
		return too_many(r);
	return result < 0 ? err_sys(r->err, -result, "reading changes") : 0;
}

/* A copy that lives as long as the timeline. */
static int keep_text(struct reading *r, const char *text, const char **ret)
{
	if (strv_add(&r->to->texts, text) < 0)
		return err_sys(r->err, ENOMEM, "reading changes");
	*ret = r->to->texts.s[r->to->texts.n - 1];
	return 0;
}

/* "use down or up", and which of them was meant. */
static int bad_word(struct reading *r, const char *const *words, size_t n, const char *use)
{
	const char *near = err_nearest(r->k->value, words, n);
	_cleanup_free_ char *why = NULL;

	if (!near)
		return topo_bad_value(r->net, r->k, use, r->err);
	if (asprintf(&why, "did you mean '%s'?", near) < 0)
		why = NULL;
	return topo_bad_value(r->net, r->k, why, r->err);
}

/* Expands a word; every name must be a node's. */
static int find_nodes(struct reading *r, const char *word, uint32_t **ret, size_t *ret_n)
{
	_cleanup_strv_ struct strv names = {0};
	_cleanup_free_ uint32_t *nodes = NULL;
	const char *why = "out of memory";

	if (range_expand(word, &names, &why) < 0)
		return err_at(r->err, r->net->file, r->k->line, "bad name '%.60s': %s", word, why);
	nodes = calloc(names.n + 1, sizeof(*nodes));
	if (!nodes)
		return err_sys(r->err, ENOMEM, "reading changes");
	for (size_t i = 0; i < names.n; i++) {
		nodes[i] = topo_find_node(r->net, names.s[i], r->k->line, r->err);
		if (nodes[i] == NET_NONE)
			return -EINVAL;
	}
	*ret_n = names.n;
	*ret = steal_ptr(nodes);
	return 0;
}

/* All links between two nodes; direction is '>' for packets from a to b, '<' for others, 0 for both. */
static int add_links(struct reading *r, uint32_t a, uint32_t b, char direction)
{
	const struct net *net = r->net;
	bool swap = net->nodes[a].n_ifaces > net->nodes[b].n_ifaces;
	const struct node *few = &net->nodes[swap ? b : a];
	size_t found = 0;

	for (size_t i = 0; i < few->n_ifaces; i++) {
		const struct iface *f = &net->ifaces[few->ifaces[i]];
		struct change c = r->common;
		int end = swap ? !f->end : f->end, ret;

		if (net->ifaces[net_peer(net, few->ifaces[i])].node != (swap ? a : b))
			continue;
		c.link = f->link;
		c.node = a;
		c.end[end] = direction != '<';
		c.end[!end] = direction != '>';
		ret = add_change(r, &c);
		if (ret < 0)
			return ret;
		found++;
	}
	if (!found)
		return err_at(r->err, net->file, r->k->line, "there is no link between %s and %s",
			      net->nodes[a].name, net->nodes[b].name);
	return 0;
}

static int link_kind(struct reading *r, char direction)
{
	static const char *const words[] = {"down", "up"};
	const char *v = r->k->value;

	r->common.kind = CHANGE_LINK;
	if (strchr(v, '=') || !strcmp(v, "none"))
		return 0;
	if (!strcmp(v, "down"))
		r->common.kind = CHANGE_LINK_DOWN;
	else if (!strcmp(v, "up"))
		r->common.kind = CHANGE_LINK_UP;
	else
		return bad_word(r, words, ARRAY_SIZE(words),
				"use down, up, or what it does from then on, as in 'delay=10ms'");
	if (direction)
		return topo_bad_value(r->net, r->k, "a link goes down or up in both directions",
				      r->err);
	return 0;
}

/* "A B", "A B >", "A B <"; the words are cut apart in place. */
static int parse_link(struct reading *r, char *names)
{
	_cleanup_free_ uint32_t *a = NULL, *b = NULL;
	size_t n_a = 0, n_b = 0, len = strlen(names);
	char *words[2] = {NULL}, *save = NULL, direction = 0;
	int result;

	if (len && (names[len - 1] == '>' || names[len - 1] == '<')) {
		direction = names[len - 1];
		names[len - 1] = '\0';
	}
	words[0] = strtok_r(names, SPACE, &save);
	words[1] = words[0] ? strtok_r(NULL, SPACE, &save) : NULL;
	if (!words[1] || strtok_r(NULL, SPACE, &save))
		return err_at(r->err, r->net->file, r->k->line,
			      "key '%s': a link is named by its two ends, as in 'link r1 s1' or, for "
			      "one direction, 'link r1 s1 >'",
			      r->k->name);
	result = link_kind(r, direction);
	if (find_nodes(r, words[0], &a, &n_a) < 0 || find_nodes(r, words[1], &b, &n_b) < 0)
		return -EINVAL;
	if (n_a > 1 && n_b > 1)
		return err_at(r->err, r->net->file, r->k->line,
			      "key '%s': a range may stand on one side of a link only", r->k->name);
	for (size_t i = 0; i < n_a && result == 0; i++)
		for (size_t j = 0; j < n_b && result == 0; j++)
			result = add_links(r, a[i], b[j], direction);
	return result;
}

static int parse_host(struct reading *r, char *names)
{
	static const char *const words[] = {"down", "up"};
	struct ini_key k = {.name = r->k->name, .value = names, .line = r->k->line};
	_cleanup_free_ uint32_t *nodes = NULL;
	size_t n = 0;
	int result = 0;

	if (!strcmp(r->k->value, "down"))
		r->common.kind = CHANGE_HOST_DOWN;
	else if (!strcmp(r->k->value, "up"))
		r->common.kind = CHANGE_HOST_UP;
	else
		result = bad_word(r, words, ARRAY_SIZE(words), "a host goes down or up");
	if (topo_parse_nodes(r->net, &k, NODE_HOST, &nodes, &n, r->err) < 0)
		return -EINVAL;
	for (size_t i = 0; i < n && result == 0; i++) {
		struct change c = r->common;

		c.node = nodes[i];
		result = add_change(r, &c);
	}
	return result;
}

/* The engine knows whether the file has such a scenario. */
static int parse_scenario(struct reading *r, char *name)
{
	static const char *const words[] = {"start", "stop"};
	struct change c = r->common;
	int result;

	if (!*name || name[strcspn(name, SPACE)])
		return err_at(r->err, r->net->file, r->k->line,
			      "key '%s': one scenario is named, as in 'scenario ftp'", r->k->name);
	if (!strcmp(r->k->value, "start"))
		c.kind = CHANGE_SCENARIO_START;
	else if (!strcmp(r->k->value, "stop"))
		c.kind = CHANGE_SCENARIO_STOP;
	else
		return bad_word(r, words, ARRAY_SIZE(words), "a scenario is told to stop or start");
	result = keep_text(r, name, &c.scenario);
	return result < 0 ? result : add_change(r, &c);
}

static const struct change_row {
	const char *word;
	int (*parse)(struct reading *r, char *names);
} change_rows[] = {
    {"link", parse_link},
    {"host", parse_host},
    {"scenario", parse_scenario},
};

static int unknown_change(const struct reading *r, const char *word)
{
	const char *known[ARRAY_SIZE(change_rows)], *near;

	for (size_t i = 0; i < ARRAY_SIZE(change_rows); i++)
		known[i] = change_rows[i].word;
	near = err_nearest(word, known, ARRAY_SIZE(known));
	if (near)
		return err_at(r->err, r->net->file, r->k->line,
			      "unknown key '%s' in [at]; did you mean '%s'?", word, near);
	return err_at(r->err, r->net->file, r->k->line,
		      "unknown key '%s' in [at]; there are 'link A B', 'host NAMES' and "
		      "'scenario NAME'",
		      word);
}

static int parse_key(struct reading *r)
{
	_cleanup_free_ char *word = strdup(r->k->name);
	const struct change_row *row = NULL;
	size_t n = strcspn(r->k->name, SPACE);
	char *names;
	int result;

	if (r->to->n >= TIMELINE_MAX)
		return too_many(r);
	if (!word)
		return err_sys(r->err, ENOMEM, "reading changes");
	names = word + n + strspn(word + n, SPACE);
	word[n] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(change_rows); i++)
		if (!strcmp(change_rows[i].word, word))
			row = &change_rows[i];
	if (!row)
		return unknown_change(r, word);
	if (strlen(r->k->value) > TEXT_MAX)
		return topo_bad_value(r->net, r->k, "too long", r->err);
	result = keep_text(r, r->k->name, &r->common.key);
	if (result == 0)
		result = keep_text(r, r->k->value, &r->common.text);
	r->common.line = r->k->line;
	return result < 0 ? result : row->parse(r, names);
}

int timeline_parse(const struct net *net, const struct ini_key *k, struct timeline *ret,
		   struct err *err)
{
	struct reading r = {.net = net, .k = k, .to = ret, .err = err};

	return parse_key(&r);
}

/* ---- the sections ---- */

int timeline_load(struct net *net, const struct ini_section *s, char *const *words, size_t n_words,
		  struct err *err)
{
	const char *why = NULL;
	int64_t at;
	int result = 0;

	if (n_words != 1)
		return err_at(err, net->file, s->line,
			      "[%s]: one time is given, as in [at 10s]", s->name);
	if (units_parse_time(words[0], &at, &why) < 0)
		return err_at(err, net->file, s->line, "[%s]: %s", s->name, why);
	if (at > NSEC_PER_YEAR)
		return err_at(err, net->file, s->line, "[%s]: at most a year (8760h)", s->name);
	for (size_t i = 0; i < s->n_keys; i++) {
		struct reading r = {
		    .net = net,
		    .k = &s->keys[i],
		    .to = &net->timeline,
		    .common = {.at = at, .section = s->line},
		    .err = err,
		};

		if (parse_key(&r) < 0)
			result = -EINVAL;
		if (result < 0 && net->timeline.n >= TIMELINE_MAX)
			break;
	}
	return result;
}
