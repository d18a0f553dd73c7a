/* Expectations: ${name} matches itself, lines as they come, the first unmet one is named. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "scenarios/engine/outcome.h"

#define EXIT(n) ((n) << 8)

static bool matches(const char *pattern, const char *var, const char *line)
{
	_cleanup_strv_ struct strv vars = { 0 };
	_cleanup_free_ char *why = NULL;
	regex_t re;
	bool r;

	assert_int_equal(strv_add(&vars, var), 0);
	if (expect_compile(pattern, &vars, &re, &why))
		fail_msg("%s: %s", pattern, why);
	r = regexec(&re, line, 0, NULL, 0) == 0;
	regfree(&re);
	return r;
}

static void values_match_themselves(void **state)
{
	static const char *const odd[] = {
		"a.b", "a*b", "[x]", "(x", "a+b", "x?", "{2}", "a|b", "^a", "a$", "back\\slash", "10.0.0.1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		_cleanup_free_ char *var = NULL, *line = NULL;

		assert_true(asprintf(&var, "v=%s", odd[i]) > 0);
		assert_true(asprintf(&line, "got <%s>", odd[i]) > 0);
		assert_true(matches("<${v}>$", var, line));
		assert_false(matches("<${v}>$", var, "got <something else>"));
	}
	assert_false(matches("<${v}>", "v=10.0.0.1", "<10a0b0c1>"));
	assert_true(matches("^a[0-9]+${v}$", "v=", "a17"));
	assert_true(matches("cost \\$5${v}", "v=0", "cost $50"));
}

static void refuses_bad_patterns(void **state)
{
	_cleanup_strv_ struct strv vars = { 0 };
	static const char *const bad[][2] = {
		{ "${fiel}", "did you mean ${file}?" }, { "${zzz}", "no input and no variable" },
		{ "${file", "not closed" },		{ "(a", "not a regular expression" },
	};
	regex_t re;

	assert_int_equal(strv_add(&vars, "file=x"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_free_ char *why = NULL;

		assert_int_equal(expect_compile(bad[i][0], &vars, &re, &why), -EINVAL);
		assert_non_null(strstr(why, bad[i][1]));
	}
}

/* A subscenario with every kind of expectation. */
static char client[] = "^226", server[] = "OK .*\"${file}\"", server2[] = "bye ${file}";
static struct expect expects[] = {
	{ .where = EXPECT_EXIT, .exit_code = 0 },
	{ .where = EXPECT_CLIENT, .pattern = client },
	{ .where = EXPECT_SERVER, .pattern = server },
	{ .where = EXPECT_SERVER, .pattern = server2 },
};
static const struct sub sub = { .expects = expects, .n_expects = ARRAY_SIZE(expects) };

static struct outcome start(void)
{
	_cleanup_strv_ struct strv vars = { 0 };
	_cleanup_free_ char *why = NULL;
	struct outcome o;

	assert_int_equal(strv_add(&vars, "file=a.txt"), 0);
	assert_int_equal(outcome_init(&o, &sub, &vars, &why), 0);
	return o;
}

static void assert_text(const struct outcome *o, const char *want)
{
	_cleanup_free_ char *s = outcome_text(o);

	assert_string_equal(s, want);
}

static void line(struct outcome *o, enum expect_where where, const char *s)
{
	outcome_line(o, where, s, strlen(s));
}

static void names_the_first_unmet(void **state)
{
	struct outcome o = start();

	assert_false(outcome_waits(&o));
	outcome_exit(&o, EXIT(1));
	assert_text(&o, "failed:exit 1");
	assert_false(outcome_waits(&o));
	outcome_exit(&o, 9);
	assert_text(&o, "failed:signal 9");
	outcome_exit(&o, EXIT(0));
	assert_text(&o, "failed:no client line ^226");
	line(&o, EXPECT_CLIENT, "x226 no");
	line(&o, EXPECT_SERVER, "226 not the client's");
	assert_text(&o, "failed:no client line ^226");
	assert_false(outcome_waits(&o));
	line(&o, EXPECT_CLIENT, "226 Transfer complete");
	assert_true(outcome_waits(&o));
	assert_text(&o, "failed:no server line OK .*\"${file}\"");
	assert_string_equal(outcome_evidence(&o), "226 Transfer complete");
	line(&o, EXPECT_SERVER, "OK DOWNLOAD \"axtxt\"");
	assert_true(outcome_waits(&o));
	line(&o, EXPECT_SERVER, "OK DOWNLOAD\t\"a.txt\"");
	assert_text(&o, "failed:no server line bye ${file}");
	line(&o, EXPECT_SERVER, "bye a.txt");
	assert_false(outcome_waits(&o));
	assert_text(&o, "ok");
	assert_string_equal(outcome_evidence(&o), "bye a.txt");
	outcome_clear(&o);
}

static void a_timeout_is_a_timeout(void **state)
{
	struct outcome o = start();

	o.timed_out = true;
	outcome_exit(&o, 9);
	line(&o, EXPECT_CLIENT, "226");
	assert_text(&o, "failed:timeout");
	assert_false(outcome_waits(&o));
	outcome_clear(&o);
}

static void put(int fd, const char *s)
{
	assert_int_equal(write(fd, s, strlen(s)), (ssize_t)strlen(s));
}

/* A log that grows: half a line is left for later, what was before the offset is not seen. */
static void reads_a_growing_file(void **state)
{
	_cleanup_close_ int fd = memfd_create("log", MFD_CLOEXEC);
	struct outcome o = start();
	off_t offset;

	assert_true(fd >= 0);
	put(fd, "OK \"a.txt\"\nbye a.txt\n");
	offset = 21;
	outcome_exit(&o, EXIT(0));
	line(&o, EXPECT_CLIENT, "226");
	put(fd, "some line\r\nOK GET \"a.t");
	assert_int_equal(outcome_read(&o, EXPECT_SERVER, fd, &offset, false), 0);
	assert_int_equal(offset, 32);
	assert_text(&o, "failed:no server line OK .*\"${file}\"");
	put(fd, "xt\"\nbye a.txt");
	assert_int_equal(outcome_read(&o, EXPECT_SERVER, fd, &offset, false), 0);
	assert_text(&o, "failed:no server line bye ${file}");
	assert_int_equal(outcome_read(&o, EXPECT_SERVER, fd, &offset, true), 0);
	assert_text(&o, "ok");
	assert_int_equal(offset, lseek(fd, 0, SEEK_END));
	outcome_clear(&o);
}

/* A line longer than any buffer, then NUL bytes, then the line that counts. */
static void reads_junk(void **state)
{
	_cleanup_close_ int fd = memfd_create("log", MFD_CLOEXEC);
	struct outcome o = start();
	_cleanup_free_ char *junk = malloc(200000);
	off_t offset = 0;

	assert_non_null(junk);
	memset(junk, 'x', 200000);
	assert_int_equal(write(fd, junk, 200000), 200000);
	assert_int_equal(write(fd, "\n\0\xff\0\n\n226 at \x01 last\n", 20), 20);
	assert_int_equal(outcome_read(&o, EXPECT_CLIENT, fd, &offset, true), 0);
	assert_string_equal(outcome_evidence(&o), "226 at   last");
	assert_int_equal(outcome_read(&o, EXPECT_CLIENT, -1, &offset, true), -EBADF);
	outcome_clear(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_match_themselves),
		cmocka_unit_test(refuses_bad_patterns),
		cmocka_unit_test(names_the_first_unmet),
		cmocka_unit_test(a_timeout_is_a_timeout),
		cmocka_unit_test(reads_a_growing_file),
		cmocka_unit_test(reads_junk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
