/* Fuzzes shapes: what is accepted is legal, and reads back equal, as a whole and key by key. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <string.h>
#include "emu/shape.h"
#include "tests/fuzz/fuzz.h"

static void need(int truth)
{
	if (!truth)
		abort();
}

static int is_share(double x)
{
	return x >= 0 && x <= 1;
}

static void check_ranges(const struct shape *s)
{
	uint64_t packets, bytes;

	need(s->delay >= 0 && s->jitter >= 0 && is_share(s->delay_corr));
	need(is_share(s->loss) && is_share(s->loss_corr));
	for (int i = 0; i < 5; i++)
		need(is_share(s->loss_p[i]));
	need(is_share(s->duplicate) && is_share(s->duplicate_corr));
	need(is_share(s->corrupt) && is_share(s->corrupt_corr));
	need(is_share(s->reorder) && is_share(s->reorder_corr));
	need(s->slot_min >= 0 && s->slot_max >= s->slot_min);
	need((s->queue == QUEUE_CODEL) == (s->codel_target > 0));
	need(s->codel_interval >= s->codel_target);
	shape_queue(s, 1500, &packets, &bytes);
	need(packets || bytes);
}

/* The lines that shape_print() writes, each set on an empty shape. */
static void read_lines(const struct shape *s)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_shape_ struct shape back = {0};
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	need(f != NULL);
	shape_print(s, "", f);
	need(!fclose(f));
	for (char *line = text, *next; *line; line = next) {
		char *eq = strstr(line, " = "), *why = NULL;

		next = strchr(line, '\n') + 1;
		next[-1] = '\0';
		need(eq != NULL);
		*eq = '\0';
		need(!shape_set(&back, line, eq + 3, NULL, &why));
	}
	need(shape_equal(s, &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_shape_ struct shape s = {0}, back = {0};
	_cleanup_free_ char *in = NULL, *text = NULL, *why = NULL;
	struct shape_source src = {.seed = 1, .path = "fuzz"};
	int r;

	if (size > 4096)
		return 0;
	in = strndup((const char *)data, size);
	need(in != NULL);
	r = shape_change(&s, in, &src, &why);
	need(!r || (r == -EINVAL && why && *why && shape_is_none(&s)));
	if (r)
		return 0;
	check_ranges(&s);
	text = shape_text(&s);
	need(text != NULL);
	need(!shape_change(&back, text, NULL, &why) && shape_equal(&s, &back));
	read_lines(&s);
	return 0;
}
