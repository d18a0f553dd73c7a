/* What a link does to packets: copied, compared, and its queue sized. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/shape.h"

#include <math.h>

#include "core/units.h"
#include "emu/samples.h"
#include "emu/trace.h"

#define QUEUE_TIME	(100 * NSEC_PER_MSEC)
#define QUEUE_BYTES_MIN 32000
#define FRAME_HEAD	14 /* an Ethernet header */

void shape_copy(struct shape *dst, const struct shape *src)
{
	*dst = *src;
	trace_ref(dst->trace);
	samples_ref(dst->samples);
}

void shape_clear(struct shape *s)
{
	trace_unref(s->trace);
	samples_unref(s->samples);
	*s = (struct shape){0};
}

static bool same_delay(const struct shape *a, const struct shape *b)
{
	return a->delay == b->delay && a->jitter == b->jitter && a->delay_corr == b->delay_corr &&
	       a->dist == b->dist && samples_equal(a->samples, b->samples);
}

static bool same_loss(const struct shape *a, const struct shape *b)
{
	for (size_t i = 0; i < sizeof(a->loss_p) / sizeof(a->loss_p[0]); i++)
		if (a->loss_p[i] != b->loss_p[i])
			return false;
	return a->loss_model == b->loss_model && a->loss == b->loss &&
	       a->loss_corr == b->loss_corr && a->ecn == b->ecn;
}

static bool same_chances(const struct shape *a, const struct shape *b)
{
	return a->duplicate == b->duplicate && a->duplicate_corr == b->duplicate_corr &&
	       a->corrupt == b->corrupt && a->corrupt_corr == b->corrupt_corr &&
	       a->reorder == b->reorder && a->reorder_corr == b->reorder_corr && a->gap == b->gap;
}

static bool same_queue(const struct shape *a, const struct shape *b)
{
	return a->queue == b->queue && a->codel_target == b->codel_target &&
	       a->codel_interval == b->codel_interval && a->limit == b->limit &&
	       a->limit_bytes == b->limit_bytes;
}

bool shape_equal(const struct shape *a, const struct shape *b)
{
	return a->rate == b->rate && a->overhead == b->overhead &&
	       trace_equal(a->trace, b->trace) && same_delay(a, b) && same_loss(a, b) &&
	       same_chances(a, b) && a->slot_min == b->slot_min && a->slot_max == b->slot_max &&
	       a->slot_packets == b->slot_packets && a->slot_bytes == b->slot_bytes &&
	       same_queue(a, b);
}

bool shape_has_loss(const struct shape *s)
{
	switch (s->loss_model) {
	case LOSS_RANDOM:
		return s->loss > 0;
	case LOSS_STATE:
		return s->loss_p[0] > 0 || s->loss_p[4] > 0;
	case LOSS_GEMODEL:
		return (s->loss_p[0] > 0 && s->loss_p[2] > 0) || s->loss_p[3] > 0;
	}
	return false;
}

bool shape_beyond_rate(const struct shape *s)
{
	return s->trace || s->delay || s->jitter || s->samples || shape_has_loss(s) ||
	       s->duplicate > 0 || s->corrupt > 0 || s->reorder > 0 || s->slot_min ||
	       s->slot_max || s->queue != QUEUE_DROPTAIL;
}

bool shape_is_none(const struct shape *s)
{
	return !s->rate && !shape_beyond_rate(s);
}

void shape_queue(const struct shape *s, uint32_t mtu, uint64_t *ret_packets, uint64_t *ret_bytes)
{
	double rate = s->trace ? trace_rate(s->trace) : (double)s->rate;
	double time = fmax(QUEUE_TIME, 2.0 * (double)s->delay), bytes;

	*ret_packets = s->limit;
	*ret_bytes = s->limit_bytes;
	if (s->limit || s->limit_bytes)
		return;
	bytes = fmin(fmax(rate / 8 * time / NSEC_PER_SEC, QUEUE_BYTES_MIN), UINT32_MAX);
	bytes = fmax(bytes, 2.0 * (mtu + FRAME_HEAD));
	*ret_bytes = (uint64_t)bytes;
}
