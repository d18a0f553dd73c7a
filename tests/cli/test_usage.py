#!/usr/bin/env python3
"""The command line without a network: exit codes, error lines, help, man pages, JSON."""
import json
import os
import re
import shutil
import subprocess
import xml.dom.minidom

from program import DETNET, LAB, MAN, check, detnet, folder, matches, run_tests, write

COMMANDS = ["run", "check", "graph", "scenarios", "flows", "packets", "doctor", "clean", "help"]


def test_bad_usage_ends_with_2():
    for args, line in [
        ([], r"^Usage:"),
        (["runn", "x.ini"], r"^detnet: unknown command 'runn'; did you mean 'run'\?$"),
        (["zzzzzz"], r"^detnet: 'zzzzzz' is neither a command nor a file"),
        (["run"], r"^detnet: usage: detnet run TOPO.ini"),
        (["check", "a", "b"], r"^detnet: 'b' is one argument too many$"),
        (["check", "--jsn", "a"], r"^detnet: unknown option '--jsn'; did you mean '--json'\?$"),
        (["check", "-Z", "a"], r"^detnet: unknown option '-Z'; see: detnet check --help$"),
        (["run", "x.ini", "--duration"], r"^detnet: option '--duration' needs a value$"),
        (["run", "x.ini", "-o"], r"^detnet: option '-o' needs a value$"),
        (["run", "x.ini", "--seed", "-3"], r"^detnet: --seed -3: "),
        (["run", "x.ini", "--duration", "5 parsecs"], r"^detnet: --duration 5 parsecs: "),
        (["run", "x.ini", "--duration", "8761h"], r"^detnet: --duration 8761h: at most a year"),
        (["run", "x.ini", "--seed", "1", "--seed", "2"], r"^detnet: --seed is given twice$"),
        (["--topo", "tree,2,3"], r"^detnet: --topo is not supported by this version"),
        (["--test=pingall"], r"^detnet: --test is not supported by this version"),
        (["help", "grph"], r"did you mean 'graph'\?$"),
        (["graph", "x.ini", "x.svg"], r"needs --svg"),
    ]:
        status, out, err = detnet(*args)
        check(status, 2, args)
        check(out, "", args)
        matches(line, err)


def test_missing_file_ends_with_2():
    for args in (["check", "/nowhere.ini"], ["/nowhere.ini"], ["graph", "/nowhere.ini"]):
        status, _, err = detnet(*args)
        check(status, 2, args)
        matches(r"^detnet: /nowhere.ini: ", err)


def test_bad_file_is_named_with_its_line():
    with folder() as d:
        bad = write(d, "bad.ini", "[network]\nname = lab\n\n[hst h1]\n")
        status, out, err = detnet("check", bad)
        check((status, out), (2, ""))
        matches(rf"^detnet: {re.escape(bad)}:4: .*host", err)
        status, out, _ = detnet("check", "--json", bad)
        check(status, 2)
        result = json.loads(out)
        check(result["ok"], False)
        check(result["errors"][0]["line"], 4)
        check(result["errors"][0]["file"], bad)


def test_check():
    with folder() as d:
        good = write(d, "good.ini", LAB)
        check(detnet("check", good), (0, f"{good}: good: network 'lab': 3 hosts, 2 switches, "
                                         "1 routers, 5 links\n", ""))
        result = json.loads(detnet("check", good, "--json", "--seed", "9")[1])
        check((result["ok"], result["seed"], result["hosts"]), (True, 9, 3))


def test_graph():
    with folder() as d:
        good = write(d, "good.ini", LAB)
        status, text, _ = detnet("graph", good)
        check(status, 0)
        for name in ("h1", "h2", "h3", "s1", "s2", "r1"):
            assert name in text, text
        graph = json.loads(detnet("graph", good, "--json")[1])
        check((len(graph["nodes"]), len(graph["links"])), (6, 5))
        svg = detnet("graph", good, "--svg")[1]
        check(xml.dom.minidom.parseString(svg).documentElement.tagName, "svg")
        check(detnet("graph", good, "--svg", f"{d}/x.svg"), (0, "", ""))
        with open(f"{d}/x.svg") as f:
            check(f.read(), svg)
        status, _, err = detnet("graph", good, "--svg", f"{d}/no/x.svg")
        check(status, 1)
        matches(r"No such file", err)


