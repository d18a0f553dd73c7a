#!/usr/bin/env python3
"""Holds each packet's owner against what the packet itself says, for every kind of socket and call.

usage: oracle.py DETNET ORACLE [RUNG [ENGINE]] [--small | --full] [--json FILE]
       oracle.py --table FILE...

The payloads are written by the processes themselves and read back by tshark; nothing of detnet's own
labelling code is used to judge it. Packets without a payload are known by their ports, addresses and the
connection that they are of; what they do not say is not judged, and in no share. What each rung must get right
is in MUST, and what share of the packets of each kind the rung none must, in PROGRAM_FLOORS. With an engine (netem, shaper) all
links have a delay, and one a rate, that it makes. --small is for slow machines, --full for figures.
--table prints what --json wrote as one table, a column for each file.
"""
import argparse
import collections
import csv
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOPO = """[network]
name = oracle
seed = 11
ipv6 = yes
scenario_path = {path}
{engine}[switch s1]
[switch s2]
[router r1]
[host h1]
address = 10.0.0.1/24
[host h2]
address = 10.0.1.2/24
[host server]
address = 10.0.0.3/24
[link h1 s1]
{h1}[link h2 s2]
{h2}[link server s1]
{server}[link r1 s1]
[link r1 s2]
[scenario oracle]
server = server
clients = h1 h2
every = 1ms
count = 3
[capture]
ring = 256MiB
{rung}"""

# Whoever shapes the links must carry the senders over.
SHAPED = {"h1": "delay = 4ms\n", "h2": "delay = 2ms 500us\n", "server": "delay = 1ms\nrate = 200mbit\n"}
PLAIN = {"h1": "", "h2": "", "server": ""}

SIZES = {  # rounds and workers of talk; connections of flight and short, each client
    "small": (1, 2, 50), "normal": (2, 5, 500), "full": (4, 20, 5000)}

# What must be right in every packet, on each rung.
MUST = {"fentry": ("host", "program", "process"), "raw_tp": ("host", "program", "process"),
        "cgroup": ("host", "program"), "none": ("host",)}

# The share of programs that the rung none must get right, by the beginning of the kind, the first that fits. What
# sock_diag does not know it knows only while nothing else runs on the host; a UDP socket may be closed before it
# is asked for.
PROGRAM_FLOORS = (
    ("icmp-", 0), ("ip-header-included", 0), ("packet-", 0),
    ("udp-connected", 0.9), ("udp-shared", 0.9), ("udp-", 0.4),
    ("ARP", 1), ("ICMP", 1), ("TCP RST of a closed port", 1), ("TCP", 0.95), ("tcp-", 0.95), ("forwarded", 0.9))

# On the rung cgroup the process is right, too, of a socket's maker and of datagrams to an address.
MAKERS = {"tcp-connect", "tcp-short", "tcp-flight", "tcp-reset", "tcp-sendfile", "udp-unconnected",
          "udp-shared", "udp-shared (answers)"}

# What runs detnet on another kernel (tests/lanes), if anything does.
LANE = os.environ.get("LANE", "").split()

LINE = 80
WHO = re.compile(rb"host=(\S+) program=(\d+) pid=(\d+) kind=(\S+) *\n")
LABEL = re.compile(r"host=(\S+) (?:pid=\d+ comm=.* )?(kernel )?owner=(\d+)")
PORT_CLOSED = "7009"
FIN, SYN, RST, ACK = 1, 2, 4, 16
# Two processes write to one connection at once. A frame that TCP hands down may hold bytes of both, and be cut
# into segments after it was tagged: all have the sender of its first byte. A segment's own may be the other's.
TWO_WRITERS = "tcp-two-writers"
# A connection of these is one process's, from its first packet to its last.
ONE_PROCESS = {"tcp-connect", "tcp-short", "tcp-flight", "tcp-sendfile", "tcp-splice", "tcp-vmsplice",
               "tcp-sendmmsg", "tcp-zerocopy", "tcp-ipv6", "tcp-reset"}

