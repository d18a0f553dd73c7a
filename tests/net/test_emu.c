/* Builds networks and looks at them from inside, and at the machine around them. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "core/units.h"
#include "emu/cgroup.h"
#include "emu/emu.h"
#include "emu/init.h"
#include "emu/netns.h"
#include "emu/qdisc.h"
#include "emu/rundir.h"
#include "tests/lib/leftover.h"
#include "tests/lib/nswatch.h"

#define WAIT_MS	 5000
#define DRAIN_MS 20000
#define PORT	 4000

/* h1, h3 - s1 - r1 - s2 - h2 */
enum { H1, H2, H3, S1, S2, R1, NODES };

struct lab {
	struct net net;
	struct loop *loop;
	struct emu *emu;
	struct err err;
};

static void lab_model(struct lab *l)
{
	static const struct { const char *name; enum node_kind kind; } node[NODES] = {
		{ "h1", NODE_HOST }, { "h2", NODE_HOST }, { "h3", NODE_HOST },
		{ "s1", NODE_SWITCH }, { "s2", NODE_SWITCH }, { "r1", NODE_ROUTER },
	};
	static const uint32_t ends[][2] = { { H1, S1 }, { H3, S1 }, { R1, S1 }, { R1, S2 },
					    { H2, S2 } };
	size_t i;

	memset(l, 0, sizeof(*l));
	net_init(&l->net);
	for (i = 0; i < NODES; i++)
		assert_int_equal(net_add_node(&l->net, node[i].kind, node[i].name, i + 1, &l->err),
				 i);
	for (i = 0; i < ARRAY_SIZE(ends); i++)
		assert_int_equal(net_add_link(&l->net, ends[i][0], ends[i][1], 10 + i, &l->err), i);
	assert_int_equal(loop_new(&l->loop), 0);
}

static void lab_finish(struct lab *l)
{
	if (net_finish(&l->net, &l->err) < 0)
		fail_msg("%s", l->err.items[0].msg);
}

static int lab_try(struct lab *l, const struct emu_opts *opts)
{
	static const struct emu_opts plain = { .egress_bpf_fd = -1 };

	return emu_up(&l->net, opts ? opts : &plain, l->loop, &l->emu, &l->err);
}

static void lab_up(struct lab *l, const struct emu_opts *opts)
{
	if (lab_try(l, opts) < 0)
		fail_msg("%s", l->err.items[0].msg);
}

static void lab_down(struct lab *l)
{
	emu_down(l->emu);
	loop_free(l->loop);
	net_free(&l->net);
	err_free(&l->err);
}

static int socket_in(const struct lab *l, uint32_t node, int type, int proto)
{
	struct timeval t = { .tv_sec = WAIT_MS / 1000 };
	int old = netns_enter(emu_node_ns(l->emu, node)), fd;

	assert_true(old >= 0);
	fd = socket(AF_INET, type | SOCK_CLOEXEC, proto);
	netns_leave(old);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	return fd;
}

static struct sockaddr_in addr_of(const struct lab *l, uint32_t node)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(PORT),
				     .sin_addr.s_addr = htonl(net_node_addr(&l->net, node)) };
}

/* A datagram there and an answer back; the TTL it arrived with, or 0 when none arrived. */
static int exchange(const struct lab *l, uint32_t from, uint32_t to)
{
	int c = socket_in(l, from, SOCK_DGRAM, 0), s = socket_in(l, to, SOCK_DGRAM, 0);
	struct sockaddr_in dst = addr_of(l, to), src = { 0 };
	char in[16] = "", control[64];
	struct iovec iov = { in, sizeof(in) };
	struct msghdr msg = { .msg_name = &src, .msg_namelen = sizeof(src), .msg_iov = &iov,
			      .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int ttl = 0, on = 1;
	uint32_t i;

	setsockopt(s, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on));
	assert_int_equal(bind(s, (struct sockaddr *)&dst, sizeof(dst)), 0);
	assert_int_equal(sendto(c, "ask", 3, 0, (struct sockaddr *)&dst, sizeof(dst)), 3);
	if (recvmsg(s, &msg, 0) == 3 && !memcmp(in, "ask", 3)) {
		struct cmsghdr *cm = CMSG_FIRSTHDR(&msg);

		assert_non_null(cm);
		memcpy(&ttl, CMSG_DATA(cm), sizeof(ttl));
		i = net_find_addr(&l->net, ntohl(src.sin_addr.s_addr));
		assert_true(from == to || (i != NET_NONE && l->net.ifaces[i].node == from));
		assert_int_equal(sendto(s, "tell", 4, 0, (struct sockaddr *)&src, sizeof(src)), 4);
		assert_int_equal(recv(c, in, sizeof(in), 0), 4);
		assert_memory_equal(in, "tell", 4);
	}
	close(c);
	close(s);
	return ttl;
}

