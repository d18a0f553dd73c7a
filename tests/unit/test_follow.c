/* Following a capture: the packets of whole blocks at once, whatever pieces the bytes come in. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "capture/file/follow.h"

#define PACKETS 50

static uint8_t *file;
static size_t size;

static int setup(void **state)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);
	const struct pcapng_iface_info infos[] = { { .name = "h1:h1-eth0", .snaplen = 99 },
						   { .name = "h2:h2-eth0", .snaplen = 99 } };
	const struct pcapng_name names[] = { { AF_INET, { 10, 0, 0, 1 }, "h1" },
					     { AF_INET6, { 0xfe, 0x80 }, "six" },
					     { AF_INET, { 10, 0, 0, 2 }, "two" } };
	const struct pcapng_stats stats = { .received = PACKETS };
	struct pcapng_writer *w;
	struct stat st;

	if (pcapng_create(fcntl(fd, F_DUPFD_CLOEXEC, 0), "capture", NULL, NULL, NULL, &w, NULL))
		return -1;
	pcapng_add_iface(w, &infos[0]);
	pcapng_add_iface(w, &infos[1]);
	pcapng_write_names(w, names, 3);
	for (unsigned i = 0; i < PACKETS; i++) {
		char comment[40], data[40];
		struct pcapng_packet p = { .iface = i % 2, .ts = i, .caplen = i % 40, .len = i % 40,
					   .data = (uint8_t *)data, .comment = comment, .pid = i / 9,
					   .process = 8192 + i / 9, .comm = "x" };

		memset(data, (int)i, sizeof(data));
		p.comment_len = (size_t)snprintf(comment, sizeof(comment), "number=%u", i);
		pcapng_write(w, &p, NULL);
	}
	pcapng_write_stats(w, 0, &stats);
	if (pcapng_close(w, NULL) || fstat(fd, &st))
		return -1;
	size = (size_t)st.st_size;
	file = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return file == MAP_FAILED ? -1 : 0;
}

static void on_packet(void *arg, const struct pcapng_packet *p, const struct pcapng_iface *i)
{
	unsigned *n = arg;
	char comment[40];

	assert_int_equal(p->comment_len, snprintf(comment, sizeof(comment), "number=%u", *n));
	assert_memory_equal(p->comment, comment, p->comment_len);
	assert_int_equal(p->ts, *n);
	assert_int_equal(p->caplen, *n % 40);
	assert_string_equal(i->name, *n % 2 ? "h2:h2-eth0" : "h1:h1-eth0");
	++*n;
}

static void any_pieces(void **state)
{
	for (size_t step = 1; step <= size; step += step / 7 + 1) {
		_cleanup_err_ struct err err = { 0 };
		struct follow *f = follow_new();
		unsigned n = 0;

		for (size_t at = 0; at < size; at += step) {
			assert_false(follow_is_whole(f));
			assert_int_equal(follow_add(f, file + at, size - at < step ? size - at : step,
						    on_packet, &n, &err), 0);
		}
		assert_int_equal(n, PACKETS);
		assert_true(follow_is_whole(f));
		assert_string_equal(follow_name(f, AF_INET, (const uint8_t[]){ 10, 0, 0, 2 }), "two");
		assert_null(follow_name(f, AF_INET, (const uint8_t[]){ 10, 0, 0, 3 }));
		follow_free(f);
	}
}

static void what_is_no_such_file(void **state)
{
	static const size_t at[] = { 0, 4, 7, 8 };

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		_cleanup_err_ struct err err = { 0 };
		uint8_t *bad = malloc(size);
		struct follow *f = follow_new();
		unsigned n = 0;

		memcpy(bad, file, size);
		bad[at[i]] ^= 0x41;
		assert_int_equal(follow_add(f, bad, size, on_packet, &n, &err), -EINVAL);
		assert_int_equal(n, 0);
		assert_int_equal(err.n, 1);
		follow_free(f);
		free(bad);
	}
}

/* Where the packets went that secrets came in front of, however much of the first was read. */
static void finds_what_was_moved(void **state)
{
	const struct pcapng_iface_info info = { .name = "h1:h1-eth0" };
	const uint8_t bytes[40] = { 0 };
	const struct pcapng_packet p = { .caplen = sizeof(bytes), .len = sizeof(bytes),
					 .data = bytes };
	static const char keys[] = "CLIENT_RANDOM 01 02\n";
	char folder[] = "/dev/shm/test_follow.XXXXXX", path[60];
	struct pcapng_writer *w;
	uint64_t front;
	uint8_t *whole;
	int dir, fd;
	ssize_t n;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/c", folder);
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(dir, "c", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pcapng_create(fd, "c", NULL, NULL, NULL, &w, NULL), 0);
	pcapng_add_iface(w, &info);
	front = pcapng_size(w);
	pcapng_write(w, &p, NULL);
	pcapng_flush(w);
	whole = malloc(front + 100);
	n = pread(fd, whole, front + 100, 0);
	pcapng_set_dir(w, dir);
	pcapng_set_secrets(w, keys, strlen(keys));
	assert_int_equal(pcapng_close(w, NULL), 0);
	fd = openat(dir, "c", O_RDONLY | O_CLOEXEC);
	for (size_t part = 4; part < 100 && front + part < (size_t)n; part += 4) {
		struct follow *f = follow_new();
		uint8_t block[4];

		assert_int_equal(follow_add(f, whole, front + part, NULL, NULL, NULL), 0);
		assert_true(follow_moved(f, fd) > 0);
		assert_int_equal(pread(fd, block, 4, (off_t)(front + follow_moved(f, fd))), 4);
		assert_memory_equal(block, whole + front, 4);
		follow_free(f);
	}
	free(whole);
	close(fd);
	close(dir);
	unlink(path);
	rmdir(folder);
}

