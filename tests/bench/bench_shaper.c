/*
 * The built-in shaper under load and at rest: packets a second through 1 and 100 links, work when idle.
 *
 *     bench_shaper [PACKETS]
 *
 * The generator has one processor and the shaper another. It keeps a bounded number of frames under
 * way, so what is measured is what goes through, and nothing may be dropped; a plain veth takes the
 * same load beside it. "a processor second" divides by the time that the thread itself ran, with the
 * kernel's work on its behalf, and so holds on a busy machine too. When idle, a thousand shaped links
 * are watched.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/units.h"
#include "emu/emu.h"
#include "emu/link.h"
#include "emu/shaper/shaper.h"

#define WANTED	    500000 /* packets a second through one processor */
/* Of a plain veth's, in the same run: machines differ, this does not. Any, where nothing is optimized. */
#ifdef __OPTIMIZE__
#define RATIO_MIN 0.7
#else
#define RATIO_MIN 0
#endif
#define IDLE_WANTED 0.01   /* of a processor */
#define IDLE_LINKS  1000
#define IDLE_WINDOW (5 * NSEC_PER_SEC)
#define BATCH	    64
#define UNDER_WAY   2048 /* frames, at most */
#define FRAME	    128
#define LINKS_MAX   100
#define STUCK	    (5 * NSEC_PER_SEC)

struct lab {
	struct net net;
	struct loop *loop;
	struct emu *emu;
	struct err err;
	int own_ns;
};

struct load {
	uint64_t sent, received;
	int64_t took, busy; /* ns; busy: of the thread that works for the link */
};

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "bench_shaper: %s: %s\n", what,
		err && err->n ? err->items[0].msg : strerror(errno));
	exit(1);
}

/* ---- the network ---- */

static void lab_up(struct lab *l, int links, bool shaped, int64_t delay)
{
	struct emu_opts opts = { .egress_bpf_fd = -1 };
	int a, b, link;

	memset(l, 0, sizeof(*l));
	net_init(&l->net);
	a = net_add_node(&l->net, NODE_HOST, "h1", 0, &l->err);
	b = net_add_node(&l->net, NODE_HOST, "h2", 0, &l->err);
	for (int i = 0; i < links; i++) {
		link = net_add_link(&l->net, (uint32_t)a, (uint32_t)b, 0, &l->err);
		if (a < 0 || b < 0 || link < 0)
			die("model", &l->err);
		l->net.links[link].engine = shaped ? ENGINE_SHAPER : ENGINE_AUTO;
		l->net.links[link].shape[0].delay = delay;
	}
	if (net_finish(&l->net, &l->err) < 0 || loop_new(&l->loop) < 0)
		die("model", &l->err);
	l->own_ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (l->own_ns < 0 || emu_up(&l->net, &opts, l->loop, &l->emu, &l->err) < 0)
		die("network", &l->err);
}

static void lab_down(struct lab *l)
{
	emu_down(l->emu);
	loop_free(l->loop);
	net_free(&l->net);
	err_free(&l->err);
	close(l->own_ns);
}

static void enter(int ns)
{
	if (setns(ns, CLONE_NEWNET) < 0)
		die("setns", NULL);
}

/* ---- what is counted ---- */

static void pin(int processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("two processors are needed", NULL);
}

/* The time that our threads of that name have run, in ns. */
static int64_t thread_time(const char *name)
{
	char path[300], text[128] = "";
	DIR *d = opendir("/proc/self/task");
	long long ns, sum = 0;
	FILE *f;

	if (!d)
		die("/proc/self/task", NULL);
	for (struct dirent *e; (e = readdir(d));) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (!fgets(text, sizeof(text), f))
			text[0] = '\0';
		fclose(f);
		text[strcspn(text, "\n")] = '\0';
		if (strcmp(text, name) != 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", e->d_name);
		f = fopen(path, "re");
		if (!f || fscanf(f, "%lld", &ns) != 1)
			die(path, NULL);
		fclose(f);
		sum += ns;
	}
	closedir(d);
	return sum;
}

/* Packets that all interfaces of a namespace have received; fd is its /proc/net/dev. */
static uint64_t received(int fd)
{
	static char text[1 << 16];
	ssize_t n, total = 0;
	uint64_t sum = 0;

	while ((n = pread(fd, text + total, sizeof(text) - 1 - (size_t)total, total)) > 0)
		total += n;
	text[total] = '\0';
	for (char *line = text; line && *line; line = strchr(line, '\n')) {
		unsigned long long packets;
		char *colon = strchr(++line, ':');

		if (colon && sscanf(colon + 1, "%*u %llu", &packets) == 1)
			sum += packets;
	}
	return sum;
}

/* ---- the load ---- */

static int open_sender(const struct net *net, int link)
{
	const struct iface *out = &net->ifaces[net->links[link].iface[0]];
	struct sockaddr_ll sll = { .sll_family = AF_PACKET, .sll_ifindex = out->ifindex };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) < 0)
		die("packet socket", NULL);
	return fd;
}

