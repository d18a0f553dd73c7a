/*
 * What changes during a run: the [at TIME] sections of a topology file.
 *
 *     [at 10s]
 *     link r1 s2   = delay=100ms 10ms normal, loss=1%      ; both directions; other keys stay
 *     link r1 s2 > = rate=1mbit                            ; from r1 to s2 only
 *     link h1 s1   = down                                  ; or up
 *     host h3      = down                                  ; all its links
 *     scenario ftp = stop                                  ; begins nothing more until: start
 *
 * Times count from the moment the network is up (the shell) or the first activity may begin (a run).
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_TIMELINE_H
#define EMU_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"
#include "core/loop.h"

struct net;
struct emu;
struct ini_section;

enum change_kind { CHANGE_LINK, CHANGE_LINK_UP, CHANGE_LINK_DOWN, CHANGE_HOST_UP, CHANGE_HOST_DOWN,
		   CHANGE_SCENARIO_START, CHANGE_SCENARIO_STOP };

struct change {
	int64_t at; /* ns */
	int line;
	enum change_kind kind;
	uint32_t link; /* of CHANGE_LINK…; index in net->links */
	uint32_t node; /* of CHANGE_HOST… */
	bool end[2];   /* CHANGE_LINK: which directions, by the end that packets leave */
	char *scenario; /* CHANGE_SCENARIO… */
	char *key;  /* as the file has it: "link r1 s2 >" */
	char *text; /* and its value */
};

/* In net, by time and, where equal, by line. */
struct timeline {
	struct change *changes;
	size_t n;
};
void timeline_free(struct timeline *t);
/* Reads one [at TIME] section; all nodes and links are known. Checks every text by applying it. */
int timeline_load(struct net *net, const struct ini_section *s, char *const *words, size_t n_words,
		  struct err *err);
void timeline_print(const struct net *net, FILE *f);
/* Can it change what a link does to packets? Such a link is wired for it from the start. */
bool timeline_touches(const struct net *net, uint32_t link);

/* What was done: handed over at once, in the loop. */
struct change_done {
	const struct change *change;
	int64_t at;	   /* CLOCK_REALTIME ns, when it was in force */
	const char *error; /* NULL: done */
};
typedef void change_fn(void *arg, const struct change_done *done);

/*
 * Sets a timer for each change, from now on. Scenario changes are only handed over; the engine planned
 * with them. fn may be NULL.
 */
struct timeline_run;
int timeline_start(const struct net *net, struct emu *e, struct loop *loop, change_fn *fn, void *arg,
		   struct timeline_run **ret);
void timeline_stop(struct timeline_run *r); /* forgets what has not come yet; NULL is nothing */

#endif
