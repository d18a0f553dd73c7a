/* Traces and measured delays: what they mean, and what is refused with its line. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/units.h"
#include "emu/samples.h"
#include "emu/textfile.h"
#include "emu/trace.h"

#define MS NSEC_PER_MSEC

static char dir[] = "/tmp/detnet-trace-XXXXXX";

static int make_dir(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static void path_of(char path[128], const char *name)
{
	snprintf(path, 128, "%s/%s", dir, name);
}

static int remove_dir(void **state)
{
	static const char *const names[] = {"file", "pipe", "sub/file"};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		path_of(path, names[i]);
		unlink(path);
	}
	path_of(path, "sub");
	rmdir(path);
	return rmdir(dir);
}

static void write_file(const char *name, const char *data, size_t size)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[128];

	path_of(path, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
}

static struct trace *load(const char *text)
{
	_cleanup_err_ struct err err = {0};
	struct trace *t = NULL;

	write_file("file", text, strlen(text));
	if (trace_load(dir, "file", &t, &err) < 0)
		fail_msg("%s: %s", text, err.items[0].msg);
	return t;
}

static void opportunities(void **state)
{
	struct trace *t = load("0\n5\n5\r\n  20\n40");

	assert_int_equal(t->n, 5);
	/* 5 of 1,500 bytes in 40 ms */
	assert_true(trace_rate(t) == 1500000);
	static const int64_t at[] = {0, 5, 5, 20, 40, 40, 45, 45, 60, 80, 80, 85};

	for (size_t k = 0; k < ARRAY_SIZE(at); k++)
		assert_int_equal(trace_at(t, k), at[k] * MS);
	assert_int_equal(trace_at(t, 5000000), 40000000 * MS);
	assert_int_equal(trace_at(t, UINT64_MAX), INT64_MAX);
	for (uint64_t k = 1; k < 1000; k++)
		assert_true(trace_at(t, k) >= trace_at(t, k - 1));
	trace_unref(t);
}

static void references(void **state)
{
	struct trace *t = load("1\n"), *same = load("1\n"), *other = load("1\n2\n");

	assert_ptr_equal(trace_ref(t), t);
	trace_unref(t);
	assert_int_equal(t->refs, 1);
	assert_true(trace_equal(t, same) && !trace_equal(t, other) && !trace_equal(t, NULL));
	assert_true(trace_equal(NULL, NULL));
	assert_null(trace_ref(NULL));
	trace_unref(NULL);
	trace_unref(t);
	trace_unref(same);
	trace_unref(other);
}

/* The error names the file, the line and the reason; the output is untouched. */
static void refuse_both(const char *name, int line, const char *why_trace, const char *why_samples)
{
	_cleanup_err_ struct err err = {0}, err_s = {0};
	struct trace *t = (struct trace *)dir;
	struct samples *s = (struct samples *)dir;
	char path[128];

	path_of(path, name);
	if (why_trace) {
		assert_true(trace_load(dir, name, &t, &err) < 0);
		assert_int_equal(err.n, 1);
		assert_string_equal(err.items[0].file, path);
		assert_int_equal(err.items[0].line, line);
		if (!strstr(err.items[0].msg, why_trace))
			fail_msg("'%s' is not in '%s'", why_trace, err.items[0].msg);
	}
	if (why_samples) {
		assert_true(samples_load(dir, name, &s, &err_s) < 0);
		assert_int_equal(err_s.n, 1);
		assert_string_equal(err_s.items[0].file, path);
		assert_int_equal(err_s.items[0].line, line);
		if (!strstr(err_s.items[0].msg, why_samples))
			fail_msg("'%s' is not in '%s'", why_samples, err_s.items[0].msg);
	}
	assert_ptr_equal(t, dir);
	assert_ptr_equal(s, dir);
}

