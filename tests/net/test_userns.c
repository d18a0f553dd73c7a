/*
 * Tries to reach from a host what lies at the other end of its cables, and shows that root in a
 * host is root there and nowhere else; then the same where no user namespaces are to be had.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/net/host_fixture.h"
#include <libmnl/libmnl.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include "core/log.h"
#include "emu/userns.h"

#define IDS	16 /* namespace ids to try: the kernel gives them out from 0 */
#define INDEXES 32 /* interfaces to try, from NET_IFINDEX_BASE: more than the network has */

/* One message about an interface of the namespace nsid; the errno it was answered with, or 0. */
static int ask(struct mnl_socket *s, int type, int nsid, int index)
{
	_Alignas(struct nlmsghdr) char buf[32768];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifm;
	ssize_t n;

	nlh->nlmsg_type = (uint16_t)type;
	nlh->nlmsg_flags = NLM_F_REQUEST | (type == RTM_GETLINK ? 0 : NLM_F_ACK);
	ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));
	ifm->ifi_index = index;
	if (type == RTM_SETLINK)
		ifm->ifi_change = IFF_UP;
	mnl_attr_put_u32(nlh, IFLA_TARGET_NETNSID, (uint32_t)nsid);
	if (mnl_socket_sendto(s, nlh, nlh->nlmsg_len) < 0)
		return errno;
	n = mnl_socket_recvfrom(s, buf, sizeof(buf));
	return mnl_cb_run(buf, (size_t)n, 0, 0, NULL, NULL) < 0 ? errno : 0;
}

/* Marks the ids by which this namespace knows those at the other ends of its cables. */
static int mark_id(const struct nlmsghdr *nlh, void *ids)
{
	const struct nlattr *a;

	mnl_attr_for_each(a, nlh, sizeof(struct ifinfomsg)) {
		if (mnl_attr_get_type(a) == IFLA_LINK_NETNSID && mnl_attr_get_u32(a) < IDS)
			((bool *)ids)[mnl_attr_get_u32(a)] = true;
	}
	return MNL_CB_OK;
}

static void find_ids(struct mnl_socket *s, bool ids[IDS])
{
	_Alignas(struct nlmsghdr) char buf[32768];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	ssize_t n;

	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	if (mnl_socket_sendto(s, nlh, nlh->nlmsg_len) < 0)
		exit(99);
	do
		n = mnl_socket_recvfrom(s, buf, sizeof(buf));
	while (n > 0 && mnl_cb_run(buf, (size_t)n, 0, 0, mark_id, ids) > MNL_CB_STOP);
}

/* Prints how many namespaces are known, and in how many of them an interface was reached. */
static int probe_reach(bool look_only)
{
	static const int types[] = { RTM_GETLINK, RTM_SETLINK, RTM_DELLINK };
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	bool ids[IDS] = { false };
	int known = 0, reached = 0;

	if (!s || mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0)
		return 99;
	find_ids(s, ids);
	for (int id = 0; id < IDS; id++) {
		bool in = false;

		known += ids[id];
		for (int i = 0; i < INDEXES * (look_only ? 1 : (int)ARRAY_SIZE(types)); i++) {
			int index = NET_IFINDEX_BASE + i % INDEXES;
			int type = types[i / INDEXES], e = ask(s, type, id, index);

			/*
			 * ENODEV: looked for, not found; but to set is to move one of ours there,
			 * for which older kernels look here first. Else a refusal, or no such id.
			 */
			in |= !e || (e == ENODEV && type != RTM_SETLINK) || (ids[id] && e == EINVAL);
		}
		reached += in;
	}
	mnl_socket_close(s);
	printf("%d %d\n", known, reached);
	return 0;
}

/* Gives the file CAP_NET_ADMIN when it is executed (capabilities(7)). */
static int probe_file_cap(const char *path)
{
	struct vfs_cap_data d = { .magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE,
				  .data[0].permitted = 1U << CAP_NET_ADMIN };

	return setxattr(path, "security.capability", &d, sizeof(d), 0) < 0 ? errno : 0;
}

static int probe_caps(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return errno;
	printf("%08x%08x\n", data[1].effective, data[0].effective);
	return 0;
}

