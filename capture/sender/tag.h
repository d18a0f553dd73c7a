/*
 * Who sends: the BPF programs that write each packet's owner into skb->hash.
 *
 * The rung says how well a sender is known on this kernel (design, section 6; docs/design.md has the
 * measured shares). Higher is better.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_TAG_H
#define CAPTURE_TAG_H

#include "capture/sender/owner.h"
#include "emu/net.h"

enum tag_rung {
	TAG_RUNG_NONE,	 /* no BPF: packets carry no owner; it is inferred, see infer.h */
	TAG_RUNG_CGROUP, /* the process that made or connected the socket, at least its program */
	TAG_RUNG_RAW_TP, /* the process, in the context of each send (Linux 6.3, BTF) */
	TAG_RUNG_FENTRY, /* the process, before each send (BTF, trampolines) */
};
#define TAG_RUNG_BEST TAG_RUNG_FENTRY
extern const char *const tag_rung_name[]; /* "none", "cgroup", "raw_tp", "fentry" */

struct tag;

/* Loads the programs of the best rung up to max. Fails only where max is demanded and not to be had. */
int tag_open(const struct net *net, enum tag_rung max, struct tag **ret, struct err *err);
void tag_close(struct tag *t);
enum tag_rung tag_rung_of(const struct tag *t);
int tag_egress_fd(const struct tag *t); /* for emu_opts.egress_bpf_fd */
/* Watches the run's cgroup: before the first program starts. */
int tag_attach(struct tag *t, int cgroup_fd, struct owners *owners, struct err *err);
/* Sockets of a program's cgroup that no process is known for belong to owner. */
int tag_set_program(struct tag *t, uint64_t cgroup_id, uint32_t owner);

/* Reads process events into the owners given to tag_attach(); from any thread. */
int tag_read_processes(struct tag *t);
int tag_processes_fd(const struct tag *t); /* readable when there are some; -1: never */
/* The process, by its pid in the initial namespace, is not what it was: cgroup rung only. */
void tag_forget_process(struct tag *t, uint32_t pid);
uint64_t tag_lost_events(const struct tag *t); /* process events that found no room */
uint64_t tag_lost_owners(const struct tag *t); /* processes that no id or no memory was left for */

/* Readiness: an fd for the loop, and what came. */
typedef void tag_ready_fn(void *arg, uint64_t netns_cookie, uint8_t proto, uint16_t port);
int tag_ready_fd(const struct tag *t);
int tag_read_ready(struct tag *t, tag_ready_fn *fn, void *arg);

/* The next free owner id, shared with the BPF side; OWNER_NONE when 20 bits are used up. */
uint32_t tag_new_owner(struct tag *t);

#endif
