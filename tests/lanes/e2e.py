#!/usr/bin/env python3
"""The end-to-end runs again, over links that the kernel's netem and tbf shape.

usage: e2e.py DETNET ORACLE   (in a kernel with sch_netem: see uml)
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import pathlib
import sys
import tempfile

detnet, oracle_program = sys.argv[1:3]
os.environ["DETNET"] = detnet
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import lab  # noqa: E402
import oracle  # noqa: E402
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


def engines(folder):
    return [link["engine"] for link in lab.manifest(folder)["links"]]


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        topo = tmp / "quickstart.ini"
        topo.write_text(shaped((lab.ROOT / "examples" / "quickstart.ini").read_text()))
        lab.run(topo, tmp / "out")
        assert engines(tmp / "out").count("netem") == 2, engines(tmp / "out")
        quickstart.judge(tmp / "out")
    # Senders are known through netem as without: of the packets of every host.
    hosts = ("h1", "h2", "server")
    text = oracle.TOPO
    for host in hosts:
        text = text.replace(f"[host {host}]\nswitch = s1\n", f"[host {host}]\n[link {host} s1]\n")
    assert text.count("[link") == len(hosts), text
    oracle.TOPO = shaped(text).replace("loss = 0.1%\n", "")  # datagrams are counted
    sys.argv = ["oracle.py", detnet, oracle_program, "cgroup"]
    return oracle.main()


sys.exit(main())
