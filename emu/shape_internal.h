/* What the files that read and write shapes as text share; nobody else's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SHAPE_INTERNAL_H
#define EMU_SHAPE_INTERNAL_H

#include "core/units.h"
#include "emu/shape.h"

#define SHAPE_TIME_MAX (3600 * NSEC_PER_SEC)
#define SHAPE_RATE_MAX 1000000000000000ull /* 1,000 tbit */
#define SHAPE_WORDS    8

/* One value being read. */
struct shape_reader {
	const struct shape_source *src;
	const char *key, *value;
	char **ret_why;
	bool drew; /* one of its numbers was drawn, so it must be made to fit, not refused */
};

/* -EINVAL with this reason, in place of an earlier one; -ENOMEM. */
int shape_refuse(const struct shape_reader *r, const char *fmt, ...) printf_like(2, 3);

/* The first error of a file becomes the reason, with its place. */
int shape_refuse_file(const struct shape_reader *r, const struct err *err);
/* Can it be a file's name? use is for the message, as ", as in samples(delays.txt)". */
int shape_check_name(const struct shape_reader *r, const char *name, const char *use);

/* Parts of a text, at white space or at commas, but not inside parentheses. */
struct shape_words {
	char *text, *w[SHAPE_WORDS];
	size_t n;
};
void shape_words_free(struct shape_words *w);
#define _cleanup_words_ _cleanup_(shape_words_free)
int shape_split(const struct shape_reader *r, const char *text, bool at_commas,
		struct shape_words *ret);
/* Is the word "name(...)"? Then *ret_args is what is inside, malloc'd. 1, 0 or -ENOMEM. */
int shape_call(const char *word, const char *name, char **ret_args);

/* Numbers, or draws of them. place tells those of one key apart, from 0. */
int shape_time(struct shape_reader *r, int place, const char *word, int64_t min, int64_t *ret);
int shape_share(struct shape_reader *r, int place, const char *word, double *ret);
int shape_rate(struct shape_reader *r, int place, const char *word, uint64_t *ret);
int shape_size(struct shape_reader *r, int place, const char *word, uint64_t min, uint64_t *ret);
int shape_bytes(struct shape_reader *r, int place, const char *word, int32_t *ret); /* signed */
int shape_count(struct shape_reader *r, int place, const char *word, uint32_t min, uint64_t *ret);

/* Of the key delay, in a shape whose delay is none. */
int shape_set_delay(struct shape_reader *r, const char *value, struct shape *s);
/* Would delays be cut at 0? Then packets overtake each other unasked. */
bool shape_jitter_reorders(const struct shape *s);

#endif
