/*
 * A small network for tests of hosts: s1 with h1 (shared folder), h2 (none) and h3 (limits), a
 * cable from h2 to h3, and a way to run this test program itself inside a host, as a probe.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_HOST_FIXTURE_H
#define TESTS_HOST_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "emu/emu.h"
#include "emu/init.h"

#define PROBE "/run/probe" /* where the test program is in each host */

enum { S1, H1, H2, H3 };
#define H3_CPU	  0.2
#define H3_MEMORY (48 << 20)
#define H3_PIDS	  32

struct fixture {
	struct net net;
	struct loop *loop;
	struct emu *emu;
	char share[32];
	char self[4096];
};

static struct fixture fx;

static inline void fail_err(const struct err *err)
{
	char *text = err_text(err);

	print_error("%s", text);
	free(text);
	fail();
}

static inline int fixture_up(void)
{
	_cleanup_err_ struct err err = { 0 };
	struct emu_bind bind = { .source = fx.self, .path = PROBE };
	struct emu_opts opts = { .egress_bpf_fd = -1, .share_dir = fx.share, .binds = &bind,
				 .n_binds = 1 };
	ssize_t n = readlink("/proc/self/exe", fx.self, sizeof(fx.self) - 1);

	if (n < 0)
		return -1;
	fx.self[n] = '\0';
	strcpy(fx.share, "/tmp/detnet-test.XXXXXX");
	if (!mkdtemp(fx.share) || loop_new(&fx.loop) < 0)
		return -1;
	net_init(&fx.net);
	if (!fx.net.file)
		fx.net.file = strdup("-");
	if (net_add_node(&fx.net, NODE_SWITCH, "s1", 0, &err) != S1 ||
	    net_add_node(&fx.net, NODE_HOST, "h1", 0, &err) != H1 ||
	    net_add_node(&fx.net, NODE_HOST, "h2", 0, &err) != H2 ||
	    net_add_node(&fx.net, NODE_HOST, "h3", 0, &err) != H3)
		return -1;
	for (uint32_t h = H1; h <= H3; h++) {
		fx.net.nodes[h].share = h == H1;
		if (net_add_link(&fx.net, h, S1, 0, &err) < 0)
			return -1;
	}
	if (net_add_link(&fx.net, H2, H3, 0, &err) < 0)
		return -1;
	fx.net.nodes[H3].limits = (struct node_limits){ .cpu = H3_CPU, .memory = H3_MEMORY,
							.pids = H3_PIDS };
	if (net_finish(&fx.net, &err) < 0 || emu_up(&fx.net, &opts, fx.loop, &fx.emu, &err) < 0) {
		char *text = err_text(&err);

		print_error("%s", text);
		free(text);
		return -1;
	}
	return 0;
}

static inline int fixture_down(void)
{
	emu_down(fx.emu);
	loop_free(fx.loop);
	net_free(&fx.net);
	return rmdir(fx.share);
}

/* Runs argv in a host to its end; its standard output and error in out. Returns the wstatus. */
static inline int run_in(uint32_t node, char *const *argv, char *out, size_t size)
{
	_cleanup_err_ struct err err = { 0 };
	struct prog_spec spec = { .node = node, .argv = argv };
	int fds[2], wstatus = -1;
	ssize_t n, used = 0;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	spec.fd[0] = -1;
	spec.fd[1] = spec.fd[2] = fds[1];
	if (prog_run(fx.emu, &spec, &wstatus, &err) < 0)
		fail_err(&err);
	close(fds[1]);
	while ((n = read(fds[0], out + used, size - 1 - (size_t)used)) > 0)
		used += n;
	close(fds[0]);
	out[used] = '\0';
	return wstatus;
}

/* A shell script in a host; returns its exit code, or 128 and the signal. */
static inline int sh_in(uint32_t node, const char *script, char *out, size_t size)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	int w = run_in(node, argv, out, size);

	return WIFEXITED(w) ? WEXITSTATUS(w) : 128 + WTERMSIG(w);
}

static inline int probe_in(uint32_t node, const char *name, const char *arg, char *out, size_t size)
{
	char *argv[] = { (char *)PROBE, (char *)"probe", (char *)name, (char *)arg, NULL };
	int w = run_in(node, argv, out, size);

	return WIFEXITED(w) ? WEXITSTATUS(w) : 128 + WTERMSIG(w);
}

#endif