FIELDS = ["frame.time_epoch", "frame.comment", "frame.interface_name", "ip.src", "eth.src",
          "arp.src.proto_ipv4", "icmp.type", "icmpv6.type", "tcp.stream", "tcp.srcport", "tcp.dstport",
          "tcp.seq_raw", "tcp.flags", "tcp.len", "tcp.payload", "udp.payload", "data.data"]
Packet = collections.namedtuple("Packet", [f.replace(".", "_").lstrip("_") for f in FIELDS])
Writer = collections.namedtuple("Writer", "host program pid kind")
# pids: any of these, None: any process of the program; program None: any of the host. kernel: "may" be it.
Truth = collections.namedtuple("Truth", "kind host program pids kernel", defaults=[None, None, False])


def read_packets(capture):
    argv = ["tshark", "-n", "-r", capture, "-T", "fields", "-E", "separator=|", "-E", "occurrence=f",
            "-o", "ip.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE",
            "-o", "tcp.analyze_sequence_numbers:FALSE"]
    for f in FIELDS:
        argv += ["-e", f]
    out = subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         text=True).stdout
    return [Packet(*line.split("|")) for line in out.splitlines()]


def writers(payload):
    return [Writer(h.decode(), int(prog), int(pid), kind.decode())
            for h, prog, pid, kind in WHO.findall(payload)]


class Streams:
    """The bytes of each direction of each connection, put together from its segments."""

    def __init__(self, packets):
        self.start, self.bytes, self.client = {}, {}, {}
        for p in packets:
            if p.tcp_stream and int(p.tcp_flags, 16) & SYN:
                self.start[self.key(p)] = (int(p.tcp_seq_raw) + 1) & 0xFFFFFFFF
        for p in packets:
            if p.tcp_stream and p.tcp_payload:
                at, data = self.offset(p), bytes.fromhex(p.tcp_payload)
                buf = self.bytes.setdefault(self.key(p), bytearray())
                buf.extend(bytes(max(0, at + len(data) - len(buf))))
                buf[at:at + len(data)] = data

    @staticmethod
    def key(p):
        return (p.tcp_stream, p.tcp_srcport)

    def offset(self, p):
        return (int(p.tcp_seq_raw) - self.start[self.key(p)]) & 0xFFFFFFFF

    def of(self, p):
        """Who wrote the segment's bytes, in order."""
        at = self.offset(p)
        end = at + int(p.tcp_len)
        return writers(bytes(self.bytes[self.key(p)][at - at % LINE:end + -end % LINE]))

    def side(self, key):
        """Who wrote anything in this direction."""
        return set(writers(bytes(self.bytes.get(key, b""))))


def percent(share, form):
    return "–" if share is None else format(100 * share, form)


