/*
 * The raw_tp rung: a packet's owner is the process that last wrote to (or made, connected, read
 * from) its socket, learnt in that process's own context.
 *
 * Theory of operation. Hooks that run before a packet leaves write the process's owner id into the
 * socket's storage: sock_create, connect, sendmsg (UDP), and the tcp_sendmsg_locked tracepoint (Linux
 * 6.16; optional). sock_send_length and sock_recv_length (6.3) run after the call; they follow sockets that
 * change hands: a server reads before it answers. The egress program then needs one look-up.
 */
/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
#include "capture/sender/socket.bpf.h"

SEC("cgroup/sendmsg4")
int on_sendmsg4(struct bpf_sock_addr *ctx)
{
	set_cgroup_sock(ctx->sk, bpf_get_socket_cookie(ctx));
	return 1;
}

SEC("cgroup/sendmsg6")
int on_sendmsg6(struct bpf_sock_addr *ctx)
{
	set_cgroup_sock(ctx->sk, bpf_get_socket_cookie(ctx));
	return 1;
}

static __always_inline void set_sock(struct sock *sk)
{
	unsigned short family;
	__u32 owner;

	if (!sk)
		return;
	family = sk->__sk_common.skc_family;
	if (family != AF_INET && family != AF_INET6 && family != AF_PACKET)
		return;
	owner = current_owner(false, 0);
	if (owner)
		store_owner(sk, owner);
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
