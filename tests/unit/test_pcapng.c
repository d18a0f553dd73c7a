/*
 * pcapng: what is written reads back; both byte orders; classic pcap; a full disk; hostile
 * files.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <byteswap.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "capture/file/pcapng.h"
#include "core/rng.h"

static char path[] = "/tmp/test_pcapng.XXXXXX";

static int setup(void **state)
{
	int fd = mkstemp(path);

	return fd < 0 ? -1 : close(fd);
}

static int new_file(void)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static int teardown(void **state)
{
	return unlink(path);
}

/* A packet of n bytes, told apart by its number. */
static const uint8_t *bytes(unsigned number, unsigned n)
{
	static uint8_t d[2048];

	for (unsigned i = 0; i < n; i++)
		d[i] = (uint8_t)(number + i);
	return d;
}

static int new_iface(struct pcapng_writer *w, const char *name, const char *descr, uint32_t snaplen)
{
	const struct pcapng_iface_info info = { .name = name, .descr = descr, .snaplen = snaplen };

	return pcapng_add_iface(w, &info);
}

static void check_round_trip(struct pcapng_reader *r)
{
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_packet p;

	for (unsigned i = 0; i < 100; i++) {
		char comment[32];

		assert_int_equal(pcapng_next(r, &p, &err), 1);
		assert_int_equal(p.iface, i % 2);
		assert_true(p.ts == 1700000000123456789ll + i);
		assert_int_equal(p.dir, i % 3);
		assert_true(p.id == (i % 5 ? UINT64_MAX - i : 0));
		assert_int_equal(p.caplen, i);
		assert_int_equal(p.len, i + 7);
		assert_memory_equal(p.data, bytes(i, i), i);
		snprintf(comment, sizeof(comment), "host=h%u", i);
		if (i % 4) {
			assert_int_equal(p.comment_len, strlen(comment));
			assert_memory_equal(p.comment, comment, p.comment_len);
		} else {
			assert_null(p.comment);
		}
	}
	assert_int_equal(pcapng_next(r, &p, &err), 0);
	assert_int_equal(pcapng_next(r, &p, &err), 0);
	assert_string_equal(pcapng_iface(r, 0)->name, "h1-eth0");
	assert_string_equal(pcapng_iface(r, 1)->descr, "the other");
	assert_int_equal(pcapng_iface(r, 1)->snaplen, 96);
	assert_int_equal(pcapng_iface(r, 0)->linktype, 1);
	assert_null(pcapng_iface(r, 2));
	assert_int_equal(err.n, 0);
}

static void test_round_trip(void **state)
{
	const struct pcapng_stats stats = { .start = 1, .end = 2, .received = 50, .dropped = 3 };
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_writer *w;
	struct pcapng_reader *r;

	assert_int_equal(pcapng_create(new_file(), path, "Linux", "test", "a comment", &w, &err), 0);
	assert_int_equal(new_iface(w, "h1-eth0", NULL, 65536), 0);
	assert_int_equal(new_iface(w, "h2-eth0", "the other", 96), 1);
	for (unsigned i = 0; i < 100; i++) {
		char comment[32];
		struct pcapng_packet p = {
			.iface = i % 2, .ts = 1700000000123456789ll + i, .dir = i % 3, .caplen = i,
			.len = i + 7, .data = bytes(i, i), .comment = i % 4 ? comment : NULL,
			.id = i % 5 ? UINT64_MAX - i : 0,
		};

		p.comment_len = (size_t)snprintf(comment, sizeof(comment), "host=h%u", i);
		assert_int_equal(pcapng_write(w, &p, NULL), 0);
	}
	assert_int_equal(pcapng_write_stats(w, 1, &stats), 0);
	assert_int_equal(pcapng_write_stats(w, 2, &stats), -EINVAL);
	assert_int_equal(pcapng_close(w, &err), 0);
	assert_int_equal(pcapng_open(path, &r, &err), 0);
	check_round_trip(r);
	pcapng_reader_close(r);
}

static struct pcapng_writer *create(void)
{
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_writer *w;

	assert_int_equal(pcapng_create(new_file(), path, NULL, NULL, NULL, &w, &err), 0);
	assert_int_equal(new_iface(w, "a", NULL, 0), 0);
	return w;
}

static uint64_t write_one(struct pcapng_writer *w, const char *comment)
{
	struct pcapng_packet p = { .caplen = 3, .len = 3, .data = bytes(1, 3),
				   .comment = comment, .comment_len = strlen(comment) };
	uint64_t pos = 0;

	assert_int_equal(pcapng_write(w, &p, &pos), 0);
	return pos;
}

