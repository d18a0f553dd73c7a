#!/usr/bin/env python3
"""
Holds links against the laws that their topology file names: delays, losses, duplicates, corruption, order.

    links.py DETNET OWD [--engine shaper|netem]... [--full] [--count N] [--spread SHARE] [--rate N]
             [--mean-bound MS] [--only WORD] [--json FILE]

Each case is a network of two hosts. Numbered frames go from one to the other, N a second, and what came is
judged by statistics of its own (stats.py). A delay's mean may be off by 1 % or 100 us, whichever is more
(or by --mean-bound, for kernels whose clock is coarse), with nothing subtracted. Its law is tested by a
two-sample Kolmogorov-Smirnov test at p = 0.01, twice: against draws of the target alone, which is for the
reader; and, for the verdict, against draws of the target each with a lateness that frames of a constant
delay of that mean had, which go the other way over the same link meanwhile and are the control. Shares must
lie in their 99 % interval and bursts pass a chi-square test at 0.01.

A machine that is busy with other things stalls all frames alike. So where the control itself shows that the
machine was not quiet (a hundredth of its frames late by over a tenth of the mean or 1 ms, or its mean out of
bounds by half), that attempt counts as none and is made again, up to QUIET_TRIES times.

One of a hundred links that are right fails such a test, so a case that fails is tried once more with
another seed, and fails if it fails again; the table says so. Without --full it is the quick subset.
"""
# SPDX-License-Identifier: BSD-3-Clause
import argparse
import json
import math
import random
import sys

import stats
import twohosts

LEVEL = 0.01
QUIET_TRIES = 5
CONTROL = 4  # of so many frames one goes the other way
TARGET_DRAWS = 100000
LAWS = ("uniform", "normal", "pareto", "paretonormal", "weibull", "gamma", "lognormal", "exponential")
# Two humps and a tail, as paths with a detour have them; milliseconds.
MEASURED = [10, 10.2, 10.5, 11, 11.2, 11.3, 11.5, 12, 12.5, 14, 19, 20, 20.3, 20.5, 21, 22, 25, 31, 40]


class Case:
    """
    keys shape the link; judge(run) returns rows of (what, expected, measured, good). rate None: as told.
    mean: of a delay whose law is tested, in ms.
    """

    def __init__(self, name, keys, judge, count=10000, rate=None, grace_ms=200, all_come=False,
                 files=None, ecn=False, seed=7, mean=None):
        self.name, self.keys, self.judge, self.count, self.rate = name, keys, judge, count, rate
        self.grace_ms, self.all_come, self.files, self.ecn = grace_ms, all_come, files, ecn
        self.seed, self.mean = seed, mean


class Run:
    """What came of a case, and what else its judge needs."""

    def __init__(self, case, frames, report, late, seed, bench):
        self.case, self.frames, self.late, self.seed, self.bench = case, frames, late, seed, bench
        self.latest_us = report["latest_us"]
        self.refused = report["refused"]
        first = {}
        for f in frames:
            first.setdefault(f.seq, f)
        self.first = first
        self.lost = [seq for seq in range(case.count) if seq not in first]
        self.delays = [first[seq].delay for seq in sorted(first)]

    def quiet(self):
        """Whether the control says that the machine had time for this run."""
        if not self.late:
            return True
        bound = max(self.case.mean * 0.01, self.bench.mean_bound) / 2
        return (stats.quantile(self.late, 0.99) < max(self.case.mean * 0.1, 1, self.bench.mean_bound)
                and stats.mean(self.late) < bound)

    def copies(self):
        return len(self.frames) - len(self.first)


# ---- judges ----

def interval_row(what, n, p, got):
    lo, hi = stats.binomial_interval(n, p)
    return what, f"{lo} to {hi} of {n}", got, lo <= got <= hi


def gauss_row(what, n, share, sd_one, got):
    """For counts that are not binomial but whose deviation is known."""
    half = 2.5758 * sd_one * math.sqrt(n)
    return what, f"{n * share:.0f} ± {half:.0f} of {n}", got, abs(got - n * share) <= half


def whole(run):
    """Everything came once and unharmed."""
    n = run.case.count
    harmed = sum(1 for f in run.frames if f.flipped)
    return [("frames", n, len(run.frames), len(run.frames) == n and not run.lost),
            ("harmed", 0, harmed, not harmed)]


