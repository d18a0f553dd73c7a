#!/usr/bin/env python3
"""What the README tells a reader to type, typed: its lab file, every command, and the output it shows. Needs root."""
import csv
import json
import os
import re
import subprocess

from program import DETNET, SOURCES, check, folder, run_tests, write

README = (SOURCES / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.M | re.S)
DIR = folder()
INI = [text for kind, text in BLOCKS if kind == "ini"]
CONSOLE = [text for kind, text in BLOCKS if kind == "console"]
# A reader is in the sources' folder; runs leave theirs elsewhere.
os.symlink(SOURCES / "capture", os.path.join(DIR.name, "capture"))
LAB = write(DIR.name, "lab.ini", "\n".join(INI))


def sh(command, **more):
    """Types a command of the README: sudo is who we are already, detnet the one under test."""
    command = re.sub(r"\bsudo ", "", command)
    env = dict(os.environ, PATH=f"{os.path.dirname(DETNET)}:{os.environ['PATH']}")
    return subprocess.run(["bash", "-c", command], cwd=DIR.name, env=env, capture_output=True, text=True,
                          timeout=200, **more)


def test_every_command_works():
    for block in CONSOLE:
        lines = block.splitlines()
        for at, line in enumerate(lines):
            if not line.startswith("$ "):
                continue
            typed = [x[8:] for x in lines[at + 1:] if x.startswith("detnet> ")]
            r = sh(line[2:], input="\n".join(typed) + "\n")
            check((r.returncode, line), (0, line), r.stdout + r.stderr)


def test_the_output_shown_is_what_comes():
    shown = [x for x in CONSOLE[0].splitlines() if not re.match(r"\$ |detnet> ", x)]
    r = sh("detnet lab.ini -c pingall")
    check(r.stdout.splitlines(), shown)


def test_the_dataset_is_as_described():
    r = sh("detnet run lab.ini -o out/again --duration 3s --json")
    check(r.returncode, 0, r.stderr)
    have = set(os.listdir(os.path.join(DIR.name, "out/again")))
    listed = {n.strip("/") for row in re.findall(r"^\| (`.*?) \|", README, re.M) for n in re.findall(r"`(.*?)`", row)}
    with open(os.path.join(DIR.name, "out/again/manifest.json"), encoding="utf-8") as f:
        shaped = "shaper" in json.load(f)["links_engine"]
    check(have, listed if shaped else listed - {"fates.csv"})
    with open(os.path.join(DIR.name, "out/again/flows.csv"), encoding="utf-8") as f:
        flows = list(csv.DictReader(f))
    assert flows and all(f["scenario"] == "ftp" and f["label"] == "benign" for f in flows), flows[:3]


assert os.geteuid() == 0, "building networks needs root"
run_tests(dict(globals()))
