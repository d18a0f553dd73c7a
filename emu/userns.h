/* Network namespaces that a user namespace of their own holds, one for each host. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_USERNS_H
#define EMU_USERNS_H

#include <stddef.h>

/*
 * Makes n network namespaces, each owned by its own new user namespace in which every id is what
 * it is here. 0 or -errno: -EINVAL, -ENOSPC and -EPERM are what a kernel says that has no user
 * namespaces, has reached user.max_user_namespaces, or does not allow them.
 */
int userns_new_net(int *ret_fds, size_t n);

/*
 * Opens the user namespace that owns a network namespace. *ret_fd is -1 where that is the one that
 * this process is in, which nobody can join. 0 or -errno.
 */
int userns_of_net(int net_fd, int *ret_fd);

/* In a child that shares nothing with other tasks: becomes root there. Async-signal-safe. */
int userns_join(int fd);

#endif
