/* INI: what is read with which line, and every kind of file that is refused, with its line. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "core/ini.h"

/* "[section]@line key@line=value|" for each, to compare in one go. */
static char *flat(const struct ini *ini)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0; i < ini->n_sections; i++) {
		const struct ini_section *s = &ini->sections[i];

		fprintf(f, "[%s]@%d ", s->name, s->line);
		for (size_t k = 0; k < s->n_keys; k++)
			fprintf(f, "%s@%d=%s|", s->keys[k].name, s->keys[k].line, s->keys[k].value);
	}
	fclose(f);
	return text;
}

#define A50 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"

static void test_good(void **state)
{
	static const struct {
		const char *text, *flat;
	} cases[] = {
		{"", ""},
		{"\n\n ; only\n# comments\n  \t\n", ""},
		{"[a]\nk = v\n", "[a]@1 k@2=v|"},
		{"[a]\nk=v", "[a]@1 k@2=v|"},
		{"\xef\xbb\xbf[a]\r\nk = v\r\n", "[a]@1 k@2=v|"},
		{"[a]\n[b]\n\n[a]\n", "[a]@1 [b]@2 [a]@4 "},
		{"[ link  r1\ts1 ] ; comment\n", "[link r1 s1]@1 "},
		{"[a];x\nk = v ; comment\nm = a;b\n", "[a]@1 k@2=v|m@3=a;b|"},
		{"[a]\nk = v\n  more ; cut\n; gone\n\n\tlast\nm = 1\n",
		 "[a]@1 k@2=v\nmore\nlast|m@7=1|"},
		{"[a]\nk =\n  x = y\n", "[a]@1 k@2=\nx = y|"},
		{"[a]\nk =\nk = ; nothing\n", "[a]@1 k@2=|k@3=|"},
		{"[a]\nexpect server = a:b = c\n", "[a]@1 expect server@2=a:b = c|"},
		{"[a]\ndelay> = 5ms\ndelay< = 6ms\n", "[a]@1 delay>@2=5ms|delay<@3=6ms|"},
		{"[a]\nk = \"x; y\"\n", "[a]@1 k@2=\"x; y\"|"},
		{"[a]\nk = \"x\" ; it's \"fine\"\n", "[a]@1 k@2=\"x\"|"},
		{"[a]\nk = don't ; that's a comment\n", "[a]@1 k@2=don't|"},
		{"[a]\nk = 5\" disk ; five inch\n", "[a]@1 k@2=5\" disk|"},
		{"[a]\nk = \\\"x ; \\\" y\n", "[a]@1 k@2=\\\"x|"},
		{"[a]\nk = été ≠ 夏 😀\n", "[a]@1 k@2=été ≠ 夏 😀|"},
		{"[host " A50 "x]\n" A50 "k = v\n  w\n",
		 "[host " A50 "x]@1 " A50 "k@2=v\nw|"}, /* inih alone keeps 49 bytes of a name */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_ini_ struct ini ini = {0};
		_cleanup_err_ struct err e = {0};
		_cleanup_free_ char *got = NULL;

		if (ini_read_mem("f", cases[i].text, strlen(cases[i].text), &ini, &e))
			fail_msg("refused:\n%s\n%s", cases[i].text, err_text(&e));
		assert_int_equal(e.n, 0);
		assert_string_equal(ini.file, "f");
		got = flat(&ini);
		assert_string_equal(got, cases[i].flat);
	}
}

struct bad_case {
	const char *text;
	size_t size; /* 0: strlen */
	int line;
	const char *why;
};

static void check_bad(const struct bad_case *c)
{
	_cleanup_ini_ struct ini ini = {0};
	_cleanup_err_ struct err e = {0};
	size_t size = c->size ? c->size : strlen(c->text);
	/* exactly as large as it is, so that the sanitizer sees a read beyond it */
	_cleanup_free_ char *copy = malloc(size);

	memcpy(copy, c->text, size);
	if (ini_read_mem("f.ini", copy, size, &ini, &e) != -EINVAL)
		fail_msg("was read: %.200s", c->text);
	assert_null(ini.sections); /* untouched */
	assert_true(e.n >= 1);
	assert_string_equal(e.items[0].file, "f.ini");
	if (e.items[0].line != c->line || !strstr(e.items[0].msg, c->why))
		fail_msg("'%.200s': line %d, %s (expected: line %d, %s)", c->text, e.items[0].line,
			 e.items[0].msg, c->line, c->why);
	assert_int_equal(err_exit(&e), ERR_USAGE);
}

