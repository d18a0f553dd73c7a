/* The draws of a link: shares, bursts, correlations, distributions, and what they depend on. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/units.h"
#include "emu/delay.h"
#include "emu/samples.h"
#include "emu/shaper/impair.h"

#define Z99   2.5758 /* a normal variable is within it with 99 % */
#define DRAWS 200000

static struct impairment draws[DRAWS];

static void draw_all(uint64_t seed, const char *path, const struct shape *s, size_t n)
{
	struct impair im;

	assert_int_equal(impair_init(&im, seed, path), 0);
	assert_int_equal(impair_set(&im, s), 0);
	for (size_t i = 0; i < n; i++)
		impair_draw(&im, s, &draws[i]);
	impair_clear(&im);
}

static void assert_share(uint64_t hits, uint64_t n, double p)
{
	double got = (double)hits / (double)n, most = Z99 * sqrt(p * (1 - p) / (double)n);

	if (fabs(got - p) > most)
		fail_msg("%.5f is not %.5f +- %.5f", got, p, most);
}

static void assert_near(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("%.6f is not %.6f +- %.6f", got, want, tolerance);
}

/* ---- shares ---- */

#define RUNS	 100
#define RUN	 20000
#define OUTSIDE	 5 /* of 100 runs outside the 99 % interval: one run in 2,000 has more */
#define Z_POOLED 3.5

static bool outside(uint64_t hits, double n, double p, double z)
{
	return fabs((double)hits - n * p) > z * sqrt(n * p * (1 - p));
}

/* Many runs, for of a hundred true ones one is outside; and all of them as one. */
static void shares_are_as_asked(void **state)
{
	static const double shares[] = {0.0005, 0.01, 0.1, 0.5, 0.99};

	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		const double p = shares[i], want[5] = {p, p, p, p, p * p};
		struct shape s = {.loss = p, .duplicate = p, .corrupt = p, .reorder = p, .gap = 1};
		uint64_t all[5] = {0};
		int out[5] = {0};

		for (int run = 0; run < RUNS; run++) {
			uint64_t hits[5] = {0};

			draw_all((uint64_t)run, "link/h1-eth0", &s, RUN);
			for (int k = 0; k < RUN; k++) {
				hits[0] += draws[k].lost;
				hits[1] += draws[k].duplicated;
				hits[2] += draws[k].corrupted;
				hits[3] += draws[k].reordered;
				hits[4] += draws[k].lost && draws[k].corrupted;
			}
			for (int h = 0; h < 5; h++) {
				all[h] += hits[h];
				out[h] += RUN * want[h] > 5 && outside(hits[h], RUN, want[h], Z99);
			}
		}
		for (int h = 0; h < 5; h++) {
			assert_in_range(out[h], 0, OUTSIDE);
			if (RUNS * RUN * want[h] > 5)
				assert_false(outside(all[h], RUNS * RUN, want[h], Z_POOLED));
		}
	}
}

static void none_and_all_are_exact(void **state)
{
	struct shape all = {.loss = 1, .duplicate = 1, .corrupt = 1, .reorder = 1}, none = {0};

	draw_all(12, "link/h1-eth0", &all, 10000);
	for (int k = 0; k < 10000; k++)
		assert_true(draws[k].lost && draws[k].duplicated && draws[k].corrupted &&
			    draws[k].reordered);
	draw_all(12, "link/h1-eth0", &none, 10000);
	for (int k = 0; k < 10000; k++) {
		assert_false(draws[k].lost || draws[k].duplicated || draws[k].corrupted ||
			     draws[k].reordered);
		assert_true(!draws[k].delay[0] && !draws[k].delay[1]);
	}
}

/* Each bit of a frame is as likely as any other: chi-squared with 63 degrees of freedom. */
static void flipped_bits_are_spread_evenly(void **state)
{
	struct shape s = {.corrupt = 1};
	double chi = 0, expected = DRAWS / 64.0;
	int bit[64] = {0};

	draw_all(13, "link/h1-eth0", &s, DRAWS);
	for (int k = 0; k < DRAWS; k++)
		bit[draws[k].corrupt_at % 64]++;
	for (int b = 0; b < 64; b++)
		chi += (bit[b] - expected) * (bit[b] - expected) / expected;
	assert_true(chi < 92.01); /* 99 % */
}

