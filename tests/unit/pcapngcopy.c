/*
 * Copies a capture into our pcapng, a comment on each packet, for tests that read it with other
 * tools.
 *
 *     pcapngcopy IN OUT
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "capture/file/pcapng.h"

static int copy(struct pcapng_reader *r, struct pcapng_writer *w, struct err *err)
{
	struct pcapng_stats stats;
	struct pcapng_packet p;
	uint64_t n = 0;
	int64_t first = 0, last = 0;
	int e;

	while ((e = pcapng_next(r, &p, err)) > 0) {
		char comment[32], done[32];
		uint64_t pos;

		p.comment = comment;
		p.comment_len = (size_t)snprintf(comment, sizeof(comment), "number=??????");
		p.dir = n % 3;
		p.iface = n % 2;
		p.id = p.id ? p.id : (n + 1) << 40;
		e = pcapng_write(w, &p, &pos);
		if (e)
			return e;
		if (n % 1000 == 500) /* some comments are completed on disk, most in the buffer */
			pcapng_flush(w);
		snprintf(done, sizeof(done), "number=%06u", (unsigned)n % 1000000);
		e = pcapng_patch_comment(w, pos, done, strlen(done));
		if (e)
			return e;
		first = n++ ? first : p.ts;
		last = p.ts;
	}
	stats = (struct pcapng_stats){ .start = first, .end = last, .received = n + 7, .dropped = 7,
				       .accepted = n, .delivered = n };
	return e ? e : pcapng_write_stats(w, 0, &stats);
}

int main(int argc, char **argv)
{
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_writer *w = NULL;
	struct pcapng_reader *r = NULL;
	const struct pcapng_iface_info one = { .name = "h1:h1-eth0", .descr = "host h1",
					       .snaplen = 262144 };
	const struct pcapng_iface_info two = { .name = "h2:h2-eth0", .snaplen = 262144 };
	int fd, e = argc != 3;

	e = e ? e : pcapng_open(argv[1], &r, &err);
	fd = e ? -1 : open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	e = e ? e : fd < 0;
	e = e ? e : pcapng_create(fd, argv[2], "Linux", "detnet test", "a section", &w, &err);
	if (!e && (pcapng_add_iface(w, &one) != 0 || pcapng_add_iface(w, &two) != 1))
		e = 1;
	e = e ? e : copy(r, w, &err);
	if (w && pcapng_close(w, &err))
		e = 1;
	pcapng_reader_close(r);
	if (e) {
		_cleanup_free_ char *text = err_text(&err);

		fputs(text && *text ? text : "usage: pcapngcopy IN OUT\n", stderr);
	}
	return e != 0;
}
