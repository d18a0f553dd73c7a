/* detnet run: an experiment with its progress, then a table of what came of it. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "cli/command.h"
#include "cli/signals.h"
#include "capture/flow/schema.h"
#include "capture/sender/process.h"
#include "core/units.h"
#include "scenarios/engine/link_row.h"
#include "scenarios/engine/run.h"

#define FAILURES_SHOWN 5
#define LINE_EVERY (5 * NSEC_PER_SEC) /* between progress lines where there is no terminal */

struct progress {
	bool terminal, shown;
	const char *phase;
	int64_t next_line;
};

/* 1234567 as "1,234,567". */
static const char *grouped(char buf[32], uint64_t v)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)v);
	char *out = buf;

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
	return buf;
}

static void show_progress(void *arg, const struct run_progress *p)
{
	struct progress *pr = arg;
	int64_t now = units_now_mono();
	char packets[32], size[32];
	const char *phase = p->phase;

	/* Nothing begins any more; what runs may take its time. */
	if (!strcmp(phase, "running") && p->elapsed > p->duration)
		phase = "last ones";
	if (!pr->terminal && pr->phase && !strcmp(pr->phase, p->phase) && now < pr->next_line)
		return;
	pr->phase = p->phase;
	pr->next_line = now + LINE_EVERY;
	pr->shown = true;
	fprintf(stderr, "%s%5.1f s of %.0f s  %-16s %s packets (%s)  activities: %u done, %u failed, "
		"%u running, %u planned%s%s",
		pr->terminal ? "\r" : "", (double)p->elapsed / 1e9, (double)p->duration / 1e9, phase,
		grouped(packets, p->capture.packets),
		units_human_size(size, sizeof(size), p->capture.bytes), p->done, p->failed, p->running,
		p->planned, p->capture.drops ? "  DROPS" : "", pr->terminal ? "\033[K" : "\n");
	fflush(stderr);
}

static double share_labelled(const struct capture_stats *c)
{
	return c->packets ? 100.0 * (double)(c->packets - c->unlabelled) / (double)c->packets : 100.0;
}

static void print_row(const char *scenario, const char *class, const uint64_t n[6])
{
	char packets[32], flows[32], size[32];

	printf("  %-16s %-12s %12s %9s %12s %11llu %7llu %7llu\n", scenario, class,
	       grouped(packets, n[0]), grouped(flows, n[1]), units_human_size(size, sizeof(size), n[2]),
	       (unsigned long long)n[3], (unsigned long long)n[4], (unsigned long long)n[5]);
}

static void print_table(const struct run_summary *s)
{
	uint64_t sum[6] = { 0 };

	printf("\n  %-16s %-12s %12s %9s %12s %11s %7s %7s\n", "SCENARIO", "CLASS", "PACKETS", "FLOWS",
	       "BYTES", "ACTIVITIES", "OK", "FAILED");
	for (size_t i = 0; i < s->n_rows; i++) {
		const struct run_row *r = &s->rows[i];
		const uint64_t n[6] = { r->packets, r->flows, r->bytes, r->activities, r->ok, r->failed };

		print_row(r->scenario ? r->scenario : "(none)", r->class ? r->class : "-", n);
		for (size_t k = 0; k < ARRAY_SIZE(sum); k++)
			sum[k] += n[k];
	}
	print_row("total", "", sum);
	printf("  (as flows, each packet counted once: at its originator's interface)\n");
}

/* What the table's last column does not tell. */
static void print_failures(const struct run_summary *s)
{
	for (size_t i = 0; i < s->n_failures && i < FAILURES_SHOWN; i++) {
		const struct run_failure *f = &s->failures[i];

		printf("  %ux %s/%s %s (%s/%s)\n", f->count, f->scenario, f->sub, f->outcome, s->out,
		       f->log);
	}
	if (s->n_failures > FAILURES_SHOWN)
		printf("  and %zu more kinds of failure: see outcome in %s/activities.csv\n",
		       s->n_failures - FAILURES_SHOWN, s->out);
	if (s->stopped && !s->capture.error)
		printf("  ended early: %u of %u activities never began\n", s->skipped, s->planned);
}

