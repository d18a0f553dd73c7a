#!/usr/bin/env python3
"""Every way in which an activity, a server, a setup or the machine may fail, and what the engine says."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import lab

HERE = pathlib.Path(__file__).resolve().parent
TOPO = """[network]
name = outcomes
seed = 5
scenario_path = {path}
[switch s1]
[host h1]
switch = s1
[host h2]
switch = s1
[host server]
switch = s1
[scenario outcomes]
server = server
clients = h1 h2
every = 50ms
count = {count}
"""


class Case:
    """A copy of the scenario in a folder of its own, changed or not, and its topology."""

    def __init__(self, tmp, name, count=1):
        self.folder = pathlib.Path(tmp) / name
        self.scenario = self.folder / "scenarios" / "outcomes"
        shutil.copytree(HERE / "outcomes", self.scenario)
        self.topo = self.folder / "lab.ini"
        self.topo.write_text(TOPO.format(path=self.folder / "scenarios", count=count))
        self.out = self.folder / "out"

    def change(self, name, old, new):
        text = (self.scenario / name).read_text()
        assert old in text
        (self.scenario / name).write_text(text.replace(old, new))

    def run(self, *args):
        return lab.run(self.topo, self.out, *args, check=False)

    def must_fail(self, code, *words):
        r = self.run()
        assert r.returncode == code, (r.returncode, r.stderr)
        for w in words:
            assert w in r.stderr, f"'{w}' is not in:\n{r.stderr}"


def titles():
    subs, sub = {}, None
    for line in (HERE / "outcomes" / "scenario.ini").read_text().splitlines():
        if line.startswith("[sub "):
            sub = line[5:-1]
        elif line.startswith("title") and sub:
            subs[sub] = line.split("=", 1)[1].strip()
    return subs


def every_outcome(tmp):
    want = titles()
    case = Case(tmp, "all", count=2 * len(want))
    r = case.run()
    assert r.returncode == 0, r.stderr
    rows = lab.table(case.out / "activities.csv")
    assert len(rows) == 4 * len(want), len(rows)
    for row in rows:
        assert row["outcome"] == want[row["sub"]], row
        assert float(row["end"]) >= float(row["start"]) > 0, row
    proof = {row["sub"]: row["evidence"] for row in rows}
    assert proof["late"].startswith("closed ") and proof["refused"] == "exit 7", proof
    counts = lab.manifest(case.out)["counts"]
    ok = sum(row["outcome"] == "ok" for row in rows)
    assert (counts["activities_ok"], counts["activities_failed"]) == (ok, len(rows) - ok), counts
    failed = next(row for row in rows if row["sub"] == "before")
    log = case.out / "logs" / "server" / f"{failed['id']}-before.log"
    assert log.read_text() == "this is why\n"
    print(f"  {len(rows)} activities, each with the outcome it must have")


def server_dies(tmp):
    case = Case(tmp, "dies")
    case.change("server.sh", "exec", "echo no such luck >&2; exit 4; exec")
    case.must_fail(1, "the server of scenario outcomes on server ended (exit 4) before it was ready",
                   "no such luck")


def server_dies_later(tmp):
    case = Case(tmp, "later", count=20)
    case.change("server.py", 'say(f"got {word}")', "import os; os._exit(6)")
    case.run()
    rows = lab.table(case.out / "activities.csv")
    outcomes = {row["outcome"] for row in rows if row["sub"] in ("good", "late", "no-server")}
    assert outcomes == {"failed:server ended (exit 6)"}, outcomes


def setup_fails(tmp):
    case = Case(tmp, "setup")
    case.change("setup.sh", "echo \"$user\"", "echo no room for $client_name; exit 2; echo")
    case.must_fail(1, "setup of scenario outcomes on server failed (exit 2)", "no room for h")


def program_is_missing(tmp):
    case = Case(tmp, "missing")
    case.change("scenario.ini", "programs = python3", "programs = no-such-program")
    case.must_fail(3, "no-such-program", "apt-get install python3")
    assert not case.out.exists(), "the folder was made"


def folder_of_another(tmp):
    case = Case(tmp, "other")
    case.out.mkdir()
    (case.out / "thesis.tex").write_text("do not lose this")
    case.must_fail(2, "thesis.tex", "-o")
    assert (case.out / "thesis.tex").read_text() == "do not lose this"


def folder_that_others_can_write(tmp):
    case = Case(tmp, "open")
    case.out.mkdir()
    case.out.chmod(0o777)
    case.must_fail(2, "others may write", "chmod go-w")
    assert not any(case.out.iterdir())
    case = Case(tmp, "link")
    (case.folder / "elsewhere").mkdir()
    case.out.symlink_to("elsewhere")
    case.must_fail(2, "symbolic link", "-o")
    assert not any((case.folder / "elsewhere").iterdir())


def reader_leaves(tmp):
    """As in 'detnet run ... | head -1': what is printed is lost, the dataset is not."""
    case = Case(tmp, "pipe")
    p = subprocess.Popen([lab.DETNET, "run", str(case.topo), "-o", str(case.out)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.close()
    p.stderr.close()
    assert p.wait() == 0, p.returncode
    tag = lab.manifest(case.out)["tag"]
    assert (tag["events_lost"], tag["owners_lost"]) == (0, 0), tag
    for name in ("capture.pcapng", "flows.csv", "manifest.json"):
        assert (case.out / name).stat().st_mode & 0o777 == 0o644, name


def again_in_the_same_folder(tmp):
    case = Case(tmp, "again")
    assert case.run().returncode == 0
    first = (case.out / "topology.ini").read_text()
    assert case.run().returncode == 0
    assert (case.out / "topology.ini").read_text() == first
    plan = lab.table(case.out / "activities.csv")
    # the resolved file makes the same plan again
    topo = case.folder / "resolved.ini"
    shutil.copy(case.out / "topology.ini", topo)
    assert lab.run(topo, case.folder / "replay", check=False).returncode == 0
    again = lab.table(case.folder / "replay" / "activities.csv")
    for a, b in zip(plan, again, strict=True):
        assert all(a[k] == b[k] for k in ("id", "sub", "client", "inputs", "outcome")), (a, b)


def main():
    tests = [every_outcome, server_dies, server_dies_later, setup_fails, program_is_missing,
             folder_of_another, folder_that_others_can_write, reader_leaves,
             again_in_the_same_folder]
    with tempfile.TemporaryDirectory(prefix="detnet-outcomes-") as tmp:
        for test in tests:
            print(test.__name__)
            test(tmp)
    return 0


if __name__ == "__main__":
    sys.exit(main())
