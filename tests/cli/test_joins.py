#!/usr/bin/env python3
"""What docs/joins.md tells a reader to type, typed on the README's lab; and detnet packets' usage. Needs root."""
import csv
import io
import json
import os
import re
import shutil
import struct
import subprocess

from program import DETNET, SOURCES, check, detnet, folder, matches, run_tests, write

TEXT = (SOURCES / "docs" / "joins.md").read_text()
README = (SOURCES / "README.md").read_text()
DIR = folder()
LAB = write(DIR.name, "lab.ini", "\n".join(re.findall(r"^```ini\n(.*?)^```$", README, re.M | re.S)))
OUT = os.path.join(DIR.name, "out", "lab")
RUN = detnet("run", LAB, "-o", OUT, "--duration", "5s", "--json", cwd=DIR.name)
shutil.copytree(SOURCES / "capture" / "wireshark", DIR.name, dirs_exist_ok=True)


def commands():
    """Each command after a "$ ", with the lines of its here-document."""
    for block in re.findall(r"^```console\n(.*?)^```$", TEXT, re.M | re.S):
        yield from re.split(r"^\$ ", block, flags=re.M)[1:]


def section(title):
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def sh(command):
    env = dict(os.environ, PATH=f"{os.path.dirname(DETNET)}:{os.environ['PATH']}", HOME=DIR.name)
    env.pop("XDG_CONFIG_HOME", None)
    return subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=DIR.name, env=env, capture_output=True,
                          text=True, timeout=120)


def table(name):
    with open(os.path.join(OUT, name), encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def printed(name):
    """The lines that a command of the document printed; name is a part of it that no other has."""
    found = [r for c, r in RESULTS if name in c]
    check(len(found), 1, name)
    return found[0].stdout.splitlines()


RESULTS = []
for typed in commands():
    RESULTS.append((typed, sh(typed)))


def test_the_lab_ran():
    check(RUN[0], 0, RUN[2])


def test_every_command_works():
    silent = ("mkdir", "cp ", ">packets.csv", "id=$(", ">evidence")
    for command, r in RESULTS:
        said = [x for x in r.stderr.splitlines() if "Running as user" not in x]
        if "$id" in command:
            continue
        if "fates.csv" in command and not os.path.exists(os.path.join(OUT, "fates.csv")):
            continue
        check((r.returncode, said), (0, []), command)
        assert r.stdout.strip() or any(x in command for x in silent), f"printed nothing: {command}"


def test_four_tools_give_one_answer():
    answers = [r.stdout.splitlines() for c, r in RESULTS
               if c.rstrip() in section("One question, four tools") and ">packets.csv" not in c]
    check(len(answers), 4)
    assert len(answers[0]) > 2, answers[0]
    for other in answers[1:]:
        check(sorted(other), sorted(answers[0]))


def test_a_community_id_finds_its_packets():
    lines = [c for c in commands() if "id=$(" in c or "$id" in c]
    check(len(lines), 2)
    r = sh("\n".join(lines))
    check(r.returncode, 0, r.stderr)
    flow = table("flows.csv")[0]
    seen = {iface: int(n) for n, iface in (x.split() for x in r.stdout.splitlines())}
    same = [f for f in table("flows.csv") if f["community_id"] == flow["community_id"]]
    check(seen[flow["vantage"]], sum(int(f["orig_pkts"]) + int(f["resp_pkts"]) for f in same))


def test_the_evidence_is_in_a_log():
    first = table("activities.csv")[0]
    logs = printed("grep -rFl")
    assert logs and all(x.split("/")[3] in (first["client"], first["server"]) for x in logs), logs


def test_fates_by_program():
    fates = os.path.join(OUT, "fates.csv")
    if os.path.exists(fates):
        rows = [x.split(",") for x in printed("out/lab/fates.csv")]
        mine = [f for f in table("fates.csv") if f["owner"] in {o["owner"] for o in table("owners.csv")
                                                                if o["host"] == "h1"}]
        check(sum(int(r[3]) for r in rows), len(mine))


def test_bytes_by_label():
    want = {}
    for f in table("flows.csv"):
        packets = int(f["orig_pkts"]) + int(f["resp_pkts"])
        key = (f["label"], f["scenario"])
        want[key] = want.get(key, 0) + int(f["orig_ip_bytes"]) + int(f["resp_ip_bytes"]) + 14 * packets
    check({tuple(r[:2]): int(r[2]) for r in csv.reader(printed("sum(p.len)"))}, want)


def test_the_profile_shows_columns():
    rows = printed("tshark -C detnet")
    check(len(rows), 20)
    assert any(re.search(r" TCP +\d+ h\d (lftp|tnftp|python3|curl)\S* \d+ ftp \S+ \d+ ", x) for x in rows), rows


def test_a_filter_finds_servers():
    servers = {(o["host"], o["pid"]) for o in table("owners.csv") if o["comm"] == "vsftpd"}
    rows = [tuple(x.split("\t")) for x in printed('== "vsftpd"')]
    assert rows and all(r[:2] in servers for r in rows), rows


def commented(text):
    """A pcapng file of one packet with this comment."""
    def block(kind, body):
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    def padded(data):
        return data + b"\0" * (-len(data) % 4)

    comment = struct.pack("<HH", 1, len(text)) + padded(text.encode()) + struct.pack("<HH", 0, 0)
    return (block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 0)) +
            block(6, struct.pack("<IIIII", 0, 0, 0, 60, 60) + bytes(60) + comment))


