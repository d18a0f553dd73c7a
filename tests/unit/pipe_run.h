/* Drives a pipe by virtual time and keeps what comes out; for the tests of pipes. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_UNIT_PIPE_RUN_H
#define TESTS_UNIT_PIPE_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/units.h"
#include "emu/shaper/pipe.h"

#define MTU	  1500
#define EVENTS	  200000

struct event {
	uint64_t n;
	int64_t at, arrived, queued, delay;
	uint32_t len, ones; /* bits that are set behind the Ethernet header */
	uint8_t verdict, copy;
	bool corrupted, marked, reordered;
};

/* What came out of a pipe, in the order in which it was handed over. */
static struct {
	struct event event[EVENTS];
	size_t n;
	int64_t wish;
	bool no_memory;
} seen;

static void keep(struct parcel *p, enum verdict verdict, int64_t at)
{
	struct event *e = &seen.event[seen.n++];

	assert_true(seen.n <= EVENTS);
	*e = (struct event){.n = p->n, .at = at, .arrived = p->arrived, .queued = p->queued,
			    .delay = p->delay, .len = p->len, .verdict = (uint8_t)verdict,
			    .copy = p->copy, .corrupted = p->corrupted, .marked = p->marked,
			    .reordered = p->reordered};
	for (uint32_t i = 14; i < p->len; i++)
		e->ones += (uint32_t)__builtin_popcount(p->data[i]);
	free(p);
}

static void deliver(void *arg, struct parcel *p, int64_t at)
{
	assert_ptr_equal(arg, &seen);
	keep(p, FATE_DELIVERED, at);
}

static void drop(void *arg, struct parcel *p, enum verdict why, int64_t at)
{
	assert_int_not_equal(why, FATE_DELIVERED);
	keep(p, why, at);
}

static struct parcel *clone(void *arg, const struct parcel *p)
{
	struct parcel *copy = seen.no_memory ? NULL : malloc(sizeof(*p) + p->len);

	if (copy)
		memcpy(copy, p, sizeof(*p) + p->len);
	return copy;
}

static void serve_at(void *arg, struct pipe *pipe, int64_t at)
{
	seen.wish = at;
}

static const struct pipe_ops ops = {deliver, drop, clone, serve_at};

static struct pipe *open_pipe(const struct shape *s, uint64_t seed)
{
	struct pipe *p;

	seen.n = 0;
	seen.wish = INT64_MAX;
	assert_int_equal(pipe_new(s, MTU, seed, "link/h1-eth0", 0, &ops, &seen, &p), 0);
	assert_ptr_equal(pipe_arg(p), &seen);
	assert_ptr_equal(pipe_of_timer(pipe_timer(p)), p);
	return p;
}

/* Serves it when it wishes to be, up to a time. */
static void run(struct pipe *p, int64_t until)
{
	while (seen.wish <= until) {
		int64_t at = seen.wish;

		pipe_serve(p, at);
		assert_true(seen.wish > at || seen.wish == INT64_MAX);
	}
}

static void in(struct pipe *p, int64_t at, uint32_t len)
{
	struct parcel *parcel = calloc(1, sizeof(*parcel) + len);

	assert_non_null(parcel);
	parcel->len = parcel->cap = len;
	parcel->arrived = at;
	if (len >= 34) { /* IPv4 that heeds marks */
		parcel->data[12] = 8;
		parcel->data[14] = 0x45;
		parcel->data[15] = 2;
	}
	run(p, at - 1);
	pipe_in(p, parcel);
}

static uint64_t count(enum verdict v)
{
	uint64_t n = 0;

	for (size_t i = 0; i < seen.n; i++)
		n += seen.event[i].verdict == v;
	return n;
}

static void close_pipe(struct pipe *p)
{
	const struct pipe_stats st = *pipe_stats(p);
	uint64_t out = 0;

	run(p, INT64_MAX - 1);
	for (int v = 0; v < FATE_VERDICTS; v++)
		out += count(v);
	assert_int_equal(out, st.in + st.duplicated);
	assert_int_equal(pipe_stats(p)->verdict[FATE_DELIVERED], count(FATE_DELIVERED));
	pipe_free(p);
	assert_int_equal(out, seen.n);
}

#endif