static void make_frame(uint8_t *frame, const struct net *net, int link)
{
	const struct link *l = &net->links[link];

	memset(frame, 0, FRAME);
	memcpy(frame, net->ifaces[l->iface[1]].mac, ETH_ALEN);
	memcpy(frame + ETH_ALEN, net->ifaces[l->iface[0]].mac, ETH_ALEN);
	frame[12] = 0x88; /* IEEE Std 802 local experimental EtherType 1: nobody answers */
	frame[13] = 0xb5;
}

/* Sends n frames over the links in turn, a batch each; worker names the thread whose time is taken. */
static struct load run_load(struct lab *l, int links, uint64_t n, const char *worker)
{
	static uint8_t frame[LINKS_MAX][FRAME];
	struct mmsghdr msg[BATCH] = { 0 };
	struct load load = { 0 };
	int fd[LINKS_MAX], counter;
	int64_t start, last;
	struct iovec iov;
	uint64_t base;

	enter(emu_node_ns(l->emu, 1));
	counter = open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);
	enter(emu_node_ns(l->emu, 0));
	for (int i = 0; i < links; i++) {
		fd[i] = open_sender(&l->net, i);
		make_frame(frame[i], &l->net, i);
	}
	for (int i = 0; i < BATCH; i++)
		msg[i].msg_hdr = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
	base = received(counter);
	load.busy = thread_time(worker);
	start = last = units_now_mono();
	for (int link = 0; load.received < n; link = (link + 1) % links) {
		int sent = 0;

		/* Its own processor has nothing else to do than to look whether more may go. */
		while (load.sent - load.received > (load.sent < n ? UNDER_WAY - BATCH : 0)) {
			uint64_t now = received(counter) - base;
			int64_t t = units_now_mono();

			last = now > load.received ? t : last;
			load.received = now;
			if (t - last > STUCK)
				goto out; /* the rest was dropped */
		}
		if (load.sent < n) {
			iov = (struct iovec){ frame[link], FRAME };
			sent = sendmmsg(fd[link], msg, BATCH, 0);
		}
		if (sent < 0)
			die("sendmmsg", NULL);
		load.sent += (unsigned)sent;
	}
out:
	load.took = last - start;
	load.busy = thread_time(worker) - load.busy;
	for (int i = 0; i < links; i++)
		close(fd[i]);
	close(counter);
	enter(l->own_ns);
	return load;
}

/* ---- the figures ---- */

/* Packets that a second of one processor is good for; 0 if some were dropped. */
static double measure(int links, bool shaped, uint64_t n)
{
	struct shaper_stats stats = { 0 };
	struct load load;
	struct lab l;
	double rate, per_cpu;

	pin(1); /* which the shaper's thread inherits */
	lab_up(&l, links, shaped, 0);
	pin(0);
	/* Without a shaper it is the sender who does the link's work, down to the receiving host's. */
	load = run_load(&l, links, n, shaped ? SHAPER_THREAD_NAME : program_invocation_short_name);
	if (shaped)
		shaper_stats(emu_shaper(l.emu), &stats);
	lab_down(&l);
	rate = (double)load.received * NSEC_PER_SEC / (double)load.took;
	per_cpu = (double)load.received * NSEC_PER_SEC / (double)load.busy;
	printf("%3d %s links %12.0f %22.0f %10llu %10llu\n", links, shaped ? "shaped" : "plain ", rate,
	       per_cpu, (unsigned long long)(load.sent - load.received),
	       (unsigned long long)stats.overruns);
	fflush(stdout);
	return load.sent != load.received || stats.overruns || stats.send_errors ? 0 : per_cpu;
}

/* The share of a processor that a thousand shaped links take while nothing is sent. */
static double measure_idle(void)
{
	struct timespec end;
	int64_t busy, window;
	struct lab l;

	lab_up(&l, IDLE_LINKS, true, 10 * NSEC_PER_MSEC);
	busy = thread_time(SHAPER_THREAD_NAME);
	clock_gettime(CLOCK_MONOTONIC, &end);
	window = units_now_mono();
	end.tv_sec += IDLE_WINDOW / NSEC_PER_SEC;
	/* The window of a measurement, to an absolute end; there is no event in it, which is the point. */
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
	busy = thread_time(SHAPER_THREAD_NAME) - busy;
	window = units_now_mono() - window;
	lab_down(&l);
	printf("%d idle shaped links take %.4f %% of a processor\n", IDLE_LINKS,
	       (double)busy / (double)window * 100);
	return (double)busy / (double)window;
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
	double plain, one, many, idle;

	n = (n + BATCH - 1) / BATCH * BATCH;
	printf("%-16s %12s %22s %10s %10s\n", "", "packets/s", "a processor second", "dropped", "overruns");
	plain = measure(1, false, n);
	one = measure(1, true, n);
	many = measure(LINKS_MAX, true, n);
	idle = measure_idle();
	printf("one shaped link passes %.2f of what a plain veth does; 100 pass %.2f of what one does\n",
	       one / plain, many / one);
	printf("wanted are %d packets a processor second: %s\n", WANTED,
	       one >= WANTED && many >= WANTED ? "reached" : "missed on this machine");
	return !(one > plain * RATIO_MIN && many > one * RATIO_MIN && idle < IDLE_WANTED);
}
