/*
 * Sees namespaces die, one by one, by kernel events.
 *
 * Each namespace watched gets an id in a witness namespace of ours; the kernel announces there when
 * the id goes, which is when the namespace is taken down. A watch holds no reference itself.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_NSWATCH_H
#define TESTS_NSWATCH_H

#include <stddef.h>
#include <sys/types.h>

struct nswatch;

struct nswatch *nswatch_new(void); /* NULL on failure */
void nswatch_free(struct nswatch *w);
int nswatch_add(struct nswatch *w, int ns_fd);
/*
 * Every network namespace that a process has open or is in, but those the caller is in. Number or
 * -errno.
 */
int nswatch_add_process(struct nswatch *w, pid_t pid);
size_t nswatch_alive(const struct nswatch *w);
/* Until all are gone; 0, -ETIMEDOUT after ms, or -errno. */
int nswatch_wait(struct nswatch *w, int ms);

#endif
