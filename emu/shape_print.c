/* Writes shapes as text that reads back the same. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <string.h>

#include "emu/delay.h"
#include "emu/samples.h"
#include "emu/shape_internal.h"
#include "emu/trace.h"

#define TEXT 64 /* of a number */

static void put_time(FILE *f, int64_t ns)
{
	char buf[TEXT];

	fputs(units_format_time(buf, sizeof(buf), ns), f);
}

static void put_share(FILE *f, double share)
{
	char buf[TEXT];

	fputs(units_format_share(buf, sizeof(buf), share), f);
}

static void put_size(FILE *f, uint64_t bytes)
{
	char buf[TEXT];

	fputs(units_format_size(buf, sizeof(buf), bytes), f);
}

static void put_corr(FILE *f, double corr)
{
	if (corr <= 0)
		return;
	fputc(' ', f);
	put_share(f, corr);
}

static void print_rate(const struct shape *s, FILE *f)
{
	char buf[TEXT];

	if (s->rate)
		fputs(units_format_rate(buf, sizeof(buf), s->rate), f);
}

static void print_overhead(const struct shape *s, FILE *f)
{
	if (s->overhead)
		fprintf(f, "%" PRId32, s->overhead);
}

static void print_trace(const struct shape *s, FILE *f)
{
	if (s->trace)
		fputs(s->trace->path, f);
}

static void print_delay(const struct shape *s, FILE *f)
{
	if (s->samples) {
		fprintf(f, "samples(%s)", s->samples->path);
		put_corr(f, s->delay_corr);
		return;
	}
	if (!s->delay && !s->jitter)
		return;
	put_time(f, s->delay);
	if (!s->jitter)
		return;
	fputc(' ', f);
	put_time(f, s->jitter);
	put_corr(f, s->delay_corr);
	if (s->dist != DELAY_UNIFORM)
		fprintf(f, " %s", delay_dist_names[s->dist]);
}

static void print_model(const char *name, const double *p, size_t n, FILE *f)
{
	for (size_t i = 0; i < n; i++) {
		fputs(i ? ", " : name, f);
		put_share(f, p[i]);
	}
	fputc(')', f);
}

static void print_chance(double share, double corr, FILE *f)
{
	if (share <= 0)
		return;
	put_share(f, share);
	put_corr(f, corr);
}

static void print_loss(const struct shape *s, FILE *f)
{
	if (s->loss_model == LOSS_STATE)
		print_model("state(", s->loss_p, 5, f);
	else if (s->loss_model == LOSS_GEMODEL)
		print_model("gemodel(", s->loss_p, 4, f);
	else
		print_chance(s->loss, s->loss_corr, f);
}

static void print_ecn(const struct shape *s, FILE *f)
{
	if (s->ecn)
		fputs("yes", f);
}

static void print_duplicate(const struct shape *s, FILE *f)
{
	print_chance(s->duplicate, s->duplicate_corr, f);
}

static void print_corrupt(const struct shape *s, FILE *f)
{
	print_chance(s->corrupt, s->corrupt_corr, f);
}

static void print_reorder(const struct shape *s, FILE *f)
{
	print_chance(s->reorder, s->reorder_corr, f);
	if (s->reorder > 0 && s->gap > 1)
		fprintf(f, " gap %" PRIu32, s->gap);
}

static void print_slot(const struct shape *s, FILE *f)
{
	if (!s->slot_min)
		return;
	put_time(f, s->slot_min);
	if (s->slot_max != s->slot_min) {
		fputc(' ', f);
		put_time(f, s->slot_max);
	}
	if (s->slot_packets)
		fprintf(f, " packets %" PRIu32, s->slot_packets);
	if (s->slot_bytes) {
		fputs(" bytes ", f);
		put_size(f, s->slot_bytes);
	}
}

static void print_limit(const struct shape *s, FILE *f)
{
	if (s->limit)
		fprintf(f, "%" PRIu64, s->limit);
	if (s->limit && s->limit_bytes)
		fputc(' ', f);
	if (s->limit_bytes)
		put_size(f, s->limit_bytes);
}

static void print_queue(const struct shape *s, FILE *f)
{
	if (s->queue != QUEUE_CODEL)
		return;
	fputs("codel(", f);
	put_time(f, s->codel_target);
	fputs(", ", f);
	put_time(f, s->codel_interval);
	fputc(')', f);
}

/* In the order of shape_keys; each writes a value, or nothing where the key has none. */
static void (*const printers[])(const struct shape *s, FILE *f) = {
	print_rate, print_overhead, print_trace, print_delay, print_loss, print_ecn,
	print_duplicate, print_corrupt, print_reorder, print_slot, print_limit, print_queue,
};

/* Each key that has a value, as "before KEY between VALUE after". */
static void print_keys(const struct shape *s, const char *before, const char *between,
		       const char *after, FILE *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(printers); i++) {
		_cleanup_free_ char *value = NULL;
		size_t size = 0;
		FILE *one = open_memstream(&value, &size);

		if (!one)
			return;
		printers[i](s, one);
		if (fclose(one) == 0 && size)
			fprintf(f, "%s%s%s%s%s", before, shape_keys[i], between, value, after);
	}
}

void shape_print(const struct shape *s, const char *direction, FILE *f)
{
	char between[8];

	snprintf(between, sizeof(between), "%s = ", direction);
	print_keys(s, "", between, "\n", f);
}

char *shape_text(const struct shape *s)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	print_keys(s, ", ", "=", "", f);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	if (!size) {
		free(text);
		return strdup("none");
	}
	memmove(text, text + 2, size - 1);
	return text;
}