/* At most every gap-th, as tc-netem(8) has it; all that may be when the share is 1. */
static void reorder_keeps_its_gap(void **state)
{
	struct shape s = {.reorder = 1, .gap = 5};
	int last = -1, gaps = 0;

	draw_all(14, "link/h1-eth0", &s, 1000);
	for (int k = 0; k < 1000; k++)
		assert_int_equal(draws[k].reordered, k % 5 == 4);
	s.reorder = 0.25;
	draw_all(14, "link/h1-eth0", &s, DRAWS);
	for (int k = 0; k < DRAWS; k++) {
		if (!draws[k].reordered)
			continue;
		assert_true(k - last >= 5);
		last = k;
		gaps++;
	}
	/* after 4 that may not be, each may: 4 + 1 / 0.25 packets to the next on average */
	assert_near((double)DRAWS / gaps, 8, Z99 * sqrt(0.75) / 0.25 / sqrt(gaps));
}

/* ---- correlation ---- */

/* The share is the one asked for, and so is the likeness of a packet's fate to the last one's. */
static void correlation_keeps_the_share(void **state)
{
	static const double shares[] = {0.01, 0.3, 0.7}, corrs[] = {0.25, 0.6, 0.9};

	for (int i = 0; i < 9; i++) {
		double p = shares[i / 3], rho = corrs[i % 3], both = 0, again;
		struct shape s = {.loss = p, .loss_corr = rho};
		uint64_t lost = 0;

		draw_all((uint64_t)(15 + i), "link/h1/s1", &s, DRAWS);
		for (int k = 0; k < DRAWS; k++) {
			lost += draws[k].lost;
			both += k && draws[k].lost && draws[k - 1].lost;
		}
		/* the variance of a chain's mean is (1 + rho) / (1 - rho) times the plain one */
		assert_near((double)lost / DRAWS, p,
			    Z99 * sqrt(p * (1 - p) * (1 + rho) / (1 - rho) / DRAWS));
		again = p + rho * (1 - p);
		assert_near(both / (double)lost, again,
			    Z99 * sqrt(again * (1 - again) / (double)lost));
	}
}

static void correlated_delays_keep_their_distribution(void **state)
{
	struct shape s = {.delay = 20 * NSEC_PER_MSEC, .jitter = 5 * NSEC_PER_MSEC,
			  .delay_corr = 0.6, .dist = DELAY_NORMAL};
	double mean = 0, var = 0, cov = 0;

	draw_all(16, "link/h1-eth0", &s, DRAWS);
	for (int k = 0; k < DRAWS; k++)
		mean += (double)draws[k].delay[0] / DRAWS;
	for (int k = 0; k < DRAWS; k++) {
		double x = (double)draws[k].delay[0] - mean;

		var += x * x / DRAWS;
		cov += k ? x * ((double)draws[k - 1].delay[0] - mean) / DRAWS : 0;
	}
	/*
	 * the variance of the mean of an AR(1) process is (1 + rho) / (1 - rho) times the plain
	 * one
	 */
	assert_near(mean, 20e6, Z99 * 5e6 * sqrt(1.6 / 0.4 / DRAWS));
	assert_near(sqrt(var), 5e6, 0.02 * 5e6);
	assert_near(cov / var, 0.6, 0.01);
}

/* ---- loss models ---- */

struct bursts {
	uint64_t lost, n;	/* packets lost, and bursts of them */
	double squares;		/* of the bursts' lengths */
};

static struct bursts count_bursts(void)
{
	struct bursts b = {0};
	uint64_t length = 0;

	for (int k = 0; k < DRAWS; k++) {
		if (draws[k].lost) {
			b.lost++;
			length++;
			continue;
		}
		b.n += length > 0;
		b.squares += (double)(length * length);
		length = 0;
	}
	b.lost -= length; /* one that the end cut */
	return b;
}

/* Gilbert's model: bursts are geometric with mean 1/r, a share p/(p+r) is lost. */
static void gilbert_bursts_are_geometric(void **state)
{
	const double p = 0.02, r = 0.25, rho = 1 - p - r;
	struct shape s = {.loss_model = LOSS_GEMODEL, .loss_p = {p, r, 1, 0}};
	double share = p / (p + r), sd = sqrt(1 - r) / r, tolerance;
	struct bursts b;

	draw_all(17, "link/h1-eth0", &s, DRAWS);
	b = count_bursts();
	assert_near((double)b.lost / (double)b.n, 1 / r, Z99 * sd / sqrt((double)b.n));
	/* second moment of a geometric variable */
	assert_near(b.squares / (double)b.n, (2 - r) / (r * r), 2);
	/* losses of a Markov chain are dependent: the variance grows by (1 + rho) / (1 - rho) */
	tolerance = Z99 * sqrt(share * (1 - share) / DRAWS * (1 + rho) / (1 - rho));
	assert_near((double)b.lost / DRAWS, share, tolerance);
}

