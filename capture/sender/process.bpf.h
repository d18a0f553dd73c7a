/*
 * The processes of a run where the kernel has BTF: an owner id for each that uses sockets, and the
 * events of fork, exec and exit for user space.
 *
 * A process of the run gets an owner id at its first use of a socket, and another after each exec:
 * that is when it becomes another program. Its event is sent to user space before any packet of it can
 * leave, so the capture knows each owner by the time it meets it.
 */
/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
#ifndef CAPTURE_PROCESS_BPF_H
#define CAPTURE_PROCESS_BPF_H

#include "capture/sender/egress.bpf.h"
#include <linux/errno.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

/* The parts of kernel structures that are read; CO-RE finds where they are. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct upid {
	int nr;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};
struct kernfs_node {
	__u64 id;
};
struct cgroup {
	struct kernfs_node *kn;
};
struct css_set {
	struct cgroup *dfl_cgrp;
};
typedef struct {
	int counter;
} atomic_t;
struct signal_struct {
	atomic_t live;
};
struct mm_struct {
	unsigned long arg_start, arg_end;
};
struct linux_binprm {
	const char *filename;
};
struct task_struct {
	int pid, tgid;
	__u64 start_boottime;
	struct task_struct *real_parent, *group_leader;
	struct pid *thread_pid;
	struct css_set *cgroups;
	struct signal_struct *signal;
	struct mm_struct *mm;
	char comm[TAG_COMM_LEN];
};
#pragma clang attribute pop

/* Owner ids of running processes, by thread group. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 17);
	__type(key, __u32);
	__type(value, __u32);
} process_owner SEC(".maps");

/*
 * The same by the address of a thread's task, which is what one has at hand. Task storage would be for
 * that, but tc programs cannot read it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 17);
	__type(key, __u64);
	__type(value, __u32);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} run_cgroup SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 * 1024 * 1024);
} process_events SEC(".maps");

/* The pid of a task in the namespace that is at level, 0 where it is not seen. */
static __always_inline __u32 pid_at(struct task_struct *task, unsigned int level)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	int nr = 0;

	if (!pid || BPF_CORE_READ(pid, level) < level)
		return 0;
	bpf_probe_read_kernel(&nr, sizeof(nr),
			      (void *)pid + bpf_core_field_offset(pid->numbers) +
				      level * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(struct upid, nr));
	return nr;
}

/* Fills what every event has. */
static __always_inline void describe(struct tag_event *ev, __u32 type, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct task_struct *parent = BPF_CORE_READ(leader, real_parent);
	unsigned int level = BPF_CORE_READ(leader, thread_pid, level);

	ev->type = type;
	ev->pid = BPF_CORE_READ(task, tgid);
	ev->ppid = BPF_CORE_READ(parent, tgid);
	ev->ns_pid = pid_at(leader, level);
	ev->ns_ppid = pid_at(parent, level);
	ev->owner = OWNER_NONE;
	ev->forked_by = 0;
	ev->start = BPF_CORE_READ(leader, start_boottime);
	ev->cgroup = BPF_CORE_READ(leader, cgroups, dfl_cgrp, kn, id);
	BPF_CORE_READ_STR_INTO(&ev->comm, leader, comm);
	ev->exe_len = 0;
	ev->args_len = 0;
}

#define EVENT_SHORT __builtin_offsetof(struct tag_event, exe)

static __always_inline struct tag_event *event_new(__u64 size)
{
	struct tag_event *ev = bpf_ringbuf_reserve(&process_events, size, 0);

	if (!ev)
		__sync_fetch_and_add(&lost_events, 1);
	return ev;
}

static __always_inline bool in_run(void)
{
	return bpf_current_task_under_cgroup(&run_cgroup, 0) == 1;
}

