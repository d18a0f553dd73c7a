/* pingall: a real ping between every pair of hosts, many at a time, printed in Mininet's order. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include "cli/shell.h"
#include "core/units.h"

#define PINGS_AT_ONCE 64

enum result { PENDING, RECEIVED, LOST };

struct ping {
	struct prog *prog;
	size_t pair; /* sender * n + receiver */
	bool ended;
	int wstatus;
};

struct pingall {
	struct shell *sh;
	const char *timeout;
	uint32_t *hosts;
	size_t n;
	unsigned char *results; /* enum result by pair */
	size_t next, printed, sent, received, running;
	struct ping pings[PINGS_AT_ONCE];
};

static void ping_ended(void *arg, struct prog *prog, int wstatus)
{
	struct ping *p = arg;

	(void)prog;
	p->ended = true;
	p->wstatus = wstatus;
}

static int start(struct pingall *pa, struct ping *p, size_t pair, struct err *err)
{
	uint32_t from = pa->hosts[pair / pa->n], to = pa->hosts[pair % pa->n];
	char addr[16];
	char *argv[] = { (char *)"ping", (char *)"-n", (char *)"-c1", (char *)"-W",
			 (char *)pa->timeout, addr, NULL };
	struct prog_spec spec = { .node = from, .argv = argv, .fd = { -1, -1, -1 } };
	int r;

	net_format_addr(addr, net_node_addr(pa->sh->net, to));
	*p = (struct ping){ .pair = pair };
	r = prog_new(pa->sh->emu, &spec, &p->prog, err);
	if (r)
		return r;
	r = prog_start(p->prog, ping_ended, p, err);
	if (r) {
		prog_free(p->prog);
		p->prog = NULL;
		return r;
	}
	pa->running++;
	return 0;
}

/* Takes in the pings that ended and fills their places; 0 or an error of starting one. */
static int turn(struct pingall *pa, struct err *err)
{
	size_t pairs = pa->n * pa->n;

	for (size_t i = 0; i < PINGS_AT_ONCE; i++) {
		struct ping *p = &pa->pings[i];

		if (p->prog && p->ended) {
			bool ok = WIFEXITED(p->wstatus) && WEXITSTATUS(p->wstatus) == 0;

			pa->results[p->pair] = ok ? RECEIVED : LOST;
			prog_free(p->prog);
			p->prog = NULL;
			pa->running--;
		}
		while (pa->next < pairs && pa->next / pa->n == pa->next % pa->n)
			pa->next++;
		if (!p->prog && pa->next < pairs) {
			int r = start(pa, p, pa->next++, err);

			if (r)
				return r;
		}
	}
	return 0;
}

/* Prints results in order, as far as there are any. */
static void print_results(struct pingall *pa)
{
	const struct node *nodes = pa->sh->net->nodes;

	for (; pa->printed < pa->n * pa->n; pa->printed++) {
		size_t from = pa->printed / pa->n, to = pa->printed % pa->n;

		if (from != to && pa->results[pa->printed] == PENDING)
			break;
		if (to == 0)
			printf("%s -> ", nodes[pa->hosts[from]].name);
		if (from != to) {
			bool ok = pa->results[pa->printed] == RECEIVED;

			printf("%s ", ok ? nodes[pa->hosts[to]].name : "X");
			pa->sent++;
			pa->received += ok;
		}
		if (to == pa->n - 1)
			putchar('\n');
	}
	fflush(stdout);
}

static int ping_all(struct pingall *pa)
{
	_cleanup_err_ struct err err = { 0 };
	int r;

	printf("*** Ping: testing ping reachability\n");
	while (!(r = turn(pa, &err))) {
		print_results(pa);
		if (!pa->running || pa->sh->interrupted || pa->sh->leave)
			break;
		shell_wait(pa->sh);
	}
	for (size_t i = 0; i < PINGS_AT_ONCE; i++)
		if (pa->pings[i].prog)
			prog_free(pa->pings[i].prog);
	if (r)
		return shell_fail(&err);
	if (pa->sh->interrupted || pa->sh->leave) {
		printf("\n*** Interrupted\n");
		return 130;
	}
	if (!pa->sent)
		printf("*** Warning: No packets sent\n");
	else
		printf("*** Results: %.0f%% dropped (%zu/%zu received)\n",
		       100.0 * (double)(pa->sent - pa->received) / (double)pa->sent, pa->received,
		       pa->sent);
	return pa->received == pa->sent ? 0 : 1;
}

int shell_pingall(struct shell *sh, char *args)
{
	struct pingall pa = { .sh = sh, .timeout = *args ? args : "1" };
	_cleanup_free_ uint32_t *hosts = calloc(sh->net->n_nodes + 1, sizeof(*hosts));
	_cleanup_free_ unsigned char *results = NULL;
	const char *why;
	uint64_t seconds;

	if (units_parse_uint(pa.timeout, 1, 3600, &seconds, &why)) {
		fprintf(stderr, "*** pingall %s: %s (whole seconds)\n", args, why);
		return 2;
	}
	for (size_t i = 0; hosts && i < sh->net->n_nodes; i++)
		if (sh->net->nodes[i].kind == NODE_HOST)
			hosts[pa.n++] = (uint32_t)i;
	results = calloc(pa.n * pa.n + 1, 1);
	if (!hosts || !results)
		return 1;
	pa.hosts = hosts;
	pa.results = results;
	return ping_all(&pa);
}
