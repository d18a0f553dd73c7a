#!/usr/bin/env python3
"""Flows of six captures beside argus's, nfdump's and tshark's: packets, bytes, start and duration of each.

usage: flows_beside.py DETNET

The three draw the line between two flows of the same addresses each in its own way (docs/flows.md), so what
is compared are the totals of each pair of ends: of TCP and UDP by address and port, of ICMP by address.
Where one of them differs for a reason of its own, that reason is a rule of explained(), and is checked, too.
"""
# SPDX-License-Identifier: BSD-3-Clause
import csv
import datetime
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

UNIT = pathlib.Path(__file__).resolve().parents[1] / "unit"
sys.path.insert(0, str(UNIT))
import oracle_flows as generate  # noqa: E402

ETHERNET = 14
MS, US = 1e-3, 1e-6
PROTO = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp"}


def run(*args):
    r = subprocess.run(args, capture_output=True, text=True)
    assert r.returncode == 0, f"{' '.join(args)}: exit {r.returncode}: {r.stdout}{r.stderr}"
    return r.stdout


class Totals:
    """What was between two ends: of each end's direction packets and bytes of IP, and the time of the whole."""

    def __init__(self):
        self.count = {}
        self.first, self.last = float("inf"), 0.0

    def add(self, end, packets, octets, first, last):
        if packets:
            p, b = self.count.get(end, (0, 0))
            self.count[end] = (p + packets, b + octets)
        self.first, self.last = min(self.first, first), max(self.last, last)


def key_of(proto, a, b):
    """ends are (address, port); ICMP has none, and what stands there differs between the tools."""
    if proto == "icmp":
        a, b = (a[0], 0), (b[0], 0)
    return (proto, *sorted((a, b))), a, b


def add(rows, proto, a, b, packets, octets, first, last):
    """packets and octets: of a and of b."""
    key, a, b = key_of(proto, a, b)
    totals = rows.setdefault(key, Totals())
    totals.add(a, packets[0], octets[0], first, last)
    totals.add(b, packets[1], octets[1], first, last)


def ours(detnet, path):
    rows = {}
    for r in csv.DictReader(io.StringIO(run(detnet, "flows", str(path)))):
        ends = [(r[f"id.{e}_h"], int(r[f"id.{e}_p"])) for e in ("orig", "resp")]
        first = float(r["ts"])
        add(rows, r["proto"], *ends, [int(r[f"{e}_pkts"]) for e in ("orig", "resp")],
            [int(r[f"{e}_ip_bytes"]) for e in ("orig", "resp")], first, first + float(r["duration"]))
    return rows


def argus(path, folder):
    """argus counts whole frames, VLAN tags included, and gives some UDP the names of what it may carry."""
    header = ETHERNET + (4 if "vlan" in path.stem else 0)
    (folder / "argus").unlink(missing_ok=True)  # it appends
    run("argus", "-r", str(path), "-w", str(folder / "argus"))
    fields = "stime ltime proto saddr sport daddr dport spkts dpkts sbytes dbytes".split()
    rows = {}
    text = run("ra", "-r", str(folder / "argus"), "-n", "-u", "-p", "9", "-c", ",", "-s", *fields, "-", "ip or ipv6")
    for r in csv.reader(io.StringIO(text)):
        if len(r) != len(fields) or r[0] == "StartTime":
            continue
        r = dict(zip(fields, r))
        proto = {"ipv6-icmp": "icmp", "udt": "udp", "rtp": "udp", "rtcp": "udp"}.get(r["proto"], r["proto"])
        assert proto in ("tcp", "udp", "icmp"), r
        port = (lambda text: 0) if proto == "icmp" else (lambda text: int(text or 0, 0))
        packets = [int(r["spkts"]), int(r["dpkts"])]
        octets = [int(b) - header * p for b, p in zip((r["sbytes"], r["dbytes"]), packets)]
        add(rows, proto, (r["saddr"], port(r["sport"])), (r["daddr"], port(r["dport"])), packets, octets,
            float(r["stime"]), float(r["ltime"]))
    return rows


