/*
 * Reads the keys of a shape.
 *
 * Each key has a row: what takes its fields back to nothing, and what fills them from text. A value
 * is brought to one form (a correlation of nothing is 0, a distribution without jitter is none), so
 * that equal shapes are written alike.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "emu/samples.h"
#include "emu/shape_internal.h"
#include "emu/trace.h"

#define CODEL_TARGET   (5 * NSEC_PER_MSEC) /* RFC 8289, section 4.4 */
#define CODEL_INTERVAL (100 * NSEC_PER_MSEC)

static int set_rate(struct shape_reader *r, const char *value, struct shape *s)
{
	return shape_rate(r, 0, value, &s->rate);
}

static int set_overhead(struct shape_reader *r, const char *value, struct shape *s)
{
	return shape_bytes(r, 0, value, &s->overhead);
}

static int set_trace(struct shape_reader *r, const char *value, struct shape *s)
{
	_cleanup_err_ struct err err = {0};
	int n = shape_check_name(r, value, "");

	if (n < 0)
		return n;
	return trace_load(r->src->dir, value, &s->trace, &err) < 0 ? shape_refuse_file(r, &err) : 0;
}

/* ---- loss and the other chances ---- */

/* The shares in "name(a, b, …)", those not given as *p has them. */
static int set_model(struct shape_reader *r, const char *args, size_t max, double *p, size_t *ret_n)
{
	_cleanup_words_ struct shape_words w = {0};
	int n = shape_split(r, args, true, &w);

	if (n == 0 && w.n > max)
		return shape_refuse(r, "at most %zu shares", max);
	for (size_t i = 0; i < w.n && n == 0; i++)
		n = shape_share(r, (int)i, w.w[i], &p[i]);
	*ret_n = w.n;
	return n;
}

/* What is left of a whole, as the nearest share that can be written. */
static double rest_of(double share)
{
	return round((1 - share) * 1e12) / 1e12;
}

static int check_sum(const struct shape_reader *r, double a, double b, const char *sum)
{
	return a + b > 1 + 1e-9 ? shape_refuse(r, "%s is over 100%%", sum) : 0;
}

/* The state that loses is left with p31 to the gap or with p32 to the burst, that one with p23. */
static int set_loss_state(struct shape_reader *r, const char *args, struct shape *s)
{
	double p[5] = {0, NAN, 0, 1, 0};
	size_t given = 0;
	int n = set_model(r, args, 5, p, &given);

	if (n < 0)
		return n;
	if (isnan(p[1]))
		p[1] = rest_of(p[0]);
	n = check_sum(r, p[0], p[4], "p13 + p14");
	if (n == 0)
		n = check_sum(r, p[1], p[2], "p31 + p32");
	if (n == 0 && p[0] > 0 && given > 1 && p[1] + p[2] <= 0)
		n = shape_refuse(r, "with p31 and p32 of 0%% the first loss never ends");
	if (n == 0 && p[0] > 0 && p[2] > 0 && p[3] <= 0)
		n = shape_refuse(r, "with p23 of 0%% a burst never loses again; leave p32 out");
	s->loss_model = LOSS_STATE;
	memcpy(s->loss_p, p, sizeof(p));
	return n;
}

static int set_loss_gemodel(struct shape_reader *r, const char *args, struct shape *s)
{
	double p[5] = {0, NAN, 1, 0, 0};
	size_t given = 0;
	int n = set_model(r, args, 4, p, &given);

	if (n < 0)
		return n;
	if (isnan(p[1]))
		p[1] = rest_of(p[0]);
	if (p[0] > 0 && given > 1 && p[1] <= 0)
		return shape_refuse(r, "with r of 0%% the bad state never ends");
	s->loss_model = LOSS_GEMODEL;
	memcpy(s->loss_p, p, sizeof(p));
	return 0;
}

/* "1%" or "1% 25%" from word at; a correlation of nothing is nothing. */
static int set_chance(struct shape_reader *r, const struct shape_words *w, size_t words,
		      double *share, double *corr)
{
	int n;

	if (words < 1 || words > 2)
		return shape_refuse(r, "write a share and, if need be, a correlation, as in '1%% "
				       "25%%'");
	n = shape_share(r, 0, w->w[0], share);
	if (n == 0 && words > 1)
		n = shape_share(r, 1, w->w[1], corr);
	if (*share <= 0)
		*corr = 0;
	return n;
}

static int set_loss(struct shape_reader *r, const char *value, struct shape *s)
{
	_cleanup_words_ struct shape_words w = {0};
	_cleanup_free_ char *args = NULL;
	int n = shape_split(r, value, false, &w);

	if (n < 0)
		return n;
	if (w.n == 1 && (n = shape_call(w.w[0], "state", &args)) > 0)
		n = set_loss_state(r, args, s);
	else if (n == 0 && w.n == 1 && (n = shape_call(w.w[0], "gemodel", &args)) > 0)
		n = set_loss_gemodel(r, args, s);
	else if (n == 0)
		n = set_chance(r, &w, w.n, &s->loss, &s->loss_corr);
	if (n == 0 && !shape_has_loss(s)) {
		memset(s->loss_p, 0, sizeof(s->loss_p));
		s->loss_model = LOSS_RANDOM;
	}
	return n;
}