/* Sends n bytes by TCP and says how long it took until the last was read, in seconds. */
static double transfer(const struct lab *l, uint32_t from, uint32_t to, size_t n)
{
	int c = socket_in(l, from, SOCK_STREAM, 0), s = socket_in(l, to, SOCK_STREAM, 0), a;
	struct sockaddr_in dst = addr_of(l, to);
	static char buf[65536];
	size_t sent = 0, got = 0;
	int64_t start;
	ssize_t k;

	assert_int_equal(bind(s, (struct sockaddr *)&dst, sizeof(dst)), 0);
	assert_int_equal(listen(s, 1), 0);
	start = units_now_mono();
	assert_int_equal(connect(c, (struct sockaddr *)&dst, sizeof(dst)), 0);
	a = accept4(s, NULL, NULL, SOCK_CLOEXEC);
	assert_true(a >= 0);
	while (got < n) {
		struct pollfd p[2] = { { .fd = a, .events = POLLIN },
				       { .fd = c, .events = sent < n ? POLLOUT : 0 } };

		assert_true(poll(p, 2, WAIT_MS) > 0);
		if (p[1].revents & POLLOUT) {
			size_t want = n - sent < sizeof(buf) ? n - sent : sizeof(buf);

			k = send(c, buf, want, MSG_DONTWAIT);
			sent += k > 0 ? k : 0;
		}
		if (p[0].revents & POLLIN) {
			k = recv(a, buf, sizeof(buf), MSG_DONTWAIT);
			assert_true(k != 0);
			got += k > 0 ? k : 0;
		}
	}
	close(a);
	close(c);
	close(s);
	return (double)(units_now_mono() - start) / NSEC_PER_SEC;
}

static void test_seen_from_inside(void **state)
{
	struct lab l;
	size_t i;

	lab_model(&l);
	lab_finish(&l);
	lab_up(&l, NULL);
	for (i = 0; i < l.net.n_ifaces; i++) {
		const struct iface *f = &l.net.ifaces[i];
		int s = socket_in(&l, f->node, SOCK_DGRAM, 0);
		struct ifreq ifr = { 0 };

		snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", f->name);
		assert_int_equal(ioctl(s, SIOCGIFINDEX, &ifr), 0);
		assert_int_equal(ifr.ifr_ifindex, f->ifindex);
		assert_int_equal(ioctl(s, SIOCGIFHWADDR, &ifr), 0);
		assert_memory_equal(ifr.ifr_hwaddr.sa_data, f->mac, 6);
		assert_int_equal(ioctl(s, SIOCGIFMTU, &ifr), 0);
		assert_int_equal(ifr.ifr_mtu, l.net.links[f->link].mtu);
		assert_int_equal(ioctl(s, SIOCGIFFLAGS, &ifr), 0);
		assert_true((ifr.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING));
		if (f->addr) {
			assert_int_equal(ioctl(s, SIOCGIFADDR, &ifr), 0);
			assert_int_equal(
				ntohl(((struct sockaddr_in *)&ifr.ifr_addr)->sin_addr.s_addr),
				f->addr);
		}
		close(s);
	}
	lab_down(&l);
}

