#!/usr/bin/env python3
"""Captures of a running network: the shell's, a host's lines, and detnet tail. Needs root."""
import json
import os
import pathlib
import shutil
import signal
import subprocess

from program import DETNET, LAB, check, detnet, folder, matches, run_tests, write

DIR = folder()
TOPO = write(DIR.name, "lab.ini", LAB)
write(DIR.name, "listen.py", """
import socket
s = socket.create_server(("", 5000))
with open("ready", "w") as f:
    f.write("up")
c = s.accept()[0]
print(c.recv(100).decode())
""")
# A FIFO makes the client wait until the server listens.
TALK = ("h3 rm -f ready; mkfifo ready", "h3 python3 listen.py &",
        "h1 read up <ready; exec python3 -c 'import socket; socket.create_connection((\"h3\", 5000)).sendall(b\"hello\")'")


def shell(*lines):
    return detnet(TOPO, *[w for line in lines for w in ("-c", line)], cwd=DIR.name)


def packets(name, *fields):
    r = subprocess.run(["tshark", "-r", str(pathlib.Path(DIR.name) / name), "-T", "fields",
                        *[a for f in fields for a in ("-e", f)]], capture_output=True, text=True, check=True)
    return [line.split("\t") for line in r.stdout.splitlines()]


def test_start_status_stop():
    status, out, err = shell("capture", "capture start one.pcapng", "h1 ping -c2 -i0.1 h3 >/dev/null", *TALK,
                             "capture stop", "capture", "h2 ping -c1 h1 >/dev/null")
    check((status, err), (0, ""), out)
    lines = out.splitlines()
    check((lines[0], lines[-1]), ("*** Not capturing; 'capture start [FILE.pcapng|FILE.pcap] [FILTER]' begins",) * 2)
    matches(r"^\*\*\* one\.pcapng: \d+ packets \([\d.]+ k?B\), 0 dropped$", out)
    rows = packets("one.pcapng", "frame.interface_name", "frame.comment", "icmp.type", "tcp.port")
    assert {"h1:h1-eth0", "h3:h3-eth0", "r1:r1-eth0", "r1:r1-eth1"} <= {r[0] for r in rows}, rows
    requests = {r[1].split(" owner=")[0].split(" pid=")[0] + r[1][r[1].index(" comm="):].split(" owner=")[0]
                for r in rows if r[2] == "8"}
    check(requests, {"host=h1 comm=ping"})
    senders = {r[1].split(" ")[0] for r in rows if r[3]}
    check(senders, {"host=h1", "host=h3"})
    assert all("comm=python3" in r[1] or "kernel" in r[1] for r in rows if r[3]), rows
    assert sum("comm=python3" in r[1] for r in rows if r[3]) > 4 * 4


def test_a_filter_and_a_classic_file():
    status, out, err = shell("capture start two.pcap icmp and host h3", "capture", "h1 ping -c2 -i0.1 h3 >/dev/null",
                             "h1 ping -c2 -i0.1 h2 >/dev/null", "capture stop")
    check((status, err), (0, ""), out)
    matches(r"^\*\*\* Capturing into two\.pcap what is 'icmp and host h3'$", out)
    matches(r"^\*\*\* Capturing into two\.pcap what is 'icmp and host h3': \d+ packets", out)
    rows = packets("two.pcap", "ip.dst", "icmp.type")
    check(len(rows), 4 * 4)  # two requests and replies on h1-s1, s1-r1, r1-s2 and s2-h3
    check({r[1] for r in rows}, {"0", "8"})


def test_programs_that_ran_before_are_known():
    status, out, err = shell("h1 exec ping -i0.2 h2 >/dev/null &", "h1 capture -c 4 icmp[icmptype] == icmp-echo",
                             "h2 capture -c 2 icmp and dst h2")
    check((status, err), (0, ""), out)
    lines = out.splitlines()
    check(len(lines), 6)
    for line in lines[:4]:
        matches(r"^\d\d:\d\d:\d\d\.\d{6} h1-eth0 out h1 > h2 icmp echo request len 56 \| host=h1 pid=\d+ comm=ping "
                r"owner=\d+$", line)
    for line in lines[4:]:
        matches(r" h2-eth0 in h1 > h2 icmp echo request len 56 \| host=h1 pid=\d+ comm=ping owner=\d+$", line)


