/*
 * What every rung has: the parts of an egress program, which writes the tag, and the programs that say
 * when a server's socket is ready. Needs no kernel BTF.
 */
/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
#ifndef CAPTURE_EGRESS_BPF_H
#define CAPTURE_EGRESS_BPF_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "capture/sender/tag_bpf.h"

#define AF_INET	      2
#define AF_INET6      10
#define AF_PACKET     17
#define SOCK_DGRAM    2

/* The owner of each socket; accepted sockets start with their listener's. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, __u32);
} socket_owner SEC(".maps");

/* Which program a cgroup is, for sockets of which no process is known. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << OWNER_BITS);
	__type(key, __u64);
	__type(value, __u32);
} cgroup_owner SEC(".maps");

/* Whose kernel sends at an interface; indexes are unique in a network. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TAG_IFINDEX_MAX);
	__type(key, __u32);
	__type(value, __u32);
} kernel_owner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} ready_events SEC(".maps");

__u32 next_owner = OWNER_FIRST; /* also counted up by user space */
__u64 lost_events; /* found no room in their buffer */
__u64 lost_owners; /* processes that got no id: 20 bits are used up */

/* A SYN-ACK's socket is a request; what it answers for is the listener. */
static __always_inline __u32 *owner_of_socket(struct bpf_sock *sk)
{
	struct bpf_sock *full;

	if (!sk)
		return NULL;
	full = bpf_sk_fullsock(sk);
	if (!full)
		full = bpf_get_listener_sock(sk);
	return full ? bpf_sk_storage_get(&socket_owner, full, 0, 0) : NULL;
}

static __always_inline __u32 owner_of_skb(struct __sk_buff *skb)
{
	__u64 cgroup;
	__u32 ifindex, *owner;

	owner = owner_of_socket(skb->sk);
	if (owner && *owner & OWNER_MASK)
		return *owner & OWNER_MASK; /* rungs keep notes above it */
	/* Packet sockets, and sockets of a process that no hook saw. */
	cgroup = bpf_skb_cgroup_id(skb);
	owner = bpf_map_lookup_elem(&cgroup_owner, &cgroup);
	if (owner)
		return *owner;
	/* ARP, echo replies, resets: the sockets are the kernel's own, or there is none. */
	ifindex = skb->ifindex;
	owner = bpf_map_lookup_elem(&kernel_owner, &ifindex);
	return owner ? *owner : OWNER_NONE;
}

/*
 * A packet that came in by an interface of this node before it goes out is forwarded: it keeps its
 * sender's tag. One that came in by an interface that the host made itself (a veth, a tunnel) is this
 * host's. Its hash says nothing, for TCP gives each socket's packets one by chance.
 */
static __always_inline bool is_forwarded(const struct __sk_buff *skb)
{
	__u32 in = skb->ingress_ifindex, out = skb->ifindex, *came, *goes;

	if (!in)
		return false;
	came = bpf_map_lookup_elem(&kernel_owner, &in);
	goes = bpf_map_lookup_elem(&kernel_owner, &out);
	return came && goes && *came && *came == *goes;
}

static __always_inline void set_tag(struct __sk_buff *skb, __u32 owner)
{
	if (owner)
		bpf_set_hash(skb, (bpf_get_hash_recalc(skb) & ~OWNER_MASK) | owner);
}

static __always_inline void ready(__u64 netns, __u32 addr4, __u16 port, __u8 proto)
{
	struct tag_ready *ev = bpf_ringbuf_reserve(&ready_events, sizeof(*ev), 0);

	if (!ev) {
		__sync_fetch_and_add(&lost_events, 1);
		return;
	}
	ev->netns = netns;
	ev->addr4 = addr4;
	ev->port = port;
	ev->proto = proto;
	ev->pad = 0;
	bpf_ringbuf_submit(ev, 0);
}

SEC("sockops")
int on_listen(struct bpf_sock_ops *ops)
{
	if (ops->op == BPF_SOCK_OPS_TCP_LISTEN_CB)
		ready(bpf_get_netns_cookie(ops), ops->local_ip4, ops->local_port, IPPROTO_TCP);
	return 1;
}

SEC("cgroup/post_bind4")
int on_bind4(struct bpf_sock *sk)
{
	if (sk->type == SOCK_DGRAM && sk->protocol == IPPROTO_UDP)
		ready(bpf_get_netns_cookie(sk), sk->src_ip4, sk->src_port, IPPROTO_UDP);
	return 1;
}

SEC("cgroup/post_bind6")
int on_bind6(struct bpf_sock *sk)
{
	if (sk->type == SOCK_DGRAM && sk->protocol == IPPROTO_UDP)
		ready(bpf_get_netns_cookie(sk), 0, sk->src_port, IPPROTO_UDP);
	return 1;
}

char _license[] SEC("license") = "Dual BSD/GPL";

#endif
