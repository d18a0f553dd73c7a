#!/usr/bin/env python3
"""The netem engine on a kernel that has sch_netem: what iproute2 reads back, and what packets meet.

usage: netem.py QDISC_SET   (root, in a kernel that is not the machine's own: see uml)
"""
# SPDX-License-Identifier: BSD-3-Clause
import ctypes
import json
import math
import os
import re
import select
import socket
import struct
import subprocess
import sys
import tempfile
import time

TOOL = sys.argv[1]
NS = {"a": "10.77.0.1", "b": "10.77.0.2"}
FRAME = 42  # Ethernet, IP and UDP headers
PORT = 9000
TRIES = 8
ETH_P_ALL = 3
SNDBUFFORCE, RCVBUFFORCE, TIMESTAMPNS, OUTGOING = 32, 33, 35, 4
failures = []


def run(*args, ns=None, check=True):
    if ns:
        args = ("ip", "netns", "exec", ns) + args
    done = subprocess.run(args, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit(f"{' '.join(args)}: exit {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def expect(what, good, got):
    print(f"  {'ok  ' if good else 'FAIL'} {what}: {got}", flush=True)
    if not good:
        failures.append(f"{what}: {got}")


def enter(ns):
    with open(f"/run/netns/{ns}") as f:
        if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")


def sock_in(ns, *args):
    with open("/proc/self/ns/net") as home:
        enter(ns)
        s = socket.socket(*args)
        ctypes.CDLL(None).setns(home.fileno(), 0)
    return s


def links():
    for ns, addr in NS.items():
        run("ip", "netns", "add", ns)
    run("ip", "link", "add", "ea", "netns", "a", "type", "veth", "peer", "name", "eb", "netns", "b")
    for ns, addr in NS.items():
        for command in (f"ip addr add {addr}/24 dev e{ns}", f"ip link set e{ns} up",
                        f"ip neigh replace {NS['b' if ns == 'a' else 'a']} lladdr 02:00:00:00:00:0"
                        f"{'2' if ns == 'a' else '1'} dev e{ns}"):
            if "lladdr" in command:
                run("ip", "link", "set", f"e{ns}", "address", f"02:00:00:00:00:0{'1' if ns == 'a' else '2'}",
                    ns=ns)
            run(*command.split(), ns=ns)


now = ""


def shape(new, old=None, seed=1):
    """Changes what leaves a; the answer of a shape that cannot be."""
    global now
    old = now if old is None else old
    done = subprocess.run(["ip", "netns", "exec", "a", TOOL, "ea", old, new, str(seed)], capture_output=True,
                          text=True)
    if done.returncode == 3:
        return done.stdout.strip()
    if done.returncode:
        sys.exit(f"shape {new!r}: exit {done.returncode}: {done.stdout}{done.stderr}")
    now = new
    return None


def fresh(new="", seed=1):
    """An interface with no past."""
    global now
    run("tc", "qdisc", "del", "dev", "ea", "root", ns="a", check=False)
    now = ""
    shape(new, seed=seed)


def qdiscs():
    """What tc says, by kind; numbers of options that only its text has are added to netem's."""
    rows = {q["kind"]: q for q in json.loads(run("tc", "-j", "qdisc", "show", "dev", "ea", ns="a"))}
    if "netem" in rows:
        rows["netem"]["text"] = run("tc", "qdisc", "show", "dev", "ea", ns="a")
    return rows


# ---- what iproute2 reads back ----

def near(got, want, relative=3e-4):
    return got is not None and abs(got - want) <= relative * abs(want) + 1e-12


READ_BACK = [
    # shape, kind, path into tc's JSON, value
    ("delay=60ms", "netem", "options.delay.delay", 0.06),
    ("delay=60ms", "netem", "options.delay.jitter", 0),
    ("delay=1ms", "netem", "options.delay.delay", 1e-3),
    ("delay=5s", "netem", "options.delay.delay", 5),
    ("loss=1.5%", "netem", "options.loss-random.loss", 0.015),
    ("loss=10% 30%", "netem", "options.loss-gemodel.p", 0.07),
    ("loss=10% 30%", "netem", "options.loss-gemodel.r", 0.63),
    ("loss=10% 30%", "netem", "options.loss-gemodel.1-h", 1),
    ("loss=10% 30%", "netem", "options.loss-gemodel.1-k", 0),
    ("loss=100%", "netem", "options.loss-random.loss", 1),
    ("loss=gemodel(1%, 10%, 70%, 0.1%)", "netem", "options.loss-gemodel.p", 0.01),
    ("loss=gemodel(1%, 10%, 70%, 0.1%)", "netem", "options.loss-gemodel.r", 0.1),
    ("loss=gemodel(1%, 10%, 70%, 0.1%)", "netem", "options.loss-gemodel.1-h", 0.7),
    ("loss=gemodel(1%, 10%, 70%, 0.1%)", "netem", "options.loss-gemodel.1-k", 0.001),
    ("loss=state(1%, 20%, 30%, 40%, 5%)", "netem", "options.loss-state.p13", 0.01),
    ("loss=state(1%, 20%, 30%, 40%, 5%)", "netem", "options.loss-state.p31", 0.2),
    ("loss=state(1%, 20%, 30%, 40%, 5%)", "netem", "options.loss-state.p32", 0.3),
    ("loss=state(1%, 20%, 30%, 40%, 5%)", "netem", "options.loss-state.p23", 0.4),
    ("loss=state(1%, 20%, 30%, 40%, 5%)", "netem", "options.loss-state.p14", 0.05),
    ("loss=1%, ecn=yes", "netem", "options.ecn", True),
    ("duplicate=2%", "netem", "options.duplicate.duplicate", 0.02),
    ("corrupt=3%", "netem", "options.corrupt.corrupt", 0.03),
    ("delay=10ms, reorder=25% gap 5", "netem", "options.reorder.reorder", 0.25),
    ("delay=10ms, reorder=25% gap 5", "netem", "options.gap", 5),
    ("delay=10ms, reorder=25%", "netem", "options.gap", 1),
    ("slot=10ms 20ms packets 32 bytes 64KiB", "netem", "options.slot.min-delay", 0.01),
    ("slot=10ms 20ms packets 32 bytes 64KiB", "netem", "options.slot.max-delay", 0.02),
    ("slot=10ms 20ms packets 32 bytes 64KiB", "netem", "options.slot.packets", 32),
    ("slot=10ms 20ms packets 32 bytes 64KiB", "netem", "options.slot.bytes", 65536),
    ("rate=8mbit, overhead=-14", "netem", "options.rate.rate", 1e6),
    ("rate=8mbit, overhead=-14", "netem", "options.rate.packetoverhead", -14),
    ("rate=8mbit", "tbf", "options.rate", 1e6),
    ("rate=8mbit", "tbf", "parent", "1:1"),
    ("rate=80gbit", "tbf", "options.rate", 1e10),
    ("rate=8mbit, limit=50", "pfifo", "options.limit", 50),
    ("rate=8mbit, limit=50", "pfifo", "parent", "10:1"),
    ("rate=8mbit, queue=codel(7ms, 90ms), ecn=yes", "codel", "options.target", 7000.0),
    ("rate=8mbit, queue=codel(7ms, 90ms), ecn=yes", "codel", "options.interval", 90000.0),
    ("rate=8mbit, queue=codel(7ms, 90ms), ecn=yes", "codel", "options.ecn", True),
    ("rate=8mbit, queue=codel(7ms, 90ms), limit=40", "codel", "options.limit", 40),
]


def dig(tree, path):
    for name in path.split("."):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def read_back():
    """Every value in a fresh interface and, so that no attribute keeps what it was, after all the others."""
    for past in (None, "delay=70ms 7ms pareto, loss=gemodel(7%, 70%), ecn=yes, duplicate=7%, "
                 "corrupt=7%, reorder=7% gap 7, slot=7ms 7ms packets 7 bytes 7KiB, rate=7mbit"):
        wrong = []
        for text, kind, path, want in READ_BACK:
            fresh(past or "")
            shape(text)
            got = dig(qdiscs().get(kind, {}), path)
            good = near(got, want) if isinstance(want, float) and not isinstance(got, str) else got == want
            if not good:
                wrong.append((text, kind, path, want, got, qdiscs().get(kind)))
        expect(f"{len(READ_BACK)} values read back, {'after all else' if past else 'fresh'}", not wrong, wrong)
        if past:
            shape("")
            left = qdiscs()
            expect("a netem without a task", set(left["netem"]["options"]) <= {
                "limit", "delay", "ecn", "gap"} and left["netem"]["options"].get("ecn") is not True and
                not dig(left, "netem.options.delay.delay"), left["netem"]["options"])


def refusals():
    fresh()
    for text, says in (("rate=8mbit, limit=10 10KiB", "never: .*packets or in bytes"),
                       ("rate=8mbit, limit=8GiB", "never: .*2\\^32"),
                       ("slot=1ms bytes 4GiB", "never: .*2\\^31"),
                       ("rate=8mbit, limit=64KiB, queue=codel", "never: sch_codel"),
                       ("delay=20s 2s pareto", "never: .*jitter"),
                       ("delay=60ms 10ms 25% normal", "never: .*correlation"),
                       ("duplicate=2% 10%", "never: .*correlation"),
                       ("corrupt=2% 10%", "never: .*correlation"),
                       ("delay=10ms, reorder=2% 10%", "never: .*correlation"),
                       ("rate=8mbit, overhead=-14, queue=codel", "never: an overhead")):
        answer = shape(text)
        expect(text, answer is not None and re.search(says, answer), answer)
    can = json.loads(run(TOOL, ns="a"))
    major, minor = (int(x) for x in os.uname().release.split(".")[:2])
    expect("what this kernel can do", can == {"netem": 1, "tbf": 1, "codel": 1,
                                              "seed": int((major, minor) >= (6, 6))}, can)


# ---- what packets meet ----

class Wire:
    """UDP from a to b, numbered and timed; frames as they arrive at b, whatever is wrong with them."""

    def __init__(self):
        self.out = sock_in("a", socket.AF_INET, socket.SOCK_DGRAM)
        self.out.setsockopt(socket.SOL_SOCKET, SNDBUFFORCE, 1 << 27)
        self.raw = sock_in("b", socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.raw.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, 1 << 27)
        self.raw.setsockopt(socket.SOL_SOCKET, TIMESTAMPNS, 1)
        self.sink = sock_in("b", socket.AF_INET, socket.SOCK_DGRAM)
        self.sink.bind((NS["b"], PORT))
        self.raw.bind(("eb", ETH_P_ALL))
        self.raw.setblocking(False)

    def drain(self, got, wait):
        """Frames that are there, or come within wait seconds after the last."""
        while select.select([self.raw], [], [], wait)[0]:
            while True:
                try:
                    data, control, _, address = self.raw.recvmsg(4096, 64)
                except BlockingIOError:
                    break
                if address[2] == OUTGOING:
                    continue
                seconds, nanoseconds = struct.unpack("qq", control[0][2])
                got.append((seconds * 10**9 + nanoseconds, data))
            if not wait:
                return

    def send(self, n, size=64, tos=0, quiet=0.5, every=64, before=None):
        """n packets, given way to arrivals now and then; sent times and arrivals (time, number, frame)."""
        self.out.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
        sent, got = [], []
        for i in range(n):
            if before:
                before(i)
            sent.append(time.time_ns())
            self.out.sendto(struct.pack("!I", i) + bytes(size - 4), (NS["b"], PORT))
            if i % every == every - 1:
                self.drain(got, 0)
        self.drain(got, quiet)
        arrivals = [(at, struct.unpack("!I", data[FRAME:FRAME + 4])[0], data) for at, data in got
                    if len(data) == FRAME + size]
        return sent, arrivals


def binomial(what, hits, n, p):
    """Near a share p of n: one such check in 2,000 fails by chance, for a run has several."""
    slack = 3.5 * math.sqrt(n * p * (1 - p)) + 0.5
    expect(what, abs(hits - n * p) <= slack, f"{hits} of {n}, {p:.4f} asked for, +- {slack:.0f}")


def losses(wire, n=8000):
    def lost(text):
        fresh(text)
        _, got = wire.send(n)
        there = {number for _, number, _ in got}
        return [i not in there for i in range(n)]

    binomial("loss=2%", sum(lost("loss=2%")), n, 0.02)
    p, r, bad = 0.02, 0.2, 0.8
    gone = lost("loss=gemodel(2%, 20%, 80%)")
    share = p / (p + r) * bad
    # The states of a chain hang together: the variance of a sum is that of independent draws times this.
    rho = 1 - p - r
    inflate = 1 + 2 * (p / (p + r)) * (r / (p + r)) * bad ** 2 / (share * (1 - share)) * rho / (1 - rho)
    slack = 3.5 * math.sqrt(n * share * (1 - share) * inflate)
    expect("loss=gemodel", abs(sum(gone) - n * share) < slack,
           f"{sum(gone)} of {n}, {n * share:.0f} +- {slack:.0f}")
    bursts = [len(run_) for run_ in "".join("x" if g else " " for g in gone).split()]
    mean = sum(bursts) / len(bursts)
    want = 1 / (1 - (1 - r) * bad)  # the next is lost if the bad state lasts, and it loses again
    error = 3.5 * math.sqrt(want * (want - 1) / len(bursts))
    expect("mean burst of gemodel", abs(mean - want) < error, f"{mean:.3f}, {want:.3f} +- {error:.3f}")
    gone = lost("loss=state(5%, 50%)")
    share = 0.05 / (0.05 + 0.5)
    expect("loss=state", abs(sum(gone) / n - share) < 0.02, f"{sum(gone) / n:.4f}, {share:.4f}")
    fresh("loss=30%, ecn=yes")
    _, got = wire.send(n, tos=2)
    binomial("marks by ecn", sum(data[15] & 3 == 3 for _, _, data in got), len(got), 0.3)
    expect("loss by ecn", len(got) == n, f"{n - len(got)} of {n}")


def others(wire, n=8000):
    fresh("duplicate=3%")
    _, got = wire.send(n)
    binomial("duplicate=3%", len(got) - n, n, 0.03)
    fresh("corrupt=4%")
    _, got = wire.send(n, size=200)
    flipped = wrong = 0
    # netem flips a bit anywhere in the frame; looked at are the bytes that are known
    def known(data):
        return data[:18] + data[22:24] + data[26:40] + data[FRAME + 4:]
    frames = [known(data) for _, _, data in got]
    usual = max(set(frames), key=frames.count)
    for frame in frames:
        bits = sum(bin(x ^ y).count("1") for x, y in zip(frame, usual)) if frame != usual else 0
        flipped += bits > 0
        wrong += bits > 1
    expect("all corrupted packets arrive", len(got) == n, len(got))
    binomial("corrupt=4%", flipped, n, 0.04 * len(usual) / (FRAME + 200))
    expect("one bit at most", wrong == 0, wrong)
    fresh("delay=100ms, reorder=10%")
    sent, got = wire.send(n)
    early = sum(at - sent[number] < 50e6 for at, number, _ in got)
    binomial("reorder=10%", early, n, 0.1)
    fresh("delay=100ms, reorder=100% gap 5")
    sent, got = wire.send(1000)
    early = {number for at, number, _ in got if at - sent[number] < 50e6}
    expect("gap 5", len(early) == 200 and len({x % 5 for x in early}) == 1, len(early))
    fresh("slot=50ms 50ms packets 10")
    _, got = wire.send(200)
    times = sorted(at for at, _, _ in got)
    groups = [[times[0]]]
    for t in times[1:]:
        if t - groups[-1][-1] > 25e6:
            groups.append([])
        groups[-1].append(t)
    expect("slots of 10", len(got) == 200 and all(len(g) <= 10 for g in groups) and len(groups) >= 19,
           [len(g) for g in groups])


def delays(wire, n=3000):
    """Means, and that tails are whole; tests/links has the distributions themselves."""
    for dist in ("", " normal", " pareto", " paretonormal", " weibull", " gamma", " lognormal",
                 " exponential"):
        fresh(f"delay=40ms 40ms{dist}" if dist == " exponential" else f"delay=40ms 8ms{dist}")
        sd = 40 if dist == " exponential" else 8 / math.sqrt(3) if not dist else 8
        slack = 3.5 * sd / math.sqrt(n) + 0.4 + 0.4  # 1 %, and timers that are late
        means = []
        # a machine that is busy elsewhere only ever makes it longer
        while len(means) < TRIES and (not means or min(means) > 40 + slack):
            sent, got = wire.send(n)
            values = [(at - sent[number]) / 1e6 for at, number, _ in got]
            means.append(sum(values) / len(values))
        expect(f"delay{dist or ' uniform'}", len(got) == n and abs(min(means) - 40) < slack,
               f"mean {[round(m, 3) for m in means]} ms, longest {max(values):.1f} ms, {len(got)} of {n}")
        if dist == " pareto":
            # a table cut at 4 deviations would end at 72 ms; P(all 3,000 under 80 ms) is 4e-4
            expect("the tail of pareto", max(values) > 80, f"{max(values):.1f} ms")
    fresh("delay=1ms")
    sent, got = wire.send(500, every=1)
    values = sorted((at - sent[number]) / 1e6 for at, number, _ in got)
    print(f"  delay of 1 ms: median {values[250]:.3f} ms, 90 % {values[450]:.3f} ms")


def in_place(wire, n=4000):
    """What waits and travels is not lost by a change, of any kind but of the queue's."""
    changes = ["delay=30ms", "delay=50ms 5ms pareto", "", "delay=10ms, duplicate=0%", "rate=200mbit, limit=100000",
               "rate=100mbit, delay=20ms, limit=100000", "delay=5ms 1ms", "rate=300mbit, overhead=-14, limit=100000",
               "delay=1ms, reorder=5%", "delay=40ms 4ms normal, rate=500mbit, limit=100000"]
    fresh("delay=20ms")
    count = 0

    def before(i):
        nonlocal count
        if i % (n // 100) == 0:
            shape(changes[count % len(changes)])
            count += 1
    _, got = wire.send(n, before=before)
    expect(f"packets after {count} changes", len({x for _, x, _ in got}) == n, f"{len(got)} of {n}")
    fresh("rate=1mbit, delay=100ms")
    _, got = wire.send(20, size=1000, quiet=0, before=lambda i: i == 19 and shape("delay=100ms"))
    at = time.monotonic()
    wire.drain(more := [], 0.5)
    expect("what waited for a rate goes when it does", len(got) + len(more) == 20, len(got) + len(more))
    fresh("delay=20ms 5ms pareto")
    shape("delay=20ms 5ms")
    sent, got = wire.send(1000)
    late = sum(at - sent[number] > 26e6 for at, number, _ in got)  # of pareto 6 %
    expect("uniform after pareto", late < 20, f"{late} of {len(got)} over 26 ms")
    shape("delay=20ms 5ms", old="?")
    expect("a shape of which the past is not known", len(wire.send(100)[1]) == 100, "")


def rates(wire):
    """The wire's speed under a flood, and how much its queue holds."""
    for mbit, size in ((1, 1000), (10, 1000)):
        for extra in ("", ", delay=50ms", ", overhead=20", ", overhead=-14"):
            overhead = int(extra.split("=")[1]) if "overhead" in extra else 0
            speeds = []
            # a machine that is busy elsewhere only ever makes it slower
            while len(speeds) < TRIES and (not speeds or max(speeds) < 0.98 * mbit):
                fresh(f"rate={mbit}mbit, limit=1000000{extra}")
                _, got = wire.send(mbit * 120, size=size)
                times = sorted(at for at, _, _ in got)
                skip = len(times) // 10  # the bucket's
                bits = (len(times) - 1 - skip) * (size + FRAME + overhead) * 8
                speeds.append(bits * 1e3 / (times[-1] - times[skip]))
            expect(f"{mbit} Mbit/s{extra}", len(got) == mbit * 120 and abs(max(speeds) / mbit - 1) < 0.02,
                   [round(s, 3) for s in speeds])
    frame = 1000 + FRAME
    for text, low, high in (("rate=1mbit, limit=40", 40, 44), ("rate=1mbit, limit=50KiB", 49, 53),
                            ("rate=1mbit", 32000 // frame, 32000 // frame + 5),
                            ("rate=1mbit, delay=200ms", 50000 // frame, 50000 // frame + 5)):
        fresh(text)
        sent, got = wire.send(300, size=1000, every=1000)
        high += (sent[-1] - sent[0]) // 8000000  # what left meanwhile
        expect(f"burst through {text}", low <= len(got) <= high, f"{len(got)}, {low} to {high}")


def codel(wire):
    """Probes beside a TCP flow of four seconds: CoDel holds the queue near its target, with drops or marks."""
    def flow(text, ecn):
        fresh(text)
        for ns in NS:
            run("sysctl", "-qw", f"net.ipv4.tcp_ecn={ecn}", ns=ns)
        server = sock_in("b", socket.AF_INET, socket.SOCK_STREAM)
        server.bind((NS["b"], 0))
        server.listen()
        client = sock_in("a", socket.AF_INET, socket.SOCK_STREAM)
        client.connect(server.getsockname())
        peer, _ = server.accept()
        client.setblocking(False)
        wire.out.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 2 * ecn)
        sent, got, received = [], [], 0
        start = time.monotonic()
        while (past := time.monotonic() - start) < 4:
            if len(sent) < past * 50:
                wire.out.sendto(struct.pack("!I", len(sent)) + bytes(60), (NS["b"], PORT))
                sent.append(time.time_ns())
            readable, writable, _ = select.select([wire.raw, peer], [client], [], 0.01)
            if peer in readable:
                received += len(peer.recv(1 << 20))
            if writable:
                try:
                    client.send(bytes(1 << 16))
                except BlockingIOError:
                    pass
            wire.drain(got, 0)
        for s in server, client, peer:
            s.close()
        probes = [(at, struct.unpack("!I", data[FRAME:FRAME + 4])[0]) for at, data in got
                  if len(data) == FRAME + 64 and data[23] == 17]
        waits = sorted((at - sent[i]) / 1e6 for at, i in probes if i > 50)
        stats = json.loads(run("tc", "-s", "-j", "qdisc", "show", "dev", "ea", ns="a"))
        return waits[len(waits) // 2], received * 8 / 4e6, stats[-1]

    long, speed, _ = flow("rate=10mbit, limit=200KiB", 0)
    short, codels, stats = flow("rate=10mbit, queue=codel", 0)
    expect("CoDel's queue", short < 30 and long > 1.5 * short and codels > 0.85 * 10 and stats["drops"] > 0,
           f"median {short:.1f} ms at {codels:.2f} Mbit/s, drop-tail {long:.1f} ms at {speed:.2f}")
    short, codels, stats = flow("rate=10mbit, queue=codel, ecn=yes", 1)
    expect("CoDel's marks", stats["ecn_mark"] > 0 and stats["drops"] == 0 and short < 30,
           f"{stats['ecn_mark']} marks, {stats['drops']} drops, median {short:.1f} ms, {codels:.2f} Mbit/s")


def main():
    links()
    wire = Wire()
    read_back()
    refusals()
    losses(wire)
    others(wire)
    delays(wire)
    in_place(wire)
    rates(wire)
    codel(wire)
    for failure in failures:
        print("FAILED", failure)
    sys.exit(1 if failures else 0)


main()
