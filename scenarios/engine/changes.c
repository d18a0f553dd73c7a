/* Keeps what became of the timeline's changes; see changes.h. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "core/units.h"
#include "emu/net.h"
#include "scenarios/engine/changes.h"

void changes_free(struct changes *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->kept[i].error);
	free(c->kept);
	memset(c, 0, sizeof(*c));
}

void changes_add(void *arg, const struct change_done *done)
{
	struct changes *c = arg;
	struct change_kept *more, one = { .change = done->change, .at = done->at };

	if (done->error)
		one.error = strdup(done->error);
	more = reallocarray(c->kept, c->n + 1, sizeof(*more));
	if (more)
		c->kept = more;
	if (!more || (done->error && !one.error)) {
		c->lost = true;
		free(one.error);
		return;
	}
	c->kept[c->n++] = one;
}

size_t changes_left(const struct changes *c, const struct net *net)
{
	return net->timeline.n - c->n;
}

static int put_one(const struct net *net, const struct change *change, const struct change_kept *k,
		   struct json *j)
{
	_cleanup_free_ char *text = timeline_text(net, change);

	if (!text)
		return -ENOMEM;
	json_object(j);
	json_kv_num(j, "at", (double)change->at / NSEC_PER_SEC);
	json_kv_num(j, "ts", k ? (double)(k->at / NSEC_PER_USEC) / 1e6 : NAN); /* NAN: null */
	json_kv_str(j, "change", text);
	json_kv_int(j, "line", change->line);
	json_kv_str(j, "error", k ? k->error : NULL);
	json_object_end(j);
	return 0;
}

int changes_put(const struct changes *c, const struct net *net, struct json *j)
{
	const struct timeline *t = &net->timeline;
	int r = c->lost ? -ENOMEM : 0;

	json_key(j, "changes");
	json_array(j);
	for (size_t i = 0; i < c->n && r == 0; i++)
		r = put_one(net, c->kept[i].change, &c->kept[i], j);
	/* They come in their order, so what is left are the last. */
	for (size_t i = c->n; i < t->n && r == 0; i++)
		r = put_one(net, &t->changes[i], NULL, j);
	json_array_end(j);
	return r;
}

int changes_check(const struct changes *c, const struct net *net, struct err *err)
{
	const struct change_kept *first = NULL;
	_cleanup_free_ char *text = NULL;
	size_t failed = 0;
	char at[40];

	for (size_t i = 0; i < c->n; i++) {
		if (!c->kept[i].error)
			continue;
		failed++;
		if (!first)
			first = &c->kept[i];
	}
	if (!first)
		return 0;
	text = timeline_text(net, first->change);
	if (!text)
		return -ENOMEM;
	units_format_time(at, sizeof(at), first->change->at);
	if (failed == 1)
		return err_failed(err, "line %d: at %s '%s' failed: %s", first->change->line, at,
				  text, first->error);
	return err_failed(err, "line %d: at %s '%s' failed: %s; so did %zu other changes (see "
			  "changes in manifest.json)", first->change->line, at, text, first->error,
			  failed - 1);
}
