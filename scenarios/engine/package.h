/* Versions of Debian packages, read from dpkg's status database (deb822, dpkg(1)). */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_PACKAGE_H
#define ENGINE_PACKAGE_H

#include <stdbool.h>
#include "core/range.h"

/* The version of each name, NULL for one that is not installed; an array to be freed with its
 * strings. */
int package_versions(const struct strv *names, char ***ret);
void package_versions_free(char **versions, size_t n);
/* The words joined by spaces; with only_missing those packages that are not installed, or all
 * where that leaves none. */
int package_words(const struct strv *names, bool only_missing, char **ret);

#endif
