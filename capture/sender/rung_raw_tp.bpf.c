/*
 * The raw_tp rung: a packet's owner is the process that sent it, known by tracepoints of the kernel and by
 * what socket.bpf.h has.
 *
 * Theory of operation. tcp_sendmsg_locked (Linux 6.16) is called in the writer's context under the
 * socket's lock before its bytes are queued; whatever writes to TCP (write, sendmsg, sendfile, splice)
 * comes by. Before it there was, since 6.3, sock_send_length, which is called after the send, so that the first
 * bytes of a new hand may leave under the old one's name. sock_recv_length tells who reads: a server that takes
 * a connection reads before it answers, or only reads.
 */
/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
#include "capture/sender/socket.bpf.h"

static __always_inline bool is_inet(const struct sock *sk)
{
	unsigned short family;

	if (!sk)
		return false;
	family = sk->__sk_common.skc_family;
	return family == AF_INET || family == AF_INET6;
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(on_tcp_send, struct sock *sk)
{
	__u32 owner = current_owner(false);

	if (owner)
		store_writer(sk, owner);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_sent, struct sock *sk, int ret)
{
	__u32 owner = ret > 0 && is_inet(sk) ? current_owner(false) : OWNER_NONE;

	if (owner)
		store_owner(sk, owner);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_received, struct sock *sk, int ret)
{
	__u32 owner = ret > 0 && is_inet(sk) ? current_owner(false) : OWNER_NONE;

	if (owner)
		store_reader(sk, owner);
	return 0;
}
