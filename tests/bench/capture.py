#!/usr/bin/env python3
"""The capture beside tcpdump, dumpcap and netsniff-ng, and what it costs a network.

    capture.py DETNET FLOOD GOODPUT [--packets N] [--rounds N] [--json FILE]

Two hosts and a cable. For each rate of small datagrams each tool in turn captures all of them at h1-eth0
into a file, which is then counted: packets lost, processor time of the tool for each packet, and of the whole
machine beyond what it takes without a capture. detnet writes each packet's owner beside it, the others
do not. Then TCP at full speed: without a capture, with detnet's, with its tags and without, and with tcpdump's.

Ratios of one run are what counts: machines differ, and are noisy. Exit 1: detnet lost a packet at a rate
at which another tool lost none, or takes more of the processor for a packet than the best of them.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import contextlib
import json
import os
import pathlib
import select
import signal
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "links"))
import twohosts  # noqa: E402

SIZE, PORT = 64, 9
RATES = (50_000, 100_000, 200_000, 300_000, 0)
HERTZ = os.sysconf("SC_CLK_TCK")
# Lines of [network] and of [capture].
FRAMES = {"whole, as on a wire": ("", ""), "their first 128 bytes": ("", "snaplen = 128"),
          "whole, offload = on": ("offload = on", "")}
PATIENCE_MS = 3000  # for a packet that may have been lost; a ring's block is handed over within a second
TOOLS = {
    "tcpdump": ("listening", "tcpdump -i h1-eth0 -s 256 -c {n} -w {file} udp port 9"),
    "dumpcap": ("File:", "dumpcap -i h1-eth0 -s 256 -c {n} -w {file} -f", "udp port 9"),
    "netsniff-ng": ("Running!", "netsniff-ng --in h1-eth0 --out {file} --silent --num {n} -f", "udp port 9"),
}


def busy_ns():
    """Of all processors, whoever used them."""
    words = open("/proc/stat").readline().split()[1:]
    times = [int(w) for w in words]
    return (sum(times) - times[3] - times[4]) * 10**9 // HERTZ


def process_ns(pid):
    # utime and stime of all threads, in ticks; behind the name, which may hold anything.
    words = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) * 10**9 // HERTZ


def count(path):
    out = subprocess.run(["capinfos", "-T", "-M", "-r", "-c", str(path)], capture_output=True, text=True)
    return int(out.stdout.split("\t")[-1]) if out.returncode == 0 else 0


def topology(rung, options=""):
    network, capture = options if options else ("", "")
    text = twohosts.topology(None, {}).replace("[network]\n", f"[network]\n{network}\n")
    return text + f"[capture]\nrung = {rung}\n{capture}\n"


def flood(net, packets, rate):
    """Sends all; how many the kernel took, and in what time."""
    sink = twohosts.Program(net, "h2", f"./flood hold {PORT}")
    sink.line("ready")
    words = twohosts.Program(net, "h1", f"./flood send 10.0.0.2 {PORT} {packets} {rate} {SIZE}").wait().split()
    sink.end_input()
    sink.wait()
    return int(words[1]), int(words[3])


def with_none(net, name, packets, rate):
    sent, ns = flood(net, packets, rate)
    return sent, ns, sent, 0


def namespace_of(net, host):
    """The host's network namespace, as a path; its init is a child of detnet."""
    name = twohosts.Program(net, host, "readlink /proc/self/ns/net").wait().strip()
    tasks = pathlib.Path(f"/proc/{net.process.pid}/task").glob("*/children")
    for pid in " ".join(t.read_text() for t in tasks).split():
        if os.readlink(f"/proc/{pid}/ns/net") == name:
            return f"/proc/{pid}/ns/net"
    raise twohosts.Failed(f"no process of {host}")


def with_tool(net, name, packets, rate):
    """In the host's network, but with all rights: in a host netsniff-ng may not lock its memory."""
    first, command, *last = TOOLS[name]
    file = net.folder / f"{name}.cap"
    argv = ["nsenter", f"--net={namespace_of(net, 'h1')}", *command.format(file=file, n=packets).split(), *last]
    tool = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = b""
    while first.encode() not in said:
        more = os.read(tool.stdout.fileno(), 4096)
        if not more:
            raise twohosts.Failed(f"{name} ended: {said.decode()}")
        said += more
    sent, ns = flood(net, packets, rate)
    ended = select.poll()
    pidfd = os.pidfd_open(tool.pid)
    ended.register(pidfd, select.POLLIN)
    if not ended.poll(PATIENCE_MS):
        tool.send_signal(signal.SIGINT)
    _, _, used = os.wait4(tool.pid, 0)
    tool.returncode = 0
    os.close(pidfd)
    tool.stdout.close()
    return sent, ns, count(file), int((used.ru_utime + used.ru_stime) * 1e9)


def with_detnet(net, name, packets, rate):
    net.capture_start("detnet.pcapng", f"udp port {PORT}")
    own = process_ns(net.process.pid)  # setting up BPF programs and a large ring is not for each packet
    sent, ns = flood(net, packets, rate)
    net.capture_stop()
    kept = count(net.folder / "detnet.pcapng")
    (net.folder / "detnet.pcapng").unlink()
    return sent, ns, kept, process_ns(net.process.pid) - own