/* A path as a shell takes it. */
static char *shell_word(const char *path)
{
	char *argv[] = { (char *)path, NULL };

	return process_join_argv(argv);
}

/* Readers other than detnet take one file: word. */
static void print_other_readers(const struct run_summary *s, const char *word)
{
	/* A packet is there once for each link, which Wireshark would take for retransmissions. */
	if (s->format == CAPTURE_PCAPNG)
		printf("  wireshark -o tcp.analyze_sequence_numbers:FALSE -o 'gui.column.format:\"No.\",\"%%m\","
		       "\"Time\",\"%%t\",\"Source\",\"%%s\",\"Destination\",\"%%d\",\"Protocol\",\"%%p\","
		       "\"Sender\",\"%%Cus:frame.comment:0:R\",\"Info\",\"%%i\"' %s\n"
		       "  tshark -r %s -Y ip -c 20 -T fields -e frame.interface_name -e ip.src -e ip.dst -e "
		       "frame.comment\n", word, word);
	else
		printf("  wireshark -o tcp.analyze_sequence_numbers:FALSE %s\n", word);
}

/* A rotated capture is merged for the others, and beside the folder, which a next run replaces. */
static void print_how_to_open(const struct run_summary *s)
{
	_cleanup_free_ char *path = NULL, *word = NULL, *folder = shell_word(s->out);
	const char *ending = capture_format_names[s->format];
	bool rotated = s->capture.files > 1;

	if ((rotated ? asprintf(&path, "merged.%s", ending) :
		       asprintf(&path, "%s/capture.%s", s->out, ending)) < 0)
		path = NULL;
	word = path ? shell_word(path) : NULL;
	if (!word || !folder)
		return;
	printf("\nOpen it:\n");
	if (s->format == CAPTURE_PCAPNG)
		printf("  detnet packets %s --limit 20\n", rotated ? folder : word);
	if (rotated)
		printf("  mergecap -w %s %s/capture*.%s\n", word, folder, ending);
	print_other_readers(s, word);
	printf("  python3 -c 'import pandas as pd; print(pd.read_csv(\"%s/flows.csv\").groupby("
	       "[\"scenario\", \"label\"]).size())'\n", s->out);
}

/* "12,345 delivered, 17 lost": what there was none of is left out, but for the delivered ones. */
static void print_fates(const struct fate_counts *c)
{
	static const char *const ends[FATE_VERDICTS] = {
		[FATE_DELIVERED] = "delivered", [FATE_LOST] = "lost",
		[FATE_QUEUE_FULL] = "dropped by a full queue", [FATE_CODEL] = "dropped by CoDel",
		[FATE_DOWN] = "dropped by a link that was down",
		[FATE_OVERRUN] = "dropped for want of room",
	};
	const struct { uint64_t n; const char *what; } more[] = {
		{ c->duplicated, "duplicated" }, { c->corrupted, "corrupted" },
		{ c->marked, "marked" }, { c->reordered, "reordered" },
	};
	char n[32];

	if (!c->packets)
		return;
	printf("  %s packets met shaped links: ", grouped(n, c->packets));
	printf("%s %s", grouped(n, c->verdict[FATE_DELIVERED]), ends[FATE_DELIVERED]);
	for (int i = FATE_LOST; i < FATE_VERDICTS; i++)
		if (c->verdict[i])
			printf(", %s %s", grouped(n, c->verdict[i]), ends[i]);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++)
		if (more[i].n)
			printf(", %s %s", grouped(n, more[i].n), more[i].what);
	putchar('\n');
}

static void print_changes_left(const struct run_summary *s)
{
	if (s->changes_left)
		printf("  %zu change%s of [at] lie%s after the end of the run (see changes in "
		       "manifest.json)\n", s->changes_left, s->changes_left == 1 ? "" : "s",
		       s->changes_left == 1 ? "s" : "");
}

