/* Plans: drawn from the seed by path, so the same seed is the same plan and no client shifts another. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "core/units.h"
#include "scenarios/engine/plan.h"

#define MINUTE (60 * NSEC_PER_SEC)

/* A topology of five clients and two servers, with the given [scenario …] sections behind it. */
struct lab {
	struct net net;
	struct uses uses;
	struct plan plan;
	struct err err;
};

static int lab_load(struct lab *l, const char *sections, uint64_t seed, int64_t duration)
{
	struct topo_section rows[USE_SECTIONS];
	_cleanup_free_ char *text = NULL;
	int r;

	memset(l, 0, sizeof(*l));
	uses_init(&l->uses);
	use_sections(&l->uses, rows);
	assert_true(asprintf(&text,
			     "[network]\nname = t\nscenario_path = %s/scenario\n[switch s1]\n"
			     "[host h{1..5} files www]\nswitch = s1\n%s", TEST_DATA, sections) > 0);
	r = topo_load_mem("t.ini", text, strlen(text), &seed, rows, USE_SECTIONS, &l->net, &l->err);
	return r ? r : plan_make(&l->uses, &l->net, duration, &l->plan, &l->err);
}

static void lab_free(struct lab *l)
{
	plan_free(&l->plan);
	uses_free(&l->uses);
	net_free(&l->net);
	err_free(&l->err);
}

static void lab_make(struct lab *l, const char *sections, uint64_t seed)
{
	if (lab_load(l, sections, seed, MINUTE)) {
		_cleanup_free_ char *text = err_text(&l->err);

		fail_msg("%s", text);
	}
}

static const char *client_of(const struct lab *l, const struct plan_activity *a)
{
	return l->net.nodes[a->client->node].name;
}

/* Everything that was drawn of a client, as text; ids left out. */
static char *client_text(const struct lab *l, const char *client, const char *scenario)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	for (size_t i = 0; i < l->plan.n; i++) {
		const struct plan_activity *a = &l->plan.activities[i];
		_cleanup_free_ char *json = NULL;

		if (strcmp(client_of(l, a), client) || strcmp(a->label.scenario, scenario))
			continue;
		assert_int_equal(plan_inputs_json(a, &json), 0);
		fprintf(f, "%u %lld %s %s\n", a->number, (long long)a->start, a->sub->name, json);
	}
	assert_int_equal(fclose(f), 0);
	return text;
}

static void assert_client_equal(const struct lab *a, const struct lab *b, const char *client,
				const char *scenario, bool equal)
{
	_cleanup_free_ char *x = client_text(a, client, scenario);
	_cleanup_free_ char *y = client_text(b, client, scenario);

	assert_true(strlen(x) > 100);
	assert_int_equal(!strcmp(x, y), equal);
}

static const char three[] = "[scenario good]\nserver = files\nclients = h{1..3}\nevery = 2s\n";
static const char jitter[] = "[scenario good]\nserver = files\nclients = h{1..3}\n"
			     "every = exponential(2s)\n";

static void same_seed_same_plan(void **state)
{
	struct lab a, b;

	lab_make(&a, jitter, 7);
	lab_make(&b, jitter, 7);
	assert_int_equal(a.plan.n, b.plan.n);
	assert_true(a.plan.n > 30);
	for (size_t i = 0; i < a.plan.n; i++) {
		_cleanup_free_ char *x = NULL, *y = NULL;

		assert_int_equal(plan_inputs_json(&a.plan.activities[i], &x), 0);
		assert_int_equal(plan_inputs_json(&b.plan.activities[i], &y), 0);
		assert_string_equal(x, y);
		assert_int_equal(a.plan.activities[i].start, b.plan.activities[i].start);
		assert_string_equal(client_of(&a, &a.plan.activities[i]),
				    client_of(&b, &b.plan.activities[i]));
	}
	lab_free(&a);
	lab_free(&b);
}

static void another_seed_differs(void **state)
{
	struct lab a, b;

	lab_make(&a, jitter, 7);
	lab_make(&b, jitter, 8);
	assert_client_equal(&a, &b, "h1", "good", false);
	assert_string_not_equal(a.plan.clients[0].values.s[1], b.plan.clients[0].values.s[1]);
	lab_free(&a);
	lab_free(&b);
}

