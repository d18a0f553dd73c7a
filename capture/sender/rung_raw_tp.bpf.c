/*
 * The raw_tp rung: a packet's owner is the process that last wrote to (or made, connected, read
 * from) its socket, learnt in that process's own context.
 *
 * Theory of operation. A process of the run gets an owner id at its first use of a socket, and
 * another after each exec: that is when it becomes another program. Hooks that run before a packet
 * leaves write the id into the socket's storage: sock_create, connect, sendmsg (UDP), and the
 * tcp_sendmsg_locked tracepoint (Linux 6.16; optional). sock_send_length and sock_recv_length (6.3) run
 * after the call; they follow sockets that change hands: a server reads before it answers. The egress
 * program then needs one look-up. Every process event is sent to user space before any packet of
 * that process can leave, so the capture knows each owner by the time it meets it.
 */
/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
#include "capture/sender/egress.bpf.h"
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
struct sock_common {
	unsigned short skc_family;
};
struct sock {
	struct sock_common __sk_common;
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

/* The UDP socket (by cookie) that each thread last sent from. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 14);
	__type(key, __u64);
	__type(value, __u64);
} sending SEC(".maps");

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

/* The owner id of the current process; a new one at its first use of a socket. */
static __always_inline __u32 current_owner(bool known_in_run)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u32 *found = bpf_map_lookup_elem(&process_owner, &tgid), id;
	struct tag_event *ev;

	if (found)
		return *found;
	if (!known_in_run && !in_run())
		return OWNER_NONE;
	id = __sync_fetch_and_add(&next_owner, 1);
	if (id > OWNER_MASK) {
		__sync_fetch_and_add(&lost_owners, 1);
		return OWNER_NONE;
	}
	/* First the event, then the id where another thread can find it and send under it. */
	ev = event_new(EVENT_SHORT);
	if (!ev)
		return OWNER_NONE;
	describe(ev, TAG_EV_OWNER, (struct task_struct *)bpf_get_current_task());
	ev->owner = id;
	bpf_ringbuf_submit(ev, 0);
	if (!bpf_map_update_elem(&process_owner, &tgid, &id, BPF_NOEXIST))
		return id;
	/* Another thread was faster; its id counts, ours stays unused. */
	found = bpf_map_lookup_elem(&process_owner, &tgid);
	return found ? *found : OWNER_NONE;
}

/* Sockets: hooks in the context of the process, before the packet leaves. */

static __always_inline void set_cgroup_sock(struct bpf_sock *sk)
{
	__u32 owner, *stored;

	if (!sk)
		return;
	owner = current_owner(true);
	if (!owner)
		return;
	stored = bpf_sk_storage_get(&socket_owner, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (stored)
		*stored = owner;
}

SEC("cgroup/sock_create")
int on_create(struct bpf_sock *sk)
{
	set_cgroup_sock(sk);
	return 1;
}

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *ctx)
{
	set_cgroup_sock(ctx->sk);
	return 1;
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *ctx)
{
	set_cgroup_sock(ctx->sk);
	return 1;
}

/* UDP without a lock: two processes may send from one socket at once, so note who is at it. */
static __always_inline void set_sending(struct bpf_sock_addr *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid(), cookie = bpf_get_socket_cookie(ctx);

	set_cgroup_sock(ctx->sk);
	bpf_map_update_elem(&sending, &thread, &cookie, BPF_ANY);
}

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *ctx)
{
	set_sending(ctx);
	return 1;
}

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *ctx)
{
	set_sending(ctx);
	return 1;
}

/*
 * A datagram passes egress in the context of its sendmsg(2), unless it waited for ARP. So the thread
 * that is at it is the sender, if this is the socket that it noted.
 */
static __always_inline __u32 sender_in_context(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct task_struct *task;
	__u64 thread, *cookie;
	__u32 tgid, *owner;

	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	if (!sk || sk->protocol != IPPROTO_UDP)
		return OWNER_NONE;
	task = (struct task_struct *)bpf_get_current_task();
	tgid = BPF_CORE_READ(task, tgid);
	thread = (__u64)tgid << 32 | (__u32)BPF_CORE_READ(task, pid);
	cookie = bpf_map_lookup_elem(&sending, &thread);
	if (!cookie || *cookie != bpf_get_socket_cookie(skb))
		return OWNER_NONE;
	owner = bpf_map_lookup_elem(&process_owner, &tgid);
	return owner ? *owner : OWNER_NONE;
}

SEC("tc")
int egress(struct __sk_buff *skb)
{
	__u32 owner;

	if (is_forwarded(skb))
		return TC_ACT_UNSPEC;
	owner = sender_in_context(skb);
	set_tag(skb, owner ? owner : owner_of_skb(skb));
	return TC_ACT_UNSPEC;
}

static __always_inline void set_sock(struct sock *sk)
{
	__u32 owner, *stored;
	unsigned short family;

	if (!sk)
		return;
	family = sk->__sk_common.skc_family;
	if (family != AF_INET && family != AF_INET6 && family != AF_PACKET)
		return;
	owner = current_owner(false);
	if (!owner)
		return;
	stored = bpf_sk_storage_get(&socket_owner, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (stored)
		*stored = owner;
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(on_tcp_send, struct sock *sk)
{
	set_sock(sk);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_sent, struct sock *sk, int ret)
{
	if (ret > 0)
		set_sock(sk);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_received, struct sock *sk, int ret)
{
	if (ret > 0)
		set_sock(sk);
	return 0;
}

/* Processes. */

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
	bpf_ringbuf_submit(ev, 0);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	unsigned long start, end;
	struct tag_event *ev;
	__u32 tgid, len;
	long got;

	if (!in_run())
		return 0;
	tgid = task->tgid;
	bpf_map_delete_elem(&process_owner, &tgid);
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
	__u32 tgid = task->tgid;
	struct tag_event *ev;

	if (BPF_CORE_READ(task, signal, live.counter) > 0 || !in_run())
		return 0;
	bpf_map_delete_elem(&process_owner, &tgid);
	ev = event_new(EVENT_SHORT);
	if (!ev)
		return 0;
	describe(ev, TAG_EV_EXIT, task);
	bpf_ringbuf_submit(ev, 0);
	return 0;
}
