#!/usr/bin/env python3
"""A run's capture.pcapng, block by block and in the hands of others: tshark, capinfos, tcpdump, editcap."""
import collections
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

import lab

TOPO = """[network]
name = pcapng
seed = 5
engine = shaper
[switch s1 s2]
[router r1]
[host h{{1..3}}]
switch = s1
[host www]
switch = s2
[link r1 s1]
[link r1 s2]
delay = 3ms
rate = 100mbit
[scenario web]
server = www
clients = h1 h2
subs = https-get
every = 500ms
count = {count}
[scenario ftp]
server = h2
clients = h3
subs = get
every = 1s
count = {count}
[capture]
secrets = {secrets}
"""
SECTION, IFACE, NAMES, STATS, PACKET, SECRETS, PROCESS = 0x0A0D0D0A, 1, 4, 5, 6, 10, 0x80000001
LINKS = {"www": 4, "h2": 2}  # that a packet of a client to this server crosses, or back
WAY = {"www": {"r1:r1-eth0", "r1:r1-eth1", "www:www-eth0"}, "h2": {"h2:h2-eth0"}}
FIELDS = ["frame.packet_id", "frame.interface_name", "frame.packet_flags_direction", "frame.time_epoch",
          "frame.comment", "ip.src_host", "ip.dst_host", "ip.id", "tcp.seq_raw", "tcp.ack_raw", "tcp.len"]


def run(folder, name, count, secrets):
    topo = folder / f"{name}.ini"
    topo.write_text(TOPO.format(count=count, secrets=secrets))
    lab.run(topo, folder / name, "--duration", "3s")
    rows = lab.table(folder / name / "activities.csv")
    assert rows and all(r["outcome"] == "ok" for r in rows), rows
    return folder / name, rows


def quiet(*argv, but=()):
    """The output of a program that has nothing to complain of."""
    r = subprocess.run([str(a) for a in argv], capture_output=True, text=True)
    said = [l for l in r.stderr.splitlines() if not any(b in l for b in ("dangerous", *but))]
    assert r.returncode == 0 and not said, (argv, r.returncode, said)
    return r.stdout


# ---- block by block ----

def blocks(path):
    data, at = path.read_bytes(), 0
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        assert size % 4 == 0 and struct.unpack_from("<I", data, at + size - 4)[0] == size, hex(at)
        yield kind, data[at + 8:at + size - 4]
        at += size


def options(data):
    found, at = collections.defaultdict(list), 0
    while at + 4 <= len(data):
        code, size = struct.unpack_from("<HH", data, at)
        if code == 0:
            assert at + 4 == len(data), "something is behind the end of the options"
            break
        found[code].append(data[at + 4:at + 4 + size])
        at += 4 + size + -size % 4
    return found


def check_blocks(path, owners):
    kinds = [k for k, _ in blocks(path)]
    first = kinds.index(PACKET)
    assert kinds[0] == SECTION and kinds.count(SECTION) == 1
    assert not {IFACE, NAMES, SECRETS} & set(kinds[first:]), "a reader needs it in front of the packets"
    assert not {STATS} & set(kinds[:len(kinds) - kinds[::-1].index(PACKET)]), kinds
    processes, counted, stats = [], collections.Counter(), {}
    for kind, body in blocks(path):
        if kind == PROCESS:
            name = options(body[4:])[2][0].decode()
            processes.append((struct.unpack_from("<I", body)[0], name))
        elif kind == STATS:
            o = options(body[12:])
            stats[struct.unpack_from("<I", body)[0]] = [struct.unpack("<Q", o[c][0])[0] for c in (4, 5, 8)]
        elif kind == PACKET:
            iface, _, _, caplen, _ = struct.unpack_from("<IIIII", body)
            counted[iface] += 1
            check_sender(options(body[20 + caplen + -caplen % 4:]), processes)
    known = {(int(o["pid"]), o["comm"]) for o in owners if o["start"]}
    assert set(processes) <= known and processes, set(processes) - known
    for iface, (received, dropped, delivered) in stats.items():
        assert (received, dropped, delivered) == (counted[iface], 0, counted[iface]), (iface, stats)
    return kinds, [b for k, b in blocks(path) if k == IFACE], b"".join(b for k, b in blocks(path) if k == NAMES)


def check_sender(o, processes):
    """What the comment says of it is what the options say that newer readers show."""
    assert len(o[1]) == len(o[2]) == len(o[5]) == 1, o
    said = re.match(r"host=\S+ (?:pid=(\d+) comm=(\S+)|kernel)", o[1][0].decode())
    assert said, o[1]
    if not said[1]:
        assert not o[8] and not o[0x8001], o
        return
    pid, thread = struct.unpack("<II", o[8][0])
    assert (pid, thread) == (int(said[1]), 0), (o, said)
    assert processes[struct.unpack("<I", o[0x8001][0])[0]] == (pid, said[2]), (o, said)