static void test_traffic(void **state)
{
	struct lab l;

	lab_model(&l);
	lab_finish(&l);
	lab_up(&l, NULL);
	assert_int_equal(exchange(&l, H1, H3), 64); /* one switch */
	assert_int_equal(exchange(&l, H1, H2), 63); /* one router between */
	assert_int_equal(exchange(&l, H2, H3), 63);
	assert_int_equal(exchange(&l, R1, H2), 64);
	assert_int_equal(exchange(&l, H1, H1), 64); /* by its own loopback */
	assert_true(transfer(&l, H1, H2, 1 << 20) > 0);
	lab_down(&l);
}

static void test_ping_needs_no_privilege(void **state)
{
	struct sockaddr_in dst;
	uint8_t echo[8] = { 8 }, in[64];
	struct lab l;
	int s;

	lab_model(&l);
	lab_finish(&l);
	lab_up(&l, NULL);
	s = socket_in(&l, H1, SOCK_DGRAM, IPPROTO_ICMP);
	dst = addr_of(&l, H2);
	assert_int_equal(sendto(s, echo, 8, 0, (struct sockaddr *)&dst, sizeof(dst)), 8);
	assert_int_equal(recv(s, in, sizeof(in), 0), 8);
	assert_int_equal(in[0], 0); /* echo reply */
	close(s);
	lab_down(&l);
}

static void assert_sysctl(const struct lab *l, uint32_t node, const char *name, const char *want)
{
	char path[256], text[64] = "";
	int old = netns_enter(emu_node_ns(l->emu, node));
	FILE *f;

	assert_true(old >= 0);
	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	netns_leave(old);
	text[strcspn(text, "\n")] = '\0';
	assert_string_equal(text, want);
}

static void test_sysctls(void **state)
{
	struct lab l;
	int ipv6;

	for (ipv6 = 0; ipv6 < 2; ipv6++) {
		const char *off = ipv6 ? "0" : "1";

		lab_model(&l);
		l.net.ipv6 = ipv6;
		lab_finish(&l);
		lab_up(&l, NULL);
		assert_sysctl(&l, R1, "ipv4/ip_forward", "1");
		assert_sysctl(&l, H1, "ipv4/ip_forward", "0");
		assert_sysctl(&l, R1, "ipv4/conf/all/rp_filter", "0");
		assert_sysctl(&l, R1, "ipv4/conf/r1-eth0/rp_filter", "0");
		assert_sysctl(&l, H1, "ipv4/ping_group_range", "0\t2147483647");
		assert_sysctl(&l, H1, "ipv6/conf/all/disable_ipv6", off);
		assert_sysctl(&l, H1, "ipv6/conf/default/disable_ipv6", off);
		assert_sysctl(&l, H1, "ipv6/conf/h1-eth0/disable_ipv6", off);
		assert_sysctl(&l, S1, "ipv6/conf/all/disable_ipv6", "1");
		assert_sysctl(&l, S1, "ipv6/conf/s1/disable_ipv6", "1");
		lab_down(&l);
	}
}

static uint32_t feature(int s, const char *ifname, uint32_t cmd)
{
	struct ethtool_value v = { .cmd = cmd };
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	ifr.ifr_data = (void *)&v;
	assert_int_equal(ioctl(s, SIOCETHTOOL, &ifr), 0);
	return v.data;
}

static void test_offloads(void **state)
{
	struct lab l;
	int keep, s;

	for (keep = 0; keep < 2; keep++) {
		struct emu_opts opts = { .egress_bpf_fd = -1, .offload = keep };

		lab_model(&l);
		lab_finish(&l);
		lab_up(&l, &opts);
		s = socket_in(&l, H1, SOCK_DGRAM, 0);
		assert_int_equal(feature(s, "h1-eth0", ETHTOOL_GTSO), keep);
		assert_int_equal(feature(s, "h1-eth0", ETHTOOL_GGSO), keep);
		assert_int_equal(feature(s, "h1-eth0", ETHTOOL_GTXCSUM), keep);
		close(s);
		lab_down(&l);
	}
}