/* A client more, a scenario more, other subs of others, more time: nobody else's draws move. */
static void nobody_shifts_another(void **state)
{
	struct lab a, b;

	lab_make(&a, jitter, 7);
	lab_make(&b, "[scenario web]\nserver = www\nclients = h1 h5\n"
		     "[scenario good]\nserver = files\nclients = h4 h3 h2 h1\n"
		     "every = exponential(2s)\n", 7);
	assert_true(b.plan.n > a.plan.n);
	assert_client_equal(&a, &b, "h1", "good", true);
	assert_client_equal(&a, &b, "h2", "good", true);
	assert_client_equal(&a, &b, "h3", "good", true);
	lab_free(&b);
	lab_free(&a);
}

static void longer_is_the_same_and_more(void **state)
{
	struct lab a, b;
	_cleanup_free_ char *x = NULL, *y = NULL;

	lab_make(&a, jitter, 7);
	assert_int_equal(lab_load(&b, jitter, 7, 2 * MINUTE), 0);
	x = client_text(&a, "h2", "good");
	y = client_text(&b, "h2", "good");
	assert_true(strlen(y) > strlen(x));
	assert_memory_equal(x, y, strlen(x));
	lab_free(&a);
	lab_free(&b);
}

/* Is every line of part one of whole's, in the same order? */
static size_t assert_part(const char *whole, const char *part)
{
	size_t left_out = 0;

	while (*whole) {
		size_t n = strcspn(whole, "\n") + 1;

		if (!strncmp(whole, part, n))
			part += n;
		else
			left_out++;
		whole += n;
	}
	assert_string_equal(part, "");
	return left_out;
}

/*
 * What falls into a time when its scenario is stopped is left out; the others keep their numbers, times and
 * inputs, and so do all clients of other scenarios.
 */
static void stopped_scenarios_begin_nothing(void **state)
{
	static const struct {
		const char *sections;
		int64_t from[2], to[2]; /* s, stopped */
	} rows[] = {
		{ "[at 10s]\nscenario good = stop\n", { 10 }, { 60 } },
		{ "[at 30s]\nscenario good = start\n[at 10s]\nscenario good = stop\n", { 10 }, { 30 } },
		{ "[at 20s]\nscenario good = start\n", { 0 }, { 20 } },
		{ "[at 20s]\nscenario good = start\n[at 40s]\nscenario good = stop\n",
		  { 0, 40 }, { 20, 60 } },
		{ "[at 0s]\nscenario good = stop\n[at 50s]\nscenario good = start\n"
		  "[at 50s]\nscenario good = stop\n", { 0 }, { 60 } },
	};
	static const char both[] = "[scenario good]\nserver = files\nclients = h{1..3}\n"
				   "every = exponential(2s)\n[scenario web]\nserver = www\n"
				   "clients = h{1..3}\nevery = exponential(1s)\n";
	struct lab all, l;

	lab_make(&all, both, 7);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = NULL, *whole = NULL, *part = NULL;
		size_t want = 0, n = 0;

		assert_true(asprintf(&text, "%s%s", both, rows[i].sections) > 0);
		lab_make(&l, text, 7);
		assert_client_equal(&all, &l, "h2", "web", true);
		whole = client_text(&all, "h2", "good");
		part = client_text(&l, "h2", "good");
		for (size_t k = 0; k < all.plan.n; k++) {
			const struct plan_activity *a = &all.plan.activities[k];
			bool stopped = false;

			for (int s = 0; s < 2; s++)
				stopped |= a->start >= rows[i].from[s] * NSEC_PER_SEC &&
					   a->start < rows[i].to[s] * NSEC_PER_SEC;
			if (!strcmp(client_of(&all, a), "h2") && !strcmp(a->label.scenario, "good"))
				want += stopped;
		}
		n = assert_part(whole, part);
		assert_int_equal(n, want);
		assert_true(n > 0);
		lab_free(&l);
	}
	lab_free(&all);
}

