/*
 * Shapes an interface of the namespace that it runs in, as a link's change would.
 *
 *	qdisc_set INTERFACE OLD NEW [SEED]
 *
 * OLD and NEW are shapes as the shell has them ("delay=20ms 5ms pareto, loss=1%"); "" is no
 * shape, "?" as OLD is one not known. Without arguments it says what this kernel can do, in a
 * line of JSON.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "emu/qdisc.h"

static int read_shape(struct shape *s, const char *text)
{
	const struct shape_source src = { .seed = 1, .path = "link/test", .shared = "link/test" };
	_cleanup_free_ char *why = NULL;

	if (!*text || shape_change(s, text, &src, &why) == 0)
		return 0;
	fprintf(stderr, "%s: %s\n", text, why ? why : "no memory");
	return -1;
}

static int doctor(void)
{
	printf("{\"netem\": %d, \"tbf\": %d, \"codel\": %d, \"seed\": %d}\n", qdisc_have_netem(),
	       qdisc_have_tbf(), qdisc_have_codel(), qdisc_have_seed());
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_shape_ struct shape old = { 0 }, new = { 0 };
	_cleanup_close_ int ns = -1;
	_cleanup_err_ struct err err = { 0 };
	_cleanup_free_ char *text = NULL;
	const char *why;
	bool known;
	int ifindex;

	if (argc == 1)
		return doctor();
	if (argc < 4)
		return 2;
	ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ifindex = (int)if_nametoindex(argv[1]);
	known = strcmp(argv[2], "?") != 0;
	if (ns < 0 || !ifindex || read_shape(&old, known ? argv[2] : "") < 0 ||
	    read_shape(&new, argv[3]) < 0)
		return 2;
	if (!qdisc_can(&new, &why)) {
		printf("%s: %s\n", qdisc_never(&new, &why) ? "never" : "not here", why);
		return 3;
	}
	if (qdisc_set(ns, ifindex, argv[1], known ? &old : NULL, &new, 1500,
		      argc > 4 ? strtoull(argv[4], NULL, 0) : 1, &err) == 0)
		return 0;
	text = err_text(&err);
	fputs(text ? text : "no memory\n", stderr);
	return 1;
}
