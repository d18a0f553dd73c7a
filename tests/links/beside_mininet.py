#!/usr/bin/env python3
"""
Mininet's TCLink and detnet at the same settings, in turn on one kernel: delay, rate, queue, TCP.

    beside_mininet.py DETNET OWD GOODPUT [--engine netem|shaper]... [--json FILE]

Needs Debian's packages mininet and net-tools, and a kernel with sch_netem: run it by tests/lanes/uml. The
delay is the median of sparse frames' less what theory has (delay and the frame's time at the rate). Rate and
queue are those of a flood of full frames at twice the rate (eight times at 1 Mbit/s, so that a long queue
fills): what came in the second half ("unknown" where the sender was too slow for that), and how long the
slowest waited. TCP is one stream's payload in the steady state.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import json
import os
import subprocess
import sys
import tempfile

import stats
import twohosts

FRAME, PAYLOAD, SPARSE = 1514, 1448, 128
SETTINGS = ((1, 20), (10, 20), (100, 5))  # Mbit/s, ms
PORT = 5001


class Detnet:
    def __init__(self, args, engine, mbit, ms):
        self.name = f"detnet, {engine}"
        text = twohosts.topology(engine, {"rate": f"{mbit}mbit", "delay": f"{ms}ms"})
        self.net = twohosts.Network(args.detnet, text, [args.owd, args.goodput])

    def one_way(self, count, rate, grace_ms, size):
        return twohosts.one_way(self.net, count, rate, grace_ms, size=size)[0]

    def tcp(self, warm_ms, ms):
        receiver = twohosts.Program(self.net, "h2", f"./goodput receive -w {warm_ms} -t {ms} {PORT}")
        receiver.line("ready")
        sender = twohosts.Program(self.net, "h1", f"./goodput send h2 {PORT}")
        words = receiver.line("bytes", 60 + (warm_ms + ms) / 1000).split()
        receiver.wait()
        sender.wait()
        return int(words[1]) * 8e9 / int(words[3])

    def close(self):
        self.net.__exit__(None, None, None)


class Mininet:
    """A TCLink between two hosts, as its own Python interface makes it with its defaults."""
    name = "Mininet, TCLink"

    def __init__(self, args, engine, mbit, ms):
        # Here, for it is only needed here and not everywhere installed.
        from mininet.link import TCLink
        from mininet.net import Mininet as MininetNet
        self.args = args
        self.net = MininetNet(controller=None, link=TCLink)
        self.hosts = [self.net.addHost(name, mac=mac) for name, mac in twohosts.MAC.items()]
        self.net.addLink(*self.hosts, bw=mbit, delay=f"{ms}ms")
        self.net.start()
        for host, mac in zip(self.hosts, twohosts.MAC.values()):
            host.setMAC(mac, host.defaultIntf())

    def start(self, host, *argv):
        return self.hosts[host].popen(list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def one_way(self, count, rate, grace_ms, size):
        mac = list(twohosts.MAC.values())
        fd, path = tempfile.mkstemp()
        os.close(fd)
        receiver = self.start(1, self.args.owd, "receive", "-g", str(grace_ms), "-s", str(size), "-o", path,
                              "h2-eth0", mac[0])
        assert receiver.stdout.readline() == "ready\n"
        sender = self.start(0, self.args.owd, "send", "-n", str(count), "-r", str(rate), "-s", str(size),
                            "h1-eth0", mac[1])
        sender.communicate()
        receiver.communicate()
        assert sender.returncode == 0 and receiver.returncode == 0
        with open(path) as f:
            next(f)
            frames = [twohosts.Frame(line) for line in f]
        os.unlink(path)
        return frames

    def tcp(self, warm_ms, ms):
        receiver = self.start(1, self.args.goodput, "receive", "-w", str(warm_ms), "-t", str(ms), str(PORT))
        assert receiver.stdout.readline() == "ready\n"
        sender = self.start(0, self.args.goodput, "send", self.hosts[1].IP(), str(PORT))
        words = receiver.stdout.readline().split()
        receiver.communicate()
        sender.communicate()
        return int(words[1]) * 8e9 / int(words[3])

    def close(self):
        self.net.stop()


def measure(make, args, engine, mbit, ms):
    """The figures of one emulator at one setting, in a network each, so no queue meets the next measurement."""
    rate = mbit * 1e6
    lab = make(args, engine, mbit, ms)
    sparse = lab.one_way(200, 50, 1000 + 4 * ms, SPARSE)
    lab.close()
    due = ms + SPARSE * 8 / rate * 1000
    lab = make(args, engine, mbit, ms)
    pace = int((8 if mbit == 1 else 2) * rate / 8 / FRAME)
    # Room for a queue of 1,000 packets to fill, and the time that it then takes to leave.
    flood = lab.one_way(max(2000, 3 * pace), pace, int(1200 * FRAME * 8 / rate * 1000) + 1000, FRAME)
    lab.close()
    half = flood[len(flood) // 2:]
    got = (len(half) - 1) * FRAME * 8 / ((half[-1].received - half[0].received) / 1000)
    offered = (half[-1].seq - half[0].seq) * FRAME * 8 / ((half[-1].sent - half[0].sent) / 1000)
    frame_ms = FRAME * 8 / rate * 1000
    waited = max(f.delay for f in flood) - ms - frame_ms
    lab = make(args, engine, mbit, ms)
    tcp = lab.tcp(3000, 30000 if mbit == 1 else 10000)
    lab.close()
    return {"emulator": lab.name, "mbit": mbit, "ms": ms,
            "delay_error_us": (stats.quantile([f.delay for f in sparse], 0.5) - due) * 1000,
            # Of a link that its sender did not keep full the rate is not known.
            "rate_error": got / rate - 1 if offered > 1.2 * rate else None, "queue_ms": waited, "queue_packets": waited / frame_ms,
            "tcp_error": tcp / (rate * PAYLOAD / FRAME) - 1}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    for name in ("detnet", "owd", "goodput"):
        parser.add_argument(name)
    parser.add_argument("--engine", action="append", choices=("netem", "shaper"))
    parser.add_argument("--json")
    args = parser.parse_args()
    results = []
    print("| setting | emulator | delay off, us | rate off | queue, ms | packets | TCP off |\n"
          "|---|---|---|---|---|---|---|")
    for mbit, ms in SETTINGS:
        for make, engine in [(Mininet, None)] + [(Detnet, e) for e in args.engine or ["netem", "shaper"]]:
            r = measure(make, args, engine, mbit, ms)
            results.append(r)
            off = "unknown" if r["rate_error"] is None else f"{r['rate_error'] * 100:+.2f} %"
            print(f"| {mbit} Mbit/s, {ms} ms | {r['emulator']} | {r['delay_error_us']:+.0f} | "
                  f"{off} | {r['queue_ms']:.0f} | {r['queue_packets']:.0f} | "
                  f"{r['tcp_error'] * 100:+.2f} % |", flush=True)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(results, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
