/* Packet comments: what they say, and that the second half can be put in later in place. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "capture/comment.h"

static const struct activity_label label = { .id = 17, .scenario = "ftp", .sub = "get",
					     .class = "benign" };

static struct net net;

static void assert_text(const struct comment *c, const char *text)
{
	assert_int_equal(c->len, strlen(text));
	assert_memory_equal(c->text, text, c->len);
}

static void names_process_and_activity(void **state)
{
	struct owner w = { .pid = 812, .comm = "lftp" }, kernel = { .kernel = true };
	struct flow flow = { .activity = &label };
	struct comment c;

	comment_make(&c, &net, &w, &flow, 0);
	assert_text(&c, "host=h1 pid=812 comm=lftp scenario=ftp/get activity=17");
	comment_make(&c, &net, &kernel, NULL, 0);
	assert_text(&c, "host=h1 kernel");
	comment_make(&c, &net, NULL, NULL, 0);
	assert_text(&c, "host=?");
}

static void a_name_of_junk_stays_one_line_of_text(void **state)
{
	struct owner w = { .pid = 1, .comm = "a\n\xff" "b" };
	struct comment c;

	comment_make(&c, &net, &w, NULL, 0);
	assert_text(&c, "host=h1 pid=1 comm=a \xef\xbf\xbd" "b");
}

static void waits_with_room_for_the_activity(void **state)
{
	struct owner w = { .pid = 9, .comm = "vsftpd" };
	struct flow flow = { .scenario = "ftp" };
	struct comment c;

	assert_true(comment_may_wait(&flow));
	comment_make(&c, &net, &w, &flow, 30);
	assert_true(c.padded);
	assert_text(&c, "host=h1 pid=9 comm=vsftpd scenario=ftp                 ");
	assert_int_equal(c.len, c.who_len + 30);
	for (int i = 0; i < 100; i++)
		comment_wait(&flow, 1000 + (uint64_t)i, &c);
	assert_false(comment_may_wait(&flow)); /* bounded */
	comment_forget(&flow);
	flow.activity = &label;
	assert_false(comment_may_wait(&flow));
}

static int set_up(void **state)
{
	net_init(&net);
	return net_add_node(&net, NODE_HOST, "h1", 1, NULL) < 0;
}

static int tear_down(void **state)
{
	net_free(&net);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_process_and_activity),
		cmocka_unit_test(a_name_of_junk_stays_one_line_of_text),
		cmocka_unit_test(waits_with_room_for_the_activity),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
