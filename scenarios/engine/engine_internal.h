/* What engine.c, logs.c, server.c and activity.c share; nobody else's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef ENGINE_ENGINE_INTERNAL_H
#define ENGINE_ENGINE_INTERNAL_H

#include "capture/sender/ready.h"
#include "scenarios/engine/engine.h"

struct engine;

/* The output of a program, to read. */
struct log_file {
	char *name; /* "logs/HOST/NAME" */
	int fd;	    /* -1: none yet */
};

#define LOG_NONE ((struct log_file){ NULL, -1 })

/* A place in a host's queue of scripts. */
struct ticket {
	struct ticket *next;
	void (*go)(void *arg);
	void *arg;
};

struct queue {
	struct ticket *first, *last;
	bool busy;    /* somebody has the turn */
	bool pumping; /* turns are being given */
};

enum server_state { SERVER_SETUP, SERVER_STARTING, SERVER_READY, SERVER_STOPPING, SERVER_ENDED };

/* The server of one use. */
struct server {
	struct engine *e;
	const struct use *use;
	enum server_state state;
	const struct plan_client *clients; /* whose setup scripts are run, in order */
	size_t next_client;
	struct ticket ticket;
	struct prog *prog;	   /* the setup script, then the server */
	struct loop_timer *timer;
	struct strv vars;
	struct log_file log;	   /* its output, or the setup script's */
	int watch;		   /* inotify's, of its output */
	uint64_t cookie;	   /* of its host's network namespace */
	bool *open;		   /* one for each port */
	bool looked_at;		   /* by e->ready */
	bool timed_out;		   /* a setup script */
	bool died;		   /* ended before it was told to */
	int wstatus;
};

enum activity_state { ACT_PLANNED, ACT_QUEUED, ACT_BEFORE, ACT_RUN, ACT_PROOF, ACT_OVER };

struct activity {
	struct engine *e;
	const struct plan_activity *plan;
	struct server *server;
	struct result *result;
	enum activity_state state;
	struct strv vars;
	struct ticket ticket;
	struct prog *prog;
	struct loop_timer *timer;
	struct outcome outcome;
	bool stopped;
	struct log_file log; /* run's output */
	off_t log_offset; /* of the server's output: what was written since the start */
	struct activity *next_proof; /* in e->proofs */
};

struct grave {
	struct grave *next;
	struct prog *prog;
};

struct engine {
	struct engine_opts o;
	struct err *err;
	struct server *servers; /* one for each use */
	struct activity *acts;	/* one for each of the plan */
	struct queue *queues;	/* one for each node */
	struct activity *proofs; /* those that wait for a line of a server */
	size_t n_ready, n_ended, n_over, next_act;
	struct engine_counts counts;
	int inotify_fd;
	struct ready *ready; /* NULL: BPF tells */
	int64_t t0; /* CLOCK_MONOTONIC when the servers were ready; 0: not yet */
	const char *phase;
	bool stopping;	/* ends early: nothing begins any more */
	bool stop_heard; /* stop_fd spoke, and is out of the loop */
	bool finishing; /* servers are being stopped */
	struct loop_timer *act_timer, *progress_timer, *grave_timer;
	struct timeline_run *timeline;
	struct grave *graves;
};

/* engine.c */
void engine_fail(struct engine *e, int r); /* ends the run with r; err is filled */
void engine_server_ready(struct engine *e);
void engine_server_ended(struct engine *e);
void engine_activity_over(struct engine *e);
void engine_bury(struct engine *e, struct prog *p); /* frees it, but not in its own callback */
int engine_timer(struct engine *e, int64_t in_ns, loop_timer_fn *fn, void *arg,
		 struct loop_timer **timer);
/* Waits for its turn among the scripts of a host; go may be called at once. */
void queue_enter(struct engine *e, uint32_t node, struct ticket *t);
void queue_leave(struct engine *e, uint32_t node);

/* logs.c */
/* A new logs/HOST/NAME, opened to append, and to read it, too, if asked. */
int log_create(struct engine *e, uint32_t node, struct log_file *ret, int *ret_fd, const char *fmt,
	       ...) printf_like(5, 6);
void log_close(struct log_file *l);
/* The last lines of a log for an error message: "\n  line\n  line", malloc'd, or NULL. */
char *log_tail(const struct log_file *l);

/* server.c */
int server_init(struct server *s, struct engine *e, const struct use *use);
void server_clear(struct server *s);
void server_begin(struct server *s);
void server_opened(struct server *s, uint64_t cookie, uint8_t proto, uint16_t port);
void server_stop(struct server *s);

/* activity.c */
void activity_init(struct activity *a, struct engine *e, const struct plan_activity *plan,
		   struct server *server, struct result *result);
void activity_clear(struct activity *a);
void activity_start(struct activity *a);
void activity_stop(struct activity *a);
void activity_server_wrote(struct activity *a); /* only while it waits for proof */

#endif
