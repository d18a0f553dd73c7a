/*
 * Loads the BPF programs of the best rung that this kernel takes and attaches them to a run.
 *
 * Everything is held by fds: links and maps go when this process goes, and the egress filters go
 * with their interfaces. A rung is a row of a table; the first that loads is used.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include "capture/sender/procfs.h"
#include "capture/sender/tag.h"
#include "core/log.h"
#include "rung_cgroup.skel.h"
#include "rung_fentry.skel.h"
#include "rung_raw_tp.skel.h"

const char *const tag_rung_name[] = { "none", "cgroup", "raw_tp", "fentry" };

#define MAX_LINKS 32

struct tag {
	enum tag_rung rung;
	struct rung_cgroup_bpf *cgroup; /* one of the skeletons, by rung */
	struct rung_raw_tp_bpf *raw_tp;
	struct rung_fentry_bpf *fentry;
	struct bpf_object *obj; /* of the skeleton */
	int egress_fd;
	uint32_t *next_owner; /* shared with BPF */
	const uint64_t *lost, *lost_owners;
	struct bpf_link *links[MAX_LINKS];
	size_t n_links;
	struct ring_buffer *processes, *ready;
	pthread_mutex_t reading; /* of processes: more than one thread does */
	struct owners *owners;
	tag_ready_fn *ready_fn;
	void *ready_arg;
	uint32_t own_counter; /* ids where there is no BPF */
};

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0; /* a rung that is refused is no news; the error comes back as errno */
}

/* What every rung's skeleton has, see egress.bpf.h. */
static void use(struct tag *t, struct bpf_object *obj, const struct bpf_program *egress,
		uint32_t *next_owner, const __u64 *lost, const __u64 *lost_owners)
{
	t->obj = obj;
	t->egress_fd = bpf_program__fd(egress);
	t->next_owner = next_owner;
	t->lost = (const uint64_t *)lost;
	t->lost_owners = (const uint64_t *)lost_owners;
}

#define use_skeleton(t, s)                                                         \
	use(t, (s)->obj, (s)->progs.egress, &(s)->data->next_owner, &(s)->bss->lost_events, \
	    &(s)->bss->lost_owners)

/* Does the hook tell the process at a socket? The others say when a server is ready. */
static bool tells_process(const struct bpf_program *p)
{
	return bpf_program__type(p) == BPF_PROG_TYPE_CGROUP_SOCK_ADDR ||
	       !strcmp(bpf_program__section_name(p), "cgroup/sock_create");
}

static int load_cgroup(bool processes, bool tasks, struct rung_cgroup_bpf **ret)
{
	struct rung_cgroup_bpf *s = rung_cgroup_bpf__open();
	struct bpf_program *p;
	int r;

	if (!s)
		return -errno;
	bpf_object__for_each_program(p, s->obj)
		if (tells_process(p))
			bpf_program__set_autoload(p, processes);
	s->rodata->processes = processes;
	s->rodata->tasks = tasks;
	r = rung_cgroup_bpf__load(s);
	if (r < 0) {
		rung_cgroup_bpf__destroy(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* BPF says no more of a process than its pid in the initial namespace, which /proc must know. */
static int open_cgroup(struct tag *t)
{
	bool processes = procfs_is_initial();
	int r = processes ? load_cgroup(true, true, &t->cgroup) : -EOPNOTSUPP;

	if (r < 0 && processes)
		r = load_cgroup(true, false, &t->cgroup);
	if (r < 0)
		r = load_cgroup(false, false, &t->cgroup);
	if (r < 0)
		return r;
	use_skeleton(t, t->cgroup);
	return 0;
}

/* Is the tracepoint in this kernel's BTF? */
static bool have_tracepoint(const struct btf *btf, const char *name)
{
	char type[64];

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	return btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) > 0;
}

static int open_raw_tp(struct tag *t)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct rung_raw_tp_bpf *s = NULL;
	int r = -EOPNOTSUPP;

	if (btf && have_tracepoint(btf, "sock_send_length")) {
		s = rung_raw_tp_bpf__open();
		r = s ? 0 : -errno;
	}
	if (s) {
		/* Linux 6.16; before it, a socket's first bytes may carry whom it was inherited from. */
		bool before_send = have_tracepoint(btf, "tcp_sendmsg_locked");

		bpf_program__set_autoload(s->progs.on_tcp_send, before_send);
		bpf_program__set_autoload(s->progs.on_sent, !before_send);
		r = rung_raw_tp_bpf__load(s);
	}
	btf__free(btf);
	if (r < 0) {
		rung_raw_tp_bpf__destroy(s);
		return r;
	}
	t->raw_tp = s;
	use_skeleton(t, s);
	return 0;
}

/* Leaves out the hooks of functions that this kernel has not. */
static void choose_functions(struct bpf_object *obj, const struct btf *btf)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, obj) {
		const char *section = bpf_program__section_name(p), *name = strchr(section, '/');

		if (name && (!strncmp(section, "fentry/", 7) || !strncmp(section, "fexit/", 6)))
			bpf_program__set_autoload(
				p, btf__find_by_name_kind(btf, name + 1, BTF_KIND_FUNC) > 0);
	}
}

