/* What became of the timeline's changes in a run: kept as they happen, for the manifest. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_CHANGES_H
#define ENGINE_CHANGES_H

#include "core/json.h"
#include "emu/timeline.h"

struct change_kept {
	const struct change *change; /* in net->timeline */
	int64_t at;	/* CLOCK_REALTIME ns */
	char *error;	/* NULL: done */
};

struct changes {
	struct change_kept *kept;
	size_t n;
	bool lost; /* there was no memory for one */
};
void changes_free(struct changes *c);
/* A change_fn; arg is a struct changes. */
void changes_add(void *arg, const struct change_done *done);
/* How many had not come when the run ended. */
size_t changes_left(const struct changes *c, const struct net *net);
/* The array "changes" of the manifest; those that had not come have null for their time. */
int changes_put(const struct changes *c, const struct net *net, struct json *j);
/* ERR_FAILED if one failed, with the reason of the first. */
int changes_check(const struct changes *c, const struct net *net, struct err *err);

#endif
