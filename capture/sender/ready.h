/*
 * Readiness without BPF: which ports of a server's host are open for clients.
 *
 * Nothing tells of a socket that begins to listen but BPF and a seccomp notification, and the latter
 * would stop each bind() and listen() of the host for a turn through us. So the sockets of the namespace
 * are listed every few milliseconds, by a timer that runs only while a server is starting.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CAPTURE_SENDER_READY_H
#define CAPTURE_SENDER_READY_H

#include "capture/sender/tag.h"

struct ready;

int ready_new(struct ready **ret);
void ready_free(struct ready *r);
int ready_fd(const struct ready *r); /* for the loop */
/* Looks at a namespace until as many ready_del() were called for its cookie. */
int ready_add(struct ready *r, int ns_fd, uint64_t netns_cookie);
void ready_del(struct ready *r, uint64_t netns_cookie);
/* Names all open ports, those that were named before too. */
int ready_read(struct ready *r, tag_ready_fn *fn, void *arg);

#endif