def test_lines_beside_a_file():
    status, out, err = shell("h1 exec ping -i0.2 h3 >/dev/null &", "capture start three.pcapng", "h3 capture -c2 icmp",
                             "capture", "exit")
    check((status, err), (0, ""), out)
    matches(r"^\S+ h3-eth0 in h1 > h3 icmp echo request", out)
    matches(r"^\*\*\* Capturing into three\.pcapng: \d+ packets", out)
    matches(r"^\*\*\* three\.pcapng: \d+ packets", out)  # the shell's end completes it
    assert len(packets("three.pcapng", "frame.number")) >= 8


def test_what_is_refused():
    for line, status, why in (
            ("capture stop", 2, "not capturing; 'capture start"),
            ("capture begin", 2, "knows no 'begin'; capture start [FILE.pcapng|FILE.pcap] [FILTER], capture stop, or"),
            ("capture stpp", 2, "(did you mean stop?)"),
            ("capture stop lab.pcapng", 2, "capture stop takes no 'lab.pcapng'"),
            ("capture other.pcapng", 2, "did you mean 'capture start other.pcapng'?"),
            ("capture start lab.cap tcp", 2, "lab.cap: a capture's name ends in .pcapng or .pcap"),
            ("capture start out/lab", 2, "out/lab: a capture's name ends in .pcapng or .pcap"),
            ("capture start \"tcp port 80", 2, "a quote (\") is not closed"),
            ("capture start host h9", 2, "filter: 'h9' is neither a node"),
            ("capture start no/where.pcapng", 1, "no/: No such file or directory"),
            ("capture start lab.pcapng", 2, "lab.pcapng is there already"),
            ("h1 capture -c 0", 2, "capture -c 0: give a number of packets, 1 or more"),
            ("h1 capture -c icmp", 2, "capture -c icmp: give a number of packets, 1 or more"),
            ("h1 capture -c", 2, "capture -c: give a number of packets, as in 'capture -c 10'"),
            ("h1 capture -w lab.pcapng", 2, "capture has no option -w: h1 capture [-c N] [FILTER]"),
            ("h1 capture > out.txt", 2, "no redirections, pipes or '&': 'capture start FILE.pcapng' writes a file"),
            ("h1 capture icmp | head", 2, "no redirections, pipes or '&'"),
            ("h1 capture icmp &", 2, "no redirections, pipes or '&'"),
            ("h1 capture 'icmp", 2, "a quote (') is not closed"),
            ("h1 capture tcp prot 5", 2, "did you mean 'port'?")):
        write(DIR.name, "lab.pcapng", "mine")
        got, _, err = shell(line)
        check(got, status, line)
        assert why in err, (line, err)
    check((pathlib.Path(DIR.name) / "lab.pcapng").read_text(), "mine")


def test_help_says_how():
    for line in ("capture --help", "h1 capture --help", "h1 capture -c 2 -h"):
        check(shell(line), shell("help capture"))
    assert "capture start [FILE] [FILTER]" in shell("help capture")[1]


def test_quotes_are_the_shell_s():
    status, out, err = shell("h1 exec ping -i0.2 h3 >/dev/null &", "capture start \"my file.pcapng\" 'icmp and host h3'",
                             "h3 capture -c 2 'icmp'", "capture stop", "capture start 'udp'", "capture stop")
    check((status, err), (0, ""), out)
    lines = out.splitlines()
    check(lines[0], "*** Capturing into my file.pcapng what is 'icmp and host h3'")
    for line in lines[1:3]:
        matches(r" h3-eth0 (in|out) h[13] > h[13] icmp echo", line)
    matches(r"^\*\*\* my file\.pcapng: \d+ packets", lines[3])
    check(lines[4], "*** Capturing into capture.pcapng what is 'udp'")
    assert (pathlib.Path(DIR.name) / "my file.pcapng").stat().st_size