static void count_counts_what_was_left_out(void **state)
{
	struct lab l;

	lab_make(&l, "[scenario good]\nserver = files\nclients = h1\nevery = 2s\ncount = 10\n"
		     "[at 10s]\nscenario good = start\n", 7);
	assert_in_range(l.plan.n, 4, 6);
	for (size_t i = 0; i < l.plan.n; i++) {
		assert_int_equal(l.plan.activities[i].id, i + 1);
		assert_int_equal(l.plan.activities[i].number, 10 - l.plan.n + i + 1);
		assert_true(l.plan.activities[i].start >= 10 * NSEC_PER_SEC);
	}
	lab_free(&l);
}

static void unused_scenarios_cannot_be_stopped(void **state)
{
	static const char *const rows[][2] = {
		{ "gooe", "there is no [scenario gooe] in this file; did you mean 'good'?" },
		{ "web", "there is no [scenario web] in this file" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = NULL;
		struct lab l;

		assert_true(asprintf(&text, "[at 1s]\nscenario good = stop\nscenario %s = stop\n%s",
				     rows[i][0], three) > 0);
		assert_true(lab_load(&l, text, 7, MINUTE) < 0);
		assert_int_equal(l.err.n, 1);
		assert_int_equal(l.err.items[0].line, 9);
		assert_string_equal(l.err.items[0].msg, rows[i][1]);
		lab_free(&l);
	}
}

static void ids_follow_the_clock(void **state)
{
	struct lab l;

	lab_make(&l, three, 7);
	for (size_t i = 0; i < l.plan.n; i++) {
		const struct plan_activity *a = &l.plan.activities[i];

		assert_int_equal(a->id, i + 1);
		assert_int_equal(a->label.id, i + 1);
		assert_true(a->start >= 0 && a->start < MINUTE);
		assert_true(a->label.attack);
		if (i)
			assert_true(a[-1].start <= a->start);
	}
	lab_free(&l);
}

/* Every round has each sub once; a constant interval is kept, its phase is not the same for all. */
static void subs_go_round(void **state)
{
	struct lab l;
	int64_t first[3], last[3] = { -1, -1, -1 };
	unsigned get[3] = { 0 }, n[3] = { 0 };

	lab_make(&l, three, 7);
	for (size_t i = 0; i < l.plan.n; i++) {
		const struct plan_activity *a = &l.plan.activities[i];
		int c = client_of(&l, a)[1] - '1';

		if (last[c] < 0)
			first[c] = a->start;
		else
			assert_int_equal(a->start - last[c], 2 * NSEC_PER_SEC);
		last[c] = a->start;
		get[c] += !strcmp(a->sub->name, "get");
		n[c]++;
		if (n[c] % 2 == 0)
			assert_int_equal(get[c], n[c] / 2);
	}
	for (int c = 0; c < 3; c++) {
		assert_int_equal(n[c], 30);
		assert_in_range(first[c], 0, 2 * NSEC_PER_SEC);
	}
	assert_true(first[0] != first[1] && first[1] != first[2]);
	lab_free(&l);
}

static void count_and_subs_limit(void **state)
{
	struct lab l;

	lab_make(&l, "[scenario good]\nserver = files\nclients = h1 h2\nsubs = put\nevery = 1s\n"
		     "count = 4\n", 7);
	assert_int_equal(l.plan.n, 8);
	for (size_t i = 0; i < l.plan.n; i++)
		assert_string_equal(l.plan.activities[i].sub->name, "put");
	lab_free(&l);
}

static void variables_are_those_of_the_document(void **state)
{
	_cleanup_strv_ struct strv vars = { 0 };
	_cleanup_free_ char *user = NULL;
	struct lab l;
	const struct plan_activity *a;
	static const char *const want[] = { "scenario_dir=/run/detnet/scenario/good", "server=10.0.0.",
					    "server_name=files", "client=10.0.0.", "client_name=h1",
					    "activity=1", "work=/tmp/a1", "file=", "size=" };

	lab_make(&l, "[scenario good]\nserver = files\nclients = h1\nsubs = get\ncount = 1\n"
		     "every = 1s\n", 7);
	a = &l.plan.activities[0];
	assert_int_equal(plan_activity_vars(a, &l.net, &vars), 0);
	for (size_t w = 0; w < ARRAY_SIZE(want); w++) {
		bool found = false;

		for (size_t i = 0; i < vars.n; i++)
			found |= !strncmp(vars.s[i], want[w], strlen(want[w]));
		if (!found)
			fail_msg("no %s", want[w]);
	}
	assert_true(asprintf(&user, "user=%s", a->client->values.s[0]) > 0);
	for (size_t i = 0; i < vars.n; i++)
		if (!strncmp(vars.s[i], "user=", 5))
			assert_string_equal(vars.s[i], user);
	lab_free(&l);
}

static void bad_uses_are_refused(void **state)
{
	/* The lab's own part has seven lines; line 8 is the first of these. */
	static const struct {
		const char *text;
		int line;
		const char *msg;
	} rows[] = {
		{ "[scenario goood]\nserver = files\n", 7, "did you mean 'good'?" },
		{ "[scenario whatever]\n", 7, "there is no scenario 'whatever'; there are:" },
		{ "[scenario]\n", 7, "one scenario is named" },
		{ "[scenario good]\nclients = h1\n", 7, "has no 'server'" },
		{ "[scenario good]\nserver = files\n", 7, "has no 'clients'" },
		{ "[scenario good]\nserver = fils\nclients = h1\n", 8, "files" },
		{ "[scenario good]\nserver = files www\nclients = h1\n", 8, "one host serves" },
		{ "[scenario good]\nserver = s1\nclients = h1\n", 8, "s1" },
		{ "[scenario good]\nserver = h1\nclients = h{1..2}\n", 7, "both server and client" },
		{ "[scenario good]\nserver = files\nclients = h1\nsubs = got\n", 10, "did you mean" },
		{ "[scenario good]\nserver = files\nclients = h1\nsubs = get get\n", 10, "twice" },
		{ "[scenario good]\nserver = files\nclients = h1\nsubs =\n", 10, "subs" },
		{ "[scenario good]\nserver = files\nclients = h1\nevery = 5\n", 10, "every = 5" },
		{ "[scenario good]\nserver = files\nclients = h1\nevery = 0\n", 10, "over 0" },
		{ "[scenario good]\nserver = files\nclients = h1\nevery = 8761h\n", 10,
		  "every = 8761h: at most a year (8760h)" },
		{ "[scenario good]\nserver = files\nclients = h1\ncount = 0\n", 10, "count = 0" },
		{ "[scenario good]\nserver = files\nclients = h1\nclints = h1\n", 10, "'clients'?" },
		{ "[scenario good]\nserver = files\nserver = www\nclients = h1\n", 9, "line 8" },
		{ "[scenario good]\nserver = files\nclients = h1\nevery = 1us\n", 7, "more than" },
		{ "[scenario good]\nserver = files\nclients = h1\n"
		  "[scenario good]\nserver = www\nclients = h2 h1\n", 10, "line 7 already" },
		{ "[scenario good]\nserver = files\nclients = h1\n"
		  "[scenario other]\nserver = files\nclients = h1\n", 10, "both want tcp port 21" },
		{ "[capture]\nsnaplen = 10\n", 8, "from 64 bytes to 256KiB" },
		{ "[capture]\nring = 1\n", 8, "from 1MiB" },
		{ "[capture]\nrung = cgrou\n", 8, "did you mean 'cgroup'?" },
		{ "[capture]\nsnaplan = 100\n", 8, "'snaplen'?" },
		{ "[capture]\nsnaplen = 128\nfilter = tcp prot 80\n", 9, "did you mean 'port'?" },
		{ "[capture]\nfilter = tcp port 80 or\n", 8, "syntax error" },
		{ "[capture]\nfilter = host h99\n", 8, "'h99' is neither" },
		{ "[capture]\nformat = pcapn\n", 8, "use pcapng or pcap" },
		{ "[capture]\nrotate_size = 1000B\n", 8, "from 64KiB on" },
		{ "[capture]\nrotate_time = 10\n", 8, "rotate_time = 10: " },
		{ "[capture]\nrotate_time = 1ms\n", 8, "from a second to a year" },
		{ "[capture]\nper_host = maybe\n", 8, "per_host = maybe: " },
		{ "[capture]\nsecrets = maybe\n", 8, "secrets = maybe: " },
		{ "[capture]\nschemas = zeek cik\n", 8, "did you mean 'cic'?" },
		{ "[capture]\nschemas = zeek zeek\n", 8, "'zeek' is given twice" },
		{ "[capture]\nschemas = detnet\n", 8, "flows.csv has, in any case" },
		{ "[capture]\nschemas = argus\n", 8, "there is no 'argus'; there are zeek" },
		{ "[capture]\n[capture]\n", 8, "[capture] is also in line 7" },
		{ "[capture x]\n", 7, "has no name" },
		{ "[run]\nduration = 10\n", 8, "duration = 10" },
		{ "[run]\nduration = 0\n", 8, "over 0" },
		{ "[run]\nduration = 8761h\n", 8, "duration = 8761h: at most a year (8760h)" },
		{ "[run]\ndurations = 10s\n", 8, "'duration'?" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = NULL;
		struct lab l;
		int r = lab_load(&l, rows[i].text, 7, (int64_t)3600 * NSEC_PER_SEC);
		bool found = false;

		text = err_text(&l.err);
		for (size_t k = 0; k < l.err.n; k++)
			found |= l.err.items[k].line == rows[i].line &&
				 strstr(l.err.items[k].msg, rows[i].msg);
		if (r == 0 || !found)
			fail_msg("%s: expected %d: …%s…, got %d:\n%s", rows[i].text, rows[i].line,
				 rows[i].msg, r, text);
		lab_free(&l);
	}
}

/* What is written back reads as the same, also where a list is long. */
static void prints_what_it_read(void **state)
{
	_cleanup_free_ char *one = NULL, *two = NULL;
	struct topo_section rows[USE_SECTIONS];
	struct lab a, b;
	size_t len;
	FILE *f;

	lab_make(&a, "[scenario good]\nserver = files\nclients = h{1..5}\nsubs = put\ncount = 3\n"
		     "every = 2s+exponential(4s)\n[capture]\nsnaplen = 128\nring = 8MiB\n"
		     "rung = cgroup\nfilter = tcp port 80 or\n  host h1\nformat = pcap\n"
		     "rotate_size = 1MiB\nrotate_time = 10s\nper_host = yes\nsecrets = no\nschemas = zeek cic\n"
		     "[run]\nduration = 90s\n", 9);
	use_sections(&a.uses, rows);
	f = open_memstream(&one, &len);
	topo_print(&a.net, rows, USE_SECTIONS, f);
	assert_int_equal(fclose(f), 0);
	memset(&b, 0, sizeof(b));
	uses_init(&b.uses);
	use_sections(&b.uses, rows);
	if (topo_load_mem("one.ini", one, strlen(one), NULL, rows, USE_SECTIONS, &b.net, &b.err)) {
		_cleanup_free_ char *text = err_text(&b.err);

		fail_msg("%s\n%s", text, one);
	}
	f = open_memstream(&two, &len);
	topo_print(&b.net, rows, USE_SECTIONS, f);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(one, two);
	assert_int_equal(b.uses.duration, 90 * NSEC_PER_SEC);
	assert_int_equal(b.uses.rung, TAG_RUNG_CGROUP);
	assert_int_equal(plan_make(&b.uses, &b.net, MINUTE, &b.plan, &b.err), 0);
	assert_client_equal(&a, &b, "h5", "good", true);
	lab_free(&a);
	lab_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_same_plan),
		cmocka_unit_test(another_seed_differs),
		cmocka_unit_test(nobody_shifts_another),
		cmocka_unit_test(longer_is_the_same_and_more),
		cmocka_unit_test(stopped_scenarios_begin_nothing),
		cmocka_unit_test(count_counts_what_was_left_out),
		cmocka_unit_test(unused_scenarios_cannot_be_stopped),
		cmocka_unit_test(ids_follow_the_clock),
		cmocka_unit_test(subs_go_round),
		cmocka_unit_test(count_and_subs_limit),
		cmocka_unit_test(variables_are_those_of_the_document),
		cmocka_unit_test(bad_uses_are_refused),
		cmocka_unit_test(prints_what_it_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
