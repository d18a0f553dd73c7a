/*
 * The file that a command writes its result to.
 *
 * A regular file, or one that is not there yet, is made beside its name and takes its place at the
 * end: who had something under that name keeps it until then, and for good where the result is not
 * whole. All else (a pipe, a device, a symbolic link), and what is to be read while it is written,
 * is opened as it is.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLI_OUT_FILE_H
#define CLI_OUT_FILE_H

#include <stdbool.h>
#include <stdio.h>
#include "core/err.h"

struct out_file {
	const char *path;
	char *beside; /* what it is called until the end; NULL: it is written in place */
	FILE *f;
};

/* path must stay until out_file_close(). inputs: what is read, and so must not be the same file. */
int out_file_open(struct out_file *o, const char *path, char *const *inputs, size_t n_inputs,
		  bool in_place, struct err *err);
/* One that is not whole is left only where there was none. */
int out_file_close(struct out_file *o, bool whole, struct err *err);

#endif
