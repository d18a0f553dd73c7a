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
#include <stdio.h>
#include "core/err.h"
#include "core/loop.h"
#include "core/range.h"

struct net;
struct emu;
struct ini_key;
struct ini_section;
struct shape;

enum change_kind { CHANGE_LINK, CHANGE_LINK_UP, CHANGE_LINK_DOWN, CHANGE_HOST_UP, CHANGE_HOST_DOWN,
		   CHANGE_SCENARIO_START, CHANGE_SCENARIO_STOP };

/* One change of one link, host or scenario. A key that names several gives as many. */
struct change {
	int64_t at; /* ns */
	int line;
	int section; /* the line of its [at TIME] */
	enum change_kind kind;
	uint32_t link; /* of CHANGE_LINK…; index in net->links */
	uint32_t node; /* of CHANGE_HOST…, and the end that a CHANGE_LINK… names first */
	bool end[2];   /* CHANGE_LINK: which directions, by the end that packets leave */
	const char *scenario; /* CHANGE_SCENARIO… */
	const char *key;  /* as the file has it: "link r{1..2} s2 >" */
	const char *text; /* and its value, in which nothing is left to be drawn */
};

/* In net, by time and, where equal, by line. */
struct timeline {
	struct change *changes;
	size_t n;
	bool *touches;	   /* by link: some change gives it a shape */
	struct strv texts; /* what the changes point into */
};
#define TIMELINE_MAX 100000 /* changes */
int timeline_add(struct timeline *t, const struct change *c); /* at the end; -E2BIG, -ENOMEM */
void timeline_free(struct timeline *t);

/* Reads one [at TIME] section; all nodes and links are known, and net_finish() is done. */
int timeline_load(struct net *net, const struct ini_section *s, char *const *words, size_t n_words,
		  struct err *err);
/*
 * When all are read: sorts them, and checks every text by applying it to what its link does then.
 * Draws come from the seed by "at/NS/link/A/B" for packets from A to B; a change in whose text the two
 * directions draw becomes two.
 */
int timeline_finish(struct net *net, struct err *err);
void timeline_print(const struct net *net, FILE *f);
/* Can it change what a link does to packets? Such a link is wired for it from the start. */
bool timeline_touches(const struct net *net, uint32_t link);

/*
 * One key of such a section, or what the shell's command says in the same words ("link h1 s1 >" and
 * "delay=10ms"): its changes are appended to ret, which names texts of its own.
 */
int timeline_parse(const struct net *net, const struct ini_key *k, struct timeline *ret,
		   struct err *err);
/* "link r1 s2 > = rate=1mbit", with the names that it is about. malloc'd; NULL without memory. */
char *timeline_text(const struct net *net, const struct change *c);
/* A CHANGE_LINK applied to a shape of its link's end; as shape_change(). */
int timeline_shape(const struct net *net, const struct change *c, int end, struct shape *s,
		   char **ret_why);
/* Does it, in the network that runs; nothing for a scenario's. */
int timeline_apply(struct emu *e, const struct change *c, struct err *err);

/* What was done: handed over at once, in the loop. */
struct change_done {
	const struct change *change;
	int64_t at;	   /* CLOCK_REALTIME ns, when it was in force */
	const char *error; /* NULL: done */
	bool remade;	   /* a link's interfaces were made anew for it (emu/link.h) */
};
typedef void change_fn(void *arg, const struct change_done *done);

/*
 * Sets a timer for each change, from now on; those of time 0 are done before it returns. Scenario
 * changes are only handed over; the engine planned with them. fn may be NULL.
 */
struct timeline_run;
int timeline_start(const struct net *net, struct emu *e, struct loop *loop, change_fn *fn, void *arg,
		   struct timeline_run **ret);
void timeline_stop(struct timeline_run *r); /* forgets what has not come yet; NULL is nothing */

#endif