def nfdump(path, folder):
    """nfdump counts bytes of IP, one direction a row, times in milliseconds."""
    store = folder / "nfdump"
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir()
    run("nfpcapd", "-r", str(path), "-l", str(store), "-t", "864000")
    rows = {}

    def seconds(text):
        return datetime.datetime.fromisoformat(text + "+00:00").timestamp()

    os.environ["TZ"] = "UTC"
    # Objects with commas between them, but not always the brackets of a list around them.
    text = run("nfdump", "-R", str(store), "-q", "-o", "json").strip().strip("[],")
    for r in json.loads(f"[{text}]"):
        proto = PROTO.get(r["proto"])
        if not proto:
            continue
        src, dst = (r.get(f"{e}4_addr") or r.get(f"{e}6_addr") for e in ("src", "dst"))
        add(rows, proto, (src, r.get("src_port", 0)), (dst, r.get("dst_port", 0)), [r["in_packets"], 0],
            [r["in_bytes"], 0], seconds(r["first"]), seconds(r["last"]))
    return rows


def tshark(path, folder):
    """Each packet as tshark dissects it, added up here; what an ICMP error quotes is no packet of its own."""
    fields = ["frame.time_epoch", "ip.proto", "frame.protocols", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst",
              "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport", "ip.len", "ipv6.plen", "ip.id"]
    args = [a for f in fields for a in ("-e", f)]
    rows, ports_of = {}, {}
    for line in run("tshark", "-r", str(path), "-o", "ip.defragment:FALSE", "-T", "fields", "-E", "occurrence=f",
                    "-Y", "ip or ipv6", *args).splitlines():
        r = dict(zip(fields, line.split("\t")))
        over = r["frame.protocols"].split(":")
        proto = PROTO[int(r["ip.proto"])] if r["ip.proto"] else next(
            p for p in over[over.index("ipv6"):] if p in ("tcp", "udp", "icmpv6")).replace("icmpv6", "icmp")
        src, dst = (r[f"ip.{e}"] or r[f"ipv6.{e}"] for e in ("src", "dst"))
        ports = [int(r[f"{proto}.{e}port"] or 0) if proto != "icmp" else 0 for e in ("src", "dst")]
        # A datagram's later fragments have no ports; its first has told them.
        ports = ports_of.setdefault((src, dst, r["ip.id"]), ports) if not any(ports) else ports
        ports_of[src, dst, r["ip.id"]] = ports
        octets = int(r["ip.len"]) if r["ip.len"] else int(r["ipv6.plen"]) + 40
        at = float(r["frame.time_epoch"])
        add(rows, proto, (src, ports[0]), (dst, ports[1]), [1, 0], [octets, 0], at, at)
    return rows


# ---- captures ----

def connections(path, n, six=False, vlan=False, seed=1):
    """n whole TCP connections side by side, with segments sent twice, at times drawn within some seconds."""
    draw = random.Random(seed)
    frames = []
    for i in range(n):
        ts = 1700000000 * 10**9 + draw.randrange(10 * 10**9) // 1000 * 1000
        seq = [draw.randrange(2**32), draw.randrange(2**32)]

        def segment(side, flags, size=0, again=False):
            nonlocal ts
            at = (seq[0] - size if again else seq[0]) if side == 0 else (seq[1] - size if again else seq[1])
            frames.append((ts, generate.tcp_frame(side == 0, 20000 + i, at % 2**32, seq[1 - side] % 2**32, flags,
                                                  size, vlan, six)))
            seq[side] += 0 if again else size + (flags & 3 != 0)
            ts += draw.randrange(10, 10**5) * 1000

        segment(0, 2), segment(1, 0x12), segment(0, 0x10)
        for _ in range(draw.randrange(20)):
            side, size = draw.randrange(2), draw.randrange(1, 1400)
            segment(side, 0x18, size)
            if draw.random() < 0.1:
                segment(side, 0x18, size, again=True)
            segment(1 - side, 0x10)
        segment(0, 0x11), segment(1, 0x11), segment(0, 0x10)
    generate.write_pcap(path, sorted(frames))


