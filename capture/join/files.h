/* Which files are a capture: the one that is named, or all that a run left in its folder. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_JOIN_FILES_H
#define CAPTURE_JOIN_FILES_H

#include <stddef.h>
#include "core/err.h"

struct join_files {
	char *folder; /* of the run that they are of, as it seems; NULL: of none */
	char **paths; /* in the order in which they were written */
	size_t n;
};

/* path: a file, "-" for standard input, or a folder. -EINVAL for a folder that has no capture. */
int join_files_find(const char *path, struct join_files *ret, struct err *err);
void join_files_clear(struct join_files *f);

#endif
