#!/usr/bin/env python3
"""The shell of a running network, given lines by -c and by a pipe. Needs root."""
import os
import pathlib
import re
import signal
import subprocess

from program import DETNET, LAB, check, detnet, folder, matches, run_tests, write

DIR = folder()
TOPO = write(DIR.name, "lab.ini", LAB)


def shell(*lines):
    """Lines through -c."""
    return detnet(TOPO, *[w for line in lines for w in ("-c", line)], cwd=DIR.name)


def test_formats_are_mininets():
    _, out, err = shell("nodes", "net", "links", "intfs")
    check(err, "")
    check(out, """available nodes are: 
h1 h2 h3 r1 s1 s2
h1 h1-eth0:s1-eth1
h2 h2-eth0:s1-eth2
h3 h3-eth0:s2-eth1
r1 r1-eth0:s1-eth3 r1-eth1:s2-eth2
s1 lo:  s1-eth1:h1-eth0 s1-eth2:h2-eth0 s1-eth3:r1-eth0
s2 lo:  s2-eth1:h3-eth0 s2-eth2:r1-eth1
h1-eth0<->s1-eth1 (OK OK) 
h2-eth0<->s1-eth2 (OK OK) 
h3-eth0<->s2-eth1 (OK OK) 
r1-eth0<->s1-eth3 (OK OK) 
r1-eth1<->s2-eth2 (OK OK) 
h1: h1-eth0
h2: h2-eth0
h3: h3-eth0
r1: r1-eth0,r1-eth1
s1: lo,s1-eth1,s1-eth2,s1-eth3
s2: lo,s2-eth1,s2-eth2
""")


def test_dump_names_addresses_and_pids():
    _, out, _ = shell("h1 true", "dump")
    matches(r"^<Host h1: h1-eth0:10\.0\.\d+\.\d+ pid=\d+> $", out)
    matches(r"^<Host h2: h2-eth0:10\.0\.\d+\.\d+ pid=None> $", out)
    matches(r"^<LinuxBridge s1: lo:127\.0\.0\.1,s1-eth1:None,s1-eth2:None,s1-eth3:None pid=None> $", out)
    matches(r"^<LinuxRouter r1: r1-eth0:10\.\S+,r1-eth1:10\.\S+ pid=None> $", out)


def test_pingall():
    status, out, err = shell("pingall")
    check((status, err), (0, ""))
    check(out, "*** Ping: testing ping reachability\nh1 -> h2 h3 \nh2 -> h1 h3 \nh3 -> h1 h2 \n"
               "*** Results: 0% dropped (6/6 received)\n")


def test_pingall_shows_what_is_lost():
    status, out, _ = shell("h3 ip link set h3-eth0 down", "pingall 1", "h3 ip link set h3-eth0 up")
    if "Operation not permitted" in out:
        raise AssertionError(out)
    check(status, 1)
    check(out, "*** Ping: testing ping reachability\nh1 -> h2 X \nh2 -> h1 X \nh3 -> X X \n"
               "*** Results: 67% dropped (2/6 received)\n")


def test_names_become_addresses():
    _, out, _ = shell("h1 echo h1 h2 -h3 h3x h2:80 'h3'", "h1 echo  two  spaces")
    lines = out.splitlines()
    matches(r"^10\.0\.\d+\.\d+ 10\.0\.\d+\.\d+ -h3 h3x h2:80 h3$", lines[0])
    check(lines[1], "two spaces")


def test_a_host_resolves_names_by_itself():
    status, out, _ = shell("h1 sh -c 'ping -c1 -W1 \"h3\"'", "h1 hostname")
    check(status, 0)
    matches(r"^PING h3 \(10\.", out)
    matches(r"^h1$", out)


def test_status_of_the_first_failure():
    check(shell("h1 true", "h1 exit 7", "h1 exit 9")[0], 7)
    check(shell("h1 true", "sh exit 5")[0], 5)
    check(shell("h1 nosuchprogram")[0], 127)
    check(shell("h1 kill -9 $$")[0], 128 + 9)
    check(shell("nodes", "# a comment", "   ")[0], 0)