static void test_bad(void **state)
{
	static const struct bad_case cases[] = {
		{"k = v\n", 0, 1, "before any [section]"},
		{"\n\n k = v\n", 0, 3, "before any [section]"},
		{"[a\n", 0, 1, "without ']'"},
		{"[]\n", 0, 1, "without a name"},
		{"[  ]\n", 0, 1, "without a name"},
		{"[a] k = v\n", 0, 1, "text after ']'"},
		{"[a]\nword\n", 0, 2, "neither [section] nor key = value"},
		{"[a]\nk: v\n", 0, 2, "not ':'"},
		{"[a]\nk : a = b\n", 0, 2, "not ':'"},
		{"[a]\n= v\n", 0, 2, "without a key"},
		{"[a]\nk ; = v\n", 0, 2, "neither"},
		{"[a]\n  k = v\n", 0, 2, "begins with white space"},
		{"[a]\nk = v\n [b]\n", 0, 3, "must begin its line"},
		{"[a]\nk = v\n[b]\n  more\n", 0, 4, "begins with white space"},
		{"[a]\nk = \"x ; y\"\n", 0, 2, "' ;' begins a comment"},
		{"[a]\nk = 'x ; y'\n", 0, 2, "' ;' begins a comment"},
		{"[a]\nk = v\n  \"x ; y\"\n", 0, 3, "' ;' begins a comment"},
		{"[a]\nk = v\0x\n", 11, 2, "NUL byte"},
		{"\0", 1, 1, "NUL byte"},
		{"[a]\nk = \xff\n", 0, 2, "byte 0xff is not UTF-8"},
		{"[a]\nk = \xc3", 0, 2, "not UTF-8"},
		{"[a]\nk = \xc0\xaf\n", 0, 2, "not UTF-8"},
		{"[a]\nk = \xed\xa0\x80\n", 0, 2, "not UTF-8"},
		{"[a]\nk = \xf4\x90\x80\x80\n", 0, 2, "not UTF-8"},
		{"[a]\nk = \xf0\x8f\x80\x80\n", 0, 2, "not UTF-8"},
		{"[a]\nk = \x1b[31m\n", 0, 2, "control character 0x1b"},
		{"[a]\nk = \xc2\x9b\n", 0, 2, "control character 0x9b"},
		{"[a]\nk = v\x7f\n", 0, 2, "control character 0x7f"},
		{"[a]\rk = v\r", 0, 1, "control character 0x0d"},
		{"\xff\xfe[\0a\0]\0", 8, 1, "not UTF-8"}, /* UTF-16 */
		{"; ok\n# \x01\n", 0, 2, "control character"}, /* also in comments */
		{"[a]\n\xef\xbb\xbfk\n", 0, 2, "neither"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_bad(&cases[i]);
}

static void test_line_length(void **state)
{
	_cleanup_ini_ struct ini ini = {0};
	_cleanup_err_ struct err e = {0};
	char text[512];
	size_t n;

	/* the longest line, then one byte more */
	memset(text, 'x', sizeof(text));
	memcpy(text, "[a]\nk = ", 8);
	n = 4 + INI_LINE_MAX;
	memcpy(text + n, "\r\n", 2);
	assert_int_equal(ini_read_mem("f", text, n + 2, &ini, &e), 0);
	assert_int_equal(strlen(ini_get(&ini.sections[0], "k")), INI_LINE_MAX - 4);
	text[n] = 'x';
	text[n + 1] = '\n';
	check_bad(&(struct bad_case){text, n + 2, 2, "line of 199 bytes; at most 198"});
	/* a comment is no way around it, for inih would read its end as another line */
	text[4] = ';';
	check_bad(&(struct bad_case){text, n + 2, 2, "line of 199 bytes"});
}

static void test_sizes(void **state)
{
	_cleanup_free_ char *big = malloc(INI_FILE_MAX + 1);
	_cleanup_ini_ struct ini ini = {0};
	_cleanup_err_ struct err e = {0};

	memset(big, '\n', INI_FILE_MAX + 1);
	assert_int_equal(ini_read_mem("f", big, INI_FILE_MAX, &ini, &e), 0);
	check_bad(&(struct bad_case){big, INI_FILE_MAX + 1, 0, "larger than 4 MiB"});
	/* a value that goes on and on */
	memcpy(big, "[a]\nk=\n", 7);
	for (size_t i = 7; i + 3 <= 200000; i += 3)
		memcpy(big + i, " x\n", 3);
	check_bad(&(struct bad_case){big, 199000, 32771, "longer than 64 KiB"});
	/* as many errors as there are lines are counted, not kept */
	for (size_t i = 0; i + 2 <= INI_FILE_MAX; i += 2)
		memcpy(big + i, "x\n", 2);
	assert_int_equal(ini_read_mem("f", big, INI_FILE_MAX, &ini, &e), -EINVAL);
	assert_int_equal(e.n, ERR_MAX);
	assert_int_equal(e.suppressed, INI_FILE_MAX / 2 - ERR_MAX);
}

/* All errors of a file come at once, each with its line. */
static void test_every_error(void **state)
{
	static const char text[] = "k = 1\n[a]\nword\n  goes on\n[b\nk = 2\nq: 3\n";
	_cleanup_ini_ struct ini ini = {0};
	_cleanup_err_ struct err e = {0};

	assert_int_equal(ini_read_mem("f", text, strlen(text), &ini, &e), -EINVAL);
	assert_int_equal(e.n, 4);
	assert_int_equal(e.items[0].line, 1);
	assert_int_equal(e.items[1].line, 3);
	assert_int_equal(e.items[2].line, 5);
	assert_int_equal(e.items[3].line, 7);
}

static void test_files(void **state)
{
	_cleanup_ini_ struct ini ini = {0};
	_cleanup_err_ struct err e = {0};
	char path[] = "/tmp/test_ini_XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	const char text[] = "[a]\nk = v\n";

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(ini_read(path, &ini, &e), 0);
	assert_string_equal(ini_get(&ini.sections[0], "k"), "v");
	assert_null(ini_get(&ini.sections[0], "K"));
	assert_string_equal(ini.file, path);
	ini_free(&ini);

	assert_int_equal(ftruncate(fd, 10 << 20), 0);
	assert_int_equal(ini_read(path, &ini, &e), -EINVAL);
	assert_non_null(strstr(e.items[0].msg, "larger than 4 MiB"));
	unlink(path);
	assert_int_equal(ini_read(path, &ini, &e), -ENOENT);
	assert_non_null(strstr(e.items[1].msg, "cannot be opened: No such file"));
	assert_int_equal(ini_read("/", &ini, &e), -EISDIR);
	assert_int_equal(err_exit(&e), ERR_USAGE);
}

static void test_duplicates(void **state)
{
	static const char text[] = "[a]\nk = 1\nm = 1\nexpect exit = 0\nm = 2\nexpect exit = 0\n"
				   "k = 2\nk = 3\n[b]\nk = 1\n[c]\n";
	static const char *const repeat[] = {"expect server", "expect exit"};
	_cleanup_ini_ struct ini ini = {0};
	_cleanup_err_ struct err e = {0};

	assert_int_equal(ini_read_mem("f", text, strlen(text), &ini, &e), 0);
	assert_string_equal(ini_get(&ini.sections[0], "k"), "1"); /* the first */
	assert_int_equal(ini_refuse_duplicates("f", &ini.sections[0], repeat, 2, &e), -EINVAL);
	assert_int_equal(e.n, 3);
	assert_int_equal(e.items[0].line, 5);
	assert_string_equal(e.items[0].msg,
			    "key 'm' was given already in line 3; leave one of them out");
	assert_int_equal(e.items[1].line, 7);
	assert_int_equal(e.items[2].line, 8);
	assert_int_equal(ini_refuse_duplicates("f", &ini.sections[1], NULL, 0, &e), 0);
	assert_int_equal(ini_refuse_duplicates("f", &ini.sections[2], NULL, 0, &e), 0);
	assert_int_equal(e.n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	    cmocka_unit_test(test_bad),
		cmocka_unit_test(test_line_length), cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_every_error), cmocka_unit_test(test_files),
		cmocka_unit_test(test_duplicates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
