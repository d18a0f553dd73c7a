/* detnet flows: the flows of any capture, in one pass, by one of the schemas. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include "capture/file/pcapng.h"
#include "capture/flow/flow.h"
#include "capture/flow/packet.h"
#include "capture/flow/schema.h"
#include "capture/join/files.h"
#include "capture/sink.h"
#include "cli/command.h"
#include "cli/flows_json.h"
#include "cli/out_file.h"
#include "core/log.h"
#include "core/units.h"

#define OUT_BUFFER (256 * 1024)

struct flows {
	struct call *call;
	const struct flow_schema *schema;
	const struct flow_schema *schemas[2]; /* the same, as the table wants them */
	struct join_files files;
	size_t next_file;
	struct pcapng_reader *reader; /* of the file being read */
	struct flow_table *table;
	struct out_file file;
	FILE *out; /* of the file, or standard output */
	FILE *rows; /* what the schema writes into: out, or what becomes JSON */
	struct flows_json json;
	struct flow_packet batch[FLOW_BATCH];
	size_t n_batch;
	uint64_t packets, no_flow;
	int link; /* the last one that was complained of; -1: none */
	bool live; /* from standard input, perhaps while it is captured */
	int error; /* of the table or of writing a row */
};

static int write_flow(void *arg, const struct flow *f)
{
	static const struct flow_labels nobody;
	struct flows *fs = arg;
	const void *state = flow_schema_state(fs->table, f, fs->schema);
	int r = fs->schema->row(state, f, &nobody, fs->rows);

	return r || !fs->call->json ? r : flows_json_row(&fs->json);
}

/* Takes in the packets that were gathered; what went wrong is told to who reads. */
static void add_batch(struct flows *fs)
{
	int r = fs->error ? 0 : flow_table_add_many(fs->table, fs->batch, fs->n_batch);

	fs->n_batch = 0;
	if (r < 0)
		fs->error = r;
	else
		fs->no_flow += (uint64_t)r;
}

/* The reader is about to wait for more: who reads along is given what there is. */
static void before_move(void *arg)
{
	struct flows *fs = arg;

	add_batch(fs);
	if (fs->live)
		fflush(fs->out);
}

static void gather(struct flows *fs, const struct pcapng_packet *p, uint16_t link)
{
	fs->batch[fs->n_batch++] = (struct flow_packet){
		.ts = p->ts,
		.iface = p->iface,
		.caplen = p->caplen,
		.len = p->len,
		.data = p->data,
		.linktype = flow_linktype(link),
	};
	fs->packets++;
	if (link != fs->link && !packet_knows_link(link)) {
		fs->link = link;
		log_warn("packets of link type %u are left out: it is none that is read here", link);
	}
	if (fs->n_batch == FLOW_BATCH)
		add_batch(fs);
}

/* Goes on to the next file; the packets of the last one are given away first. */
static int open_file(struct flows *fs)
{
	int r;

	add_batch(fs);
	pcapng_reader_close(steal_ptr(fs->reader));
	r = pcapng_open(fs->files.paths[fs->next_file++], &fs->reader, &fs->call->err);
	if (r == 0)
		pcapng_before_move(fs->reader, before_move, fs);
	return r;
}

/* An interface has one number in all files of a capture, each of which begins with all of them. */
static int read_packets(struct flows *fs)
{
	struct pcapng_packet p;
	int e = 0;

	do {
		while (!fs->error && (e = pcapng_next(fs->reader, &p, &fs->call->err)) > 0)
			gather(fs, &p, pcapng_iface(fs->reader, p.iface)->linktype);
	} while (!fs->error && !e && fs->next_file < fs->files.n && !(e = open_file(fs)));
	add_batch(fs);
	return fs->error ? fs->error : e;
}

/*
 * The flows of a file that ends too early are written all the same; the error is told at the end.
 */
static int write_all(struct flows *fs)
{
	int e = fs->schema->header(fs->rows), bad;

	if (!e && fs->call->json)
		e = flows_json_header(&fs->json);
	if (e)
		return e;
	bad = read_packets(fs);
	if (!fs->error)
		e = flow_table_each(fs->table, NULL, NULL);
	if (!fs->error && !e && fs->schema->footer && !fs->call->json)
		e = fs->schema->footer(fs->rows);
	return bad ? bad : e;
}

