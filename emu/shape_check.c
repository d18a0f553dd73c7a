/* What only a whole shape can tell, and changes of several keys at once. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "emu/delay.h"
#include "emu/shape_internal.h"

#define SPACE " \t\r\n"

static const char write_so[] = "write KEY=VALUE, as in 'delay=60ms 10ms, loss=1%'; a "
				"direction, > or <, stands before the first key";

/* Why it cannot be, and the key to change, or NULL. */
static const char *fault(const struct shape *s, const char **ret_key)
{
	*ret_key = "trace";
	if (s->rate && s->trace)
		return "a rate beside a trace; take one back with 'none'";
	*ret_key = "reorder";
	if (s->reorder > 0 && !s->delay)
		return "reorder needs a delay: a packet overtakes others by not waiting for it";
	*ret_key = "slot";
	if (s->slot_max < s->slot_min)
		return "a slot's longest time is under its shortest";
	*ret_key = "queue";
	if (s->queue == QUEUE_CODEL && !s->rate && !s->trace)
		return "queue = codel needs a rate or a trace: without, nothing queues";
	*ret_key = "ecn";
	if (s->ecn && !shape_has_loss(s) && s->queue != QUEUE_CODEL)
		return "ecn marks in place of a drop: it needs a loss or queue = codel";
	return NULL;
}

int shape_check_key(const struct shape *s, const char **ret_key, char **ret_why)
{
	struct shape_reader r = {.ret_why = ret_why};
	const char *why = fault(s, ret_key);
	char delay[40], jitter[40];

	*ret_why = NULL;
	if (why)
		return shape_refuse(&r, "%s", why);
	*ret_key = "delay";
	if (!shape_jitter_reorders(s))
		return 0;
	units_format_time(delay, sizeof(delay), s->delay);
	units_format_time(jitter, sizeof(jitter), s->jitter);
	return shape_refuse(&r,
			    "a jitter of %s over the delay of %s, with the distribution %s, would "
			    "cut delays at 0 and reorder packets",
			    jitter, delay, delay_dist_names[s->dist]);
}

int shape_check(const struct shape *s, char **ret_why)
{
	const char *key;

	return shape_check_key(s, &key, ret_why);
}

/* The length of "KEY", and of "KEY =" with the white space in it, when text begins so; else 0. */
static size_t key_at(const char *text, size_t *ret_len)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz"), space = strspn(text + n, SPACE);

	if (!n || text[n + space] != '=')
		return 0;
	*ret_len = n + space + 1;
	return n;
}

/* Where the value at text ends: before the next "KEY =" outside parentheses, or at the end. */
static const char *value_end(const char *text)
{
	int depth = 0;
	size_t ignored;

	for (const char *p = text; *p; p++) {
		depth += (*p == '(') - (*p == ')');
		if (depth <= 0 && p > text && strchr(SPACE ",", p[-1]) && key_at(p, &ignored))
			return p;
	}
	return text + strlen(text);
}

static int bad_key(const struct shape_reader *r, const char *key)
{
	size_t n = 0;
	const char *near;

	while (shape_keys[n])
		n++;
	near = err_nearest(key, shape_keys, n);
	return near ? shape_refuse(r, "unknown key '%.40s'; did you mean '%s'?", key, near)
		    : shape_refuse(r, "unknown key '%.40s'", key);
}

/* "key = value" with its reason, if any, said of that key. */
static int set_one(struct shape *s, const char *key, const char *value,
		   const struct shape_source *src, const struct shape_reader *r)
{
	_cleanup_free_ char *why = NULL;
	int n;

	if (!shape_is_key(key))
		return bad_key(r, key);
	n = shape_set(s, key, value, src, &why);
	return n == -EINVAL ? shape_refuse(r, "%s=%.60s: %s", key, value, why) : n;
}

static int apply(struct shape *s, const char *text, const struct shape_source *src,
		 const struct shape_reader *r)
{
	for (const char *p = text; *p;) {
		size_t len = 0, n = key_at(p, &len);
		const char *start = p + len + strspn(p + len, SPACE), *next, *end;
		_cleanup_free_ char *key = NULL, *value = NULL;
		int ret;

		if (!n)
			return shape_refuse(r, "%s", write_so);
		next = end = value_end(start);
		while (end > start && strchr(SPACE ",", end[-1]))
			end--;
		key = strndup(p, n);
		value = strndup(start, (size_t)(end - start));
		if (!key || !value)
			return -ENOMEM;
		ret = set_one(s, key, value, src, r);
		if (ret < 0)
			return ret;
		p = next;
	}
	return 0;
}

int shape_change(struct shape *s, const char *text, const struct shape_source *src, char **ret_why)
{
	_cleanup_free_ char *why = NULL;
	struct shape_reader r = {.ret_why = &why};
	_cleanup_shape_ struct shape new = {0};
	int n = 0;

	text += strspn(text, SPACE ",");
	if (!*text)
		n = shape_refuse(&r, "%s", write_so);
	else if (strcmp(text, "none") != 0) {
		shape_copy(&new, s);
		n = apply(&new, text, src, &r);
	}
	if (n == 0)
		n = shape_check(&new, &why);
	if (n < 0) {
		*ret_why = steal_ptr(why);
		return n;
	}
	shape_clear(s);
	*s = new;
	new = (struct shape){0};
	return 0;
}
