/*
 * Checks what [at TIME] sections do to their links, and draws what is to be drawn.
 *
 * Sections may come in any order, so what a text does to its link can only be said at the end, in the
 * order of time.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "emu/topo_internal.h"

#define SPACE " \t\n"

static int compare_changes(const void *x, const void *y)
{
	const struct change *a = x, *b = y;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->link != b->link)
		return a->link < b->link ? -1 : 1;
	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return b->end[0] - a->end[0];
}

int timeline_shape(const struct net *net, const struct change *c, int end, struct shape *s,
		   char **ret_why)
{
	const struct link *l = &net->links[c->link];
	const char *from = net->nodes[net->ifaces[l->iface[end]].node].name;
	const char *to = net->nodes[net->ifaces[l->iface[!end]].node].name;
	const char *slash = net->file ? strrchr(net->file, '/') : NULL;
	_cleanup_free_ char *dir = NULL, *path = NULL, *shared = NULL;
	struct shape_source src = {.seed = net->seed};

	if (slash)
		dir = strndup(net->file, (size_t)(slash - net->file));
	if (asprintf(&path, "at/%" PRId64 "/link/%s/%s", c->at, from, to) < 0)
		path = NULL;
	if (asprintf(&shared, "at/%" PRId64 "/%s", c->at, c->key) < 0)
		shared = NULL;
	if ((slash && !dir) || !path || !shared)
		return -ENOMEM;
	src.dir = dir;
	src.path = path;
	src.shared = shared;
	return shape_change(s, c->text, &src, ret_why);
}

/* What a link does after the changes so far; made when the first of them comes. */
struct link_now {
	struct shape shape[2];
};

static struct link_now *link_now(const struct net *net, struct link_now **now, uint32_t link)
{
	if (!now[link]) {
		now[link] = calloc(1, sizeof(**now));
		for (int end = 0; now[link] && end < 2; end++)
			shape_copy(&now[link]->shape[end], &net->links[link].shape[end]);
	}
	return now[link];
}

/* Does the text, "delay=10ms, loss=1%", give this key a value? */
static bool names_key(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = text; (p = strstr(p, key)); p += n)
		if ((p == text || strchr(SPACE ",", p[-1])) && p[n + strspn(p + n, SPACE)] == '=')
			return true;
	return false;
}

/*
 * The keys of the change's text with the values that they now have in the shape: nothing in it is to be
 * drawn any more, and equal texts are written alike. malloc'd; NULL without memory.
 */
static char *resolve(const struct change *c, const struct shape *s)
{
	_cleanup_free_ char *lines = NULL;
	char *text = NULL;
	size_t size = 0, n = 0;
	FILE *f = open_memstream(&lines, &size);

	if (!f)
		return NULL;
	shape_print(s, "", f);
	if (fclose(f))
		return NULL;
	f = open_memstream(&text, &size);
	if (!f)
		return NULL;
	for (size_t i = 0; shape_keys[i]; i++) {
		size_t len = strlen(shape_keys[i]);
		const char *p = lines;

		if (!names_key(c->text, shape_keys[i]))
			continue;
		while (*p && (strncmp(p, shape_keys[i], len) != 0 || p[len] != ' '))
			p = strchrnul(p, '\n') + (*strchrnul(p, '\n') == '\n');
		p += *p ? len + 3 : 0;
		fprintf(f, "%s%s=%.*s", n++ ? ", " : "", shape_keys[i],
			*p ? (int)strcspn(p, "\n") : 4, *p ? p : "none");
	}
	if (!n)
		fputs("none", f);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

/* The text becomes the change's; what the last one of the same line has is not kept twice. */
static int keep_resolved(struct timeline *t, struct change *c, const char *text)
{
	const struct change *last = c > t->changes ? c - 1 : c;

	if (last->line == c->line && !strcmp(last->text, text)) {
		c->text = last->text;
		return 0;
	}
	if (strv_add(&t->texts, text) < 0)
		return -ENOMEM;
	c->text = t->texts.s[t->texts.n - 1];
	return 0;
}

/* Each direction has drawn its own: the change becomes two, of which the second comes last as yet. */
static int split(struct timeline *t, size_t i, const char *second)
{
	struct change c = t->changes[i];
	int r;

	if (strv_add(&t->texts, second) < 0)
		return -ENOMEM;
	c.text = t->texts.s[t->texts.n - 1];
	c.end[0] = false;
	r = timeline_add(t, &c);
	if (r == 0)
		t->changes[i].end[1] = false;
	return r;
}

/* What is drawn in the change's text becomes what was drawn. */
static int fix_draws(struct timeline *t, size_t i, const struct link_now *l)
{
	const bool *is = t->changes[i].end;
	_cleanup_free_ char *first = NULL, *second = NULL;
	int r = 0;

	if (is[0])
		first = resolve(&t->changes[i], &l->shape[0]);
	if (is[1])
		second = resolve(&t->changes[i], &l->shape[1]);
	if ((is[0] && !first) || (is[1] && !second))
		return -ENOMEM;
	if (first && second && strcmp(first, second) != 0)
		r = split(t, i, second);
	return r < 0 ? r : keep_resolved(t, &t->changes[i], first ? first : second);
}

/* One error for a line, however many links it names. */
static int check_change(struct net *net, size_t i, struct link_now *l, int *said, struct err *err)
{
	const struct change *c = &net->timeline.changes[i];
	struct ini_key k = {(char *)c->key, (char *)c->text, c->line};
	int result = 0;

	for (int end = 0; end < 2 && result == 0; end++) {
		_cleanup_free_ char *why = NULL;

		if (!c->end[end])
			continue;
		result = timeline_shape(net, c, end, &l->shape[end], &why);
		if (result == -EINVAL && *said != c->line)
			topo_bad_value(net, &k, why, err);
		if (result == -EINVAL)
			*said = c->line;
	}
	if (result == 0)
		result = fix_draws(&net->timeline, i, l);
	if (result == -E2BIG)
		return err_at(err, net->file, k.line,
			      "more than %d changes in [at TIME] sections, where each direction "
			      "draws its own", TIMELINE_MAX);
	if (result < 0 && result != -EINVAL)
		err_sys(err, -result, "reading changes");
	return result;
}

int timeline_finish(struct net *net, struct err *err)
{
	struct timeline *t = &net->timeline;
	_cleanup_free_ struct link_now **now = NULL;
	size_t read = t->n;
	int result = 0, said = 0;

	if (!t->n)
		return 0;
	now = calloc(net->n_links + 1, sizeof(struct link_now *));
	t->touches = calloc(net->n_links + 1, sizeof(*t->touches));
	if (!now || !t->touches)
		return err_sys(err, ENOMEM, "reading changes");
	qsort(t->changes, t->n, sizeof(*t->changes), compare_changes);
	for (size_t i = 0; i < read; i++) {
		const struct change *c = &t->changes[i];
		struct link_now *l;
		int r;

		if (c->kind != CHANGE_LINK)
			continue;
		t->touches[c->link] = true;
		l = link_now(net, now, c->link);
		r = l ? check_change(net, i, l, &said, err) : err_sys(err, ENOMEM, "reading changes");
		result = result ? result : r;
		if (r == -E2BIG)
			break;
	}
	qsort(t->changes, t->n, sizeof(*t->changes), compare_changes);
	for (size_t i = 0; i < net->n_links; i++) {
		for (int end = 0; now[i] && end < 2; end++)
			shape_clear(&now[i]->shape[end]);
		free(now[i]);
	}
	return result;
}
