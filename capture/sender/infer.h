/*
 * Senders without BPF: who owns a packet's socket, as sock_diag(7) tells.
 *
 * Each program has a cgroup of its own, and a socket belongs to its creator's cgroup
 * (INET_DIAG_CGROUP_ID, Linux 5.7). It is asked for once, when a flow's first packet of a direction
 * comes. What was closed by then is told by the kernel's notice of destroyed sockets, if it came
 * first; else the owner is the host's kernel. So an owner from here is inferred, and says so.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SENDER_INFER_H
#define CAPTURE_SENDER_INFER_H

#include "capture/flow/packet.h"
#include "capture/sender/owner.h"
#include "core/err.h"

struct emu;
struct infer;

int infer_open(struct emu *e, struct owners *owners, struct infer **ret, struct err *err);
void infer_close(struct infer *i);
/* The owner id of a packet that node sent (or forwarded: then of its sender), or OWNER_NONE. */
uint32_t infer_owner(struct infer *i, const struct packet *p, uint32_t node);

#endif
