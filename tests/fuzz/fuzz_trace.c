/* Fuzzes the files of a link: an accepted trace rises and has its period, quantiles are in bounds. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <sys/mman.h>
#include "core/units.h"
#include "emu/samples.h"
#include "emu/trace.h"
#include "tests/fuzz/fuzz.h"

static void need(int truth)
{
	if (!truth)
		abort();
}

static void try_trace(const char *path)
{
	_cleanup_err_ struct err err = {0};
	struct trace *t;

	if (trace_load(NULL, path, &t, &err) < 0) {
		need(err.n == 1 && err.items[0].file);
		return;
	}
	need(t->n > 0 && t->ms[t->n - 1] > 0 && trace_rate(t) > 0);
	for (uint64_t k = 1; k < 2 * t->n + 2; k++)
		need(trace_at(t, k) >= trace_at(t, k - 1));
	need(trace_at(t, t->n) == (int64_t)(t->ms[t->n - 1] + (uint64_t)t->ms[0]) * NSEC_PER_MSEC);
	trace_unref(t);
}

static void try_samples(const char *path)
{
	_cleanup_err_ struct err err = {0};
	struct samples *s;

	if (samples_load(NULL, path, &s, &err) < 0) {
		need(err.n == 1 && err.items[0].file);
		return;
	}
	need(s->n >= 2 && isfinite(s->mean) && isfinite(s->sd) && s->sd >= 0);
	for (double p = 0; p < 1; p += 1.0 / 64)
		need(samples_quantile(s, p) >= (double)s->ns[0] &&
		     samples_quantile(s, p) <= (double)s->ns[s->n - 1]);
	samples_unref(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[40];
	int fd = memfd_create("trace", MFD_CLOEXEC);

	need(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	try_trace(path);
	try_samples(path);
	close(fd);
	return 0;
}
