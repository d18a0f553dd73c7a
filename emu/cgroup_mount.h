/* Where cgroups are mounted, and which controllers each kind of mount has; cgroup.c's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_CGROUP_MOUNT_H
#define EMU_CGROUP_MOUNT_H

#include <stdbool.h>

enum { CGROUP_CPU, CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CONTROLLERS };
extern const char *const cgroup_controller[CGROUP_CONTROLLERS]; /* "cpu" … */

struct cgroup_mounts {
	char *v2;		      /* where cgroup2 is mounted, or NULL */
	char *v1[CGROUP_CONTROLLERS]; /* where each v1 controller is, or NULL */
	bool on_v2[CGROUP_CONTROLLERS];
};

int cgroup_find_mounts(struct cgroup_mounts *ret);
void cgroup_mounts_free(struct cgroup_mounts *m);

/* Is word one of the words of list, which any of seps divide? */
bool cgroup_has_word(const char *list, const char *word, const char *seps);

#endif
