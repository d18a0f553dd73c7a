/* What a reader of pcapng must not believe, and what it must tell apart: block by block. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "capture/file/pcapng.h"
#include "capture/file/pcapng_blocks.h"

struct blob {
	uint8_t *d;
	size_t n, size;
};

static void add(struct blob *b, const void *data, size_t n)
{
	size_t padded = (n + 3) & ~(size_t)3;

	if (b->n + padded > b->size) {
		b->size = 2 * (b->size + padded);
		b->d = realloc(b->d, b->size);
	}
	memset(b->d + b->n, 0, padded);
	memcpy(b->d + b->n, data, n);
	b->n += padded;
}

static void add32(struct blob *b, uint32_t v)
{
	add(b, &v, sizeof(v));
}

static void add_option(struct blob *b, uint16_t code, const void *data, uint16_t n)
{
	add32(b, code | (uint32_t)n << 16);
	add(b, data, n);
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
	uint32_t total;

	add32(b, 0);
	total = (uint32_t)(b->n - at);
	memcpy(b->d + at + 4, &total, 4);
	memcpy(b->d + b->n - 4, &total, 4);
}

static void add_section(struct blob *b)
{
	size_t at = begin(b, BLOCK_SHB);

	add32(b, BYTE_ORDER_MAGIC);
	add32(b, 1);
	add32(b, UINT32_MAX);
	add32(b, UINT32_MAX);
	end(b, at);
}

/* Of nanoseconds. */
static void add_iface(struct blob *b, const char *name, int64_t offset)
{
	size_t at = begin(b, BLOCK_IDB);

	add32(b, LINKTYPE_ETHERNET);
	add32(b, 0);
	add_option(b, OPT_IF_NAME, name, (uint16_t)strlen(name));
	add_option(b, OPT_IF_TSRESOL, "\x09", 1);
	if (offset)
		add_option(b, OPT_IF_TSOFFSET, &offset, sizeof(offset));
	end(b, at);
}

static void add_packet(struct blob *b, uint32_t ticks, const char *const *comments)
{
	size_t at = begin(b, BLOCK_EPB);

	add32(b, 0);
	add32(b, 0);
	add32(b, ticks);
	add32(b, 0);
	add32(b, 0);
	for (; comments && *comments; comments++)
		add_option(b, OPT_COMMENT, *comments, (uint16_t)strlen(*comments));
	end(b, at);
}

/* What the last call says. */
static int read_all(struct blob *b, struct err *err)
{
	struct pcapng_reader *r;
	struct pcapng_packet p;
	int e = pcapng_open_mem(b->d, b->n, &r, err);

	if (e < 0)
		return e;
	while ((e = pcapng_next(r, &p, err)) > 0)
		;
	pcapng_reader_close(r);
	return e;
}

static void expect_refused(struct blob *b, const char *why)
{
	_cleanup_err_ struct err err = { 0 };

	assert_int_equal(read_all(b, &err), -EINVAL);
	assert_int_equal(err.n, 1);
	assert_non_null(strstr(err.items[0].msg, why));
	free(b->d);
	*b = (struct blob){ NULL, 0, 0 };
}

static void the_offset_holds_at_tick_0(void **state)
{
	struct blob b = { NULL, 0, 0 };
	struct pcapng_reader *r;
	struct pcapng_packet p;

	add_section(&b);
	add_iface(&b, "a", 1700000000);
	add_packet(&b, 0, NULL);
	add_packet(&b, 1, NULL);
	assert_int_equal(pcapng_open_mem(b.d, b.n, &r, NULL), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pcapng_next(r, &p, NULL), 1);
		assert_true(p.ts == 1700000000000000000 + i);
	}
	pcapng_reader_close(r);
	free(b.d);
}

static void the_sender_is_found_among_comments(void **state)
{
	static const char *const rows[][4] = {
		{ "host=h1", NULL, NULL, "host=h1" },
		{ "mine", "host=h1", NULL, "host=h1" },
		{ "host=h1", "mine", NULL, "host=h1" },
		{ "host=h1", "host=h2", NULL, "host=h1" },
		{ "mine", "yours", NULL, "mine" },
		{ "", "host=h1", NULL, "host=h1" },
		{ "host", "", NULL, "host" },
	};
	struct blob b = { NULL, 0, 0 };
	struct pcapng_reader *r;
	struct pcapng_packet p;

	add_section(&b);
	add_iface(&b, "a", 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		add_packet(&b, 1, rows[i]);
	assert_int_equal(pcapng_open_mem(b.d, b.n, &r, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(pcapng_next(r, &p, NULL), 1);
		assert_int_equal(p.comment_len, strlen(rows[i][3]));
		assert_memory_equal(p.comment, rows[i][3], p.comment_len);
	}
	pcapng_reader_close(r);
	free(b.d);
}

static void sections_of_another_kind_are_refused(void **state)
{
	struct blob b = { NULL, 0, 0 };
	size_t at = begin(&b, BLOCK_SHB);

	add32(&b, BYTE_ORDER_MAGIC);
	end(&b, at);
	add_iface(&b, "a", 0);
	expect_refused(&b, "section header too short");
	add_section(&b);
	b.d[12] = 2;
	expect_refused(&b, "version");
	add_section(&b);
	b.d[14] = 2; /* a minor version */
	assert_int_equal(read_all(&b, NULL), 0);
	free(b.d);
}

static void what_stays_in_memory_has_limits(void **state)
{
	struct blob b = { NULL, 0, 0 };
	char *name = calloc(1, 65000);

	for (int i = 0; i < 65537; i++) {
		if (i % 1000 == 0)
			add_section(&b);
		add_iface(&b, "a", 0);
	}
	expect_refused(&b, "65536 interfaces");
	memset(name, 'x', 64999);
	add_section(&b);
	for (int i = 0; i < 1100; i++)
		add_iface(&b, name, 0);
	expect_refused(&b, "64 MiB of names");
	for (int i = 0; i < 1100; i++) {
		size_t at;

		add_section(&b);
		at = begin(&b, BLOCK_PROCESS);
		add32(&b, 1);
		add_option(&b, OPT_PROCESS_NAME, name, 64999);
		end(&b, at);
	}
	expect_refused(&b, "64 MiB of names");
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_offset_holds_at_tick_0),
		cmocka_unit_test(the_sender_is_found_among_comments),
		cmocka_unit_test(sections_of_another_kind_are_refused),
		cmocka_unit_test(what_stays_in_memory_has_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
