#!/usr/bin/env python3
"""
Holds rates against theory: what TCP carries over a link, and what a trace lets through.

    goodput.py DETNET GOODPUT OWD [--engine shaper|netem]... [--full] [--only WORD] [--json FILE]

A link's rate counts Ethernet frames without their check sequence: of the 1,514 bytes of a full frame 1,448
are TCP's payload (IPv4, timestamps). A trace counts what is in the frame, 1,500 bytes. The receiver's count
over a window in the steady state must be within 2 % of that. A trace's goodput must be within 2 % of its integral; under a flood of frames it is also held
against its integral over each period.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import json
import subprocess
import sys

import stats
import twohosts

FRAME, PAYLOAD, MTU = 1514, 1448, 1500
BOUND = 0.02
ATTEMPTS = 3  # where less was carried than the link should: another program may have had the processor
PORT = 5001
BUFFERS = 32 << 20  # bytes that TCP may have under way; the default is too small for 1 Gbit/s at 50 ms


class Case:
    def __init__(self, name, keys, rate, warm_ms, ms, streams=1, files=None):
        self.name, self.keys, self.rate, self.warm_ms, self.ms = name, keys, rate, warm_ms, ms
        self.streams, self.files = streams, files


def trace_text(rates, ms):
    """A trace of one stretch of ms for each rate in Mbit/s, repeated for ever."""
    lines, owed = [], 0.0
    for i in range(len(rates) * ms):
        owed += rates[i // ms] * 1e3 / 8 / MTU
        lines += [str(i + 1)] * int(owed)
        owed -= int(owed)
    if lines[-1] != str(len(rates) * ms):
        lines.append(str(len(rates) * ms))
    return "\n".join(lines) + "\n"


def trace_rate(text):
    """Bits per second over the period, which the last line ends."""
    lines = text.split()
    return len(lines) * MTU * 8 / (int(lines[-1]) / 1000)


TRACES = {"steps": trace_text((12, 6, 9, 4), 250), "waves": trace_text((20, 24, 20, 14, 10, 14), 100)}


def cases(full):
    traces = {name: {f"{name}.trace": text} for name, text in TRACES.items()}
    if not full:
        yield Case("10 Mbit/s", {"rate": "10mbit"}, 10e6, 1000, 3000)
        yield Case("100 Mbit/s, 10 ms", {"rate": "100mbit", "delay>": "10ms"}, 100e6, 1500, 2500, 4)
        yield Case("trace waves", {"trace>": "waves.trace"}, trace_rate(TRACES["waves"]), 2000, 3600,
                   files=traces["waves"])
        return
    for mbit, warm, ms in ((1, 4000, 30000), (10, 3000, 10000), (100, 2000, 10000), (1000, 2000, 8000)):
        yield Case(f"{mbit} Mbit/s", {"rate": f"{mbit}mbit"}, mbit * 1e6, warm, ms)
        # Streams share the window that fills the pipe: cubic would take long to open one as wide.
        yield Case(f"{mbit} Mbit/s, 50 ms", {"rate": f"{mbit}mbit", "delay>": "50ms"}, mbit * 1e6,
                   max(warm, 15000 if mbit == 1000 else 8000), ms, 16 if mbit >= 100 else 2)
    yield Case("10 Mbit/s, overhead 24", {"rate": "10mbit", "overhead": "24"}, 10e6 * FRAME / (FRAME + 24),
               3000, 10000)
    for name, text in TRACES.items():
        yield Case(f"trace {name}", {"trace>": f"{name}.trace"}, trace_rate(text), 3000, 12000,
                   files=traces[name])


def widen_buffers(net):
    """In both hosts: what TCP may have under way."""
    children = open(f"/proc/{net.process.pid}/task/{net.process.pid}/children").read().split()
    for pid in children:
        for name in ("tcp_rmem", "tcp_wmem"):
            subprocess.run(["nsenter", "-t", pid, "-n", "sysctl", "-q", "-w",
                            f"net.ipv4.{name}=4096 131072 {BUFFERS}"], check=True)


def measure_tcp(args, engine, case):
    """Bits per second of payload."""
    text = twohosts.topology(engine, case.keys)
    with twohosts.Network(args.detnet, text, [args.goodput], case.files) as net:
        receiver = twohosts.Program(net, "h2", f"./goodput receive -w {case.warm_ms} -t {case.ms} "
                                               f"-n {case.streams} {PORT}")
        receiver.line("ready")
        twohosts.Program(net, "h1", "true").wait()
        widen_buffers(net)
        sender = twohosts.Program(net, "h1", f"./goodput send -n {case.streams} h2 {PORT}")
        words = receiver.line("bytes", 60 + (case.warm_ms + case.ms) / 1000).split()
        receiver.wait()
        sender.wait()
    assert int(words[5]) == PAYLOAD, f"segments of {words[5]} bytes, not {PAYLOAD}"
    return int(words[1]) * 8e9 / int(words[3])


def measure_flood(args, engine, name):
    """Frames at twice a trace's rate: bits per second in each of its periods, and what it has for one."""
    rate = trace_rate(TRACES[name])
    text = twohosts.topology(engine, {"trace>": f"{name}.trace", "limit>": "200"})
    with twohosts.Network(args.detnet, text, [args.owd], {f"{name}.trace": TRACES[name]}) as net:
        frames, _ = twohosts.one_way(net, int(4 * 2 * rate / 8 / FRAME), int(2 * rate / 8 / FRAME), 1000,
                                     size=FRAME)
    start = frames[0].received
    period = int(TRACES[name].split()[-1])
    spans = int((frames[-1].received - start) / period) - 1
    counts = [sum(1 for f in frames if 0 <= f.received - start - (i + 0.5) * period < period)
              for i in range(spans)]
    return [c * MTU * 8 / (period / 1000) for c in counts], rate


