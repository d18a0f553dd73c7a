/* What the readers of scenario.ini share (scenario*.c, sub.c, input.c); nobody else's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_SCENARIO_INTERNAL_H
#define ENGINE_SCENARIO_INTERNAL_H

#include "core/ini.h"
#include "scenarios/engine/scenario.h"

/* Lower-case letters, digits and '-': a scenario, a subscenario, a class. */
bool scenario_name_ok(const char *name);
/* Every section of the file, every error of it; name and dir are set. */
int scenario_read(struct scenario *s, const struct ini *ini, struct err *err);

/* Reads "word 2+exponential(10) max 31" and appends it to the array; name must be new and legal. */
int input_add(struct input **inputs, size_t *n, const char *name, const struct ini *ini,
	      const struct ini_key *k, struct err *err);
void input_clear(struct input *inputs, size_t n);
bool input_name_ok(const char *name);

/* Reads a [sub NAME] section into s; client inputs are known by then. */
int sub_add(struct scenario *s, const struct ini *ini, const struct ini_section *sec,
	    const char *name, struct err *err);
void sub_clear(struct sub *sub);

/* "unknown key 'x' in [server]; did you mean 'y'?" */
int scenario_unknown_key(const struct ini *ini, const struct ini_section *sec,
			 const struct ini_key *k, const char *const *known, size_t n,
			 struct err *err);
/* Takes the key's value once: a second of the same name is an error. */
int scenario_take(const struct ini *ini, const struct ini_section *sec, const struct ini_key *k,
		  char **ret, struct err *err);
/* The same for a script: a plain name of a readable file in the scenario's folder. */
int scenario_take_script(const struct scenario *s, const struct ini *ini,
			 const struct ini_section *sec, const struct ini_key *k, char **ret,
			 struct err *err);

/* Variables that every script has besides its inputs; NULL-terminated. */
extern const char *const scenario_variables[];

#endif