static void test_rate(void **state)
{
	struct lab l;
	double t;

	lab_model(&l);
	lab_finish(&l);
	assert_true(qdisc_have_tbf());
	l.net.links[4].shape[1].rate = 20000000; /* s2's end: what goes to h2 */
	lab_up(&l, NULL);
	t = transfer(&l, H1, H2, 2000000); /* 0.8 s, less at most the burst of 10 ms */
	if (t < 0.78 || t > 1.2)
		fail_msg("2 MB at 20 Mbit/s took %.3f s", t);
	assert_true(transfer(&l, H2, H1, 2000000) < 0.5); /* the other way is free */
	lab_down(&l);
}

static void test_netem_or_its_absence(void **state)
{
	char *before, *after, *diff;
	struct lab l;

	lab_model(&l);
	lab_finish(&l);
	free(l.net.file);
	l.net.file = strdup("lab.ini");
	l.net.links[3].shape[0].delay = 30 * NSEC_PER_MSEC;
	l.net.links[3].engine = ENGINE_NETEM;
	if (qdisc_have_netem()) {
		int64_t start;

		l.net.links[3].shape[0].rate = 20000000;
		lab_up(&l, NULL);
		exchange(&l, H1, H2); /* ARP */
		start = units_now_mono();
		assert_int_equal(exchange(&l, H1, H2), 63);
		assert_true(units_now_mono() - start >= 30 * NSEC_PER_MSEC);
		assert_true(transfer(&l, H1, H2, 2000000) > 0.7);
	} else {
		before = leftover_take(LEFTOVER_MACHINE);
		assert_int_equal(lab_try(&l, NULL), -EOPNOTSUPP);
		assert_int_equal(l.err.items[0].class, ERR_MISSING);
		assert_int_equal(l.err.items[0].line, 13);
		assert_string_equal(l.err.items[0].file, "lab.ini");
		assert_non_null(strstr(l.err.items[0].msg, "CONFIG_NET_SCH_NETEM"));
		after = leftover_take(LEFTOVER_MACHINE);
		diff = leftover_diff(before, after);
		assert_string_equal(diff, "");
		free(before);
		free(after);
		free(diff);
	}
	lab_down(&l);
}

static void test_failure_is_undone(void **state)
{
	_cleanup_free_ char *before = leftover_take(LEFTOVER_MACHINE), *after = NULL, *diff = NULL;
	struct lab l;

	/* at the links: two interfaces of one name in one namespace */
	lab_model(&l);
	lab_finish(&l);
	memcpy(l.net.ifaces[l.net.links[3].iface[0]].name, "r1-eth0", 8);
	assert_true(lab_try(&l, NULL) < 0);
	assert_non_null(strstr(l.err.items[0].msg, "r1-eth0"));
	assert_null(l.emu);
	lab_down(&l);

	/* at the addresses, with links and namespaces made */
	lab_model(&l);
	lab_finish(&l);
	l.net.ifaces[l.net.links[4].iface[0]].prefix = 33;
	assert_true(lab_try(&l, NULL) < 0);
	assert_non_null(strstr(l.err.items[0].msg, "h2"));
	assert_null(l.emu);
	lab_down(&l);

	assert_int_equal(leftover_drain(DRAIN_MS), 0);
	after = leftover_take(LEFTOVER_MACHINE);
	assert_non_null(before);
	assert_non_null(after);
	diff = leftover_diff(before, after);
	assert_string_equal(diff, "");
}

