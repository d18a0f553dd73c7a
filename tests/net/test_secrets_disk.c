/*
 * TLS secrets that a full disk has no room for: the capture stays as it was, on a file system that
 * can insert blocks into a file.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "capture/file/pcapng.h"
#include "core/tree.h"

#define KEY	"CLIENT_RANDOM 0123456789abcdef 00112233\n"
#define LINES	5000
#define PACKETS 1000

static char folder[] = "/tmp/test_secrets_disk.XXXXXX";
static char *disk; /* a small ext4 */
static bool mounted;

/* In a mount namespace of its own, so it goes with the test. */
static int setup(void **state)
{
	_cleanup_free_ char *make = NULL;

	if (!mkdtemp(folder) || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    asprintf(&disk, "%s/disk", folder) < 0 ||
	    asprintf(&make, "cd %s && PATH=$PATH:/usr/sbin:/sbin && mkdir disk && "
		     "truncate -s 24M image && mkfs.ext4 -q image && mount -o loop image disk",
		     folder) < 0)
		return -1;
	mounted = system(make) == 0;
	return 0;
}

static int teardown(void **state)
{
	if (mounted && umount2(disk, MNT_DETACH) < 0)
		return -1;
	free(disk);
	return tree_remove(AT_FDCWD, folder);
}

static void need_disk(void)
{
	if (mounted)
		return;
	print_message("no file can be mounted here as ext4 (no loop devices or no mkfs.ext4)\n");
	skip();
}

static char *content(const char *path, size_t *ret_len)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *data;

	assert_int_equal(fstat(fd, &st), 0);
	*ret_len = (size_t)st.st_size;
	data = malloc(*ret_len);
	assert_int_equal(read(fd, data, *ret_len), st.st_size);
	return data;
}

static void fill_disk(const char *path)
{
	static const char zeros[4096];
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	while (write(fd, zeros, sizeof(zeros)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(fsync(fd), 0);
}

static struct pcapng_writer *write_packets(const char *path)
{
	const struct pcapng_iface_info info = { .name = "h1:h1-eth0" };
	static const uint8_t bytes[500];
	struct pcapng_packet p = { .caplen = sizeof(bytes), .len = sizeof(bytes), .data = bytes };
	struct pcapng_writer *w;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(pcapng_create(fd, "capture", NULL, NULL, NULL, &w, NULL), 0);
	assert_int_equal(pcapng_add_iface(w, &info), 0);
	for (p.ts = 0; p.ts < PACKETS; p.ts++)
		assert_int_equal(pcapng_write(w, &p, NULL), 0);
	assert_int_equal(pcapng_flush(w), 0);
	return w;
}

static void check_packets(const char *path)
{
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_reader *r;
	struct pcapng_packet p;

	assert_int_equal(pcapng_open(path, &r, &err), 0);
	for (int64_t i = 0; i < PACKETS; i++) {
		assert_int_equal(pcapng_next(r, &p, &err), 1);
		assert_int_equal(p.ts, i);
	}
	assert_int_equal(pcapng_next(r, &p, &err), 0);
	pcapng_reader_close(r);
}

static void a_full_disk_leaves_the_capture(void **state)
{
	_cleanup_free_ char *path = NULL, *filler = NULL, *keys = NULL;
	_cleanup_free_ char *before = NULL, *after = NULL;
	_cleanup_err_ struct err err = { 0 };
	size_t before_len, after_len;
	struct pcapng_writer *w;

	need_disk();
	keys = malloc(LINES * strlen(KEY) + 1);
	for (size_t i = 0; i < LINES; i++)
		strcpy(keys + i * strlen(KEY), KEY);
	assert_true(asprintf(&path, "%s/capture", disk) > 0);
	assert_true(asprintf(&filler, "%s/filler", disk) > 0);

	w = write_packets(path);
	fill_disk(filler);
	before = content(path, &before_len);
	pcapng_set_secrets(w, keys, strlen(keys));
	assert_int_equal(pcapng_close(w, &err), -ENOSPC);
	assert_int_equal(err_exit(&err), 4);
	assert_non_null(strstr(err.items[0].msg, "all its packets are there"));
	after = content(path, &after_len);
	assert_int_equal(after_len, before_len);
	assert_memory_equal(after, before, before_len);
	check_packets(path);

	/* With room it inserts, for it has no folder to put another file into. */
	assert_int_equal(unlink(filler), 0);
	w = write_packets(path);
	pcapng_set_secrets(w, keys, strlen(keys));
	assert_int_equal(pcapng_close(w, NULL), 0);
	check_packets(path);
	free(after);
	after = content(path, &after_len);
	assert_non_null(memmem(after, after_len, keys, strlen(keys)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk_leaves_the_capture),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
