/*
 * Files and folders below a folder held by its fd, in a place where others may write, too.
 *
 * Whoever can write in a folder can put a symbolic link, a hard link or a FIFO where we are about to
 * write as root. So nothing here follows a link in a folder: a new file is one that was not there.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_TREE_H
#define CORE_TREE_H

/*
 * A new file to write (flags are added: O_APPEND); its fd, or -errno: -EEXIST when something is
 * there.
 */
int tree_create(int dir, const char *name, int flags);
/* A folder of dir, made if it is not there; its fd, or -errno. */
int tree_make_dir(int dir, const char *name);
/* Removes a file, a link (not what it points to), or a folder with all in it; 0 or -errno. */
int tree_remove(int dir, const char *name);

#endif
