/* Writes the command table out: usage, the help of a command, and detnet(1). */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include "cli/command.h"

#define TAGLINE "a network of real programs from a topology file, and its traffic labelled"

static const struct {
	int code;
	const char *means;
} exits[] = {
	{ 0, "Done." },
	{ 1, "It failed while running." },
	{ 2, "Bad usage, or a bad file." },
	{ 3, "The machine lacks something; the message names the package or option that gives it." },
	{ 4, "Finished, but an integrity check failed: packets were dropped or carry no label." },
};

static void put_options(const struct option_row *row, FILE *f)
{
	for (; row->name; row++) {
		char left[64], letter[5] = "    ";

		if (row->letter)
			snprintf(letter, sizeof(letter), "-%c, ", row->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name, row->arg ? " " : "",
			 row->arg ? row->arg : "");
		fprintf(f, "  %-26s %s\n", left, row->help);
	}
}

void help_usage(FILE *f)
{
	fprintf(f, "detnet " DETNET_VERSION ": " TAGLINE "\n\nUsage:\n");
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];

		fprintf(f, "  detnet %s%s%s\n        %s\n", c->name, *c->name ? " " : "", c->synopsis,
			c->brief);
	}
	fprintf(f, "\nOf every command:\n");
	put_options(common_options, f);
	fprintf(f, "  %-26s %s\n", "    --version", "Print the version.");
	fprintf(f, "\nManual: man detnet, man detnet-topology, man detnet-scenario\n");
}

void help_command(const struct command *cmd, FILE *f)
{
	fprintf(f, "Usage: detnet %s%s%s\n\n%s.\n\n%s\n\nOptions:\n", cmd->name, *cmd->name ? " " : "",
		cmd->synopsis, cmd->brief, cmd->help);
	put_options(cmd->options, f);
	put_options(common_options, f);
}

/* Text for man(7): no hyphen may become a dash, no line may look like a request. */
static void man_text(const char *s, size_t n, FILE *f)
{
	bool start = true;

	for (size_t i = 0; i < n; i++) {
		if (start && (s[i] == '.' || s[i] == '\''))
			fputs("\\&", f);
		if (s[i] == '\\')
			fputs("\\e", f);
		else if (s[i] == '-')
			fputs("\\-", f);
		else
			fputc(s[i], f);
		start = s[i] == '\n';
	}
}

static void man_str(const char *s, FILE *f)
{
	man_text(s, strlen(s), f);
}

static void man_help(const char *s, FILE *f)
{
	bool literal = false;

	for (const char *end; *s; s = end + (*end == '\n')) {
		bool want = !strncmp(s, "    ", 4);

		end = strchrnul(s, '\n');
		if (want != literal)
			fputs(want ? ".PP\n.RS 4\n.nf\n" : ".fi\n.RE\n", f);
		literal = want;
		if (end == s) {
			fputs(".PP\n", f);
			continue;
		}
		s += want ? 4 : 0;
		man_text(s, (size_t)(end - s), f);
		fputc('\n', f);
	}
	if (literal)
		fputs(".fi\n.RE\n", f);
}

static void man_options(const struct option_row *row, FILE *f)
{
	for (; row->name; row++) {
		fputs(".TP\n", f);
		if (row->letter)
			fprintf(f, "\\fB\\-%c\\fR, ", row->letter);
		fputs("\\fB\\-\\-", f);
		man_str(row->name, f);
		fputs("\\fR", f);
		if (row->arg) {
			fputs(" \\fI", f);
			man_str(row->arg, f);
			fputs("\\fR", f);
		}
		fputc('\n', f);
		man_str(row->help, f);
		fputc('\n', f);
	}
}

static void man_synopsis(const struct command *c, FILE *f)
{
	fprintf(f, "\\fBdetnet%s%s\\fR ", *c->name ? " " : "", c->name);
	man_str(c->synopsis, f);
	fputc('\n', f);
}

void help_man(FILE *f)
{
	fprintf(f, ".TH DETNET 1 \"\" \"detnet " DETNET_VERSION "\"\n.SH NAME\ndetnet \\- ");
	man_str(TAGLINE, f);
	fputs("\n.SH SYNOPSIS\n.nf\n", f);
	for (size_t i = 0; commands[i]; i++)
		man_synopsis(commands[i], f);
	fputs(".fi\n.SH COMMANDS\n", f);
	for (size_t i = 0; commands[i]; i++) {
		fputs(".SS ", f);
		man_synopsis(commands[i], f);
		man_str(commands[i]->brief, f);
		fputs(".\n.PP\n", f);
		man_help(commands[i]->help, f);
		man_options(commands[i]->options, f);
	}
	fputs(".SH OPTIONS OF EVERY COMMAND\n", f);
	man_options(common_options, f);
	fputs(".TP\n\\fB\\-\\-version\\fR\nPrint the version.\n.SH EXIT STATUS\n", f);
	for (size_t i = 0; i < ARRAY_SIZE(exits); i++) {
		fprintf(f, ".TP\n%d\n", exits[i].code);
		man_str(exits[i].means, f);
		fputc('\n', f);
	}
	fputs(".PP\nThe shell given commands by \\fB\\-c\\fR or from a pipe ends with the status of the "
	      "first one that failed.\n.SH SEE ALSO\n"
	      ".BR detnet\\-topology (5),\n.BR detnet\\-scenario (7)\n", f);
}