class Judge:
    def __init__(self, out, rung):
        self.rung = rung
        with open(out / "owners.csv", newline="") as f:
            rows = list(csv.DictReader(f))
        self.owners = {r["owner"]: r for r in rows}
        self.cgroup = {(r["host"], int(r["pid"])): r["cgroup"] for r in rows if r["cgroup"]}
        self.packets = read_packets(str(out / "capture.pcapng"))
        self.streams = Streams(self.packets)
        self.address = {"10.0.0.1": "h1", "10.0.1.2": "h2", "10.0.0.3": "server",
                        "10.0.0.103": "server"}
        self.mac = {}
        for p in self.packets:
            if p.arp_src_proto_ipv4 and p.arp_src_proto_ipv4 in self.address:
                self.mac[p.eth_src] = self.address[p.arp_src_proto_ipv4]
        self.sides = {}
        self.server_program = None
        for w in (w for key in self.streams.bytes for w in self.side(key)):
            if w.host == "server":
                self.server_program = w.program
        self.seen, self.mixed, self.wrong = collections.Counter(), collections.Counter(), []
        self.right = {what: collections.Counter() for what in ("host", "program", "process")}
        self.unjudged = {what: collections.Counter() for what in self.right}

    def side(self, key):
        if key not in self.sides:
            self.sides[key] = self.streams.side(key)
        return self.sides[key]

    def host_of(self, p):
        """A router's own addresses are whatever no host has."""
        return self.mac.get(p.eth_src, "r1") if not p.ip_src else self.address.get(p.ip_src, "r1")

    def truth(self, p):
        """What the packet should be called, or None for one that says too little (see count)."""
        if p.arp_src_proto_ipv4:
            return Truth("ARP", self.address.get(p.arp_src_proto_ipv4, "r1"), kernel=True)
        if p.icmp_type == "0":
            return Truth("ICMP echo reply", self.host_of(p), kernel=True)
        if p.icmp_type in ("3", "11"):
            return Truth("ICMP error", self.host_of(p), kernel=True)
        if p.icmpv6_type:
            return Truth("ICMPv6 of the kernel", None, kernel=True)
        if p.tcp_stream:
            return self.of_bytes(self.streams.of(p)) if p.tcp_payload else self.control(p)
        return self.of_bytes(writers(bytes.fromhex(p.udp_payload or p.data_data)))

    def of_bytes(self, who):
        assert who, "a payload that names nobody"
        w = who[0] # who wrote its first byte counts
        self.mixed[w.kind] += len({w.pid for w in who}) > 1
        return Truth(w.kind + (" (answers)" if w.host == "server" else ""), w.host, w.program, {w.pid})

    def control(self, p):
        flags, host = int(p.tcp_flags, 16), self.host_of(p)
        wrote = self.side(self.streams.key(p))
        program = self.server_program if host == "server" else next((w.program for w in wrote), None)
        one = {w.pid for w in wrote if w.kind in ONE_PROCESS}
        pids = one if len(one) == 1 else None
        if p.tcp_srcport == PORT_CLOSED:
            return Truth("TCP RST of a closed port", host, kernel=True)
        if flags & SYN:
            if flags & ACK:
                return Truth("TCP SYN-ACK", host, program, {program})
            return Truth("TCP SYN", host, program, pids)
        # Until a process accepts a connection it is its listener's, which the first process made.
        if pids and host == "server":
            pids = pids | {program}
        # Once a process has closed its end, what is still to be said is the kernel's.
        kind = "TCP RST" if flags & RST else "TCP FIN" if flags & FIN else "TCP ACK"
        return Truth(kind, host, program, pids, "may")

    def label(self, p):
        m = LABEL.match(p.frame_comment)
        return self.owners.get(m.group(3)) if m else None

    def judged(self, what, kind):
        return self.seen[kind] - self.unjudged[what][kind]

    def share(self, what, kind):
        """None: no packet of the kind says so much."""
        n = self.judged(what, kind)
        return self.right[what][kind] / n if n else None

    def count(self, kind, p, t, allowed):
        owner = self.label(p)
        kernel = owner is not None and not owner["cgroup"]
        host = owner is not None and t.host in (None, owner["host"])
        if kernel or t.kernel is True:
            program = process = host and kernel and bool(t.kernel)
        else:
            program = host and (t.program is None
                                or owner["cgroup"] == self.cgroup.get((t.host, t.program)))
            process = program and (t.pids is None or int(owner["pid"]) in t.pids)
        # What a packet does not say is in no share; it may still be called what it cannot be, which is wrong.
        kernels = t.kernel is True
        unknown = {"host": t.host is None, "program": t.program is None and not kernels,
                   "process": t.pids is None and not kernels}
        self.seen[kind] += 1
        must = MUST[self.rung] + (("process",) if self.rung == "cgroup" and kind in MAKERS else ())
        for what, ok in (("host", host), ("program", program), ("process", process)):
            self.unjudged[what][kind] += unknown[what]
            self.right[what][kind] += ok and not unknown[what]
            if not ok and what in must and not (program and what == "process" and allowed
                                                and int(owner["pid"]) in allowed):
                self.wrong.append((what, p.frame_comment, t))

    def judge(self):
        for p in self.packets:
            t = self.truth(p)
            both = t.kind == TWO_WRITERS and {w.pid for w in self.side(self.streams.key(p))}
            self.count(t.kind, p, t, both or t.pids)
            if p.frame_interface_name.startswith("r1:") and t.host != "r1" and t.kind != TWO_WRITERS:
                self.count("forwarded by a router", p, t, t.pids)

    def report(self, out=sys.stdout):
        print(f"rung {self.rung}", file=out)
        for kind in sorted(self.seen):
            n = self.seen[kind]
            shares = "  ".join(f"{what} {percent(self.share(what, kind), '.2f'):>6}" for what in self.right)
            unjudged = ", ".join(f"{what} of {self.unjudged[what][kind]}" for what in self.right
                                 if self.unjudged[what][kind])
            unjudged = f"  not judged: {unjudged}" if unjudged else ""
            mixed = f"  {self.mixed[kind]} of several writers" if self.mixed[kind] else ""
            print(f"  {kind:34} {n:7}  {shares}{mixed}{unjudged}", file=out)

    def times(self):
        """How long each connection of the kinds that are many was open, by its client's packets."""
        opened, closed = {}, {}
        for p in self.packets:
            if p.tcp_stream and self.key_kind(p) in ("tcp-short", "tcp-flight"):
                flags, at = int(p.tcp_flags, 16), float(p.frame_time_epoch)
                if flags & SYN:
                    opened.setdefault(p.tcp_stream, at)
                if flags & FIN:
                    closed.setdefault((self.key_kind(p), p.tcp_stream), at)
        return {kind: sorted(at - opened[s] for (k, s), at in closed.items() if k == kind)
                for kind in ("tcp-short", "tcp-flight")}

    def key_kind(self, p):
        return next((w.kind for w in self.side(self.streams.key(p)) if w.host != "server"), None)

    def in_flight(self):
        """The most connections of the kind tcp-flight that were open at the same time."""
        events = []
        for p in self.packets:
            if p.tcp_stream and self.key_kind(p) == "tcp-flight":
                flags = int(p.tcp_flags, 16)
                if flags & SYN or flags & FIN:
                    events.append((float(p.frame_time_epoch), p.tcp_stream, bool(flags & SYN)))
        now, most = set(), 0
        for _, stream, begins in sorted(events):
            (now.add if begins else now.discard)(stream)
            most = max(most, len(now))
        return most

    def result(self):
        return {"rung": self.rung, "kinds": {
            kind: {"packets": n, **{what: self.right[what][kind] for what in self.right},
                   "judged": {what: self.judged(what, kind) for what in self.right}}
            for kind, n in self.seen.items()}}