/* Some kernels load such a program, and refuse to attach it. */
static int try_attach(struct bpf_program *p)
{
	struct bpf_link *link = bpf_program__attach(p);

	if (!link)
		return -errno;
	bpf_link__destroy(link);
	return 0;
}

static int open_fentry(struct tag *t)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct rung_fentry_bpf *s;
	int r;

	if (!btf)
		return -EOPNOTSUPP;
	s = rung_fentry_bpf__open();
	r = s ? 0 : -errno;
	if (s) {
		choose_functions(s->obj, btf);
		r = bpf_program__autoload(s->progs.on_tcp) ? rung_fentry_bpf__load(s) : -EOPNOTSUPP;
	}
	btf__free(btf);
	if (r == 0)
		r = try_attach(s->progs.on_tcp);
	if (r < 0) {
		rung_fentry_bpf__destroy(s);
		return r;
	}
	t->fentry = s;
	use_skeleton(t, s);
	return 0;
}

static const struct rung_ops {
	enum tag_rung rung;
	int (*open)(struct tag *t);
} rungs[] = {
	{ TAG_RUNG_FENTRY, open_fentry },
	{ TAG_RUNG_RAW_TP, open_raw_tp },
	{ TAG_RUNG_CGROUP, open_cgroup },
};

static int map_fd(const struct tag *t, const char *name)
{
	return bpf_object__find_map_fd_by_name(t->obj, name);
}

/* Each interface's kernel: a host's own, and a switch's for its bridge. */
static int fill_kernel_owners(struct tag *t, const struct net *net)
{
	int fd = map_fd(t, "kernel_owner");

	for (size_t i = 0; i < net->n_ifaces; i++) {
		const struct iface *ifc = &net->ifaces[i];
		uint32_t key = ifc->ifindex, value = OWNER_KERNEL(ifc->node);

		if (bpf_map_update_elem(fd, &key, &value, BPF_ANY) < 0)
			return -errno;
	}
	return 0;
}

int tag_open(const struct net *net, enum tag_rung max, struct tag **ret, struct err *err)
{
	struct tag *t = calloc(1, sizeof(*t));
	int r = -EOPNOTSUPP;

	if (!t)
		return -ENOMEM;
	pthread_mutex_init(&t->reading, NULL);
	t->egress_fd = -1;
	t->own_counter = OWNER_FIRST;
	t->next_owner = &t->own_counter;
	libbpf_set_print(quiet);
	for (size_t i = 0; i < ARRAY_SIZE(rungs); i++) {
		if (rungs[i].rung > max)
			continue;
		r = rungs[i].open(t);
		if (r == 0) {
			t->rung = rungs[i].rung;
			break;
		}
		log_debug("tag rung %s: %s", tag_rung_name[rungs[i].rung], strerror(-r));
	}
	if (t->rung != TAG_RUNG_NONE) {
		r = fill_kernel_owners(t, net);
		if (r < 0) {
			tag_close(t);
			return err_sys(err, -r, "cannot fill the tag's table of interfaces");
		}
	} else if (max != TAG_RUNG_NONE) {
		log_info("no BPF programs may be loaded here: senders are inferred");
	}
	*ret = t;
	return 0;
}

void tag_close(struct tag *t)
{
	if (!t)
		return;
	while (t->n_links)
		bpf_link__destroy(t->links[--t->n_links]);
	ring_buffer__free(t->processes);
	ring_buffer__free(t->ready);
	rung_cgroup_bpf__destroy(t->cgroup);
	rung_raw_tp_bpf__destroy(t->raw_tp);
	rung_fentry_bpf__destroy(t->fentry);
	pthread_mutex_destroy(&t->reading);
	free(t);
}

enum tag_rung tag_rung_of(const struct tag *t)
{
	return t->rung;
}

int tag_egress_fd(const struct tag *t)
{
	return t->egress_fd;
}

