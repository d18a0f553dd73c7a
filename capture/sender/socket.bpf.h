/*
 * What the rungs that know the process have for its sockets: who is written into a socket's
 * storage, and the egress program, which reads it from there.
 *
 * Theory of operation. Three kinds of packets, three answers. A datagram, be it of UDP, a ping or
 * a raw socket, is in the context of its sendmsg(2) when it leaves IP, but may wait for ARP after
 * that. So there the sender is noted in the packet's mark, which the egress program turns into the
 * tag and clears. A mark of the program's own is left alone; then it is the socket's last sender.
 * A frame of a packet socket is in the context of its sender at egress. TCP sends when it can, in
 * anybody's context. Each hand that a socket passes into while bytes may wait in its queue is kept
 * with the sequence number at which its bytes begin, so each frame that TCP hands down, sent again or
 * not, carries who wrote its first byte.
 */
/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
#ifndef CAPTURE_SOCKET_BPF_H
#define CAPTURE_SOCKET_BPF_H

#include "capture/sender/process.bpf.h"

#define SOCK_STREAM 1
#define SOCK_RAW    3
#define ETH_P_IP    0x0800
#define ETH_P_IPV6  0x86dd
#define IP6_HLEN    40

/* The parts of kernel structures that are read; CO-RE finds where they are. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct sock_common {
	unsigned short skc_family;
};
struct sock {
	struct sock_common __sk_common;
};
struct tcp_sock {
	__u32 write_seq;
};
#pragma clang attribute pop

/* In socket_owner: its owner wrote to it, and did not just make, connect, accept or read it. */
#define OWNER_WROTE (1u << 31)

/* A datagram's mark between IP and egress: this above its sender. */
#define SENDER_MARK 0xd3700000u

/* Hands that a TCP socket's queue can tell apart: a power of two. */
#define HANDS 256

/* Who wrote the bytes from seq on; the hand before the first has the others. */
struct hand {
	__u32 seq, owner;
};
struct hands {
	__u32 n; /* ever added; the last HANDS of them are kept */
	struct hand at[HANDS];
};

