/*
 * Every bad topology file is refused with its line and its sentence, and nothing else is said.
 *
 * tests/unit/bad holds them; a file begins with a comment "; expect LINE: TEXT" for each error, in
 * order. What no file can hold well (NUL bytes, 10 MB) is made here.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "emu/topo.h"

#define BAD_DIR TEST_DATA "/../bad"
#define BAD_MIN 60

static const char good[] = "[switch s1]\n[host h1 h2]\nswitch = s1\n";

/* Reads "; expect LINE: TEXT" of the file's next line; false when there is none. */
static bool next_expected(FILE *f, int *ret_line, char *text, size_t size)
{
	char line[512];
	int at = 0;

	if (!fgets(line, sizeof(line), f) || sscanf(line, "; expect %d: %n", ret_line, &at) != 1 ||
	    !at)
		return false;
	line[strcspn(line, "\n")] = '\0';
	snprintf(text, size, "%.*s", (int)size - 1, line + at);
	return true;
}

/* Prints what differs; 0 when all is as expected. */
static int check_file(const char *path)
{
	_cleanup_err_ struct err err = {0};
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	struct net net = {.seed = 77};
	char text[400];
	int line, bad = 0;
	size_t n = 0;

	assert_non_null(f);
	if (topo_load(path, NULL, NULL, 0, &net, &err) == 0) {
		print_error("%s: was not refused\n", path);
		net_free(&net);
		return 1;
	}
	bad += net.seed != 77; /* untouched on failure */
	for (; next_expected(f, &line, text, sizeof(text)); n++)
		if (n >= err.n || err.items[n].line != line || !strstr(err.items[n].msg, text)) {
			print_error("%s: expected %d: %s\n", path, line, text);
			bad++;
		}
	if (n == 0 || n != err.n)
		bad++;
	for (size_t i = 0; i < err.n; i++) {
		bad += err.items[i].class != ERR_USAGE || strcmp(err.items[i].file, path) != 0;
		if (bad)
			print_error("%s: got %d: %s\n", path, err.items[i].line, err.items[i].msg);
	}
	return bad != 0;
}

static void files_are_refused(void **state)
{
	DIR *dir = opendir(BAD_DIR);
	int files = 0, bad = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		char path[4096];

		if (!strstr(e->d_name, ".ini"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", BAD_DIR, e->d_name);
		bad += check_file(path);
		files++;
	}
	closedir(dir);
	assert_int_equal(bad, 0);
	assert_true(files >= BAD_MIN);
}

/* Loads from memory; the first error must be at this line and hold this text. */
static void refuse(const char *data, size_t size, int line, const char *text)
{
	_cleanup_err_ struct err err = {0};
	struct net net;

	assert_int_not_equal(topo_load_mem("x.ini", data, size, NULL, NULL, 0, &net, &err), 0);
	assert_true(err.n > 0);
	assert_int_equal(err_exit(&err), ERR_USAGE);
	if (line >= 0)
		assert_int_equal(err.items[0].line, line);
	if (!strstr(err.items[0].msg, text))
		fail_msg("'%s' is not in '%s'", text, err.items[0].msg);
}

static void nul_bytes(void **state)
{
	static const char data[] = "[network]\nname = a\0b\n";

	refuse(data, sizeof(data) - 1, 2, "NUL byte");
	refuse("\0", 1, 1, "NUL byte");
}

static void empty(void **state)
{
	refuse("", 0, 0, "no host");
	refuse("\n\n; nothing\n", 12, 0, "no host");
}

static void not_utf8(void **state)
{
	static const char data[] = "[network]\nname = \xff\xfe\n";

	refuse(data, sizeof(data) - 1, 2, "not UTF-8");
}

static void junk(void **state)
{
	_cleanup_free_ char *data = malloc(1 << 16);
	struct rng rng;

	assert_non_null(data);
	for (int round = 0; round < 20; round++) {
		rng_open(&rng, 5, "junk/%d", round);
		for (size_t i = 0; i < 1 << 16; i++)
			data[i] = (char)rng_u64(&rng);
		refuse(data, 1 << 16, -1, "");
	}
}

/* A good file with a byte changed must be read or refused, never worse (run under ASan). */
static void flipped_bytes(void **state)
{
	static const char text[] =
	    "[network]\nname = lab\nseed = 7\nsubnet = 10.0.0.0/16\naddresses = random\n"
	    "hostnames = drawn\n[switch s1]\n[router r1]\n[host h{1..6}]\nswitch = s1\n"
	    "delay = 20ms 5ms normal\nloss< = 0.1%\n[host x]\naddress = 10.0.9.9/24\n"
	    "mac = 02:00:00:00:00:01\n[link r1 s1]\n[link r1 x]\naddress r1 = 10.0.9.1\n";
	char data[sizeof(text)];
	int read = 0, refused = 0;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		for (int bit = 0; bit < 8; bit++) {
			_cleanup_err_ struct err err = {0};
			struct net net;

			memcpy(data, text, sizeof(text));
			data[i] = (char)(data[i] ^ (1 << bit));
			if (topo_load_mem("x", data, sizeof(text) - 1, NULL, NULL, 0, &net, &err) ==
			    0) {
				assert_int_equal(err.n, 0);
				net_free(&net);
				read++;
			} else {
				assert_true(err.n > 0);
				refused++;
			}
		}
	assert_true(read > 100 && refused > 100);
}

static void ten_megabytes(void **state)
{
	size_t size = 10 << 20;
	_cleanup_free_ char *data = malloc(size);

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = good[i % (sizeof(good) - 1)];
	refuse(data, size, 0, "larger than");
	memset(data, 'x', size);
	refuse(data, size, 0, "larger than");
	/* As large as is read at all, in one line. */
	refuse(data, INI_FILE_MAX, 1, "line of 4194304 bytes");
}

static void many_errors(void **state)
{
	size_t size = 1 << 20;
	_cleanup_free_ char *data = malloc(size);

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = "[h]\n"[i % 4];
	refuse(data, size, 1, "unknown section [h]");
	for (size_t i = 0; i < size; i++)
		data[i] = "[link a b]\n"[i % 11];
	refuse(data, size - size % 11, 1, "unknown node 'a'");
}

static void overlong(void **state)
{
	char data[1024];
	int n = snprintf(data, sizeof(data), "[network]\nname = %0*d\n%s", INI_LINE_MAX, 7, good);

	refuse(data, (size_t)n, 2, "at most 198 are read");
	n = snprintf(data, sizeof(data), "[network]\nname = %0*d\n%s", 150, 7, good);
	refuse(data, (size_t)n, 2, "bad value");
	n = snprintf(data, sizeof(data), "[%0*d]\n%s", 150, 7, good);
	refuse(data, (size_t)n, 1, "unknown section");
}

/* Links cannot eat the memory. */
static void too_many_links(void **state)
{
	_cleanup_free_ char *data = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&data, &size);

	assert_non_null(f);
	fputs("[router r1]\n[host h{1..4000}]\n", f);
	for (int i = 0; i < 20; i++)
		fputs("[link h{1..4000} r1]\n", f);
	fclose(f);
	refuse(data, size, 19, "too many links");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_are_refused),
	    cmocka_unit_test(nul_bytes),
	    cmocka_unit_test(empty),
	    cmocka_unit_test(not_utf8),
	    cmocka_unit_test(junk),
	    cmocka_unit_test(flipped_bytes),
	    cmocka_unit_test(ten_megabytes),
	    cmocka_unit_test(many_errors),
	    cmocka_unit_test(overlong),
	    cmocka_unit_test(too_many_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
