/* UTF-8: what is a character, and clean text made of any bytes. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/utf8.h"

#define BAD "\xef\xbf\xbd"

static void check(const char *s, const char *keep, const char *expected)
{
	char buf[128];

	assert_int_equal(utf8_clean(buf, sizeof(buf), s, keep), strlen(expected));
	assert_string_equal(buf, expected);
}

static void test_clean(void **state)
{
	check("", "", "");
	check("plain text", "", "plain text");
	check("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7", "",
	      "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7");
	check("a\nb\tc\rd\x01\x1f\x7f", "", "a b c d   ");
	check("a\nb\tc\rd", "\n\t", "a\nb\tc d");
	check("\xc2\x85|\xc2\x9f|\xc2\xa0", "", " | |\xc2\xa0"); /* C1, but not NBSP */
	check("\xff\x80 \xc3", "", BAD BAD " " BAD);
	check("\xc0\xaf", "", BAD BAD);		 /* overlong */
	check("\xed\xa0\x80", "", BAD BAD BAD);	 /* a surrogate */
	check("\xf4\x90\x80\x80", "", BAD BAD BAD BAD); /* over U+10FFFF */
	check("\xe2\x82", "", BAD BAD);		 /* cut inside a character */
}

static void test_room(void **state)
{
	char buf[8];

	assert_int_equal(utf8_clean(buf, 1, "abc", ""), 0);
	assert_string_equal(buf, "");
	assert_int_equal(utf8_clean(buf, 4, "abcdef", ""), 3);
	assert_string_equal(buf, "abc");
	/* a character that does not fit whole stays out */
	assert_int_equal(utf8_clean(buf, 4, "ab\xc3\xa9", ""), 2);
	assert_string_equal(buf, "ab");
	assert_int_equal(utf8_clean(buf, 5, "ab\xc3\xa9", ""), 4);
	assert_int_equal(utf8_clean(buf, 4, "ab\xff", ""), 2);
}

/* Every pair of bytes becomes text that is UTF-8 and that cleaning leaves as it is. */
static void test_every_pair(void **state)
{
	char s[3] = "", once[8], twice[8];

	for (int a = 1; a < 256; a++) {
		for (int b = 0; b < 256; b++) {
			size_t n, len;

			s[0] = (char)a;
			s[1] = (char)b;
			n = utf8_clean(once, sizeof(once), s, "");
			for (size_t i = 0; i < n; i += len) {
				len = utf8_len(once + i, n - i);
				assert_true(len > 0);
			}
			assert_int_equal(utf8_clean(twice, sizeof(twice), once, ""), n);
			assert_string_equal(once, twice);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_every_pair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
