/*
 * pcapng's blocks beside packets: interfaces, names, processes; TLS secrets in front of the
 * packets, however these lie in the file, and on a disk without room.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "capture/file/pcapng.h"
#include "capture/file/pcapng_blocks.h"
#include "capture/secrets.h"
#include "core/tree.h"

#define KEY "CLIENT_RANDOM 0123456789abcdef 00112233\n"

/* A file system in memory cannot insert, the disk's perhaps; a new file is made in its folder. */
static char folders[][40] = { "/tmp/test_pcapng_blocks.XXXXXX",
			      "/dev/shm/test_pcapng_blocks.XXXXXX" };
static int dirs[2];
static char path[60];

static int setup(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		if (!mkdtemp(folders[i]))
			return -1;
		dirs[i] = open(folders[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	snprintf(path, sizeof(path), "%s/test", folders[0]);
	return close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

static int teardown(void **state)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		close(dirs[i]);
		r = r ? r : tree_remove(AT_FDCWD, folders[i]);
	}
	return r;
}

static struct pcapng_writer *create(int fd)
{
	const struct pcapng_iface_info info = { .name = "h1:h1-eth0" };
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_writer *w;

	assert_true(fd >= 0);
	assert_int_equal(pcapng_create(fd, "test", NULL, NULL, NULL, &w, &err), 0);
	assert_int_equal(pcapng_add_iface(w, &info), 0);
	return w;
}

static struct pcapng_writer *create_here(void)
{
	return create(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
}

static void write_packet(struct pcapng_writer *w, uint32_t n)
{
	static uint8_t d[1500];
	struct pcapng_packet p = { .ts = n, .id = n + 1, .caplen = n % sizeof(d), .data = d,
				   .len = n % sizeof(d), .comment = "xyz", .comment_len = 3 };

	memset(d, (int)n, p.caplen);
	assert_int_equal(pcapng_write(w, &p, NULL), 0);
}

static void check_packets(const char *file, uint32_t n)
{
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_reader *r;
	struct pcapng_packet p;

	assert_int_equal(pcapng_open(file, &r, &err), 0);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(pcapng_next(r, &p, &err), 1);
		assert_true(p.id == i + 1 && p.ts == i && p.caplen == i % 1500);
		assert_true(!p.caplen || p.data[0] == (uint8_t)i);
		assert_true(!p.caplen || p.data[p.caplen - 1] == (uint8_t)i);
		assert_memory_equal(p.comment, "xyz", 3);
	}
	assert_int_equal(pcapng_next(r, &p, &err), 0);
	pcapng_reader_close(r);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* All secrets that the file has, which are in front of its packets; malloc'd. */
static char *secrets_of(int fd, size_t *ret_len)
{
	struct stat st;
	uint8_t *d;
	char *keys;
	bool packets = false;

	*ret_len = 0;
	assert_int_equal(fstat(fd, &st), 0);
	d = malloc((size_t)st.st_size);
	keys = malloc((size_t)st.st_size);
	assert_int_equal(pread(fd, d, (size_t)st.st_size, 0), st.st_size);
	for (off_t at = 0; at < st.st_size;) {
		uint32_t type = get32(d + at), len = get32(d + at + 4);

		assert_int_equal(get32(d + at + len - 4), len);
		packets |= type == BLOCK_EPB;
		if (type == BLOCK_DSB) {
			assert_false(packets);
			assert_int_equal(get32(d + at + 8), DSB_TLS_KEYS);
			assert_in_range(len, 20 + get32(d + at + 12), 23 + get32(d + at + 12));
			assert_true(len < 2 << 20);
			memcpy(keys + *ret_len, d + at + 16, get32(d + at + 12));
			*ret_len += get32(d + at + 12);
		}
		at += len;
	}
	free(d);
	return keys;
}

static void check_secrets(int fd, const char *want, size_t len)
{
	size_t n = 0;
	_cleanup_free_ char *keys = secrets_of(fd, &n);

	/* Empty lines may be behind them. */
	assert_in_range(n, len, len + 70000);
	assert_memory_equal(keys, want, len);
	for (size_t i = len; i < n; i++)
		assert_int_equal(keys[i], '\n');
}

static void test_interface(void **state)
{
	static const uint8_t mac[6] = { 2, 3, 4, 5, 6, 7 };
	const struct pcapng_iface_info info = {
		.name = "r1:r1-eth0", .snaplen = 96, .mac = mac, .addr = 0x0a000001, .prefix = 24,
		.tx_speed = 10000000, .rx_speed = 20000000, .filter = "tcp port 80",
	};
	static const uint8_t want[] = {
		4, 0, 8, 0, 10, 0, 0, 1, 255, 255, 255, 0,
		6, 0, 6, 0, 2, 3, 4, 5, 6, 7, 0, 0,
		16, 0, 8, 0, 0x80, 0x96, 0x98, 0, 0, 0, 0, 0,
		17, 0, 8, 0, 0, 0x2d, 0x31, 1, 0, 0, 0, 0,
		9, 0, 1, 0, 9, 0, 0, 0,
		11, 0, 12, 0, 0, 't', 'c', 'p', ' ', 'p', 'o', 'r', 't', ' ', '8', '0', 0, 0, 0, 0,
	};
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_writer *w = create_here();
	struct pcapng_reader *r;
	struct pcapng_packet p;
	uint8_t d[1000];
	ssize_t n;
	int fd;

	assert_int_equal(pcapng_add_iface(w, &info), 1);
	assert_int_equal(pcapng_close(w, &err), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, d, sizeof(d));
	close(fd);
	assert_non_null(memmem(d, (size_t)n, want, sizeof(want)));
	assert_int_equal(pcapng_open(path, &r, &err), 0);
	assert_int_equal(pcapng_next(r, &p, &err), 0);
	assert_int_equal(pcapng_iface(r, 1)->snaplen, 96);
	assert_int_equal(pcapng_iface(r, 1)->addr, info.addr);
	pcapng_reader_close(r);
}

static void test_names(void **state)
{
	struct pcapng_name names[] = {
		{ .family = AF_INET, .ip = { 10, 0, 0, 1 }, .name = "h1" },
		{ .family = AF_INET6, .ip = { 0xfd, [15] = 2 }, .name = "h2.example" },
	};
	static const uint8_t want[] = {
		4, 0, 0, 0, 56, 0, 0, 0,
		1, 0, 7, 0, 10, 0, 0, 1, 'h', '1', 0, 0,
		2, 0, 27, 0, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
		'h', '2', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0,
		0, 0, 0, 0, 60, 0, 0, 0,
	};
	struct pcapng_writer *w = create_here();
	uint8_t d[1000];
	ssize_t n;
	int fd;

	assert_int_equal(pcapng_write_names(w, names, 2), 0);
	for (uint32_t i = 0; i < 10; i++)
		write_packet(w, i);
	assert_int_equal(pcapng_close(w, NULL), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, d, sizeof(d));
	close(fd);
	assert_non_null(memmem(d, (size_t)n, want + 8, sizeof(want) - 16));
	check_packets(path, 10);
}

/* Each process has a block in front of its first packet, and packets name it. */
static void test_processes(void **state)
{
	static const struct pcapng_packet packets[] = {
		{ .pid = 7, .process = 5000, .comm = "curl" },
		{ .pid = 7, .process = 9, .comm = "wget" },
		{ .pid = 7, .process = 5000, .comm = "curl" },
		{ .pid = 8, .process = 0 },
		{ .pid = 0, .process = 3 },
		{ .pid = 9, .process = PCAPNG_PROCESS_MAX - 1, .comm = "a\xff" },
		{ .pid = 10, .process = 1 },
	};
	static const char *const comms[] = { "curl", "wget", "curl", NULL, NULL,
					     "a\xef\xbf\xbd", "" };
	const struct pcapng_packet wrong = { .pid = 1, .process = PCAPNG_PROCESS_MAX };
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_writer *w = create_here();
	struct pcapng_reader *r;
	struct pcapng_packet p;

	for (size_t i = 0; i < ARRAY_SIZE(packets); i++)
		assert_int_equal(pcapng_write(w, &packets[i], NULL), 0);
	assert_int_equal(pcapng_write(w, &wrong, NULL), -EINVAL);
	assert_int_equal(pcapng_close(w, &err), 0);
	assert_int_equal(pcapng_open(path, &r, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		assert_int_equal(pcapng_next(r, &p, &err), 1);
		assert_int_equal(p.pid, packets[i].pid);
		if (comms[i])
			assert_string_equal(p.comm, comms[i]);
		else
			assert_null(p.comm);
	}
	assert_int_equal(pcapng_next(r, &p, &err), 0);
	pcapng_reader_close(r);
}

/*
 * Sizes around those of the file system's blocks and of the writer's buffer; both ways to make
 * room.
 */
static void check_insertion(int dir, uint32_t packets, size_t names, size_t lines)
{
	_cleanup_free_ struct pcapng_name *list = calloc(names + 1, sizeof(*list));
	_cleanup_free_ char *keys = malloc(lines * strlen(KEY) + 1);
	int fd = openat(dir, "test", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640), keep;
	struct pcapng_writer *w = create(fd);
	char file[40];

	pcapng_set_dir(w, dir);
	for (size_t i = 0; i < names; i++)
		list[i] = (struct pcapng_name){ .family = AF_INET, .name = "some-name" };
	for (size_t i = 0; i < lines; i++)
		memcpy(keys + i * strlen(KEY), KEY, strlen(KEY));
	assert_int_equal(pcapng_write_names(w, list, names), 0);
	for (uint32_t i = 0; i < packets; i++)
		write_packet(w, i);
	pcapng_set_secrets(w, keys, lines * strlen(KEY));
	assert_int_equal(pcapng_write_stats(w, 0, &(struct pcapng_stats){ .received = 1 }), 0);
	assert_int_equal(pcapng_close(w, NULL), 0);
	snprintf(file, sizeof(file), "/proc/self/fd/%d/test", dir);
	keep = open(file, O_RDONLY | O_CLOEXEC);
	check_secrets(keep, keys, lines * strlen(KEY));
	check_packets(file, packets);
	close(keep);
}

static void test_secrets(void **state)
{
	static const uint32_t packets[] = { 0, 1, 100, 9000 };
	static const size_t names[] = { 0, 1, 165, 166, 400 };
	static const size_t lines[] = { 1, 90, 100, 103, 60000 };

	for (size_t i = 0; i < ARRAY_SIZE(packets); i++)
		for (size_t j = 0; j < ARRAY_SIZE(names); j++) {
			size_t n = lines[(i + j) % ARRAY_SIZE(lines)];

			check_insertion(dirs[0], packets[i], names[j], n);
			check_insertion(dirs[1], packets[i], names[j], n);
		}
}

/* Who reads in the file as it was can do so to its end, and nobody's file is written over. */
static void test_replaced(void **state)
{
	for (int moved = 0; moved < 2; moved++) {
		int fd = openat(dirs[0], "test", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
		int reader = openat(dirs[0], "test", O_RDONLY | O_CLOEXEC);
		_cleanup_err_ struct err err = { 0 };
		struct pcapng_writer *w = create(fd);
		struct stat before, old, now;
		char file[40];

		pcapng_set_dir(w, dirs[0]);
		write_packet(w, 0);
		pcapng_set_secrets(w, KEY, strlen(KEY));
		assert_int_equal(pcapng_flush(w), 0);
		assert_int_equal(fstat(reader, &before), 0);
		assert_int_equal(flock(reader, LOCK_SH), 0);
		if (moved) {
			assert_int_equal(renameat(dirs[0], "test", dirs[0], "moved"), 0);
			close(openat(dirs[0], "test", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
		}
		assert_int_equal(pcapng_close(w, &err), moved ? -ESTALE : 0);
		snprintf(file, sizeof(file), "/proc/self/fd/%d", reader);
		check_packets(file, 1);
		assert_int_equal(fstat(reader, &old), 0);
		assert_int_equal(old.st_size, before.st_size);
		assert_int_equal(fstatat(dirs[0], "test", &now, 0), 0);
		assert_true(now.st_ino != old.st_ino);
		assert_int_equal(now.st_size > old.st_size, !moved);
		if (!moved) {
			check_packets(path, 1);
			assert_int_equal(now.st_mode & 07777, before.st_mode & 07777);
		}
		assert_int_equal(faccessat(dirs[0], ".test.new", F_OK, 0), -1);
		close(reader);
	}
}

/* Killed as soon as the new file is there: the old one is read as if nothing had been. */
static void test_killed(void **state)
{
	enum { MANY = 60000 };
	int watch = inotify_init1(IN_CLOEXEC);
	char events[4096] = "", file[60];
	pid_t child;

	snprintf(file, sizeof(file), "%s/test", folders[1]);
	assert_true(inotify_add_watch(watch, folders[1], IN_CREATE) >= 0);
	child = fork();
	if (child == 0) {
		int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		struct pcapng_writer *w = create(fd);

		for (uint32_t i = 0; i < MANY; i++)
			write_packet(w, i);
		pcapng_flush(w);
		pcapng_set_dir(w, dirs[1]);
		pcapng_set_secrets(w, KEY, strlen(KEY));
		pcapng_close(w, NULL);
		_exit(0);
	}
	do {
		assert_true(read(watch, events, sizeof(events)) > 0);
	} while (!memmem(events, sizeof(events), ".test.new", 10));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	check_packets(file, MANY);
	close(watch);
}

static void test_no_secrets(void **state)
{
	struct pcapng_writer *w = create_here();
	struct stat st;

	write_packet(w, 0);
	pcapng_set_secrets(w, NULL, 0);
	assert_int_equal(pcapng_close(w, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size < 300);
}

/*
 * The file is as large as it may be: it stays as it is, and closing it says so. In memory, for a
 * limit does not keep a file system from inserting blocks.
 */
static void test_no_room_for_secrets(void **state)
{
	_cleanup_err_ struct err err = { 0 };
	int keep, fd = openat(dirs[1], "test", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	struct pcapng_writer *w = create(fd);
	struct stat before, after;
	struct rlimit old, new;
	char file[60];

	snprintf(file, sizeof(file), "%s/test", folders[1]);
	keep = open(file, O_RDONLY | O_CLOEXEC);
	pcapng_set_dir(w, dirs[1]);
	for (uint32_t i = 0; i < 100; i++)
		write_packet(w, i);
	assert_int_equal(pcapng_flush(w), 0);
	pcapng_set_secrets(w, KEY, strlen(KEY));
	assert_int_equal(fstat(keep, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	new = old;
	new.rlim_cur = (rlim_t)before.st_size + 100;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &new), 0);
	assert_int_equal(pcapng_close(w, &err), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(err.n, 1);
	assert_non_null(strstr(err.items[0].msg, "TLS secrets"));
	assert_int_equal(err_exit(&err), 4); /* an integrity check failed */
	assert_int_equal(fstat(keep, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	check_packets(file, 100);
	assert_int_equal(faccessat(dirs[1], ".test.new", F_OK, 0), -1);
	close(keep);
}

/* What programs wrote is not believed. */
static void test_clean_secrets(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "" },
		{ KEY, KEY },
		{ KEY KEY, KEY KEY },
		{ "# comment\n" KEY "\n", KEY },
		{ KEY "CLIENT_RANDOM 01 02", KEY }, /* still being written */
		{ "CLIENT_RANDOM 01\n" KEY, KEY },
		{ "CLIENT_RANDOM  01 02\n", "" },
		{ "CLIENT_RANDOM 01 02 03\n", "" },
		{ "CLIENT_RANDOM 0g 02\n", "" },
		{ "client_random 01 02\n", "" },
		{ " CLIENT_RANDOM 01 02\n", "" },
		{ "CLIENT_RANDOM 01 02\r\n", "" },
		{ "SERVER_TRAFFIC_SECRET_0 aB 9f\n", "SERVER_TRAFFIC_SECRET_0 aB 9f\n" },
		{ "\n\n\n", "" },
		{ " ", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = strdup(rows[i].text);
		size_t n = secrets_clean(text, strlen(text));

		assert_int_equal(n, strlen(rows[i].want));
		assert_memory_equal(text, rows[i].want, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interface),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_no_secrets),
		cmocka_unit_test(test_no_room_for_secrets),
		cmocka_unit_test(test_clean_secrets),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
