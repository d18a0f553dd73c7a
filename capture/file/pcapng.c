/*
 * Writes pcapng, in blocks gathered into large writes.
 *
 * A position given out for a comment is an offset in the file: behind what was written it is in
 * the buffer, else on disk.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "capture/file/pcapng_writer.h"

#define BUF_SIZE (1u << 20) /* more than a processor's cache holds costs more than it saves */

static size_t block_size(const uint8_t *p, size_t n, uint64_t at)
{
	return n < 8 ? 0 : block_get32(p + 4);
}

int pcapng_flush(struct pcapng_writer *w)
{
	return outbuf_flush(&w->out);
}

int writer_begin(struct pcapng_writer *w, uint32_t type, size_t total)
{
	int r = total > UINT32_MAX ? -EMSGSIZE : outbuf_room(&w->out, total);

	if (r < 0)
		return r;
	put32(w, type);
	put32(w, (uint32_t)total);
	return 0;
}

static int write_section(struct pcapng_writer *w, const char *os, const char *app,
			 const char *comment)
{
	size_t total = 28 + text_size(comment) + text_size(os) + text_size(app) + 4;
	int r = writer_begin(w, BLOCK_SHB, total);

	if (r)
		return r;
	put32(w, BYTE_ORDER_MAGIC);
	put16(w, 1);
	put16(w, 0);
	put32(w, UINT32_MAX); /* length of the section: not given */
	put32(w, UINT32_MAX);
	put_text(w, OPT_COMMENT, comment);
	put_text(w, OPT_SHB_OS, os);
	put_text(w, OPT_SHB_USERAPPL, app);
	put32(w, OPT_END);
	writer_end(w, total);
	return 0;
}

static void writer_free(struct pcapng_writer *w)
{
	if (!w)
		return;
	outbuf_close(&w->out);
	free(w->name);
	free(w->processes);
	free(w);
}

/*
 * Tells whoever reads the file, of whatever user, that it is being written. It is taken off before
 * the file is closed, for a reader is woken by that, and looks.
 */
static void set_lock(int fd, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	fcntl(fd, F_OFD_SETLK, &lock); /* without locks, a lease is left to tell */
}

int pcapng_create(int fd, const char *name, const char *os, const char *app, const char *comment,
		  struct pcapng_writer **ret, struct err *err)
{
	struct pcapng_writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w) {
		close(fd);
		return err_sys(err, ENOMEM, "cannot write %s", name);
	}
	w->dir_fd = -1;
	set_lock(fd, F_WRLCK);
	r = outbuf_open(&w->out, fd, BUF_SIZE, block_size);
	w->name = strdup(name);
	if (!w->name)
		r = -ENOMEM;
	if (r == 0)
		r = write_section(w, os, app, comment);
	if (r) {
		writer_free(w);
		return err_sys(err, -r, "cannot write %s", name);
	}
	*ret = w;
	return 0;
}

static size_t packet_size(const struct pcapng_packet *p)
{
	size_t options = (p->dir ? option_size(4) : 0) + (p->id ? option_size(8) : 0) +
			 (p->comment ? option_size(p->comment_len) : 0) +
			 (p->pid ? option_size(8) : 0) +
			 (p->pid && p->process ? option_size(4) : 0);

	return 32 + pad4(p->caplen) + options + (options ? 4 : 0);
}

static void put_process(struct pcapng_writer *w, const struct pcapng_packet *p, uint32_t number)
{
	const uint32_t ids[2] = { htole32(p->pid), 0 }; /* of which thread is not known */

	if (!p->pid)
		return;
	put_option(w, OPT_EPB_PROCESS_THREAD, ids, sizeof(ids));
	number = htole32(number);
	if (p->process)
		put_option(w, OPT_EPB_PROCESS_BLOCK, &number, sizeof(number));
}

int pcapng_write(struct pcapng_writer *w, const struct pcapng_packet *p, uint64_t *ret_comment_pos)
{
	size_t total = packet_size(p);
	uint64_t pos = PCAPNG_NO_POS;
	uint32_t dir = htole32(p->dir), number = 0;
	int r = 0;

	if (w->out.error)
		return w->out.error;
	if (p->iface >= w->n_ifaces || (p->comment && p->comment_len > OPTION_MAX))
		return -EINVAL;
	if (!w->front)
		w->front = w->out.base + w->out.len;
	if (p->pid && p->process)
		r = writer_process(w, p, &number);
	if (r == 0)
		r = writer_begin(w, BLOCK_EPB, total);
	if (r)
		return r;
	put32(w, p->iface);
	put_time(w, p->ts);
	put32(w, p->caplen);
	put32(w, p->len);
	put_padded(w, p->data, p->caplen);
	if (p->dir)
		put_option(w, OPT_EPB_FLAGS, &dir, sizeof(dir));
	if (p->id)
		put_option64(w, OPT_EPB_PACKETID, p->id);
	put_process(w, p, number);
	if (p->comment) {
		pos = w->out.base + w->out.len + 4;
		put_option(w, OPT_COMMENT, p->comment, p->comment_len);
	}
	if (total > 32 + pad4(p->caplen))
		put32(w, OPT_END);
	writer_end(w, total);
	if (ret_comment_pos)
		*ret_comment_pos = pos;
	return 0;
}

int pcapng_patch_comment(struct pcapng_writer *w, uint64_t pos, const char *comment, size_t len)
{
	/* It was cut off by a full disk, or never there. */
	if (pos == PCAPNG_NO_POS || pos + len < pos || pos + len > w->out.base + w->out.len)
		return w->out.error ? w->out.error : -EINVAL;
	if (pos >= w->out.base) {
		memcpy(w->out.buf + (pos - w->out.base), comment, len);
		return 0;
	}
	while (len) {
		ssize_t n = pwrite(w->out.fd, comment, len, (off_t)pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (!w->out.error)
				w->out.error = n < 0 ? -errno : -EIO;
			return w->out.error;
		}
		comment += n;
		pos += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

uint64_t pcapng_size(const struct pcapng_writer *w)
{
	return w->out.base + w->out.len;
}

int pcapng_close(struct pcapng_writer *w, struct err *err)
{
	int r, secrets = 0;

	if (!w)
		return 0;
	pcapng_flush(w);
	if (!w->out.error && w->keys_len)
		secrets = writer_put_secrets(w);
	set_lock(w->out.fd, F_UNLCK);
	r = outbuf_close(&w->out);
	if (r)
		err_sys(err, -r, "cannot write %s; it is complete up to where this happened",
			w->name);
	else if (secrets)
		err_integrity(err, "cannot put the TLS secrets into %s: %s%s", w->name,
			      strerror(-secrets),
			      secrets == -EUCLEAN ? "; the file is damaged" :
						    "; all its packets are there");
	r = r ? r : secrets;
	writer_free(w);
	return r;
}