/* Elliott's: 1-h of the packets of the bad state are lost, and 1-k of the good. */
static void gilbert_elliott_loses_its_share_in_either_state(void **state)
{
	const double p = 0.05, r = 0.2, bad = 0.6, good = 0.01, rho = 1 - p - r;
	struct shape s = {.loss_model = LOSS_GEMODEL, .loss_p = {p, r, bad, good}};
	double share = (p * bad + r * good) / (p + r), state_var, tolerance;
	uint64_t lost = 0;

	draw_all(18, "link/h1-eth0", &s, DRAWS);
	for (int k = 0; k < DRAWS; k++)
		lost += draws[k].lost;
	/* the state's part of the variance is correlated over time, the rest is not */
	state_var = (bad - good) * (bad - good) * p * r / ((p + r) * (p + r));
	tolerance = share * (1 - share) + state_var * 2 * rho / (1 - rho);
	assert_near((double)lost / DRAWS, share, Z99 * sqrt(tolerance / DRAWS));
}

/* Bernoulli as the special case in which the states do not differ. */
static void gilbert_elliott_without_memory_is_bernoulli(void **state)
{
	struct shape s = {.loss_model = LOSS_GEMODEL, .loss_p = {0.3, 0.4, 0.1, 0.1}};
	uint64_t lost = 0;

	draw_all(19, "link/h1-eth0", &s, DRAWS);
	for (int k = 0; k < DRAWS; k++)
		lost += draws[k].lost;
	assert_share(lost, DRAWS, 0.1);
}

/*
 * Salsano and others, section 4: the stationary shares of the four states, and with p14 = 0, p23
 * = 1 and p32 = 0 bursts are geometric with mean 1/p31.
 */
static void four_states_lose_as_the_paper_says(void **state)
{
	const double p13 = 0.03, p31 = 0.2, p32 = 0.15, p23 = 0.3, p14 = 0.02;
	struct shape s = {.loss_model = LOSS_STATE, .loss_p = {p13, p31, p32, p23, p14}};
	double pi1 = 1 / (1 + p14 + p13 / p31 * (1 + p32 / p23)), alone = 0, share;
	uint64_t lost = 0;
	struct bursts b;

	draw_all(20, "link/h1-eth0", &s, DRAWS);
	for (int k = 0; k < DRAWS; k++)
		lost += draws[k].lost;
	share = pi1 * (p14 + p13 / p31);
	assert_near((double)lost / DRAWS, share, 0.006);

	s.loss_p[2] = 0;
	s.loss_p[3] = 1;
	s.loss_p[4] = 0;
	draw_all(20, "link/h1-eth0", &s, DRAWS);
	b = count_bursts();
	assert_near((double)b.lost / (double)b.n, 1 / p31,
		    Z99 * sqrt(1 - p31) / p31 / sqrt((double)b.n));

	/* state 4 alone: single losses, never two in a row */
	s = (struct shape){.loss_model = LOSS_STATE, .loss_p = {0, 1, 0, 1, 0.1}};
	draw_all(20, "link/h1-eth0", &s, DRAWS);
	for (int k = 0; k < DRAWS; k++) {
		alone += draws[k].lost;
		assert_false(k && draws[k].lost && draws[k - 1].lost);
	}
	assert_near(alone / DRAWS, 0.1 / 1.1, 0.002);
}

/* ---- delays ---- */

static int compare_int64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The distance of Kolmogorov and Smirnov between n sorted delays and their law, on a grid. */
static double distance(const int64_t *v, size_t n, const struct shape *s)
{
	double most = 0;

	for (int i = 1; i < 1000; i++) {
		double p = i / 1000.0, cdf;
		double mean = (double)s->delay, jitter = (double)s->jitter;
		double x = mean + jitter * delay_quantile(s->dist, s->samples, mean, jitter, p);
		size_t lo = 0, hi = n;

		if (x < 0)
			continue;
		while (lo < hi) {
			size_t mid = (lo + hi) / 2;

			if ((double)v[mid] <= x)
				lo = mid + 1;
			else
				hi = mid;
		}
		cdf = (double)lo / (double)n;
		most = fmax(most, fabs(cdf - p));
	}
	return most;
}

