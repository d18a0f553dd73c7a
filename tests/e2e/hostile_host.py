#!/usr/bin/env python3
"""What root in a host does to its own interfaces does not make packets bear another's name unnoticed.

usage: hostile_host.py

Packets that enter a host by an interface that it made itself are that host's. A host that takes the tag's
program off its interface ends the run as not whole.
"""
import pathlib
import sys
import tempfile

import lab

TOPO = """[network]
name = hostile
seed = 5
scenario_path = {path}

[switch s1]
[host h1 h2]
switch = s1

[scenario odd]
server  = h2
clients = h1
every   = 1s
count   = 1
subs    = {sub}

[capture]
rung = {rung}
"""
SCENARIO = """[scenario]
title    = Odd hosts
class    = benign
packages = python3
programs = python3

[server]
start = server.sh
ready = udp/7000

[sub inner]
title = Send by a veth of one's own
run   = inner.sh
expect exit = 0

[sub untag]
title = Take the tag's program away
run   = untag.sh
expect exit = 0

[sub front]
title = End the chain before it
run   = front.sh
expect exit = 0
"""
SERVER = """#!/bin/sh
exec python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 7000))
while True:
    data, peer = s.recvfrom(64)
    s.sendto(data, peer)'
"""
# TCP gives the packets of each socket a hash by chance; they come back in by v1, and go out by eth0.
INNER = """#!/bin/sh -e
eth=$(ip -o route get "$server" | sed 's/.* dev \\([^ ]*\\).*/\\1/')
net=$(ip -o route show dev "$eth" | sed 's/ .*//')
ip link add v0 type veth peer name v1
ip addr add 172.20.0.2/24 dev v0
ip link set v0 up
ip link set v1 up
ip neigh replace 172.20.0.1 lladdr "$(cat /sys/class/net/v1/address)" dev v0
for k in ip_forward conf/all/accept_local conf/v1/accept_local; do
    echo 1 > /proc/sys/net/ipv4/$k
done
for k in all v1; do
    echo 0 > /proc/sys/net/ipv4/conf/$k/rp_filter
done
ip route add "$server/32" via 172.20.0.1 dev v0
ip rule add iif v1 lookup 100
ip route add "$net" dev "$eth" table 100
exec python3 -c 'import socket, sys
for i in range(40):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex((sys.argv[1], 80))' "$server"
"""
UNTAG = """#!/bin/sh -e
eth=$(ip -o route get "$server" | sed 's/.* dev \\([^ ]*\\).*/\\1/')
tc {tc}
exec python3 -c 'import socket, sys
for i in range(20):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.sendto(b"hello", (sys.argv[1], 7000))
    s.recv(64)' "$server"
"""

# A classic program that says TC_ACT_OK, at the head of ours' list.
FRONT = "filter add dev $eth egress pref 1 protocol all bpf bytecode '1,6 0 0 0' da"


def experiment(folder, sub, rung):
    """Runs one sub; what detnet said, and each packet's source and comment."""
    scenario = folder / "scenarios" / "odd"
    scenario.mkdir(parents=True)
    for name, text in (("scenario.ini", SCENARIO), ("server.sh", SERVER), ("inner.sh", INNER),
                       ("untag.sh", UNTAG.replace("{tc}", "qdisc del dev $eth clsact")),
                       ("front.sh", UNTAG.replace("{tc}", FRONT))):
        (scenario / name).write_text(text)
        (scenario / name).chmod(0o755)
    topo = folder / "lab.ini"
    topo.write_text(TOPO.format(path=folder / "scenarios", sub=sub, rung=rung))
    r = lab.run(topo, folder / "out", "--duration", "2s", check=False)
    assert (folder / "out" / "activities.csv").exists(), r.stderr
    rows = lab.tshark(folder / "out" / "capture.pcapng", "-T", "fields", "-e", "ip.src", "-e",
                      "frame.comment").splitlines()
    assert "ok" in {a["outcome"] for a in lab.table(folder / "out" / "activities.csv")}, r.stderr
    return r, [row.split("\t") for row in rows]


def check_inner(folder, rung):
    r, rows = experiment(folder, "inner", rung)
    inner = [comment for src, comment in rows if src == "172.20.0.2"]
    assert len(inner) >= 40, rows
    strange = [c for c in inner if not c.startswith("host=h1 ")]
    assert not strange and r.returncode == 0, (rung, len(strange), strange[:3], r.stderr)
    print(f"  {rung}: {len(inner)} packets that came by a host's own interface are its own")


def check_untag(folder, sub):
    r, rows = experiment(folder, sub, "cgroup")
    counts = lab.manifest(folder / "out")["counts"]
    assert r.returncode == 4 and counts["unlabelled"] >= 20, (r.returncode, counts, r.stderr)
    assert "h1 took the tag's program off h1-eth0" in r.stderr and "no tag" in r.stderr, r.stderr
    answers = [c for src, c in rows if c.startswith("host=h2 pid=")]
    assert len(answers) >= 20, rows
    print(f"  {sub}: {counts['unlabelled']} packets without a tag, and the run says so")


def main():
    for rung in ("raw_tp", "cgroup"):
        with tempfile.TemporaryDirectory(prefix="detnet-e2e-") as tmp:
            check_inner(pathlib.Path(tmp), rung)
    for sub in ("untag", "front"):
        with tempfile.TemporaryDirectory(prefix="detnet-e2e-") as tmp:
            check_untag(pathlib.Path(tmp), sub)
    return 0


if __name__ == "__main__":
    sys.exit(main())