def test_unknown_words():
    status, _, err = shell("pingal")
    check((status, err), (127, "*** Unknown command: pingal (did you mean pingall?)\n"))
    status, _, err = shell("h1")
    check((status, err), (2, "*** Please enter a command for node: h1 <cmd>\n"))
    status, _, err = shell("s1 ip link")
    check(status, 2)
    matches(r"s1 is a switch", err)


def test_lines_from_a_pipe():
    status, out, err = detnet(TOPO, stdin="h1 cat\nh1 echo one\nsh cat\nh2 exit 4\nh1 echo two\nexit\nh1 echo no\n")
    check((status, out, err), (4, "one\ntwo\n", ""))
    check(detnet(TOPO, stdin="h1 echo no line end"), (0, "no line end\n", ""))
    check(detnet(TOPO, stdin=""), (0, "", ""))


def test_standard_input_reaches_a_program_of_c():
    check(detnet(TOPO, "-c", "h1 wc -c", stdin="12345"), (0, "5\n", ""))


SERVER = """
import socket
s = socket.create_server(("", 8000))
with open("ready", "w") as f:
    f.write("up")
c = s.accept()[0]
c.sendall(b"there")
"""
CLIENT = """
import socket, sys
print(socket.create_connection((sys.argv[1], 8000)).recv(9).decode())
"""


def test_a_background_program_stays():
    """The server says through a FIFO in the shared folder when a client may come."""
    os.mkfifo(os.path.join(DIR.name, "ready"))
    write(DIR.name, "server.py", SERVER)
    write(DIR.name, "client.py", CLIENT)
    status, out, err = shell("h2 python3 server.py &", "h1 cat ready; echo", "h1 python3 client.py h2")
    check((status, out, err), (0, "up\nthere\n", ""))


def test_a_daemon_outlives_its_line():
    """What a line left running still reads the FIFO that a later line writes, and answers in another."""
    for name in ("question", "answer"):
        os.mkfifo(os.path.join(DIR.name, name))
    status, out, err = shell("h1 (cat <question >answer &)",
                             "h1 echo alive >question", "h1 cat answer")
    check((status, out, err), (0, "alive\n", ""))


def test_sh_runs_on_the_machine():
    check(shell("sh hostname")[1].strip(), os.uname().nodename)


def test_the_machine_stays_as_it_is():
    def look():
        with open("/proc/self/mounts") as f:
            return sorted(os.listdir("/sys/class/net")), f.read()
    before = look()
    inside = shell("sh ls /sys/class/net", "h1 ls /sys/class/net")
    check(inside[0], 0)
    check(look(), before)
    names = " ".join(inside[1].split())
    assert re.search(r"h1-eth0 lo$", names) and names.count("h1-eth0") == 1, names


def test_a_lab_with_an_attack_shares_no_folder():
    section = "\n[scenario {}]\nserver = h3\nclients = h1\n"
    for name, status in (("ssh", 0), ("ssh-bruteforce", 1)):
        topo = write(DIR.name, f"{name}.ini", LAB + section.format(name))
        got, _, err = detnet(topo, "-c", f"h1 touch {DIR.name}/by-{name}", cwd=DIR.name)
        check(got, status, err)
        check((pathlib.Path(DIR.name) / f"by-{name}").exists(), status == 0)


def started(*lines, says):
    """The shell with lines through a pipe that stays open, when it has printed a line."""
    p = subprocess.Popen([DETNET, TOPO], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, cwd=DIR.name)
    p.stdin.write("".join(line + "\n" for line in lines))
    p.stdin.flush()
    for line in p.stdout:
        if line.strip() == says:
            return p
    raise AssertionError(f"'{says}' never came: {p.stderr.read()}")


def ended(p):
    with p:
        status = p.wait(timeout=60)
        return status, p.stdout.read()


