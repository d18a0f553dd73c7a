#!/usr/bin/env python3
"""Root in a host sends to detnet's sockets there, and can neither lend its packets to another host's program
nor keep its own programs from being named.

usage: forged.py

On the rung none the capture asks sock_diag in each host's namespace. A program of h1 sends to all sock_diag
sockets that it finds: stray messages (an answer too many, that all later ones would be read after) and answers
that name a program of h2. What h1 sends before and after must bear the names of the programs that sent it.
"""
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile

import lab

TOPO = """[network]
name = forged
[switch s1]
[host h1]
address = 10.0.0.1/24
[host h2]
address = 10.0.0.2/24
[link h1 s1]
[link h2 s1]
[capture]
rung = none
"""
# More than one program on h1 at any time, so that nobody is taken for the only one. Senders stay, as their
# sockets do, until the network goes.
COMMANDS = """h2 sleep 7731.5 &
h1 sleep 7732.5 &
sh until p=$(pgrep -nfx 'sleep 7731.5'); do :; done; python3 {me} id $p
capture start forged.pcapng udp
h1 python3 {me} send 6000 &
sh until [ -e sent-6000 ]; do :; done
h1 python3 {me} forge
h1 python3 {me} send 6100 &
sh until [ -e sent-6100 ]; do :; done
capture stop
exit
"""
NETLINK_SOCK_DIAG, NLMSG_DONE, SOCK_DIAG_BY_FAMILY, INET_DIAG_CGROUP_ID = 4, 3, 20, 21
DATAGRAMS, DISCARD = 20, 9


def send(port):
    """Each from a socket of its own."""
    kept = []
    for k in range(DATAGRAMS):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.bind(("10.0.0.1", port + k))
        s.sendto(b"x", ("10.0.0.2", DISCARD))
        kept.append(s)
    pathlib.Path(f"sent-{port}").touch()
    signal.pause()


def forge():
    cgroup = int(pathlib.Path("id").read_text())
    rows = [l.split() for l in pathlib.Path("/proc/net/netlink").read_text().splitlines()[1:]]
    ports = [int(r[2]) for r in rows if int(r[1]) == NETLINK_SOCK_DIAG and int(r[2])]
    assert ports, "no sockets to forge answers for"
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
    answer = struct.pack("BBBB", socket.AF_INET, 7, 0, 0) + bytes(68)
    answer += struct.pack("=HHQ", 12, INET_DIAG_CGROUP_ID, cgroup)
    for port in ports:
        for seq in range(1, 120):
            for kind, body in ((NLMSG_DONE, b""), (SOCK_DIAG_BY_FAMILY, answer)):
                try:
                    s.sendto(struct.pack("=IHHII", 16 + len(body), kind, 0, seq, 0) + body, (port, 0))
                except ConnectionRefusedError:
                    pass


def write_id(pid):
    """Of the cgroup of a program of h2, as sock_diag would give it."""
    path = re.search(r"^0::(.*)$", pathlib.Path(f"/proc/{pid}/cgroup").read_text(), re.M).group(1)
    place = next(p for p in map(pathlib.Path, ("/sys/fs/cgroup" + path, "/sys/fs/cgroup/unified" + path))
                 if p.is_dir())
    pathlib.Path("id").write_text(str(place.stat().st_ino))


def check(folder):
    text = lab.tshark(folder / "forged.pcapng", "-n", "-Y", f"udp.dstport == {DISCARD}", "-T", "fields", "-e",
                      "udp.srcport", "-e", "frame.comment")
    comments = dict(line.split("\t") for line in text.splitlines())
    assert len(comments) == 2 * DATAGRAMS, comments
    for port, comment in comments.items():
        assert re.match(r"host=h1 pid=\d+ comm=.* owner=\d+ confidence=inferred", comment), (port, comment)
        assert "sleep" not in comment, (port, comment)
    owners = {re.search(r"owner=(\d+)", c).group(1) for c in comments.values()}
    assert len(owners) == 2, f"two programs sent, not {comments}"


def main():
    if len(sys.argv) > 1:
        return {"send": send, "forge": forge, "id": write_id}[sys.argv[1]](*map(int, sys.argv[2:]))
    me = pathlib.Path(__file__).resolve()
    with tempfile.TemporaryDirectory(prefix="detnet-e2e-") as tmp:
        folder = pathlib.Path(tmp)
        (folder / "forged.ini").write_text(TOPO)
        r = subprocess.run([lab.DETNET, "forged.ini"], input=COMMANDS.format(me=me), cwd=tmp,
                           capture_output=True, text=True, timeout=120)
        assert r.returncode == 0 and "Traceback" not in r.stdout + r.stderr, r.stdout + r.stderr
        check(folder)
    print(f"  {2 * DATAGRAMS} datagrams bear their senders' names, forged answers or not")
    return 0


if __name__ == "__main__":
    sys.exit(main())
