/* Network namespaces held by file descriptors, never by names. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_NETNS_H
#define EMU_NETNS_H

#include <stdbool.h>
#include <stdint.h>
#include "core/err.h"

/* Makes n namespaces, lo down, with the sysctls every one of ours has (no IPv6 unless asked). */
int netns_new(int *ret_fds, size_t n, bool ipv6, struct err *err);
/*
 * The same for hosts: each is owned by a user namespace of its own (emu/userns.h). Where the kernel
 * has none they are owned by ours, with a warning in the log.
 */
int netns_new_apart(int *ret_fds, size_t n, bool ipv6, struct err *err);
/* Moves the calling thread there; returns an fd of where it was, for netns_leave(), or -errno. */
int netns_enter(int ns_fd);
void netns_leave(int old_fd); /* closes old_fd */
/* socket(2) in the namespace, which it stays in; close-on-exec. An fd or -errno. */
int netns_socket(int ns_fd, int domain, int type, int protocol);
/* Writes /proc/sys/net/<name> of the namespace. */
int netns_sysctl(int ns_fd, const char *name, const char *value);
/* SO_NETNS_COOKIE of the namespace, 0 where the kernel has none (before 5.14). */
uint64_t netns_cookie(int ns_fd);

#endif