# Every kind must be there, or the test tests nothing.
KINDS = """tcp-connect tcp-shared-listener_(answers) tcp-accept-fork_(answers) tcp-threads tcp-threads_(answers)
tcp-inherited tcp-inherited_(answers) tcp-exec tcp-passed tcp-passed_(answers) tcp-two-writers
tcp-reader-and-writer tcp-sendfile tcp-splice tcp-vmsplice tcp-sendmmsg tcp-zerocopy tcp-reset tcp-short
tcp-flight tcp-flight_(answers) tcp-ipv6 udp-unconnected udp-connected udp-connected_(answers) udp-shared
udp-shared_(answers) udp-shared-connected udp-passed udp-before-arp udp-sendmmsg udp-zerocopy udp-fragments
udp-so-mark udp-unreachable udp-ipv6 icmp-raw ip-header-included packet-raw packet-cooked packet-ring ARP
ICMP_echo_reply ICMP_error TCP_SYN TCP_SYN-ACK TCP_ACK TCP_FIN TCP_RST TCP_RST_of_a_closed_port
forwarded_by_a_router""".split()


def run(tmp, opts, size):
    scenario = tmp / "scenarios" / "oracle"
    shutil.copytree(pathlib.Path(__file__).parent / "oracle", scenario, ignore=shutil.ignore_patterns("*.[ch]"))
    shutil.copy(opts.oracle, scenario / "oracle")
    rounds, workers, connections = SIZES[size]
    ini = scenario / "scenario.ini"
    ini.write_text(ini.read_text().replace("@ROUNDS@", str(rounds)).replace("@WORKERS@", str(workers))
                   .replace("@CONNECTIONS@", str(connections)))
    topo = tmp / "oracle.ini"
    topo.write_text(TOPO.format(path=tmp / "scenarios", engine=f"engine = {opts.engine}\n" if opts.engine else "",
                                rung=f"rung = {opts.rung}\n" if opts.rung else "",
                                **(SHAPED if opts.engine else PLAIN)))
    out = tmp / "out"
    subprocess.run(LANE + [opts.detnet, "run", str(topo), "-o", str(out), "--duration", "1s"], check=True,
                   stdout=subprocess.DEVNULL)
    with open(out / "activities.csv", newline="") as f:
        failed = [(r["sub"], r["outcome"]) for r in csv.DictReader(f) if r["outcome"] != "ok"]
    logs = "\n".join(log.read_text() for log in (out / "logs").glob("*/*.log")) if failed else ""
    assert not failed, f"{failed}\n{logs}"
    return out


