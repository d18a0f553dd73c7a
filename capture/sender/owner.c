/* The registry of owners: activities and programs as told, processes as BPF reports them. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "capture/sender/first.h"
#include "capture/sender/owner.h"
#include "capture/sender/process.h"
#include "core/csv.h"
#include "core/log.h"
#include "core/units.h"

/*
 * Owner ids are dense, so a table of pages by id serves; pages never move once made, so that a row is
 * found without the lock: the capture asks for one for each packet.
 */
#define PAGE_BITS 12
#define PAGE_SIZE (1u << PAGE_BITS)
#define N_PAGES	  (1u << (OWNER_BITS - PAGE_BITS))

struct program {
	uint64_t cgroup_id;
	struct owner *owner;
};

struct owners {
	pthread_mutex_t lock;
	const struct net *net;
	int64_t boot_to_real; /* ns to add to a boot-time stamp */
	struct owner **pages[N_PAGES];
	uint32_t max_id;
	uint64_t lost;
	const struct activity_label **activities; /* by id */
	size_t n_activities;
	struct program *programs; /* hash by cgroup id, open addressing */
	size_t n_programs, programs_size;
	struct owner **in_order; /* of the programs, n_programs; as much room as programs has */
	bool inferred;
	struct process_table processes;
};

/* With the lock held, so nobody else makes pages or rows; owners_get() does without. */
static struct owner **slot(struct owners *o, uint32_t id, bool make)
{
	struct owner **page;

	if (id == OWNER_NONE || id > OWNER_MASK)
		return NULL;
	page = o->pages[id >> PAGE_BITS];
	if (!page && make) {
		page = calloc(PAGE_SIZE, sizeof(*page));
		__atomic_store_n(&o->pages[id >> PAGE_BITS], page, __ATOMIC_RELEASE);
	}
	return page ? &page[id & (PAGE_SIZE - 1)] : NULL;
}

static void owner_free(struct owner *w)
{
	if (!w)
		return;
	free(w->exe);
	free(w->argv);
	free((char *)w->cgroup);
	free((char *)w->scenario);
	free((char *)w->class);
	free(w);
}

/* strdup() that passes NULL on. */
static char *dup_or_null(const char *s)
{
	return s ? strdup(s) : NULL;
}

static int add(struct owners *o, struct owner *w)
{
	struct owner **s = slot(o, w->id, true);

	if (!s)
		return w->id > OWNER_MASK ? -ERANGE : -ENOMEM;
	if (*s)
		return -EEXIST;
	w->inferred = o->inferred;
	__atomic_store_n(s, w, __ATOMIC_RELEASE);
	if (w->id > o->max_id)
		o->max_id = w->id;
	return 0;
}

static int add_kernels(struct owners *o)
{
	for (uint32_t n = 0; n < o->net->n_nodes; n++) {
		struct owner *w = calloc(1, sizeof(*w));
		int r;

		if (!w)
			return -ENOMEM;
		w->id = OWNER_KERNEL(n);
		w->node = n;
		w->kernel = true;
		strcpy(w->comm, "kernel");
		w->exe = strdup("");
		w->argv = strdup("");
		w->cgroup = strdup("");
		r = add(o, w);
		if (r < 0) {
			owner_free(w);
			return r;
		}
	}
	return 0;
}

struct owners *owners_new(const struct net *net)
{
	struct owners *o = calloc(1, sizeof(*o));
	struct timespec boot;

	if (!o)
		return NULL;
	first_init_lock(&o->lock);
	o->net = net;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	o->boot_to_real = units_now_real() - (boot.tv_sec * NSEC_PER_SEC + boot.tv_nsec);
	if (add_kernels(o) < 0) {
		owners_free(o);
		return NULL;
	}
	return o;
}

void owners_free(struct owners *o)
{
	if (!o)
		return;
	for (size_t p = 0; p < N_PAGES; p++) {
		for (size_t i = 0; o->pages[p] && i < PAGE_SIZE; i++)
			owner_free(o->pages[p][i]);
		free(o->pages[p]);
	}
	process_table_clear(&o->processes);
	free(o->programs);
	free(o->in_order);
	free(o->activities);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

static int add_activity(struct owners *o, const struct activity_label *a)
{
	if (a->id >= o->n_activities) {
		size_t n = a->id + 1 > 2 * o->n_activities ? a->id + 1 : 2 * o->n_activities;
		void *p = reallocarray(o->activities, n, sizeof(*o->activities));

		if (!p)
			return -ENOMEM;
		o->activities = p;
		memset(o->activities + o->n_activities, 0,
		       (n - o->n_activities) * sizeof(*o->activities));
		o->n_activities = n;
	}
	o->activities[a->id] = a;
	return 0;
}

int owners_add_activity(struct owners *o, const struct activity_label *a)
{
	int r;

	pthread_mutex_lock(&o->lock);
	r = add_activity(o, a);
	pthread_mutex_unlock(&o->lock);
	return r;
}

static const struct activity_label *activity(const struct owners *o, uint32_t id)
{
	return id && id < o->n_activities ? o->activities[id] : NULL;
}

/* Programs by cgroup. */

static struct program *program_slot(struct program *table, size_t size, uint64_t cgroup_id)
{
	size_t i = process_hash(cgroup_id) & (size - 1);

	while (table[i].owner && table[i].cgroup_id != cgroup_id)
		i = (i + 1) & (size - 1);
	return &table[i];
}

static int programs_grow(struct owners *o)
{
	size_t size = o->programs_size ? 2 * o->programs_size : 256;
	struct program *table;
	struct owner **order;

	if (2 * (o->n_programs + 1) <= o->programs_size)
		return 0;
	order = reallocarray(o->in_order, size, sizeof(*order));
	if (!order)
		return -ENOMEM;
	o->in_order = order;
	table = calloc(size, sizeof(*table));
	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < o->programs_size; i++)
		if (o->programs[i].owner)
			*program_slot(table, size, o->programs[i].cgroup_id) = o->programs[i];
	free(o->programs);
	o->programs = table;
	o->programs_size = size;
	return 0;
}

