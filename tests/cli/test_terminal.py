#!/usr/bin/env python3
"""The shell at a terminal: prompt, history, Ctrl-C, Ctrl-D, an interactive program. Needs root."""
import os
import pty
import select
import time

from program import DETNET, LAB, check, folder, run_tests, write

DIR = folder()
TOPO = write(DIR.name, "lab.ini", LAB)
PROMPT = b"detnet> "


class Terminal:
    """The program on a pseudo-terminal of its own."""

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(DIR.name)
            os.environ.update(HOME=DIR.name, TERM="xterm")
            os.execv(DETNET, [DETNET, *args])
        self.seen = self.all = b""

    def until(self, what):
        """Reads until what has come; what came before it is returned."""
        end = time.monotonic() + 60
        while what not in self.seen:
            ready = select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]
            assert ready, f"{what!r} never came; got {self.seen!r}"
            try:
                new = os.read(self.fd, 65536)
                self.seen += new
                self.all += new
            except OSError as e:  # the program has gone
                raise AssertionError(f"{what!r} never came; got {self.seen!r}") from e
        before, self.seen = self.seen.split(what, 1)
        return before

    def type(self, text):
        os.write(self.fd, text)

    def end(self):
        """Waits for the end; its exit status."""
        try:
            self.until(b"\0never\0")
        except AssertionError as e:
            if not isinstance(e.__cause__, OSError):
                os.kill(self.pid, 9)
                raise
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return status


def start():
    t = Terminal(TOPO)
    t.until(b"*** Starting CLI:")
    t.until(PROMPT)
    return t


def test_ctrl_c_ends_the_program_only():
    t = start()
    t.type(b"h1 sh -c 'echo ready; exec cat'\r")
    t.until(b"\nready")
    t.type(b"\x03")
    t.until(PROMPT)
    t.type(b"h1 echo still$((1+1))here\r")
    t.until(b"\nstill2here")
    t.until(PROMPT)
    t.type(b"exit\r")
    check(t.end(), 0)


def test_ctrl_c_ends_pingall():
    t = start()
    t.type(b"h2 ip link set h2-eth0 down\r")
    t.until(PROMPT)
    t.type(b"pingall 600\r")
    t.until(b"h1 -> ")
    t.type(b"\x03")
    t.until(b"*** Interrupted")
    t.until(PROMPT)
    t.type(b"\x04")
    check(t.end(), 0)


def test_ctrl_c_ends_the_lines_of_a_capture_only():
    t = start()
    t.type(b"h1 exec ping -i0.1 h2 >/dev/null &\r")
    t.until(PROMPT)
    t.type(b"h2 capture\r")
    t.until(b"icmp echo request")
    t.type(b"\x03")
    t.until(PROMPT)
    t.type(b"h1 echo still$((1+1))here\r")
    t.until(b"\nstill2here")
    t.type(b"exit\r")
    check(t.end(), 0)


def test_ctrl_c_drops_the_line():
    t = start()
    t.type(b"nonsense")
    t.until(b"nonsense")
    t.type(b"\x03")
    t.until(PROMPT)
    t.type(b"h1 echo o$((0))k\r")
    t.until(b"\no0k")
    t.until(PROMPT)
    t.type(b"quit\r")
    check(t.end(), 0)


def test_history_is_kept_and_comes_back():
    t = start()
    t.type(b"h1 echo first$((6*7))\r")
    t.until(b"\nfirst42")
    t.until(PROMPT)
    t.type(b"\x1b[A\r")
    t.until(b"\nfirst42")
    t.until(PROMPT)
    t.type(b"exit\r")
    check(t.end(), 0)
    t = start()
    t.type(b"\x1b[A\x1b[A\r")
    t.until(b"\nfirst42")
    t.until(PROMPT)
    t.type(b"\x04")
    check(t.end(), 0)


def test_failures_do_not_become_the_status():
    t = start()
    t.type(b"h1 false\r")
    t.until(PROMPT)
    t.type(b"\x04")
    check(t.end(), 0)


def test_an_interactive_program_has_the_terminal():
    t = start()
    t.type(b"h1 python3 -q\r")
    t.until(b">>> ")
    t.type(b"import os; print(os.uname().nodename, os.isatty(0))\r")
    t.until(b"\nh1 True")
    t.until(b">>> ")
    t.type(b"\x03")
    t.until(b"KeyboardInterrupt")
    t.until(b">>> ")
    t.type(b"exit()\r")
    t.until(PROMPT)
    t.type(b"exit\r")
    check(t.end(), 0)