def main():
    args = argparse.ArgumentParser()
    args.add_argument("detnet")
    args.add_argument("oracle")
    args.add_argument("rung", nargs="?")
    args.add_argument("engine", nargs="?")
    args.add_argument("--small", action="store_true")
    args.add_argument("--full", action="store_true")
    args.add_argument("--json")
    opts = args.parse_args()
    size = "full" if opts.full else "small" if opts.small else "normal"
    with tempfile.TemporaryDirectory(prefix="detnet-oracle-") as tmp:
        out = run(pathlib.Path(tmp), opts, size)
        manifest = json.loads((out / "manifest.json").read_text())
        rung, shaped = manifest["tag"]["rung"], manifest["links_engine"]
        assert opts.rung in (None, rung), f"rung {rung} instead of {opts.rung}"
        assert shaped == (opts.engine or "none"), shaped
        counts = manifest["counts"]
        assert counts["drops"] == 0 and counts["unlabelled"] == 0, counts
        judge = Judge(out, rung)
        judge.judge()
        judge.report()
        short, flight = judge.times()["tcp-short"], judge.in_flight()
        print(f"{len(short)} short connections: median {1e6 * short[len(short) // 2]:.0f} us,"
              f" {sum(t < 1e-3 for t in short)} under 1 ms; {flight} open at once;"
              f" {len(judge.packets)} packets, none dropped")
        assert flight >= SIZES[size][2], "connections were not open at once"
        if opts.json:
            pathlib.Path(opts.json).write_text(json.dumps(judge.result()))
        missing = [k for k in KINDS if k.replace("_", " ") not in judge.seen]
        assert not missing, f"no packets of {missing}"
        two = judge.share("process", TWO_WRITERS)
        assert "process" not in MUST[rung] or two > 0.8, f"two writers: {two:.4f} right"
        low = {k: judge.share("program", k) for k in judge.seen if rung == "none" and judge.judged("program", k)
               and judge.share("program", k) < next(f for begin, f in PROGRAM_FLOORS if k.startswith(begin))}
        assert not low, f"programs right: {low}"
        assert not judge.wrong, f"{len(judge.wrong)} wrong: " + "\n".join(map(str, judge.wrong[:10]))


def table(files):
    """Shares in per cent, "host/program/process" each, or one figure where they are the same."""
    results = [json.loads(pathlib.Path(f).read_text()) for f in files]
    print("| kind | packets | " + " | ".join(r["rung"] for r in results) + " |")
    print("|---" * (2 + len(results)) + "|")
    for kind in sorted({k for r in results for k in r["kinds"]}):
        cells = []
        for r in results:
            k = r["kinds"].get(kind)
            shares = [percent(k[w] / k["judged"][w] if k["judged"][w] else None, ".4g")
                      for w in ("host", "program", "process")] if k else ["–"]
            cells.append(shares[0] if len(set(shares)) == 1 else " / ".join(shares))
        n = max(r["kinds"][kind]["packets"] for r in results if kind in r["kinds"])
        print(f"| {kind} | {n:,} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--table"]:
        table(sys.argv[2:])
    else:
        main()
