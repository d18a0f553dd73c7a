/* TLS secrets are read out of hosts, whatever root in a host puts in their place. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/net/host_fixture.h"
#include "capture/secrets.h"

#define KEY "CLIENT_RANDOM 0123 4567\n"

struct gathered {
	char text[1000];
	size_t len;
	unsigned times;
};

static int gather(void *arg, const char *keys, size_t len)
{
	struct gathered *g = arg;

	assert_in_range(len, 1, sizeof(g->text) - g->len);
	memcpy(g->text + g->len, keys, len);
	g->len += len;
	g->times++;
	return 0;
}

static int fail_at_once(void *arg, const char *keys, size_t len)
{
	return -EMSGSIZE;
}

static void put(uint32_t node, const char *how)
{
	char out[4096], script[4096];

	snprintf(script, sizeof(script), "rm -rf %s; %s", SECRETS_FILE, how);
	if (sh_in(node, script, out, sizeof(out)))
		fail_msg("%s: %s", how, out);
}

static void expect(const char *want)
{
	struct gathered g = { .len = 0 };

	assert_int_equal(secrets_read(fx.emu, gather, &g), 0);
	assert_int_equal(g.len, strlen(want));
	assert_memory_equal(g.text, want, g.len);
}

static void test_hosts_secrets(void **state)
{
	struct gathered g = { .len = 0 };

	expect(""); /* no host has run anything yet */
	put(H1, "printf 'CLIENT_RANDOM 0123 4567\\n' >" SECRETS_FILE);
	expect(KEY);
	put(H2, "printf 'junk\\nCLIENT_RANDOM 0123 4567\\nCLIENT_' >" SECRETS_FILE);
	expect(KEY KEY);
	assert_int_equal(secrets_read(fx.emu, gather, &g), 0);
	assert_int_equal(g.times, 2);
	assert_int_equal(secrets_read(fx.emu, fail_at_once, NULL), -EMSGSIZE);
	/* One that wrote too much does not cost the others theirs. */
	put(H1, "truncate -s 17M " SECRETS_FILE);
	g.len = 0;
	assert_int_equal(secrets_read(fx.emu, gather, &g), -EFBIG);
	assert_int_equal(g.len, strlen(KEY));
	put(H1, "true");
	put(H2, "true");
	expect("");
}

/* The machine's own file of such lines; a host's root names it by links of all kinds. */
static void test_what_is_no_file_of_the_host(void **state)
{
	static const char *const kinds[] = {
		"ln -s $1 $2", "ln -s ../../../../../../../..$1 $2", "ln -s /proc/1/root$1 $2",
		"mkfifo $2", "mkdir $2", "mknod $2 c 1 5 || true",
	};
	char path[] = "/tmp/test_secrets.XXXXXX", how[400];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, KEY, strlen(KEY)), (ssize_t)strlen(KEY));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(how, sizeof(how), "set -- %s %s; %s", path, SECRETS_FILE, kinds[i]);
		put(H3, how);
		expect("");
	}
	close(fd);
	unlink(path);
}

static int setup(void **state)
{
	return fixture_up();
}

static int teardown(void **state)
{
	return fixture_down();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts_secrets),
		cmocka_unit_test(test_what_is_no_file_of_the_host),
	};

	if (!strcmp(argv[0], INIT_ARGV0))
		return init_main(argc, argv);
	return cmocka_run_group_tests(tests, setup, teardown);
}
