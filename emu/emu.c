/*
 * The life of a running network: its order of making and of removal, and what others may ask of it.
 *
 * What is made is entered in struct emu at once, so emu_down() undoes a build that failed midway
 * and a whole one alike. The run folder comes first and goes last: whatever moment we die at,
 * the next start finds by it what is left.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "emu/build.h"
#include "emu/netns.h"
#include "emu/shaper/shaper.h"

#define FDS_NODE  7   /* namespace, init, its pidfd, cgroup, its capture, and two for a program */
#define FDS_OTHER 256 /* everything that does not grow with the network */

/* The soft limit, for those who use select(), is far below what a large network needs. */
static int raise_fd_limit(const struct net *net, struct err *err)
{
	rlim_t need = net->n_nodes * FDS_NODE + FDS_OTHER;
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return err_sys(err, errno, "cannot read the limit of open files");
	if (l.rlim_cur >= need)
		return 0;
	if (l.rlim_max < net->n_nodes + FDS_OTHER)
		return err_missing(err, "a network of %zu nodes needs %ju open files, and the "
					"limit is %ju; raise it (ulimit -Hn)",
				   net->n_nodes, (uintmax_t)need, (uintmax_t)l.rlim_max);
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l) < 0)
		return err_sys(err, errno, "cannot raise the limit of open files");
	return 0;
}

static int copy_binds(struct emu *e, const struct emu_opts *opts)
{
	size_t i;

	e->binds = calloc(opts->n_binds ? opts->n_binds : 1, sizeof(*e->binds));
	if (!e->binds)
		return -ENOMEM;
	e->n_binds = opts->n_binds;
	for (i = 0; i < opts->n_binds; i++) {
		e->binds[i].source = strdup(opts->binds[i].source);
		e->binds[i].path = strdup(opts->binds[i].path);
		if (!e->binds[i].source || !e->binds[i].path)
			return -ENOMEM;
	}
	return 0;
}

/* As the model has them. */
static int copy_links(struct emu *e)
{
	size_t i;

	e->links = calloc(e->net->n_links ? e->net->n_links : 1, sizeof(*e->links));
	if (!e->links)
		return -ENOMEM;
	for (i = 0; i < e->net->n_links; i++) {
		e->links[i].up = true;
		shape_copy(&e->links[i].shape[0], &e->net->links[i].shape[0]);
		shape_copy(&e->links[i].shape[1], &e->net->links[i].shape[1]);
	}
	return 0;
}

static int emu_new(const struct net *net, const struct emu_opts *opts, struct loop *loop,
		   struct emu **ret)
{
	struct emu *e = calloc(1, sizeof(*e));
	size_t i;
	int r = 0;

	if (!e)
		return -ENOMEM;
	e->net = net;
	e->loop = loop;
	e->run.lock_fd = -1;
	e->fabric_fd = -1;
	e->egress_bpf_fd = -1;
	e->next_prog = 1;
	e->offload = opts->offload || net->offload;
	e->sealed = opts->sealed;
	e->tls_keys = opts->tls_keys;
	e->hosts = calloc(net->n_nodes ? net->n_nodes : 1, sizeof(*e->hosts));
	for (i = 0; e->hosts && i < net->n_nodes; i++)
		e->hosts[i] = (struct host){ .emu = e, .node = i, .ns_fd = -1, .init_fd = -1,
					     .pidfd = -1, .cgroup_fd = -1 };
	if (opts->share_dir)
		e->share_dir = strdup(opts->share_dir);
	if (e->hosts && (!opts->share_dir || e->share_dir))
		r = copy_binds(e, opts);
	else
		r = -ENOMEM;
	if (r >= 0)
		r = copy_links(e);
	/* Links that are made anew need it as long as the network is. */
	if (r >= 0 && opts->egress_bpf_fd >= 0) {
		e->egress_bpf_fd = fcntl(opts->egress_bpf_fd, F_DUPFD_CLOEXEC, 0);
		r = e->egress_bpf_fd < 0 ? -errno : 0;
	}
	if (r < 0) {
		emu_down(e);
		return r;
	}
	*ret = e;
	return 0;
}

static void sweep(void)
{
	_cleanup_err_ struct err err = { 0 };
	int n = rundir_sweep(&err);

	/* Not being able to is the dead run's trouble, not this one's. */
	if (n < 0)
		log_warn("%s", err.n ? err.items[0].msg : strerror(-n));
	else if (n > 0)
		log_info("swept what %d dead run%s left", n, n == 1 ? "" : "s");
}

