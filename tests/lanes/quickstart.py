#!/usr/bin/env python3
"""The end-to-end run again, over links that the kernel's netem and tbf shape.

usage: quickstart.py DETNET   (in a kernel with sch_netem: see uml)
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import pathlib
import sys
import tempfile

os.environ["DETNET"] = sys.argv[1]
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import lab  # noqa: E402
import quickstart  # noqa: E402

SHAPE = "rate = 50mbit\ndelay = 4ms 1ms normal\nloss = 0.1%\n"


def shaped(text):
    """The same network, where every link that is written out is shaped by netem."""
    lines = []
    for line in text.splitlines():
        lines.append(line)
        if line.startswith("[link "):
            lines += ["engine = netem"] + SHAPE.splitlines()
    return "\n".join(lines) + "\n"


def slower(text):
    """One processor without a compiler for its filters does all the work there."""
    for busy, calm in (("h{1..3}", "h1"), ("h{2..6}", "h2"), ("h{5..7}", "h5"), ("(1s)", "(3s)"), ("(2s)", "(3s)"),
                       ("duration = 20s", "duration = 10s"), ("[capture]", "[capture]\nring = 256MiB")):
        assert busy in text, busy
        text = text.replace(busy, calm)
    return text


def engines(folder):
    return [link["engine"] for link in lab.manifest(folder)["links"]]


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        topo = tmp / "quickstart.ini"
        topo.write_text(shaped(slower((lab.ROOT / "examples" / "quickstart.ini").read_text())))
        lab.run(topo, tmp / "out")
        assert engines(tmp / "out").count("netem") == 2, engines(tmp / "out")
        return quickstart.judge(tmp / "out")


sys.exit(main())
