#!/usr/bin/env python3
"""What [capture] promises of files: rotated, of each host, filtered, classic, in several schemas; and on a full disk."""
import collections
import csv
import pathlib
import re
import subprocess
import sys
import tempfile

import lab

TOPO = """[network]
name = sink
seed = 3
scenario_path = {path}
{network}

[switch s1]
[router r1]
[host h1 h2]
switch = s1
[host srv]
[link r1 s1]
[link r1 srv]

[scenario bulk]
server  = srv
clients = h1 h2
every   = 700ms
count   = {count}

[capture]
{capture}
"""

SCENARIO = """[scenario]
title    = Files of random bytes
class    = benign
packages = python3
programs = python3

[server]
start = server.sh
ready = tcp/7000

[sub fetch]
title = Fetch a file
run   = fetch.sh
expect exit = 0
"""
SERVER = """#!/bin/sh
dd if=/dev/urandom of=file bs=1k count={kib} 2>/dev/null
exec python3 -m http.server 7000
"""
FETCH = """#!/bin/sh
exec python3 -c 'import sys, urllib.request
n = len(urllib.request.urlopen("http://" + sys.argv[1] + ":7000/file").read())
sys.exit(n != int(sys.argv[2]) << 10)' "$server" {kib}
"""


def experiment(folder, capture, kib=300, count=3, network="", check=True, duration="3s"):
    """Runs the scenario; what detnet said, and the output folder."""
    folder = pathlib.Path(folder)
    scenario = folder / "scenarios" / "bulk"
    scenario.mkdir(parents=True)
    for name, text in (("scenario.ini", SCENARIO), ("server.sh", SERVER), ("fetch.sh", FETCH)):
        (scenario / name).write_text(text.replace("{kib}", str(kib)))
        (scenario / name).chmod(0o755)
    topo = folder / "lab.ini"
    topo.write_text(TOPO.format(path=folder / "scenarios", capture=capture, network=network,
                                count=count))
    return lab.run(topo, folder / "out", "--duration", duration, check=check), folder / "out"


def records(path, *fields):
    """The fields of each packet, and nothing that tshark complains of."""
    text = lab.tshark(path, "-T", "fields", *[a for f in fields for a in ("-e", f)])
    return [tuple(line.split("\t")) for line in text.splitlines()]


def captures(folder, name, ending):
    """A capture's files in the order written."""
    return [folder / f"{name}.{ending}", *sorted(folder.glob(f"{name}-*.{ending}"))]


def listed(said):
    """The files that a run's summary names."""
    block = said.split("\nIn ", 1)[1].split("\n\n")[0]
    return {name.rstrip(",") for line in block.splitlines()[1:] for name in line.split()
            if re.search(r"\.(pcapng|pcap|csv|log|ini|json),?$|^\w+/$", name)}


KEY = ("frame.interface_name", "frame.packet_flags_direction", "frame.packet_id", "frame.time_epoch", "frame.len")


def statistics(path):
    """The sum over interfaces of each counter that capinfos, or else the file itself, tells."""
    data, at, found = pathlib.Path(path).read_bytes(), 0, collections.Counter()
    while at < len(data):
        kind, total = (int.from_bytes(data[at + k:at + k + 4], "little") for k in (0, 4))
        if kind == 5:
            o = at + 20
            while True:
                code, n = (int.from_bytes(data[o + k:o + k + 2], "little") for k in (0, 2))
                if code == 0:
                    break
                if code >= 4:
                    found[code] += int.from_bytes(data[o + 4:o + 4 + n], "little")
                o += 4 + (n + 3 & ~3)
        at += total
    return found


def check_rotated(tmp):
    r, out = experiment(tmp / "rotated", "rotate_size = 1MiB\nper_host = yes\nschemas = zeek cic netflow", kib=120)
    manifest = lab.manifest(out)
    files = captures(out, "capture", "pcapng")
    there = {p.name + "/" * p.is_dir() for p in out.iterdir()}
    assert listed(r.stdout) == there - {f.name for f in files[2:-1]}, (r.stdout, there)
    assert f"  detnet packets {out} --limit" in r.stdout, r.stdout
    assert f"  mergecap -w merged.pcapng {out}/capture*.pcapng\n" in r.stdout, r.stdout
    assert len(files) == manifest["capture_files"] >= 3, files
    packets = [r for f in files for r in records(f, *KEY, "frame.comment", "tcp.stream")]
    assert len(packets) == manifest["counts"]["packets"]
    assert all(r[5].startswith("host=") for r in packets)
    assert all("scenario=bulk/fetch activity=" in r[5] for r in packets if r[6]), "a comment was not completed"
    for f in files[:-1]:
        assert 1 << 20 <= f.stat().st_size < (1 << 20) + (1 << 18), f"{f.name}: {f.stat().st_size} bytes"
    last = statistics(files[-1])
    assert last[4] == last[6] == last[8] == len(packets) and last[5] == last[7] == 0, last
    # Each host's file has what the whole capture has of its interfaces, seen from the host.
    hosts = {n: [r for f in captures(out / "hosts", n, "pcapng") for r in records(f, *KEY)]
             for n in ("h1", "h2", "srv", "r1")}
    assert sorted({re.sub(r"(-\d{5})?\.pcapng", "", p.name) for p in (out / "hosts").iterdir()}) == sorted(hosts)
    for name in ("h1", "h2", "srv"):
        own = [r[2:5] for r in packets if r[0].startswith(name + ":") or name == "srv" and r[0] == "r1:r1-eth1"]
        assert sorted(r[2:] for r in hosts[name]) == sorted(own), name
    cable = [r[:5] for r in packets if r[0] == "r1:r1-eth1"]
    srv = collections.Counter((r[1], *r[2:]) for r in hosts["srv"])
    turned = {"0x00000001": "0x00000002", "0x00000002": "0x00000001"}
    assert srv == collections.Counter((turned[r[1]], *r[2:]) for r in cable), "directions at srv"
    flows = {r["uid"] for r in lab.table(out / "flows.csv")}
    with open(out / "conn.log") as f:
        zeek = [r for r in csv.reader(f, delimiter="\t") if not r[0].startswith("#")]
    assert {r[1] for r in zeek} == flows and len(flows) > 3
    for name in ("flows-cic.csv", "flows-netflow.csv"):
        assert len(lab.table(out / name)) == len(flows), name
    return out


