/* Shapes as text: what each value means, that it is written back the same, and what is refused. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/units.h"
#include "emu/samples.h"
#include "emu/shape.h"
#include "emu/trace.h"

#define MS NSEC_PER_MSEC

static const struct shape_source here = {.dir = TEST_DATA, .seed = 7, .path = "link/h1/s1",
					 .shared = "link/[host h1]"};

static struct shape parse(const char *text)
{
	struct shape s = {0};
	char *why = NULL;

	if (shape_change(&s, text, &here, &why) < 0)
		fail_msg("%s: %s", text, why);
	return s;
}

/* Text to shape, and what the shape is written as; that reads back to an equal one. */
static void texts_round_trip(void **state)
{
	static const struct {
		const char *text, *canonical; /* NULL: the same */
	} cases[] = {
	    {"rate=50mbit", NULL},
	    {"rate=50mbit, overhead=24", NULL},
	    {"rate=1gbit overhead=-4", "rate=1gbit, overhead=-4"},
	    {"overhead=24B", "overhead=24"},
	    {"delay=60ms", NULL},
	    {"delay = 60ms 10ms", "delay=60ms 10ms"},
	    {"delay=60ms 10ms uniform", "delay=60ms 10ms"},
	    {"delay=60ms 10ms 25%", NULL},
	    {"delay=60ms 10ms weibull", NULL},
	    {"delay=60ms 10ms 25% weibull", NULL},
	    {"delay=60ms 0s", "delay=60ms"},
	    {"delay=60ms 0s 25%", "delay=60ms"},
	    {"delay=5ms 20ms exponential", NULL},
	    {"delay=pareto(mean=60ms, jitter=10ms)", "delay=60ms 10ms pareto"},
	    {"delay=normal( jitter = 1ms ,mean=60ms,correlation=0.5%)",
	     "delay=60ms 1ms 0.5% normal"},
	    {"delay=uniform(mean=60ms, jitter=10ms)", "delay=60ms 10ms"},
	    {"loss=1%", NULL},
	    {"loss=1% 25%", NULL},
	    {"loss=0% 25%", "none"},
	    {"loss=state(1%)", "loss=state(1%, 99%, 0%, 100%, 0%)"},
	    {"loss=state(1%,20%)", "loss=state(1%, 20%, 0%, 100%, 0%)"},
	    {"loss=state(1%, 20%, 10%, 30%, 0.5%)", NULL},
	    {"loss=gemodel(71%)", "loss=gemodel(71%, 29%, 100%, 0%)"},
	    {"loss=state(0%)", "none"},
	    {"loss=gemodel(1%)", "loss=gemodel(1%, 99%, 100%, 0%)"},
	    {"loss=gemodel(1%, 10%)", "loss=gemodel(1%, 10%, 100%, 0%)"},
	    {"loss=gemodel(1%, 10%, 70%, 0.1%)", NULL},
	    {"loss=1%, ecn=yes", NULL},
	    {"duplicate=1% 25%", NULL},
	    {"corrupt=0.1% 25%", NULL},
	    {"delay=1ms, reorder=25% 50% gap 5", NULL},
	    {"delay=1ms, reorder=25% gap 1", "delay=1ms, reorder=25%"},
	    {"slot=10ms", NULL},
	    {"slot=10ms 10ms", "slot=10ms"},
	    {"slot=10ms 20ms packets 32 bytes 64KiB", NULL},
	    {"slot=10ms bytes 1500 packets 3", "slot=10ms packets 3 bytes 1500B"},
	    {"limit=1000", NULL},
	    {"limit=64KiB", NULL},
	    {"limit=1000 64KiB", NULL},
	    {"limit=64KiB 1000", "limit=1000 64KiB"},
	    {"rate=1mbit, queue=codel", "rate=1mbit, queue=codel(5ms, 100ms)"},
	    {"rate=1mbit, queue=codel(10ms)", "rate=1mbit, queue=codel(10ms, 100ms)"},
	    {"rate=1mbit queue=droptail", "rate=1mbit"},
	    {"rate=1mbit, delay=none", "rate=1mbit"},
	    {"none", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_shape_ struct shape s = parse(cases[i].text);
		_cleanup_free_ char *text = shape_text(&s);
		const char *canonical = cases[i].canonical ? cases[i].canonical : cases[i].text;

		assert_string_equal(text, canonical);
		_cleanup_shape_ struct shape back = parse(text);

		assert_true(shape_equal(&s, &back));
	}
}

static void values_mean(void **state)
{
	_cleanup_shape_ struct shape s =
	    parse("rate=50mbit overhead=-8, delay=60ms 10ms 25% weibull, loss=gemodel(1%,10%,70%), "
		  "ecn=yes, duplicate=2% 3%, corrupt=4% 5%, reorder=6% 7% gap 8, "
		  "slot=1ms 2ms packets 3 bytes 4kB, limit=5 6kB, queue=codel(7ms, 8ms)");

	assert_true(s.rate == 50000000 && s.overhead == -8);
	assert_true(s.delay == 60 * MS && s.jitter == 10 * MS && s.delay_corr == 0.25);
	assert_int_equal(s.dist, DELAY_WEIBULL);
	assert_int_equal(s.loss_model, LOSS_GEMODEL);
	assert_true(s.loss_p[0] == 0.01 && s.loss_p[1] == 0.1 && s.loss_p[2] == 0.7 &&
		    s.loss_p[3] == 0 && s.ecn);
	assert_true(s.duplicate == 0.02 && s.duplicate_corr == 0.03);
	assert_true(s.corrupt == 0.04 && s.corrupt_corr == 0.05);
	assert_true(s.reorder == 0.06 && s.reorder_corr == 0.07 && s.gap == 8);
	assert_true(s.slot_min == MS && s.slot_max == 2 * MS && s.slot_packets == 3 &&
		    s.slot_bytes == 4000);
	assert_true(s.limit == 5 && s.limit_bytes == 6000);
	assert_true(s.queue == QUEUE_CODEL && s.codel_target == 7 * MS &&
		    s.codel_interval == 8 * MS);
	assert_true(shape_has_loss(&s) && shape_beyond_rate(&s) && !shape_is_none(&s));
}

/* A change keeps the other keys, and none takes one back. */
static void changes_add_up(void **state)
{
	_cleanup_shape_ struct shape s = parse("rate=1mbit, delay=60ms 10ms normal, loss=1% 5%");
	_cleanup_free_ char *text = NULL;
	char *why = NULL;

	assert_int_equal(shape_change(&s, "loss=none delay=20ms", NULL, &why), 0);
	text = shape_text(&s);
	assert_string_equal(text, "rate=1mbit, delay=20ms");
	assert_int_equal(s.dist, DELAY_UNIFORM);
	assert_int_equal(shape_change(&s, "trace=cell.trace, rate=none", &here, &why), 0);
	assert_non_null(s.trace);
	assert_int_equal(shape_change(&s, "none", NULL, &why), 0);
	assert_true(shape_is_none(&s));
	assert_null(s.trace);
}

/* The shape stays as it was, and the reason says this. */
static void refuse(const char *text, const char *reason)
{
	_cleanup_shape_ struct shape s = parse("rate=1mbit, delay=60ms 10ms"), before;
	_cleanup_free_ char *why = NULL;
	int r;

	shape_copy(&before, &s);
	r = shape_change(&s, text, &here, &why);
	if (r != -EINVAL || !strstr(why, reason))
		fail_msg("'%s': expected '%s', got %d '%s'", text, reason, r, why ? why : "");
	assert_true(shape_equal(&s, &before));
	shape_clear(&before);
}

static void bad_values(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
	    {"", "write KEY=VALUE"},
	    {"60ms", "write KEY=VALUE"},
	    {"dely=60ms", "unknown key 'dely'; did you mean 'delay'?"},
	    {"rate=0bit", "must be over 0"},
	    {"rate=fast", "is not a number"},
	    {"rate=1mbit 2mbit", "unknown unit"},
	    {"rate=2000tbit", "is over 1000tbit"},
	    {"overhead=70000", "must be from -65535 to 65535"},
	    {"delay=-10ms", "must not be negative"},
	    {"delay=10ms -1ms", "'-1ms': must not be negative"},
	    {"delay=2h", "is over an hour"},
	    {"delay=60ms 10ms banana", "unknown distribution"},
	    {"delay=60ms 10ms 120% normal", "'120%': is over 100%"},
	    {"delay=60ms 10ms 25% normal 3", "write a delay, a jitter and a distribution"},
	    {"delay=60ms normal", "a distribution needs a jitter before it"},
	    {"delay=60ms 0s normal", "a distribution needs a delay and a jitter over 0"},
	    {"delay=pareto(mean=60ms)", "pareto has no 'mean'"},
	    {"delay=pareto(jitter=60ms)", "the mean is missing"},
	    {"delay=pareto(mean=60ms, jitter=1ms, shape=3)", "'shape=3': write mean="},
	    {"delay=uniform(10ms, 5ms)", "uniform needs the smaller number first"},
	    {"delay=unform(10ms, 50ms)", "did you mean 'uniform'?"},
	    {"delay=uniform(10ms, 50ms", "a '(' without its ')'"},
	    {"delay=shared(10ms)", "shared is of a distribution"},
	    {"delay=samples()", "name a file"},
	    {"delay=samples(nowhere.txt)", "nowhere.txt: cannot be opened"},
	    {"delay=samples(cell.trace) 1% normal", "only a correlation"},
	    {"loss=101%", "is over 100%"},
	    {"loss=1", "a share is written with %"},
	    {"loss=1% 2% 3%", "write a share and, if need be, a correlation"},
	    {"loss=state()", "a value is missing"},
	    {"loss=state(1%,2%,3%,4%,5%,6%)", "at most 5 shares"},
	    {"loss=state(60%, 10%, 0%, 100%, 50%)", "p13 + p14 is over 100%"},
	    {"loss=state(1%, 60%, 50%)", "p31 + p32 is over 100%"},
	    {"loss=state(1%, 0%)", "never ends"},
	    {"loss=state(1%, 10%, 10%, 0%)", "never loses again"},
	    {"loss=gemodel(1%, 0%)", "never ends"},
	    {"loss=gemodel(1%, 1%, 1%, 1%, 1%)", "at most 4 shares"},
	    {"loss=gilbert(1%)", "unknown distribution 'gilbert'"},
	    {"ecn=maybe", "must be yes or no"},
	    {"ecn=yes", "it needs a loss or queue = codel"},
	    {"reorder=25% gap", "'gap'"},
	    {"reorder=25% gap 0", "must be from 1"},
	    {"delay=none, reorder=25%", "reorder needs a delay"},
	    {"slot=0ms", "must be over 0"},
	    {"slot=20ms 10ms", "longest time is under its shortest"},
	    {"slot=10ms packets", "must be a whole number"},
	    {"slot=10ms packets 3 packets 4", "after the times stand"},
	    {"limit=0", "must be from 1"},
	    {"limit=10 20", "a number of packets, a size or both"},
	    {"limit=0B", "must be over 0"},
	    {"queue=red", "use droptail, codel"},
	    {"queue=codel(1s, 10ms)", "interval is under its target"},
	    {"rate=none, queue=codel", "needs a rate or a trace"},
	    {"delay=10ms 20ms", "a jitter of 20ms over the delay of 10ms"},
	    {"delay=10ms 20ms normal", "with the distribution normal"},
	    {"delay=10ms 20ms pareto", "reorder packets"},
	    {"trace=cell.trace", "a rate beside a trace"},
	    {"trace=no.trace", "no.trace: cannot be opened: No such file or directory"},
	    {"trace=broken.trace", "broken.trace:3: 'soon' is not a millisecond"},
	    {"trace=a;b", "a file's name here"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		refuse(cases[i].text, cases[i].why);
}

static void draws_are_in_range(void **state)
{
	double sum = 0;
	int64_t first = -1;
	bool differ = false, drew;

	for (int i = 0; i < 2000; i++) {
		_cleanup_shape_ struct shape s = {0};
		char path[40], *why = NULL;
		struct shape_source src = {.seed = 3, .path = path, .drew = &drew};

		drew = false;
		snprintf(path, sizeof(path), "link/h%d/s1", i);
		assert_int_equal(shape_change(&s,
					      "delay=uniform(10ms,50ms) uniform(0ms,10ms) 25% pareto, "
					      "rate=uniform(1mbit,10mbit), loss=uniform(0%,2%), "
					      "limit=uniform(10,20) uniform(64KiB,128KiB)",
					      &src, &why), 0);
		assert_true(drew);
		assert_in_range(s.delay, 10 * MS, 50 * MS);
		assert_in_range(s.jitter, 0, 10 * MS);
		assert_in_range(s.rate, 1000000, 10000000);
		assert_true(s.loss >= 0 && s.loss <= 0.02);
		assert_in_range(s.limit, 10, 20);
		assert_in_range(s.limit_bytes, 65536, 131072);
		/* Rounded, so that people can read it. */
		assert_int_equal(s.delay % NSEC_PER_USEC, 0);
		assert_int_equal(s.rate % 1000, 0);
		sum += (double)s.delay;
		differ = differ || (first >= 0 && first != s.delay);
		first = s.delay;
	}
	assert_true(differ);
	/* sd of the mean of 2000: 11.5 ms / sqrt(2000) = 0.26 ms */
	assert_true(fabs(sum / 2000 / (double)MS - 30) < 1.1);
}

/* The same seed and path give the same value, another key, place or path another. */
static void draws_have_paths(void **state)
{
	struct shape a, b;
	struct shape_source other = here;
	char *why = NULL;

	a = parse("delay=uniform(10ms,50ms) uniform(10ms,50ms) weibull");
	b = parse("loss=1%, delay=weibull(mean=uniform(10ms,50ms), jitter=uniform(10ms,50ms))");
	assert_true(a.delay == b.delay && a.jitter == b.jitter && a.delay != a.jitter);
	other.path = "link/h2/s1";
	assert_int_equal(shape_set(&b, "delay", "uniform(10ms,50ms)", &other, &why), 0);
	assert_true(a.delay != b.delay);
	assert_int_equal(b.jitter, 0);
	assert_int_equal(shape_set(&a, "delay", "shared(uniform(10ms,50ms))", &here, &why), 0);
	assert_int_equal(shape_set(&b, "delay", "shared(uniform(10ms,50ms))", &other, &why), 0);
	assert_true(a.delay == b.delay);
	other.seed++;
	assert_int_equal(shape_set(&b, "delay", "shared(uniform(10ms,50ms))", &other, &why), 0);
	assert_true(a.delay != b.delay);
	/* A change without a source draws too. */
	assert_int_equal(shape_change(&b, "delay=1ms+uniform(1ms,2ms)", NULL, &why), 0);
	assert_in_range(b.delay, 2 * MS, 3 * MS);
}

/* What is drawn outside of what its place may hold is brought there. */
static void draws_are_made_to_fit(void **state)
{
	struct shape s = parse("delay=uniform(-50ms,-10ms)");

	assert_true(shape_is_none(&s));
	s = parse("delay=10ms uniform(20ms,30ms) normal");
	assert_true(s.delay == 10 * MS && s.jitter == 10 * MS && s.dist == DELAY_NORMAL);
	s = parse("delay=10ms uniform(20ms,30ms) weibull");
	assert_true(s.jitter >= 20 * MS);
	s = parse("delay=uniform(-2s,-1s) uniform(20ms,30ms) weibull");
	assert_true(s.delay == 0 && s.jitter == 0 && s.dist == DELAY_UNIFORM);
	s = parse("loss=normal(mean=50%, sd=1%, min=100%)");
	assert_true(s.loss == 1);
	s = parse("loss=normal(mean=-90%, sd=1%)");
	assert_true(s.loss == 0);
	s = parse("rate=normal(mean=-1gbit, sd=1kbit)");
	assert_int_equal(s.rate, 1);
	s = parse("slot=10ms uniform(1ms,2ms)");
	assert_int_equal(s.slot_max, 10 * MS);
	s = parse("limit=normal(-5, 1)");
	assert_int_equal(s.limit, 1);
	s = parse("limit=cauchy(0, 1000000)");
	assert_true(s.limit >= 1 && s.limit <= UINT32_MAX);
	s = parse("overhead=normal(1000000, 1)");
	assert_int_equal(s.overhead, 65535);
	s = parse("rate=1mbit, queue=codel(5ms, uniform(1ms,2ms))");
	assert_int_equal(s.codel_interval, 5 * MS);
}

/* Copies share their trace and samples, and each holds them. */
static void copies_share(void **state)
{
	struct shape a = parse("trace=cell.trace, delay=samples(delays.txt) 10%"), b;
	_cleanup_free_ char *text = shape_text(&a), *text_b = NULL;

	assert_non_null(strstr(text, "/cell.trace, delay=samples(/"));
	assert_int_equal(a.dist, DELAY_SAMPLES);
	assert_true(a.delay == llround(a.samples->mean) && a.jitter == llround(a.samples->sd));
	shape_copy(&b, &a);
	assert_ptr_equal(a.trace, b.trace);
	assert_int_equal(a.trace->refs, 2);
	assert_true(shape_equal(&a, &b));
	shape_clear(&a);
	assert_true(shape_is_none(&a) && !a.trace && !a.samples);
	assert_int_equal(b.trace->refs, 1);
	text_b = shape_text(&b);
	assert_string_equal(text, text_b);
	/* Read anew, it is another trace of the same content. */
	a = parse(text);
	assert_ptr_not_equal(a.trace, b.trace);
	assert_true(shape_equal(&a, &b));
	shape_clear(&a);
	shape_clear(&b);
}

static void queues(void **state)
{
	static const struct {
		const char *text;
		uint64_t packets, bytes;
	} cases[] = {
	    {"rate=1mbit", 0, 32000},
	    {"rate=100mbit", 0, 1250000},
	    {"rate=100mbit, delay=200ms", 0, 5000000},
	    {"rate=100mbit, limit=10", 10, 0},
	    {"rate=100mbit, limit=9kB", 0, 9000},
	    {"rate=100mbit, limit=10 9kB", 10, 9000},
	    {"rate=1000tbit, delay=1h", 0, UINT32_MAX},
	};
	uint64_t packets, bytes;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct shape s = parse(cases[i].text);

		shape_queue(&s, 1500, &packets, &bytes);
		assert_int_equal(packets, cases[i].packets);
		assert_int_equal(bytes, cases[i].bytes);
	}
	_cleanup_shape_ struct shape s = parse("trace=cell.trace");

	/* 5 packets in 40 ms are 1.5 Mbit/s; and two jumbo frames must fit. */
	shape_queue(&s, 65000, &packets, &bytes);
	assert_int_equal(bytes, 2 * 65014);
}

static void keys_are_listed(void **state)
{
	size_t n = 0;

	for (; shape_keys[n]; n++) {
		struct shape s = {0};
		char *why = NULL;

		assert_true(shape_is_key(shape_keys[n]));
		assert_int_equal(shape_set(&s, shape_keys[n], "none", NULL, &why), 0);
		assert_int_equal(shape_set(&s, shape_keys[n], "", NULL, &why), -EINVAL);
		assert_non_null(why);
		free(why);
	}
	assert_int_equal(n, 12);
	assert_false(shape_is_key("mtu"));
	assert_false(shape_is_key(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts_round_trip),
	    cmocka_unit_test(values_mean),
	    cmocka_unit_test(changes_add_up),
	    cmocka_unit_test(bad_values),
	    cmocka_unit_test(draws_are_in_range),
	    cmocka_unit_test(draws_have_paths),
	    cmocka_unit_test(draws_are_made_to_fit),
	    cmocka_unit_test(copies_share),
	    cmocka_unit_test(queues),
	    cmocka_unit_test(keys_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
