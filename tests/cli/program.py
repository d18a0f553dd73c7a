"""What the tests of the command line share: the program under test, and a lab to try it on."""
import pathlib
import re
import subprocess
import sys
import tempfile

DETNET = str(pathlib.Path(sys.argv[1]).resolve())
SOURCES = pathlib.Path(sys.argv[2]).resolve()
MAN = pathlib.Path(sys.argv[3]).resolve()

LAB = """[network]
name = lab

[switch s1]

[switch s2]

[router r1]

[host h{1..2}]
switch = s1

[host h3]
switch = s2

[link r1 s1]

[link r1 s2]
"""


def detnet(*args, stdin="", cwd=None):
    """Runs the program; its status, standard output and standard error."""
    r = subprocess.run([DETNET, *args], input=stdin, capture_output=True, text=True, cwd=cwd, timeout=120)
    return r.returncode, r.stdout, r.stderr


def folder():
    return tempfile.TemporaryDirectory(prefix="detnet-cli-")


def write(where, name, text):
    path = pathlib.Path(where) / name
    path.write_text(text)
    return str(path)


def check(got, want, what=""):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def matches(pattern, text):
    assert re.search(pattern, text, re.M), f"no line like {pattern!r} in:\n{text}"


def run_tests(tests):
    """Runs every test_ function of a module, names each, and ends with 1 if one failed."""
    failed = 0
    for name, test in sorted(tests.items()):
        if not name.startswith("test_") or not callable(test):
            continue
        try:
            test()
            print(f"ok   {name}", flush=True)
        except AssertionError as e:
            failed += 1
            print(f"FAIL {name}: {e}", flush=True)
    sys.exit(1 if failed else 0)
