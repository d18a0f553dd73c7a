/*
 * Asks the kernel about sockets: sock_diag(7), through libmnl.
 *
 * A struct diag is a netlink socket in one network namespace and sees the sockets of that one.
 * INET_DIAG_CGROUP_ID (Linux 5.8) says which cgroup v2 directory a socket was made in, by the same
 * number as bpf_skb_cgroup_id(); request sockets and those in TIME_WAIT have none. The kernel's
 * notices of destroyed sockets have none either, and no pid: they say only that a port is free. Only what
 * the kernel itself says counts, though root in the namespace can send to sockets there.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_DIAG_H
#define CAPTURE_DIAG_H

#include <stddef.h>
#include <stdint.h>

struct diag;

/* A socket as the kernel describes it; addresses as in struct packet, ports in host byte order. */
struct diag_socket {
	uint8_t family; /* AF_INET, AF_INET6 */
	uint8_t state;	/* TCP_ESTABLISHED …; of a UDP socket TCP_CLOSE when it is not connected */
	uint8_t proto;	/* 0: not said */
	uint16_t lport, rport;
	uint32_t ifindex; /* of a question about link-local addresses; 0: any */
	uint8_t local[16], remote[16];
	uint64_t cookie;
	uint64_t cgroup; /* id; 0: not said */
};

/* In the namespace of ns_fd; the calling thread comes back to its own. */
int diag_open(int ns_fd, struct diag **ret);
void diag_close(struct diag *d);

/*
 * The socket that gets what comes from remote to local, as the kernel looks it up: a listener or an
 * unconnected socket, if there is none of these very addresses. proto: TCP, UDP, else raw sockets of
 * it. q's family, proto, addresses and ports say which. 0, -ENOENT, or another -errno.
 */
int diag_find(struct diag *d, const struct diag_socket *q, struct diag_socket *ret);

typedef void diag_fn(void *arg, const struct diag_socket *s);
/* All of TCP or UDP whose state is in the mask (1 << TCP_LISTEN). 0 or -errno. */
int diag_dump(struct diag *d, uint8_t family, uint8_t proto, uint32_t states, diag_fn *fn,
	      void *arg);

/* A socket that hears of UDP sockets being destroyed in the namespace; an fd or -errno. */
int diag_open_notices(int ns_fd);
/* Hands out what came, without waiting. 1: more may be there, 0: no more, -ENOBUFS: some were lost. */
int diag_read_notices(int fd, diag_fn *fn, void *arg);

/*
 * What the kernel says in a buffer of netlink messages: fn for each socket. 1: more may come, 0: it was
 * an answer's end, or -errno: the kernel's error, or -EBADMSG for what is no such message. seq 0: any.
 */
int diag_parse(const void *buf, size_t len, uint32_t seq, diag_fn *fn, void *arg);

#endif