def test_a_signal_between_lines_is_no_success():
    for number, signo in ((130, signal.SIGINT), (143, signal.SIGTERM)):
        p = started("nodes", says="h1 h2 h3 r1 s1 s2")
        p.send_signal(signo)
        check(ended(p), (number, ""), signo.name)


def test_ctrl_c_ends_a_script_with_its_program():
    p = started("h1 echo on; exec tail -f /dev/null", "nodes", says="on")
    p.send_signal(signal.SIGINT)
    check(ended(p), (130, ""))


def test_ctrl_c_that_a_program_took_is_done_with():
    # wait, for bash defers its traps while a program in its foreground runs, and that may start after the signal
    p = started("h1 trap 'echo caught; exit 0' INT; tail -f /dev/null & echo on; wait", "nodes", says="on")
    p.send_signal(signal.SIGINT)
    p.stdin.close()
    status, out = ended(p)
    check((status, out), (0, "caught\navailable nodes are: \nh1 h2 h3 r1 s1 s2\n"))


def test_nobody_reads():
    p = subprocess.Popen([DETNET, TOPO, "-c", "nodes", "-c", "h1 touch $PWD/went-on", "-c", "net"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=DIR.name)
    p.stdout.close()
    check((p.wait(timeout=60), p.stderr.read()), (0, ""))
    p.stderr.close()
    assert (pathlib.Path(DIR.name) / "went-on").exists()


def test_programs_have_the_default_for_a_broken_pipe():
    for where in ("sh", "h1"):
        _, out, _ = shell(where + " yes | head -n1; echo ${PIPESTATUS[0]}")
        check(out, "y\n141\n", where)


def test_clean_leaves_the_living_alone():
    status, out, _ = shell(f"sh {DETNET} clean", "pingall")
    check(status, 0)
    matches(r"\(6/6 received\)", out)


ANEW = "its interfaces were made anew; what a host had added to them (routes, addresses, filters) is gone"


def test_a_link_goes_down_and_comes_back():
    status, out, err = shell("link s1 h1 down", "links", "pingall 1", "link h1 s1 up", "links", "pingall")
    check((status, err), (1, ""))
    check(out, """h1-eth0<->s1-eth1 (DOWN DOWN) 
h2-eth0<->s1-eth2 (OK OK) 
h3-eth0<->s2-eth1 (OK OK) 
r1-eth0<->s1-eth3 (OK OK) 
r1-eth1<->s2-eth2 (OK OK) 
*** Ping: testing ping reachability
h1 -> X X 
h2 -> X h3 
h3 -> X h2 
*** Results: 67% dropped (2/6 received)
h1-eth0<->s1-eth1 (OK OK) 
h2-eth0<->s1-eth2 (OK OK) 
h3-eth0<->s2-eth1 (OK OK) 
r1-eth0<->s1-eth3 (OK OK) 
r1-eth1<->s2-eth2 (OK OK) 
*** Ping: testing ping reachability
h1 -> h2 h3 
h2 -> h1 h3 
h3 -> h1 h2 
*** Results: 0% dropped (6/6 received)
""")


def test_a_link_is_changed_and_shown():
    status, out, err = shell("link r1 s2", "link r1 s2 delay=30ms", "link s2 r1 > delay=70ms, rate=10mbit", "link r1 s2",
                             "h1 ping -c3 -i0.3 -q h3", "link r1 s2 none", "link h{1..2} s1 < delay=1ms", "link s1 h2")
    check(status, 0)
    # Where the kernel has netem nothing need be made anew.
    said = [f"*** {link}: {ANEW}" for link in ("r1-eth1<->s2-eth2", "h1-eth0<->s1-eth1", "h2-eth0<->s1-eth2")]
    check(err.splitlines(), said if "engine shaper" in out else [])
    before, after = out.split("PING", 1)
    matches(r"^r1-eth1<->s2-eth2: up, no engine \(.+\)$", before)
    check(before.splitlines()[1:3], ["  r1 -> s2: none", "  s2 -> r1: none"])
    matches(r"^r1-eth1<->s2-eth2: up, engine \w+ \(.+\)$", before)
    check(before.splitlines()[4:6], ["  r1 -> s2: delay=30ms", "  s2 -> r1: rate=10mbit, delay=70ms"])
    least = float(re.search(r"= ([\d.]+)/", after).group(1))
    assert 100 <= least < 130, f"a round trip took {least} ms"
    check(after.splitlines()[-2:], ["  s1 -> h2: delay=1ms", "  h2 -> s1: none"])


def test_a_broken_link_is_shown_and_mended():
    status, out, err = shell("h1 ip link del h1-eth0", "links", "link h1 s1", "link h1 s1 down", "link h1 s1 up",
                             "links", "h1 ping -c1 -q -W9 h3", "h1 ip link set h1-eth0 down", "links", "link h1 s1",
                             "link h1 s1 up", "links", "h1 ping -c1 -q -W9 h3")
    check((status, err), (0, f"*** h1-eth0<->s1-eth1: {ANEW}\n"))
    check([line for line in out.splitlines() if line.startswith("h1-eth0<->s1-eth1 ")],
          [f"h1-eth0<->s1-eth1 ({ends}) " for ends in ("MISSING MISSING", "OK OK", "DOWN OK", "OK OK")])
    matches(r"^h1-eth0<->s1-eth1: up but broken \(.*\), no engine", out)
    matches(r"^h1-eth0<->s1-eth1: up but taken down in a host \(.*\), no engine", out)
    check(out.count(" 0% packet loss"), 2)


def test_bad_changes_of_links():
    for line, want in (("link", "Please name a link by its ends: link A B [up|down|KEY=VALUE ...]"),
                       ("link h1 h2 down", "there is no link between h1 and h2"),
                       ("link h1 s9 down", "unknown node 's9'"),
                       ("link h1 s1 dwon", "bad value 'dwon' of key 'link h1 s1': did you mean 'down'?"),
                       ("link h1 s1 > down",
                        "bad value 'down' of key 'link h1 s1 >': a link goes down or up in both directions"),
                       ("link h1 s1 dealy=1ms", "unknown key 'dealy'; did you mean 'delay'?"),
                       ("link h1 s1 delay=5ms loss=101%", "loss=101%")):
        status, out, err = shell(line, "link h1 s1")
        check(status, 2, line)
        assert err.startswith("*** ") and err.count("\n") == 1 and want in err, err
        matches(r"^  h1 -> s1: none$", out)


def test_a_timeline_runs():
    topo = write(DIR.name, "timeline.ini", LAB + """
[at 0s]
link h1 s1 > = delay=5ms
[at 100ms]
link r1 s2 = down
[at 200ms]
host h{1..2} = down
link r1 s2 = up
""")
    p = subprocess.Popen([DETNET, topo], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    said = [p.stderr.readline().rstrip("\n") for _ in range(5)]
    check(said, ["*** at 0s: link h1 s1 > = delay=5ms", "*** at 100ms: link r1 s2 = down",
                 "*** at 200ms: host h1 = down", "*** at 200ms: host h2 = down",
                 "*** at 200ms: link r1 s2 = up"])
    out, err = p.communicate("links\nlink h1 s1\n", timeout=60)
    check((p.returncode, err), (0, ""))
    check([line.split(" ", 1)[1] for line in out.splitlines()[:5]],
          ["(DOWN DOWN) ", "(DOWN DOWN) ", "(OK OK) ", "(OK OK) ", "(OK OK) "])
    matches(r"^h1-eth0<->s1-eth1: down, engine", out)
    check(out.splitlines()[-2:], ["  h1 -> s1: delay=5ms", "  s1 -> h1: none"])


assert os.geteuid() == 0, "building networks needs root"
run_tests(dict(globals()))
