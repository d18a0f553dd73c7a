#!/usr/bin/env python3
"""The main job without BPF: senders are inferred, servers are seen to be ready, and labels are the same.

usage: inferred.py

A run on the rung none must be as whole as any other. Then each flow is held against its activity:
who opened it or answered it must be a program of that very activity, though several run on a host at once.
"""
import collections
import pathlib
import re
import sys
import tempfile

import lab
import quickstart

DURATION = "6s"


def topology():
    text = (lab.ROOT / "examples" / "quickstart.ini").read_text()
    assert text.count("[capture]") == 1, text
    return text.replace("[capture]", "[capture]\nrung = none")


def check_flows(folder):
    owners = {r["owner"]: r for r in lab.table(folder / "owners.csv")}
    activities = {r["id"]: r for r in lab.table(folder / "activities.csv")}
    flows = collections.Counter()
    for f in lab.table(folder / "flows.csv"):
        activity = activities[f["activity"]]
        client = "orig" if f["orig_host"] == activity["client"] else "resp"
        assert f[f"{client}_host"] == activity["client"], f
        assert owners[f[f"{client}_owner"]]["activity"] == activity["id"], f
        server = owners[f["resp_owner" if client == "orig" else "orig_owner"]]
        assert server["host"] == activity["server"] and server["comm"] != "kernel", f
        flows[activity["id"]] += 1
    silent = [a for a in activities if not flows[a]]
    assert not silent, f"activities without flows: {silent}"
    return sum(flows.values()), at_once(activities.values())


def at_once(activities):
    """The most activities of one client that ran at the same time."""
    most = 0
    for a in activities:
        same = [b for b in activities if b["client"] == a["client"]
                and float(b["start"]) <= float(a["start"]) < float(b["end"])]
        most = max(most, len(same))
    return most


def count_inferred(folder):
    """Comments that say so; no payload of these programs does."""
    return len(re.findall(rb"host=[\w-]+ (?:kernel|pid=\d+ comm=[^=]*) owner=\d+ confidence=inferred",
                          (folder / "capture.pcapng").read_bytes()))


def check_processes(folder):
    """Not only sh, which detnet started, but what ran in it: from execs that the kernel told of."""
    if not connector():
        print("  no process connector: owners.csv has the programs only")
        return
    comms = {r["comm"] for r in lab.table(folder / "owners.csv")}
    assert {"lftp", "curl", "sshd"} <= comms, comms


def connector():
    """Has this kernel the process connector (CONFIG_PROC_EVENTS)?"""
    table = pathlib.Path("/proc/net/connector")
    return table.exists() and "cn_proc" in table.read_text()


def main():
    with tempfile.TemporaryDirectory(prefix="detnet-e2e-") as tmp:
        folder = pathlib.Path(tmp) / "out"
        topo = pathlib.Path(tmp) / "none.ini"
        topo.write_text(topology())
        lab.run(topo, folder, "--duration", DURATION)
        quickstart.check_contract(folder)
        m, _ = quickstart.check_integrity(folder)
        quickstart.check_outcomes(folder)
        assert m["tag"]["rung"] == "none", m["tag"]
        counts = m["counts"]
        assert counts["inferred"] == counts["packets"] and counts["kernel"] < counts["packets"] / 50, counts
        lost = {k: counts[f"inferred_{k}"] for k in ("notices_lost", "unheard", "evicted")}
        assert not any(lost.values()), lost
        assert count_inferred(folder) == counts["packets"]
        flows, most = check_flows(folder)
        check_processes(folder)
        print(f"  {flows} flows are of the activity that their programs are of; up to {most} at once on a host")
    return 0


if __name__ == "__main__":
    sys.exit(main())
