/* topology.ini of a dataset can be read again, whatever values were drawn. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "core/tree.h"
#include "core/units.h"
#include "scenarios/engine/dataset.h"

#define TOPO \
	"[network]\nname = t\nseed = 3\nscenario_path = %s\n" \
	"[switch s1]\n[host h{1..2}]\nswitch = s1\n" \
	"[scenario texts]\nserver = h1\nclients = h2\n"

#define EURO10 "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac" \
	       "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"

static const char scenario[] =
	"[scenario]\ntitle = Texts\nclass = benign\n"
	"[server]\nstart = a.sh\nready = tcp/1\n"
	"[client]\n"
	"lines = text first line\n  second line\n  third line\n"
	"long = text x" EURO10 EURO10 EURO10 EURO10 "\n  " EURO10 EURO10 EURO10 EURO10 "\n"
	"[sub a]\nrun = a.sh\nexpect exit = 0\n";

static char folder[] = "/tmp/test_dataset.XXXXXX";
static int at = -1;

static void put(int dir, const char *name, const char *text)
{
	int fd = tree_create(dir, name, 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int setup(void **state)
{
	int dir;

	if (!mkdtemp(folder))
		return -1;
	at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = tree_make_dir(at, "texts");
	put(dir, "scenario.ini", scenario);
	put(dir, "a.sh", "#!/bin/sh -eu\n");
	close(dir);
	return at < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	close(at);
	return tree_remove(AT_FDCWD, folder);
}

static void must(int r, struct err *err)
{
	_cleanup_free_ char *text = err_text(err);

	if (r)
		fail_msg("%d: %s", r, text);
}

static void test_read_again(void **state)
{
	struct topo_section rows[USE_SECTIONS];
	_cleanup_err_ struct err err = { 0 };
	_cleanup_uses_ struct uses uses;
	_cleanup_plan_ struct plan plan = { 0 };
	_cleanup_net_ struct net net = { 0 }, again = { 0 };
	_cleanup_free_ char *text = NULL, *path = NULL;
	struct changes changes = { 0 };
	struct dataset d = { .out = folder, .out_fd = at, .net = &net, .uses = &uses,
			     .plan = &plan, .changes = &changes };
	char written[8192] = "";
	int fd;

	uses_init(&uses);
	use_sections(&uses, rows);
	assert_true(asprintf(&text, TOPO, folder) > 0);
	must(topo_load_mem("t.ini", text, strlen(text), NULL, rows, USE_SECTIONS, &net, &err),
	     &err);
	must(plan_make(&uses, &net, NSEC_PER_SEC, &plan, &err), &err);
	must(dataset_write_topology(&d, &err), &err);
	assert_true(asprintf(&path, "%s/topology.ini", folder) > 0);
	must(run_check(path, NULL, &again, NULL, &err), &err);
	assert_int_equal(again.n_nodes, net.n_nodes);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, written, sizeof(written) - 1) > 0);
	close(fd);
	assert_non_null(strstr(written, "\n; texts/h2/lines = first line second line third line\n"));
	assert_non_null(strstr(written, "\n; texts/h2/long = x" EURO10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_again),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
