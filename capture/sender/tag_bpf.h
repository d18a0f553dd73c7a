/* What the tag's BPF programs and their loader share. Plain C types, included by both. */
/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0 */
#ifndef CAPTURE_TAG_BPF_H
#define CAPTURE_TAG_BPF_H

/*
 * skb->hash: 12 bits of the real flow hash (so that fq_codel, RPS and ECMP still spread flows) above
 * a 20-bit owner id.
 */
#define OWNER_BITS	20
#define OWNER_MASK	((1u << OWNER_BITS) - 1)
#define OWNER_NONE	0u
#define OWNER_KERNEL(n) ((n) + 1u) /* the kernel of node n */
#define OWNER_FIRST	8192u	   /* programs and processes, counted up from here */

#define TAG_COMM_LEN	16
#define TAG_EXE_LEN	256
#define TAG_ARGS_LEN	512
#define TAG_IFINDEX_MAX 16384 /* net.h: indexes start at NET_IFINDEX_BASE */

enum tag_event_type { TAG_EV_FORK = 1, TAG_EV_EXEC, TAG_EV_EXIT, TAG_EV_OWNER };

/* A process event. Pids are of the initial namespace but ns_pid and ns_ppid, which the host sees. */
struct tag_event {
	unsigned int type;
	unsigned int pid; /* thread group */
	unsigned int ppid;
	unsigned int ns_pid, ns_ppid;
	unsigned int owner;	  /* TAG_EV_OWNER */
	unsigned int forked_by;	  /* TAG_EV_FORK: not its parent where CLONE_PARENT was asked for */
	unsigned long long start; /* boot time, ns */
	unsigned long long cgroup;
	char comm[TAG_COMM_LEN];
	/* TAG_EV_EXEC only; a shorter record is sent for the others. */
	unsigned int exe_len, args_len; /* args: NUL-separated; args_len over TAG_ARGS_LEN: cut */
	char exe[TAG_EXE_LEN];
	char args[TAG_ARGS_LEN];
};

/* A socket got ready for clients: TCP listens, or UDP is bound. */
struct tag_ready {
	unsigned long long netns; /* cookie */
	unsigned int addr4;	  /* network byte order; 0: any */
	unsigned short port;	  /* host byte order */
	unsigned char proto;	  /* IPPROTO_TCP, IPPROTO_UDP */
	unsigned char pad;
};

#endif
