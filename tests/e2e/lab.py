"""What the end-to-end tests share: running detnet, looking at the machine, reading a dataset."""
import csv
import json
import os
import pathlib
import re
import select
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DETNET = os.environ.get("DETNET", str(ROOT / "build" / "detnet"))

# Values that change by themselves on any machine.
VOLATILE = re.compile(
    r"^(kernel\.random\.|fs\.(dentry-state|file-nr|inode-nr|inode-state|aio-nr|epoll)|kernel\.(ns_last_pid|"
    r"pty\.nr|perf_event_max_sample_rate|sched_domain|timer_)|vm\.stat|net\.netfilter\.nf_conntrack_(count|buckets)"
    r"|net\.core\.netdev_rss_key|net\.ipv4\.route\.|kernel\.tainted)")


def out(*argv):
    """The output of a command that must succeed."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def run(topo, folder, *args, check=True):
    """detnet run TOPO -o FOLDER …; the completed process."""
    r = subprocess.run([DETNET, "run", str(topo), "-o", str(folder), *args],
                       capture_output=True, text=True)
    if check and r.returncode != 0:
        raise AssertionError(f"detnet run: exit {r.returncode}\n{r.stdout}\n{r.stderr}")
    return r


def table(path):
    """A CSV file as a list of dicts."""
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def manifest(folder):
    return json.loads((pathlib.Path(folder) / "manifest.json").read_text())


def cgroup_dirs():
    """Every cgroup folder of the machine but detnet's own subtree."""
    found = []
    for where, dirs, _ in os.walk("/sys/fs/cgroup"):
        dirs[:] = [d for d in dirs if d != "detnet"]
        found.append(where)
    return sorted(found)


def machine():
    """What must be the same before, during and after a run, by name."""
    def sysctls():
        r = subprocess.run(["sysctl", "-a"], capture_output=True, text=True)
        return [l for l in r.stdout.splitlines() if not VOLATILE.match(l)]

    return {
        "addresses": re.sub(r"(valid|preferred)_lft \w+", "", out("ip", "-d", "addr")),
        "routes": out("ip", "route", "show", "table", "all"),
        "rules": out("ip", "rule"),
        "qdiscs": out("tc", "qdisc", "show"),
        "sysctls": sysctls(),
        "nftables": out("nft", "list", "ruleset"),
        "mounts": pathlib.Path("/proc/self/mountinfo").read_text(),
        "names": out("ip", "netns", "list"),
        "cgroups": cgroup_dirs(),
    }


def assert_same(before, after, when):
    for key, value in before.items():
        assert after[key] == value, f"{key} changed {when}:\n{value}\n---\n{after[key]}"


def bpf_programs():
    # bpftool's JSON, for its text has no stable form.
    progs = json.loads(out("bpftool", "prog", "show", "--json") or "[]")
    return {p["id"] for p in progs}


def namespaces():
    """Inodes of every namespace that a process lives in or holds open."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for folder in ("ns", "fd"):
            try:
                names = os.listdir(f"/proc/{pid}/{folder}")
            except OSError:
                continue
            for name in names:
                try:
                    link = os.readlink(f"/proc/{pid}/{folder}/{name}")
                except OSError:
                    continue
                if re.match(r"(net|mnt|pid|uts|ipc|cgroup|user):\[", link):
                    found.add(link)
    return found


def processes_of_detnet(run_ids=()):
    """Pids of inits and of whatever runs in a cgroup of detnet's."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            cgroup = pathlib.Path(f"/proc/{pid}/cgroup").read_text()
            name = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
        except OSError:
            continue
        if "/detnet/" in cgroup or name == b"detnet-init":
            found.add(int(pid))
    return found


def leftovers(before):
    """What of a run is still there, against (namespaces, programs, mounts) from state()."""
    now = state()
    return {
        "namespaces": now["namespaces"] - before["namespaces"],
        "BPF programs": now["programs"] - before["programs"],
        "mounts": set(now["mounts"]) - set(before["mounts"]),
        "links": set(now["links"]) - set(before["links"]),
        "processes": now["processes"] - before["processes"],
    }


def state():
    return {
        "namespaces": namespaces(),
        "programs": bpf_programs(),
        "mounts": pathlib.Path("/proc/self/mountinfo").read_text().splitlines(),
        "links": out("ip", "-o", "link").splitlines(),
        "processes": processes_of_detnet(),
    }


def wait_gone(before, seconds=20):
    """The kernel takes namespaces down in its own time; looks again until a deadline."""
    deadline = time.monotonic() + seconds
    while True:
        left = {k: v for k, v in leftovers(before).items() if v}
        if not left or time.monotonic() > deadline:
            return left
        select.select([], [], [], 0.02)


def tshark(capture, *args):
    """tshark's output; anything on its standard error but root's warning is a complaint."""
    r = subprocess.run(["tshark", "-r", str(capture), *args], capture_output=True, text=True)
    complaint = [l for l in r.stderr.splitlines()
                 if "Running as user" not in l and "dangerous" not in l]
    assert r.returncode == 0 and not complaint, f"tshark complains: {r.stderr}"
    return r.stdout
