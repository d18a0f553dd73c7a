/*
 * A scenario: a folder of data that says which programs talk, how, and how one knows it went well.
 *
 * The folder holds scenario.ini and the scripts and configuration files that it names;
 * docs/scenario.md is the reference. Nothing of a scenario is compiled in: ours are found beside
 * the program, a user's in the folders of scenario_path.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_SCENARIO_H
#define ENGINE_SCENARIO_H

#include <regex.h>
#include "core/dist.h"
#include "core/err.h"
#include "core/range.h"

/* How an input is drawn. */
enum input_kind { INPUT_NUMBER, INPUT_SIZE, INPUT_TIME, INPUT_WORD, INPUT_CHOICE, INPUT_TEXT };

struct input {
	char *name;
	enum input_kind kind;
	struct dist dist;     /* the number, or a word's length */
	struct strv choices;  /* INPUT_CHOICE; one for INPUT_TEXT */
	int line;
};

/* What must be true for an activity to be ok; the first that is not names the failure. */
enum expect_where { EXPECT_EXIT, EXPECT_CLIENT, EXPECT_SERVER };
struct expect {
	enum expect_where where;
	int exit_code;	/* EXPECT_EXIT */
	char *pattern;  /* extended regular expression; ${input} is replaced, quoted, before use */
	int line;
};

struct sub {
	char *name, *title;
	char *before; /* script run in the server host first, or NULL */
	char *run;    /* script run in the client host */
	int64_t timeout;
	struct input *inputs;
	size_t n_inputs;
	struct expect *expects;
	size_t n_expects;
	int line;
};

struct scenario {
	char *name, *dir, *title;
	char *class; /* "benign" or an attack class */
	bool attack;
	struct strv packages, programs; /* Debian packages; programs looked for in PATH */
	char *server_start;		/* script that becomes the daemon, in the foreground */
	char *client_setup; /* script run in the server host once for each client, or NULL */
	uint8_t ready_proto;		/* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t *ready_ports;
	size_t n_ready_ports;
	struct input *client_inputs;	/* drawn once for each client and kept */
	size_t n_client_inputs;
	struct sub *subs;
	size_t n_subs;
};

/* Finds NAME in path (folders, ':'-separated, may be NULL) and then in detnet's own; checks it. */
int scenario_load(const char *name, const char *path, struct scenario *ret, struct err *err);
void scenario_free(struct scenario *s);
/* Names of all that are found, sorted. */
int scenario_list(const char *path, struct strv *ret, struct err *err);
/* The programs of s that are not in PATH (sbin included), appended to ret. */
int scenario_missing(const struct scenario *s, struct strv *ret);
const struct sub *scenario_sub(const struct scenario *s, const char *name);

/* An input as a person would write it: "word, 2+exponential(10) letters". buf is returned. */
const char *input_describe(const struct input *in, char *buf, size_t size);
/* Draws into a malloc'd string. */
int input_draw(const struct input *in, struct rng *r, char **ret);

#endif
