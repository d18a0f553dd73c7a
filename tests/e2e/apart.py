#!/usr/bin/env python3
"""Two networks from one file run at once, stay apart, and the machine does not notice."""
import pathlib
import subprocess
import sys
import tempfile

import lab


def start(tmp, name):
    return subprocess.Popen([lab.DETNET, "run", str(lab.ROOT / "examples" / "quickstart.ini"),
                             "-o", str(pathlib.Path(tmp) / name), "--duration", "6s"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for_packets(folder, proc):
    """Both captures exist and grow: the runs are under way at the same time."""
    while proc.poll() is None:
        capture = folder / "capture.pcapng"
        if capture.exists() and any((folder / "logs").glob("*/*")):
            return
        try:
            proc.wait(0.02)
        except subprocess.TimeoutExpired:
            pass
    raise AssertionError(proc.stdout.read())


def main():
    before, traces = lab.machine(), lab.state()
    with tempfile.TemporaryDirectory(prefix="detnet-e2e-") as tmp:
        runs = {name: start(tmp, name) for name in ("a", "b")}
        for name, proc in runs.items():
            wait_for_packets(pathlib.Path(tmp) / name, proc)
        lab.assert_same(before, lab.machine(), "during the runs")
        for name, proc in runs.items():
            text = proc.communicate()[0]
            assert proc.returncode == 0, text
        results = {name: lab.table(pathlib.Path(tmp) / name / "activities.csv") for name in runs}
        for name in runs:
            counts = lab.manifest(pathlib.Path(tmp) / name)["counts"]
            assert counts["drops"] == 0 and counts["unlabelled"] == 0, counts
            assert all(r["outcome"] == "ok" for r in results[name]), results[name]
        plan = {name: [(r["id"], r["sub"], r["inputs"]) for r in rows] for name, rows in results.items()}
        assert plan["a"] == plan["b"]
    lab.assert_same(before, lab.machine(), "by the runs")
    left = lab.wait_gone(traces)
    assert not left, f"left behind: {left}"
    print(f"  two runs of {len(plan['a'])} activities at once, the machine unchanged")
    return 0


if __name__ == "__main__":
    sys.exit(main())
