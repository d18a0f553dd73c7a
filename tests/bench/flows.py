#!/usr/bin/env python3
"""How many packets a second `detnet flows` takes, from a file in the page cache to rows, on one core.

Usage: flows.py DETNET MAKE_CAPTURE [PACKETS]

What counts is processor time, the best of three runs, so that what else the machine does does not. Where argus
and nfpcapd are installed they read the same files once, and the ratio is printed. Fails under 2 million packets a
second, but not for a program that was built without optimization (DETNET_BENCH_ONLY_SAY).
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

WANTED = 2e6
DETNET, MAKE = sys.argv[1:3]
PACKETS = int(sys.argv[3]) if len(sys.argv) > 3 else 4_000_000


def cpu_time(argv, times):
    """Processor seconds of a command, all of its threads and of user and system; the best of so many times."""
    best = None
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = used if best is None else min(best, used)
    return best


def others(capture, folder):
    """The same by others: what they write goes nowhere, or into a folder that is thrown away."""
    if shutil.which("argus"):
        yield "argus", ["argus", "-X", "-r", capture, "-w", "-"]
    if shutil.which("nfpcapd"):
        yield "nfpcapd", ["nfpcapd", "-r", capture, "-w", folder]


def main():
    slow = []
    with tempfile.TemporaryDirectory(prefix="detnet-bench-") as d:
        for flows in (10, 200_000):
            for kind in ("small", "mix"):
                capture = str(pathlib.Path(d) / f"{flows}-{kind}.pcap")
                packets = PACKETS if kind == "small" else PACKETS // 2
                subprocess.run([MAKE, capture, str(flows), str(packets), kind], check=True)
                ours = cpu_time([DETNET, "flows", capture], 3)
                rate = packets / ours
                print(f"{flows:7} flows, {kind:5} ({os.path.getsize(capture) // packets - 16} bytes a frame): "
                      f"{rate / 1e6:.2f} million packets/s, {ours / packets * 1e9:.0f} ns each", flush=True)
                for name, argv in others(capture, d):
                    theirs = cpu_time(argv, 1)
                    print(f"        {name}: {packets / theirs / 1e6:.2f} million, "
                          f"detnet is {theirs / ours:.1f} times as fast", flush=True)
                if rate < WANTED:
                    slow.append(f"{flows} flows, {kind}")
                os.unlink(capture)
    if slow and os.environ.get("DETNET_BENCH_ONLY_SAY"):
        print("slower than wanted, but this program is not built for speed:", *slow)
    elif slow:
        sys.exit(f"slower than {WANTED / 1e6:.0f} million packets a second: {', '.join(slow)}")


main()
