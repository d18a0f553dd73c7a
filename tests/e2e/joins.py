#!/usr/bin/env python3
"""The joins of a dataset, packet by packet: detnet packets and detnet.lua against the files and tshark.

usage: joins.py [FOLDER]   (with FOLDER, judges a dataset that is there already)
"""
import collections
import csv
import io
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import lab

FRAME = ["frame.number", "frame.time_epoch", "frame.packet_id", "frame.interface_name",
         "frame.packet_flags_direction", "frame.len", "ip.src", "ip.dst", "frame.comment"]
DETNET = ["host", "pid", "process", "owner", "scenario", "sub", "activity", "confidence"]
KEPT = ["time", "uid", "owner", "activity", "evidence"]
LUA = lab.ROOT / "capture" / "wireshark" / "detnet.lua"
COMMENT = re.compile(r"host=(\S+) (?:(kernel)|pid=(\d+) comm=(.*)) owner=(\d+)(?: confidence=\w+)?"
                     r"(?: scenario=([^/ ]+)(?:/(\S+))?)?(?: activity=(\d+))? *$")


def packets(path, *args):
    r = subprocess.run([lab.DETNET, "packets", str(path), "--csv", *args], capture_output=True, text=True)
    assert (r.returncode, r.stderr) == (0, ""), r.stderr
    return list(csv.DictReader(io.StringIO(r.stdout)))


def tshark_rows(capture, fields, *more):
    """What tshark says with the post-dissector."""
    text = lab.tshark(capture, "-X", f"lua_script:{LUA}", *more, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=f",
                      *[a for f in fields for a in ("-e", f)])
    return [dict(zip(fields, line.split("\t"))) for line in text.splitlines()]


def captures(folder):
    """The files of the capture, in order."""
    return [folder / "capture.pcapng", *sorted(folder.glob("capture-*.pcapng"))]


def by(rows, key):
    index = {r[key]: r for r in rows}
    assert len(index) == len(rows), f"{key} is not unique"
    return index


def check_packets(rows, theirs):
    """Each row is the capture's packet of that number, as tshark reads it; numbers go on from file to file."""
    for number, t in enumerate(theirs, 1):
        t["frame.number"] = str(number)
    assert len(theirs) == len(rows), (len(theirs), len(rows))
    way = {"out": 2, "in": 1}
    for r, t in zip(rows, theirs):
        assert (r["number"], r["time"], r["packet"], r["iface"], r["len"]) == (
            t["frame.number"], t["frame.time_epoch"], t["frame.packet_id"], t["frame.interface_name"],
            t["frame.len"]), (r, t)
        assert way[r["dir"]] == int(t["frame.packet_flags_direction"], 0), (r, t)
        assert (r["src"], r["dst"]) == (t["ip.src"], t["ip.dst"]), (r, t)
        said = COMMENT.match(t["frame.comment"])
        assert said, f"not a comment of detnet's: {t['frame.comment']}"
        host, kernel, pid, comm, owner = said.groups()[:5]
        assert (r["host"], r["pid"], r["comm"], r["owner"]) == (host, pid or "", kernel or comm, owner), (r, said)


def check_flows(rows, flows):
    """Every IP packet is of a flow of the run, which counted as many of them as are in the capture."""
    counted = collections.Counter()
    for r in rows:
        assert (r["uid"] != "") == (r["src"] != ""), r
        if not r["uid"]:
            continue
        f = flows[r["uid"]]
        ends = {(f["id.orig_h"], f["id.orig_p"]), (f["id.resp_h"], f["id.resp_p"])}
        assert r["proto"] == "icmp" or {(r["src"], r["sport"]), (r["dst"], r["dport"])} == ends, (r, f)
        for key in ("community_id", "activity", "scenario", "sub", "class", "label"):
            assert r[key] == f[key], (key, r, f)
        if r["iface"] == f["vantage"]:
            counted[r["uid"], "orig" if r["src"] == f["id.orig_h"] else "resp"] += 1
    for uid, f in flows.items():
        for side in ("orig", "resp"):
            assert counted[uid, side] == int(f[f"{side}_pkts"]), (f, counted[uid, side])


def check_owners(rows, owners, activities):
    """A client's process is of one activity, and so are its packets; what a flow says goes for both ends."""
    of_clients = 0
    for r in rows:
        o = owners[r["owner"]]
        mine = (o["host"], "" if o["pid"] == "0" else o["pid"], o["comm"], o["exe"])
        assert mine == (r["host"], r["pid"], r["comm"], r["exe"]), (r, o)
        if o["activity"]:
            of_clients += 1
            assert r["activity"] == o["activity"], (r, o)
        if r["activity"]:
            a = activities[r["activity"]]
            for key in ("scenario", "sub", "class", "outcome", "evidence"):
                assert r[key] == a[key], (key, r, a)
        else:
            assert r["outcome"] == r["evidence"] == "", r
    assert of_clients > 100, of_clients
    return of_clients


def check_evidence(folder, activities):
    """The line is in a log of one of the activity's two hosts."""
    for a in activities.values():
        line = a["evidence"].split("\n")[0].rstrip()
        logs = [p for host in (a["client"], a["server"]) for p in (folder / "logs" / host).glob("*")]
        assert not line or any(line in p.read_text(errors="replace") for p in logs), a


