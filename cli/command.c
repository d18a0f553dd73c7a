/* Finds the command of a command line, parses its options by the table, and calls it. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/command.h"
#include "core/log.h"
#include "core/units.h"

const struct command *const commands[] = {
	&cmd_shell, &cmd_run, &cmd_check, &cmd_graph, &cmd_scenarios, &cmd_flows, &cmd_packets,
	&cmd_tail, &cmd_doctor, &cmd_clean, &cmd_help, NULL,
};

const struct option_row common_options[] = {
	{ .letter = 'q', .name = "quiet", .help = "Print results and errors, nothing else." },
	{ .letter = 'v', .name = "verbose", .help = "Say what is done; twice: in detail." },
	{ .letter = 'h', .name = "help", .help = "Print this help." },
	{ 0 },
};

/* Options that other emulators have and that are not there yet: a clear word is better than a guess. */
static const char *const later[] = { "--topo", "--link", "--switch", "--host", "--test",
				     "--controller", "--nat", "--mac", "--arp" };

static void log_to_stderr(enum log_level level, const char *fmt, va_list ap)
{
	static const char *const word[] = { "error: ", "warning: ", "", "" };

	fputs("detnet: ", stderr);
	fputs(word[level], stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

const char *call_value(const struct call *call, const char *option)
{
	for (size_t i = 0; call->cmd->options[i].name; i++)
		if (!strcmp(call->cmd->options[i].name, option))
			return call->values[i];
	return NULL;
}

int call_seed(struct call *call, uint64_t *store, const uint64_t **ret_seed)
{
	const char *text = call_value(call, "seed"), *why;

	if (text && units_parse_uint(text, 0, UINT64_MAX, store, &why))
		return err_usage(&call->err, "--seed %s: %s", text, why);
	*ret_seed = text ? store : NULL;
	return 0;
}

int call_need_root(struct call *call, const char *what)
{
	if (geteuid() == 0)
		return 0;
	return err_missing(&call->err, "%s needs root; run: sudo %s", what, call->line);
}

int call_report(struct call *call)
{
	_cleanup_free_ char *text = err_text(&call->err);

	for (char *line = text, *end; line && *line; line = end) {
		end = strchrnul(line, '\n');
		fprintf(stderr, "detnet: %.*s\n", (int)(end - line), line);
		end += *end == '\n';
	}
	return err_exit(&call->err);
}

void call_json_errors(struct json *j, const char *key, const struct err *err)
{
	json_key(j, key);
	json_array(j);
	for (size_t i = 0; i < err->n; i++) {
		json_object(j);
		json_kv_str(j, "file", err->items[i].file);
		json_kv_int(j, "line", err->items[i].line);
		json_kv_str(j, "message", err->items[i].msg);
		json_object_end(j);
	}
	json_array_end(j);
}

/* getopt's tables from ours; a long option's value is 256 and its index, common ones after the command's. */
struct parser {
	struct option longs[CALL_OPTIONS_MAX + 4];
	char shorts[3 * CALL_OPTIONS_MAX];
	int n_own;
};

static void parser_add(struct parser *p, int index, const struct option_row *row)
{
	size_t n = strlen(p->shorts);

	p->longs[index] = (struct option){ row->name, row->arg ? required_argument : no_argument,
					   NULL, 256 + index };
	if (row->letter)
		snprintf(p->shorts + n, sizeof(p->shorts) - n, "%c%s", row->letter,
			 row->arg ? ":" : "");
}

static void parser_init(struct parser *p, const struct command *cmd)
{
	int n = 0;

	memset(p, 0, sizeof(*p));
	p->shorts[0] = ':';
	for (; cmd->options[n].name; n++)
		parser_add(p, n, &cmd->options[n]);
	p->n_own = n;
	for (int i = 0; common_options[i].name; i++)
		parser_add(p, n + i, &common_options[i]);
}

/* The index behind what getopt returned: it gives letters for short options. */
static int parser_index(const struct parser *p, const struct command *cmd, int c)
{
	if (c >= 256)
		return c - 256;
	for (int i = 0; i < p->n_own; i++)
		if (cmd->options[i].letter == c)
			return i;
	for (int i = 0; common_options[i].name; i++)
		if (common_options[i].letter == c)
			return p->n_own + i;
	return -1;
}

static int refuse_option(struct call *call, const struct parser *p, const char *word)
{
	const char *names[CALL_OPTIONS_MAX + 4], *near;
	_cleanup_free_ char *name = strndup(word, strcspn(word, "="));
	const char *of = *call->cmd->name ? " " : "";
	size_t n = 0;

	if (!name)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(later); i++)
		if (!strcmp(later[i], name))
			return err_usage(&call->err, "%s is not supported by this version; describe "
					 "the network in a topology file (detnet-topology(5))", name);
	while (n < ARRAY_SIZE(names) && p->longs[n].name) {
		names[n] = p->longs[n].name;
		n++;
	}
	near = !strncmp(name, "--", 2) ? err_nearest(name + 2, names, n) : NULL;
	if (near)
		return err_usage(&call->err, "unknown option '%s'; did you mean '--%s'?", name, near);
	return err_usage(&call->err, "unknown option '%s'; see: detnet%s%s --help", name, of,
			 call->cmd->name);
}

static int keep_value(struct call *call, int index, const char *value)
{
	const struct option_row *row = &call->cmd->options[index];
	char *old = call->values[index], *joined;

	if (old && row->arg && !row->many)
		return err_usage(&call->err, "--%s is given twice", row->name);
	if (asprintf(&joined, "%s%s%s", old ? old : "", old && row->arg ? "\n" : "",
		     value ? value : "") < 0)
		return -ENOMEM;
	free(old);
	call->values[index] = joined;
	return 0;
}

/* 0, -EINVAL with err filled, or 1 when help was asked for. */
static int parse_options(struct call *call, int argc, char **argv)
{
	struct parser p;
	int c, r, index;

	parser_init(&p, call->cmd);
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, p.shorts, p.longs, NULL)) != -1) {
		char letter[3] = { '-', (char)optopt, '\0' };

		if (c == ':')
			return err_usage(&call->err, "option '%s' needs a value",
					 optopt < 256 ? letter : argv[optind - 1]);
		if (c == '?')
			return refuse_option(call, &p, optopt > 0 && optopt < 256 ? letter :
								      argv[optind - 1]);
		index = parser_index(&p, call->cmd, c);
		if (index < p.n_own) {
			r = keep_value(call, index, optarg);
			if (r)
				return r;
			continue;
		}
		switch (common_options[index - p.n_own].letter) {
		case 'q':
			call->quiet = true;
			break;
		case 'v':
			call->verbose++;
			break;
		default:
			return 1;
		}
	}
	call->args = argv + optind;
	call->n_args = argc - optind;
	call->json = call_value(call, "json");
	return 0;
}