static int add_program(struct owners *o, struct owner *w, uint64_t cgroup_id)
{
	int r = programs_grow(o);

	if (r < 0)
		return r;
	r = add(o, w);
	if (r < 0)
		return r;
	*program_slot(o->programs, o->programs_size, cgroup_id) =
		(struct program){ .cgroup_id = cgroup_id, .owner = w };
	o->in_order[o->n_programs++] = w;
	return 0;
}

int owners_add_program(struct owners *o, const struct owner_program *p)
{
	struct owner *w = calloc(1, sizeof(*w));
	const char *base;
	int r;

	if (!w)
		return -ENOMEM;
	w->id = p->id;
	w->node = p->node;
	w->start = units_now_real();
	w->exe = strdup(p->argv && p->argv[0] ? p->argv[0] : "");
	w->argv = process_join_argv(p->argv);
	w->cgroup = strdup(p->cgroup);
	w->scenario = dup_or_null(p->scenario);
	w->class = dup_or_null(p->class);
	if (!w->exe || !w->argv || !w->cgroup) {
		owner_free(w);
		return -ENOMEM;
	}
	base = strrchr(w->exe, '/');
	strncpy(w->comm, base ? base + 1 : w->exe, sizeof(w->comm) - 1);
	pthread_mutex_lock(&o->lock);
	w->activity = activity(o, p->activity);
	r = add_program(o, w, p->cgroup_id);
	pthread_mutex_unlock(&o->lock);
	if (r < 0)
		owner_free(w);
	return r;
}

void owners_set_inferred(struct owners *o)
{
	pthread_mutex_lock(&o->lock);
	o->inferred = true;
	for (uint32_t id = 1; id <= o->max_id; id++) {
		struct owner **s = slot(o, id, false);

		if (s && *s)
			(*s)->inferred = true;
	}
	pthread_mutex_unlock(&o->lock);
}

uint32_t owners_find_program(struct owners *o, uint64_t cgroup_id)
{
	const struct program *p;
	uint32_t id = OWNER_NONE;

	pthread_mutex_lock(&o->lock);
	if (o->programs_size) {
		p = program_slot(o->programs, o->programs_size, cgroup_id);
		id = p->owner ? p->owner->id : OWNER_NONE;
	}
	pthread_mutex_unlock(&o->lock);
	return id;
}

uint64_t owners_find_cgroup(struct owners *o, const char *path)
{
	const char *below = strstr(path, "/detnet/"); /* the mount may lie above or below our root */
	uint64_t id = 0;

	if (!below)
		return 0;
	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < o->programs_size && !id; i++)
		if (o->programs[i].owner && !strcmp(o->programs[i].owner->cgroup, below + 1))
			id = o->programs[i].cgroup_id;
	pthread_mutex_unlock(&o->lock);
	return id;
}

const struct owner *owners_program(struct owners *o, size_t number)
{
	const struct owner *w;

	pthread_mutex_lock(&o->lock);
	w = number < o->n_programs ? o->in_order[number] : NULL;
	pthread_mutex_unlock(&o->lock);
	return w;
}

