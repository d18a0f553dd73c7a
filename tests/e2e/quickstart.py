#!/usr/bin/env python3
"""The main job: quickstart.ini becomes a dataset that is whole, labelled and readable by others.

usage: quickstart.py [FOLDER]   (with FOLDER, judges a dataset that is there already)
"""
import collections
import pathlib
import re
import sys
import tempfile

import lab

FILES = ["manifest.json", "topology.ini", "capture.pcapng", "flows.csv", "activities.csv", "owners.csv",
         "logs"]
FLOW_COLUMNS = ("ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes "
                "conn_state history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes community_id "
                "orig_host resp_host orig_owner resp_owner activity scenario sub class label").split()
ACTIVITY_COLUMNS = "id scenario sub class client server start end outcome inputs".split()
OWNER_COLUMNS = "owner host pid ppid start comm exe argv cgroup activity".split()


def check_contract(folder):
    for name in FILES:
        assert (folder / name).exists(), f"{name} is missing"

    def columns(name):
        with open(folder / name) as f:
            return f.readline().rstrip("\n").split(",")

    assert columns("flows.csv")[:len(FLOW_COLUMNS)] == FLOW_COLUMNS, columns("flows.csv")
    assert columns("activities.csv")[:len(ACTIVITY_COLUMNS)] == ACTIVITY_COLUMNS
    assert columns("owners.csv") == OWNER_COLUMNS


def check_integrity(folder):
    m = lab.manifest(folder)
    counts = m["counts"]
    assert counts["drops"] == 0 and m["tag"]["events_lost"] == 0, m
    assert counts["unlabelled"] == 0, counts
    frames, sums = tcp_sums(folder)
    assert frames == counts["packets"], (frames, counts)
    return m, sums


def check_outcomes(folder):
    rows = lab.table(folder / "activities.csv")
    assert rows
    assert all(r["outcome"] for r in rows), "an activity has no outcome"
    by = collections.Counter((r["scenario"], r["outcome"]) for r in rows)
    for (scenario, outcome), n in sorted(by.items()):
        print(f"  {scenario}: {n} {outcome}")
    bad = [r for r in rows if r["outcome"] != "ok"]
    assert not bad, bad
    return rows


def tcp_sums(folder):
    """Number of frames, and packets and bytes of TCP by interface and direction, from frame lengths."""
    text = lab.tshark(folder / "capture.pcapng", "-T", "fields", "-E", "separator=|",
                      "-e", "frame.interface_name", "-e", "ip.src", "-e", "tcp.srcport", "-e", "ip.dst",
                      "-e", "tcp.dstport", "-e", "frame.len")
    sums, frames = collections.defaultdict(lambda: [0, 0]), 0
    for line in text.splitlines():
        frames += 1
        iface, src, sport, dst, dport, length = line.split("|")
        if not sport or "," in src:  # not TCP, or quoted by an ICMP error
            continue
        s = sums[(iface, src, sport, dst, dport)]
        s[0] += 1
        s[1] += int(length)
    return frames, sums


def tshark_conversations(folder, ifaces):
    """Rows of `tshark -z conv,tcp` by interface: (a, aport, b, bport, pkts_ba, bytes_ba, pkts_ab, …)."""
    wanted = [w for i in ifaces for w in ("-z", f'conv,tcp,frame.interface_name=="{i}"')]
    text = lab.tshark(folder / "capture.pcapng", "-q", *wanted)
    row = re.compile(r"^(\S+):(\d+)\s+<->\s+(\S+):(\d+)\s+(\d+)\s+(\d+ \w+)\s+(\d+)\s+(\d+ \w+)\s+(\d+)\s+")
    title = re.compile(r'^Filter:frame.interface_name=="(.*)"')
    rows, iface = collections.defaultdict(list), None
    for line in text.splitlines():
        if title.match(line):
            iface = title.match(line).group(1)
        elif row.match(line):
            rows[iface].append(row.match(line).groups())
    return rows


def check_flows(folder):
    """Every TCP row of flows.csv against tshark's conversation at the flow's vantage."""
    flows = [f for f in lab.table(folder / "flows.csv") if f["proto"] == "tcp"]
    assert flows
    by_vantage = collections.defaultdict(list)
    for f in flows:
        by_vantage[f["vantage"]].append(f)
    compared = 0
    conversations = tshark_conversations(folder, by_vantage)
    for vantage, rows in by_vantage.items():
        theirs = collections.defaultdict(list)
        for a, ap, b, bp, ba_pkts, ba, ab_pkts, ab, _ in conversations[vantage]:
            theirs[frozenset([(a, ap), (b, bp)])].append(((a, ap), int(ab_pkts), ab, int(ba_pkts), ba))
        for f in rows:
            orig = (f["id.orig_h"], f["id.orig_p"])
            key = frozenset([orig, (f["id.resp_h"], f["id.resp_p"])])
            ours = (int(f["orig_pkts"]), int(f["orig_ip_bytes"]) + 14 * int(f["orig_pkts"]),
                    int(f["resp_pkts"]), int(f["resp_ip_bytes"]) + 14 * int(f["resp_pkts"]))
            match = [t for t in theirs[key]
                     if same(ours, t if t[0] == orig else (t[0], t[3], t[4], t[1], t[2]))]
            assert match, f"{f} has no equal among {theirs[key]} at {vantage}"
            theirs[key].remove(match[0])
            compared += 1
    print(f"  {compared} TCP flows equal tshark's conversations at {len(by_vantage)} vantages")
    return compared


def same(ours, theirs):
    """tshark prints 12345 bytes as '12 kB': compare what it says of our number."""
    _, ab_pkts, ab, ba_pkts, ba = theirs
    return (ours[0], ours[2]) == (ab_pkts, ba_pkts) and shown(ours[1], ab) and shown(ours[3], ba)


def shown(number, text):
    value, unit = text.split()
    scale = {"bytes": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3}[unit]
    return abs(number - int(value) * scale) < scale


def check_bytes(folder, sums):
    """The same totals to the byte, from tshark's own frame lengths."""
    ours = collections.defaultdict(lambda: [0, 0])
    for f in lab.table(folder / "flows.csv"):
        if f["proto"] != "tcp":
            continue
        ends = (f["id.orig_h"], f["id.orig_p"], f["id.resp_h"], f["id.resp_p"])
        for side, key in (("orig", ends), ("resp", ends[2:] + ends[:2])):
            s = ours[(f["vantage"], *key)]
            s[0] += int(f[f"{side}_pkts"])
            s[1] += int(f[f"{side}_ip_bytes"]) + 14 * int(f[f"{side}_pkts"])
    for key, s in ours.items():
        assert s == sums.get(key, [0, 0]), (key, s, sums.get(key))
    print(f"  {len(ours)} directions equal to the byte")


def main():
    if len(sys.argv) > 1:
        return judge(pathlib.Path(sys.argv[1]))
    with tempfile.TemporaryDirectory(prefix="detnet-e2e-") as tmp:
        folder = pathlib.Path(tmp) / "out"
        lab.run(lab.ROOT / "examples" / "quickstart.ini", folder)
        return judge(folder)


def judge(folder):
    check_contract(folder)
    m, sums = check_integrity(folder)
    rows = check_outcomes(folder)
    check_flows(folder)
    check_bytes(folder, sums)
    print(f"  {m['counts']['packets']} packets, {len(rows)} activities, rung {m['tag']['rung']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
