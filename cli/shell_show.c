/* Shell commands that show the network, in Mininet's formats: nodes net dump intfs. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/shell.h"

/* "h2" before "h10": digits compare as numbers, as people and Mininet sort them. */
static int compare_names(const void *a, const void *b)
{
	return strverscmp(*(const char *const *)a, *(const char *const *)b);
}

int shell_nodes(struct shell *sh, char *args)
{
	const struct net *net = sh->net;
	_cleanup_free_ const char **names = calloc(net->n_nodes + 1, sizeof(*names));

	(void)args;
	if (!names)
		return 1;
	for (size_t i = 0; i < net->n_nodes; i++)
		names[i] = net->nodes[i].name;
	qsort(names, net->n_nodes, sizeof(*names), compare_names);
	puts("available nodes are: ");
	for (size_t i = 0; i < net->n_nodes; i++)
		printf("%s%s", i ? " " : "", names[i]);
	putchar('\n');
	return 0;
}

/* Calls show for hosts first, then routers, then switches: Mininet's order. */
static int each_node(struct shell *sh, void (*show)(struct shell *sh, const struct node *n))
{
	static const enum node_kind order[] = { NODE_HOST, NODE_ROUTER, NODE_SWITCH };
	const struct net *net = sh->net;

	for (size_t k = 0; k < ARRAY_SIZE(order); k++)
		for (size_t i = 0; i < net->n_nodes; i++)
			if (net->nodes[i].kind == order[k])
				show(sh, &net->nodes[i]);
	return 0;
}

static void show_net(struct shell *sh, const struct node *n)
{
	const struct net *net = sh->net;

	printf("%s%s", n->name, n->kind == NODE_SWITCH ? " lo: " : "");
	for (size_t i = 0; i < n->n_ifaces; i++)
		printf(" %s:%s", net->ifaces[n->ifaces[i]].name,
		       net->ifaces[net_peer(net, n->ifaces[i])].name);
	putchar('\n');
}

int shell_net(struct shell *sh, char *args)
{
	(void)args;
	return each_node(sh, show_net);
}

static void show_dump(struct shell *sh, const struct node *n)
{
	static const char *const class[NODE_KINDS] = {
		[NODE_HOST] = "Host", [NODE_SWITCH] = "LinuxBridge", [NODE_ROUTER] = "LinuxRouter",
	};
	bool is_switch = n->kind == NODE_SWITCH;
	pid_t pid = is_switch ? 0 : emu_node_init(sh->emu, (uint32_t)(n - sh->net->nodes));
	char buf[16];

	printf("<%s %s: %s", class[n->kind], n->name, is_switch ? "lo:127.0.0.1" : "");
	for (size_t i = 0; i < n->n_ifaces; i++) {
		const struct iface *f = &sh->net->ifaces[n->ifaces[i]];

		printf("%s%s:%s", i || is_switch ? "," : "", f->name,
		       f->addr ? net_format_addr(buf, f->addr) : "None");
	}
	if (pid)
		printf(" pid=%d> \n", (int)pid);
	else
		puts(" pid=None> ");
}

int shell_dump(struct shell *sh, char *args)
{
	(void)args;
	return each_node(sh, show_dump);
}

static void show_intfs(struct shell *sh, const struct node *n)
{
	bool is_switch = n->kind == NODE_SWITCH;

	printf("%s: %s", n->name, is_switch ? "lo" : "");
	for (size_t i = 0; i < n->n_ifaces; i++)
		printf("%s%s", i || is_switch ? "," : "", sh->net->ifaces[n->ifaces[i]].name);
	putchar('\n');
}

int shell_intfs(struct shell *sh, char *args)
{
	(void)args;
	return each_node(sh, show_intfs);
}
