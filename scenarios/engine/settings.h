/* Rows of the topology's section table for [capture] and [run]; arg is a struct uses. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_SETTINGS_H
#define ENGINE_SETTINGS_H

#include "scenarios/engine/use.h"

#define SNAPLEN_MAX (256 << 10) /* what a capture keeps of a packet unless told */

int settings_load_capture(void *arg, const struct net *net, const struct ini_section *sec,
			  char *const *words, size_t n_words, struct err *err);
int settings_load_run(void *arg, const struct net *net, const struct ini_section *sec,
		      char *const *words, size_t n_words, struct err *err);
void settings_clear_capture(struct uses *u);
void settings_print_capture(void *arg, const struct net *net, FILE *f);
void settings_print_run(void *arg, const struct net *net, FILE *f);

#endif