static void test_comments_completed_later(void **state)
{
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_writer *w = create();
	struct pcapng_reader *r;
	struct pcapng_packet p;
	uint64_t a, b;

	a = write_one(w, "activity=????");
	assert_int_equal(pcapng_flush(w), 0);
	b = write_one(w, "activity=????");
	assert_int_equal(pcapng_patch_comment(w, a, "activity=0001", 13), 0);
	assert_int_equal(pcapng_patch_comment(w, b, "activity=0002", 13), 0);
	assert_int_equal(pcapng_patch_comment(w, PCAPNG_NO_POS, "x", 1), -EINVAL);
	assert_int_equal(pcapng_patch_comment(w, b + 1000, "x", 1), -EINVAL);
	assert_int_equal(pcapng_close(w, &err), 0);
	assert_int_equal(pcapng_open(path, &r, &err), 0);
	assert_int_equal(pcapng_next(r, &p, &err), 1);
	assert_memory_equal(p.comment, "activity=0001", 13);
	assert_int_equal(pcapng_next(r, &p, &err), 1);
	assert_memory_equal(p.comment, "activity=0002", 13);
	pcapng_reader_close(r);
}

static void test_refused_packets(void **state)
{
	struct pcapng_writer *w = create();
	struct pcapng_packet p = { .iface = 1 };
	char big[70000] = "";

	assert_int_equal(pcapng_write(w, &p, NULL), -EINVAL);
	p = (struct pcapng_packet){ .comment = big, .comment_len = sizeof(big) };
	assert_int_equal(pcapng_write(w, &p, NULL), -EINVAL);
	assert_int_equal(pcapng_close(w, NULL), 0);
}

static void test_packet_larger_than_the_buffer(void **state)
{
	_cleanup_err_ struct err err = { 0 };
	_cleanup_free_ uint8_t *data = calloc(1, 9 << 20);
	struct pcapng_writer *w = create();
	struct pcapng_packet p = { .caplen = 9 << 20, .len = 9 << 20, .data = data };
	struct pcapng_reader *r;

	assert_int_equal(pcapng_write(w, &p, NULL), 0);
	write_one(w, "behind");
	assert_int_equal(pcapng_close(w, &err), 0);
	assert_int_equal(pcapng_open(path, &r, &err), 0);
	assert_int_equal(pcapng_next(r, &p, &err), 1);
	assert_int_equal(p.caplen, 9 << 20);
	assert_int_equal(pcapng_next(r, &p, &err), 1);
	assert_int_equal(p.comment_len, 6);
	assert_int_equal(pcapng_next(r, &p, &err), 0);
	pcapng_reader_close(r);
}

/*
 * A limit on the size of files does what a full disk does: the write that meets it is a short
 * one.
 */
static void test_full_disk(void **state)
{
	const rlim_t limit = (6 << 20) + 13;
	struct rlimit old, new;
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_packet p = { .caplen = 1001, .len = 1001, .data = bytes(0, 1001),
				   .comment = "xy", .comment_len = 2 };
	struct pcapng_writer *w = create();
	struct pcapng_reader *r;
	uint64_t pos = 0, first = 0;
	unsigned n = 0, found = 0;
	struct stat st;
	int e;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	new = old;
	new.rlim_cur = limit;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &new), 0);
	while (!(e = pcapng_write(w, &p, &pos)) && n < 100000) {
		if (!n++)
			first = pos;
	}
	assert_int_equal(e, -EFBIG);
	assert_int_equal(pcapng_write(w, &p, NULL), -EFBIG);
	assert_int_equal(pcapng_flush(w), -EFBIG);
	assert_int_equal(pcapng_patch_comment(w, pos, "ab", 2), -EFBIG);
	assert_int_equal(pcapng_patch_comment(w, first, "ab", 2), 0);
	assert_int_equal(pcapng_close(w, &err), -EFBIG);
	assert_int_equal(err.n, 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);

	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, limit - 1100, limit);
	assert_int_equal(pcapng_open(path, &r, &err), 0);
	while ((e = pcapng_next(r, &p, &err)) > 0) {
		assert_memory_equal(p.comment, found ? "xy" : "ab", 2);
		found++;
	}
	assert_int_equal(e, 0);
	assert_in_range(found, 5800, 6300);
	pcapng_reader_close(r);
}

static void test_open_fails(void **state)
{
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_reader *r;

	assert_int_equal(pcapng_open("/nowhere/x", &r, &err), -ENOENT);
	assert_int_equal(err.n, 1);
	assert_non_null(strstr(err.items[0].msg, "/nowhere/x"));
}

/* Files put together by hand, in either byte order. */
struct blob {
	uint8_t d[4096];
	size_t n;
	bool swapped;
};