static void write_flows(struct flows *fs, const char *path)
{
	int e = write_all(fs);

	/* What is wrong with the output is told by who closes it: perhaps nobody reads it any more. */
	if (e && !fs->call->err.n && !ferror(fs->out))
		err_sys(&fs->call->err, -e, "the flows of %s", path);
	log_info("%" PRIu64 " packets, %" PRIu64 " of them of no flow; %zu flows", fs->packets,
		 fs->no_flow, flow_table_count(fs->table));
}

/* "5min", or "never" for flows that idleness does not end. */
static int parse_timeout(struct call *call, const char *option, int64_t *ret)
{
	const char *text = call_value(call, option), *why;
	int64_t ns;

	if (!text)
		return 0;
	if (!strcmp(text, "never")) {
		*ret = INT64_MAX;
		return 0;
	}
	if (units_parse_time(text, &ns, &why))
		return err_usage(&call->err, "--%s %s: %s", option, text, why);
	if (!ns)
		return err_usage(&call->err, "--%s %s: must be more than 0, or \"never\"", option,
				 text);
	*ret = ns;
	return 0;
}

static int parse_options(struct flows *fs, struct flow_opts *opts)
{
	struct call *call = fs->call;
	const char *name = call_value(call, "schema"), *names[16], *near;
	size_t n = 0;

	parse_timeout(call, "tcp-idle", &opts->tcp_idle);
	parse_timeout(call, "udp-idle", &opts->udp_idle);
	parse_timeout(call, "icmp-idle", &opts->icmp_idle);
	parse_timeout(call, "tcp-closed", &opts->tcp_closed);
	parse_timeout(call, "tcp-attempt", &opts->tcp_attempt);
	parse_timeout(call, "active", &opts->active);
	opts->checksums = call_value(call, "checksums");
	fs->schema = name ? flow_schema_find(name) : &schema_detnet;
	if (!fs->schema) {
		for (; flow_schemas[n] && n < ARRAY_SIZE(names); n++)
			names[n] = flow_schemas[n]->name;
		near = err_nearest(name, names, n);
		err_usage(&call->err, "there is no schema '%s'; %s%s%s", name,
			  near ? "did you mean '" : "see: detnet flows --help", near ? near : "",
			  near ? "'?" : "");
	}
	return call->err.n ? -EINVAL : 0;
}

/* Flows of a pipe are there for others as they end, so they are written to the file itself. */
static int open_out(struct flows *fs)
{
	const char *path = call_value(fs->call, "output");
	int r = path ? out_file_open(&fs->file, path, fs->files.paths, fs->files.n, fs->live,
				     &fs->call->err) : 0;

	if (r)
		return r;
	fs->out = path ? fs->file.f : stdout;
	setvbuf(fs->out, NULL, _IOFBF, OUT_BUFFER);
	fs->rows = fs->call->json ? flows_json_open(&fs->json, fs->out) : fs->out;
	return fs->rows ? 0 : err_sys(&fs->call->err, ENOMEM, "the flows");
}

static void close_out(struct flows *fs)
{
	if (fs->json.n_columns && flow_table_count(fs->table))
		json_close(&fs->json.json);
	flows_json_close(&fs->json);
	if (fs->file.f)
		out_file_close(&fs->file, !fs->call->err.n, &fs->call->err);
}

/* Before anything is written, so that a wrong name leaves what it was to be written to as it is. */
static int open_in(struct flows *fs, const char *path)
{
	int r = join_files_find(path, &fs->files, &fs->call->err);

	if (r)
		return r;
	for (size_t i = 0; i < fs->files.n; i++)
		if (access(fs->files.paths[i], R_OK))
			return err_at(&fs->call->err, fs->files.paths[i], 0, "%s", strerror(errno));
	return open_file(fs);
}

