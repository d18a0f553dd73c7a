/* Locals that own an fd or memory give it back by themselves; ownership moves by steal. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_CLEANUP_H
#define CORE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_	 __attribute__((cleanup(cleanup_freep)))
#define _cleanup_close_	 __attribute__((cleanup(cleanup_closep)))
#define _cleanup_fclose_ __attribute__((cleanup(cleanup_fclosep)))
#define _cleanup_(f)	 __attribute__((cleanup(f)))

static inline int steal_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

/* Moves a pointer out of a _cleanup_ local. */
#define steal_ptr(p)               \
	({                         \
		typeof(p) r_ = (p); \
		(p) = NULL;        \
		r_;                \
	})

#endif