static void broken_files(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *trace, *samples;
	} cases[] = {
	    {"", 0, "is empty", "is empty; a distribution needs two"},
	    {"1", 0, NULL, "holds one delay"},
	    {"1\n\n2\n", 2, "an empty line", "an empty line"},
	    {"1\n5\n4\n", 3, "4 comes after 5: milliseconds must not fall", NULL},
	    {"0\n0\n", 2, "the trace ends at millisecond 0", NULL},
	    {"1\n-2\n", 2, "'-2' is not a millisecond: must not be negative",
	     "must not be negative"},
	    {"1\n2.5\n", 2, "'2.5' is not a millisecond", NULL},
	    {"1\n4294967296\n", 2, "from 0 to 4294967295", "over an hour"},
	    {"1\n# end\n", 2, "is not a millisecond", "'# end' is not a delay"},
	    {"1\n2ms 3\n", 2, "is not a millisecond", "'2ms 3' is not a delay: unknown unit"},
	    {"1\n2\n1..5\n", 3, "is not a millisecond", "is not a delay"},
	    {"1\n2h\n", 2, NULL, "over an hour"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		write_file("file", cases[i].text, strlen(cases[i].text));
		refuse_both("file", cases[i].line, cases[i].trace, cases[i].samples);
	}
	write_file("file", "1\n\0002\n", 5);
	refuse_both("file", 0, "NUL byte", "NUL byte");
}

/* Nothing blocks, and nothing is read that has no end. */
static void strange_files(void **state)
{
	_cleanup_err_ struct err err = {0};
	struct trace *t;
	char path[128];

	path_of(path, "sub");
	assert_int_equal(mkdir(path, 0700), 0);
	refuse_both("sub", 0, "is not a regular file", "is not a regular file");
	path_of(path, "pipe");
	assert_int_equal(mkfifo(path, 0600), 0);
	refuse_both("pipe", 0, "is not a regular file", "is not a regular file");
	refuse_both("none", 0, "cannot be opened: No such file", "cannot be opened: No such file");
	assert_true(trace_load(NULL, "/dev/zero", &t, &err) < 0);
	assert_non_null(strstr(err.items[0].msg, "is not a regular file"));
	write_file("file", "1\n", 2);
	path_of(path, "file");
	assert_int_equal(truncate(path, TEXTFILE_MAX + 1L), 0);
	refuse_both("file", 0, "larger than 64 MiB", "larger than 64 MiB");
	unlink(path);
}

/* The absolute name is kept, for a topology file elsewhere, where it can be written there. */
static void names(void **state)
{
	struct trace *t = load("1\n");
	char path[128];

	assert_true(*t->path == '/' && strstr(t->path, "detnet-trace-"));
	trace_unref(t);
	assert_true(textfile_name_ok("traces/my cell.trace"));
	assert_false(textfile_name_ok(""));
	assert_false(textfile_name_ok("none"));
	assert_false(textfile_name_ok("a\nb"));
	assert_false(textfile_name_ok("a ;b"));
	assert_false(textfile_name_ok("a(b)"));
	memset(path, 'x', sizeof(path));
	path[127] = '\0';
	assert_true(textfile_name_ok(path));

	struct textfile odd = {.name = path};
	char *kept = textfile_lasting_name(&odd, "as/given");

	assert_string_equal(kept, "as/given");
	free(kept);
}

static void quantiles(void **state)
{
	_cleanup_err_ struct err err = {0};
	struct samples *s;
	double sum = 0, squares = 0;

	write_file("file", "30ms\n10\n12.5ms\n11000us\n", 23);
	assert_int_equal(samples_load(dir, "file", &s, &err), 0);
	assert_int_equal(s->n, 4);
	assert_true(s->ns[0] == 10 * MS && s->ns[1] == 11 * MS && s->ns[3] == 30 * MS);
	assert_true(samples_quantile(s, 0) == 10e6);
	assert_true(fabs(samples_quantile(s, 0.5) - 11.75e6) < 1);
	assert_true(samples_quantile(s, nextafter(1, 0)) <= 30e6);
	assert_true(fabs(samples_quantile(s, 1.0 / 6) - 10.5e6) < 1);
	/* mean and deviation are of what is drawn */
	for (int i = 0; i < 100000; i++) {
		double v = samples_quantile(s, (i + 0.5) / 100000);

		sum += v;
		squares += v * v;
	}
	sum /= 100000;
	assert_true(fabs(s->mean - sum) < 10);
	assert_true(fabs(s->sd - sqrt(squares / 100000 - sum * sum)) < 10);
	assert_ptr_equal(samples_ref(s), s);
	samples_unref(s);
	assert_true(samples_equal(s, s) && !samples_equal(s, NULL));
	samples_unref(s);
	samples_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opportunities), cmocka_unit_test(references),
	    cmocka_unit_test(broken_files),  cmocka_unit_test(strange_files),
	    cmocka_unit_test(names),	     cmocka_unit_test(quantiles),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
