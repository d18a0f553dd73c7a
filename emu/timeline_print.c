/* Writes a timeline: as [at TIME] sections that give it again, and a change in one line. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "core/units.h"
#include "emu/topo_internal.h"

#define PRINT_WIDTH 96 /* where a value goes on in the next line */

static const char *direction_of(const struct net *net, const struct change *c)
{
	const struct link *l = &net->links[c->link];
	int first = net->ifaces[l->iface[0]].node == c->node ? 0 : 1;

	if (c->kind != CHANGE_LINK || (c->end[0] && c->end[1]))
		return "";
	return c->end[first] ? " >" : " <";
}

/* "link h2 s1 >": the key, of this link, host or scenario alone; NULL without memory. */
static char *key_of(const struct net *net, const struct change *c)
{
	char *key;
	int n;

	if (c->kind == CHANGE_SCENARIO_START || c->kind == CHANGE_SCENARIO_STOP) {
		n = asprintf(&key, "scenario %s", c->scenario);
	} else if (c->kind == CHANGE_HOST_UP || c->kind == CHANGE_HOST_DOWN) {
		n = asprintf(&key, "host %s", net->nodes[c->node].name);
	} else {
		const struct link *l = &net->links[c->link];
		uint32_t a = net->ifaces[l->iface[0]].node, b = net->ifaces[l->iface[1]].node;

		n = asprintf(&key, "link %s %s%s", net->nodes[c->node].name,
			     net->nodes[a == c->node ? b : a].name, direction_of(net, c));
	}
	return n < 0 ? NULL : key;
}

/* A line holds only so much: a long value goes on in lines that begin with white space. */
static void print_change(const char *key, const char *text, FILE *f)
{
	size_t width = strlen(key) + 3;
	bool first = true;

	fprintf(f, "%s%s", key, width > INI_LINE_MAX ? "=" : " = ");
	for (size_t n; *text; text += n + (text[n] == ' ')) {
		const char *comma = strstr(text, ", ");

		n = comma ? (size_t)(comma - text) + 1 : strlen(text);
		if (width + n > (first ? INI_LINE_MAX : PRINT_WIDTH)) {
			fputs("\n\t", f);
			width = 1;
		} else if (!first) {
			fputc(' ', f);
			width++;
		}
		width += fwrite(text, 1, n, f);
		first = false;
	}
	fputc('\n', f);
}

/* Do all changes of the line from i on have one text? *ret_n is how many there are. */
static bool is_uniform(const struct timeline *t, size_t i, size_t *ret_n)
{
	bool uniform = true;
	size_t n = 0;

	for (; i + n < t->n && t->changes[i + n].line == t->changes[i].line; n++)
		uniform = uniform && !strcmp(t->changes[i + n].text, t->changes[i].text);
	*ret_n = n;
	return uniform;
}

/* Is there a link of lower index between the same nodes? What a key says of one holds for both. */
static bool has_elder(const struct net *net, uint32_t link)
{
	const struct iface *f = &net->ifaces[net->links[link].iface[0]];
	uint32_t other = net->ifaces[net->links[link].iface[1]].node;
	const struct node *n = &net->nodes[f->node];

	for (size_t i = 0; i < n->n_ifaces; i++)
		if (net->ifaces[n->ifaces[i]].link < link &&
		    net->ifaces[net_peer(net, n->ifaces[i])].node == other)
			return true;
	return false;
}

static void print_at(int64_t at, FILE *f)
{
	char buf[40];

	fprintf(f, "\n[at %s]\n", units_format_time(buf, sizeof(buf), at));
}

/* What was drawn for each link of a range is written for each, in a section of its own. */
static void print_apart(const struct net *net, const struct change *c, FILE *f)
{
	_cleanup_free_ char *key = has_elder(net, c->link) ? NULL : key_of(net, c);

	if (!key)
		return;
	print_at(c->at, f);
	print_change(key, c->text, f);
}

void timeline_print(const struct net *net, FILE *f)
{
	const struct timeline *t = &net->timeline;
	int section = 0; /* that is open */

	for (size_t i = 0, n; i < t->n; i += n) {
		const struct change *c = &t->changes[i];

		if (!is_uniform(t, i, &n)) {
			for (size_t k = i; k < i + n; k++)
				print_apart(net, &t->changes[k], f);
			section = 0;
			continue;
		}
		if (section != c->section)
			print_at(c->at, f);
		section = c->section;
		print_change(c->key, c->text, f);
	}
}

char *timeline_text(const struct net *net, const struct change *c)
{
	_cleanup_free_ char *key = key_of(net, c);
	char *text;

	return key && asprintf(&text, "%s = %s", key, c->text) >= 0 ? text : NULL;
}