static void add16(struct blob *b, uint16_t v)
{
	v = b->swapped ? bswap_16(v) : v;
	memcpy(b->d + b->n, &v, 2);
	b->n += 2;
}

static void add32(struct blob *b, uint32_t v)
{
	v = b->swapped ? bswap_32(v) : v;
	memcpy(b->d + b->n, &v, 4);
	b->n += 4;
}

static void add_text(struct blob *b, const char *s)
{
	memcpy(b->d + b->n, s, strlen(s));
	b->n += (strlen(s) + 3) & ~(size_t)3;
}

static size_t begin(struct blob *b, uint32_t type)
{
	size_t at = b->n;

	add32(b, type);
	add32(b, 0);
	return at;
}

static void end(struct blob *b, size_t at)
{
	uint32_t total = (uint32_t)(b->n + 4 - at);
	size_t n;

	add32(b, total);
	n = b->n;
	b->n = at + 4;
	add32(b, total);
	b->n = n;
}

static void add_section(struct blob *b)
{
	size_t at = begin(b, 0x0a0d0d0a);

	add32(b, 0x1a2b3c4d);
	add16(b, 1);
	add16(b, 0);
	add32(b, UINT32_MAX);
	add32(b, UINT32_MAX);
	end(b, at);
}

static void add_iface(struct blob *b, int tsresol, int64_t offset)
{
	size_t at = begin(b, 1);

	add16(b, 1);
	add16(b, 0);
	add32(b, 8);
	if (tsresol >= 0) {
		add16(b, 9);
		add16(b, 1);
		b->d[b->n] = (uint8_t)tsresol;
		b->n += 4;
	}
	if (offset) {
		uint64_t v = b->swapped ? bswap_64((uint64_t)offset) : (uint64_t)offset;

		add16(b, 14);
		add16(b, 8);
		memcpy(b->d + b->n, &v, 8);
		b->n += 8;
	}
	end(b, at);
}

static void add_packet(struct blob *b, uint32_t iface, uint64_t ticks, const char *text)
{
	size_t at = begin(b, 6);

	add32(b, iface);
	add32(b, (uint32_t)(ticks >> 32));
	add32(b, (uint32_t)ticks);
	add32(b, (uint32_t)strlen(text));
	add32(b, (uint32_t)strlen(text));
	add_text(b, text);
	end(b, at);
}

static void fill_sample(struct blob *b)
{
	size_t at;

	add_section(b);
	add_iface(b, -1, 0);		/* microseconds */
	add_iface(b, 9, 0);
	add_iface(b, 3, 1000);		/* milliseconds and an offset */
	add_iface(b, 0x80 | 10, -1);	/* 2^-10 s */
	add_iface(b, 12, 0);		/* picoseconds */
	add_packet(b, 0, 5, "a");
	add_packet(b, 1, 0x100000005, "bc");
	add_packet(b, 2, 7, "def");
	add_packet(b, 3, 2048 + 512, "ghij");
	add_packet(b, 4, 5999, "k");
	at = begin(b, 0x0bad); /* unknown: passed over */
	add_text(b, "whatever");
	end(b, at);
	at = begin(b, 3); /* simple: of the first interface, cut to its 8 bytes */
	add32(b, 10);
	add_text(b, "12345678");
	end(b, at);
	at = begin(b, 2); /* obsolete */
	add16(b, 1);
	add16(b, 9);
	add32(b, 0);
	add32(b, 77);
	add32(b, 3);
	add32(b, 3);
	add_text(b, "old");
	end(b, at);
}

static void check_sample(struct pcapng_reader *r, uint32_t first)
{
	static const struct {
		uint32_t iface;
		int64_t ts;
		const char *text;
	} want[] = {
		{ 0, 5000, "a" },    { 1, 0x100000005, "bc" },	{ 2, 1000007000000, "def" },
		{ 3, 1500000000, "ghij" }, { 4, 5, "k" },	{ 0, 0, "12345678" },
		{ 1, 77, "old" },
	};
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_packet p;

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_int_equal(pcapng_next(r, &p, &err), 1);
		assert_int_equal(p.iface, first + want[i].iface);
		assert_true(p.ts == want[i].ts);
		assert_int_equal(p.caplen, strlen(want[i].text));
		assert_memory_equal(p.data, want[i].text, p.caplen);
	}
}

static void test_both_byte_orders(void **state)
{
	_cleanup_err_ struct err err = { 0 };
	struct pcapng_reader *r;
	struct pcapng_packet p;
	struct blob b = { .swapped = false };

	fill_sample(&b);
	b.swapped = true; /* a second section, of the other order */
	fill_sample(&b);
	assert_int_equal(pcapng_open_mem(b.d, b.n, &r, &err), 0);
	check_sample(r, 0);
	check_sample(r, 5);
	assert_int_equal(pcapng_next(r, &p, &err), 0);
	assert_non_null(pcapng_iface(r, 9));
	pcapng_reader_close(r);
}