static int probe_nice(void)
{
	return setpriority(PRIO_PROCESS, 0, -5) < 0 ? errno : 0;
}

static int probe_fifo(void)
{
	struct sched_param p = { .sched_priority = 1 };

	return sched_setscheduler(0, SCHED_FIFO, &p) < 0 ? errno : 0;
}

static int probe(const char *name, const char *arg)
{
	if (!strcmp(name, "reach"))
		return probe_reach(false);
	if (!strcmp(name, "look"))
		return probe_reach(true);
	if (!strcmp(name, "file_cap"))
		return probe_file_cap(arg);
	if (!strcmp(name, "nice"))
		return probe_nice();
	if (!strcmp(name, "fifo"))
		return probe_fifo();
	if (!strcmp(name, "caps"))
		return probe_caps();
	return 98;
}

static void must(uint32_t node, const char *script)
{
	char out[4096];
	int r = sh_in(node, script, out, sizeof(out));

	if (r)
		fail_msg("%s: %d\n%s", script, r, out);
}

static void link_of(const char *path, char *ret, size_t size)
{
	ssize_t n = readlink(path, ret, size - 1);

	assert_true(n > 0);
	ret[n] = '\0';
}

static void user_ns_in(uint32_t node, char *ret, size_t size)
{
	assert_int_equal(sh_in(node, "readlink /proc/self/ns/user", ret, size), 0);
	ret[strcspn(ret, "\n")] = '\0';
}

static void test_reach(void **state)
{
	char out[256];

	/* The fabric, by every host; and each other, by the two that share a cable. */
	assert_int_equal(probe_in(H1, "reach", NULL, out, sizeof(out)), 0);
	assert_string_equal(out, "1 0\n");
	assert_int_equal(probe_in(H2, "reach", NULL, out, sizeof(out)), 0);
	assert_string_equal(out, "2 0\n");
	assert_int_equal(probe_in(H3, "reach", NULL, out, sizeof(out)), 0);
	assert_string_equal(out, "2 0\n");
	must(H1, "ping -c1 -W5 h2");
	must(H2, "ping -c1 -W5 h3-eth1");
}

static void test_own_interfaces(void **state)
{
	must(H1, "ip link set h1-eth0 mtu 1400 && ip link set h1-eth0 mtu 1500");
	must(H1, "ip addr add 10.99.0.1/24 dev h1-eth0 && ip addr del 10.99.0.1/24 dev h1-eth0");
	must(H1, "ip link add v0 type veth peer name v1 && ip link set v0 up && ip link del v0");
	must(H1, "ip route add 10.98.0.0/16 dev h1-eth0 && ip route del 10.98.0.0/16");
	must(H1, "ip neigh add 10.0.0.77 lladdr 02:00:00:00:00:01 dev h1-eth0");
	must(H1, "echo 1 > /proc/sys/net/ipv4/conf/h1-eth0/forwarding");
	must(H1, "! test -e /dev/net/tun || { ip tuntap add t0 mode tun && ip link del t0; }");
}

