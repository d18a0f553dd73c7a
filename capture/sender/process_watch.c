/* Waits for events of processes, and completes them from /proc. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "capture/sender/first.h"
#include "capture/sender/proc_events.h"
#include "capture/sender/process_watch.h"
#include "capture/sender/procfs.h"
#include "core/cleanup.h"
#include "core/log.h"

struct process_watch {
	struct tag *tag;
	struct owners *owners;
	int events_fd; /* of the connector, or -1 */
	int stop_fd;
	pthread_t thread;
	bool running;
	uint64_t lost;
};

static void add_row(struct process_watch *w, uint32_t pid, uint64_t cgroup)
{
	struct tag_event ev = { .type = TAG_EV_OWNER, .pid = pid, .cgroup = cgroup };

	if (procfs_complete(&ev) < 0) /* it has ended */
		return;
	ev.owner = tag_new_owner(w->tag);
	if (ev.owner != OWNER_NONE)
		owners_event(w->owners, &ev);
}

static void on_event(void *arg, enum proc_happening what, uint32_t pid)
{
	struct process_watch *w = arg;
	uint64_t cgroup;
	char path[512];

	tag_forget_process(w->tag, pid);
	if (what != PROC_EXEC || tag_rung_of(w->tag) != TAG_RUNG_NONE ||
	    procfs_cgroup(pid, path, sizeof(path)) < 0)
		return;
	cgroup = owners_find_cgroup(w->owners, path);
	if (cgroup)
		add_row(w, pid, cgroup);
}

static void *watch(void *arg)
{
	struct process_watch *w = arg;
	struct first first = { 0 };
	struct pollfd fds[] = { { .fd = w->stop_fd, .events = POLLIN },
				{ .fd = w->events_fd, .events = POLLIN },
				{ .fd = tag_processes_fd(w->tag), .events = POLLIN } };

	while (!(fds[0].revents & POLLIN)) {
		int n = poll(fds, ARRAY_SIZE(fds), 0);

		first_turn(&first, n == 0); /* before the processes that it looks at end */
		if (n == 0)
			n = poll(fds, ARRAY_SIZE(fds), -1);
		if (n < 0 && errno != EINTR) {
			log_warn("processes are not heard of any more: %s", strerror(errno));
			__atomic_add_fetch(&w->lost, 1, __ATOMIC_RELAXED);
			return NULL;
		}
		if (n <= 0)
			continue;
		if (fds[2].revents & POLLIN)
			tag_read_processes(w->tag);
		if (fds[1].revents && proc_events_read(w->events_fd, on_event, w) < 0)
			__atomic_add_fetch(&w->lost, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

int process_watch_open(struct tag *t, struct owners *o, struct process_watch **ret)
{
	struct process_watch *w = NULL;
	int events = -1, r;

	if (tag_rung_of(t) <= TAG_RUNG_CGROUP)
		events = proc_events_open();
	if (events < 0)
		log_debug("no process connector: %s", strerror(-events));
	if (tag_rung_of(t) > TAG_RUNG_CGROUP || (events < 0 && tag_processes_fd(t) < 0)) {
		*ret = NULL;
		return 0;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		proc_events_close(events);
		return -ENOMEM;
	}
	*w = (struct process_watch){ .tag = t, .owners = o, .events_fd = events < 0 ? -1 : events };
	w->stop_fd = eventfd(0, EFD_CLOEXEC);
	r = w->stop_fd < 0 ? -errno : -pthread_create(&w->thread, NULL, watch, w);
	w->running = r == 0;
	if (r < 0) {
		process_watch_close(w);
		return r;
	}
	*ret = w;
	return 0;
}

void process_watch_close(struct process_watch *w)
{
	uint64_t one = 1;

	if (!w)
		return;
	if (w->running) {
		/* It cannot fail: nobody else has counted this up. */
		if (write(w->stop_fd, &one, sizeof(one)) < 0)
			log_warn("a thread is waited for in vain: %s", strerror(errno));
		pthread_join(w->thread, NULL);
	}
	proc_events_close(w->events_fd);
	if (w->stop_fd >= 0)
		close(w->stop_fd);
	free(w);
}

uint64_t process_watch_lost(const struct process_watch *w)
{
	return w ? __atomic_load_n(&w->lost, __ATOMIC_RELAXED) : 0;
}
