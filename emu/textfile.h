/* A file of one number a line, such as a trace or measured delays: read whole, told by its lines. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_TEXTFILE_H
#define EMU_TEXTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include "core/err.h"

#define TEXTFILE_MAX (64 << 20) /* bytes in a file */

struct textfile {
	char *name; /* as messages say it: relative to where detnet was started */
	char *text; /* ends in NUL; holds no other */
	char *next; /* see textfile_line() */
	int line;   /* that was read last */
};

/*
 * path starts at dir unless it is absolute; dir may be NULL. What is no regular file, too large or not
 * text is refused.
 */
int textfile_read(const char *dir, const char *path, struct textfile *ret, struct err *err);
void textfile_free(struct textfile *t);
#define _cleanup_textfile_ _cleanup_(textfile_free)

/* At least as many as there are lines ahead. */
size_t textfile_lines(const struct textfile *t);
/* The next line without white space around it, or NULL at the end. Lines may end in CR LF. */
const char *textfile_line(struct textfile *t);

/*
 * The name under which a topology file that lies elsewhere finds it: absolute, or as given where the
 * absolute one cannot stand in such a file. malloc'd; NULL without memory.
 */
char *textfile_lasting_name(const struct textfile *t, const char *path);
/* Can a file's name stand in a topology file and in the shell's "key=value, key=value"? */
bool textfile_name_ok(const char *path);

#endif
