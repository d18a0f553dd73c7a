/* detnet scenarios: what there is to run, or all there is to know of one. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include "cli/command.h"
#include "scenarios/engine/scenario.h"

static void scenario_freep(struct scenario *s)
{
	scenario_free(s);
}

static void json_words(struct json *j, const char *key, const struct strv *words)
{
	json_key(j, key);
	json_array(j);
	for (size_t i = 0; i < words->n; i++)
		json_str(j, words->s[i]);
	json_array_end(j);
}

static void json_inputs(struct json *j, const struct input *in, size_t n)
{
	char buf[256];

	json_key(j, "inputs");
	json_object(j);
	for (size_t i = 0; i < n; i++)
		json_kv_str(j, in[i].name, input_describe(&in[i], buf, sizeof(buf)));
	json_object_end(j);
}

static const char *describe_expect(const struct expect *e, char *buf, size_t size)
{
	switch (e->where) {
	case EXPECT_EXIT:
		snprintf(buf, size, "the client ends with status %d", e->exit_code);
		break;
	case EXPECT_CLIENT:
		snprintf(buf, size, "the client prints a line like %s", e->pattern);
		break;
	case EXPECT_SERVER:
		snprintf(buf, size, "the server logs a line like %s", e->pattern);
		break;
	}
	return buf;
}

static void json_sub(struct json *j, const struct sub *sub)
{
	char buf[1024];

	json_object(j);
	json_kv_str(j, "name", sub->name);
	json_kv_str(j, "title", sub->title);
	json_inputs(j, sub->inputs, sub->n_inputs);
	json_key(j, "expects");
	json_array(j);
	for (size_t i = 0; i < sub->n_expects; i++)
		json_str(j, describe_expect(&sub->expects[i], buf, sizeof(buf)));
	json_array_end(j);
	json_object_end(j);
}

static void json_scenario(struct json *j, const struct scenario *s)
{
	_cleanup_strv_ struct strv missing = { 0 };

	scenario_missing(s, &missing);
	json_object(j);
	json_kv_str(j, "name", s->name);
	json_kv_str(j, "title", s->title);
	json_kv_str(j, "class", s->class);
	json_kv_bool(j, "attack", s->attack);
	json_kv_bool(j, "installed", missing.n == 0);
	json_words(j, "missing", &missing);
	json_words(j, "packages", &s->packages);
	json_kv_str(j, "folder", s->dir);
	json_key(j, "client");
	json_object(j);
	json_inputs(j, s->client_inputs, s->n_client_inputs);
	json_object_end(j);
	json_key(j, "subs");
	json_array(j);
	for (size_t i = 0; i < s->n_subs; i++)
		json_sub(j, &s->subs[i]);
	json_array_end(j);
	json_object_end(j);
}

static void print_words(const char *title, const struct strv *words)
{
	printf("%-9s", title);
	for (size_t i = 0; i < words->n; i++)
		printf(" %s", words->s[i]);
	putchar('\n');
}

static void print_inputs(const struct input *in, size_t n, const char *indent)
{
	char buf[256];

	for (size_t i = 0; i < n; i++)
		printf("%s%-10s %s\n", indent, in[i].name, input_describe(&in[i], buf, sizeof(buf)));
}

static void print_one(const struct scenario *s)
{
	_cleanup_strv_ struct strv missing = { 0 };
	char buf[1024];

	scenario_missing(s, &missing);
	printf("%s: %s\n\n%-9s %s\n%-9s %s\n", s->name, s->title, "class", s->class, "folder", s->dir);
	print_words("packages", &s->packages);
	if (missing.n)
		print_words("missing", &missing);
	else
		printf("%-9s yes\n", "installed");
	if (s->n_client_inputs) {
		printf("\nDrawn once for each client:\n");
		print_inputs(s->client_inputs, s->n_client_inputs, "    ");
	}
	for (size_t i = 0; i < s->n_subs; i++) {
		const struct sub *sub = &s->subs[i];

		printf("\n%s: %s\n", sub->name, sub->title);
		print_inputs(sub->inputs, sub->n_inputs, "    ");
		for (size_t k = 0; k < sub->n_expects; k++)
			printf("    must hold: %s\n",
			       describe_expect(&sub->expects[k], buf, sizeof(buf)));
	}
}

static void print_row(const struct scenario *s)
{
	_cleanup_strv_ struct strv missing = { 0 };

	scenario_missing(s, &missing);
	printf("%-16s %-12s %4zu  %-13s %s\n", s->name, s->class, s->n_subs,
	       missing.n ? "not installed" : "installed", s->title);
	if (!missing.n)
		return;
	printf("%-16s apt-get install", "");
	for (size_t i = 0; i < s->packages.n; i++)
		printf(" %s", s->packages.s[i]);
	putchar('\n');
}

static int run_one(struct call *call, const char *path)
{
	_cleanup_(scenario_freep) struct scenario s = { 0 };
	struct json j;

	if (scenario_load(call->args[0], path, &s, &call->err))
		return err_exit(&call->err);
	if (call->json) {
		json_open(&j, stdout, true);
		json_scenario(&j, &s);
		json_close(&j);
	} else {
		print_one(&s);
	}
	return 0;
}

static int run_all(struct call *call, const char *path)
{
	_cleanup_strv_ struct strv names = { 0 };
	struct json j;

	if (scenario_list(path, &names, &call->err))
		return err_exit(&call->err);
	if (call->json) {
		json_open(&j, stdout, true);
		json_array(&j);
	} else {
		printf("%-16s %-12s %4s  %-13s %s\n", "SCENARIO", "CLASS", "SUBS", "PROGRAMS", "TITLE");
	}
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_(scenario_freep) struct scenario s = { 0 };

		if (scenario_load(names.s[i], path, &s, &call->err))
			continue;
		if (call->json)
			json_scenario(&j, &s);
		else
			print_row(&s);
	}
	if (call->json) {
		json_array_end(&j);
		json_close(&j);
	}
	return err_exit(&call->err);
}

static int run(struct call *call)
{
	const char *path = call_value(call, "path");

	return call->n_args ? run_one(call, path) : run_all(call, path);
}

static const struct option_row options[] = {
	{ .letter = 'p', .name = "path", .arg = "DIRS",
	  .help = "Look in these folders first (separated by ':'), as scenario_path does." },
	OPTION_JSON,
	{ 0 },
};

const struct command cmd_scenarios = {
	.name = "scenarios",
	.synopsis = "[NAME] [--path DIRS] [--json]",
	.brief = "List the scenarios, or explain one",
	.help = "Without a name: every scenario with its class, the number of its subscenarios, and whether\n"
		"the programs it needs are installed. With a name: its subscenarios, how each input is\n"
		"drawn, and what must hold for an activity to count as ok.",
	.options = options,
	.max_args = 1,
	.run = run,
};