def test_sigterm_takes_the_network_down():
    t = start()
    os.kill(t.pid, 15)
    check(t.end(), 0)


def test_sigterm_while_a_program_has_the_terminal():
    t = start()
    t.type(b"h1 sh -c 'echo rea$((0))dy; exec cat'\r")
    t.until(b"\nrea0dy")
    os.kill(t.pid, 15)
    check(t.end(), 0)


def still_there(t):
    """The network is up and its shell takes lines."""
    t.until(PROMPT)
    t.type(b"h2 ping -c1 -q h1\r")
    t.until(b" 0% packet loss")
    t.until(PROMPT)


def test_a_program_kills_only_its_own_group():
    t = start()
    # Background programs and the other hosts' inits live on, too.
    t.type(b"h2 cat /dev/zero > /dev/null &\r")
    t.until(PROMPT)
    for line in (b"h1 bash -c 'kill 0; echo not$((0))killed'", b"h1 bash -c 'kill -9 0; echo not$((0))killed'",
                 b"h1 python3 -c 'import os; os.kill(0, 1)'"):
        t.type(line + b"\r")
        t.until(b"\r\n")
        assert b"not0killed" not in t.until(PROMPT)
    t.type(b"h2 pgrep -c -x cat\r")
    t.until(b"\n1")
    still_there(t)
    t.type(b"exit\r")
    check(t.end(), 0)


def test_ctrl_c_ends_ping_with_its_summary():
    t = start()
    t.type(b"h1 ping h2\r")
    t.until(b"icmp_seq=1")
    t.type(b"\x03")
    t.until(b"ping statistics")
    still_there(t)
    t.type(b"exit\r")
    check(t.end(), 0)


def test_ctrl_c_ends_a_script():
    t = Terminal(TOPO, "-c", "h1 sh -c 'echo rea$((0))dy; exec cat'\nh1 echo more$((0))lines")
    t.until(b"rea0dy")
    t.type(b"\x03")
    t.end()
    assert b"more0lines" not in t.all, t.all


def test_a_stopped_program_goes_on():
    t = Terminal(TOPO, "-c",
                 "h1 sh -c 'trap \"echo on$((0))again\" CONT; echo rea$((0))dy; until read x; do :; done; echo got $x'")
    t.until(b"rea0dy")
    t.type(b"\x1a")
    t.until(b"on0again")
    t.type(b"line\r")
    t.until(b"got line")
    check(t.end(), 0)
    t = start()
    t.type(b"h1 bash -c 'kill -STOP $$; echo went$((0))on'\r")
    t.until(b"\nwent0on")
    still_there(t)
    t.type(b"exit\r")
    check(t.end(), 0)


def test_a_shell_in_a_host_has_job_control():
    t = start()
    t.type(b"h1 env PS1='in$((0))h1> ' bash --norc --noprofile\r")
    assert b"job control" not in t.until(b"in0h1> "), t.all
    t.type(b"sh -c 'trap \"echo ba$((0))ck\" CONT; echo rea$((0))dy; "
           b"until read x; do :; done; echo got $x; exec cat'\r")
    t.until(b"rea0dy")
    t.type(b"\x1a")
    t.until(b"Stopped")
    t.until(b"in0h1> ")
    t.type(b"fg\r")
    t.until(b"ba0ck")
    t.type(b"again\r")
    t.until(b"got again")
    t.type(b"\x03")
    t.until(b"in0h1> ")
    t.type(b"jobs; echo left$((0))over\r")
    before = t.until(b"left0over")
    assert b"cat" not in before.split(b"\n", 1)[-1], before
    t.until(b"in0h1> ")
    t.type(b"exit\r")
    still_there(t)
    t.type(b"exit\r")
    check(t.end(), 0)


def test_a_change_comes_while_a_line_is_typed():
    t = Terminal(write(DIR.name, "timeline.ini", LAB + "\n[at 3s]\nlink h1 s1 = down\n"))
    t.until(PROMPT)
    t.type(b"h1 echo o$((0))")
    t.until(b"h1 echo o$((0))")
    assert t.until(b"*** at 3s: link h1 s1 = down\r\n").endswith(b"\r\n"), t.all
    t.until(PROMPT)
    t.until(b"h1 echo o$((0))")
    t.type(b"k\r")
    t.until(b"\no0k\r\n")
    t.until(PROMPT)
    t.type(b"exit\r")
    check(t.end(), 0)


assert os.geteuid() == 0, "building networks needs root"
run_tests(dict(globals()))