def test_files_without_a_name_are_numbered():
    (pathlib.Path(DIR.name) / "numbers").mkdir()
    status, out, err = detnet(TOPO, *["-c", "capture start", "-c", "capture stop"] * 3,
                              cwd=os.path.join(DIR.name, "numbers"))
    check((status, err), (0, ""), out)
    names = ["capture.pcapng", "capture-2.pcapng", "capture-3.pcapng"]
    check([x for x in out.splitlines() if " Capturing" in x], [f"*** Capturing into {n}" for n in names])
    check(sorted(os.listdir(os.path.join(DIR.name, "numbers"))), sorted(names))


def test_a_file_that_went_away_is_told():
    status, out, err = shell("capture start away.pcapng", "sh rm away.pcapng", "h1 ping -c1 h2 >/dev/null", "capture stop")
    check((status, err), (4, "*** away.pcapng is no longer there: it was removed or renamed while it was written\n"), out)
    status, _, err = shell("capture start away.pcapng", "sh rm away.pcapng")
    check((status, "away.pcapng is no longer there" in err), (4, True), err)


def test_a_capture_that_cannot_begin_leaves_no_file():
    for ring, why in (("64GiB", ": at most a quarter of this machine's memory"),
                      ("1MiB", ": the packets of this network need at least")):
        topo = write(DIR.name, "much.ini", f"{LAB}\n[host h9]\n[link h9 r1]\n[capture]\nring = {ring}\n")
        status, _, err = detnet(topo, "-c", "capture start much.pcapng", "-c", "capture start much.pcapng", cwd=DIR.name)
        check((status, err.count(why)), (2, 2))
        assert not (pathlib.Path(DIR.name) / "much.pcapng").exists()


