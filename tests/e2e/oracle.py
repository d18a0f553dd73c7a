#!/usr/bin/env python3
"""Runs the oracle scenario and holds each data packet's owner against what its payload says.

usage: oracle.py DETNET ORACLE [RUNG [ENGINE]]

The payloads are written by the processes themselves and read back by tshark; nothing of detnet's
own labelling code is used to judge it. On the rung raw_tp every data packet must be right. On the cgroup
rung the owner is the program, so the host must be right and the share of right pids is only printed.
With an engine (netem, shaper) all links have a delay, and one a rate, that it makes.
"""
import collections
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOPO = """[network]
name = oracle
seed = 11
scenario_path = {path}
{engine}[switch s1]
{hosts}[scenario oracle]
server = server
clients = h1 h2
every = 1ms
count = 1
{capture}"""

# Whoever shapes the links must carry the senders over.
LINKS = """[host h1]
[host h2]
[host server]
[link h1 s1]
delay = 4ms
[link h2 s1]
delay = 2ms 500us
[link server s1]
delay = 1ms
rate = 200mbit
"""
HOSTS = """[host h1]
switch = s1
[host h2]
switch = s1
[host server]
switch = s1
"""

WHO = re.compile(rb"host=(\S+) pid=(\d+)\n")


def packets(capture):
    """(comment, payload, kind) of every data packet; a kernel's ICMP error only quotes one."""
    out = subprocess.run(
        ["tshark", "-r", capture, "-Y", "(tcp.len > 0 or udp) and not icmp", "-T", "fields", "-E", "separator=|",
         "-e", "frame.comment", "-e", "tcp.payload", "-e", "udp.payload", "-e", "udp.srcport",
         "-e", "tcp.srcport"],
        check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        comment, tcp, udp, udp_port, tcp_port = line.split("|")
        kind = ("udp" if udp else "tcp") + (" server" if (udp_port or tcp_port) in
                                            ("7001", "7002", "7003") else " client")
        yield comment, bytes.fromhex(tcp or udp), kind


def main():
    detnet, oracle = sys.argv[1:3]
    rung, engine = (sys.argv[3:] + [None, None])[:2]
    with tempfile.TemporaryDirectory(prefix="detnet-oracle-") as tmp:
        tmp = pathlib.Path(tmp)
        scenario = tmp / "scenarios" / "oracle"
        shutil.copytree(pathlib.Path(__file__).parent / "oracle", scenario)
        shutil.copy(oracle, scenario / "oracle")
        topo = tmp / "oracle.ini"
        topo.write_text(TOPO.format(path=tmp / "scenarios", hosts=LINKS if engine else HOSTS,
                                    engine=f"engine = {engine}\n" if engine else "",
                                    capture="[capture]\nring = 256MiB\n" + (f"rung = {rung}\n" if rung else "")))
        subprocess.run([detnet, "run", str(topo), "-o", str(tmp / "out"), "--duration", "1s"],
                       check=True, stdout=subprocess.DEVNULL)
        activities = (tmp / "out" / "activities.csv").read_text()
        assert activities.count(",ok,") == 2, activities
        manifest = (tmp / "out" / "manifest.json").read_text()
        got = re.search(r'"rung": *"(\w+)"', manifest).group(1)
        shaped = re.search(r'"links_engine": *"([\w+]+)"', manifest).group(1)
        assert shaped == (engine or "none"), shaped
        return judge(str(tmp / "out" / "capture.pcapng"), got)


def judge(capture, rung):
    seen, right, host_right = (collections.Counter() for _ in range(3))
    wrong = []
    for comment, payload, kind in packets(capture):
        who = WHO.findall(payload)
        assert who, payload
        assert len(set(who)) == 1, f"one segment by two writers: {payload}"
        host, pid = (w.decode() for w in who[0])
        label = re.match(r"host=(\S+) pid=(\d+) ", comment)
        seen[kind] += 1
        host_right[kind] += bool(label) and label.group(1) == host
        right[kind] += bool(label) and label.groups() == (host, pid)
        if not label or label.group(1) != host:
            wrong.append((kind, comment, payload))
    print(f"rung {rung}")
    for kind in sorted(seen):
        print(f"  {kind}: {seen[kind]} data packets, host right {host_right[kind]},"
              f" process right {right[kind]} ({100 * right[kind] / seen[kind]:.2f}%)")
    assert sum(seen.values()) >= 2 * 2 * 2 * (1000 + 1000), "packets are missing"
    assert host_right == seen, f"{len(wrong)} packets name the wrong host: {wrong[:5]}"
    if rung == "raw_tp":
        assert right == seen, "a packet names the wrong process"
    return 0


if __name__ == "__main__":
    sys.exit(main())