static int build(struct emu *e, struct err *err)
{
	int r;

	/* The fabric first: it says at once whether we may, and nothing of it needs undoing. */
	r = netns_new(&e->fabric_fd, 1, false, err);
	if (r < 0)
		return r;
	r = build_check(e, err);
	if (r < 0)
		return r;
	r = raise_fd_limit(e->net, err);
	if (r < 0)
		return r;
	sweep();
	r = rundir_open(&e->run, err);
	if (r < 0)
		return r;
	r = cgroup_open(e->run.id, &e->cgroup, err);
	if (r < 0)
		return r;
	r = build_namespaces(e, err);
	return r < 0 ? r : build_network(e, err);
}

int emu_up(const struct net *net, const struct emu_opts *opts, struct loop *loop, struct emu **ret,
	   struct err *err)
{
	struct emu *e;
	int r;

	r = emu_new(net, opts, loop, &e);
	if (r < 0)
		return err_sys(err, -r, "cannot make the network %s", net->name);
	r = build(e, err);
	if (r < 0) {
		if (!err->n)
			err_sys(err, -r, "cannot make the network %s", net->name);
		emu_down(e);
		return r;
	}
	*ret = e;
	return 0;
}

/* All at once, so that they die side by side and the kernel removes their namespaces in one go. */
static void end_hosts(struct emu *e)
{
	size_t i;

	for (i = 0; i < e->net->n_nodes; i++)
		host_kill(&e->hosts[i]);
	for (i = 0; i < e->net->n_nodes; i++)
		host_reap(&e->hosts[i]);
	for (i = 0; i < e->net->n_nodes; i++) {
		if (e->hosts[i].ns_fd >= 0)
			close(e->hosts[i].ns_fd);
	}
}

static void free_links(struct emu *e)
{
	size_t i;

	for (i = 0; e->links && i < e->net->n_links; i++) {
		shape_clear(&e->links[i].shape[0]);
		shape_clear(&e->links[i].shape[1]);
	}
	free(e->links);
}

static void free_strings(struct emu *e)
{
	size_t i;

	for (i = 0; i < e->n_binds; i++) {
		free((char *)e->binds[i].source);
		free((char *)e->binds[i].path);
	}
	free(e->binds);
	free(e->share_dir);
}

void emu_down(struct emu *e)
{
	int r = 0;

	if (!e)
		return;
	if (e->hosts)
		end_hosts(e);
	shaper_close(e->shaper);
	if (e->fabric_fd >= 0)
		close(e->fabric_fd);
	if (e->egress_bpf_fd >= 0)
		close(e->egress_bpf_fd);
	if (e->cgroup)
		r = cgroup_close(e->cgroup);
	if (r < 0) {
		/* The folder stays, unlocked: by it the next start finds the cgroups. */
		log_warn("cannot remove the cgroups of run %s: %s", e->run.id, strerror(-r));
		close(e->run.lock_fd);
	} else {
		rundir_close(&e->run);
	}
	host_close_files(e);
	free_strings(e);
	free_links(e);
	free(e->hosts);
	free(e);
}

int emu_tag(struct emu *e, int egress_bpf_fd)
{
	if (egress_bpf_fd < 0 || e->egress_bpf_fd >= 0)
		return egress_bpf_fd < 0 ? -EBADF : -EALREADY;
	e->egress_bpf_fd = fcntl(egress_bpf_fd, F_DUPFD_CLOEXEC, 0);
	if (e->egress_bpf_fd < 0)
		return -errno;
	build_tag(e);
	return 0;
}

const struct net *emu_net(const struct emu *e)
{
	return e->net;
}

const char *emu_run_id(const struct emu *e)
{
	return e->run.id;
}

int emu_cgroup_fd(const struct emu *e)
{
	return cgroup_fd(e->cgroup);
}

int emu_fabric_ns(const struct emu *e)
{
	return e->fabric_fd;
}

int emu_node_ns(const struct emu *e, uint32_t node)
{
	return node_kinds[e->net->nodes[node].kind].has_ns ? e->hosts[node].ns_fd : e->fabric_fd;
}

pid_t emu_node_init(const struct emu *e, uint32_t node)
{
	return e->hosts[node].pid;
}