/* First of all, for it spoils what comes below, and ended the run early. */
static void print_capture_error(const struct run_summary *s)
{
	const struct capture_stats *c = &s->capture;
	char n[32];

	if (!c->error)
		return;
	printf("\n  The capture could not be written whole: %s. %s packets were not written",
	       capture_error_text(c->error), grouped(n, c->unwritten));
	if (s->skipped)
		printf(", and %u of %u activities never began because of it", s->skipped, s->planned);
	puts(".");
}

static void print_packets(const struct capture_stats *c, bool filter)
{
	char packets[32], all[32], filtered[32], unwritten[32], drops[32], kernel[32];

	printf("\n  %s ", grouped(packets, c->packets));
	if (filter || c->unwritten)
		printf("of %s packets written, ",
		       grouped(all, c->packets + c->filtered + c->unwritten));
	else
		printf("packets captured on all links, ");
	if (filter)
		printf("the filter left out %s, ", grouped(filtered, c->filtered));
	if (c->unwritten)
		printf("%s could not be, ", grouped(unwritten, c->unwritten));
	printf("%s dropped; %.4g%% carry their sender's name "
	       "(%s are of a kernel: ARP, resets, echo replies)\n", grouped(drops, c->drops),
	       share_labelled(c), grouped(kernel, c->kernel));
}

static void print_captures(const struct run_summary *s)
{
	const char *ending = capture_format_names[s->format];
	char name[32];

	snprintf(name, sizeof(name), "capture.%s", ending);
	printf("  %-16s %s once per link%s\n", name,
	       s->filter ? "every packet that passed the filter," : "every packet",
	       s->format == CAPTURE_PCAP ? "; senders are in flows.csv alone" :
					   ", its sender in the packet's comment");
	if (s->capture.files == 2)
		printf("  capture-00002.%s   where it goes on\n", ending);
	else if (s->capture.files > 2)
		printf("  capture-00002.%s to capture-%05u.%s   where it goes on\n", ending,
		       s->capture.files, ending);
	if (s->per_host)
		printf("  hosts/           the same packets, as each host and router has them\n");
}

static void print_files(const struct run_summary *s)
{
	printf("\nIn %s:\n", s->out);
	print_captures(s);
	printf("  flows.csv        flows with scenario, class and label\n");
	for (size_t i = 0; s->schemas && s->schemas[i]; i++)
		printf("  %-16s %s\n", s->schemas[i]->file, s->schemas[i]->brief);
	printf("%s"
	       "  activities.csv   what was done, when, with which inputs, and what came of it\n"
	       "  owners.csv       the processes behind the packets\n"
	       "  logs/            what each program printed\n"
	       "  manifest.json, topology.ini   what made this, to make it again\n",
	       s->capture.shaped ?
		       "  fates.csv        what became of each packet on each shaped link\n" : "");
}

static void print_result(const struct run_summary *s)
{
	char wall[32];

	print_capture_error(s);
	print_table(s);
	print_failures(s);
	print_packets(&s->capture, s->filter);
	print_fates(&s->capture.fates);
	print_changes_left(s);
	printf("  senders known by: %s; links shaped by: %s; took %s\n", s->rung, s->links_engine,
	       units_human_time(wall, sizeof(wall), s->wall));
	print_files(s);
	print_how_to_open(s);
}

