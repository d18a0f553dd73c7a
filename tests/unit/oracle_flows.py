#!/usr/bin/env python3
# Holds our flows against tshark's conversations, row by row, and against Zeek's documentation:
# random segments made by hand, and real programs' traffic over a veth between two namespaces.
#
#     oracle_flows.py FLOWDUMP
#
# SPDX-License-Identifier: BSD-3-Clause
import collections, csv, io, os, random, socket, struct, subprocess, sys, tempfile, threading, time

A4, B4, GONE4, A6, B6 = "10.9.0.1", "10.9.0.2", "10.9.0.99", "fd09::1", "fd09::2"


def run(*argv, **kw):
    p = subprocess.run(argv, capture_output=True, text=True, **kw)
    if p.returncode:
        sys.exit(f"{' '.join(argv)}: {p.stderr}")
    return p.stdout


def write_pcap(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for ts, d in frames:
            f.write(struct.pack("<IIII", ts // 10**9, ts % 10**9, len(d), len(d)) + d)


def streams(path, proto):
    """tshark's conversations: (ends, then packets and bytes of each end), in order."""
    rows = collections.OrderedDict()
    fields = [f"{proto}.stream", "ip.src", "ipv6.src", f"{proto}.srcport", "ip.dst", "ipv6.dst",
              f"{proto}.dstport", "frame.len", "vlan.id"]
    args = [a for f in fields for a in ("-e", f)]
    # what an ICMP error quotes would count as a stream of its own
    out = run("tshark", "-r", path, "-o", "ip.defragment:FALSE", "-Y",
              f"{proto} and not icmp and not icmpv6 and not ip.flags.mf==1",
              "-T", "fields", *args)
    for line in out.splitlines():
        n, s4, s6, sp, d4, d6, dp, length, vlan = line.split("\t")
        src, dst = (s4 or s6, int(sp)), (d4 or d6, int(dp))
        row = rows.setdefault(int(n), {src: [0, 0], dst: [0, 0]})
        row[src][0] += 1
        row[src][1] += int(length) - (4 if vlan else 0)
    return [sorted((e, *v) for e, v in r.items()) for r in rows.values()]


def conversation_rows(path, proto):
    """The rows of -z conv: ends and frames (its bytes are rounded)."""
    rows = []
    for line in run("tshark", "-q", "-r", path, "-z", f"conv,{proto}").splitlines():
        w = line.split()
        if len(w) > 4 and w[1] == "<->":
            # A <-> B, frames to A, bytes and their unit, frames to B, …
            rows.append(tuple(sorted([(w[0], int(w[6])), (w[2], int(w[3]))])))
    return sorted(rows)


def flows(path):
    return list(csv.DictReader(io.StringIO(run(FLOWDUMP, "--never-idle", path))))


def our_streams(rows, proto):
    out = []
    for r in rows:
        if r["proto"] == proto:
            ends = []
            for e in ("orig", "resp"):
                pkts = int(r[f"{e}_pkts"])
                ends.append(((r[f"id.{e}_h"], int(r[f"id.{e}_p"])), pkts,
                             int(r[f"{e}_ip_bytes"]) + 14 * pkts))
            out.append(sorted(ends))
    return out


def same(what, ours, theirs):
    if ours != theirs:
        for i, (a, b) in enumerate(zip(ours, theirs)):
            if a != b:
                sys.exit(f"{what}: row {i} differs\n ours   {a}\n tshark {b}")
        sys.exit(f"{what}: {len(ours)} rows, tshark has {len(theirs)}")
    print(f"{what}: {len(ours)} rows, the same")


def tcp_frame(there, port, seq, ack, flags, n, vlan, six):
    sp, dp = (port, 80) if there else (80, port)
    seg = struct.pack(">HHIIBBHHH", sp, dp, seq, ack, 0x50, flags, 1000, 0, 0) + b"x" * n
    family = socket.AF_INET6 if six else socket.AF_INET
    a, b = (socket.inet_pton(family, x) for x in ((A6, B6) if six else (A4, B4)))
    src, dst = (a, b) if there else (b, a)
    if six:
        ip = struct.pack(">IHBB", 6 << 28, len(seg), 6, 64) + src + dst
    else:
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(seg), 0, 0, 64, 6, 0) + src + dst
    tag = struct.pack(">HH", 0x8100, 7) if vlan else b""
    return b"\2\0\0\0\0\1\2\0\0\0\0\2" + tag + (b"\x86\xdd" if six else b"\x08\0") + ip + seg


def random_segments(path, seed, n=3000):
    """Resets, reuse, simultaneous SYNs and nonsense on few ports, so that all of it meets."""
    r = random.Random(seed)
    flags = [2, 2, 2, 0x12, 0x12, 0x10, 0x10, 0x18, 0x11, 1, 4, 0x14, 0, 0x29, 0x16, 3]
    seqs = [1000, 1001, 5000, 5001, 9000, 0xFFFFFFF0]
    write_pcap(path, [(1700000000 * 10**9 + i * 1000, tcp_frame(
        r.random() < .5, 40000 + r.randrange(4) + 4 * (i // 60), r.choice(seqs), r.choice(seqs),
        r.choice(flags), r.choice([0, 0, 1, 50]), seed % 3 == 1, seed % 3 == 2))
        for i in range(n)])


class Capture(threading.Thread):
    """All frames of an interface, from the moment it is made."""

    def __init__(self, iface):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.sock.bind((iface, 3))
        self.stop = os.eventfd(0)
        self.frames = []
        self.start()

    def run(self):
        import select
        while True:
            ready, _, _ = select.select([self.sock, self.stop], [], [])
            if self.sock in ready:
                self.frames.append((time.time_ns(), self.sock.recv(1 << 17)))
            elif self.stop in ready:
                return  # asked to, and all that had come was read

    def finish(self, path):
        os.eventfd_write(self.stop, 1)
        self.join()
        seen, dropped = struct.unpack("II", self.sock.getsockopt(263, 6, 8))
        assert not dropped, f"{dropped} frames of {seen} lost"
        write_pcap(path, self.frames)


SERVER = r"""
import socket, sys, threading
def tcp(s):
    while True:
        c, _ = s.accept()
        try:
            one(c)
        except ConnectionResetError:
            pass
        c.close()
def one(c):
        d = c.recv(1)
        if d == b"r":        # abort
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif d == b"g":      # give much
            c.sendall(b"y" * 300000)
        while d and d != b"r" and c.recv(65536):
            pass
def udp(s):
    while True:
        d, a = s.recvfrom(65536)
        s.sendto(d[:10], a)
for fam, host in ((socket.AF_INET, "10.9.0.2"), (socket.AF_INET6, "fd09::2")):
    s = socket.create_server((host, 8000), family=fam)
    u = socket.socket(fam, socket.SOCK_DGRAM); u.bind((host, 9000))
    threading.Thread(target=tcp, args=(s,), daemon=True).start()
    threading.Thread(target=udp, args=(u,), daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""


def client(host, word, abort=False, half=False):
    """One connection; its local port."""
    c = socket.create_connection((host, 8000))
    port = c.getsockname()[1]
    c.sendall(word)
    if abort:
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    elif word[:1] == b"g":
        left = 300000
        while left:
            left -= len(c.recv(65536))
    if not abort:
        if not half:
            c.shutdown(socket.SHUT_WR)
        try:
            c.recv(1)  # the server's FIN or RST
        except ConnectionResetError:
            pass
    c.close()
    return port


def real_traffic(path):
    """Real TCP, UDP and ICMP; {local port: (conn_state, orig_bytes, resp_bytes)}."""
    want = {}
    socket.setdefaulttimeout(20)
    peer = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo ready; read x; exec python3 -"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    peer.stdout.readline()
    run("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb", "netns", str(peer.pid))
    for ns, dev, a4, a6 in (((), "va", A4, A6), (("nsenter", "-t", str(peer.pid), "-n"), "vb", B4, B6)):
        run(*ns, "ip", "addr", "add", f"{a4}/24", "dev", dev)
        run(*ns, "ip", "addr", "add", f"{a6}/64", "dev", dev, "nodad")
        run(*ns, "ip", "link", "set", dev, "up")
    run("ip", "neigh", "add", GONE4, "lladdr", "02:00:00:00:00:63", "dev", "va")
    capture = Capture("va")
    server = subprocess.Popen(["nsenter", "-t", str(peer.pid), "-n", "python3", "-c", SERVER],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"ready\n"
    for host in (B4, B6):
        for _ in range(5):
            want[client(host, b"hello")] = ("SF", 5, 0)
        want[client(host, b"g" + b"z" * 200000)] = ("SF", 200001, 300000)
        want[client(host, b"x", abort=True)] = ("RSTO", 1, 0)
        want[client(host, b"r", half=True)] = ("RSTR", 1, 0)
        s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        s.bind((A6 if ":" in host else A4, 0))
        want[s.getsockname()[1]] = ("REJ", 0, 0)
        assert s.connect_ex((host, 81)) != 0
        for size in (10, 500):
            u = socket.socket(s.family, socket.SOCK_DGRAM)
            u.connect((host, 9000))
            u.send(b"d" * size)
            u.recv(100)
            want[u.getsockname()[1]] = ("SF", size, 10)
        s.close()
        run("ping", "-c", "2", "-i", "0.2", host)
    s = socket.socket()  # one local port, three times
    for _ in range(3):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((A4, 55555))
        s.connect((B4, 8000))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.close()
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex((GONE4, 80))
    want[s.getsockname()[1]] = ("S0", 0, 0)
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind((A4, 7777))
    u.sendto(b"f" * 4000, (B4, 9000))
    u.recv(100)
    capture.finish(path)
    s.close()
    for p in (server, peer):
        p.stdin.close()
        p.wait()
    return want


def check_real(path, want):
    rows = flows(path)
    by_port = {int(r["id.orig_p"]): r for r in rows if r["proto"] in ("tcp", "udp")}
    for port, (state, up, down) in want.items():
        r = by_port[port]
        got = (r["conn_state"], int(r["orig_bytes"]), int(r["resp_bytes"]))
        assert got == (state, up, down), f"port {port} is {got}, not {(state, up, down)}: {r}"
    print(f"states and bytes of {len(want)} real flows: as Zeek's documentation has them")
    assert sum(r["id.orig_p"] == "55555" for r in rows) == 3
    pings = [r for r in rows if r["proto"] == "icmp" and r["id.orig_p"] in ("8", "128")]
    assert [(r["orig_pkts"], r["resp_pkts"]) for r in pings] == [("2", "2")] * 2, pings
    parts = run("tshark", "-r", path, "-o", "ip.defragment:FALSE", "-T", "fields", "-e",
                "frame.len", "-Y", "ip.flags.mf==1 or ip.frag_offset>0").split()
    frag = by_port[7777]
    assert len(parts) > 1 and int(frag["orig_pkts"]) == len(parts)
    assert int(frag["orig_ip_bytes"]) == sum(map(int, parts)) - 14 * len(parts)
    assert int(frag["orig_bytes"]) == 4000
    rest = [r for r in rows if r["id.orig_p"] != "7777"]
    same("real tcp", our_streams(rest, "tcp"), streams(path, "tcp"))
    theirs = [s for s in streams(path, "udp") if not any(e[0][1] == 7777 for e in s)]
    same("real udp", our_streams(rest, "udp"), theirs)
    ours = sorted(tuple(sorted((f"{e[0][0]}:{e[0][1]}", e[1]) for e in s))
                  for s in our_streams(rows, "tcp"))
    same("tshark -z conv,tcp", ours, conversation_rows(path, "tcp"))


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "capture.pcap")
        for seed in range(1, 7):
            random_segments(path, seed)
            same(f"random segments, seed {seed}", our_streams(flows(path), "tcp"),
                 streams(path, "tcp"))
        check_real(path, real_traffic(path))


if __name__ == "__main__":
    FLOWDUMP = os.path.abspath(sys.argv[1])
    if os.environ.get("ORACLE_INSIDE") != "1":
        os.environ["ORACLE_INSIDE"] = "1"
        how = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
        os.execvp("unshare", how + [sys.executable] + sys.argv)
    main()