/* The machine before, during and after; and every namespace of ours dies. */
static void test_machine_untouched(void **state)
{
	char *snap[3], *diff, run[64];
	struct nswatch *w = nswatch_new();
	struct stat st;
	struct lab l;
	int i;

	assert_non_null(w);
	lab_model(&l);
	lab_finish(&l);
	snap[0] = leftover_take(LEFTOVER_MACHINE);
	lab_up(&l, NULL);
	assert_int_equal(exchange(&l, H1, H2), 63);
	snap[1] = leftover_take(LEFTOVER_MACHINE);
	/* 3 hosts, the router, the fabric, and the witness */
	assert_int_equal(nswatch_add_process(w, getpid()), 6);
	snprintf(run, sizeof(run), "/run/detnet/%s", emu_run_id(l.emu));
	assert_int_equal(stat(run, &st), 0);
	emu_down(l.emu);
	l.emu = NULL;
	assert_int_equal(stat(run, &st), -1);
	snap[2] = leftover_take(LEFTOVER_MACHINE);
	for (i = 1; i < 3; i++) {
		assert_non_null(snap[i]);
		diff = leftover_diff(snap[0], snap[i]);
		assert_string_equal(diff, "");
		free(diff);
	}
	for (i = 0; i < 3; i++)
		free(snap[i]);
	/* the witness is watched too, and lives */
	assert_int_equal(nswatch_wait(w, 2000), -ETIMEDOUT);
	assert_int_equal(nswatch_alive(w), 1);
	nswatch_free(w);
	lab_down(&l);
}

static void test_two_at_once(void **state)
{
	struct lab a, b;

	lab_model(&a);
	lab_finish(&a);
	lab_model(&b);
	lab_finish(&b);
	lab_up(&a, NULL);
	lab_up(&b, NULL);
	assert_string_not_equal(emu_run_id(a.emu), emu_run_id(b.emu));
	assert_int_equal(exchange(&a, H1, H2), 63);
	assert_int_equal(exchange(&b, H1, H2), 63);
	emu_down(a.emu);
	a.emu = NULL;
	assert_int_equal(exchange(&b, H2, H1), 63);
	lab_down(&a);
	lab_down(&b);
}

static void star(struct lab *l, int hosts)
{
	char name[16];
	int i, h, s;

	memset(l, 0, sizeof(*l));
	net_init(&l->net);
	assert_int_equal(loop_new(&l->loop), 0);
	s = net_add_node(&l->net, NODE_SWITCH, "s1", 1, &l->err);
	for (i = 1; i <= hosts; i++) {
		snprintf(name, sizeof(name), "h%d", i);
		h = net_add_node(&l->net, NODE_HOST, name, i + 1, &l->err);
		assert_true(net_add_link(&l->net, h, s, i + 1, &l->err) >= 0);
	}
	lab_finish(l);
}

static void test_ports_of_a_bridge(void **state)
{
	struct lab l;

	star(&l, 1023);
	lab_up(&l, NULL);
	assert_int_equal(exchange(&l, 1, 1023), 64);
	lab_down(&l);
	star(&l, 1024);
	assert_int_equal(lab_try(&l, NULL), -EINVAL);
	assert_int_equal(l.err.items[0].line, 1);
	assert_non_null(strstr(l.err.items[0].msg, "1023"));
	lab_down(&l);
}

static void test_many_open_files(void **state)
{
	struct rlimit old, low;
	struct lab l;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){ .rlim_cur = 64, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	star(&l, 100);
	lab_up(&l, NULL);
	assert_int_equal(exchange(&l, 1, 100), 64);
	lab_down(&l);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void test_without_privilege(void **state)
{
	struct lab l;
	int status;
	pid_t pid;

	lab_model(&l);
	lab_finish(&l);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
			_exit(10);
		if (lab_try(&l, NULL) >= 0 || l.err.items[0].class != ERR_MISSING)
			_exit(11);
		_exit(strstr(l.err.items[0].msg, "root") ? 0 : 12);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	lab_down(&l);
}

static void test_own_thread_stays(void **state)
{
	struct stat before, after;
	struct lab l;

	lab_model(&l);
	lab_finish(&l);
	assert_int_equal(stat("/proc/thread-self/ns/net", &before), 0);
	lab_up(&l, NULL);
	assert_int_equal(stat("/proc/thread-self/ns/net", &after), 0);
	assert_true(before.st_ino == after.st_ino);
	lab_down(&l);
	assert_int_equal(stat("/proc/thread-self/ns/net", &after), 0);
	assert_true(before.st_ino == after.st_ino);
}

/* r1 = map[skb->ifindex] += 1; return TC_ACT_OK */
static int load_counter(int map)
{
	const struct bpf_insn insns[] = {
		{ BPF_LDX | BPF_W | BPF_MEM, 2, 1, offsetof(struct __sk_buff, ifindex), 0 },
		{ BPF_STX | BPF_W | BPF_MEM, 10, 2, -4, 0 },
		{ BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map },
		{ 0, 0, 0, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0 },
		{ BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4 },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1 },
		{ BPF_STX | BPF_DW | BPF_ATOMIC, 0, 1, 0, BPF_ADD },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "count", "GPL", insns, ARRAY_SIZE(insns),
			     NULL);
}