/* The owner id of the process that task is of; a new one at its first use of a socket. */
static __always_inline __u32 owner_of_process(struct task_struct *task)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);
	__u32 *found = bpf_map_lookup_elem(&process_owner, &tgid), id;
	struct tag_event *ev;
	long err;

	if (found)
		return *found;
	id = __sync_fetch_and_add(&next_owner, 1);
	if (id > OWNER_MASK) {
		__sync_fetch_and_add(&lost_owners, 1);
		return OWNER_NONE;
	}
	/* First the event, then the id where another thread can find it and send under it. */
	ev = event_new(EVENT_SHORT);
	if (!ev)
		return OWNER_NONE;
	describe(ev, TAG_EV_OWNER, task);
	ev->owner = id;
	bpf_ringbuf_submit(ev, 0);
	err = bpf_map_update_elem(&process_owner, &tgid, &id, BPF_NOEXIST);
	if (!err)
		return id;
	if (err != -EEXIST) {
		__sync_fetch_and_add(&lost_owners, 1);
		return OWNER_NONE;
	}
	/* Another thread was faster; its id counts, ours stays unused. */
	found = bpf_map_lookup_elem(&process_owner, &tgid);
	return found ? *found : OWNER_NONE;
}

/* The owner id of the current thread's process, if it is known already. */
static __always_inline __u32 known_owner(void)
{
	__u64 key = bpf_get_current_task();
	__u32 *found = bpf_map_lookup_elem(&threads, &key);

	return found ? *found : OWNER_NONE;
}

static __always_inline __u32 learn_owner(void)
{
	__u64 key = bpf_get_current_task();
	__u32 owner = owner_of_process((struct task_struct *)key);

	if (owner)
		bpf_map_update_elem(&threads, &key, &owner, BPF_ANY);
	return owner;
}

/* The owner id of the current process, OWNER_NONE if it is not of the run. */
static __always_inline __u32 current_owner(bool known_in_run)
{
	__u32 owner = known_owner();

	if (owner || (!known_in_run && !in_run()))
		return owner;
	return learn_owner();
}

/* The same where in_run() is not to be had: each program of the run has a cgroup, and cannot leave it. */
static __always_inline __u32 current_sender(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 owner = known_owner();
	__u64 cgroup;

	if (owner)
		return owner;
	cgroup = BPF_CORE_READ(task, group_leader, cgroups, dfl_cgrp, kn, id);
	return bpf_map_lookup_elem(&cgroup_owner, &cgroup) ? learn_owner() : OWNER_NONE;
}

static __always_inline void forget_thread(struct task_struct *task)
{
	__u64 key = (__u64)task;

	bpf_map_delete_elem(&threads, &key);
}

static __always_inline void forget_process(struct task_struct *task)
{
	__u32 tgid = task->tgid;

	bpf_map_delete_elem(&process_owner, &tgid);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct tag_event *ev;

	if (child->pid != child->tgid || !in_run()) /* a thread is no process */
		return 0;
	ev = event_new(EVENT_SHORT);
	if (!ev)
		return 0;
	describe(ev, TAG_EV_FORK, child);
	ev->forked_by = parent->tgid;
	bpf_ringbuf_submit(ev, 0);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	unsigned long start, end;
	struct tag_event *ev;
	__u32 len;
	long got;

	if (!in_run())
		return 0;
	forget_thread(task);
	forget_process(task);
	ev = event_new(sizeof(*ev));
	if (!ev)
		return 0;
	describe(ev, TAG_EV_EXEC, task);
	got = bpf_probe_read_kernel_str(ev->exe, sizeof(ev->exe), BPF_CORE_READ(bprm, filename));
	ev->exe_len = got > 0 ? got : 0;
	start = BPF_CORE_READ(task, mm, arg_start);
	end = BPF_CORE_READ(task, mm, arg_end);
	len = end - start;
	ev->args_len = len;
	if (len > TAG_ARGS_LEN)
		len = TAG_ARGS_LEN;
	if (len && bpf_probe_read_user(ev->args, len, (void *)start))
		ev->args_len = 0;
	bpf_ringbuf_submit(ev, 0);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct tag_event *ev;

	forget_thread(task);
	if (BPF_CORE_READ(task, signal, live.counter) > 0 || !in_run())
		return 0;
	forget_process(task);
	ev = event_new(EVENT_SHORT);
	if (!ev)
		return 0;
	describe(ev, TAG_EV_EXIT, task);
	bpf_ringbuf_submit(ev, 0);
	return 0;
}

#endif
