/*
 * What a packet costs the pcapng writer and reader, on one core: prints ns a packet, and fails where
 * the reader alone would take half the time that 2 million packets a second leave.
 *
 *     bench_pcapng [PACKETS]
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "capture/file/pcapng.h"
#include "core/units.h"

#define WANTED 2e6 /* packets a second, of which the reader may take half the time */
#define SHARE  0.5
#define ROUNDS 5

static const char comment[] = "host=h1 pid=812 comm=lftp scenario=ftp/get activity=17";

static int fill(struct pcapng_writer *w, unsigned n)
{
	static const uint8_t frame[66]; /* an acknowledgement */
	const struct pcapng_iface_info info = { .name = "h1:h1-eth0", .snaplen = 65536 };
	int r = pcapng_add_iface(w, &info);

	for (unsigned i = 0; i < n && r >= 0; i++) {
		struct pcapng_packet p = {
			.ts = 1700000000000000000 + i, .dir = 1 + i % 2, .id = i + 1,
			.caplen = sizeof(frame), .len = sizeof(frame), .data = frame,
			.comment = comment, .comment_len = sizeof(comment) - 1,
			.pid = 812, .process = 1 + i % 100, .comm = "lftp",
		};

		r = pcapng_write(w, &p, NULL);
	}
	return r < 0 ? r : 0;
}

static int write_file(int fd, unsigned n, double *ns)
{
	struct pcapng_writer *w;
	int64_t start = units_now_mono();
	int r = ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0;

	if (r == 0)
		r = pcapng_create(dup(fd), "bench", NULL, NULL, NULL, &w, NULL);
	if (r)
		return r;
	r = fill(w, n);
	if (pcapng_close(w, NULL))
		r = -1;
	start = units_now_mono() - start;
	if ((double)start / n < *ns)
		*ns = (double)start / n;
	return r;
}

static int read_file(const char *path, unsigned n, double *ns)
{
	int64_t start = units_now_mono();
	struct pcapng_reader *reader;
	struct pcapng_packet p;
	uint64_t sum = 0;
	int r = pcapng_open(path, &reader, NULL);

	if (r)
		return r;
	while (pcapng_next(reader, &p, NULL) > 0)
		sum += p.id;
	pcapng_reader_close(reader);
	start = units_now_mono() - start;
	if ((double)start / n < *ns)
		*ns = (double)start / n;
	return sum == (uint64_t)n * (n + 1) / 2 ? 0 : -1;
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 300000;
	double writing = 1e9, reading = 1e9;
	int fd = memfd_create("bench", MFD_CLOEXEC), r = fd < 0;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (int i = 0; i < ROUNDS && !r; i++) {
		r = write_file(fd, n, &writing);
		if (!r)
			r = read_file(path, n, &reading);
	}
	if (r) {
		fprintf(stderr, "bench_pcapng: what was read is not what was written\n");
		return 1;
	}
	printf("pcapng: %.0f ns a packet written, %.0f ns read (wanted: at most %.0f)\n",
	       writing, reading, SHARE * 1e9 / WANTED);
#ifdef __OPTIMIZE__
	return reading > SHARE * 1e9 / WANTED;
#else
	printf("built without optimization: this figure is not held against what is wanted\n");
	return 0;
#endif
}