static void test_egress_program_everywhere(void **state)
{
	int map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "counts", 4, 8, 256, NULL);
	struct emu_opts opts = { .egress_bpf_fd = load_counter(map) };
	struct lab l;
	size_t i;

	assert_true(map >= 0 && opts.egress_bpf_fd >= 0);
	lab_model(&l);
	lab_finish(&l);
	lab_up(&l, &opts);
	assert_int_equal(exchange(&l, H1, H2), 63);
	assert_int_equal(exchange(&l, H3, H2), 63);
	/* every interface sent: a question or an answer, and before it ARP */
	for (i = 0; i < l.net.n_ifaces; i++) {
		uint32_t key = l.net.ifaces[i].ifindex;
		uint64_t count = 0;

		assert_int_equal(bpf_map_lookup_elem(map, &key, &count), 0);
		if (!count)
			fail_msg("no packet counted on %s", l.net.ifaces[i].name);
	}
	lab_down(&l);
	close(opts.egress_bpf_fd);
	close(map);
}

static void read_limit(const char *mount, const char *run, const char *file, char *ret, size_t size)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/detnet/%s/h1/%s", mount, run, file);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(ret, (int)size, f));
	fclose(f);
}

static void test_cgroup_limits(void **state)
{
	struct node_limits limits = { .cpu = 0.5, .memory = 64 << 20, .pids = 20 };
	_cleanup_close_ int host = -1, prog = -1;
	_cleanup_err_ struct err err = { 0 };
	bool cpu, memory, pids, v2;
	struct cgroup_run *c;
	struct rundir run;
	char text[64];
	struct stat st;
	uint64_t id;

	v2 = !strcmp(cgroup_limits_kind(&cpu, &memory, &pids), "v2");
	assert_true(cpu && memory && pids);
	assert_int_equal(rundir_open(&run, &err), 0);
	assert_int_equal(cgroup_open(run.id, &c, &err), 0);
	if (cgroup_add_host(c, "h1", &limits, &host, &err) < 0)
		fail_msg("%s", err.items[0].msg);
	assert_int_equal(cgroup_add_program(c, "h1", 7, &prog, &id, &err), 0);
	assert_int_equal(fstat(prog, &st), 0);
	assert_true(id == st.st_ino);
	assert_int_equal(fstatat(cgroup_fd(c), "h1/7", &st, 0), 0);
	read_limit(v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory", run.id,
		   v2 ? "memory.max" : "memory.limit_in_bytes", text, sizeof(text));
	assert_string_equal(text, "67108864\n");
	read_limit(v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids", run.id, "pids.max", text,
		   sizeof(text));
	assert_string_equal(text, "20\n");
	read_limit(v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu", run.id,
		   v2 ? "cpu.max" : "cpu.cfs_quota_us", text, sizeof(text));
	assert_string_equal(text, v2 ? "50000 100000\n" : "50000\n");
	cgroup_del_program(c, "h1", 7);
	assert_int_equal(fstatat(cgroup_fd(c), "h1/7", &st, 0), -1);
	assert_int_equal(cgroup_close(c), 0);
	assert_int_equal(cgroup_sweep(run.id), 0); /* nothing is left to remove */
	rundir_close(&run);
}

