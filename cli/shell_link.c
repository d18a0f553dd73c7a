/* The shell's links: what they do, changes by hand, and those of the file's timeline. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli/shell.h"
#include "core/ini.h"
#include "core/units.h"
#include "emu/link.h"

#define SPACE " \t"
#define GONE  "what a host had added to them (routes, addresses, filters) is gone"

static const char *const end_names[] = {
	[WIRE_UP] = "OK", [WIRE_DOWN] = "DOWN", [WIRE_MISSING] = "MISSING",
};

int shell_links(struct shell *sh, char *args)
{
	const struct net *net = sh->net;

	(void)args;
	for (uint32_t i = 0; i < net->n_links; i++)
		printf("%s<->%s (%s %s) \n", net->ifaces[net->links[i].iface[0]].name,
		       net->ifaces[net->links[i].iface[1]].name,
		       end_names[emu_link_end(sh->emu, i, 0)], end_names[emu_link_end(sh->emu, i, 1)]);
	return 0;
}

/* ---- link A B ... ---- */

/* How the interfaces are not what was asked for. */
static const char *but(const struct shell *sh, uint32_t link)
{
	enum wire_state a = emu_link_end(sh->emu, link, 0), b = emu_link_end(sh->emu, link, 1);

	if (a == WIRE_MISSING || b == WIRE_MISSING)
		return " but broken (a change or 'up' makes its interfaces anew)";
	if (emu_link_is_up(sh->emu, link) && (a == WIRE_DOWN || b == WIRE_DOWN))
		return " but taken down in a host ('up' brings it up)";
	return "";
}

/* What a link does now, its first end as the line named it. */
static int show_link(struct shell *sh, const struct change *c)
{
	const struct net *net = sh->net;
	const struct link *l = &net->links[c->link];
	int first = net->ifaces[l->iface[0]].node == c->node ? 0 : 1;
	enum link_engine engine = emu_link_engine(sh->emu, c->link);

	printf("%s<->%s: %s%s, %s%s (%s)\n", net->ifaces[l->iface[first]].name,
	       net->ifaces[l->iface[!first]].name, emu_link_is_up(sh->emu, c->link) ? "up" : "down",
	       but(sh, c->link),
	       engine == ENGINE_AUTO ? "no engine" : "engine ",
	       engine == ENGINE_AUTO ? "" : link_engine_names[engine], emu_link_why(sh->emu, c->link));
	for (int i = 0; i < 2; i++) {
		int end = i ? !first : first;
		_cleanup_free_ char *text = shape_text(emu_link_shape(sh->emu, c->link, end));

		if (!text)
			return -ENOMEM;
		printf("  %s -> %s: %s\n", net->nodes[net->ifaces[l->iface[end]].node].name,
		       net->nodes[net->ifaces[l->iface[!end]].node].name, text);
	}
	return 0;
}

/* Where the names and the direction of "A B > VALUE" end. */
static size_t names_length(const char *args)
{
	const char *p = args + strcspn(args, SPACE);
	size_t space;

	p += strspn(p, SPACE);
	p += strcspn(p, SPACE "<>");
	space = strspn(p, SPACE);
	if (p[space] == '<' || p[space] == '>')
		p += space + 1;
	return (size_t)(p - args);
}

static int apply(struct shell *sh, const struct change *c, struct err *err)
{
	const struct link *l = &sh->net->links[c->link];
	unsigned before = emu_links_remade(sh->emu);
	int r = timeline_apply(sh->emu, c, err);

	if (emu_links_remade(sh->emu) != before)
		fprintf(stderr, "*** %s<->%s: its interfaces were made anew; %s\n",
			sh->net->ifaces[l->iface[0]].name, sh->net->ifaces[l->iface[1]].name, GONE);
	return r;
}

/* In the words of an [at TIME] section, whose "link A B > = VALUE" it is with one '=' less. */
int shell_link(struct shell *sh, char *args)
{
	_cleanup_(timeline_free) struct timeline t = { 0 };
	_cleanup_err_ struct err err = { 0 };
	_cleanup_free_ char *name = NULL;
	size_t n = names_length(args);
	char *value = args + n + strspn(args + n, SPACE);
	bool show = !*value;
	struct ini_key k;
	int r;

	if (!n) {
		fprintf(stderr, "*** Please name a link by its ends: link A B [up|down|KEY=VALUE ...]\n");
		return 2;
	}
	if (asprintf(&name, "link %.*s", (int)n, args) < 0) {
		name = NULL;
		return 1;
	}
	k = (struct ini_key){ .name = name, .value = show ? (char *)"none" : value };
	r = timeline_parse(sh->net, &k, &t, &err);
	for (size_t i = 0; i < t.n && r == 0; i++)
		r = show ? show_link(sh, &t.changes[i]) : apply(sh, &t.changes[i], &err);
	if (r < 0 && !err.n)
		err_sys(&err, -r, "%s", name);
	shell_fail(&err);
	return err_exit(&err);
}

/* ---- the timeline ---- */

static void change_came(void *arg, const struct change_done *done)
{
	struct shell *sh = arg;
	_cleanup_free_ char *text = timeline_text(sh->net, done->change), *line = NULL;
	char at[40];

	if (done->change->scenario) /* nothing of scenarios runs here */
		return;
	units_format_time(at, sizeof(at), done->change->at);
	if (asprintf(&line, "*** at %s: %s%s%s%s", at, text ? text : "a change",
		     done->error ? " failed: " : "", done->error ? done->error : "",
		     done->remade ? "; interfaces were made anew, and " GONE : "") < 0)
		line = NULL;
	if (line)
		shell_announce(sh, line);
	if (done->error && !sh->first_failure)
		sh->first_failure = 1;
}

int shell_begin(struct shell *sh, struct err *err)
{
	int r = timeline_start(sh->net, sh->emu, sh->loop, change_came, sh, &sh->timeline);

	return r < 0 ? err_sys(err, -r, "cannot begin the timeline") : 0;
}
