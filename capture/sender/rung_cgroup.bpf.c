/*
 * The cgroup rung: a packet's owner is the process that made, connected or named its socket, or sent a
 * datagram to an address from it; else the program whose cgroup created the socket. Works on any kernel
 * with BPF for tc and cgroups, without BTF.
 *
 * Theory of operation. Hooks of the run's cgroup run in the context of the process that is at a socket,
 * before its packet leaves. Older kernels have no helper there that names the process: then the loader
 * leaves these hooks out, and the egress program goes by the cgroup. Nothing here tells of an exec: a
 * process whose name changes is taken for another program, and user space, if it hears of execs and
 * exits, takes their rows from the table. What else an event should say user space reads from /proc.
 */
/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
#include "capture/sender/egress.bpf.h"

/*
 * Owner ids of processes, by thread group, as long as they keep their names. A pid may be given
 * again to a process of another program: that has another cgroup.
 */
struct named {
	__u32 owner, pad;
	__u64 cgroup;
	union {
		char comm[TAG_COMM_LEN];
		__u64 words[TAG_COMM_LEN / 8];
	};
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 16);
	__type(key, __u32);
	__type(value, struct named);
} process_owner SEC(".maps");

/* The datagram socket (by cookie) that each thread last sent from; see whereabouts(). */
struct sending {
	__u64 cookie;
	__u32 owner, pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 14);
	__type(key, __u64);
	__type(value, struct sending);
} sending SEC(".maps");

/* Set by the loader: what this kernel has helpers for. */
const volatile bool processes = true, tasks = true;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1024 * 1024);
} process_events SEC(".maps");

#define EVENT_SHORT __builtin_offsetof(struct tag_event, exe)

static __always_inline __u32 new_owner(__u32 tgid, struct named *n)
{
	struct tag_event *ev;

	n->owner = __sync_fetch_and_add(&next_owner, 1);
	if (n->owner > OWNER_MASK) {
		__sync_fetch_and_add(&lost_owners, 1);
		return OWNER_NONE;
	}
	/* First the event, then the id where another thread can find it and send under it. */
	ev = bpf_ringbuf_reserve(&process_events, EVENT_SHORT, 0);
	if (!ev) {
		__sync_fetch_and_add(&lost_events, 1);
		return OWNER_NONE;
	}
	__builtin_memset(ev, 0, EVENT_SHORT);
	ev->type = TAG_EV_OWNER;
	ev->pid = tgid;
	ev->owner = n->owner;
	ev->start = bpf_ktime_get_boot_ns();
	ev->cgroup = n->cgroup;
	__builtin_memcpy(ev->comm, n->comm, sizeof(ev->comm));
	bpf_ringbuf_submit(ev, 0);
	bpf_map_update_elem(&process_owner, &tgid, n, BPF_ANY);
	return n->owner;
}

static __always_inline bool same_name(const struct named *a, const struct named *b)
{
	return a->words[0] == b->words[0] && a->words[1] == b->words[1];
}

static __always_inline __u32 current_owner(void)
{
	__u64 task = bpf_get_current_pid_tgid();
	struct named now = { .cgroup = bpf_get_current_cgroup_id() }, *found;
	__u32 tgid = task >> 32;

	found = bpf_map_lookup_elem(&process_owner, &tgid);
	bpf_get_current_comm(now.comm, sizeof(now.comm));
	/* A thread may have a name of its own. */
	if (found && found->cgroup == now.cgroup &&
	    ((__u32)task != tgid || same_name(found, &now)))
		return found->owner;
	return new_owner(tgid, &now);
}

static __always_inline __u32 store(struct bpf_sock *sk)
{
	__u32 owner = sk ? current_owner() : OWNER_NONE, *stored;

	if (!owner)
		return OWNER_NONE;
	stored = bpf_sk_storage_get(&socket_owner, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (stored)
		*stored = owner;
	return owner;
}

/*
 * The same for a thread from its sendmsg(2) to the packet's egress, and for no other meanwhile: the
 * address of its task, or its processor, on which another may come in between where kernels preempt.
 */
static __always_inline __u64 whereabouts(void)
{
	return tasks ? bpf_get_current_task() : bpf_get_smp_processor_id();
}

/* What a thread noted is not for the next one that gets its task. */
static __always_inline void forget_sending(void)
{
	__u64 here = whereabouts();
	struct sending *s = bpf_map_lookup_elem(&sending, &here);

	if (s)
		s->cookie = 0;
}

static __always_inline int touch(struct bpf_sock *sk)
{
	store(sk);
	forget_sending();
	return 1;
}

/* Two processes may send from one socket at once, so note who is at it. */
static __always_inline int send(struct bpf_sock_addr *ctx)
{
	struct sending s = { .cookie = bpf_get_socket_cookie(ctx), .owner = store(ctx->sk) };
	__u64 here = whereabouts();

	bpf_map_update_elem(&sending, &here, &s, BPF_ANY);
	return 1;
}

/*
 * A datagram passes egress in the context of its sendmsg(2), unless it waited for ARP. So the thread
 * that is at it is the sender, if this is the socket that it noted. A note serves once, for the
 * thread may end: the fragments behind a datagram's first carry the socket's last sender.
 */
static __always_inline __u32 sender_in_context(struct __sk_buff *skb)
{
	__u64 here = whereabouts();
	struct bpf_sock *sk = skb->sk;
	struct sending *s;
	__u64 cookie;

	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	if (!sk || sk->protocol != IPPROTO_UDP)
		return OWNER_NONE;
	s = bpf_map_lookup_elem(&sending, &here);
	cookie = bpf_get_socket_cookie(skb);
	if (!s || !cookie || s->cookie != cookie)
		return OWNER_NONE;
	s->cookie = 0;
	return s->owner;
}

SEC("cgroup/sock_create")
int on_create(struct bpf_sock *sk)
{
	return touch(sk);
}

#define TOUCH(hook)                                  \
	SEC("cgroup/" #hook)                         \
	int on_##hook(struct bpf_sock_addr *ctx)     \
	{                                            \
		return touch(ctx->sk);               \
	}

TOUCH(connect4)
TOUCH(connect6)
/* A server asks an accepted socket for its names, as a rule before it writes. */
TOUCH(getpeername4)
TOUCH(getpeername6)
TOUCH(getsockname4)
TOUCH(getsockname6)

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *ctx)
{
	return send(ctx);
}

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *ctx)
{
	return send(ctx);
}

SEC("tc")
int egress(struct __sk_buff *skb)
{
	__u32 owner = OWNER_NONE;

	if (is_forwarded(skb))
		return TC_ACT_UNSPEC;
	if (processes)
		owner = sender_in_context(skb);
	set_tag(skb, owner ? owner : owner_of_skb(skb));
	return TC_ACT_UNSPEC;
}
