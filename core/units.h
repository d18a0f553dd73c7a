/*
 * Numbers with units, as people write them in topology files.
 *
 * Each parser reads the whole of s and returns 0, or -EINVAL with *ret_why (a static string, e.g.
 * "unknown unit; use ns, us, ms, s, min or h"). Outputs are untouched on failure.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_UNITS_H
#define CORE_UNITS_H

#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>

#define NSEC_PER_USEC 1000LL
#define NSEC_PER_MSEC 1000000LL
#define NSEC_PER_SEC  1000000000LL
#define NSEC_PER_YEAR (365 * 86400 * NSEC_PER_SEC)

/* "60ms", "1.5s", "250us", "2min", "1h": nanoseconds, not negative. A bare number but 0 is refused. */
int units_parse_time(const char *s, int64_t *ret_ns, const char **ret_why);
/* "50mbit", "1gbit", "64kbit", "800bit" (tc's words, powers of 1000): bits per second, over 0. */
int units_parse_rate(const char *s, uint64_t *ret_bps, const char **ret_why);
/* "256KiB", "1MiB", "64kB", "1500" or "1500B": bytes. KiB is 1024, kB is 1000. */
int units_parse_size(const char *s, uint64_t *ret_bytes, const char **ret_why);
/* "50%" or "0.1%": a share from 0 to 1. "150%" is refused unless over_one. */
int units_parse_share(const char *s, bool over_one, double *ret_share, const char **ret_why);
/* "5", "-0.25": a bare number, read the same in every locale. */
int units_parse_number(const char *s, double *ret, const char **ret_why);
int units_parse_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret, const char **ret_why);
int units_parse_bool(const char *s, bool *ret, const char **ret_why); /* yes no true false on off 1 0 */

/* The other way, shortest form that reads back to the same value, into buf (which is returned). */
const char *units_format_time(char *buf, size_t size, int64_t ns);
const char *units_format_rate(char *buf, size_t size, uint64_t bps);
const char *units_format_size(char *buf, size_t size, uint64_t bytes); /* exact: "256KiB", "1500B" */
const char *units_format_share(char *buf, size_t size, double share);	     /* "0.1%" */
/* For people: "1.2 MB", "14.3 s"; not exact. */
const char *units_human_size(char *buf, size_t size, uint64_t bytes);
const char *units_human_time(char *buf, size_t size, int64_t ns);

/* CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds. */
int64_t units_now_mono(void);
int64_t units_now_real(void);

#endif