def test_memory_stays_the_same_whatever_comes():
    write(DIR.name, "flood.py", """
import random, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(60000):
    s.sendto(b"x", ("10.0.0.2", random.randrange(1, 65536)))
    if random.random() < 0.1:
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
""")
    p = subprocess.Popen([DETNET, TOPO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=DIR.name)

    def after(line):
        p.stdin.write(line + "\nh1 echo done\n")
        p.stdin.flush()
        while p.stdout.readline() != "done\n":
            pass
        status = pathlib.Path(f"/proc/{p.pid}/status").read_text()
        return int(next(row.split()[1] for row in status.splitlines() if row.startswith("RssAnon")))

    after("capture start flood.pcapng arp")
    before = after("h1 python3 flood.py")  # the tables that are of one size have it now
    grown = after("h1 python3 flood.py") - before
    p.communicate("exit\n", timeout=60)
    assert grown < 8 << 10, f"{grown} KiB more after 60,000 flows"


def test_ctrl_c_ends_a_script_with_its_lines():
    p = subprocess.Popen([DETNET, TOPO, "-c", "h1 exec ping -i0.1 h2 >/dev/null &", "-c", "capture start ended.pcapng",
                          "-c", "h2 capture", "-c", "h1 echo after"], stdout=subprocess.PIPE, text=True, cwd=DIR.name)
    p.stdout.readline()
    matches(r" h2-eth0 (in|out) h[12] > h[12] ", p.stdout.readline())
    p.send_signal(signal.SIGINT)
    rest = p.stdout.read().splitlines()
    check((p.wait(timeout=60), "after" in rest), (130, False))
    matches(r"^\*\*\* ended\.pcapng: \d+ packets", rest[-1])


def test_tail_follows_a_capture_to_its_end():
    p = subprocess.Popen([DETNET, TOPO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=DIR.name)
    p.stdin.write("capture start tail.pcapng\nh1 echo on\n")
    p.stdin.flush()
    check([p.stdout.readline(), p.stdout.readline()], ["*** Capturing into tail.pcapng\n", "on\n"])
    tail = subprocess.Popen([DETNET, "tail", "--json", os.path.join(DIR.name, "tail.pcapng")],
                            stdout=subprocess.PIPE, text=True)
    p.stdin.write("h1 ping -c1 h2 >/dev/null\n")
    p.stdin.flush()
    first = json.loads(tail.stdout.readline())  # while the file is open still
    # At its end the secrets come in front of what tail has read.
    p.stdin.write("h1 ping -c1 h3 >/dev/null\nh1 echo CLIENT_RANDOM 01 02 >>$SSLKEYLOGFILE\ncapture stop\n")
    p.stdin.flush()
    rows = [first, *map(json.loads, tail.stdout)]
    check(tail.wait(timeout=60), 0)
    p.stdin.close()
    check(p.wait(timeout=60), 0)
    check(len(rows), len(packets("tail.pcapng", "frame.number")))
    assert b"CLIENT_RANDOM 01 02\n" in (pathlib.Path(DIR.name) / "tail.pcapng").read_bytes()
    echo = [r for r in rows if r["what"] == "icmp echo request" and r["iface"] == "h1:h1-eth0"]
    check([(r["src"], r["dst"], r["dir"], r["host"], r["comm"]) for r in echo],
          [("h1", "h2", "out", "h1", "ping"), ("h1", "h3", "out", "h1", "ping")])
    # Of a file that nobody writes it prints all, and ends.
    status, out, err = detnet("tail", os.path.join(DIR.name, "tail.pcapng"))
    check((status, err, len(out.splitlines())), (0, "", len(rows)))


def test_tail_ends_for_whoever_looks():
    where = pathlib.Path(DIR.name)
    program = os.open(DETNET, os.O_RDONLY)  # its folder may be root's alone

    def tail():
        return subprocess.Popen([f"/proc/self/fd/{program}", "tail", str(where / "all.pcapng")], stdout=subprocess.PIPE,
                                text=True, pass_fds=[program], user=65534, group=65534, extra_groups=[])

    p = subprocess.Popen([DETNET, TOPO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=where)
    p.stdin.write("capture start all.pcapng\nh1 echo on\n")
    p.stdin.flush()
    while p.stdout.readline() != "on\n":
        pass
    where.chmod(0o755)
    (where / "all.pcapng").chmod(0o644)
    early = tail()
    p.stdin.write("h1 ping -c1 h2 >/dev/null\n")
    p.stdin.flush()
    first = early.stdout.readline()
    p.communicate("capture stop\n", timeout=60)
    shown, late = first + early.stdout.read(), tail()
    check((early.wait(timeout=60), shown), (0, late.stdout.read()))
    check((late.wait(timeout=60), len(shown.splitlines())), (0, len(packets("all.pcapng", "frame.number"))))
    os.close(program)


def test_too_many_secrets_fail_the_check():
    got, _, err = shell("capture start much.pcapng", "h1 ping -c1 h2 >/dev/null",
                        "h1 truncate -s 17M $SSLKEYLOGFILE", "capture stop")
    check(got, 4, err)
    assert "not all TLS secrets are in the capture: hosts' programs wrote more than 16" in err, err
    assert packets("much.pcapng", "frame.number")


def test_tail_of_what_is_no_capture():
    for name, why in (("lab.ini", "give a run's folder or a .pcapng file"), ("none.pcapng", "No such file")):
        status, _, err = detnet("tail", os.path.join(DIR.name, name))
        check(status, 2)
        assert why in err, err
    status, _, err = detnet("tail", write(DIR.name, "junk.pcapng", "junk" * 10))
    check(status, 2)
    assert "not a pcapng file" in err, err


def test_tail_waits_only_for_what_can_come():
    where = pathlib.Path(DIR.name)
    for name, make, why in (("fifo", lambda d: os.mkfifo(d / "capture.pcapng"), "is no regular file"),
                            ("classic", lambda d: (d / "capture.pcap").touch(), "names no senders"),
                            ("over", lambda d: (d / "manifest.json").touch(), "is over and left no capture.pcapng")):
        (where / name).mkdir()
        make(where / name)
        status, _, err = detnet("tail", str(where / name))
        check(status, 2, err)
        assert why in err, err
    for name, then, end in (("gone", lambda d: d.rmdir(), 2),
                            ("later", lambda d: shutil.copy(where / "one.pcapng", d / "capture.pcapng"), 0)):
        (where / name).mkdir()
        p = subprocess.Popen([DETNET, "tail", str(where / name)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True)
        matches("waiting for .*/capture.pcapng$", p.stderr.readline())
        then(where / name)
        out, err = p.communicate(timeout=60)
        check((p.returncode, bool(out), "was removed" in err), (end, end == 0, end == 2), err)


if __name__ == "__main__":
    run_tests(dict(globals()))