void owners_set_program_pid(struct owners *o, uint32_t id, uint32_t pid)
{
	struct owner **s;

	pthread_mutex_lock(&o->lock);
	s = slot(o, id, false);
	if (s && *s) {
		/* The capture thread may already be naming its packets. */
		__atomic_store_n(&(*s)->ppid, 1, __ATOMIC_RELAXED); /* its init's child */
		__atomic_store_n(&(*s)->pid, pid, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&o->lock);
}

/* Processes. */

static void on_fork(struct owners *o, const struct tag_event *ev)
{
	const struct process *from = process_find(&o->processes, ev->forked_by);
	char *exe = from ? dup_or_null(from->exe) : NULL;
	char *argv = from ? dup_or_null(from->argv) : NULL;

	process_set(&o->processes, ev->pid, exe, argv, from && from->cut);
}

static void on_exec(struct owners *o, const struct tag_event *ev)
{
	size_t len = ev->args_len < TAG_ARGS_LEN ? ev->args_len : TAG_ARGS_LEN;
	size_t exe_len = ev->exe_len < TAG_EXE_LEN ? ev->exe_len : TAG_EXE_LEN;

	process_set(&o->processes, ev->pid, strndup(ev->exe, exe_len), process_join_args(ev->args, len),
		    ev->args_len > TAG_ARGS_LEN);
}

/* What the process executes, as its event says, or the table of execs, or else its program. */
static void set_image(struct owner *w, const struct tag_event *ev, const struct process *p,
		      const struct owner *program)
{
	size_t len = ev->args_len < TAG_ARGS_LEN ? ev->args_len : TAG_ARGS_LEN;

	if (ev->exe_len) {
		w->exe = strndup(ev->exe, sizeof(ev->exe));
		w->argv = process_join_args(ev->args, len);
		w->argv_cut = ev->args_len > TAG_ARGS_LEN;
		return;
	}
	w->exe = strdup(p && p->exe ? p->exe : program->exe);
	w->argv = strdup(p && p->argv ? p->argv : program->argv);
	w->argv_cut = p && p->cut;
}

static void on_owner(struct owners *o, const struct tag_event *ev)
{
	const struct program *prog = NULL;
	struct owner *w;

	if (o->programs_size)
		prog = program_slot(o->programs, o->programs_size, ev->cgroup);
	if (!prog || !prog->owner) {
		log_warn("process %u (%.16s) has sockets but is of no program of this run", ev->pid,
			 ev->comm);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		o->lost++;
		return;
	}
	w->id = ev->owner;
	w->node = prog->owner->node;
	w->pid = ev->ns_pid;
	w->ppid = ev->ns_ppid;
	w->start = (int64_t)ev->start + o->boot_to_real;
	memcpy(w->comm, ev->comm, sizeof(w->comm) - 1);
	set_image(w, ev, process_find(&o->processes, ev->pid), prog->owner);
	w->cgroup = strdup(prog->owner->cgroup);
	w->scenario = dup_or_null(prog->owner->scenario);
	w->class = dup_or_null(prog->owner->class);
	w->activity = prog->owner->activity;
	if (!w->exe || !w->argv || !w->cgroup || add(o, w) < 0) {
		o->lost++;
		owner_free(w);
	}
}

void owners_event(struct owners *o, const struct tag_event *ev)
{
	pthread_mutex_lock(&o->lock);
	switch (ev->type) {
	case TAG_EV_FORK:
		on_fork(o, ev);
		break;
	case TAG_EV_EXEC:
		on_exec(o, ev);
		break;
	case TAG_EV_EXIT:
		process_del(&o->processes, ev->pid);
		break;
	case TAG_EV_OWNER:
		on_owner(o, ev);
		break;
	}
	pthread_mutex_unlock(&o->lock);
}

const struct owner *owners_get(struct owners *o, uint32_t id)
{
	struct owner **page;

	id &= OWNER_MASK;
	page = __atomic_load_n(&o->pages[id >> PAGE_BITS], __ATOMIC_ACQUIRE);
	return page ? __atomic_load_n(&page[id & (PAGE_SIZE - 1)], __ATOMIC_ACQUIRE) : NULL;
}

uint64_t owners_lost(struct owners *o)
{
	uint64_t n;

	pthread_mutex_lock(&o->lock);
	n = o->lost;
	pthread_mutex_unlock(&o->lock);
	return n;
}

size_t owners_label_max(struct owners *o)
{
	size_t max = 0;

	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < o->n_activities; i++) {
		const struct activity_label *a = o->activities[i];
		int n = a ? snprintf(NULL, 0, " scenario=%s/%s activity=%u", a->scenario, a->sub,
				     a->id) :
			    0;

		if (n > 0 && (size_t)n > max)
			max = n;
	}
	pthread_mutex_unlock(&o->lock);
	return max;
}

static void write_owner(const struct owners *o, const struct owner *w, struct csv *c)
{
	csv_uint(c, w->id);
	csv_str(c, o->net->nodes[w->node].name);
	csv_uint(c, w->pid);
	csv_uint(c, w->ppid);
	if (w->kernel)
		csv_str(c, NULL);
	else
		csv_time(c, w->start);
	csv_str(c, w->comm);
	csv_str(c, w->exe);
	csv_str(c, w->argv);
	csv_str(c, w->cgroup);
	if (w->activity)
		csv_uint(c, w->activity->id);
	else
		csv_str(c, NULL);
	csv_end(c);
}

int owners_write_csv(struct owners *o, FILE *f)
{
	static const char *const header[] = { "owner", "host", "pid",  "ppid",	 "start",
					      "comm",  "exe",  "argv", "cgroup", "activity" };
	struct csv c;

	csv_open(&c, f);
	csv_row(&c, header, ARRAY_SIZE(header));
	pthread_mutex_lock(&o->lock);
	for (uint32_t id = 1; id <= o->max_id; id++) {
		struct owner **s = slot(o, id, false);

		if (s && *s)
			write_owner(o, *s, &c);
	}
	pthread_mutex_unlock(&o->lock);
	return ferror(f) ? -EIO : 0;
}
