#!/usr/bin/env python3
"""What a packet's tag costs: the time that the tag's BPF programs take, as the kernel counts it.

    tag.py DETNET [RUNG...]     (raw_tp cgroup)

A run of two hosts sends small datagrams and small TCP segments. For each rung there is a row for each
program, and the sum of all divided by the packets that left an interface. The kernel's own part of
calling a program (a trampoline, a tracepoint) is not in it. Under qemu the figures are only good for
comparing rungs.
"""
# SPDX-License-Identifier: BSD-3-Clause
import ctypes
import json
import os
import pathlib
import platform
import select
import struct
import subprocess
import sys
import tempfile

BPF_PROG_GET_NEXT_ID, BPF_PROG_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD, BPF_ENABLE_STATS = 11, 13, 15, 32
SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
INFO_SIZE, NAME, RUN_TIME = 232, 64, 192  # struct bpf_prog_info in linux/bpf.h

TOPO = """[network]
name = tag
scenario_path = {folder}
[host h1]
[host h2]
[link h1 h2]
[scenario talk]
server = h2
clients = h1
every = 1ms
count = 1
[capture]
ring = 256MiB
snaplen = 128
rung = {rung}
"""
SCENARIO = """[scenario]
title = Small packets
class = benign
[server]
start = server.sh
ready = tcp/7000
[sub send]
title = Datagrams, then segments
run = client.sh
timeout = 120s
expect exit = 0
"""
SERVER = """import socket
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 7000))
tcp = socket.create_server(("0.0.0.0", 7000))
while True:
    peer, _ = tcp.accept()
    while peer.recv(65536):
        pass
    peer.close()
"""
CLIENT = """import socket, sys
to, packets = (sys.argv[1], 7000), int(sys.argv[2])
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(packets):
    udp.sendto(b"x" * 64, to)
tcp = socket.create_connection(to)
tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for _ in range(packets):
    tcp.send(b"x" * 64)
tcp.shutdown(socket.SHUT_WR)
tcp.recv(1)
"""
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attr):
    """bpf(2); attr is what it reads and, in place, writes."""
    result = libc.syscall(SYS_BPF, command, attr, len(attr))
    if result < 0:
        raise OSError(ctypes.get_errno(), "bpf")
    return result


def programs():
    """The ids of all that are loaded."""
    ids, at = [], 0
    while True:
        attr = ctypes.create_string_buffer(struct.pack("III", at, 0, 0), 12)
        try:
            bpf(BPF_PROG_GET_NEXT_ID, attr)
        except FileNotFoundError:
            return ids
        at = struct.unpack_from("I", attr, 4)[0]
        ids.append(at)


def hold(known):
    """A program is kept, with what it has counted, as long as somebody holds it."""
    held = []
    for number in set(programs()) - known:
        held.append(bpf(BPF_PROG_GET_FD_BY_ID, ctypes.create_string_buffer(struct.pack("III", number, 0, 0), 12)))
    return held


def read(fd):
    info = ctypes.create_string_buffer(INFO_SIZE)
    bpf(BPF_OBJ_GET_INFO_BY_FD, ctypes.create_string_buffer(
        struct.pack("IIQ", fd, INFO_SIZE, ctypes.addressof(info)), 16))
    os.close(fd)
    name = info.raw[NAME:NAME + 16].split(b"\0")[0].decode()
    return (name,) + struct.unpack_from("QQ", info, RUN_TIME)


def measure(detnet, rung, packets):
    with tempfile.TemporaryDirectory(prefix="detnet-tag-") as tmp:
        folder = pathlib.Path(tmp) / "scenarios" / "talk"
        folder.mkdir(parents=True)
        os.mkfifo(folder / "begun")
        for name, text in (("scenario.ini", SCENARIO), ("server.py", SERVER), ("client.py", CLIENT),
                           ("server.sh", 'exec python3 "$scenario_dir/server.py"\n'),
                           ("client.sh", 'echo >"$scenario_dir/begun"\n'
                            f'exec python3 "$scenario_dir/client.py" "$server" {packets}\n')):
            (folder / name).write_text(text)
        topo = pathlib.Path(tmp) / "topo.ini"
        topo.write_text(TOPO.format(folder=folder.parent, rung=rung))
        known = set(programs())
        out = pathlib.Path(tmp) / "out"
        run = subprocess.Popen([detnet, "-q", "run", str(topo), "-o", str(out), "--duration", "1s"],
                               stdout=subprocess.DEVNULL)
        begun = os.open(folder / "begun", os.O_RDONLY | os.O_NONBLOCK)
        with open(begun) as fifo, os.fdopen(os.pidfd_open(run.pid)) as end:
            select.select([fifo, end], [], [])
        held = hold(known)
        assert run.wait() == 0, f"detnet run: {run.returncode}"
        got = json.loads((out / "manifest.json").read_text())["tag"]["rung"]
        assert got == rung, f"this machine has the rung {got}, not {rung}"
        return [read(fd) for fd in held]


def main():
    detnet = os.path.abspath(sys.argv[1])
    rungs = sys.argv[2:] or ["raw_tp", "cgroup"]
    packets = int(os.environ.get("PACKETS", 50000))
    stats = bpf(BPF_ENABLE_STATS, ctypes.create_string_buffer(struct.pack("III", 0, 0, 0), 12))
    for rung in rungs:
        rows = [row for row in measure(detnet, rung, packets) if row[2]]
        sent = next(count for name, _, count in rows if name == "egress")
        assert sent >= packets, f"{sent} packets"
        total = sum(time for _, time, _ in rows)
        print(f"{rung}: {total / sent:.0f} ns for each of {sent:,} packets")
        for name, time, count in sorted(rows, key=lambda row: -row[1]):
            print(f"  {name:16} {count:9,} calls of {time / count:5.0f} ns, {time / sent:5.0f} ns a packet")
    os.close(stats)


main()
