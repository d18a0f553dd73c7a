#!/usr/bin/env python3
"""SIGKILL at random moments of build, run and teardown leaves nothing, and touches nothing of others.

usage: sigkill.py [TIMES] [SEED]
"""
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import lab

DECOY = "detnet-decoy"  # a namespace of the user's, by name as near to ours as it can be
CGROUPS = [p for p in (pathlib.Path("/sys/fs/cgroup/unified/detnet"), pathlib.Path("/sys/fs/cgroup/detnet"))]


class Decoys:
    """Things of the user's that a tidy-up by name pattern would take away."""

    def __enter__(self):
        lab.out("ip", "netns", "add", DECOY)
        lab.out("ip", "-n", DECOY, "link", "add", "foo-eth0", "type", "veth", "peer", "name", "h1-eth0")
        lab.out("ip", "-n", DECOY, "link", "set", "lo", "up")
        self.ping = subprocess.Popen(["ip", "netns", "exec", DECOY, "ping", "-q", "127.0.0.1"],
                                     stdout=subprocess.DEVNULL)
        return self

    def check(self):
        assert self.ping.poll() is None, "the user's ping is gone"
        links = lab.out("ip", "-n", DECOY, "-o", "link")
        assert "foo-eth0" in links and "h1-eth0" in links, links

    def __exit__(self, *_):
        self.ping.kill()
        self.ping.wait()
        lab.out("ip", "netns", "del", DECOY)


def whole_run(tmp):
    """How long an undisturbed run takes, from start to end."""
    start = time.monotonic()
    lab.run(lab.ROOT / "examples" / "quickstart.ini", pathlib.Path(tmp) / "whole", "--duration", "1s")
    return time.monotonic() - start


def kill_at(tmp, n, seconds):
    p = subprocess.Popen([lab.DETNET, "run", str(lab.ROOT / "examples" / "quickstart.ini"), "-o",
                          str(pathlib.Path(tmp) / f"k{n}"), "--duration", "1s"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        p.wait(seconds)
    except subprocess.TimeoutExpired:
        p.send_signal(signal.SIGKILL)
        p.wait()
        return True
    return False


def swept():
    """Cgroups and run folders that are still there after a start that sweeps."""
    left = [str(d) for c in CGROUPS if c.exists() for d in c.iterdir() if d.is_dir()]
    run = pathlib.Path("/run/detnet")
    return left + ([str(d) for d in run.iterdir()] if run.exists() else [])


def main():
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    killed = 0
    with tempfile.TemporaryDirectory(prefix="detnet-e2e-") as tmp, Decoys() as decoys:
        length = whole_run(tmp)
        before = lab.state()
        for n in range(times):
            # A third in the first half second (the build), the others anywhere, the end included.
            at = rng.uniform(0, 0.5) if n % 3 == 0 else rng.uniform(0.1, length)
            killed += kill_at(tmp, n, at)
            left = lab.wait_gone(before)
            assert not left, f"kill {n} after {at:.3f} s left {left}"
            decoys.check()
        lab.out(lab.DETNET, "clean")
        assert not swept(), f"not swept: {swept()}"
        decoys.check()
    print(f"  {killed} of {times} runs of {length:.1f} s were killed; nothing left")
    assert killed >= times * 3 // 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
