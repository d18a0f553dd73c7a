/* detnet packets: each packet of a capture with its flow, its sender and its activity. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include "cli/command.h"
#include "cli/packet_columns.h"
#include "cli/packet_table.h"
#include "core/csv.h"
#include "core/log.h"
#include "core/units.h"

#define OUT_BUFFER (256 * 1024)

/* A condition of --filter; all must hold. */
struct condition {
	const struct packet_column *column;
	bool negated;
	bool met; /* by a packet, before any was printed */
	const char *pattern; /* fnmatch(3) */
};

struct packets {
	struct call *call;
	const struct packet_column *columns[PACKET_COLUMNS_MAX];
	size_t n_columns;
	struct condition *conditions;
	size_t n_conditions;
	uint64_t limit, printed;
	bool csv;
	struct csv rows;
	struct json json;
	struct packet_table table;
};

static int add_column(struct packets *p, const struct packet_column *c)
{
	if (!c)
		return -EINVAL;
	if (p->n_columns == PACKET_COLUMNS_MAX)
		return err_usage(&p->call->err, "--fields: at most %d", PACKET_COLUMNS_MAX);
	p->columns[p->n_columns++] = c;
	return 0;
}

static int parse_fields(struct packets *p)
{
	static const char *const table[] = {
		"since", "iface", "dir", "ends", "proto", "len",
		"host", "sender", "task", "activity", "uid",
	};
	char *text = (char *)call_value(p->call, "fields");
	int r = 0;

	if (text) {
		while (r == 0 && text)
			r = add_column(p, packet_column_find(strsep(&text, ","), &p->call->err));
	} else if (p->csv || p->call->json) {
		for (const struct packet_column *c = packet_columns; c->name && !c->made; c++)
			add_column(p, c);
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(table); i++)
			add_column(p, packet_column_find(table[i], NULL));
	}
	return r;
}

/* "host=h1" or "host!=h*", in place. */
static int parse_condition(struct packets *p, char *word)
{
	char *equals = strchr(word, '=');
	struct condition *more, c = { 0 };

	if (!equals || equals == word)
		return err_usage(&p->call->err,
				 "--filter: '%s' must be FIELD=VALUE or FIELD!=VALUE", word);
	c.pattern = equals + 1;
	c.negated = equals[-1] == '!';
	equals[c.negated ? -1 : 0] = '\0';
	c.column = packet_column_find(word, &p->call->err);
	if (!c.column)
		return -EINVAL;
	more = reallocarray(p->conditions, p->n_conditions + 1, sizeof(*more));
	if (!more)
		return err_sys(&p->call->err, ENOMEM, "--filter");
	p->conditions = more;
	p->conditions[p->n_conditions++] = c;
	return 0;
}

static int parse_options(struct packets *p)
{
	struct call *call = p->call;
	char *filter = (char *)call_value(call, "filter"), *word;
	const char *limit = call_value(call, "limit"), *why;
	int r = 0;

	p->csv = call_value(call, "csv");
	if (p->csv && call->json)
		return err_usage(&call->err, "--csv and --json are two ways to print one result");
	while (r == 0 && (word = strsep(&filter, " \t\n")))
		if (*word)
			r = parse_condition(p, word);
	if (r)
		return r;
	if (limit && units_parse_uint(limit, 1, UINT64_MAX, &p->limit, &why))
		return err_usage(&call->err, "--limit %s: %s", limit, why);
	return parse_fields(p);
}

/* A field that has no value is the empty text. */
static bool is_wanted(struct packets *p, const struct joined *j)
{
	bool wanted = true;

	/* While none was wanted all are tried, for who gets nothing is told which never holds. */
	for (size_t i = 0; i < p->n_conditions && (wanted || !p->printed); i++) {
		struct condition *c = &p->conditions[i];
		char buf[PACKET_FIELD_SIZE];
		const char *value = c->column->get(j, buf);

		if (!fnmatch(c->pattern, value ? value : "", 0) == c->negated)
			wanted = false;
		else
			c->met = true;
	}
	return wanted;
}

/* A name that was mistyped would otherwise look like a quiet host. */
static void warn_of_conditions(const struct packets *p)
{
	for (size_t i = 0; !p->printed && i < p->n_conditions; i++) {
		const struct condition *c = &p->conditions[i];

		if (!c->met)
			log_warn("no packet has %s%s=%s", c->column->name, c->negated ? "!" : "",
				 c->pattern);
	}
}