static void test_namespaces(void **state)
{
	char own[64], h1[64], h2[64], init[64], path[64], map[128], out[256];
	int fd = -2, n;

	link_of("/proc/self/ns/user", own, sizeof(own));
	user_ns_in(H1, h1, sizeof(h1));
	user_ns_in(H2, h2, sizeof(h2));
	assert_string_not_equal(h1, own);
	assert_string_not_equal(h2, own);
	assert_string_not_equal(h1, h2);
	/* The init, which holds the host's mounts, stays here. */
	snprintf(path, sizeof(path), "/proc/%d/ns/user", emu_node_init(fx.emu, H1));
	link_of(path, init, sizeof(init));
	assert_string_equal(init, own);
	assert_int_equal(userns_of_net(emu_fabric_ns(fx.emu), &fd), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(userns_of_net(emu_node_ns(fx.emu, H1), &fd), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	link_of(path, out, sizeof(out));
	assert_string_equal(out, h1);
	close(fd);
	/* Every id means there what it means here. */
	fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	n = (int)read(fd, map, sizeof(map) - 1);
	close(fd);
	assert_true(n > 0);
	map[n] = '\0';
	assert_int_equal(sh_in(H1, "cat /proc/self/uid_map", out, sizeof(out)), 0);
	if (!strcmp(map, "         0          0 4294967295\n"))
		assert_string_equal(out, map);
	must(H1, "test $(cat /proc/self/setgroups) = allow");
}

/* What takes a capability over the machine. */
static void test_machine(void **state)
{
	char out[256];

	assert_int_equal(probe_in(H1, "nice", NULL, out, sizeof(out)), EACCES);
	assert_int_equal(probe_in(H1, "fifo", NULL, out, sizeof(out)), EPERM);
	assert_int_equal(sh_in(H1, "unshare -U true", out, sizeof(out)), 1);
	assert_int_equal(sh_in(H1, "unshare -n true", out, sizeof(out)), 1);
}

/* Files are the machine's and keep their owners; setuid and file capabilities have effect. */
static void test_files(void **state)
{
	char out[1024];

	must(H1, "touch /tmp/f && chown 1000:1000 /tmp/f && chmod 600 /tmp/f && echo x > /tmp/f &&"
		 "test $(stat -c %u:%g /tmp/f) = 1000:1000 && chown 0 /tmp/f");
	must(H1, "su -s /bin/sh nobody -c 'test $(id -u) = 65534 && ! cat /tmp/f &&"
		 "ping -c1 -W5 h2'");
	must(H1, "cp /usr/bin/id /srv/id && chmod 4755 /srv/id &&"
		 "test $(su -s /bin/sh nobody -c '/srv/id -u') = 0");
	must(H1, "cp " PROBE " /srv/probe && " PROBE " probe file_cap /srv/probe");
	assert_int_equal(sh_in(H1, "su -s /bin/sh nobody -c '/srv/probe probe caps'", out,
			       sizeof(out)), 0);
	assert_string_equal(out, "0000000000001000\n");
}

/* Makes a user namespace not to be had in this process, as where their number is limited to 0. */
static void refuse_namespaces(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	if (!ctx || seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0) < 0 ||
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSPC), SCMP_SYS(clone), 1,
			     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER)) < 0 ||
	    seccomp_load(ctx) < 0)
		abort();
	seccomp_release(ctx);
}

static int warnings;

static void count_warnings(enum log_level level, const char *fmt, va_list ap)
{
	warnings += level == LOG_WARN && strstr(fmt, "user namespaces");
}

static void test_without(void **state)
{
	char own[64], h1[64], out[256];
	int known, reached;

	assert_int_equal(warnings, 1);
	link_of("/proc/self/ns/user", own, sizeof(own));
	user_ns_in(H1, h1, sizeof(h1));
	assert_string_equal(own, h1);
	assert_int_equal(probe_in(H1, "caps", NULL, out, sizeof(out)), 0);
	assert_string_equal(out, "00000000a0847dfb\n");
	must(H1, "ping -c1 -W5 h2");
	/*
	 * And the probe does find the way that is closed elsewhere: to the fabric, and from there,
	 * for who may look gets ids of what is at the ends of those cables, to every host.
	 */
	assert_int_equal(probe_in(H1, "look", NULL, out, sizeof(out)), 0);
	assert_int_equal(sscanf(out, "%d %d", &known, &reached), 2);
	assert_int_equal(known, 1);
	assert_true(reached > 1);
}

static int up(void **state)
{
	return fixture_up();
}

static int up_without(void **state)
{
	log_set_sink(count_warnings, LOG_WARN);
	refuse_namespaces();
	memset(&fx, 0, sizeof(fx));
	return fixture_up();
}

static int down(void **state)
{
	return fixture_down();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest with[] = {
		cmocka_unit_test(test_reach),	   cmocka_unit_test(test_own_interfaces),
		cmocka_unit_test(test_namespaces), cmocka_unit_test(test_machine),
		cmocka_unit_test(test_files),
	};
	const struct CMUnitTest without[] = { cmocka_unit_test(test_without) };
	int failed;

	if (!strcmp(argv[0], INIT_ARGV0))
		return init_main(argc, argv);
	if (argc > 2 && !strcmp(argv[1], "probe"))
		return probe(argv[2], argc > 3 ? argv[3] : NULL);
	failed = cmocka_run_group_tests(with, up, down);
	return failed + cmocka_run_group_tests(without, up_without, down);
}
