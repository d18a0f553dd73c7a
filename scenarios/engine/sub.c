/* A [sub NAME] section of a scenario: its scripts, its inputs and what must be true afterwards. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include "core/units.h"
#include "scenarios/engine/outcome.h"
#include "scenarios/engine/scenario_internal.h"

#define SUB_TIMEOUT (60 * NSEC_PER_SEC)

static const char *const sub_keys[] = { "title", "before", "run", "timeout", "input", "expect" };
static const char *const wheres[] = { "exit", "client", "server" };

void sub_clear(struct sub *sub)
{
	free(sub->name);
	free(sub->title);
	free(sub->before);
	free(sub->run);
	input_clear(sub->inputs, sub->n_inputs);
	for (size_t i = 0; i < sub->n_expects; i++)
		free(sub->expects[i].pattern);
	free(sub->expects);
	memset(sub, 0, sizeof(*sub));
}

/* "input   file": true with *ret_rest "file" when the key's first word is word. */
static bool two_words(const char *key, const char *word, const char **ret_rest)
{
	size_t n = strlen(word);

	if (strncmp(key, word, n) || !strchr(" \t", key[n]) || !key[n])
		return false;
	*ret_rest = key + n + strspn(key + n, " \t");
	return true;
}

static int add_expect(struct sub *sub, const char *where, const struct ini *ini,
		      const struct ini_key *k, struct err *err)
{
	struct expect e = { .line = k->line }, *more;
	const char *near, *why = NULL;
	uint64_t code;
	size_t w;

	for (w = 0; w < ARRAY_SIZE(wheres) && strcmp(where, wheres[w]); w++)
		;
	if (w == ARRAY_SIZE(wheres)) {
		near = err_nearest(where, wheres, ARRAY_SIZE(wheres));
		return err_at(err, ini->file, k->line,
			      near ? "expect '%s': did you mean '%s'?" :
				     "expect '%s': use exit, client or server%s",
			      where, near ? near : "");
	}
	e.where = (enum expect_where)w;
	if (e.where == EXPECT_EXIT) {
		if (units_parse_uint(k->value, 0, 255, &code, &why))
			return err_at(err, ini->file, k->line,
				      "expect exit = %s: an exit status from 0 to 255", k->value);
		e.exit_code = (int)code;
	} else {
		if (!*k->value)
			return err_at(err, ini->file, k->line, "expect %s: the pattern is empty",
				      where);
		e.pattern = strdup(k->value);
		if (!e.pattern)
			return -ENOMEM;
	}
	more = reallocarray(sub->expects, sub->n_expects + 1, sizeof(*more));
	if (!more) {
		free(e.pattern);
		return -ENOMEM;
	}
	more[sub->n_expects++] = e;
	sub->expects = more;
	return 0;
}

static int set_timeout(struct sub *sub, const struct ini *ini, const struct ini_key *k,
		       struct err *err)
{
	const char *why = NULL;
	int64_t t;

	if (units_parse_time(k->value, &t, &why))
		return err_at(err, ini->file, k->line, "timeout = %s: %s", k->value, why);
	if (t <= 0)
		return err_at(err, ini->file, k->line, "timeout must be over 0");
	if (t > NSEC_PER_YEAR)
		return err_at(err, ini->file, k->line, "timeout = %s: at most a year (8760h)",
			      k->value);
	sub->timeout = t;
	return 0;
}

static int take_key(struct scenario *s, struct sub *sub, const struct ini *ini,
		    const struct ini_section *sec, const struct ini_key *k, struct err *err)
{
	const char *rest;

	if (!strcmp(k->name, "title"))
		return scenario_take(ini, sec, k, &sub->title, err);
	if (!strcmp(k->name, "before"))
		return scenario_take_script(s, ini, sec, k, &sub->before, err);
	if (!strcmp(k->name, "run"))
		return scenario_take_script(s, ini, sec, k, &sub->run, err);
	if (!strcmp(k->name, "timeout"))
		return set_timeout(sub, ini, k, err);
	if (two_words(k->name, "input", &rest)) {
		for (size_t i = 0; i < s->n_client_inputs; i++)
			if (!strcmp(s->client_inputs[i].name, rest))
				return err_at(err, ini->file, k->line,
					      "input '%s' is also in [client], line %d", rest,
					      s->client_inputs[i].line);
		return input_add(&sub->inputs, &sub->n_inputs, rest, ini, k, err);
	}
	if (two_words(k->name, "expect", &rest))
		return add_expect(sub, rest, ini, k, err);
	return scenario_unknown_key(ini, sec, k, sub_keys, ARRAY_SIZE(sub_keys), err);
}

/* Every pattern must compile with a value put in for each variable, and name only known ones. */
static int check_patterns(const struct scenario *s, const struct sub *sub, const struct ini *ini,
			  struct err *err)
{
	_cleanup_strv_ struct strv vars = { 0 };
	int r = 0;

	for (size_t i = 0; scenario_variables[i]; i++)
		r |= strv_addf(&vars, "%s=x", scenario_variables[i]);
	for (size_t i = 0; i < s->n_client_inputs; i++)
		r |= strv_addf(&vars, "%s=x", s->client_inputs[i].name);
	for (size_t i = 0; i < sub->n_inputs; i++)
		r |= strv_addf(&vars, "%s=x", sub->inputs[i].name);
	if (r)
		return -ENOMEM;
	for (size_t i = 0; i < sub->n_expects; i++) {
		const struct expect *e = &sub->expects[i];
		_cleanup_free_ char *why = NULL;
		regex_t re;

		if (e->where == EXPECT_EXIT)
			continue;
		if (expect_compile(e->pattern, &vars, &re, &why) == 0)
			regfree(&re);
		else if (!why)
			return -ENOMEM;
		else
			r = err_at(err, ini->file, e->line, "expect %s: %s", wheres[e->where], why);
	}
	return r;
}

static int check_sub(const struct scenario *s, const struct sub *sub, const struct ini *ini,
		     struct err *err)
{
	if (!sub->run)
		return err_at(err, ini->file, sub->line, "[sub %s] has no 'run' script", sub->name);
	if (!sub->n_expects)
		return err_at(err, ini->file, sub->line,
			      "[sub %s] expects nothing; say how one knows that it went well "
			      "(expect exit = 0, expect server = …)", sub->name);
	return check_patterns(s, sub, ini, err);
}

int sub_add(struct scenario *s, const struct ini *ini, const struct ini_section *sec,
	    const char *name, struct err *err)
{
	struct sub *more, *sub;
	int r = 0, one;

	for (size_t i = 0; i < s->n_subs; i++)
		if (!strcmp(s->subs[i].name, name))
			return err_at(err, ini->file, sec->line, "[sub %s] is also in line %d",
				      name, s->subs[i].line);
	more = reallocarray(s->subs, s->n_subs + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->subs = more;
	sub = &more[s->n_subs];
	memset(sub, 0, sizeof(*sub));
	sub->line = sec->line;
	sub->timeout = SUB_TIMEOUT;
	sub->name = strdup(name);
	if (!sub->name)
		return -ENOMEM;
	s->n_subs++;
	for (size_t i = 0; i < sec->n_keys; i++) {
		one = take_key(s, sub, ini, sec, &sec->keys[i], err);
		if (one)
			r = one;
	}
	if (r)
		return r;
	if (!sub->title)
		sub->title = strdup(name);
	return sub->title ? check_sub(s, sub, ini, err) : -ENOMEM;
}