static void print_json(struct packets *p, const struct joined *j)
{
	json_open(&p->json, stdout, false);
	json_object(&p->json);
	for (size_t i = 0; i < p->n_columns; i++) {
		const struct packet_column *c = p->columns[i];
		char buf[PACKET_FIELD_SIZE];
		const char *value = c->get(j, buf);

		json_key(&p->json, c->name);
		if (c->number && value)
			json_raw(&p->json, value);
		else
			json_str(&p->json, value);
	}
	json_object_end(&p->json);
	json_close(&p->json);
}

static void print_csv(struct packets *p, const struct joined *j)
{
	for (size_t i = 0; i < p->n_columns; i++) {
		char buf[PACKET_FIELD_SIZE];

		csv_str(&p->rows, p->columns[i]->get(j, buf));
	}
	csv_end(&p->rows);
}

static int print(struct packets *p, const struct joined *j)
{
	if (p->call->json)
		print_json(p, j);
	else if (p->csv)
		print_csv(p, j);
	else
		return packet_table_add(&p->table, j);
	return 0;
}

static void print_header(struct packets *p)
{
	csv_open(&p->rows, stdout);
	for (size_t i = 0; p->csv && i < p->n_columns; i++)
		csv_str(&p->rows, p->columns[i]->name);
	if (p->csv)
		csv_end(&p->rows);
	packet_table_open(&p->table, stdout, p->columns, p->n_columns);
}

/* What was read of a file that ends too early is printed; the error is told after it. */
static int print_packets(struct packets *p, struct join *join)
{
	struct joined j;
	int r = 0;

	while ((!p->limit || p->printed < p->limit) && !ferror(stdout) &&
	       (r = join_next(join, &j, &p->call->err)) > 0) {
		if (!is_wanted(p, &j))
			continue;
		p->printed++;
		if (print(p, &j))
			return err_sys(&p->call->err, ENOMEM, "cannot print the packets");
	}
	if (!p->call->json && !p->csv)
		packet_table_close(&p->table);
	return r < 0 ? r : 0;
}

static int run(struct call *call)
{
	struct packets p = { .call = call };
	struct join *join = NULL;

	if (!parse_options(&p) && !join_open(call->args[0], &join, &call->err)) {
		setvbuf(stdout, NULL, _IOFBF, OUT_BUFFER);
		print_header(&p);
		if (print_packets(&p, join) == 0)
			warn_of_conditions(&p);
	}
	join_close(join);
	packet_table_free(&p.table);
	free(p.conditions);
	return err_exit(&call->err);
}

static const struct option_row options[] = {
	{ .letter = 'f', .name = "filter", .arg = "CONDITIONS", .many = true,
	  .help = "Only packets for which all hold: FIELD=VALUE or FIELD!=VALUE, apart by "
		  "spaces; a VALUE may have * and ?." },
	{ .name = "fields", .arg = "NAMES",
	  .help = "These columns, in this order, apart by commas." },
	{ .name = "csv", .help = "Print CSV, all columns unless --fields says which." },
	{ .name = "json",
	  .help = "Print an object a line, all columns unless --fields says which." },
	{ .letter = 'n', .name = "limit", .arg = "N", .help = "Stop after so many packets." },
	{ 0 },
};

const struct command cmd_packets = {
	.name = "packets",
	.synopsis = "FILE|DIR [--filter CONDITIONS] [--fields NAMES] [--csv|--json] [--limit N]",
	.brief = "Print the packets of a capture with flow, sender and activity",
	.help = "Reads a capture, or the whole capture in a run's folder, and prints a line for\n"
		"each packet: its flow in flows.csv, its sender in owners.csv, its activity in\n"
		"activities.csv. These files are used where they lie beside the capture in a run's\n"
		"folder, which has a manifest.json; without them a packet's comment says the most of\n"
		"it, and what nothing says is empty.\n"
		"FILE may be '-', standard input. Root is not needed.\n"
		"\n"
		"    detnet packets out/lab --limit 20\n"
		"    detnet packets out/lab --filter 'host=h1 comm=lftp dir=out'\n"
		"    detnet packets out/lab --filter label=attack --fields time,src,dst,exe\n"
		"    detnet packets out/lab/capture.pcapng --csv >packets.csv\n"
		"\n"
		"The fields, in the order of --csv and --json (the last four are for people, made\n"
		"of others): number, time, packet, iface, dir, src, sport, dst, dport, proto,\n"
		"len, uid, community_id, owner, host, pid, comm, exe, confidence, activity, scenario,\n"
		"sub, class, label, outcome, evidence; since, ends, sender, task.\n"
		"docs/joins.md has the keys and examples.",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
