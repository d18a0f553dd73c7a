/* detnet doctor: what this machine has, what detnet does without it, and what would give it. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "capture/sender/tag.h"
#include "cli/command.h"
#include "core/units.h"
#include "emu/cgroup.h"
#include "emu/netns.h"
#include "emu/qdisc.h"
#include "emu/shaper/shaper.h"
#include "emu/userns.h"
#include "scenarios/engine/scenario.h"

enum state { HAVE, PARTLY, LACK };

struct finding {
	enum state state;
	bool needed;	     /* without it no network can be built */
	char what[256];	     /* what was found */
	const char *without; /* what detnet does then; NULL when there */
	char remedy[512];    /* the package or option that gives it */
};

struct probe {
	const char *name;
	void (*fn)(struct finding *f);
};

static void lack(struct finding *f, enum state state, const char *without, const char *remedy)
{
	f->state = state;
	f->without = without;
	snprintf(f->remedy, sizeof(f->remedy), "%s", remedy);
}

static void probe_kernel(struct finding *f)
{
	struct utsname u;
	int major = 0, minor = 0;

	uname(&u);
	snprintf(f->what, sizeof(f->what), "Linux %s %s", u.release, u.machine);
	f->needed = true;
	if (sscanf(u.release, "%d.%d", &major, &minor) == 2 && (major > 5 || (major == 5 && minor >= 12)))
		return;
	lack(f, LACK, "hosts cannot have a file tree of their own (mount_setattr)",
	     "Linux 5.12 or newer; Debian 12 has 6.1");
}

static void probe_root(struct finding *f)
{
	f->needed = true;
	snprintf(f->what, sizeof(f->what), "user id %u", (unsigned)geteuid());
	if (geteuid())
		lack(f, LACK, "check, graph and scenarios work; no network can be built, and what "
		     "follows was probed without rights", "sudo detnet doctor");
}

static void probe_namespaces(struct finding *f)
{
	static const char *const wanted[] = { "net", "mnt", "pid", "uts", "ipc" };
	_cleanup_err_ struct err err = { 0 };
	_cleanup_close_ int fd = -1;
	char path[64];

	f->needed = true;
	snprintf(f->what, sizeof(f->what), "net mnt pid uts ipc");
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", wanted[i]);
		if (!access(path, F_OK))
			continue;
		snprintf(f->what, sizeof(f->what), "no %s namespaces", wanted[i]);
		lack(f, LACK, "no network can be built", "a kernel with CONFIG_NAMESPACES, CONFIG_NET_NS");
		return;
	}
	if (!netns_new(&fd, 1, false, &err))
		return;
	/* Behind a ';' is what gives it, which stands below. */
	snprintf(f->what, sizeof(f->what), "%.*s", err.n ? (int)strcspn(err.items[0].msg, ";") : 0,
		 err.n ? err.items[0].msg : "");
	lack(f, LACK, "no network can be built", "root with CAP_SYS_ADMIN (in a container: --privileged)");
}

static void probe_userns(struct finding *f)
{
	_cleanup_close_ int fd = -1;
	int r = userns_new_net(&fd, 1);

	if (!r) {
		snprintf(f->what, sizeof(f->what), "root in a host has rights over that host only");
		return;
	}
	snprintf(f->what, sizeof(f->what), "cannot make one: %s",
		 r == -EINVAL ? "the kernel has none" : strerror(-r));
	lack(f, PARTLY, "networks are built, but root in a host can list and remove interfaces of "
	     "switches and of other hosts",
	     "root, a kernel with CONFIG_USER_NS, and /proc/sys/user/max_user_namespaces above the "
	     "number of hosts");
}

static bool in_file(const char *path, const char *word)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, word))
			return true;
	return false;
}

static void probe_overlay(struct finding *f)
{
	bool have = in_file("/proc/filesystems", "\toverlay\n") ||
		    !access("/sys/module/overlay", F_OK);

	f->needed = true;
	snprintf(f->what, sizeof(f->what), have ? "there" : "not loaded");
	if (!have)
		lack(f, PARTLY, "hosts get no private copies of /etc unless it loads by itself",
		     "modprobe overlay, or a kernel with CONFIG_OVERLAY_FS");
}

static void probe_cgroup2(struct finding *f)
{
	bool have = in_file("/proc/self/mounts", " cgroup2 ");

	f->needed = true;
	snprintf(f->what, sizeof(f->what), have ? "mounted" : "mounted nowhere");
	if (!have)
		lack(f, LACK, "programs cannot be told apart: no network can be built",
		     "mkdir -p /sys/fs/cgroup/unified; mount -t cgroup2 none /sys/fs/cgroup/unified");
}