/* A host whose limits were refused leaves nothing; and one is called as a file of cgroup v1 is. */
static void test_cgroup_names(void **state)
{
	struct node_limits limits = { .memory = 64 << 20, .pids = UINT64_C(1) << 40 };
	_cleanup_err_ struct err err = { 0 };
	_cleanup_close_ int host = -1, prog = -1;
	struct cgroup_run *c;
	struct rundir run;
	bool have[3];
	char path[64];
	struct stat st;
	uint64_t id;

	cgroup_limits_kind(&have[0], &have[1], &have[2]);
	if (!have[1] || !have[2])
		skip();
	assert_int_equal(rundir_open(&run, &err), 0);
	assert_int_equal(cgroup_open(run.id, &c, &err), 0);
	for (size_t i = 0; i < 2; i++) { /* the same answer again, not that it exists */
		assert_int_equal(cgroup_add_host(c, "tasks", &limits, &host, &err), -EINVAL);
		assert_string_equal(err.items[i].msg, "cannot set the pids limit of tasks: "
						      "Invalid argument");
	}
	limits.pids = 10;
	assert_int_equal(cgroup_add_host(c, "tasks", &limits, &host, &err), 0);
	assert_int_equal(cgroup_add_program(c, "tasks", 1, &prog, &id, &err), 0);
	cgroup_path(c, "tasks", 1, path, sizeof(path));
	assert_string_equal(strrchr(path, '/') - 6, "tasks_/1");
	assert_int_equal(fstatat(cgroup_fd(c), "tasks_/1", &st, 0), 0);
	cgroup_del_program(c, "tasks", 1);
	assert_int_equal(cgroup_close(c), 0);
	rundir_close(&run);
}

/* Removal waits for the last process; it is told by an event, not by looking again and again. */
static void test_cgroup_close_waits(void **state)
{
	struct node_limits limits = { .pids = 5 };
	_cleanup_err_ struct err err = { 0 };
	struct cgroup_run *c;
	struct rundir run;
	int host, status, host_ready[2];
	pid_t pid;

	assert_int_equal(pipe(host_ready), 0);
	assert_int_equal(rundir_open(&run, &err), 0);
	assert_int_equal(cgroup_open(run.id, &c, &err), 0);
	assert_int_equal(cgroup_add_host(c, "h1", &limits, &host, &err), 0);
	pid = fork();
	if (pid == 0) {
		FILE *f;
		int fd = openat(host, "cgroup.procs", O_WRONLY | O_CLOEXEC), i;

		if (fd < 0 || write(fd, "0", 1) != 1 ||
		    cgroup_enter_limits(c, "h1", getpid(), &err) < 0)
			_exit(1);
		if (write(host_ready[1], "x", 1) != 1)
			_exit(2);
		/* busy for a while: ends by itself while the other waits */
		for (i = 0; i < 200; i++) {
			f = fopen("/proc/self/mountinfo", "re");
			while (f && fgetc(f) != EOF)
				;
			if (f)
				fclose(f);
		}
		_exit(0);
	}
	assert_int_equal(read(host_ready[0], &status, 1), 1);
	close(host_ready[0]);
	close(host_ready[1]);
	close(host);
	assert_int_equal(cgroup_close(c), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	rundir_close(&run);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seen_from_inside),
		cmocka_unit_test(test_traffic),
		cmocka_unit_test(test_ping_needs_no_privilege),
		cmocka_unit_test(test_sysctls),
		cmocka_unit_test(test_offloads),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_netem_or_its_absence),
		cmocka_unit_test(test_failure_is_undone),
		cmocka_unit_test(test_machine_untouched),
		cmocka_unit_test(test_two_at_once),
		cmocka_unit_test(test_ports_of_a_bridge),
		cmocka_unit_test(test_many_open_files),
		cmocka_unit_test(test_without_privilege),
		cmocka_unit_test(test_own_thread_stays),
		cmocka_unit_test(test_egress_program_everywhere),
		cmocka_unit_test(test_cgroup_limits),
		cmocka_unit_test(test_cgroup_names),
		cmocka_unit_test(test_cgroup_close_waits),
	};

	if (argc > 0 && !strcmp(argv[0], INIT_ARGV0))
		return init_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