static int set_ecn(struct shape_reader *r, const char *value, struct shape *s)
{
	const char *why = NULL;

	return units_parse_bool(value, &s->ecn, &why) < 0 ? shape_refuse(r, "%s", why) : 0;
}

static int set_duplicate(struct shape_reader *r, const char *value, struct shape *s)
{
	_cleanup_words_ struct shape_words w = {0};
	int n = shape_split(r, value, false, &w);

	return n < 0 ? n : set_chance(r, &w, w.n, &s->duplicate, &s->duplicate_corr);
}

static int set_corrupt(struct shape_reader *r, const char *value, struct shape *s)
{
	_cleanup_words_ struct shape_words w = {0};
	int n = shape_split(r, value, false, &w);

	return n < 0 ? n : set_chance(r, &w, w.n, &s->corrupt, &s->corrupt_corr);
}

/* "25%", "25% 50%", either with "gap 5" behind it. */
static int set_reorder(struct shape_reader *r, const char *value, struct shape *s)
{
	_cleanup_words_ struct shape_words w = {0};
	int n = shape_split(r, value, false, &w);
	bool has_gap;
	uint64_t gap = 0;

	if (n < 0)
		return n;
	has_gap = w.n > 2 && !strcmp(w.w[w.n - 2], "gap");
	n = set_chance(r, &w, w.n - 2 * has_gap, &s->reorder, &s->reorder_corr);
	if (n == 0 && has_gap)
		n = shape_count(r, 2, w.w[w.n - 1], 1, &gap);
	s->gap = s->reorder > 0 && gap > 1 ? (uint32_t)gap : 0;
	return n;
}

/* ---- slots and the queue ---- */

/* "10ms", "10ms 20ms", with "packets 32" and "bytes 64KiB" behind. */
static int set_slot(struct shape_reader *r, const char *value, struct shape *s)
{
	_cleanup_words_ struct shape_words w = {0};
	int n = shape_split(r, value, false, &w);
	uint64_t packets = 0;
	size_t at = 1;

	if (n == 0 && !w.n)
		n = shape_refuse(r, "write a time, as in '10ms' or '10ms 20ms packets 32'");
	if (n == 0)
		n = shape_time(r, 0, w.w[0], 1, &s->slot_min);
	s->slot_max = s->slot_min;
	if (n == 0 && w.n > 1 && strpbrk(w.w[1], "(0123456789"))
		n = shape_time(r, 1, w.w[at++], 1, &s->slot_max);
	if (r->drew && s->slot_max < s->slot_min)
		s->slot_max = s->slot_min;
	for (; n == 0 && at < w.n; at += 2) {
		const char *number = at + 1 < w.n ? w.w[at + 1] : "";

		if (!strcmp(w.w[at], "packets") && !packets)
			n = shape_count(r, 2, number, 1, &packets);
		else if (!strcmp(w.w[at], "bytes") && !s->slot_bytes)
			n = shape_size(r, 3, number, 1, &s->slot_bytes);
		else
			n = shape_refuse(r, "'%s': after the times stand 'packets NUMBER' and "
					    "'bytes SIZE'", w.w[at]);
	}
	s->slot_packets = (uint32_t)packets;
	return n;
}

/* Is it a size, "64KiB", and not a number of packets? */
static bool is_size(const char *word)
{
	const char *b = strchr(word, 'B');

	return b && b > word && strchr("0123456789kKMGTi", b[-1]);
}

static int set_limit(struct shape_reader *r, const char *value, struct shape *s)
{
	_cleanup_words_ struct shape_words w = {0};
	int n = shape_split(r, value, false, &w);

	if (n == 0 && (w.n < 1 || w.n > 2))
		n = shape_refuse(r, "write a number of packets, a size or both, as in "
				    "'1000 64KiB'");
	for (size_t i = 0; i < w.n && n == 0; i++) {
		if (is_size(w.w[i]) ? s->limit_bytes : s->limit)
			n = shape_refuse(r, "write a number of packets, a size or both, as in "
					    "'1000 64KiB'");
		else if (is_size(w.w[i]))
			n = shape_size(r, 1, w.w[i], 1, &s->limit_bytes);
		else
			n = shape_count(r, 0, w.w[i], 1, &s->limit);
	}
	return n;
}