#define KS_DRAWS 10000

static void delays_follow_their_law(void **state)
{
	static const int64_t means[] = {1, 5, 20, 100, 500};
	static const double cvs[] = {0.1, 0.3};
	static int64_t v[KS_DRAWS];
	const double critical = 1.628 / sqrt(KS_DRAWS); /* p = 0.01 */

	for (int d = 0; d < DELAY_DISTS; d++) {
		for (int k = 0; k < 10; k++) {
			struct shape s = {.dist = (enum delay_dist)d};
			double sum[2] = {0}, off;

			s.delay = means[k / 2] * NSEC_PER_MSEC;
			s.jitter = (int64_t)((double)s.delay * cvs[k % 2]);
			draw_all(30, "link/h1-eth0", &s, KS_DRAWS);
			for (int copy = 0; copy < 2; copy++) {
				for (int i = 0; i < KS_DRAWS; i++) {
					v[i] = draws[i].delay[copy];
					assert_true(v[i] >= 0);
					sum[copy] += (double)v[i];
				}
				qsort(v, KS_DRAWS, sizeof(*v), compare_int64);
				off = distance(v, KS_DRAWS, &s);
				if (off > critical)
					fail_msg("%s of %ld ms: K-S distance %.4f > %.4f",
						 delay_dist_names[d], (long)means[k / 2], off,
						 critical);
				assert_near(sum[copy] / KS_DRAWS, (double)s.delay,
					    fmax(0.01 * (double)s.delay, 100e3));
			}
		}
	}
}

static void means_and_deviations_hold_over_a_million(void **state)
{
	for (int d = 0; d < DELAY_DISTS; d++) {
		struct shape s = {.delay = 40 * NSEC_PER_MSEC, .jitter = 10 * NSEC_PER_MSEC,
				  .dist = (enum delay_dist)d};
		bool heavy = d == DELAY_PARETO || d == DELAY_PARETONORMAL;
		double want = d == DELAY_UNIFORM ? 1e7 / sqrt(3) : 1e7;
		double sum = 0, squares = 0, mean, sd;
		struct impair im;
		struct impairment one;

		impair_init(&im, 31, "link/h1-eth0");
		assert_int_equal(impair_set(&im, &s), 0);
		for (int i = 0; i < 1000000; i++) {
			impair_draw(&im, &s, &one);
			sum += (double)one.delay[0];
			squares += (double)one.delay[0] * (double)one.delay[0];
		}
		impair_clear(&im);
		mean = sum / 1e6;
		sd = sqrt(squares / 1e6 - mean * mean);
		assert_near(mean, 40e6, 0.003 * 40e6);
		/*
		 * the fourth moment of a Pareto tail of 3 is infinite: its deviation settles
		 * slowly
		 */
		assert_near(sd, want, (heavy ? 0.15 : 0.03) * want);
	}
}

static void samples_are_drawn_as_measured(void **state)
{
	struct shape s = {.dist = DELAY_SAMPLES};
	static int64_t v[KS_DRAWS];
	int64_t ns[] = {1000000, 1200000, 1300000, 5000000, 90000000};
	struct samples samples = {.refs = 1, .ns = ns, .n = 5};

	s.samples = &samples;
	s.delay = 1; /* unit of distance() */
	s.jitter = 1;
	draw_all(32, "link/h1-eth0", &s, KS_DRAWS);
	for (int i = 0; i < KS_DRAWS; i++)
		v[i] = draws[i].delay[0];
	qsort(v, KS_DRAWS, sizeof(*v), compare_int64);
	assert_true(v[0] >= ns[0] && v[KS_DRAWS - 1] <= ns[4]);
	assert_true(distance(v, KS_DRAWS, &s) < 1.628 / sqrt(KS_DRAWS));
}

static void delays_are_never_negative(void **state)
{
	for (int d = 0; d < DELAY_DISTS; d++) {
		struct shape s = {.delay = NSEC_PER_MSEC, .jitter = 3 * NSEC_PER_MSEC,
				  .dist = (enum delay_dist)d};

		draw_all(33, "link/h1-eth0", &s, 20000);
		for (int k = 0; k < 20000; k++)
			assert_true(draws[k].delay[0] >= 0 && draws[k].delay[1] >= 0);
	}
}