/* As many names and interfaces as a large network has, and pieces as small as a disk's. */
static void a_large_head_is_read_once(void **state)
{
	enum { MANY = 20000 };
	_cleanup_free_ struct pcapng_name *names = calloc(MANY + 2, sizeof(*names));
	int fd = memfd_create("large", MFD_CLOEXEC);
	_cleanup_err_ struct err err = { 0 };
	struct follow *f = follow_new();
	struct pcapng_writer *w;
	char buf[4096];
	unsigned count = 0;
	ssize_t n;

	assert_int_equal(pcapng_create(dup(fd), "large", NULL, NULL, NULL, &w, NULL), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		struct pcapng_iface_info info = { .name = "h1:h1-eth0" };

		if (i % 2)
			info.name = "h2:h2-eth0";
		pcapng_add_iface(w, &info);
		names[i].family = AF_INET;
		memcpy(names[i].ip, &i, 4);
		names[i].name = i % 2 ? "odd" : "even";
	}
	names[MANY] = (struct pcapng_name){ AF_INET, { 1 }, "second" };
	pcapng_write_names(w, names, MANY + 1);
	for (uint32_t i = 0; i < MANY; i++) {
		char comment[40], data[40];
		struct pcapng_packet p = { .iface = i, .ts = i, .caplen = i % 40, .len = i % 40,
					   .data = (uint8_t *)data, .comment = comment };

		memset(data, 0, sizeof(data));
		p.comment_len = (size_t)snprintf(comment, sizeof(comment), "number=%u", i);
		pcapng_write(w, &p, NULL);
	}
	assert_int_equal(pcapng_close(w, NULL), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		assert_int_equal(follow_add(f, buf, (size_t)n, on_packet, &count, &err), 0);
	assert_int_equal(count, MANY);
	assert_string_equal(follow_name(f, AF_INET, (const uint8_t[]){ 2, 0, 0, 0 }), "even");
	assert_string_equal(follow_name(f, AF_INET, (const uint8_t[]){ 1, 0, 0, 0 }), "odd");
	assert_null(follow_name(f, AF_INET, (const uint8_t[]){ 0, 0, 0, 1 }));
	follow_free(f);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_pieces),
		cmocka_unit_test(what_is_no_such_file),
		cmocka_unit_test(finds_what_was_moved),
		cmocka_unit_test(a_large_head_is_read_once),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
