/*
 * Build and teardown of N hosts on one switch, against the floor, in one run.
 *
 *     bench_build FLOOR [HOSTS [REPEATS]]      FLOOR is the program of floor.c
 *
 * The two take turns, each in a process of its own, and between turns the kernel finishes taking
 * the last one's namespaces down, so neither pays for the other. Medians and ratios are printed;
 * "returned" is what a user waits for, "drained" adds what the kernel does afterwards.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "core/units.h"
#include "emu/emu.h"
#include "tests/lib/leftover.h"

#define REPEATS_MAX 101
#define DRAIN_MS    60000

struct turn {
	double up, down, drained; /* ms */
};

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "bench_build: %s: %s\n", what,
		err && err->n ? err->items[0].msg : strerror(errno));
	exit(1);
}

static void make_model(struct net *net, int hosts)
{
	_cleanup_err_ struct err err = { 0 };
	char name[16];
	int i, s, h;

	net_init(net);
	s = net_add_node(net, NODE_SWITCH, "s1", 0, &err);
	for (i = 1; i <= hosts; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		h = net_add_node(net, NODE_HOST, name, 0, &err);
		if (s < 0 || h < 0 || net_add_link(net, h, s, 0, &err) < 0)
			die("model", &err);
	}
	if (net_finish(net, &err) < 0)
		die("model", &err);
}

static void run_detnet(int hosts, int out)
{
	struct emu_opts opts = { .egress_bpf_fd = -1 };
	_cleanup_err_ struct err err = { 0 };
	_cleanup_net_ struct net net;
	struct loop *loop;
	struct emu *emu;
	int64_t t[3];

	make_model(&net, hosts);
	if (loop_new(&loop) < 0)
		die("loop", NULL);
	t[0] = units_now_mono();
	if (emu_up(&net, &opts, loop, &emu, &err) < 0)
		die("emu_up", &err);
	t[1] = units_now_mono();
	emu_down(emu);
	t[2] = units_now_mono();
	dprintf(out, "%lld %lld\n", (long long)(t[1] - t[0]), (long long)(t[2] - t[1]));
	loop_free(loop);
}

/* One turn: floor is the path of the floor's program, or NULL for detnet. */
static struct turn take_turn(const char *floor, int hosts)
{
	char text[64] = "", number[16];
	long long up, down;
	int64_t start;
	int p[2], status;
	pid_t pid;

	if (pipe(p) < 0 || (pid = fork()) < 0)
		die("fork", NULL);
	if (pid == 0) {
		close(p[0]);
		if (!floor) {
			run_detnet(hosts, p[1]);
			exit(0);
		}
		snprintf(number, sizeof(number), "%d", hosts);
		dup2(p[1], STDOUT_FILENO);
		execl(floor, floor, number, NULL);
		die(floor, NULL);
	}
	close(p[1]);
	if (read(p[0], text, sizeof(text) - 1) <= 0 ||
	    sscanf(text, "%lld %lld", &up, &down) != 2)
		die(floor ? floor : "detnet", NULL);
	start = units_now_mono();
	close(p[0]);
	if (waitpid(pid, &status, 0) < 0 || status)
		die("turn failed", NULL);
	if (leftover_drain(DRAIN_MS) < 0)
		die("namespaces did not go", NULL);
	return (struct turn){ up / 1e6, down / 1e6,
			      (double)(units_now_mono() - start) / 1e6 + down / 1e6 };
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const struct turn *t, int n, size_t offset)
{
	double v[REPEATS_MAX];
	int i;

	for (i = 0; i < n; i++)
		memcpy(&v[i], (const char *)&t[i] + offset, sizeof(v[i]));
	qsort(v, n, sizeof(*v), compare);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void print_row(const char *what, const struct turn *a, const struct turn *b, int n,
		      size_t offset)
{
	double x = median(a, n, offset), y = median(b, n, offset);

	printf("%-22s %10.1f %10.1f %8.2f\n", what, x, y, x / y);
}

int main(int argc, char **argv)
{
	int hosts = argc > 2 ? atoi(argv[2]) : 200, repeats = argc > 3 ? atoi(argv[3]) : 5, i;
	struct turn detnet[REPEATS_MAX], floor[REPEATS_MAX];
	double whole[2];

	if (argc < 2 || hosts < 2 || hosts > 1000 || repeats < 1 || repeats > REPEATS_MAX) {
		fprintf(stderr, "usage: bench_build FLOOR [HOSTS [REPEATS]]\n");
		return 2;
	}
	for (i = 0; i < repeats; i++) {
		floor[i] = take_turn(argv[1], hosts);
		detnet[i] = take_turn(NULL, hosts);
	}
	printf("%d hosts on one switch, median of %d, ms\n", hosts, repeats);
	printf("%-22s %10s %10s %8s\n", "", "detnet", "floor", "ratio");
	print_row("build", detnet, floor, repeats, offsetof(struct turn, up));
	print_row("teardown, returned", detnet, floor, repeats, offsetof(struct turn, down));
	print_row("teardown, drained", detnet, floor, repeats, offsetof(struct turn, drained));
	for (i = 0; i < 2; i++) {
		const struct turn *t = i ? floor : detnet;

		whole[i] = median(t, repeats, offsetof(struct turn, up)) +
			   median(t, repeats, offsetof(struct turn, drained));
	}
	printf("%-22s %10.1f %10.1f %8.2f\n", "build and drained", whole[0], whole[1],
	       whole[0] / whole[1]);
	return whole[0] / whole[1] < 2 ? 0 : 1;
}