WAYS = {"no capture": with_none, "detnet": with_detnet, **{name: with_tool for name in TOOLS}}


def small_packets(args):
    """Rows of (rate, way, sent a second, lost, ns of the tool and of the machine for each packet)."""
    rows = []
    with Network(args.detnet, topology("fentry"), [args.flood]) as net:
        for rate in RATES:
            idle = None
            for name, way in WAYS.items():
                runs = []
                for _ in range(args.rounds):
                    before = busy_ns()
                    sent, ns, kept, spent = way(net, name, args.packets, rate)
                    runs.append((sent * 1e9 / ns, sent - kept, spent / sent, (busy_ns() - before) / sent))
                    for file in net.folder.glob("*.cap"):
                        file.unlink()
                speed, lost, own, machine = (statistics.median(column) for column in zip(*runs))
                idle = machine if idle is None else idle
                rows.append((rate, name, speed, lost, own, machine - idle))
                print(f"| {rate or 'all it can'} | {name} | {speed:,.0f} | {lost:.0f} | {own:.0f} | "
                      f"{machine - idle:.0f} |", flush=True)
    return rows


def judge(rows):
    """What detnet did worse than it should."""
    worse = []
    for rate in RATES:
        here = {name: row for r, name, *row in rows if r == rate}
        others = [row for name, row in here.items() if name in TOOLS]
        if here["detnet"][1] > 0 and any(row[1] == 0 for row in others):
            worse.append(f"at {rate or 'full'} rate {here['detnet'][1]:.0f} packets were lost, by others none")
        if here["detnet"][2] > min(row[2] for row in others):
            worse.append(f"at {rate or 'full'} rate {here['detnet'][2]:.0f} ns for a packet, "
                         f"the best of the others {min(row[2] for row in others):.0f}")
    return worse


class Network(twohosts.Network):
    """With a capture that the shell starts and stops; both return when it has."""

    def settle(self):
        twohosts.Program(self, "h1", "true").wait()

    def capture_start(self, file, flt=""):
        self.shell(f"capture start {file} {flt}")
        self.settle()

    def capture_stop(self):
        self.shell("capture stop")
        self.settle()


def goodput(net):
    """Gbit/s that TCP carried at full speed."""
    receiver = twohosts.Program(net, "h2", "./goodput receive -w 500 -t 3000 5001")
    receiver.line("ready")
    sender = twohosts.Program(net, "h1", "./goodput send 10.0.0.2 5001")
    words = receiver.line("bytes").split()
    receiver.wait()
    sender.wait(check=False)
    return int(words[1]) * 8 / int(words[3])


@contextlib.contextmanager
def tcpdump(net):
    argv = ["nsenter", f"--net={namespace_of(net, 'h1')}", "tcpdump", "-i", "h1-eth0", "-w",
            str(net.folder / "tcpdump.cap")]
    tool = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while b"listening" not in tool.stderr.readline():
        pass
    yield
    tool.send_signal(signal.SIGINT)
    tool.communicate()
    (net.folder / "tcpdump.cap").unlink()


@contextlib.contextmanager
def detnet(net):
    net.capture_start("tcp.pcapng")
    yield
    net.capture_stop()
    (net.folder / "tcp.pcapng").unlink()


BARE, TAGGED = "no tags, no capture", "tags and capture"
# (name, rung, who captures). Tags are there from the first capture of a network on.
TCP = ((BARE, "none", contextlib.nullcontext), ("no tags, tcpdump", "none", tcpdump),
       ("no tags, capture", "none", detnet), (TAGGED, "fentry", detnet),
       ("tags, no capture", "fentry", contextlib.nullcontext))


def throughput(args, options):
    """TCP's speed in Gbit/s by name."""
    speeds = {}
    for _ in range(args.rounds):
        for rung in ("none", "fentry"):
            with Network(args.detnet, topology(rung, options), [args.goodput]) as net:
                for name, on, capture in TCP:
                    if on == rung:
                        with capture(net):
                            speeds.setdefault(name, []).append(goodput(net))
    return {name: statistics.median(speeds[name]) for name, _, _ in TCP}


def main():
    parser = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    for name in ("detnet", "flood", "goodput"):
        parser.add_argument(name)
    parser.add_argument("--packets", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json")
    args = parser.parse_args()
    print("| asked, a second | | sent a second | lost | its own ns for a packet | the machine's |\n"
          "|---|---|---|---|---|---|")
    rows = small_packets(args)
    worse, tcp = judge(rows), {}
    print("\n| TCP | frames | Gbit/s | of no capture, no tags |\n|---|---|---|---|")
    for frames, options in FRAMES.items():
        tcp[frames] = speeds = throughput(args, options)
        for name, speed in speeds.items():
            print(f"| {name} | {frames} | {speed:.2f} | {speed / speeds[BARE]:.2f} |", flush=True)
        if speeds[TAGGED] < 0.8 * speeds[BARE]:
            worse.append(f"TCP, {frames}: with capture and tags {speeds[TAGGED] / speeds[BARE]:.2f} of its speed")
    print("\n" + ("\n".join(worse) if worse else "no worse than the others"))
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"packets": rows, "tcp": tcp}, f, indent=1)
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
