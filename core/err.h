/*
 * Errors that a user can act on: a list of "file:line: what is wrong, what was meant".
 *
 * Functions return 0 or a negative errno and fill a struct err with the sentence. A checker may add
 * many before it returns; the class of the first decides the exit code (design: the command line).
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_ERR_H
#define CORE_ERR_H

#include <stddef.h>
#include <stdbool.h>
#include "core/cleanup.h"

/* The values are detnet's exit codes. */
enum err_class {
	ERR_FAILED = 1,	   /* it failed while running */
	ERR_USAGE = 2,	   /* bad usage or a bad file */
	ERR_MISSING = 3,   /* the machine lacks something; the message names what gives it */
	ERR_INTEGRITY = 4, /* finished, but an integrity check failed */
};

struct err_item {
	enum err_class class;
	char *file; /* NULL: not about a file */
	int line;   /* 0: the file as a whole */
	char *msg;
};

struct err {
	struct err_item *items;
	size_t n;
	size_t suppressed; /* errors beyond ERR_MAX, only counted */
};

#define ERR_MAX 100

void err_free(struct err *e);
#define _cleanup_err_ _cleanup_(err_free)

/* Each adds one error. err_at and err_usage return -EINVAL, err_missing -EOPNOTSUPP, err_failed -EIO. */
int err_at(struct err *e, const char *file, int line, const char *fmt, ...) printf_like(4, 5);
int err_usage(struct err *e, const char *fmt, ...) printf_like(2, 3);
int err_missing(struct err *e, const char *fmt, ...) printf_like(2, 3);
int err_missing_at(struct err *e, const char *file, int line, const char *fmt, ...) printf_like(4, 5);
int err_failed(struct err *e, const char *fmt, ...) printf_like(2, 3);
int err_integrity(struct err *e, const char *fmt, ...) printf_like(2, 3);
/* "fmt: strerror(errnum)"; returns -errnum (errnum > 0). */
int err_sys(struct err *e, int errnum, const char *fmt, ...) printf_like(3, 4);

/* 0 if there is no error, else the exit code of the first. */
int err_exit(const struct err *e);
/* One line for each error, "file:line: message\n", malloc'd. */
char *err_text(const struct err *e);

/* The candidate nearest to word (edit distance at most a third of its length), or NULL. */
const char *err_nearest(const char *word, const char *const *candidates, size_t n);

#endif
