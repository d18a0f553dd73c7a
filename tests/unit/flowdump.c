/*
 * Prints the flows of a capture file as flows.csv, for tests that hold them against other tools.
 *
 *     flowdump [--never-idle] FILE
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "capture/file/pcapng.h"
#include "capture/flow/flow.h"
#include "capture/flow/schema.h"

static int read_flows(const char *path, struct flow_table *t, struct err *err)
{
	struct pcapng_reader *r;
	struct pcapng_packet p;
	int e = pcapng_open(path, &r, err);

	if (e)
		return e;
	while ((e = pcapng_next(r, &p, err)) > 0) {
		struct flow_packet fp = {
			.ts = p.ts, .caplen = p.caplen, .len = p.len, .data = p.data,
			.iface = p.iface,
		};

		if (pcapng_iface(r, p.iface)->linktype != 1) {
			e = err_usage(err, "%s: only Ethernet is read", path);
			break;
		}
		e = flow_table_add(t, &fp, NULL);
		if (e < 0)
			break;
	}
	pcapng_reader_close(r);
	return e;
}

static int print_flow(void *arg, const struct flow *f)
{
	return schema_detnet.row(NULL, f, NULL, arg);
}

int main(int argc, char **argv)
{
	_cleanup_err_ struct err err = { 0 };
	struct flow_opts opts = { 0 };
	struct flow_table *t;
	int e;

	if (argc > 2 && !strcmp(argv[1], "--never-idle")) {
		opts.tcp_idle = opts.udp_idle = opts.icmp_idle = opts.tcp_attempt = INT64_MAX;
		argv++, argc--;
	}
	if (argc != 2) {
		fprintf(stderr, "usage: flowdump [--never-idle] FILE\n");
		return 2;
	}
	t = flow_table_new(&opts, NULL);
	if (!t)
		return 1;
	e = read_flows(argv[1], t, &err);
	if (e == 0) {
		schema_detnet.header(stdout);
		e = flow_table_each(t, print_flow, stdout);
	} else {
		_cleanup_free_ char *text = err_text(&err);

		fputs(text ? text : "flowdump: failed\n", stderr);
	}
	flow_table_free(t);
	return e ? 1 : fflush(stdout) ? 1 : 0;
}
