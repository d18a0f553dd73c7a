#!/usr/bin/env python3
"""A timeline's changes are in force when the manifest says so: the network is pinged from within all the while."""
import pathlib
import re
import subprocess
import sys
import tempfile

import lab

TOPO = """[network]
name = timeline
seed = 5
scenario_path = {scenarios}

[switch s1]

[host h{{1..3}} far]
switch = s1

[at 0s]
link far s1 = delay=10ms

[at 2s]
link far s1 > = delay=60ms

[at 4s]
link h1 s1 = down
scenario probe = stop

[at 5s]
link h1 s1 = up
scenario probe = start

[at 6s]
host h3 = down
link far s1 = none

[at 100s]
link h2 s1 = loss=1%
host h1 = down

[scenario probe]
server  = far
clients = h{{1..3}}
every   = 500ms

[run]
duration = 8s
"""

SCENARIO = """[scenario]
title    = Pings
class    = benign
packages = python3 iputils-ping
programs = python3 ping

[server]
start = server.sh
ready = tcp/7000

[sub ping]
title = Ping a few times
run   = ping.sh
expect exit = 0
"""

SERVER = "#!/bin/sh\nexec python3 -m http.server 7000\n"
PING = "#!/bin/sh\nping -D -n -c4 -i0.1 -W1 \"$server\"\nexit 0\n"


def scenario(folder):
    at = pathlib.Path(folder) / "probe"
    at.mkdir()
    (at / "scenario.ini").write_text(SCENARIO)
    for name, text in (("server.sh", SERVER), ("ping.sh", PING)):
        (at / name).write_text(text)
        (at / name).chmod(0o755)


def answers(out, host):
    """(time of the answer, round trip in ms) of every answered request of a host."""
    found = []
    for log in sorted((pathlib.Path(out) / "logs" / host).glob("*-client.log")):
        for stamp, rtt in re.findall(r"\[([\d.]+)\] .* time=([\d.]+) ms", log.read_text()):
            found.append((float(stamp), float(rtt)))
    return sorted(found)


def between(found, start, end):
    """Round trips of requests that left after start and were answered before end."""
    return [rtt for stamp, rtt in found if stamp - rtt / 1000 >= start and stamp < end]


CHANGES = [  # planned at, its line in TOPO, the change
    (0, 12, "link far s1 = delay=10ms"),
    (2, 15, "link far s1 > = delay=60ms"),
    (4, 18, "link h1 s1 = down"),
    (4, 19, "scenario probe = stop"),
    (5, 22, "link h1 s1 = up"),
    (5, 23, "scenario probe = start"),
    (6, 26, "host h3 = down"),
    (6, 27, "link far s1 = none"),
]


LATE = [(100, 30, "link h2 s1 = loss=1%"), (100, 31, "host h1 = down")]


def check_manifest(manifest):
    changes = manifest["changes"]
    got = [(c["at"], c["line"], c["change"]) for c in changes]
    assert got == CHANGES + LATE, got
    # The run is over before them.
    assert all(c["ts"] is None and c["error"] is None for c in changes[len(CHANGES):]), changes
    changes = changes[:len(CHANGES)]
    assert all(c["error"] is None for c in changes), changes
    stamps = [c["ts"] for c in changes]
    assert stamps == sorted(stamps) and stamps[0] > manifest["start"], changes
    zero = stamps[0]
    late = max(c["ts"] - zero - c["at"] for c in changes)
    assert all(c["ts"] - zero >= c["at"] - 0.1 for c in changes), changes
    assert late < 1, f"a change came {late} s late"
    return {c["change"]: c["ts"] for c in changes}


def check_pings(out, at):
    h1, h2, h3 = (answers(out, h) for h in ("h1", "h2", "h3"))
    slower, off = at["link far s1 > = delay=60ms"], at["link h1 s1 = down"]
    on, none = at["link h1 s1 = up"], at["link far s1 = none"]
    for name, found in (("h1", h1), ("h2", h2), ("h3", h3)):
        first, second = between(found, at["link far s1 = delay=10ms"], slower), between(found, slower, off)
        assert len(first) >= 4 and len(second) >= 4, (name, first, second)
        assert min(first) >= 20 and min(second) >= 70, (name, first, second)
        # The first of them wait for ARP, too.
        assert sorted(first)[len(first) // 2] < 60, (name, first)
        assert sorted(second)[len(second) // 2] < 150, (name, second)
    assert not between(h1, off, on), "h1 was answered while its link was down"
    assert between(h1, on, float("inf")), "h1 was not answered after its link came up"
    assert not between(h3, none, float("inf")), "h3 was answered while it was down"
    last = between(h2, none, float("inf"))
    assert last and min(last) < 20, last


def check_activities(out, at):
    """While it is stopped the scenario begins nothing; before and after it does."""
    rows = lab.table(out / "activities.csv")
    starts = sorted(float(r["start"]) for r in rows)
    stop, start = at["scenario probe = stop"], at["scenario probe = start"]
    assert not [s for s in starts if stop + 0.05 < s < start - 0.05], starts
    assert [s for s in starts if s < stop] and [s for s in starts if s > start], starts


def check_failure(tmp):
    """A change that cannot be done is told at the end, with exit status 1, and all else is done."""
    trace = tmp / "gone.trace"
    trace.write_text("1\n2\n3\n")
    text = TOPO.format(scenarios=tmp).replace("link h1 s1 = down", f"link h1 s1 = trace={trace}")
    text = text.replace("link h1 s1 = up", "host h2 = down").replace("duration = 8s", "duration = 6s")
    (tmp / "fails.ini").write_text(text)
    # The file is there when the topology is read, and gone when the change comes.
    p = subprocess.Popen([lab.DETNET, "run", str(tmp / "fails.ini"), "-o", str(tmp / "fails")],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = ""
    while "running" not in said:
        chunk = p.stderr.read(1)
        assert chunk, said
        said += chunk
    trace.unlink()
    _, err = p.communicate(timeout=120)
    assert p.returncode == 1, (p.returncode, said + err)
    assert re.search(r"line 18: at 4s 'link h1 s1 = trace=\S+' failed: .*gone\.trace", said + err), said + err
    changes = lab.manifest(tmp / "fails")["changes"]
    assert [bool(c["error"]) for c in changes][:6] == [False, False, True, False, False, False], changes


def main():
    with tempfile.TemporaryDirectory(prefix="detnet-e2e-") as folder:
        tmp = pathlib.Path(folder)
        scenario(tmp)
        topo = tmp / "timeline.ini"
        topo.write_text(TOPO.format(scenarios=tmp))
        said = lab.run(topo, tmp / "out").stdout
        assert "\n  2 changes of [at] lie after the end of the run" in said, said
        at = check_manifest(lab.manifest(tmp / "out"))
        check_pings(tmp / "out", at)
        check_activities(tmp / "out", at)
        again = (tmp / "out" / "topology.ini").read_text()
        for line in ("[at 2s]", "link far s1 > = delay=60ms", "scenario probe = stop"):
            assert line in again.splitlines(), again
        r = subprocess.run([lab.DETNET, "check", str(tmp / "out" / "topology.ini")], capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        check_failure(tmp)
    return 0


if __name__ == "__main__":
    sys.exit(main())
