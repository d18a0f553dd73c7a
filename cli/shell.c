/* The shell's table of commands, and how a line finds its row. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include "cli/shell.h"
#include "cli/signals.h"

static int shell_exit(struct shell *sh, char *args)
{
	(void)args;
	sh->leave = true;
	return 0;
}

int shell_help(struct shell *sh, char *args)
{
	const struct shell_command *c = shell_commands;

	(void)sh;
	if (*args) {
		for (; c->name && strcmp(c->name, args); c++)
			;
		if (c->name)
			printf("%s %s\n    %s\n", c->name, c->synopsis, c->help);
		else
			fprintf(stderr, "*** No help on %s\n", args);
		return c->name ? 0 : 2;
	}
	printf("Documented commands (type help <topic>):\n"
	       "========================================\n");
	for (; c->name; c++) {
		char left[32];

		snprintf(left, sizeof(left), "%s %s", c->name, c->synopsis);
		printf("%-20s %.*s\n", left, (int)strcspn(c->help, "\n"), c->help);
	}
	printf("\nYou may also send a command to a node using:\n"
	       "  <node> command {args}\n"
	       "For example:\n"
	       "  detnet> h1 ip addr\n\n"
	       "Node names after the first word become their addresses, so commands like\n"
	       "  detnet> h2 ping h3\n"
	       "work. A command that ends with & goes on in the background.\n");
	return 0;
}

const struct shell_command shell_commands[] = {
	{ "help", "[command]", "List the commands, or explain one.", shell_help },
	{ "nodes", "", "List the nodes.", shell_nodes },
	{ "net", "", "List the interfaces and what each is connected to.", shell_net },
	{ "links", "", "List the links.", shell_links },
	{ "link", "A B [CHANGE]",
	  "Show a link, bring it up or down, or change what it does (delay=10ms loss=1%).\n"
	  "    One way: link A B > delay=10ms. Keys that are not named stay; none takes one (loss=none)\n"
	  "    or all of them back. The keys are those of [link], see detnet-topology(5).", shell_link },
	{ "dump", "", "List the nodes with their addresses and the pid of each host's init.",
	  shell_dump },
	{ "intfs", "", "List the interfaces of each node.", shell_intfs },
	{ "pingall", "[timeout]", "Ping between all hosts, at most so many seconds for an answer.",
	  shell_pingall },
	{ "capture", "[start|stop]",
	  "Capture all packets with their senders, or tell how it goes.\n"
	  "    capture start [FILE] [FILTER]  into a new file, whose name ends in .pcapng or .pcap;\n"
	  "                                   without one capture.pcapng, capture-2.pcapng and so on\n"
	  "    capture stop                   completes the file\n"
	  "    h1 capture [-c N] [FILTER]     prints a host's packets, or N of them, until Ctrl-C\n"
	  "    The filter is pcap-filter(7)'s, in quotes or not; names of nodes stand for their addresses.",
	  shell_capture },
	{ "sh", "command", "Run a command on the machine itself.", shell_sh },
	{ "exit", "", "Leave, and take the network down.", shell_exit },
	{ "quit", "", "Leave, and take the network down.", shell_exit },
	{ "EOF", "", "Leave, and take the network down.", shell_exit },
	{ 0 },
};

int shell_fail(const struct err *err)
{
	for (size_t i = 0; i < err->n; i++)
		fprintf(stderr, "*** %s\n", err->items[i].msg);
	return 1;
}

static void take_signals(void *arg, uint32_t events)
{
	struct shell *sh = arg;

	(void)events;
	for (int signo; (signo = signals_next(sh->signal_fd));) {
		if (signo == SIGINT)
			sh->interrupted = true;
		else if (signo == SIGWINCH)
			sh->resized = sh->terminal;
		else
			sh->leave = true;
		if (sh->leave || (signo == SIGINT && sh->script))
			sh->signal = signo;
	}
}

bool shell_ends(struct shell *sh)
{
	take_signals(sh, 0);
	sh->leave |= sh->signal != 0;
	return sh->leave;
}

void shell_wait(struct shell *sh)
{
	int r = loop_once(sh->loop, -1);

	take_signals(sh, 0); /* one that came with an event belongs to what the event is about */
	if (r < 0 && r != -EINTR) {
		fprintf(stderr, "*** event loop: %s\n", strerror(-r));
		sh->leave = true;
	}
}

static int unknown(struct shell *sh, const char *word)
{
	size_t max = sh->net->n_nodes + 16, n = 0;
	_cleanup_free_ const char **words = calloc(max, sizeof(*words));
	const char *near;

	for (const struct shell_command *c = shell_commands; words && c->name && n < max; c++)
		words[n++] = c->name;
	for (size_t i = 0; words && i < sh->net->n_nodes && n < max; i++)
		words[n++] = sh->net->nodes[i].name;
	near = words ? err_nearest(word, words, n) : NULL;
	fprintf(stderr, "*** Unknown command: %s%s%s%s\n", word, near ? " (did you mean " : "",
		near ? near : "", near ? "?)" : "");
	return 127;
}

/* Splits off the first word; returns the rest without white space around it. */
static char *split(char *line, char **ret_word)
{
	char *end = line + strlen(line), *rest;

	while (end > line && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*line))
		line++;
	*ret_word = line;
	rest = line + strcspn(line, " \t");
	if (*rest)
		*rest++ = '\0';
	return rest + strspn(rest, " \t");
}

int shell_line(struct shell *sh, char *line)
{
	const struct shell_command *c = shell_commands;
	char *word, *args = split(line, &word);
	uint32_t node;
	int status;

	if (!*word || *word == '#')
		return 0;
	sh->interrupted = false;
	for (; c->name && strcmp(c->name, word); c++)
		;
	if (c->name)
		status = c->run(sh, args);
	else if ((node = net_find(sh->net, word)) != NET_NONE)
		status = shell_node(sh, node, args);
	else
		status = unknown(sh, word);
	fflush(stdout);
	shell_reap_jobs(sh);
	if (status && !sh->first_failure)
		sh->first_failure = status;
	return status;
}

void shell_text(struct shell *sh, const char *text)
{
	sh->script = true;
	while (*text && !shell_ends(sh)) {
		const char *end = strchrnul(text, '\n');
		_cleanup_free_ char *line = strndup(text, (size_t)(end - text));

		if (!line)
			return;
		shell_line(sh, line);
		text = end + (*end == '\n');
	}
}

int shell_init(struct shell *sh, struct emu *emu, struct loop *loop, struct err *err)
{
	int r;

	*sh = (struct shell){ .net = emu_net(emu), .emu = emu, .loop = loop, .stdin_fd = -1 };
	sh->signal_fd = signals_open(true);
	if (sh->signal_fd < 0)
		return err_sys(err, -sh->signal_fd, "cannot watch signals");
	r = loop_add_fd(loop, sh->signal_fd, EPOLLIN, take_signals, sh);
	if (r) {
		close(sh->signal_fd);
		return err_sys(err, -r, "cannot watch signals");
	}
	return 0;
}

void shell_fini(struct shell *sh)
{
	while (sh->jobs) {
		struct shell_job *j = sh->jobs;

		sh->jobs = j->next;
		prog_free(j->prog);
		free(j);
	}
	timeline_stop(sh->timeline);
	shell_capture_end(sh);
	loop_del_fd(sh->loop, sh->signal_fd);
	close(sh->signal_fd);
}
