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
	struct owner w = { .id = 8209, .pid = 812, .comm = "lftp" };
	struct owner kernel = { .id = 1, .kernel = true };
	struct flow flow = { .activity = &label };
	struct comment c;

	comment_make(&c, &net, &w, &flow, 0);
	assert_text(&c, "host=h1 pid=812 comm=lftp owner=8209 scenario=ftp/get activity=17");
	comment_make(&c, &net, &kernel, NULL, 0);
	assert_text(&c, "host=h1 kernel owner=1");
	comment_make(&c, &net, NULL, NULL, 0);
	assert_text(&c, "host=?");
	w.inferred = kernel.inferred = true;
	comment_make(&c, &net, &w, &flow, 0);
	assert_text(&c, "host=h1 pid=812 comm=lftp owner=8209 confidence=inferred scenario=ftp/get "
			"activity=17");
	comment_make(&c, &net, &kernel, NULL, 0);
	assert_text(&c, "host=h1 kernel owner=1 confidence=inferred");
}

static void a_name_of_junk_stays_one_line_of_text(void **state)
{
	struct owner w = { .id = 9, .pid = 1, .comm = "a\n\xff" "b" };
	struct comment c;

	comment_make(&c, &net, &w, NULL, 0);
	assert_text(&c, "host=h1 pid=1 comm=a \xef\xbf\xbd" "b owner=9");
}

static unsigned patched;

static int patch(void *arg, const struct comment_pos *pos, const char *text, size_t len)
{
	assert_int_equal(pos->at, 1000 + 100 * patched + strlen("host=h1 pid=9 comm=vsftpd owner=10"));
	assert_int_equal(len, 30);
	assert_memory_equal(text, " scenario=ftp/get activity=17 ", 30);
	patched++;
	return 0;
}

static void waits_with_room_for_the_activity(void **state)
{
	struct owner w = { .id = 10, .pid = 9, .comm = "vsftpd" };
	struct flow flow = { .scenario = "ftp" };
	struct comment c;

	assert_true(comment_may_wait(&flow));
	comment_make(&c, &net, &w, &flow, 30);
	assert_true(c.padded);
	assert_text(&c, "host=h1 pid=9 comm=vsftpd owner=10 scenario=ftp                 ");
	assert_int_equal(c.len, c.who_len + 30);
	for (unsigned i = 0; i < 1000; i++)
		comment_wait(&flow, &(struct comment_pos){ .at = 1000 + 100 * i }, &c);
	assert_false(comment_may_wait(&flow)); /* bounded */
	assert_int_equal(comment_complete(&flow, patch, NULL), 0);
	assert_int_equal(patched, 0);
	flow.activity = &label;
	assert_int_equal(comment_complete(&flow, patch, NULL), 0);
	assert_true(patched > 50 && !flow.pending);
	flow.activity = NULL;
	comment_forget(&flow);
	flow.activity = &label;
	assert_false(comment_may_wait(&flow));
}

static bool said(const char *text, struct comment_said *ret)
{
	return comment_read(text, strlen(text), ret);
}

static void reads_what_it_made(void **state)
{
	struct owner w = { .id = 8209, .pid = 812, .comm = "tmux: owner=7" };
	struct owner kernel = { .id = 1, .kernel = true };
	struct flow flow = { .activity = &label }, server = { .scenario = "ftp" };
	struct comment_said s;
	struct comment c;

	comment_make(&c, &net, &w, &flow, 0);
	assert_true(comment_read(c.text, c.len, &s));
	assert_string_equal(s.host, "h1");
	assert_string_equal(s.comm, "tmux: owner=7");
	assert_string_equal(s.scenario, "ftp");
	assert_string_equal(s.sub, "get");
	assert_true(s.pid == 812 && s.owner == 8209 && s.activity == 17 && !s.kernel);
	assert_null(s.confidence);
	comment_make(&c, &net, &kernel, &server, 40);
	assert_true(comment_read(c.text, c.len, &s));
	assert_true(s.kernel && s.owner == 1 && s.activity == 0 && s.pid == 0);
	assert_null(s.comm);
	assert_string_equal(s.scenario, "ftp");
	assert_null(s.sub);
	comment_make(&c, &net, NULL, &flow, 0);
	assert_true(comment_read(c.text, c.len, &s));
	assert_null(s.host);
	assert_true(s.owner == 0 && s.activity == 17);
}

static void reads_only_what_it_made(void **state)
{
	static const char *const others[] = {
		"", " ", "host", "host=", "host=h1", "host=h1 kernel", "my host=h1 kernel owner=1",
		"host=h1 pid=1 comm=a", "host=h1 pid=x comm=a owner=1", "host=h1 pid=1 owner=1",
		"host=h1 pid=1 comm=a owner=", "host=h1 pid=1 comm=a owner=1x",
		"host=h1 pid=1 comm=a owner=99999999999", "host=? activity=-1", "host=h1  owner=1",
	};
	struct comment_said s;
	char long_one[COMMENT_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (said(others[i], &s))
			fail_msg("'%s' was taken for ours", others[i]);
	memset(long_one, ' ', sizeof(long_one));
	memcpy(long_one, "host=? ", 7);
	assert_true(comment_read(long_one, COMMENT_MAX, &s));
	assert_false(comment_read(long_one, COMMENT_MAX + 1, &s));
	assert_false(comment_read("host=?\0", 7, &s));
	assert_true(said("host=h1 pid=1 comm= owner=1 confidence=inferred new=x", &s));
	assert_string_equal(s.comm, "");
	assert_string_equal(s.confidence, "inferred");
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
		cmocka_unit_test(reads_what_it_made),
		cmocka_unit_test(reads_only_what_it_made),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