def check_fates(folder, rows):
    """A delivered row of fates.csv is a packet of the capture: same id, link, flow, sender."""
    names = {r["iface"] for r in rows}
    at = collections.defaultdict(list)
    for r in rows:
        at[r["packet"], r["iface"], r["dir"], r["time"]].append(r)
    n = collections.Counter()
    for f in lab.table(folder / "fates.csv"):
        where = (f["from"], "out") if f["from"] in names else (f["to"], "in")
        n[f["verdict"]] += 1
        if f["verdict"] != "delivered":
            continue
        same = at[(f["packet"], *where, f["ts"])]
        assert len(same) >= 1, f"{f} is not in the capture"
        for r in same:
            for key in ("uid", "owner", "proto", "src", "dst", "len"):
                assert r[key] == f[key], (key, r, f)
    assert n["delivered"] > 1000 and n["lost"] > 5, n
    return n["delivered"]


def check_copies(rows):
    """All copies of one packet name one sender, and one flow."""
    first = {}
    for r in rows:
        who = (r["owner"], r["uid"])
        assert first.setdefault(r["packet"], who) == who, (r, first[r["packet"]])


def check_parts(folder, rows, tmp):
    """A part of the capture finds the same flows, as does a host's; a capture alone knows what its comments say."""
    capture = captures(folder)[0]
    iface = collections.Counter(r["iface"] for r in rows if r["uid"]).most_common(1)[0][0]
    part = tmp / "run" / "part.pcapng"
    part.parent.mkdir()
    for name in ("flows.csv", "owners.csv", "activities.csv", "manifest.json"):
        shutil.copy(folder / name, part.parent)
    # Behind its handshake, so that the assembly begins elsewhere than the run's.
    lab.tshark(capture, "-Y", f'frame.interface_name == "{iface}" && !(tcp.flags.syn == 1)', "-w", str(part))
    known = collections.Counter(tuple(r[k] for k in KEPT) for r in rows)
    host = max((folder / "hosts").iterdir(), key=lambda f: f.stat().st_size)
    for capture_of_some in (part, host):
        theirs = packets(capture_of_some, "--fields", ",".join(KEPT))
        assert len(theirs) > 1000, capture_of_some
        others = collections.Counter(tuple(r.values()) for r in theirs) - known
        assert not others, (capture_of_some, others.most_common(2))
    alone = tmp / "alone.pcapng"
    shutil.copy(capture, alone)
    said = ("number", "uid", "owner", "host", "pid", "comm", "activity", "scenario", "sub")
    for a, r in zip(packets(alone), rows):
        assert all(a[k] == r[k] or not a[k] for k in said), (a, r)
        assert (a["uid"], a["owner"], a["exe"], a["evidence"]) == (r["uid"], r["owner"], "", ""), (a, r)


def check_dissector(folder, rows, theirs):
    """detnet.lua in tshark: the same for each packet, and filters that find what the table finds."""
    keys = ["comm" if n == "process" else n for n in DETNET]
    names = [f"detnet.{n}" for n in DETNET]
    # A comment was completed as far as the run knew it then; what it says is never other than the table's.
    for t, r in zip(theirs, rows):
        for name, key in zip(names, keys):
            late = key in ("scenario", "sub", "activity") and t[name] == ""
            assert t[name] == r[key] or late, (name, t, r)
    said = sum(1 for t in theirs if t["detnet.activity"])
    assert said >= 0.95 * sum(1 for r in rows if r["activity"]), said
    first = rows[:len(packets(captures(folder)[0], "--fields", "number"))]
    comm = collections.Counter(r["comm"] for r in first if r["exe"]).most_common(1)[0][0]
    found = tshark_rows(captures(folder)[0], ["frame.number", "detnet.host", "detnet.owner"],
                        "-Y", f'detnet.process == "{comm}"')
    want = [(r["number"], r["host"], r["owner"]) for r in first if r["comm"] == comm]
    assert [tuple(f.values()) for f in found] == want and want, comm
    return comm, len(want)


def judge(folder, tmp):
    rows = packets(folder)
    flows = by(lab.table(folder / "flows.csv"), "uid")
    owners = by(lab.table(folder / "owners.csv"), "owner")
    activities = by(lab.table(folder / "activities.csv"), "id")
    assert len(rows) == lab.manifest(folder)["counts"]["packets"]
    assert len(captures(folder)) > 1
    theirs = [t for c in captures(folder) for t in tshark_rows(c, FRAME + [f"detnet.{n}" for n in DETNET])]
    check_packets(rows, theirs)
    check_flows(rows, flows)
    of_clients = check_owners(rows, owners, activities)
    check_evidence(folder, activities)
    check_copies(rows)
    delivered = check_fates(folder, rows)
    check_parts(folder, rows, tmp)
    comm, n = check_dissector(folder, rows, theirs)
    print(f"  {len(rows)} packets of {len(flows)} flows, {of_clients} sent by clients; {delivered} fates; "
          f"detnet.lua finds the {n} of {comm}")
    return 0


def main():
    with tempfile.TemporaryDirectory(prefix="detnet-joins-") as tmp:
        tmp = pathlib.Path(tmp)
        if len(sys.argv) > 1:
            return judge(pathlib.Path(sys.argv[1]), tmp)
        topo = (lab.ROOT / "examples" / "quickstart.ini").read_text()
        assert topo.count("duration = 20s") == topo.count("[link r1 s2]\n") == 1
        topo = topo.replace("duration = 20s", "duration = 3s")
        topo = topo.replace("[link r1 s2]\n", "[link r1 s2]\nengine = shaper\ndelay = 2ms\nloss = 1%\n")
        topo = topo.replace("[capture]\n", "[capture]\nrotate_size = 20MiB\nper_host = yes\n")
        (tmp / "lab.ini").write_text(topo)
        lab.run(tmp / "lab.ini", tmp / "out")
        return judge(tmp / "out", tmp)


if __name__ == "__main__":
    sys.exit(main())