static void probe_limits(struct finding *f)
{
	bool cpu = false, memory = false, pids = false;
	const char *kind = cgroup_limits_kind(&cpu, &memory, &pids);

	snprintf(f->what, sizeof(f->what), "cgroup %s:%s%s%s", kind, cpu ? " cpu" : "",
		 memory ? " memory" : "", pids ? " pids" : "");
	if (!cpu || !memory || !pids)
		lack(f, cpu || memory || pids ? PARTLY : LACK,
		     "a file that asks for one that is missing is refused (exit 3)",
		     "a kernel with CONFIG_CFS_BANDWIDTH, CONFIG_MEMCG and CONFIG_CGROUP_PIDS, and the "
		     "controllers enabled (cgroup_enable=memory)");
}

static void probe_bpf(struct finding *f)
{
	struct net net = { 0 };
	_cleanup_err_ struct err err = { 0 };
	struct tag *tag = NULL;
	enum tag_rung rung = TAG_RUNG_NONE;

	net_init(&net);
	if (!tag_open(&net, TAG_RUNG_BEST, &tag, &err)) {
		rung = tag_rung_of(tag);
		tag_close(tag);
	}
	net_free(&net);
	switch (rung) {
	case TAG_RUNG_FENTRY:
		snprintf(f->what, sizeof(f->what), "fentry: the process of every send, known before it");
		break;
	case TAG_RUNG_RAW_TP:
		snprintf(f->what, sizeof(f->what), "raw_tp: the process of every send");
		break;
	case TAG_RUNG_CGROUP:
		snprintf(f->what, sizeof(f->what), "cgroup: the process that made or connected a socket");
		lack(f, PARTLY, "an accepted connection's packets name its listener, and some kernels' "
		     "only the program that detnet started", "Linux 6.3 or newer with CONFIG_DEBUG_INFO_BTF");
		break;
	case TAG_RUNG_NONE:
		snprintf(f->what, sizeof(f->what), "none: the program, inferred%s%s", err.n ? ": " : "",
			 err.n ? err.items[0].msg : "");
		lack(f, PARTLY, "senders are guessed from sockets, and marked confidence=inferred",
		     "root with CAP_BPF, and a kernel with CONFIG_BPF_SYSCALL, CONFIG_CGROUP_BPF, "
		     "CONFIG_NET_CLS_BPF and CONFIG_NET_SCH_INGRESS");
		break;
	}
}

static void only_root_knows(struct finding *f)
{
	snprintf(f->what, sizeof(f->what), "not known");
	lack(f, PARTLY, "nothing is said of it here", "root");
}

static void probe_netem(struct finding *f)
{
	bool have = qdisc_have_netem();

	if (geteuid()) {
		only_root_knows(f);
		return;
	}
	snprintf(f->what, sizeof(f->what), "%s", !have ? "no sch_netem"
						 : qdisc_have_seed() ? "sch_netem, seeded"
								     : "sch_netem, without seeds");
	if (!have)
		lack(f, PARTLY, "the built-in shaper does what links ask for; 'engine = netem' with delay "
		     "or loss is refused (exit 3)",
		     "a kernel with CONFIG_NET_SCH_NETEM (Debian's linux-image-amd64; not the cloud, WSL2 "
		     "or Firecracker ones)");
	else if (!qdisc_have_seed())
		lack(f, PARTLY, "netem's losses and delays differ from run to run; the shaper's do not",
		     "Linux 6.6 or newer, or 'engine = shaper'");
}

static void probe_tbf(struct finding *f)
{
	bool have = qdisc_have_tbf();

	if (geteuid()) {
		only_root_knows(f);
		return;
	}
	snprintf(f->what, sizeof(f->what), have ? "sch_tbf" : "no sch_tbf");
	if (!have)
		lack(f, PARTLY, "the built-in shaper or netem limits rates",
		     "a kernel with CONFIG_NET_SCH_TBF");
}

static void probe_shaper(struct finding *f)
{
	const char *why = NULL;

	if (geteuid()) {
		only_root_knows(f);
		return;
	}
	if (shaper_have(&why)) {
		snprintf(f->what, sizeof(f->what), "seeded to the packet, with traces and fates");
		return;
	}
	snprintf(f->what, sizeof(f->what), "does not work here");
	lack(f, LACK, why, "root with CAP_BPF, and a kernel with CONFIG_BPF_SYSCALL, CONFIG_NET_CLS_BPF and "
	     "CONFIG_NET_SCH_INGRESS");
}