static void test_classic_pcap(void **state)
{
	static const struct {
		uint32_t magic;
		int64_t ns;
		bool modified;
	} kinds[] = { { 0xa1b2c3d4, 1000, false }, { 0xa1b23c4d, 1, false },
		      { 0xa1b2cd34, 1000, true } };

	for (int k = 0; k < 6; k++) {
		_cleanup_err_ struct err err = { 0 };
		struct blob b = { .swapped = k >= 3 };
		struct pcapng_reader *r;
		struct pcapng_packet p;

		add32(&b, kinds[k % 3].magic);
		add16(&b, 2);
		add16(&b, 4);
		add32(&b, 0);
		add32(&b, 0);
		add32(&b, 65535);
		add32(&b, 0x10000001); /* Ethernet, with a frame check sequence */
		for (uint32_t i = 0; i < 3; i++) {
			add32(&b, 1700000000);
			add32(&b, i);
			add32(&b, 4);
			add32(&b, 60);
			if (kinds[k % 3].modified)
				b.n += 8;
			add_text(&b, "wxyz");
		}
		assert_int_equal(pcapng_open_mem(b.d, b.n, &r, &err), 0);
		assert_int_equal(pcapng_iface(r, 0)->linktype, 1);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(pcapng_next(r, &p, &err), 1);
			assert_true(p.ts == 1700000000000000000ll + i * kinds[k % 3].ns);
			assert_int_equal(p.len, 60);
			assert_memory_equal(p.data, "wxyz", 4);
		}
		assert_int_equal(pcapng_next(r, &p, &err), 0);
		pcapng_reader_close(r);
	}
}

/* Reads to the end, in a block of its own size; what pcapng_next() said last. */
static int read_all(const uint8_t *d, size_t n)
{
	_cleanup_free_ uint8_t *copy = malloc(n ? n : 1);
	_cleanup_err_ struct err err = { 0 };
	volatile unsigned char sum = 0; /* every byte is touched */
	struct pcapng_reader *r;
	struct pcapng_packet p;
	int e;

	memcpy(copy, d, n);
	e = pcapng_open_mem(copy, n, &r, &err);
	if (e) {
		assert_int_equal(err.n, 1);
		return e;
	}
	while ((e = pcapng_next(r, &p, &err)) > 0) {
		for (uint32_t i = 0; i < p.caplen; i++)
			sum ^= p.data[i];
		for (size_t i = 0; i < p.comment_len; i++)
			sum ^= (unsigned char)p.comment[i];
		assert_non_null(pcapng_iface(r, p.iface));
	}
	assert_true(e == 0 || (e == -EINVAL && err.n == 1));
	pcapng_reader_close(r);
	return e;
}

static void test_every_cut(void **state)
{
	struct blob b = { .swapped = true };
	unsigned whole = 0;

	fill_sample(&b);
	for (size_t n = 0; n <= b.n; n++)
		whole += read_all(b.d, n) == 0;
	assert_int_equal(whole, 14); /* behind each of the blocks and nowhere else */
}

static void test_junk(void **state)
{
	struct rng r;

	rng_open(&r, 1, "pcapng/junk");
	for (int i = 0; i < 20000; i++) {
		struct blob b = { .swapped = i & 1 };

		fill_sample(&b);
		for (uint64_t n = 1 + rng_below(&r, 6); n; n--)
			b.d[rng_below(&r, b.n)] =
				(uint8_t)(rng_below(&r, 2) ? rng_u64(&r) : 0xff);
		read_all(b.d, b.n);
	}
}

static void test_not_a_capture(void **state)
{
	static const char *const texts[] = { "", "a", "abc", "hello, world: no capture", };
	struct blob b = { .swapped = false };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(read_all((const uint8_t *)texts[i], strlen(texts[i])), -EINVAL);
	add_section(&b);
	add_iface(&b, 60, 0); /* 10^-60 s */
	assert_int_equal(read_all(b.d, b.n), -EINVAL);
	b.n = 0;
	add_section(&b);
	add_packet(&b, 0, 1, "no interface");
	assert_int_equal(read_all(b.d, b.n), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_comments_completed_later),
		cmocka_unit_test(test_refused_packets),
		cmocka_unit_test(test_packet_larger_than_the_buffer),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_open_fails),
		cmocka_unit_test(test_both_byte_orders),
		cmocka_unit_test(test_classic_pcap),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_junk),
		cmocka_unit_test(test_not_a_capture),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
