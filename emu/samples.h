/* Measured delays from a file, one a line with its unit ("12.5ms") or a bare number of milliseconds. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SAMPLES_H
#define EMU_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"

struct samples {
	unsigned refs; /* atomic */
	char *path;    /* as a trace's */
	int64_t *ns;   /* ascending */
	size_t n;      /* at least 2 */
	double mean, sd; /* ns, of what samples_quantile() gives for uniform p */
};

/* Errors carry the file's own name and line. */
int samples_load(const char *dir, const char *path, struct samples **ret, struct err *err);
struct samples *samples_ref(struct samples *s);
void samples_unref(struct samples *s);
bool samples_equal(const struct samples *a, const struct samples *b);
/* The quantile at p in [0, 1), between neighbours on a line. */
double samples_quantile(const struct samples *s, double p);

#endif
