/*
 * The running network: builds the model in the kernel, runs programs in its hosts, takes it down.
 *
 * Theory of operation. emu_up() makes one namespace for each host and router, and the fabric, in
 * which every switch lives. All are held by fds of this process and nothing else: when it ends, by
 * SIGKILL too, the kernel takes them and the veths in them down. A host gets processes only with its
 * first program: its init (emu/init.h) is pid 1 of a pid namespace, dies with us by
 * PR_SET_PDEATHSIG, and everything in the host dies with it. Each of those namespaces belongs to a
 * user namespace of its own, in which the host's programs run, so their root ends at their host
 * (emu/userns.c); the fabric belongs to ours. What is left can only be empty cgroups and a
 * run folder, which the next start sweeps (emu/rundir.h).
 *
 * Everything here runs in one thread; program ends and init messages come through the loop.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_EMU_H
#define EMU_EMU_H

#include <sys/types.h>
#include "core/loop.h"
#include "emu/net.h"

struct emu;
struct prog;
struct shaper; /* emu/shaper/shaper.h */

/* A folder of the machine shown read-only in every host, at path. */
struct emu_bind {
	const char *source, *path;
};

struct emu_opts {
	int egress_bpf_fd; /* a tc program for every interface's egress, or -1 */
	bool offload;	   /* keep TSO, GSO and checksum offload (frames are then not as on a wire) */
	bool sealed;	   /* no host gets the shared folder, whatever the file says */
	const char *tls_keys;  /* SSLKEYLOGFILE of every program, a path in its host, or NULL; outlives the emu */
	const char *share_dir; /* the folder that share = yes makes writable, or NULL */
	const struct emu_bind *binds;
	size_t n_binds;
};

/* net stays the caller's and must outlive the emu. Sweeps dead runs first. */
int emu_up(const struct net *net, const struct emu_opts *opts, struct loop *loop, struct emu **ret,
	   struct err *err);
/* Ends every program and removes everything; returns when the kernel has let go of our cgroups. */
void emu_down(struct emu *e);

/* Puts a tc program on every interface's egress, once, where none was given at the start. 0 or -errno. */
int emu_tag(struct emu *e, int egress_bpf_fd);
/* Does every packet of a host still meet that program first? err names the interfaces where not. */
int emu_check_tag(const struct emu *e, struct err *err);

const struct net *emu_net(const struct emu *e);
const char *emu_run_id(const struct emu *e);
int emu_cgroup_fd(const struct emu *e);	       /* the run's cgroup v2 directory; stays the emu's */
int emu_fabric_ns(const struct emu *e);	       /* stays the emu's */
int emu_node_ns(const struct emu *e, uint32_t node); /* a switch's is the fabric */
/* What serves links whose engine it is, stays the emu's; NULL while there are none. */
struct shaper *emu_shaper(const struct emu *e);
/* Global pid of the host's init, or 0 while it has none; /proc/PID/root is the host's file tree. */
pid_t emu_node_init(const struct emu *e, uint32_t node);

/* How a program is run. Strings are copied; fds are duplicated. */
struct prog_spec {
	uint32_t node;
	char *const *argv;
	char *const *env;  /* "K=V", added to a clean environment (PATH, HOME, LANG=C.UTF-8, USER) */
	const char *cwd;   /* in the host; NULL: / or, where it is shared, the shared folder */
	int fd[3];	   /* standard input, output, error; -1: /dev/null */
	/*
	 * For the shell: a process group of its own in our session, else setsid(). If we are in the
	 * terminal's foreground and fd[0] is that terminal, the group gets it until the program has
	 * ended: Ctrl-C is the program's alone. When stopped (Ctrl-Z) it goes on at once.
	 */
	bool terminal;
};

/* Called once, in the loop, when the program and its init report its end. wstatus as wait(2)'s. */
typedef void prog_end_fn(void *arg, struct prog *p, int wstatus);

/*
 * In two steps, so that the owner of its sockets is known before its first instruction: prog_new()
 * makes the cgroup, prog_start() runs it there. prog_free() kills what still runs in the cgroup.
 */
int prog_new(struct emu *e, const struct prog_spec *spec, struct prog **ret, struct err *err);
int prog_start(struct prog *p, prog_end_fn *end, void *arg, struct err *err);
int prog_signal(struct prog *p, int signal); /* to its whole cgroup; 0, -ESRCH when ended */
void prog_free(struct prog *p);

uint64_t prog_cgroup_id(const struct prog *p);
unsigned prog_number(const struct prog *p); /* unique in the run, from 1 */
pid_t prog_pid(const struct prog *p);	    /* in the host's pid namespace; 0 before prog_start() */
const char *prog_cgroup_path(const struct prog *p); /* "detnet/RUN/h1/3" */

uint32_t prog_node(const struct prog *p);
char *const *prog_argv(const struct prog *p);
/*
 * Has fn told of each program, now of those that there are: when its cgroup is made and nothing runs in it
 * yet, and once more when it has been started. NULL: nobody any more.
 */
typedef void emu_prog_fn(void *arg, const struct prog *p);
void emu_watch_progs(struct emu *e, emu_prog_fn *fn, void *arg);

/* Runs to the end, driving the loop; *ret_wstatus as wait(2)'s. */
int prog_run(struct emu *e, const struct prog_spec *spec, int *ret_wstatus, struct err *err);

#endif