def judge_delay(mean, draw):
    def judge_law(run):
        rng = random.Random(run.seed)
        target = draw(rng)
        got = stats.mean(run.delays)
        bound = max(mean * 0.01, run.bench.mean_bound)
        bare_d, bare_p = stats.kolmogorov(run.delays, target)
        d, p = stats.kolmogorov(run.delays, [x + rng.choice(run.late) for x in target])
        return whole(run) + [
            ("mean, ms", f"{mean:g} ± {bound:g}", f"{got:.4f}", abs(got - mean) <= bound),
            ("control late by, us", "", " / ".join(
                f"{stats.quantile(run.late, p) * 1000:.0f}" for p in (0, 0.5, 0.99, 0.999)) +
             f", mean {stats.mean(run.late) * 1000:.0f}", None),
            ("deviation, ms", f"{stats.deviation(target):.4f}", f"{stats.deviation(run.delays):.4f}", None),
            ("K-S, target alone", "", f"D {bare_d:.4f} p {bare_p:.3f}", None),
            ("K-S", f"p > {LEVEL}", f"D {d:.4f} p {p:.3f}", p > LEVEL)]

    def judge_median(run):
        """For a machine whose stalls reach every mean: half of the frames met none."""
        target = stats.quantile(draw(random.Random(run.seed)), 0.5)
        late = stats.quantile(run.late, 0.5)
        got = stats.quantile(run.delays, 0.5) - late
        bound = max(mean * 0.01, run.bench.mean_bound)
        return whole(run) + [
            ("control late by, median, us", "", f"{late * 1000:.0f}", None),
            ("median, ms", f"{target:.2f} ± {bound:g}", f"{got:.4f}", abs(got - target) <= bound)]
    return lambda run: (judge_median if run.bench.medians_only else judge_law)(run)


def judge_loss(p):
    def judge(run):
        return [interval_row("lost", run.case.count, p, len(run.lost))]
    return judge


def bursts(lost, count):
    """Lengths of runs of lost numbers; one at an end of the whole is not known in full and left out."""
    found, length, last = [], 0, None
    for seq in lost + [None]:
        if length and seq != last + 1:
            if last - length >= 0 and last < count - 1:
                found.append(length)
            length = 0
        length, last = length + 1, seq
    return found


def judge_gemodel(p, r):
    def judge(run):
        share, sd = stats.chain_share([[1 - p, p], [r, 1 - r]], {1})
        lengths = bursts(run.lost, run.case.count)
        got = stats.mean(lengths)
        half = 2.5758 * math.sqrt(1 - r) / r / math.sqrt(len(lengths))
        x, freedoms, chance = stats.chi_square(*stats.geometric_bins(lengths, r))
        return [gauss_row("lost", run.case.count, share, sd, len(run.lost)),
                ("mean burst", f"{1 / r:g} ± {half:.2f}", f"{got:.3f} of {len(lengths)}",
                 abs(got - 1 / r) <= half),
                ("bursts, chi-square", f"p > {LEVEL}", f"{x:.1f} of {freedoms}, p {chance:.3f}",
                 chance > LEVEL)]
    return judge


def judge_state(p13, p31, p32, p23, p14):
    """tc-netem(8)'s four states: 1 gap, 2 burst, 3 lost in a burst, 4 lost in the gap."""
    step = [[1 - p13 - p14, 0, p13, p14], [0, 1 - p23, p23, 0], [p31, p32, 1 - p31 - p32, 0], [1, 0, 0, 0]]

    def judge(run):
        share, sd = stats.chain_share(step, {2, 3})
        return [gauss_row("lost", run.case.count, share, sd, len(run.lost))]
    return judge


def judge_duplicate(p):
    def judge(run):
        return [interval_row("duplicated", run.case.count, p, run.copies()),
                ("lost", 0, len(run.lost), not run.lost)]
    return judge


def judge_corrupt(p):
    def judge(run):
        harmed = [f for f in run.frames if f.flipped]
        more = sum(1 for f in harmed if f.flipped != 1)
        return [interval_row("corrupted", run.case.count, p, len(harmed)),
                ("of more than a bit", 0, more, not more), ("lost", 0, len(run.lost), not run.lost)]
    return judge


def judge_reorder(p, gap):
    """A renewal process: gap - 1 that are delayed, then a geometric number until one is not."""
    cycle, spread = gap - 1 + 1 / p, math.sqrt(1 - p) / p

    def judge(run):
        # One that is followed by a smaller number; those that are delayed stay in order.
        early, least = 0, run.case.count
        for frame in reversed(run.frames):
            early += frame.seq > least
            least = min(least, frame.seq)
        return whole(run) + [gauss_row("overtook", run.case.count, 1 / cycle, spread / cycle ** 1.5, early)]
    return judge


def judge_ecn(p):
    def judge(run):
        marked = sum(1 for f in run.frames if f.ecn == 3)
        return whole(run) + [interval_row("marked", run.case.count, p, marked)]
    return judge


