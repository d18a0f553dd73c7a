/* What a program in a host may not do: capabilities it never gets, system calls it is refused. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_SANDBOX_H
#define EMU_SANDBOX_H

#include <linux/filter.h>
#include <stddef.h>
#include "core/err.h"

/* Compiles the system-call filter (libseccomp); *ret is malloc'd. Milliseconds: once a network. */
int sandbox_compile(struct sock_filter **ret, size_t *ret_n, struct err *err);

/*
 * In a program, before exec: what it and its children may ever have, then the filter, then the
 * capabilities. 0 or -errno; async-signal-safe.
 */
int sandbox_enter(const struct sock_filter *filter, size_t n);

#endif
