/*
 * Puts TLS secrets into a pcapng file that is otherwise complete.
 *
 * Theory of operation. A reader decrypts what comes behind the secrets, but which there are is
 * known when the programs have ended. So room is made in front of the packets at the end. Some
 * file systems (ext4, XFS) can insert blocks of their own size into a file without touching what
 * follows: the secrets are padded to such a size with empty lines, the blocks go in where the
 * file system's block with the first packet begins, and what was in that one before the packet is
 * written once more. What was inserted is a hole; its room on the disk is taken before anything is
 * written, and when there is none the hole is taken out again. Elsewhere, and while someone who
 * follows the file reads in it, a new file is made of all and takes the name; whoever has the old
 * one open keeps it as it was. So whatever fails, or is killed, leaves a whole file. There is one
 * gap: killed between inserting and the end of writing, a few milliseconds, the file has zeros in
 * front of its packets, for no file system does both at once.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "capture/file/pcapng_writer.h"
#include "core/tree.h"

#define BLOCK_KEYS (1u << 20) /* bytes of secrets in a block; readers refuse blocks of 16 MiB */
#define DSB_SIZE   20	      /* of a block without its secrets */

/* Where the secrets go, and what they are. */
struct insertion {
	int fd; /* of the file, to read and write */
	struct stat st;
	uint64_t front; /* the first packet's place */
	uint8_t *blocks;
	size_t len; /* of the blocks; whole blocks of the file system */
};

void pcapng_set_secrets(struct pcapng_writer *w, const char *keys, size_t len)
{
	w->keys = keys;
	w->keys_len = len;
}

void pcapng_set_dir(struct pcapng_writer *w, int dir_fd)
{
	w->dir_fd = dir_fd;
}

static int read_at(int fd, void *buf, size_t n, uint64_t at)
{
	uint8_t *p = buf;

	while (n) {
		ssize_t did = pread(fd, p, n, (off_t)at);

		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0)
			return did < 0 ? -errno : -EIO;
		p += did;
		n -= (size_t)did;
		at += (uint64_t)did;
	}
	return 0;
}

static int write_at(int fd, const void *buf, size_t n, uint64_t at)
{
	const uint8_t *p = buf;

	while (n) {
		ssize_t did = pwrite(fd, p, n, (off_t)at);

		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0)
			return did < 0 ? -errno : -EIO;
		p += did;
		n -= (size_t)did;
		at += (uint64_t)did;
	}
	return 0;
}