/* Of sockets that were written to by more than one process. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct hands);
} socket_hands SEC(".maps");

/* sk is a struct bpf_sock in programs of cgroups, a struct sock in those of tracing. */
static __always_inline void store_owner(void *sk, __u32 owner)
{
	__u32 *stored = bpf_sk_storage_get(&socket_owner, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (stored)
		*stored = owner;
}

/*
 * A TCP socket passes from one hand to the next; the egress program may be emptying the list
 * meanwhile.
 */
static __always_inline void add_hand(struct sock *sk, __u32 before, __u32 owner)
{
	struct hands *hands = bpf_sk_storage_get(&socket_hands, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	__u32 seq, n;

	if (!hands)
		return;
	seq = BPF_CORE_READ((struct tcp_sock *)sk, write_seq);
	n = hands->n;
	if (n) {
		hands->at[n % HANDS].seq = seq;
		hands->at[n % HANDS].owner = owner;
		if (__sync_val_compare_and_swap(&hands->n, n, n + 1) == n)
			return;
	}
	hands->at[0].seq = seq - (1u << 30);
	hands->at[0].owner = before;
	hands->at[1].seq = seq;
	hands->at[1].owner = owner;
	__sync_lock_test_and_set(&hands->n, 2);
}

/*
 * The current process, which is owner, is about to write to a TCP socket, which it has locked. The
 * older bytes may leave on another processor at this moment: so its owner changes after the hands,
 * and egress reads them the other way round.
 */
static __always_inline void store_writer(struct sock *sk, __u32 owner)
{
	__u32 *stored = bpf_sk_storage_get(&socket_owner, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!stored || *stored == (owner | OWNER_WROTE))
		return;
	if (*stored & OWNER_WROTE)
		add_hand(sk, *stored & OWNER_MASK, owner);
	*(volatile __u32 *)stored = owner | OWNER_WROTE;
}

/*
 * A process has accepted or read a socket: its acknowledgements are that process's, if nobody
 * wrote.
 */
static __always_inline void store_reader(struct sock *sk, __u32 owner)
{
	__u32 *stored = bpf_sk_storage_get(&socket_owner, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (stored && !(*stored & OWNER_WROTE))
		*stored = owner;
}

static __always_inline int set_current(struct bpf_sock *sk)
{
	__u32 owner = sk ? current_owner(true) : OWNER_NONE;

	if (owner)
		store_owner(sk, owner);
	return 1;
}

SEC("cgroup/sock_create")
int on_create(struct bpf_sock *sk)
{
	return set_current(sk);
}

/* A socket may be connected again: the hands of its last connection are of no use. */
static __always_inline int connects(struct bpf_sock *sk)
{
	if (sk)
		bpf_sk_storage_delete(&socket_hands, sk);
	return set_current(sk);
}

SEC("cgroup/connect4")
int on_connect4(struct bpf_sock_addr *ctx)
{
	return connects(ctx->sk);
}

SEC("cgroup/connect6")
int on_connect6(struct bpf_sock_addr *ctx)
{
	return connects(ctx->sk);
}

static __always_inline bool is_datagram(const struct bpf_sock *sk)
{
	return sk->family != AF_PACKET && (sk->type == SOCK_DGRAM || sk->type == SOCK_RAW);
}

/* Only on its way to an interface that has the egress program, which takes the mark away. */
SEC("cgroup_skb/egress")
int on_ip_out(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	__u32 owner, ifindex = skb->ifindex, *tagged;

	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	if (!sk || !is_datagram(sk))
		return 1;
	owner = current_sender();
	if (!owner)
		return 1;
	store_owner(sk, owner);
	tagged = bpf_map_lookup_elem(&kernel_owner, &ifindex);
	/* One that looks like ours is overwritten: nobody names another as the sender. */
	if (tagged && *tagged && (!skb->mark || (skb->mark & ~OWNER_MASK) == SENDER_MARK))
		skb->mark = SENDER_MARK | owner;
	return 1;
}

/* The sequence number of a TCP segment. */
static __always_inline bool read_seq(struct __sk_buff *skb, __u32 *ret)
{
	__u32 tcp = IP6_HLEN;
	__u8 vhl;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes_relative(skb, 0, &vhl, sizeof(vhl), BPF_HDR_START_NET))
			return false;
		tcp = (vhl & 0xf) * 4;
	} else if (skb->protocol != bpf_htons(ETH_P_IPV6)) {
		return false;
	}
	if (bpf_skb_load_bytes_relative(skb, tcp + 4, ret, sizeof(*ret), BPF_HDR_START_NET))
		return false;
	*ret = bpf_ntohl(*ret);
	return true;
}

/* Who wrote a frame's first byte; what is older than all hands that are kept has the oldest. */
static __always_inline __u32 writer_of(struct __sk_buff *skb, struct bpf_sock *sk)
{
	__u32 *stored = bpf_sk_storage_get(&socket_owner, sk, 0, 0);
	__u32 owner = stored ? *(volatile __u32 *)stored & OWNER_MASK : OWNER_NONE, n, seq, i;
	struct hands *hands = bpf_sk_storage_get(&socket_hands, sk, 0, 0);
	struct bpf_tcp_sock *tp;

	if (!hands)
		return owner;
	n = hands->n;
	if (!n || !read_seq(skb, &seq))
		return owner;
	tp = bpf_tcp_sock(sk);
	if (tp && (__s32)(tp->snd_una - hands->at[(n - 1) % HANDS].seq) >= 0) {
		owner = hands->at[(n - 1) % HANDS].owner;
		__sync_val_compare_and_swap(&hands->n, n, 0);
		return owner;
	}
	for (i = 1; i <= HANDS && i <= n; i++) {
		struct hand *h = &hands->at[(n - i) % HANDS];

		owner = h->owner;
		if ((__s32)(seq - h->seq) >= 0)
			break;
	}
	return owner;
}

static __always_inline __u32 sender_of(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	__u32 owner = OWNER_NONE;

	sk = sk ? bpf_sk_fullsock(sk) : NULL;
	if (!sk)
		return OWNER_NONE;
	/* What a host's own interface handed on may be in the context of anybody. */
	if (sk->family == AF_PACKET)
		return skb->ingress_ifindex ? OWNER_NONE : current_sender();
	if (is_datagram(sk)) {
		if ((skb->mark & ~OWNER_MASK) != SENDER_MARK)
			return OWNER_NONE;
		owner = skb->mark & OWNER_MASK;
		skb->mark = 0;
		return owner;
	}
	return sk->protocol == IPPROTO_TCP ? writer_of(skb, sk) : OWNER_NONE;
}

SEC("tc")
int egress(struct __sk_buff *skb)
{
	__u32 owner;

	if (is_forwarded(skb))
		return TC_ACT_UNSPEC;
	owner = sender_of(skb);
	set_tag(skb, owner ? owner : owner_of_skb(skb));
	return TC_ACT_UNSPEC;
}

#endif