/* ---- what draws depend on ---- */

static bool same_delays(const struct impairment *a, const struct impairment *b)
{
	return a->delay[0] == b->delay[0] && a->delay[1] == b->delay[1];
}

static void fates_depend_on_seed_and_path_alone(void **state)
{
	static struct impairment first[20000];
	struct shape s = {.delay = 20 * NSEC_PER_MSEC, .jitter = 5 * NSEC_PER_MSEC, .loss = 0.3,
			  .duplicate = 0.3, .corrupt = 0.3, .reorder = 0.3, .dist = DELAY_GAMMA};
	const char *paths[] = {"link/h1-eth0", "link/h1-eth0", "link/h1-eth1"};
	const uint64_t seeds[] = {40, 41, 40};

	draw_all(40, "link/h1-eth0", &s, 20000);
	memcpy(first, draws, sizeof(first));
	for (int t = 0; t < 3; t++) {
		int same = 0, lost = 0;

		draw_all(seeds[t], paths[t], &s, 20000);
		for (int k = 0; k < 20000; k++) {
			same += same_delays(&draws[k], &first[k]);
			lost += draws[k].lost == first[k].lost;
		}
		if (t == 0) {
			assert_int_equal(same, 20000);
			assert_int_equal(lost, 20000);
		} else {
			assert_true(same < 20);
			/* chance: both lost or neither */
			assert_share((uint64_t)lost, 20000, 0.3 * 0.3 + 0.7 * 0.7);
		}
	}
}

/* What a shape has beside the two stays out of their draws. */
static void impairments_do_not_touch_each_other(void **state)
{
	static struct impairment alone[20000];
	struct shape a = {.delay = 20 * NSEC_PER_MSEC, .jitter = 5 * NSEC_PER_MSEC, .reorder = 0.2,
			  .gap = 3, .dist = DELAY_WEIBULL, .corrupt = 0.1};
	struct shape b = a;

	b.loss_model = LOSS_GEMODEL;
	b.loss_p[0] = b.loss_p[1] = 0.3;
	b.loss_p[2] = 1;
	b.duplicate = 0.4;
	b.duplicate_corr = 0.2;
	draw_all(42, "link/h1-eth0", &a, 20000);
	memcpy(alone, draws, sizeof(alone));
	draw_all(42, "link/h1-eth0", &b, 20000);
	for (int k = 0; k < 20000; k++) {
		assert_true(same_delays(&draws[k], &alone[k]));
		assert_int_equal(draws[k].corrupted, alone[k].corrupted);
		assert_true(draws[k].corrupt_at == alone[k].corrupt_at);
		assert_int_equal(draws[k].reordered, alone[k].reordered);
	}
}

static void slots_are_drawn_in_their_range(void **state)
{
	struct shape s = {.slot_min = 1000, .slot_max = 3000}, fixed = {.slot_min = 500};
	struct impair im;
	double sum = 0;

	impair_init(&im, 43, "link/h1-eth0");
	for (int i = 0; i < 100000; i++) {
		int64_t ns = impair_slot(&im, &s);

		assert_true(ns >= 1000 && ns <= 3000);
		sum += (double)ns;
	}
	assert_near(sum / 1e5, 2000, 10);
	assert_int_equal(impair_slot(&im, &fixed), 500);
	impair_clear(&im);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_are_as_asked),
		cmocka_unit_test(none_and_all_are_exact),
		cmocka_unit_test(flipped_bits_are_spread_evenly),
		cmocka_unit_test(reorder_keeps_its_gap),
		cmocka_unit_test(correlation_keeps_the_share),
		cmocka_unit_test(correlated_delays_keep_their_distribution),
		cmocka_unit_test(gilbert_bursts_are_geometric),
		cmocka_unit_test(gilbert_elliott_loses_its_share_in_either_state),
		cmocka_unit_test(gilbert_elliott_without_memory_is_bernoulli),
		cmocka_unit_test(four_states_lose_as_the_paper_says),
		cmocka_unit_test(delays_follow_their_law),
		cmocka_unit_test(means_and_deviations_hold_over_a_million),
		cmocka_unit_test(samples_are_drawn_as_measured),
		cmocka_unit_test(delays_are_never_negative),
		cmocka_unit_test(fates_depend_on_seed_and_path_alone),
		cmocka_unit_test(impairments_do_not_touch_each_other),
		cmocka_unit_test(slots_are_drawn_in_their_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