/* Cgroup programs go to the run's cgroup, tracepoints are global, the egress filter is emu's. */
static int attach_program(struct tag *t, struct bpf_program *p, int cgroup_fd)
{
	struct bpf_link *link;

	if (!bpf_program__autoload(p))
		return 0;
	switch (bpf_program__type(p)) {
	case BPF_PROG_TYPE_SCHED_CLS:
		return 0;
	case BPF_PROG_TYPE_TRACING:
		link = bpf_program__attach(p);
		break;
	default:
		link = bpf_program__attach_cgroup(p, cgroup_fd);
		break;
	}
	if (!link)
		return -errno;
	if (t->n_links == MAX_LINKS) {
		bpf_link__destroy(link);
		return -E2BIG;
	}
	t->links[t->n_links++] = link;
	return 0;
}

static int on_process_event(void *ctx, void *data, size_t size)
{
	struct tag *t = ctx;
	struct tag_event ev = { 0 };

	if (t->rung != TAG_RUNG_CGROUP) {
		owners_event(t->owners, data);
		return 0;
	}
	memcpy(&ev, data, size < sizeof(ev) ? size : sizeof(ev));
	procfs_complete(&ev); /* if it has ended, the row says what BPF knew */
	owners_event(t->owners, &ev);
	return 0;
}

static int on_ready_event(void *ctx, void *data, size_t size)
{
	const struct tag_ready *ev = data;
	struct tag *t = ctx;

	t->ready_fn(t->ready_arg, ev->netns, ev->proto, ev->port);
	return 0;
}

static int open_buffers(struct tag *t)
{
	t->ready = ring_buffer__new(map_fd(t, "ready_events"), on_ready_event, t, NULL);
	if (!t->ready)
		return -errno;
	t->processes = ring_buffer__new(map_fd(t, "process_events"), on_process_event, t, NULL);
	return t->processes ? 0 : -errno;
}

int tag_attach(struct tag *t, int cgroup_fd, struct owners *owners, struct err *err)
{
	struct bpf_program *p;
	uint32_t zero = 0;
	int r;

	t->owners = owners;
	if (t->rung == TAG_RUNG_NONE)
		return 0;
	r = open_buffers(t);
	if (r < 0)
		return err_sys(err, -r, "cannot open the tag's event buffers");
	if (t->rung >= TAG_RUNG_RAW_TP &&
	    bpf_map_update_elem(map_fd(t, "run_cgroup"), &zero, &cgroup_fd, BPF_ANY) < 0)
		return err_sys(err, errno, "cannot tell the tag the run's cgroup");
	bpf_object__for_each_program(p, t->obj) {
		r = attach_program(t, p, cgroup_fd);
		if (r < 0)
			return err_sys(err, -r, "cannot attach the tag's program %s",
				       bpf_program__name(p));
	}
	return 0;
}

int tag_set_program(struct tag *t, uint64_t cgroup_id, uint32_t owner)
{
	if (t->rung == TAG_RUNG_NONE)
		return 0;
	if (bpf_map_update_elem(map_fd(t, "cgroup_owner"), &cgroup_id, &owner, BPF_ANY) < 0)
		return -errno;
	return 0;
}

int tag_read_processes(struct tag *t)
{
	int n = 0;

	if (t->processes) {
		pthread_mutex_lock(&t->reading);
		n = ring_buffer__consume(t->processes);
		pthread_mutex_unlock(&t->reading);
	}
	return n;
}

int tag_processes_fd(const struct tag *t)
{
	return t->processes ? ring_buffer__epoll_fd(t->processes) : -1;
}

void tag_forget_process(struct tag *t, uint32_t pid)
{
	if (t->rung == TAG_RUNG_CGROUP)
		bpf_map_delete_elem(map_fd(t, "process_owner"), &pid);
}

uint64_t tag_lost_events(const struct tag *t)
{
	return t->lost ? __atomic_load_n(t->lost, __ATOMIC_RELAXED) : 0;
}

int tag_ready_fd(const struct tag *t)
{
	return t->ready ? ring_buffer__epoll_fd(t->ready) : -1;
}

int tag_read_ready(struct tag *t, tag_ready_fn *fn, void *arg)
{
	if (!t->ready)
		return 0;
	t->ready_fn = fn;
	t->ready_arg = arg;
	return ring_buffer__consume(t->ready);
}

uint64_t tag_lost_owners(const struct tag *t)
{
	uint64_t n = t->lost_owners ? __atomic_load_n(t->lost_owners, __ATOMIC_RELAXED) : 0;

	return n + (t->owners ? owners_lost(t->owners) : 0);
}

uint32_t tag_new_owner(struct tag *t)
{
	uint32_t id = __atomic_fetch_add(t->next_owner, 1, __ATOMIC_RELAXED);

	return id <= OWNER_MASK ? id : OWNER_NONE;
}
