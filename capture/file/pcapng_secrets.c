/*
 * Puts TLS secrets into a pcapng file that is otherwise complete.
 *
 * Theory of operation. A reader decrypts what comes behind the secrets, but which there are is
 * known when the programs have ended. So room is made in front of the packets at the end. Some
 * file systems (ext4, XFS) can insert blocks of their own size into a file without touching what
 * follows: the secrets are padded to such a size with empty lines, the blocks go in where the
 * file system's block with the first packet begins, and what was in that one before the packet is
 * written once more. Elsewhere all that follows is moved, from its end on. The file grows first,
 * so a disk without room for the secrets leaves it as it was.
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

#define MOVE_SIZE  (1u << 20)
#define BLOCK_KEYS (1u << 20) /* bytes of secrets in a block; readers refuse blocks of 16 MiB */
#define DSB_SIZE   20	      /* of a block without its secrets */

int pcapng_add_secrets(struct pcapng_writer *w, const char *keys, size_t len)
{
	char *all = w->keys;

	if (w->keys_len + len > w->keys_size) {
		size_t size = 2 * w->keys_size + len;

		all = realloc(all, size);
		if (!all)
			return -ENOMEM;
		w->keys = all;
		w->keys_size = size;
	}
	if (len)
		memcpy(all + w->keys_len, keys, len);
	w->keys_len += len;
	return 0;
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

/* Moves [front, size) by len to its back. */
static int move_back(int fd, uint64_t front, uint64_t size, const uint8_t *zeros, size_t len)
{
	_cleanup_free_ uint8_t *buf = malloc(MOVE_SIZE);
	int r = buf ? write_at(fd, zeros, len, size) : -ENOMEM;

	if (r < 0)
		return ftruncate(fd, (off_t)size) < 0 ? -errno : r;
	for (uint64_t at = size; at > front && r == 0;) {
		size_t n = at - front < MOVE_SIZE ? at - front : MOVE_SIZE;

		at -= n;
		r = read_at(fd, buf, n, at);
		if (r == 0)
			r = write_at(fd, buf, n, at + len);
	}
	return r;
}

/* Makes [front, front + len) free for blocks, which are then there. */
static int insert(int fd, uint64_t front, const struct stat *st, const uint8_t *blocks, size_t len)
{
	size_t rest = front % (uint64_t)st->st_blksize;
	_cleanup_free_ uint8_t *before = malloc(rest + 1);
	int r = before ? read_at(fd, before, rest, front - rest) : -ENOMEM;

	if (r < 0)
		return r;
	if (fallocate(fd, FALLOC_FL_INSERT_RANGE, (off_t)(front - rest), (off_t)len) == 0)
		r = write_at(fd, before, rest, front - rest);
	else
		r = move_back(fd, front, (uint64_t)st->st_size, blocks, len);
	return r < 0 ? r : write_at(fd, blocks, len, front);
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
	char path[32];
	_cleanup_free_ uint8_t *blocks = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;
	size_t len;

	/* Ours was opened to write only. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ESPIPE;
	blocks = make_blocks(w->keys, w->keys_len, (size_t)st.st_blksize, &len);
	if (!blocks)
		return -ENOMEM;
	/* For who follows the file; but nobody may keep us waiting. Closing the fd takes it off. */
	flock(fd, LOCK_EX | LOCK_NB);
	return insert(fd, w->front ? w->front : w->base, &st, blocks, len);
}