def check_ifaces(ifaces, names):
    seen = {}
    for body in ifaces:
        o = options(body[8:])
        seen[o[2][0].decode()] = o
        assert o[9] == [b"\x09"] and len(o[6][0]) == 6 and o[3], o
    assert set(seen) == {"h1:h1-eth0", "h2:h2-eth0", "h3:h3-eth0", "www:www-eth0", "r1:r1-eth0", "r1:r1-eth1"}
    assert seen["h1:h1-eth0"][4] == [bytes([10, 0, 0, 1, 255, 255, 255, 0])], seen["h1:h1-eth0"]
    assert struct.unpack("<Q", seen["r1:r1-eth1"][8][0]) == (100_000_000,) and not seen["h1:h1-eth0"][8]
    for node in ("h1", "h2", "h3", "www", "r1"):
        assert node.encode() + b"\0" in names, names


# ---- one id for one packet ----

def packets(path):
    text = lab.tshark(path, "-N", "n", "-T", "fields", *[a for f in FIELDS for a in ("-e", f)])
    return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in text.splitlines()]


def check_ids(rows):
    """Each TCP packet once on each link between its ends, all of them with one id, and no other with it."""
    by_id, end = collections.defaultdict(list), max(float(r["frame.time_epoch"]) for r in rows)
    for r in rows:
        assert r["frame.packet_id"] and r["frame.packet_flags_direction"] and r["frame.comment"], r
        by_id[r["frame.packet_id"]].append(r)
    whole = 0
    for id_, of in by_id.items():
        ends = {of[0]["ip.src_host"], of[0]["ip.dst_host"]}
        server = next((s for s in LINKS if s in ends and of[0]["tcp.len"]), None)
        same = {tuple(r[f] for f in FIELDS[4:]) for r in of}
        assert len(same) == 1 or not server, (id_, same)
        if not server or max(float(r["frame.time_epoch"]) for r in of) > end - 0.1:
            continue  # what was under way at the end may not have come to all of them
        client = (ends - {server}).pop()
        where = sorted(r["frame.interface_name"] for r in of)
        assert where == sorted({f"{client}:{client}-eth0"} | WAY[server]), (id_, ends, where)
        whole += 1
    kinds = collections.Counter(tuple(r[f] for f in FIELDS[5:]) for r in rows if r["tcp.len"])
    assert max(kinds.values()) == max(LINKS.values()), "packets were not told apart"
    assert whole > 200, whole
    return whole


# ---- others ----

def check_readers(out, rows):
    path = out / "capture.pcapng"
    info = quiet("capinfos", "-M", path)
    for line in (f"Number of packets: {len(rows)}", "Number of interfaces in file: 6",
                 "Number of decryption secrets in file: 1", "Number of resolved IPv4 addresses in file: 6",
                 "File timestamp precision: nanoseconds (9)"):
        assert line in re.sub(r" +", " ", info), (line, info)
    lines = quiet("tcpdump", "-nr", path, but=("reading from file",)).splitlines()
    assert len([l for l in lines if re.match(r"\d\d:\d\d", l)]) == len(rows)
    again, plain = out / "again.pcapng", out / "again.pcap"
    quiet("editcap", path, again)
    quiet("editcap", "-F", "nsecpcap", path, plain)
    fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "eth.src", "eth.dst", "eth.type"]
    texts = [lab.tshark(f, "-T", "fields", *[a for x in fields for a in ("-e", x)]) for f in (path, again, plain)]
    assert texts[0] == texts[1] == texts[2], "editcap's copies differ"
    # It leaves the names of addresses out.
    hosts = {"ip.src_host": None, "ip.dst_host": None}
    assert [r | hosts for r in packets(again)] == [r | hosts for r in rows], "editcap's copy lacks something"


def check_https(path, activities):
    """What a client asked for over TLS, and with which program, is there to be read."""
    lines = lab.tshark(path, "-Y", "tls && (http.request || http2.headers.path)", "-T", "fields",
                       "-e", "http.request.uri", "-e", "http2.headers.path").splitlines()
    asked = [a for a in activities if a["sub"] == "https-get"]
    for a in asked:
        name = f"/pub/{a['id']}/{json.loads(a['inputs'])['file']}"
        assert any(name in line.split("\t") for line in lines), (name, lines)
    programs = {json.loads(a["inputs"])["program"] for a in asked}
    assert programs == {"curl", "wget"}, programs
    return len(asked)


def main():
    with tempfile.TemporaryDirectory(prefix="detnet-e2e-") as tmp:
        out, activities = run(pathlib.Path(tmp), "out", 4, "yes")
        path = out / "capture.pcapng"
        kinds, ifaces, names = check_blocks(path, lab.table(out / "owners.csv"))
        assert kinds.count(SECRETS) == 1
        check_ifaces(ifaces, names)
        rows = packets(path)
        assert len(rows) == kinds.count(PACKET) == lab.manifest(out)["counts"]["packets"]
        whole = check_ids(rows)
        check_readers(out, rows)
        asked = check_https(path, activities)
        out, _ = run(pathlib.Path(tmp), "without", 1, "no")
        assert SECRETS not in [k for k, _ in blocks(out / "capture.pcapng")]
    print(f"  {len(rows)} records, {whole} TCP packets with one id on all their links, {asked} requests "
          "of HTTPS read")
    return 0


if __name__ == "__main__":
    sys.exit(main())