/* What 'engine = auto' comes to; by shapes, as it goes by what each link asks for. */
static void probe_engine(struct finding *f)
{
	const struct shape delay = { .delay = NSEC_PER_MSEC }, rate = { .rate = 1000000 };
	const char *why = NULL, *no_shaper = NULL;
	bool delays, rates, shaper;

	if (geteuid()) {
		only_root_knows(f);
		return;
	}
	rates = qdisc_can(&rate, &why);
	delays = qdisc_can(&delay, &why);
	shaper = shaper_have(&no_shaper);
	if (delays && rates)
		snprintf(f->what, sizeof(f->what), "netem: this kernel shapes links itself; the shaper%s",
			 shaper ? " for traces and rates under 121 Mbit/s" : " does not work");
	else if (!shaper)
		snprintf(f->what, sizeof(f->what), "%s: %s", rates ? "netem, for rates only" : "none",
			 why);
	else
		snprintf(f->what, sizeof(f->what), "shaper%s: %s",
			 rates ? ", but netem where a link only limits a rate over 121 Mbit/s" : "", why);
	if (!shaper && !(delays && rates))
		lack(f, LACK, "a file whose links ask for more is refused (exit 3)",
		     "what gives netem or the shaper, above");
}

static void scenario_freep(struct scenario *s)
{
	scenario_free(s);
}

static void probe_scenario(struct finding *f, const char *name)
{
	_cleanup_(scenario_freep) struct scenario s = { 0 };
	_cleanup_strv_ struct strv missing = { 0 };
	_cleanup_err_ struct err err = { 0 };
	int n;

	if (scenario_load(name, NULL, &s, &err)) {
		snprintf(f->what, sizeof(f->what), "cannot be read: %s", err.n ? err.items[0].msg : "?");
		lack(f, LACK, "the scenario cannot run", "detnet scenarios NAME");
		return;
	}
	scenario_missing(&s, &missing);
	n = snprintf(f->what, sizeof(f->what), missing.n ? "not installed:" : "installed");
	for (size_t i = 0; i < missing.n && n < (int)sizeof(f->what); i++)
		n += snprintf(f->what + n, sizeof(f->what) - (size_t)n, " %s", missing.s[i]);
	if (!missing.n)
		return;
	lack(f, LACK, "a file that uses the scenario is refused (exit 3)", "");
	n = snprintf(f->remedy, sizeof(f->remedy), "apt-get install");
	for (size_t i = 0; i < s.packages.n && n < (int)sizeof(f->remedy); i++)
		n += snprintf(f->remedy + n, sizeof(f->remedy) - (size_t)n, " %s", s.packages.s[i]);
}

static const struct probe probes[] = {
	{ "kernel", probe_kernel },	{ "root", probe_root },
	{ "namespaces", probe_namespaces }, { "user namespaces", probe_userns },
	{ "overlayfs", probe_overlay },	{ "cgroup2", probe_cgroup2 },
	{ "limits", probe_limits },	{ "sender tags", probe_bpf },
	{ "netem", probe_netem },	{ "tbf", probe_tbf },
	{ "shaper", probe_shaper },	{ "engine = auto", probe_engine },
};

static const char *const state_name[] = { "yes", "partly", "no" };

static void print_finding(const char *name, const struct finding *f)
{
	printf("%-7s %-16s %s\n", state_name[f->state], name, f->what);
	if (f->without)
		printf("%-7s %-16s without: %s\n%-7s %-16s gives it: %s\n", "", "", f->without, "", "",
		       f->remedy);
}

static void report(struct call *call, struct json *j, const char *name, const struct finding *f)
{
	if (call->json) {
		json_object(j);
		json_kv_str(j, "name", name);
		json_kv_str(j, "state", state_name[f->state]);
		json_kv_bool(j, "needed", f->needed);
		json_kv_str(j, "found", f->what);
		json_kv_str(j, "without", f->without);
		json_kv_str(j, "remedy", f->without ? f->remedy : NULL);
		json_object_end(j);
	} else {
		print_finding(name, f);
	}
	if (f->state == LACK && f->needed)
		err_missing(&call->err, "%s: %s; %s", name, f->what, f->remedy);
}

static int run(struct call *call)
{
	_cleanup_strv_ struct strv names = { 0 };
	_cleanup_err_ struct err ignored = { 0 };
	struct json j;

	if (call->json) {
		json_open(&j, stdout, true);
		json_array(&j);
	}
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		struct finding f = { .state = HAVE };

		probes[i].fn(&f);
		report(call, &j, probes[i].name, &f);
	}
	scenario_list(NULL, &names, &ignored);
	for (size_t i = 0; i < names.n; i++) {
		struct finding f = { .state = HAVE };

		probe_scenario(&f, names.s[i]);
		report(call, &j, names.s[i], &f);
	}
	if (call->json) {
		json_array_end(&j);
		json_close(&j);
	}
	fflush(stdout);
	return err_exit(&call->err);
}

static const struct option_row options[] = { OPTION_JSON, { 0 } };

const struct command cmd_doctor = {
	.name = "doctor",
	.synopsis = "[--json]",
	.brief = "Say what this machine has and lacks",
	.help = "Probes the kernel and looks for the scenarios' programs. For whatever is not there: what\n"
		"detnet does without it, and the package or option that gives it. It builds nothing; as with any\n"
		"run, the kernel may load its own modules for what is looked for.\n"
		"Ends with 3 if no network can be built here.",
	.options = options,
	.run = run,
};