/* Of a file that is the first of several, which may be all of a run's or not (a host's, the shell's). */
static void warn_of_more(const struct flows *fs, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	const char *dot = strrchr(base, '.'), *ending = dot ? dot + 1 : "";
	_cleanup_free_ char *next = NULL;

	if (fs->files.n != 1 || strcmp(fs->files.paths[0], path) || !dot ||
	    (strcmp(ending, capture_format_names[CAPTURE_PCAPNG]) &&
	     strcmp(ending, capture_format_names[CAPTURE_PCAP])))
		return;
	if (asprintf(&next, "%.*s-00002.%s", (int)(dot - path), path, ending) < 0)
		next = NULL;
	if (!next || access(next, F_OK))
		return;
	if (sink_is_name(base, "capture"))
		log_warn("the capture goes on in %s; give its folder to have the flows of all its "
			 "files", next);
	else
		log_warn("the capture goes on in %s; to have the flows of all its files, merge them "
			 "with mergecap", next);
}

static int run(struct call *call)
{
	const char *path = call->args[0];
	struct flows fs = { .call = call, .link = -1, .live = !strcmp(path, "-") };
	struct flow_opts opts = { .ended = write_flow, .arg = &fs };

	if (parse_options(&fs, &opts) || open_in(&fs, path))
		goto out;
	warn_of_more(&fs, path);
	fs.schemas[0] = fs.schema;
	opts.schemas = fs.schemas;
	fs.table = flow_table_new(&opts, NULL);
	if (!fs.table)
		err_sys(&call->err, ENOMEM, "%s", path);
	else if (!open_out(&fs))
		write_flows(&fs, path);
	close_out(&fs);
out:
	pcapng_reader_close(fs.reader);
	flow_table_free(fs.table);
	join_files_clear(&fs.files);
	return err_exit(&call->err);
}

static const struct option_row options[] = {
	{ .name = "schema", .arg = "NAME",
	  .help = "Which columns: detnet (the default), zeek, cic, netflow or netflow-v3." },
	{ .letter = 'o', .name = "output", .arg = "OUT",
	  .help = "Write to this file. It is replaced when all is written; the flows of a capture "
		  "that ends too early go there only if there was none. Those of standard input "
		  "are written as they end." },
	{ .name = "tcp-idle", .arg = "TIME",
	  .help = "End a TCP flow that was idle so long (5min), or never." },
	{ .name = "udp-idle", .arg = "TIME",
	  .help = "The same for UDP and what is neither TCP nor ICMP (1min)." },
	{ .name = "icmp-idle", .arg = "TIME", .help = "The same for ICMP (1min)." },
	{ .name = "tcp-closed", .arg = "TIME",
	  .help = "The same for TCP that both ends closed or one reset (5s)." },
	{ .name = "tcp-attempt", .arg = "TIME",
	  .help = "End a TCP flow so long after its first SYN if nothing answers (5s)." },
	{ .name = "active", .arg = "TIME",
	  .help = "End a flow of this age, though it goes on (never)." },
	{ .name = "checksums",
	  .help = "Verify checksums; a packet with a wrong one is a C in the history." },
	OPTION_JSON,
	{ 0 },
};

const struct command cmd_flows = {
	.name = "flows",
	.synopsis = "FILE|DIR [--schema NAME] [-o OUT] [--json]",
	.brief = "Write down the flows of a capture",
	.help = "Reads a pcap or pcapng file, or standard input if FILE is '-', in one pass, and writes a row\n"
		"for each bidirectional flow when it has ended. Of a run's folder it reads all files of the\n"
		"capture, as one. Root is not needed, and the capture need not be detnet's.\n\n"
		"    detnet flows capture.pcapng\n"
		"    detnet flows out/lab --schema cic\n"
		"    tcpdump -w - -i eth0 | detnet flows - --schema zeek -o conn.log\n"
		"    detnet flows trace.pcap --schema netflow --active 2min --json\n\n"
		"Schemas: detnet (CSV as in a run's flows.csv), zeek (Zeek's conn.log), cic (CICFlowMeter's\n"
		"columns), netflow and netflow-v3 (the NetFlow v2 and v3 datasets' features). docs/flows.md has\n"
		"every column. With --json each flow is an object on a line of its own.\n\n"
		"A flow ends when nothing of it came for its idle time, some time after a SYN that nothing\n"
		"answers, or when a SYN opens another connection of the same addresses and ports. \"never\"\n"
		"leaves it to the end of the file: memory then holds every flow. --active cuts flows that go on,\n"
		"as NetFlow exporters do; --checksums is off because frames that were captured where they were\n"
		"sent often have none yet.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