static int set_codel(struct shape_reader *r, const char *args, struct shape *s)
{
	_cleanup_words_ struct shape_words w = {0};
	int n = shape_split(r, args, true, &w);

	s->queue = QUEUE_CODEL;
	s->codel_target = CODEL_TARGET;
	s->codel_interval = CODEL_INTERVAL;
	if (n == 0 && w.n > 2)
		n = shape_refuse(r, "codel takes a target and an interval, as in "
				    "codel(5ms, 100ms)");
	if (n == 0 && w.n > 0)
		n = shape_time(r, 0, w.w[0], 1, &s->codel_target);
	if (n == 0 && w.n > 1)
		n = shape_time(r, 1, w.w[1], 1, &s->codel_interval);
	if (n == 0 && s->codel_interval < s->codel_target && r->drew)
		s->codel_interval = s->codel_target;
	if (n == 0 && s->codel_interval < s->codel_target)
		n = shape_refuse(r, "codel's interval is under its target");
	return n;
}

static int set_queue(struct shape_reader *r, const char *value, struct shape *s)
{
	_cleanup_free_ char *args = NULL;
	int n = shape_call(value, "codel", &args);

	if (n < 0)
		return n;
	if (n || !strcmp(value, "codel"))
		return set_codel(r, n ? args : "5ms", s);
	if (!strcmp(value, "droptail"))
		return 0;
	return shape_refuse(r, "use droptail, codel or codel(5ms, 100ms)");
}

/* ---- all keys ---- */

static void drop_rate(struct shape *s)
{
	s->rate = 0;
}

static void drop_overhead(struct shape *s)
{
	s->overhead = 0;
}

static void drop_trace(struct shape *s)
{
	trace_unref(s->trace);
	s->trace = NULL;
}

static void drop_delay(struct shape *s)
{
	samples_unref(s->samples);
	s->samples = NULL;
	s->delay = s->jitter = 0;
	s->delay_corr = 0;
	s->dist = DELAY_UNIFORM;
}

static void drop_loss(struct shape *s)
{
	s->loss_model = LOSS_RANDOM;
	s->loss = s->loss_corr = 0;
	memset(s->loss_p, 0, sizeof(s->loss_p));
}

static void drop_ecn(struct shape *s)
{
	s->ecn = false;
}

static void drop_duplicate(struct shape *s)
{
	s->duplicate = s->duplicate_corr = 0;
}

static void drop_corrupt(struct shape *s)
{
	s->corrupt = s->corrupt_corr = 0;
}

static void drop_reorder(struct shape *s)
{
	s->reorder = s->reorder_corr = 0;
	s->gap = 0;
}

static void drop_slot(struct shape *s)
{
	s->slot_min = s->slot_max = 0;
	s->slot_packets = 0;
	s->slot_bytes = 0;
}

static void drop_limit(struct shape *s)
{
	s->limit = s->limit_bytes = 0;
}

static void drop_queue(struct shape *s)
{
	s->queue = QUEUE_DROPTAIL;
	s->codel_target = s->codel_interval = 0;
}

static const struct shape_row {
	const char *key;
	void (*drop)(struct shape *s);
	int (*set)(struct shape_reader *r, const char *value, struct shape *s);
} rows[] = {
	{"rate", drop_rate, set_rate},
	{"overhead", drop_overhead, set_overhead},
	{"trace", drop_trace, set_trace},
	{"delay", drop_delay, shape_set_delay},
	{"loss", drop_loss, set_loss},
	{"ecn", drop_ecn, set_ecn},
	{"duplicate", drop_duplicate, set_duplicate},
	{"corrupt", drop_corrupt, set_corrupt},
	{"reorder", drop_reorder, set_reorder},
	{"slot", drop_slot, set_slot},
	{"limit", drop_limit, set_limit},
	{"queue", drop_queue, set_queue},
};

const char *const shape_keys[] = {"rate",      "overhead", "trace",   "delay", "loss",
				  "ecn",       "duplicate", "corrupt", "reorder", "slot",
				  "limit",     "queue",	    NULL};

static const struct shape_row *find_row(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(key, rows[i].key))
			return &rows[i];
	return NULL;
}

bool shape_is_key(const char *key)
{
	return find_row(key) != NULL;
}

int shape_set(struct shape *s, const char *key, const char *value, const struct shape_source *src,
	      char **ret_why)
{
	static const struct shape_source nowhere;
	const struct shape_row *row = find_row(key);
	_cleanup_free_ char *why = NULL;
	struct shape_reader r = {
		.src = src ? src : &nowhere, .key = key, .value = value, .ret_why = &why};
	_cleanup_shape_ struct shape new;
	int n = 0;

	shape_copy(&new, s);
	if (!row)
		n = shape_refuse(&r, "unknown key '%s'", key);
	else
		row->drop(&new);
	if (row && strcmp(value, "none") != 0)
		n = row->set(&r, value, &new);
	if (n < 0) {
		*ret_why = steal_ptr(why);
		return n;
	}
	shape_clear(s);
	*s = new;
	new = (struct shape){0};
	return 0;
}