static void print_json(const struct run_summary *s)
{
	const struct capture_stats *c = &s->capture;
	struct json j;

	json_open(&j, stdout, true);
	json_object(&j);
	json_kv_str(&j, "out", s->out);
	json_kv_uint(&j, "packets", c->packets);
	json_kv_uint(&j, "bytes", c->bytes);
	json_kv_uint(&j, "filtered", c->filtered);
	json_kv_uint(&j, "drops", c->drops);
	json_kv_uint(&j, "unwritten", c->unwritten);
	json_kv_str(&j, "capture_error", c->error ? capture_error_text(c->error) : NULL);
	json_kv_uint(&j, "files", c->files);
	json_kv_uint(&j, "unlabelled", c->unlabelled);
	json_kv_uint(&j, "kernel", c->kernel);
	json_kv_uint(&j, "flows", c->flows);
	json_kv_uint(&j, "flows_unlabelled", c->flows_unlabelled);
	json_kv_uint(&j, "planned", s->planned);
	json_kv_uint(&j, "ok", s->ok);
	json_kv_uint(&j, "failed", s->failed);
	json_kv_uint(&j, "skipped", s->skipped);
	json_kv_bool(&j, "stopped_early", s->stopped);
	json_kv_uint(&j, "changes_left", s->changes_left);
	json_kv_str(&j, "rung", s->rung);
	json_kv_str(&j, "links", s->links_engine);
	if (c->shaped) {
		json_key(&j, "fates");
		json_object(&j);
		link_row_put_counts(&c->fates, &j);
		json_object_end(&j);
	}
	json_kv_num(&j, "wall", (double)s->wall / 1e9);
	json_key(&j, "rows");
	json_array(&j);
	for (size_t i = 0; i < s->n_rows; i++) {
		const struct run_row *r = &s->rows[i];

		json_object(&j);
		json_kv_str(&j, "scenario", r->scenario);
		json_kv_str(&j, "class", r->class);
		json_kv_uint(&j, "packets", r->packets);
		json_kv_uint(&j, "flows", r->flows);
		json_kv_uint(&j, "bytes", r->bytes);
		json_kv_uint(&j, "activities", r->activities);
		json_kv_uint(&j, "ok", r->ok);
		json_kv_uint(&j, "failed", r->failed);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	json_close(&j);
}

static int read_options(struct call *call, uint64_t *seed, struct run_opts *opts)
{
	const char *duration = call_value(call, "duration"), *why;

	opts->topo = call->args[0];
	opts->out = call_value(call, "out");
	opts->command = call->line;
	if (duration && (units_parse_time(duration, &opts->duration, &why) || opts->duration == 0))
		return err_usage(&call->err, "--duration %s: %s", duration,
				 opts->duration ? why : "give a time over 0, such as 60s");
	if (opts->duration > NSEC_PER_YEAR)
		return err_usage(&call->err, "--duration %s: at most a year (8760h)", duration);
	return call_seed(call, seed, &opts->seed);
}

static int run(struct call *call)
{
	struct progress progress = { .terminal = isatty(STDERR_FILENO) };
	_cleanup_(run_summary_free) struct run_summary summary = { 0 };
	_cleanup_close_ int stop_fd = -1;
	struct run_opts opts = { .duration = 0 };
	uint64_t seed;

	if (read_options(call, &seed, &opts) || call_need_root(call, "building a network"))
		return err_exit(&call->err);
	stop_fd = signals_open(false);
	opts.stop_fd = stop_fd;
	if (!call->quiet) {
		opts.progress = show_progress;
		opts.progress_arg = &progress;
	}
	run_experiment(&opts, &summary, &call->err);
	if (progress.shown && progress.terminal)
		fputc('\n', stderr);
	if (summary.out && call->json)
		print_json(&summary);
	else if (summary.out)
		print_result(&summary);
	fflush(stdout);
	return err_exit(&call->err);
}

static const struct option_row options[] = {
	{ .letter = 'o', .name = "out", .arg = "DIR",
	  .help = "Write into this folder; out/NAME, with the network's name, if not given. It must belong "
		  "to root or to you and be writable by nobody else." },
	{ .letter = 'd', .name = "duration", .arg = "TIME",
	  .help = "Start activities during this time (60s, 5min), whatever the file says." },
	OPTION_SEED,
	OPTION_JSON,
	{ 0 },
};

const struct command cmd_run = {
	.name = "run",
	.synopsis = "TOPO.ini [-o DIR] [--duration TIME] [--seed N] [--json]",
	.brief = "Run a file's scenarios, capture and label",
	.help = "Builds the network, runs the scenarios of the file with real programs, captures every packet\n"
		"on every link together with the process that sent it, and leaves a labelled dataset.\n"
		"The same seed plans the same activities with the same inputs.\n\n"
		"    sudo detnet run examples/quickstart.ini -o out/quickstart\n\n"
		"A dataset that is in the folder already is replaced.\n\n"
		"Ctrl-C ends a run early and in order: what was captured so far is complete. A second Ctrl-C\n"
		"ends it at once. Progress goes to standard error, the result to standard output.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