/* [at, end) of one file to another, there behind by more bytes. */
static int copy(int from, uint64_t at, uint64_t end, int to, uint64_t more)
{
	while (at < end) {
		off_t in = (off_t)at, out = (off_t)(at + more);
		ssize_t n = copy_file_range(from, &in, to, &out, end - at, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += (uint64_t)n;
	}
	return 0;
}

static int allocate(int fd, int mode, uint64_t at, uint64_t len)
{
	int r;

	do {
		r = fallocate(fd, mode, (off_t)at, (off_t)len);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

/* Not that there is no room, but that it cannot be had in this way. */
static bool is_unable(int r)
{
	return r < 0 && r != -ENOSPC && r != -EDQUOT && r != -EFBIG;
}

/* Takes what was inserted out again, and puts back what was there before it; r, or -EUCLEAN. */
static int undo(const struct insertion *i, const uint8_t *before, size_t rest, int r)
{
	uint64_t at = i->front - rest;

	if (allocate(i->fd, FALLOC_FL_COLLAPSE_RANGE, at, i->len) < 0 ||
	    write_at(i->fd, before, rest, at) < 0)
		return -EUCLEAN;
	return r;
}

/* -EOPNOTSUPP: this file system does not insert. */
static int insert(const struct insertion *i)
{
	size_t rest = i->front % (uint64_t)i->st.st_blksize;
	_cleanup_free_ uint8_t *before = malloc(rest + 1);
	uint64_t at = i->front - rest;
	int r = before ? read_at(i->fd, before, rest, at) : -ENOMEM;

	if (r < 0)
		return r;
	r = allocate(i->fd, FALLOC_FL_INSERT_RANGE, at, i->len);
	if (r < 0)
		return is_unable(r) ? -EOPNOTSUPP : r;
	r = allocate(i->fd, 0, at, i->len);
	if (r == 0)
		r = write_at(i->fd, before, rest, at);
	if (r == 0)
		r = write_at(i->fd, i->blocks, i->len, i->front);
	return r < 0 ? undo(i, before, rest, r) : 0;
}

static int fill(const struct insertion *i, int to)
{
	uint64_t size = (uint64_t)i->st.st_size;
	/* A disk without room is not filled first. */
	int r = allocate(to, 0, 0, size + i->len);

	if (is_unable(r))
		r = 0;
	if (r == 0)
		r = copy(i->fd, 0, i->front, to, 0);
	if (r == 0)
		r = write_at(to, i->blocks, i->len, i->front);
	if (r == 0)
		r = copy(i->fd, i->front, size, to, i->len);
	if (r == 0 && fchown(to, i->st.st_uid, i->st.st_gid) < 0)
		r = -errno;
	if (r == 0 && fchmod(to, i->st.st_mode & 07777) < 0)
		r = -errno;
	return r;
}

/* Puts a new file, with the secrets, in the place of the old one. */
static int replace(const struct pcapng_writer *w, const struct insertion *i)
{
	_cleanup_free_ char *name = NULL;
	struct stat now;
	int r, to;

	if (w->dir_fd < 0)
		return -EOPNOTSUPP;
	if (fstatat(w->dir_fd, w->name, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (now.st_ino != i->st.st_ino || now.st_dev != i->st.st_dev)
		return -ESTALE; /* it was moved away, and this is another's */
	if (asprintf(&name, ".%s.new", w->name) < 0)
		return -ENOMEM;
	unlinkat(w->dir_fd, name, 0); /* what one of us left who was killed here */
	to = tree_create(w->dir_fd, name, 0);
	if (to < 0)
		return to;
	r = fill(i, to);
	if (close(to) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(w->dir_fd, name, w->dir_fd, w->name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(w->dir_fd, name, 0);
	return r;
}

/* The secrets of the next block: whole lines, but where one alone is too long. */
static size_t next_part(const char *keys, size_t len)
{
	const char *end;

	if (len <= BLOCK_KEYS)
		return len;
	end = memrchr(keys, '\n', BLOCK_KEYS);
	return end ? (size_t)(end - keys) + 1 : BLOCK_KEYS;
}

static uint8_t *put_field(uint8_t *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

/*
 * Blocks with all secrets, of a size that is a multiple of unit; the last has empty lines at its
 * end.
 */
static uint8_t *make_blocks(const char *keys, size_t len, size_t unit, size_t *ret_len)
{
	size_t total = 0, done, n;
	uint8_t *all, *p;

	for (done = 0; done < len; done += n) {
		n = next_part(keys + done, len - done);
		total += DSB_SIZE + pad4(n);
	}
	*ret_len = (total + unit - 1) / unit * unit;
	p = all = malloc(*ret_len);
	for (done = 0; all && done < len; done += n) {
		size_t room, said;

		n = said = next_part(keys + done, len - done);
		room = pad4(n);
		if (done + n == len)
			room = said = *ret_len - (size_t)(p - all) - DSB_SIZE;
		p = put_field(p, BLOCK_DSB);
		p = put_field(p, (uint32_t)(DSB_SIZE + room));
		p = put_field(p, DSB_TLS_KEYS);
		p = put_field(p, (uint32_t)said);
		memcpy(p, keys + done, n);
		memset(p + n, '\n', room - n);
		p = put_field(p + room, (uint32_t)(DSB_SIZE + room));
	}
	return all;
}

int writer_put_secrets(struct pcapng_writer *w)
{
	_cleanup_free_ uint8_t *blocks = NULL;
	_cleanup_close_ int fd = -1;
	struct insertion i = { .front = w->front ? w->front : w->out.base };
	char path[32];
	int r = -EOPNOTSUPP;

	/* Ours was opened to write only. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w->out.fd);
	i.fd = fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &i.st) < 0)
		return -errno;
	if (!S_ISREG(i.st.st_mode))
		return -ESPIPE;
	i.blocks = blocks = make_blocks(w->keys, w->keys_len, (size_t)i.st.st_blksize, &i.len);
	if (!blocks)
		return -ENOMEM;
	/* Who follows the file has it while reading. Closing the fd takes ours off. */
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		r = insert(&i);
	return r == -EOPNOTSUPP ? replace(w, &i) : r;
}