def check_filtered(tmp):
    r, out = experiment(tmp / "filtered", "filter = tcp and host h1\nrotate_time = 1s\nformat = pcap")
    manifest = lab.manifest(out)
    files = captures(out, "capture", "pcap")
    assert 2 <= len(files) == manifest["capture_files"] <= 8, files
    packets = [r for f in files for r in records(f, "ip.src", "ip.dst", "tcp.port")]
    flows = lab.table(out / "flows.csv")
    h1 = next(f["id.orig_h"] for f in flows if f["orig_host"] == "h1" and f["proto"] == "tcp")
    assert packets and all(h1 in r[:2] and r[2] for r in packets), "the filter let others pass"
    counts = manifest["counts"]
    assert len(packets) == counts["packets"] and counts["filtered"] > len(packets) / 2
    said = (f"{counts['packets']:,} of {counts['packets'] + counts['filtered']:,} packets written, the filter left out "
            f"{counts['filtered']:,}, 0 dropped")
    assert said in r.stdout and "every packet that passed the filter, once per link" in r.stdout, r.stdout
    assert {f["orig_host"] for f in flows if f["proto"] == "tcp"} == {"h1", "h2"}, "flows were filtered, too"
    magic = files[0].read_bytes()[:4]
    assert magic == bytes.fromhex("4d3cb2a1"), "no nanoseconds"
    text = (out / "topology.ini").read_text()
    assert "filter = tcp and host h1\nformat = pcap\nrotate_time = 1s" in text, text


def check_offload(tmp):
    _, out = experiment(tmp / "offload", "", network="offload = on")
    longest = max(int(r[0]) for r in records(out / "capture.pcapng", "frame.len"))
    assert longest > 3000, f"offload = on, and no frame is longer than {longest} bytes"
    assert "offload = on" in (out / "topology.ini").read_text()
    assert lab.manifest(out)["counts"]["unlabelled"] == 0


def check_full(tmp):
    """On a disk of 12 MB the capture of 80 x 20 MB ends, and the rest of the run in order."""
    before = lab.state()
    small = tmp / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "detnet-test", str(small)], check=True)
    try:
        folder = small / "run"
        r, out = experiment(folder, "", kib=20000, count=40, check=False, duration="60s")
        assert r.returncode == 4, (r.returncode, r.stdout, r.stderr)
        assert "the capture could not be written whole: No space left on device" in r.stderr, r.stderr
        packets = records(out / "capture.pcapng", "frame.comment")
        manifest = lab.manifest(out)
        assert manifest["capture_error"] == "No space left on device" and manifest["stopped_early"], manifest
        counts = manifest["counts"]
        assert counts["unwritten"] > 0
        first = re.match(r"\s*(.*)", r.stdout)[1]
        assert first == ("The capture could not be written whole: No space left on device. "
                         f"{counts['unwritten']:,} packets were not written, and {counts['activities_skipped']} of 80 "
                         "activities never began because of it."), first
        assert 5000 < len(packets) <= manifest["counts"]["packets"]
        assert all(r[0] for r in packets)
        flows = lab.table(out / "flows.csv")
        assert flows and all(None not in f.values() for f in flows)
        ends = [a["outcome"] for a in lab.table(out / "activities.csv")]
        assert len(ends) == 80 and all(ends) and "skipped:stopped" in ends, ends
        assert lab.table(out / "owners.csv")
    finally:
        subprocess.run(["umount", str(small)], check=True)
    left = lab.wait_gone(before)
    assert not left, left


def main():
    with tempfile.TemporaryDirectory(prefix="detnet-sink-") as tmp:
        tmp = pathlib.Path(tmp)
        for check in (check_rotated, check_filtered, check_offload, check_full):
            if len(sys.argv) < 2 or sys.argv[1] in check.__name__:
                check(tmp)
    return 0


if __name__ == "__main__":
    sys.exit(main())