def test_scenarios():
    names = [s["name"] for s in json.loads(detnet("scenarios", "--json")[1])]
    for name in ("ftp", "web", "ssh", "ssh-bruteforce"):
        assert name in names, names
        status, text, err = detnet("scenarios", name)
        check((status, err), (0, ""))
        one = json.loads(detnet("scenarios", name, "--json")[1])
        check(one["name"], name)
        assert one["subs"] and all(s["expects"] for s in one["subs"]), one
        for sub in one["subs"]:
            matches(rf"^{re.escape(sub['name'])}: ", text)
    status, _, err = detnet("scenarios", "fttp")
    check(status, 2)
    matches(r"^detnet: .*ftp", err)


def test_doctor():
    status, out, _ = detnet("doctor", "--json")
    found = {f["name"]: f for f in json.loads(out)}
    for f in found.values():
        assert (f["state"] == "yes") == (f["without"] is None), f
        assert f["without"] is None or f["remedy"], f
    check(status, 3 if any(f["needed"] and f["state"] == "no" for f in found.values()) else 0)
    text = detnet("doctor")[1]
    for name in found:
        matches(rf"^(yes|partly|no) +{re.escape(name)} ", text)


def test_who_lacks_root_is_told_what_for():
    nobody = {"user": 65534} if os.geteuid() == 0 else {}
    with folder() as d:
        os.chmod(d, 0o755)
        program, lab = shutil.copy(DETNET, d), write(d, "lab.ini", LAB)
        for args, what in ((["clean"], "sweeping what killed runs left"), (["run", lab], "building a network"),
                           ([lab, "-c", "net"], "building a network")):
            r = subprocess.run([program, *args], capture_output=True, text=True, timeout=60, **nobody)
            line = " ".join([program, *args])
            check((r.returncode, r.stdout, r.stderr), (3, "", f"detnet: {what} needs root; run: sudo {line}\n"))


def options_of(command):
    status, text, _ = detnet(command, "--help") if command else detnet("x.ini", "--help")
    check(status, 0, command)
    found = re.findall(r"^  (?:-(\w), |    )--([a-z-]+)(?: ([A-Z]+))?", text, re.M)
    assert found, text
    return found


def test_every_option_is_in_the_man_page():
    page = (MAN / "detnet.1").read_text().replace("\\-", "-")
    for command in ["", *COMMANDS]:
        start = page.index(".SS \\fBdetnet " + command) if command else page.index(".SS \\fBdetnet\\fR")
        end = page.find("\n.SS ", start + 1)
        section = page[start:end] + page[page.index(".SH OPTIONS OF EVERY COMMAND"):]
        for letter, name, arg in options_of(command):
            line = (f"\\fB-{letter}\\fR, " if letter else "") + f"\\fB--{name}\\fR"
            line += f" \\fI{arg}\\fR" if arg else ""
            assert f".TP\n{line}\n" in section, f"{line!r} is not in detnet.1 under {command!r}"


def test_help_is_the_commands_help():
    for command in COMMANDS:
        check(detnet("help", command), detnet(command, "--help"))
        usage = detnet("--help")[1]
        matches(rf"^  detnet {command} ", usage)


def test_man_pages_are_well_formed():
    for name in ("detnet.1", "detnet-topology.5", "detnet-scenario.7"):
        r = subprocess.run(["lexgrog", str(MAN / name)], capture_output=True, text=True)
        check(r.returncode, 0, r.stdout + r.stderr)
        matches(rf'"{name.rsplit(".", 1)[0]} - ', r.stdout)
        r = subprocess.run(["man", "--warnings=char,escape,mac,missing,syntax", "-E", "UTF-8", "-l", "-Tutf8", str(MAN / name)],
                           capture_output=True, text=True, env={"MANROFFSEQ": "t", "PATH": "/usr/bin:/bin"})
        # a long word in a narrow column of a table is no fault of the page
        bad = [line for line in r.stderr.splitlines() if "cannot adjust line" not in line]
        check((r.returncode, bad), (0, []), name)


def test_version():
    matches(r"^detnet \d+\.\d+\.\d+$", detnet("--version")[1])


run_tests(dict(globals()))