def test_wireshark_shows_no_number_that_came_round():
    path = os.path.join(DIR.name, "numbers.pcapng")
    for owner, shown in ((8209, "8209\t812\n"), (2**32 - 1, f"{2**32 - 1}\t812\n"), (2**32 + 8209, "\t\n")):
        with open(path, "wb") as f:
            f.write(commented(f"host=h1 pid=812 comm=lftp owner={owner}"))
        r = sh(f"tshark -X lua_script:detnet.lua -r {path} -T fields -e detnet.owner -e detnet.pid")
        check((r.returncode, r.stdout), (0, shown), owner)


def test_bad_usage_ends_with_2():
    for args, line in [
        ([], r"^detnet: usage: detnet packets FILE"),
        (["/nowhere"], r"^detnet: /nowhere: No such file"),
        ([LAB], r"^detnet: .*lab.ini: not a capture"),
        ([DIR.name], r"there is no capture.pcapng in this folder"),
        ([OUT, "--filter", "hots=h1"], r"^detnet: there is no field 'hots'; did you mean 'host'\?$"),
        ([OUT, "--filter", "h1"], r"^detnet: --filter: 'h1' must be FIELD=VALUE"),
        ([OUT, "--filter", "=h1"], r"must be FIELD=VALUE"),
        ([OUT, "--fields", "uid,"], r"^detnet: there is no field ''"),
        ([OUT, "--csv", "--json"], r"^detnet: --csv and --json"),
        ([OUT, "--limit", "0"], r"^detnet: --limit 0: "),
    ]:
        status, out, err = detnet("packets", *args)
        check((status, out), (2, ""), args)
        matches(line, err)


def test_help_has_every_field():
    r = detnet("packets", OUT, "--csv", "--limit", "1")
    fields = r[1].splitlines()[0].split(",")
    words = re.findall(r"\w+", detnet("packets", "--help")[1])
    assert all(f in words for f in fields), fields
    listed = re.search(r"made\s+of others\): (.*?)\.\s+docs/", detnet("packets", "--help")[1], re.S)
    check(re.split(r"[,;]\s+", listed[1])[:len(fields)], fields)


def test_the_ways_to_print_agree():
    rows = list(csv.DictReader(io.StringIO(detnet("packets", OUT, "--csv", "--limit", "300")[1])))
    check(len(rows), 300)
    objects = [json.loads(x) for x in detnet("packets", OUT, "--json", "--limit", "300")[1].splitlines()]
    for row, o in zip(rows, objects):
        assert all(row[k] == ("" if v is None else str(v)) for k, v in o.items() if k != "time"), (row, o)
    lines = detnet("packets", OUT, "--fields", "uid,number", "--limit", "300")[1].splitlines()
    check([x.split() for x in lines[1:]], [[r["uid"] or "-", r["number"]] for r in rows])
    check(len({len(x) for x in lines[:200]}), 1, "the table is not aligned")


def test_conditions_hold():
    rows = list(csv.DictReader(io.StringIO(detnet("packets", OUT, "--csv")[1])))

    def found(*args):
        return list(csv.DictReader(io.StringIO(detnet("packets", OUT, "--csv", *args)[1])))

    check(found("--filter", "host=h[12] activity!="), [r for r in rows if r["host"] in ("h1", "h2") and r["activity"]])
    check(found("-f", "proto=tcp", "-f", "uid=C* iface!=h?:*"),
          [r for r in rows if r["proto"] == "tcp" and r["uid"] and not re.match("h.:", r["iface"])])
    check(found("--filter", "activity=", "-n", "2"), [r for r in rows if not r["activity"]][:2])


def test_a_condition_that_never_holds_is_told():
    warning = "detnet: warning: no packet has {}\n"
    check(detnet("packets", OUT, "--csv", "--fields", "host", "--filter", "host=h9 proto=tcp"),
          (0, "host\n", warning.format("host=h9")))
    check(detnet("packets", OUT, "--csv", "--fields", "host", "--filter", "host=h9 proto!=*"),
          (0, "host\n", warning.format("host=h9") + warning.format("proto!=*")))
    check(detnet("packets", OUT, "--csv", "--fields", "host", "--filter", "host=h1 host=h3"), (0, "host\n", ""))
    check(detnet("packets", OUT, "--filter", "host=h1 dir=out", "--limit", "1")[2], "")


def test_a_file_that_ends_too_early_is_printed_up_to_there():
    part = os.path.join(DIR.name, "cut.pcapng")
    with open(os.path.join(OUT, "capture.pcapng"), "rb") as f:
        data = f.read(30000)
    with open(part, "wb") as f:
        f.write(data)
    status, out, err = detnet("packets", part, "--csv")
    check(status, 2)
    matches(r"cut.pcapng: the file ends inside a block", err)
    assert len(out.splitlines()) > 50


def test_a_bad_table_is_named_with_its_line():
    where = os.path.join(DIR.name, "bad")
    os.mkdir(where)
    shutil.copy(os.path.join(OUT, "capture.pcapng"), where)
    write(where, "owners.csv", 'owner,host,pid,comm,exe,activity\n1,r1,"0,kernel,,\n')
    status, out, err = detnet("packets", where)
    check((status, out), (2, ""))
    matches(r"bad/owners.csv:\d+: a quote is never closed", err)


def test_who_stops_reading_stops_it():
    r = sh("detnet packets out/lab | head -n 3")
    check(len(r.stdout.splitlines()), 3, r.stderr)
    check(r.stderr, "")


assert os.geteuid() == 0, "building networks needs root"
run_tests(dict(globals()))