# ---- cases ----

def delay_case(name, mean, spread, count):
    jitter = mean * spread

    def draw(rng):
        return stats.draw_law(name, mean, jitter, TARGET_DRAWS, rng)
    keys = {"delay>": f"{mean:g}ms {jitter:g}ms {name}"}
    return Case(f"{name} {mean:g} ms", keys, judge_delay(mean, draw), count, all_come=True, mean=mean,
                grace_ms=int(40 * mean + 100))


def samples_case(mean, spread, count):
    middle = stats.mean([(a + b) / 2 for a, b in zip(MEASURED, MEASURED[1:])])
    scale = mean * spread / stats.deviation(MEASURED)
    values = [round(mean + (x - middle) * scale, 6) for x in MEASURED]
    text = "".join(f"{x:.6f}ms\n" for x in values)

    def draw(rng):
        return stats.draw_samples(values, TARGET_DRAWS, rng)
    return Case(f"samples {mean:g} ms", {"delay>": "samples(measured.txt)"}, judge_delay(mean, draw), count,
                all_come=True, grace_ms=int(5 * mean + 100), mean=mean, files={"measured.txt": text})


def cases(args):
    # The mean of so many delays of that deviation (a share of the mean) is known four times better than 1 %.
    count = args.count or (10000 if args.full else 2000)
    spread = args.spread or (1 / 4 if args.full else 1 / 10)
    for mean in (1, 20, 100, 500) if args.full else (20,):
        for name in LAWS:
            yield delay_case(name, mean, spread, count)
        yield samples_case(mean, spread, count)
    count = 20000 if args.full else 10000
    for p in (0.001, 0.01, 0.1) if args.full else (0.01,):
        yield Case(f"loss {p * 100:g}%", {"loss>": f"{p * 100:g}%"}, judge_loss(p), count, rate=10000)
    yield Case("gemodel", {"loss>": "gemodel(2%, 25%)"}, judge_gemodel(0.02, 0.25), count, rate=10000)
    yield Case("state", {"loss>": "state(2%, 30%, 20%, 40%, 1%)"}, judge_state(0.02, 0.3, 0.2, 0.4, 0.01),
               count, rate=10000)
    yield Case("duplicate 5%", {"duplicate>": "5%"}, judge_duplicate(0.05), count, rate=10000)
    yield Case("corrupt 5%", {"corrupt>": "5%"}, judge_corrupt(0.05), count, rate=10000)
    yield Case("loss 10%, ecn", {"loss>": "10%", "ecn>": "yes"}, judge_ecn(0.1), count, rate=10000, ecn=True)
    yield Case("reorder 10%", {"delay>": "20ms", "reorder>": "10%"}, judge_reorder(0.1, 1), count,
               rate=5000, all_come=True)
    yield Case("reorder 50%, gap 5", {"delay>": "20ms", "reorder>": "50% gap 5"},
               judge_reorder(0.5, 5), count, rate=5000, all_come=True)


# ---- runs ----

