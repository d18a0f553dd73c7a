/*
 * The event loop: epoll over file descriptors, and timers on one timerfd.
 *
 * One thread runs a loop. Nothing in detnet waits by sleeping: processes end as pidfds, programs get
 * ready through BPF ring buffers, files change through inotify, and each of them is an fd here.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <stdint.h>
#include <stdbool.h>
#include "core/cleanup.h"

struct loop;
struct loop_timer;

typedef void loop_fd_fn(void *arg, uint32_t events);
typedef void loop_timer_fn(void *arg);

int loop_new(struct loop **ret);
void loop_free(struct loop *l);

/* events are epoll's (EPOLLIN …). One registration an fd; loop_del_fd() before closing it. */
int loop_add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn *fn, void *arg);
void loop_del_fd(struct loop *l, int fd);

/* Fires once at a CLOCK_MONOTONIC time in ns, earliest first, ties in the order added. */
int loop_add_timer(struct loop *l, int64_t at_ns, loop_timer_fn *fn, void *arg,
		   struct loop_timer **ret);
/* A timer that fired is already gone; deleting NULL is nothing. */
void loop_del_timer(struct loop *l, struct loop_timer *t);

/* Runs until loop_quit(); returns what was given to it, or a negative errno. */
int loop_run(struct loop *l);
void loop_quit(struct loop *l, int result);
/* Waits for and handles one round of events; timeout_ms -1 for ever. Number handled or -errno. */
int loop_once(struct loop *l, int timeout_ms);

#endif
