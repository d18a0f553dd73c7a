/* Scenario folders: a good one is read whole, each bad one is refused with its line, ours load. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <netinet/in.h>
#include <string.h>
#include "core/units.h"
#include "scenarios/engine/scenario.h"

#define GOOD TEST_DATA "/scenario"
#define BAD  TEST_DATA "/../bad_scenario"

static void loads_everything(void **state)
{
	_cleanup_err_ struct err err = { 0 };
	_cleanup_strv_ struct strv missing = { 0 };
	struct scenario s;
	const struct sub *sub;

	assert_int_equal(scenario_load("good", GOOD, &s, &err), 0);
	assert_string_equal(s.name, "good");
	assert_string_equal(s.title, "Everything");
	assert_string_equal(s.class, "bruteforce");
	assert_true(s.attack);
	assert_int_equal(s.packages.n, 2);
	assert_int_equal(s.ready_proto, IPPROTO_TCP);
	assert_int_equal(s.n_ready_ports, 2);
	assert_int_equal(s.ready_ports[1], 2121);
	assert_string_equal(s.client_setup, "server.sh");
	assert_int_equal(s.n_client_inputs, 2);
	assert_int_equal(s.n_subs, 2);
	sub = scenario_sub(&s, "get");
	assert_non_null(sub);
	assert_null(scenario_sub(&s, "geta"));
	assert_string_equal(sub->before, "server.sh");
	assert_int_equal(sub->timeout, 5 * NSEC_PER_SEC);
	assert_int_equal(sub->n_inputs, 6);
	assert_int_equal(sub->n_expects, 4);
	assert_int_equal(sub->expects[0].where, EXPECT_EXIT);
	assert_int_equal(sub->expects[3].where, EXPECT_SERVER);
	sub = scenario_sub(&s, "put");
	assert_int_equal(sub->timeout, 60 * NSEC_PER_SEC);
	assert_string_equal(sub->title, "put");
	assert_null(sub->before);
	assert_int_equal(scenario_missing(&s, &missing), 0);
	assert_int_equal(missing.n, 1);
	assert_string_equal(missing.s[0], "no-such-program");
	scenario_free(&s);
}

/* The first lines of a bad scenario say what it must be refused with: "; error: LINE: TEXT". */
static void check_bad(const char *name)
{
	_cleanup_err_ struct err err = { 0 };
	_cleanup_free_ char *path = NULL, *text = NULL, *line = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	struct scenario s;
	size_t size = 0, n = 0;

	assert_true(asprintf(&path, "%s/%s/scenario.ini", BAD, name) > 0);
	f = fopen(path, "re");
	assert_non_null(f);
	if (scenario_load(name, BAD, &s, &err) == 0)
		fail_msg("%s: was not refused", name);
	text = err_text(&err);
	while (getline(&line, &size, f) > 0 && !strncmp(line, "; error: ", 9)) {
		const char *msg = strchr(line + 9, ':') + 2;
		int at = atoi(line + 9);
		bool found = false;

		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < err.n; i++)
			found |= err.items[i].line == at && err.items[i].class == ERR_USAGE &&
				 strstr(err.items[i].msg, msg);
		if (!found)
			fail_msg("%s: expected '%d: %s', got:\n%s", name, at, msg, text);
		n++;
	}
	if (n == 0 || n != err.n)
		fail_msg("%s: %zu errors expected, %zu found:\n%s", name, n, err.n, text);
}

static void refuses_bad_ones(void **state)
{
	DIR *d = opendir(BAD);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.') {
			check_bad(e->d_name);
			n++;
		}
	closedir(d);
	assert_true(n >= 40);
}

static void refuses_unknown_names(void **state)
{
	static const char *const names[] = { "goood", "", "../good", "good/", "GOOD", ".", "a b" };
	struct scenario s;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_err_ struct err err = { 0 };

		assert_int_not_equal(scenario_load(names[i], GOOD, &s, &err), 0);
		assert_int_equal(err_exit(&err), ERR_USAGE);
		if (i == 0)
			assert_non_null(strstr(err.items[0].msg, "did you mean 'good'?"));
	}
}

static void refuses_a_path_that_is_not_there(void **state)
{
	_cleanup_err_ struct err err = { 0 };
	_cleanup_strv_ struct strv names = { 0 };

	assert_int_not_equal(scenario_list(GOOD "/nowhere", &names, &err), 0);
	assert_int_equal(err_exit(&err), ERR_USAGE);
	assert_non_null(strstr(err.items[0].msg, "nowhere"));
}

/* Those that come with detnet; names of the path come first and hide ours. */
static void lists_and_loads_ours(void **state)
{
	_cleanup_err_ struct err err = { 0 };
	_cleanup_strv_ struct strv names = { 0 };
	bool good = false, ftp = false;

	assert_int_equal(scenario_list(GOOD, &names, &err), 0);
	for (size_t i = 0; i < names.n; i++) {
		struct scenario s;

		good |= !strcmp(names.s[i], "good");
		ftp |= !strcmp(names.s[i], "ftp");
		if (i)
			assert_true(strcmp(names.s[i - 1], names.s[i]) < 0);
		if (scenario_load(names.s[i], GOOD, &s, &err)) {
			_cleanup_free_ char *text = err_text(&err);

			fail_msg("%s", text);
		}
		scenario_free(&s);
	}
	assert_true(good && ftp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_everything),
		cmocka_unit_test(refuses_bad_ones),
		cmocka_unit_test(refuses_unknown_names),
		cmocka_unit_test(refuses_a_path_that_is_not_there),
		cmocka_unit_test(lists_and_loads_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