def main():
    parser = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    for name in ("detnet", "goodput", "owd"):
        parser.add_argument(name)
    parser.add_argument("--engine", action="append", choices=("shaper", "netem"))
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--json")
    args = parser.parse_args()
    results, failed = [], []

    def report(engine, name, what, theory, got):
        off = got / theory - 1
        good = abs(off) <= BOUND
        print(f"| {engine} | {name} | {what} | {theory / 1e6:.4f} | {got / 1e6:.4f} | {off * 100:+.2f} % | "
              f"{'ok' if good else '**no**'} |", flush=True)
        results.append({"engine": engine, "case": name, "what": what, "theory_bps": theory, "measured_bps": got,
                        "off": off, "good": good})
        return good

    print("| engine | case | | theory, Mbit/s | measured | off | |\n|---|---|---|---|---|---|---|")
    for engine in args.engine or ["shaper"]:
        for case in cases(args.full):
            # The kernel's qdiscs know no traces.
            if args.only in case.name and not (engine == "netem" and "trace" in case.name):
                counted = MTU if case.files else FRAME
                theory = case.rate * PAYLOAD / counted
                if not any(report(engine, case.name, "TCP", theory, measure_tcp(args, engine, case))
                           for _ in range(ATTEMPTS)):
                    failed.append(f"{engine}: {case.name}")
        for name in TRACES if engine == "shaper" and args.only in "trace flood" else ():
            rates, theory = measure_flood(args, engine, name)
            worst = max(rates, key=lambda r: abs(r - theory))
            mean = f"flood, mean of {len(rates)} periods"
            if not (report(engine, f"trace {name}", mean, theory, stats.mean(rates)) and
                    report(engine, f"trace {name}", "flood, worst period", theory, worst)):
                failed.append(f"{engine}: trace {name}")
    if args.json:
        with open(args.json, "w") as f:
            json.dump(results, f, indent=1)
    print("\n" + ("failed: " + ", ".join(failed) if failed else "all within 2 %"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
