/*
 * What the rungs that know the process have for its sockets: the hooks of the run's cgroup, which write
 * the owner into the socket's storage, and the egress program, which reads it from there.
 */
/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
#ifndef CAPTURE_SOCKET_BPF_H
#define CAPTURE_SOCKET_BPF_H

#include "capture/sender/process.bpf.h"

/* The parts of kernel structures that are read; CO-RE finds where they are. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct sock_common {
	unsigned short skc_family;
};
struct sock {
	struct sock_common __sk_common;
};
#pragma clang attribute pop

/* sk is a struct bpf_sock in programs of cgroups, a struct sock in those of tracing. */
static __always_inline void store_owner(void *sk, __u32 owner)
{
	__u32 *stored = bpf_sk_storage_get(&socket_owner, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (stored)
		*stored = owner;
}

static __always_inline void set_cgroup_sock(struct bpf_sock *sk, __u64 cookie)
{
	__u32 owner = sk ? current_owner(true, cookie) : OWNER_NONE;

	if (owner)
		store_owner(sk, owner);
}

SEC("cgroup/sock_create")
int on_create(struct bpf_sock *sk)
{
	set_cgroup_sock(sk, 0);
	return 1;
}

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *ctx)
{
	set_cgroup_sock(ctx->sk, 0);
	return 1;
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *ctx)
{
	set_cgroup_sock(ctx->sk, 0);
	return 1;
}

/*
 * Datagrams are sent without a lock: two processes may be at one socket. But a datagram passes egress in
 * the context of its sendmsg(2), unless it waited for ARP. So the thread that is at it is the sender,
 * if this is the socket that it noted.
 */
static __always_inline __u32 sender_in_context(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	if (!sk || sk->protocol == IPPROTO_TCP)
		return OWNER_NONE;
	return current_sender(bpf_get_socket_cookie(skb));
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

#endif
