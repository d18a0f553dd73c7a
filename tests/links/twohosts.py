"""Two hosts and one link, run by detnet, for measurements: programs in hosts, and their ends as events.

The programs talk through named pipes in the folder that detnet shares with its hosts, so nothing is
polled: a line is read when it is written, and the end of a program is the end of its output.
"""
# SPDX-License-Identifier: BSD-3-Clause
import os
import pathlib
import select
import shutil
import subprocess
import tempfile

MAC = {"h1": "02:00:00:00:00:01", "h2": "02:00:00:00:00:02"}
PATIENCE = 120  # seconds without a word from a program that should speak: it hangs


class Failed(Exception):
    pass


def topology(engine, keys, seed=1):
    """The file's text; keys is {"delay>": "20ms 5ms normal", …}; engine None: whatever detnet takes."""
    lines = ["[network]", "name = links", f"seed = {seed}"]
    if engine:
        lines.append(f"engine = {engine}")
    lines += ["[host h1]", "[host h2]", "[link h1 h2]"]
    lines += [f"mac {host} = {mac}" for host, mac in MAC.items()]
    lines += [f"{key} = {value}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


class Program:
    """One in a host, with what it says; end_input() is the end of its standard input."""

    def __init__(self, net, host, command):
        self.net, self.command = net, command
        net.count += 1
        paths = [net.folder / f"{way}.{net.count}" for way in ("in", "out")]
        for path in paths:
            os.mkfifo(path)
        self.text = b""
        self.ended = False
        # Open for both ways, so that neither end's opening waits for the other.
        self.input = os.open(paths[0], os.O_RDWR | os.O_CLOEXEC)
        self.output = os.open(paths[1], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        net.shell(f"{host} {{ {command} ; echo \"status $?\" ; }} <{paths[0].name} >{paths[1].name} 2>&1 &")

    def _read(self, patience):
        poll = select.poll()
        poll.register(self.output, select.POLLIN)
        poll.register(self.net.pidfd, select.POLLIN)
        ready = dict(poll.poll(patience * 1000))
        if self.output in ready:
            data = os.read(self.output, 65536)
            self.text += data
            self.ended = not data
        elif ready:
            raise Failed(f"detnet ended: {self.net.words()}")
        else:
            raise Failed(f"'{self.command}' hangs; it said {self.text.decode()!r}, "
                         f"and detnet {self.net.words()!r}")

    def line(self, word, patience=PATIENCE):
        """The first line that starts with the word, once it is there."""
        while True:
            for line in self.text.decode().split("\n")[:-1]:
                if line.split(" ")[0] == word:
                    return line
            if self.ended:
                raise Failed(f"'{self.command}' ended without '{word}': {self.text.decode()}")
            self._read(patience)

    def end_input(self):
        if self.input >= 0:
            os.close(self.input)
            self.input = -1

    def wait(self, patience=PATIENCE, check=True):
        """All that it said, when it has ended."""
        while not self.ended:
            self._read(patience)
        self.end_input()
        os.close(self.output)
        text, _, status = self.text.decode().rpartition("status ")
        if check and status.strip() != "0":
            raise Failed(f"'{self.command}' ended with {status.strip()}: {text}")
        return text


class Network:
    """A running detnet; tools are programs that hosts find in their current folder."""

    def __init__(self, detnet, text, tools=(), files=None):
        # Where a folder may be shared with hosts, which one below /run may not.
        self.temporary = tempfile.TemporaryDirectory(prefix="detnet-links-", dir="/var/tmp")
        self.folder = pathlib.Path(self.temporary.name)
        self.count = 0
        for tool in tools:
            shutil.copy(tool, self.folder)
        for name, content in (files or {}).items():
            (self.folder / name).write_text(content)
        (self.folder / "topo.ini").write_text(text)
        self.log = open(self.folder / "detnet.log", "w+")
        self.process = subprocess.Popen([str(detnet), "topo.ini"], cwd=self.folder, text=True,
                                        stdin=subprocess.PIPE, stdout=self.log, stderr=subprocess.STDOUT)
        self.pidfd = os.pidfd_open(self.process.pid)

    def words(self):
        self.log.seek(0)
        return self.log.read().strip()

    def shell(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.process.wait()
            raise Failed(f"detnet ended: {self.words()}") from None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        status = self.process.wait()
        words = self.words()
        os.close(self.pidfd)
        self.log.close()
        self.temporary.cleanup()
        if status and not kind:
            raise Failed(f"detnet ended with {status}: {words}")


class Frame:
    """What owd wrote of one frame; times in milliseconds."""
    __slots__ = ("seq", "sent", "delay", "received", "flipped", "ecn")

    def __init__(self, line):
        seq, sent, received, flipped, ecn = map(int, line.split(","))
        self.seq, self.flipped, self.ecn = seq, flipped, ecn
        self.sent, self.received = sent / 1e6, received / 1e6
        self.delay = (received - sent) / 1e6


class Flow:
    """Numbered frames from one host to the other. begin() returns when nothing can be missed any more."""

    def __init__(self, net, source, target, count, rate, grace_ms, size=128, all_come=False, ecn=False):
        self.net, self.source, self.target, self.count, self.rate = net, source, target, count, rate
        self.grace_ms = grace_ms
        self.options = f"-s {size}" + (" -e" if ecn else "")
        most = f"-n {count}" if all_come else ""
        self.file = f"frames.{net.count}.csv"
        self.receiver = Program(net, target, f"./owd receive {most} -g {grace_ms} {self.options} "
                                             f"-o {self.file} {target}-eth0 {MAC[source]}")

    def begin(self):
        self.receiver.line("ready")
        command = f"./owd send -n {self.count} -r {self.rate} {self.options}"
        self.sender = Program(self.net, self.source, f"{command} {self.source}-eth0 {MAC[self.target]}")

    def end(self):
        """The frames that came, in the order received, and the sender's report."""
        words = self.sender.wait(PATIENCE + self.count / self.rate).split()
        self.receiver.end_input()
        self.receiver.wait(PATIENCE + self.grace_ms / 1000)
        with open(self.net.folder / self.file) as f:
            next(f)
            frames = [Frame(line) for line in f]
        return frames, dict(zip(words[::2], map(int, words[1::2])))


def one_way(net, count, rate, grace_ms, **options):
    """Sends count frames from h1 to h2; those that came, in the order received, and the sender's report."""
    flow = Flow(net, "h1", "h2", count, rate, grace_ms, **options)
    flow.begin()
    return flow.end()