static int check_args(struct call *call)
{
	const struct command *cmd = call->cmd;
	const char *space = *cmd->name ? " " : "";

	if (call->n_args >= cmd->min_args && call->n_args <= cmd->max_args)
		return 0;
	if (call->n_args > cmd->max_args)
		err_usage(&call->err, "'%s' is one argument too many", call->args[cmd->max_args]);
	return err_usage(&call->err, "usage: detnet%s%s %s", space, cmd->name, cmd->synopsis);
}

/* A word that names no command may be a topology file: it has a dot or a slash, or it exists. */
static const struct command *find_command(const char *word, bool *ret_named, struct err *err)
{
	const char *names[ARRAY_SIZE(commands)], *near;
	size_t n = 0;

	for (size_t i = 0; commands[i]; i++) {
		if (*commands[i]->name && !strcmp(commands[i]->name, word)) {
			*ret_named = true;
			return commands[i];
		}
		if (*commands[i]->name)
			names[n++] = commands[i]->name;
	}
	*ret_named = false;
	if (strpbrk(word, "./") || !access(word, F_OK))
		return &cmd_shell;
	near = err_nearest(word, names, n);
	if (near)
		err_usage(err, "unknown command '%s'; did you mean '%s'?", word, near);
	else
		err_usage(err, "'%s' is neither a command nor a file; see: detnet --help", word);
	return NULL;
}

/* The index of the first word that is no flag of all commands: "detnet -v run x.ini" works too. */
static int first_word(int argc, char **argv)
{
	static const char *const flags[] = { "-q", "-v", "-vv", "--quiet", "--verbose", "--json" };

	for (int i = 1; i < argc; i++) {
		bool flag = false;

		for (size_t k = 0; k < ARRAY_SIZE(flags); k++)
			flag |= !strcmp(argv[i], flags[k]);
		if (!flag)
			return i;
	}
	return argc;
}

static char *join_words(int argc, char **argv)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	for (int i = 0; f && i < argc; i++)
		fprintf(f, "%s%s", i ? " " : "", argv[i]);
	if (f)
		fclose(f);
	return text;
}

static int run_call(struct call *call, int argc, char **argv)
{
	static const enum log_level levels[] = { LOG_WARN, LOG_INFO, LOG_DEBUG };
	int r = parse_options(call, argc, argv);

	if (r == 1) {
		help_command(call->cmd, stdout);
		return 0;
	}
	if (r || check_args(call))
		return call_report(call);
	log_set_sink(log_to_stderr, call->quiet ? LOG_ERR : levels[call->verbose > 2 ? 2 : call->verbose]);
	r = call->cmd->run(call);
	if (call->err.n)
		call_report(call);
	return r;
}

static int dispatch(struct call *call, int argc, char **argv)
{
	int at = first_word(argc, argv);
	bool named = false;

	if (at == argc) {
		help_usage(argc == 1 ? stderr : stdout);
		return ERR_USAGE;
	}
	if (!strcmp(argv[at], "--help") || !strcmp(argv[at], "-h")) {
		help_usage(stdout);
		return 0;
	}
	if (!strcmp(argv[at], "--version")) {
		puts("detnet " DETNET_VERSION);
		return 0;
	}
	if (!strcmp(argv[at], "--man")) {
		help_man(stdout);
		return 0;
	}
	call->cmd = argv[at][0] == '-' ? &cmd_shell : find_command(argv[at], &named, &call->err);
	if (!call->cmd)
		return call_report(call);
	if (named) {
		memmove(&argv[at], &argv[at + 1], (size_t)(argc - at) * sizeof(*argv));
		argc--;
	}
	return run_call(call, argc, argv);
}

/* Has everybody who could read standard output left (poll(2))? Then they have what they wanted. */
static bool nobody_reads(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) == 1 && out.revents & POLLERR;
}

int command_main(int argc, char **argv)
{
	_cleanup_free_ char *line = join_words(argc, argv);
	struct call call = { .line = line ? line : "detnet" };
	int r = dispatch(&call, argc, argv);

	for (size_t i = 0; i < CALL_OPTIONS_MAX; i++)
		free(call.values[i]);
	err_free(&call.err);
	if ((fflush(stdout) || ferror(stdout)) && !nobody_reads()) {
		fprintf(stderr, "detnet: standard output: %s\n", strerror(errno));
		return r ? r : ERR_FAILED;
	}
	return r;
}
