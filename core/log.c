/* Hands log messages to the program's sink; without one they go nowhere. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/log.h"

#include <errno.h>

/* Set once by the program before it starts threads. */
static log_sink *log_to;
static enum log_level log_max;

void log_set_sink(log_sink *sink, enum log_level max_level)
{
	log_to = sink;
	log_max = max_level;
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (!log_to || level > log_max)
		return;
	va_start(ap, fmt);
	log_to(level, fmt, ap);
	va_end(ap);
	errno = saved;
}
