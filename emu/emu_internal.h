/* What emu.c (build and teardown), host.c (a host's init) and prog.c (programs) share; nobody else's. */
/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_EMU_INTERNAL_H
#define EMU_EMU_INTERNAL_H

#include "emu/cgroup.h"
#include "emu/emu.h"
#include "emu/rundir.h"

/* A node with a namespace of its own. Everything but ns_fd is empty until its first program. */
struct host {
	struct emu *emu;
	uint32_t node;
	int ns_fd;
	int init_fd;   /* SOCK_SEQPACKET to its init, or -1 */
	int pidfd;     /* of its init, or -1 */
	pid_t pid;     /* of its init, or 0 */
	int cgroup_fd; /* v2 directory, or -1 */
	struct prog *progs; /* all not yet freed */
};

/* What a link does now; emu/link.h. */
struct emu_link {
	enum link_engine engine;
	const char *why;
	bool up;     /* as it was asked to be */
	bool broken; /* half made */
	struct shape shape[2];
};

struct emu {
	const struct net *net;
	struct loop *loop;
	struct rundir run;
	struct cgroup_run *cgroup;
	struct host *hosts; /* one for each node; a switch's is unused */
	struct emu_link *links; /* one for each link */
	struct shaper *shaper;	/* NULL: none needed so far */
	int fabric_fd;
	int egress_bpf_fd; /* ours, or -1 */
	unsigned next_prog;
	emu_prog_fn *watch; /* NULL: nobody asks */
	void *watch_arg;
	bool offload, sealed, hold_links;
	unsigned links_remade;
	char *share_dir;
	const char *tls_keys; /* see emu_opts */
	struct emu_bind *binds;
	size_t n_binds;
	int conf_fd; /* host_files.c's memfd of what every init is told; 0: not made yet */
	int exe_fd;  /* host_files.c's memfd of this program, which inits execute; 0: not made yet */
};

struct prog {
	struct prog *next; /* in host->progs */
	struct host *host;
	unsigned number;
	char **argv, **env;
	char *cwd;
	int fd[3];
	bool terminal, started, ended;
	bool foreground; /* it got the terminal, which we take back */
	bool lost; /* its init died; the end is about to be reported */
	pid_t pid;
	int cgroup_fd;
	uint64_t cgroup_id;
	char *cgroup_path;
	prog_end_fn *end;
	void *end_arg;
};

/* host.c */
int host_start_init(struct host *h, struct err *err); /* nothing to do when it runs */
void host_kill(struct host *h);			      /* SIGKILL to init, does not wait */
void host_reap(struct host *h);			      /* waits for its end and closes all */
/* Takes the terminal back from a program that had it, if one of its groups has it still. */
void host_take_terminal(struct prog *p);
/* Sends a message with file descriptors to a host's init. 0 or -errno. */
int host_send(struct host *h, const void *msg, size_t size, const int *fds, size_t n_fds);

/* host_files.c */
int host_make_files(struct emu *e, struct err *err); /* conf_fd and exe_fd */
void host_close_files(struct emu *e);		     /* at the end of emu_down() */
/* fd, or in its stead a copy that is above the places that the child of host.c fills; or -1. */
int host_high_fd(int fd);

#endif
