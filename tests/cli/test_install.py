#!/usr/bin/env python3
"""What 'cmake --install' puts in place works from there, and needs the sources no more."""
import pathlib
import re
import shutil
import subprocess

from program import DETNET, LAB, SOURCES, check, folder, matches, run_tests, write

DIR = folder()
PREFIX = pathlib.Path(DIR.name) / "usr"
PROGRAM = PREFIX / "bin" / "detnet"


def installed(*args):
    r = subprocess.run([PROGRAM, *args], capture_output=True, text=True, cwd=DIR.name, timeout=60)
    return r.returncode, r.stdout, r.stderr


def ours():
    return {p.parent.name for p in (SOURCES / "scenarios").glob("*/scenario.ini")}


def listed():
    status, out, err = installed("scenarios")
    check((status, err), (0, ""))
    return {name for name in ours() if any(line.split()[:1] == [name] for line in out.splitlines())}


def test_scenarios_are_those_of_the_prefix():
    check(listed(), ours())
    share = PREFIX / "share" / "detnet" / "scenarios"
    check({p.name for p in share.iterdir()}, ours())
    gone = min(ours())
    shutil.rmtree(share / gone)
    check(listed(), ours() - {gone})


def test_program_and_man_pages():
    check(installed("check", write(DIR.name, "lab.ini", LAB))[0], 0)
    for page in ("man1/detnet.1", "man5/detnet-topology.5", "man7/detnet-scenario.7"):
        matches(r"^\.TH ", (PREFIX / "share" / "man" / page).read_text())


def test_wireshark_has_its_plugin_and_profile():
    share = PREFIX / "share" / "detnet" / "wireshark"
    r = subprocess.run(["tshark", "-G", "fields", "-X", f"lua_script:{share / 'detnet.lua'}"], capture_output=True,
                       text=True, timeout=60)
    check(r.returncode, 0, r.stderr)
    have = {line.split("\t")[2] for line in r.stdout.splitlines() if line.startswith("F\t")}
    used = set(re.findall(r"detnet\.\w+", (share / "profile" / "detnet" / "preferences").read_text()))
    assert "detnet.host" in used and used - {"detnet.lua"} <= have, used - have


build = pathlib.Path(DETNET).parent
done = subprocess.run(["cmake", "--install", str(build), "--prefix", str(PREFIX)], capture_output=True, text=True)
assert done.returncode == 0, done.stderr
run_tests(dict(globals()))