class Bench:
    """Runs cases with one engine on one detnet."""

    def __init__(self, args, engine):
        self.detnet, self.owd, self.engine = args.detnet, args.owd, engine
        self.rate, self.mean_bound, self.medians_only = args.rate, args.mean_bound, args.medians_only
        self.results = []

    def send(self, case, seed):
        keys = dict(case.keys, **({"delay<": f"{case.mean:g}ms"} if case.mean else {}))
        text = twohosts.topology(self.engine, keys, seed)
        rate, late = case.rate or self.rate, []
        with twohosts.Network(self.detnet, text, [self.owd], case.files) as net:
            flow = twohosts.Flow(net, "h1", "h2", case.count, rate, case.grace_ms, ecn=case.ecn,
                                 all_come=case.all_come)
            if case.mean:
                control = twohosts.Flow(net, "h2", "h1", case.count // CONTROL, rate // CONTROL,
                                        case.grace_ms, all_come=True)
                control.begin()
            flow.begin()
            frames, report = flow.end()
            if case.mean:
                late = [f.delay - case.mean for f in control.end()[0]]
        return Run(case, frames, report, late, seed, self)

    def measure_lateness(self, engine, mean, count):
        """What a constant delay comes to beyond itself; of no engine and no delay: the path's own latency."""
        keys = {"delay>": f"{mean:g}ms"} if mean else {}
        text = twohosts.topology(engine, keys)
        with twohosts.Network(self.detnet, text, [self.owd]) as net:
            frames, _ = twohosts.one_way(net, count, self.rate, 1000, all_come=True)
        late = [f.delay - mean for f in frames]
        found = {f"p{p * 100:g}": round(stats.quantile(late, p) * 1000, 1) for p in (0, 0.5, 0.99, 0.999)}
        found["mean"] = round(stats.mean(late) * 1000, 1)
        cells = [engine or "no engine", f"{mean:g} ms"] + [f"{x:.1f}" for x in found.values()]
        print("| " + " | ".join(cells) + " |", flush=True)
        self.results.append({"engine": engine, "case": "lateness of a constant delay, us", "delay_ms": mean,
                             **found})

    def judge(self, case):
        """Tries, and once more where it fails; the verdict is the last one's."""
        quiet_tries = 1 if self.medians_only else QUIET_TRIES
        for attempt in (1, 2):
            for tries in range(1, quiet_tries + 1):
                run = self.send(case, case.seed + attempt - 1)
                if run.quiet():
                    break
            rows = case.judge(run)
            if case.mean and not self.medians_only:
                rows.append(("attempts until quiet", f"at most {QUIET_TRIES}", tries, run.quiet()))
            good = all(row[3] is not False for row in rows)
            for what, expected, got, fine in rows:
                verdict = "" if fine is None else "ok" if fine else "**no**"
                print(f"| {self.engine} | {case.name} | {what} | {expected} | {got} | {verdict} |", flush=True)
                self.results.append({"engine": self.engine, "case": case.name, "attempt": attempt,
                                     "what": what, "expected": expected, "measured": got, "good": fine,
                                     "sender_latest_us": run.latest_us})
            if good:
                return True
        return False

    def same_fates(self, count):
        """The n-th frame of a seed has the same fate in every run; another seed's has not."""
        keys = {"delay>": "20ms 4ms normal", "loss>": "10%", "duplicate>": "2%"}
        case = Case("same seed", keys, None, count, rate=5000, grace_ms=200)
        a, b, other = self.send(case, 11), self.send(case, 11), self.send(case, 12)
        both = sorted(set(a.first) & set(b.first))
        apart = [abs(a.first[s].delay - b.first[s].delay) for s in both]
        copies = [sorted(f.seq for f in run.frames) for run in (a, b)]
        bound = max(0.1, self.mean_bound / 10)  # other draws would be some 4 ms apart
        rows = [("lost, same numbers", len(a.lost), len(b.lost), a.lost == b.lost),
                ("lost, other seed", "differs", len(other.lost), a.lost != other.lost),
                ("copies, same numbers", a.copies(), b.copies(), copies[0] == copies[1]),
                ("delays apart, median, ms", f"< {bound:g}", f"{stats.quantile(apart, 0.5):.4f}",
                 stats.quantile(apart, 0.5) < bound)]
        for what, expected, got, fine in rows:
            print(f"| {self.engine} | same seed | {what} | {expected} | {got} | {'ok' if fine else '**no**'} |")
            self.results.append({"engine": self.engine, "case": "same seed", "what": what, "expected": expected,
                                 "measured": got, "good": fine})
        return all(row[3] for row in rows)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    parser.add_argument("detnet")
    parser.add_argument("owd")
    parser.add_argument("--engine", action="append", choices=("shaper", "netem"))
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--count", type=int)
    parser.add_argument("--spread", type=float)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--mean-bound", type=float, default=0.1)
    parser.add_argument("--medians-only", action="store_true",
                        help="judge delays by their median alone, on a machine that is never quiet")
    parser.add_argument("--only", default="")
    parser.add_argument("--json")
    args = parser.parse_args()
    failed, results = [], []
    for engine in args.engine or ["shaper"]:
        bench = Bench(args, engine)
        chosen = [case for case in cases(args) if args.only in case.name]
        print("\n| engine | constant delay | late by, us: least | median | 99 % | 99.9 % | mean |\n"
              "|---|---|---|---|---|---|---|")
        bench.measure_lateness(None, 0, 2000)
        for mean in sorted({case.mean for case in chosen if case.mean}) if args.full else ():
            bench.measure_lateness(engine, mean, 10000)
        print("\n| engine | case | what | expected | measured | |\n|---|---|---|---|---|---|")
        for case in chosen:
            if not bench.judge(case):
                failed.append(f"{engine}: {case.name}")
        # Its kernel may be too old to take a seed for netem.
        if engine == "shaper" and args.only in "same seed" and not bench.same_fates(5000):
            failed.append(f"{engine}: same seed")
        results += bench.results
    if args.json:
        with open(args.json, "w") as f:
            json.dump(results, f, indent=1)
    print("\n" + ("failed: " + ", ".join(failed) if failed else "all as their laws say"))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
