/* What detnet is doing, for -v and for debugging. The library never prints: the program sets a sink. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdarg.h>
#include "core/cleanup.h"

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

typedef void log_sink(enum log_level level, const char *fmt, va_list ap);

void log_set_sink(log_sink *sink, enum log_level max_level);
void log_msg(enum log_level level, const char *fmt, ...) printf_like(2, 3);

#define log_warn(...)  log_msg(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_DEBUG, __VA_ARGS__)

#endif
