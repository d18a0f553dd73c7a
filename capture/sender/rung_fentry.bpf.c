/*
 * The fentry rung: a packet's owner is the process that last wrote to (or made, connected, accepted)
 * its socket, known before the packet leaves.
 *
 * Theory of operation. TCP's own send function is hooked at its entry, in the context of the process and
 * under the socket's lock: all ways to it (write, writev, sendmsg, sendmmsg, splice, io_uring) come together
 * there, and what it sends carries this process; socket.bpf.h has what is not TCP. A kernel thread that sends is no
 * process of the run, so the socket keeps its owner. sendfile(2) and splice(2) have functions of their own
 * before Linux 6.5. What a kernel lacks is left out by the loader.
 */
/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
#include "capture/sender/socket.bpf.h"

/* The parts of kernel structures that are read; CO-RE finds where they are. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct socket {
	struct sock *sk;
};
#pragma clang attribute pop

static __always_inline int stream(struct sock *sk)
{
	__u32 owner = current_owner(false);

	if (owner)
		store_writer(sk, owner);
	return 0;
}

SEC("fentry/tcp_sendmsg_locked")
int BPF_PROG(on_tcp, struct sock *sk)
{
	return stream(sk);
}

/* Pages given by sendfile(2), before Linux 6.5. */
SEC("fentry/tcp_sendpage_locked")
int BPF_PROG(on_tcp_page, struct sock *sk)
{
	return stream(sk);
}

/* And those of the kernel's TLS. */
SEC("fentry/do_tcp_sendpages")
int BPF_PROG(on_tcp_pages, struct sock *sk)
{
	return stream(sk);
}

/* The socket that accept(2) gives: until then it has its listener's owner. */
SEC("fexit/inet_accept")
int BPF_PROG(on_accept, struct socket *listener, struct socket *accepted)
{
	struct sock *sk = accepted->sk;
	__u32 owner = sk ? current_owner(false) : OWNER_NONE;

	if (owner)
		store_reader(sk, owner);
	return 0;
}
