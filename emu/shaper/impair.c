/* Draws what the next packet meets: a fixed number of values from each impairment's own stream. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "emu/shaper/impair.h"

#include <math.h>
#include <string.h>
#include "emu/samples.h"
#include "emu/shaper/quantile.h"

static const char *const stream_names[IMPAIR_STREAMS] = {
	[IMPAIR_DELAY] = "delay",	  [IMPAIR_LOSS] = "loss",
	[IMPAIR_DUPLICATE] = "duplicate", [IMPAIR_CORRUPT] = "corrupt",
	[IMPAIR_REORDER] = "reorder",	  [IMPAIR_SLOT] = "slot",
};

#define DELAY_MAX (INT64_MAX / 4) /* ns: sums of a few do not overflow */

/* ---- a stream's values ---- */

int impair_init(struct impair *im, uint64_t seed, const char *path)
{
	memset(im, 0, sizeof(*im));
	for (int i = 0; i < IMPAIR_STREAMS; i++) {
		rng_open(&im->rng[i], seed, "%s/%s", path, stream_names[i]);
		im->last[i] = i == IMPAIR_DELAY ? rng_normal(&im->rng[i]) : -1;
	}
	return 0;
}

void impair_clear(struct impair *im)
{
	quantiles_put(im->table);
	memset(im, 0, sizeof(*im));
}

int impair_set(struct impair *im, const struct shape *s)
{
	struct quantiles *table;
	int r = quantiles_get(s, &table);

	if (r)
		return r;
	quantiles_put(im->table);
	im->table = table;
	return 0;
}

/* Does it happen to this packet? One step of a chain with this share and correlation. */
static bool happens(struct impair *im, enum impair_stream stream, double share, double corr)
{
	double u = rng_unit(&im->rng[stream]), last = im->last[stream];

	if (last >= 0)
		share = share * (1 - corr) + corr * last;
	im->last[stream] = u < share;
	return u < share;
}

/* ---- loss ---- */

/* tc-netem(8)'s four states, by Salsano and others' numbers; each packet makes one transition. */
enum { STATE_RECEIVED = 0, STATE_LOST_BURST, STATE_RECEIVED_BURST, STATE_LOST_ALONE };

static bool loss_state(struct impair *im, const double *p, double u)
{
	const double p13 = p[0], p31 = p[1], p32 = p[2], p23 = p[3], p14 = p[4];

	switch (im->loss_state) {
	case STATE_RECEIVED:
		if (u < p14)
			im->loss_state = STATE_LOST_ALONE;
		else if (u < p14 + p13)
			im->loss_state = STATE_LOST_BURST;
		break;
	case STATE_RECEIVED_BURST:
		if (u < p23)
			im->loss_state = STATE_LOST_BURST;
		break;
	case STATE_LOST_BURST:
		if (u < p32)
			im->loss_state = STATE_RECEIVED_BURST;
		else if (u < p32 + p31)
			im->loss_state = STATE_RECEIVED;
		break;
	default:
		im->loss_state = STATE_RECEIVED;
	}
	return im->loss_state == STATE_LOST_BURST || im->loss_state == STATE_LOST_ALONE;
}

/* Gilbert-Elliott: the packet meets the state it finds, then the state changes. */
static bool loss_gemodel(struct impair *im, const double *p, double u, double v)
{
	bool bad = im->loss_state;

	im->loss_state = bad ? u >= p[1] : u < p[0];
	return v < (bad ? p[2] : p[3]);
}

static bool draw_loss(struct impair *im, const struct shape *s)
{
	struct rng *rng = &im->rng[IMPAIR_LOSS];
	double u, v;

	/* Two values in any case. */
	if (s->loss_model == LOSS_RANDOM) {
		bool lost = happens(im, IMPAIR_LOSS, s->loss, s->loss_corr);

		rng_unit(rng);
		return lost;
	}
	u = rng_unit(rng);
	v = rng_unit(rng);
	return s->loss_model == LOSS_STATE ? loss_state(im, s->loss_p, u) :
					     loss_gemodel(im, s->loss_p, u, v);
}

/* ---- delay ---- */

static int64_t delay_of(const struct impair *im, const struct shape *s, double u)
{
	double at = (double)s->delay;

	if (s->dist == DELAY_SAMPLES && s->samples)
		at = samples_quantile(s->samples, u);
	else if (s->dist == DELAY_UNIFORM)
		at += (double)s->jitter * (2 * u - 1);
	else if (im->table)
		at += (double)s->jitter * quantiles_at(im->table, u);
	if (!(at > 0))
		return 0;
	return at < (double)DELAY_MAX ? llround(at) : DELAY_MAX;
}

/*
 * Two uniform values for the packet and two for its duplicate. With correlation they give normal
 * ones (Box and Muller), each a mixture of unit variance with the former packet's, and the share
 * below it.
 */
static void draw_delay(struct impair *im, const struct shape *s, int64_t ret[2])
{
	struct rng *rng = &im->rng[IMPAIR_DELAY];
	double rho = s->delay_corr, last = im->last[IMPAIR_DELAY];

	for (int i = 0; i < 2; i++) {
		double u = rng_unit(rng), v = rng_unit(rng);

		if (rho > 0) {
			double z = sqrt(-2 * log1p(-u)) * cos(2 * M_PI * v);

			z = rho * last + sqrt(fmax(0, 1 - rho * rho)) * z;
			last = z;
			u = erfc(-z / M_SQRT2) / 2;
			if (i == 0)
				im->last[IMPAIR_DELAY] = z;
		}
		ret[i] = delay_of(im, s, u);
	}
}

/* Of every gap packets only the last may be, and each one after it until one is. */
static bool draw_reorder(struct impair *im, const struct shape *s)
{
	bool drawn = happens(im, IMPAIR_REORDER, s->reorder, s->reorder_corr);

	if (drawn && im->since_reorder + 1 >= s->gap) {
		im->since_reorder = 0;
		return true;
	}
	if (im->since_reorder < UINT32_MAX - 1)
		im->since_reorder++;
	return false;
}

void impair_draw(struct impair *im, const struct shape *s, struct impairment *ret)
{
	ret->lost = draw_loss(im, s);
	ret->duplicated = happens(im, IMPAIR_DUPLICATE, s->duplicate, s->duplicate_corr);
	ret->corrupted = happens(im, IMPAIR_CORRUPT, s->corrupt, s->corrupt_corr);
	ret->corrupt_at = rng_u64(&im->rng[IMPAIR_CORRUPT]);
	ret->reordered = draw_reorder(im, s);
	draw_delay(im, s, ret->delay);
}

int64_t impair_slot(struct impair *im, const struct shape *s)
{
	double u = rng_unit(&im->rng[IMPAIR_SLOT]);

	if (s->slot_max <= s->slot_min)
		return s->slot_min;
	return s->slot_min + (int64_t)(u * (double)(s->slot_max - s->slot_min));
}