def udp_with_pauses(path, n, seed=1):
    """Datagrams of n pairs of ends with pauses under and over every idle time."""
    import struct
    draw = random.Random(seed)
    frames = []
    for i in range(n):
        ts = 1700000000 * 10**9
        for _ in range(draw.randrange(2, 30)):
            there, size = draw.random() < 0.6, draw.randrange(64, 1000)
            ports = (30000 + i, 9000) if there else (9000, 30000 + i)
            ends = (b"\x0a\x09\0\1", b"\x0a\x09\0\2") if there else (b"\x0a\x09\0\2", b"\x0a\x09\0\1")
            udp = struct.pack(">HHHH", *ports, 8 + size, 0) + bytes(size)
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + ends[0] + ends[1]
            frames.append((ts, b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + udp))
            ts += draw.choice([10**6, 10**9, 20 * 10**9, 90 * 10**9])
    generate.write_pcap(path, sorted(frames))


def captures(folder):
    generate.FLOWDUMP = None  # its generators only
    connections(folder / "tcp-ipv4.pcap", 300, seed=1)
    connections(folder / "tcp-ipv6.pcap", 300, six=True, seed=2)
    connections(folder / "tcp-vlan.pcap", 300, vlan=True, seed=3)
    udp_with_pauses(folder / "udp-pauses.pcap", 200, seed=4)
    generate.random_segments(folder / "tcp-nonsense.pcap", 6)
    generate.real_traffic(str(folder / "real-programs.pcap"))
    return sorted(folder.glob("*.pcap"))


# ---- what differs, and why ----

def explained(capture, tool, key, a, b):
    """The reason for which the tool says something else, if it is one of these and all else is right."""
    if tool == "argus" and "nonsense" in capture and b and \
            [sum(x) for x in zip(*a.count.values())] == [sum(x) for x in zip(*b.count.values())]:
        return "argus takes ends that both send a SYN for each other; their sum is the same"
    if tool == "nfdump" and key[0] == "udp" and b and \
            sum(b.count[end][1] for end in b.count) < sum(a.count[end][1] for end in a.count):
        whole = sum(x[1] - 20 * (x[0] - 1) for x in a.count.values() if x[0] > 1) + sum(
            x[1] for x in a.count.values() if x[0] == 1)
        if whole == sum(x[1] for x in b.count.values()):
            return "nfdump puts fragments together and counts the datagram"
    if tool == "nfdump" and key[0] == "icmp" and not b and ":" in key[1][0]:
        return "nfdump takes a hop-by-hop header for the protocol"
    return None

def compare(capture, tool, mine, theirs, tick):
    """Prints a row of the table; the pairs of ends that differ."""
    differ = {}
    for key in mine.keys() | theirs.keys():
        a, b = mine.get(key), theirs.get(key)
        if not a or not b:
            differ[key] = "missing " + ("there" if a else "here")
        elif a.count != b.count:
            differ[key] = f"{a.count} and {b.count}"
        elif abs(a.first - b.first) > tick or abs(a.last - b.last) > tick:
            differ[key] = f"{a.first:.6f}-{a.last:.6f} and {b.first:.6f}-{b.last:.6f}"
    reasons = {key: explained(capture, tool, key, mine[key], theirs.get(key)) for key in differ if key in mine}
    reasons = {key: why for key, why in reasons.items() if why}
    same = len(mine.keys() | theirs.keys()) - len(differ)
    print(f"| {capture} | {tool} | {len(mine)} | {same} | {len(reasons)} | {len(differ) - len(reasons)} |", flush=True)
    for why in sorted(set(reasons.values())):
        print(f"| | | | | {why} | |")
    return {key: what for key, what in differ.items() if key not in reasons}


def main():
    detnet = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        bad = []
        paths = captures(folder)
        print("| capture | beside | pairs of ends | the same | explained | not |\n|---|---|---|---|---|---|")
        for path in paths:
            mine = ours(detnet, path)
            for tool, read, tick in (("tshark", tshark, US), ("argus", argus, 2 * US), ("nfdump", nfdump, 1.5 * MS)):
                for key, why in compare(path.stem, tool, mine, read(path, folder), tick).items():
                    bad.append(f"{path.stem}, {tool}, {key}: {why}")
        print("\n" + "\n".join(bad))
        return 1 if bad else 0


if __name__ == "__main__":
    if os.environ.get("FLOWS_INSIDE") != "1":
        os.environ["FLOWS_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "-n", sys.executable] + sys.argv)
    sys.exit(main())
