#!/usr/bin/env python3
"""
The latency that the shaper adds where no delay is asked for: the same frames with and without it, in turns.

    latency.py DETNET OWD [--turns N] [--json FILE]

Says whether the median of what it adds is under 50 us, and fails where it is four times that: a machine whose
processors are slow to wake is no fault of the shaper's.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import json
import sys

import stats
import twohosts

COUNT, RATE = 10000, 5000
WANTED_US = 50
FAILS_US = 4 * WANTED_US
SHARES = (0.5, 0.99, 0.999)


def measure(args, engine):
    """Shares' latencies in us; a link that asks for the shaper and shapes nothing passes it all the same."""
    with twohosts.Network(args.detnet, twohosts.topology(engine, {}), [args.owd]) as net:
        frames, _ = twohosts.one_way(net, COUNT, RATE, 1000, all_come=True)
    assert len(frames) == COUNT, f"{COUNT - len(frames)} frames were dropped"
    return [stats.quantile([f.delay for f in frames], p) * 1000 for p in SHARES]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("detnet")
    parser.add_argument("owd")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json")
    args = parser.parse_args()
    turns = {"plain veth": [], "shaper": []}
    for _ in range(args.turns):
        for name, found in turns.items():
            found.append(measure(args, "shaper" if name == "shaper" else None))
    print(f"| one-way latency, us, median of {args.turns} turns | median | 99 % | 99.9 % |\n|---|---|---|---|")
    table = {name: [stats.quantile([turn[i] for turn in found], 0.5) for i in range(len(SHARES))]
             for name, found in turns.items()}
    table["added"] = [a - b for a, b in zip(table["shaper"], table["plain veth"])]
    for name, row in table.items():
        print(f"| {name} | " + " | ".join(f"{x:.1f}" for x in row) + " |")
    if args.json:
        with open(args.json, "w") as f:
            json.dump(table, f, indent=1)
    added = table["added"][0]
    print(f"wanted is a median of less than {WANTED_US} us: {'reached' if added < WANTED_US else 'missed'}")
    return 0 if added < FAILS_US else 1


if __name__ == "__main__":
    sys.exit(main())
