#!/usr/bin/env python3
# Holds every column of the cic, netflow and netflow-v3 schemas against plain sums over lists of
# packets that are made here, so that their fields are known without reading the capture; and the
# names of all schemas' columns against docs/flows.md.
#
#     oracle_schemas.py DETNET
#
# SPDX-License-Identifier: BSD-3-Clause
import csv, datetime, io, itertools, math, os, random, re, statistics, struct, subprocess, sys
import tempfile
from ipaddress import ip_address

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << i for i in range(8))
TCP, UDP, ICMP, GRE, ICMP6 = 6, 17, 1, 47, 58
US, MS, SEC = 10**3, 10**6, 10**9
START = 1_700_000_000 * SEC + 123_456_789


def with_sum(data, at, pseudo=b""):
    """The data with the Internet checksum (RFC 1071) of it and the pseudo header at this place."""
    n = sum(struct.unpack(f">{(len(pseudo + data) + 1) // 2}H",
                          pseudo + data + bytes(len(data) % 2)))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return data[:at] + struct.pack(">H", ~n & 0xffff) + data[at + 2:]


class Packet:
    """One packet as sent: dir 0 is the originator's."""

    def __init__(self, flow, ts, dir, payload=b"", flags=0, window=500, ttl=64, options=b"",
                 icmp=None, seq=None, ack=0, again=False):
        self.flow, self.ts, self.dir, self.payload = flow, ts, dir, payload
        self.flags, self.window, self.ttl, self.options = flags, window, ttl, options
        self.icmp, self.seq, self.ack, self.again = icmp, seq, ack, again
        proto = flow.proto
        self.header = {TCP: 20 + len(options), UDP: 8, ICMP: 8, ICMP6: 8}.get(proto, 0)
        self.ip_len = (40 if flow.six else 20) + self.header + len(payload)

    def frame(self):
        f = self.flow
        src, dst = (f.ends[self.dir], f.ends[1 - self.dir])
        sport, dport = (f.ports[self.dir], f.ports[1 - self.dir]) if f.ports else (0, 0)
        if f.proto == TCP:
            l4 = struct.pack(">HHIIBBHHH", sport, dport, self.seq & 0xffffffff,
                             self.ack & 0xffffffff, self.header // 4 << 4, self.flags,
                             self.window, 0, 0) + self.options
        elif f.proto == UDP:
            l4 = struct.pack(">HHHH", sport, dport, 8 + len(self.payload), 0)
        elif f.proto in (ICMP, ICMP6):
            l4 = struct.pack(">BBHHH", *self.icmp, 0, 7, 1)
        else:
            l4 = b""
        l4 += self.payload
        a, b = ip_address(src).packed, ip_address(dst).packed
        if f.proto in (TCP, UDP, ICMP, ICMP6):
            pseudo = a + b + struct.pack(">II", len(l4), f.proto) if f.proto != ICMP else b""
            l4 = with_sum(l4, {TCP: 16, UDP: 6}.get(f.proto, 2), pseudo)
        if f.six:
            ip = struct.pack(">IHBB", 6 << 28, len(l4), f.proto, self.ttl) + a + b
        else:
            ip = with_sum(struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(l4), 1, 0x4000, self.ttl,
                                      f.proto, 0) + a + b, 10)
        return b"\2" * 6 + b"\4" * 6 + (b"\x86\xdd" if f.six else b"\x08\x00") + ip + l4


class Flow:
    def __init__(self, proto, orig, resp, ports=None, service=None):
        self.proto, self.ends, self.ports = proto, (orig, resp), ports
        self.six = ":" in orig
        self.service = service
        self.packets = []
        self.next = [1000, 70000]
        self.l7 = self.dns = self.dns_ttl = self.ftp = None

    def add(self, ts, dir, payload=b"", flags=0, seq=None, **kw):
        if self.proto == TCP:
            kw["seq"] = self.next[dir] if seq is None else seq
            kw["ack"] = self.next[1 - dir] if flags & ACK else 0
            if seq is None:
                self.next[dir] += len(payload) + bool(flags & SYN) + bool(flags & FIN)
        self.packets.append(Packet(self, START + ts, dir, payload, flags, **kw))
        return self.packets[-1]


def dns_name(name):
    return b"".join(bytes([len(w)]) + w for w in name.split(b".")) + b"\0"


def dns_query(id, name, type):
    return struct.pack(">HHHHHH", id, 0x0100, 1, 0, 0, 0) + dns_name(name) + struct.pack(">HH", type, 1)


def dns_answer(id, name, type, records):
    d = struct.pack(">HHHHHH", id, 0x8180, 1, len(records), 0, 0) + dns_name(name)
    d += struct.pack(">HH", type, 1)
    for rtype, ttl, data in records:
        d += b"\xc0\x0c" + struct.pack(">HHIH", rtype, 1, ttl, len(data)) + data
    return d


def ftp_flow():
    """Both ends close; options, every flag, windows, a retransmission, replies in two lines."""
    f = Flow(TCP, "10.0.0.1", "10.0.0.2", (40000, 21))
    f.l7, f.ftp = 1, 221
    f.add(0, 0, flags=SYN | ECE | CWR, window=64240, options=b"\2\4\5\xb4" + b"\1" * 16, ttl=63)
    f.add(350, 1, flags=SYN | ACK | ECE, window=65160, options=b"\2\4\5\xb4", ttl=60)
    f.add(1 * MS + 7, 0, flags=ACK, window=502, ttl=63)
    f.add(20 * MS, 1, b"220-Hello\r\n220 (vsFTPd 3.0.3)\r\n", PSH | ACK)
    f.add(20 * MS + 1, 0, flags=ACK, options=b"\1" * 12, ttl=62)
    user = f.add(1200 * MS, 0, b"USER anna\r\n", PSH | ACK)
    f.add(1450 * MS, 0, b"USER anna\r\n", PSH | ACK, seq=user.seq, again=True)
    f.add(1460 * MS, 1, b"331 Please specify the password.\r\n", PSH | ACK | URG, window=509)
    f.add(1500 * MS, 0, b"PASS x\r\n", PSH | ACK | URG, window=503)
    login = f.add(4700 * MS, 1, b"530 Login incorrect.\r\n", PSH | ACK)
    f.add(4900 * MS, 1, b"530 Login incorrect.\r\n", PSH | ACK, seq=login.seq, again=True)
    f.add(10 * SEC, 0, b"QUIT\r\n", PSH | ACK)
    f.add(10 * SEC + 3 * MS, 1, b"221 Goodbye.\r\n", PSH | ACK | FIN)
    f.add(10 * SEC + 4 * MS, 0, flags=FIN | ACK)
    f.add(10 * SEC + 5 * MS, 1, flags=ACK)
    return f


def dns_flow():
    f = Flow(UDP, "10.0.0.3", "10.0.0.53", (5353, 53))
    f.l7, f.dns, f.dns_ttl = 5, (0x1234, 1), 300
    f.add(0, 0, dns_query(0x1234, b"www.example.org", 1))
    f.add(1_234_567, 1, dns_answer(0x1234, b"www.example.org", 1,
                                   [(5, 60, b"\x01a\xc0\x10"), (1, 300, bytes(4)), (1, 30, bytes(4))]),
          ttl=200)
    f.add(2 * SEC, 0, dns_query(0x5678, b"other.example.org", 28), ttl=65)
    f.add(2 * SEC + 500 * US, 1, dns_answer(0x5678, b"other.example.org", 28, [(28, 77, bytes(16))]))
    return f


def bulk_flow():
    """Runs with and without pauses, in both directions; active and idle periods, one pause of 5 s."""
    f = Flow(TCP, "10.0.0.4", "10.0.0.5", (40001, 8080))
    f.l7, ts = 7, 0
    f.add(ts, 0, flags=SYN)
    for n, dir, gap, then in ((3, 0, 10 * MS, 0), (4, 1, 2 * MS, 0), (9, 0, 999 * MS, 0),
                              (5, 1, 300 * US, 7 * SEC), (6, 1, 1001 * MS, 4 * SEC + 1000),
                              (4, 0, SEC, 12 * SEC), (1, 0, 0, 6 * SEC), (8, 1, 123 * US, 0)):
        for i in range(n):
            ts += gap
            f.add(ts, dir, bytes(100 + 37 * i), ACK | (PSH if i == n - 1 else 0), window=300 + i)
            f.add(ts + 1000, 1 - dir, flags=ACK, window=4000 - i)
        ts += then
    f.add(ts + 5 * MS, 1, flags=RST | ACK)
    return f


def others():
    f = Flow(UDP, "10.0.0.6", "10.0.0.7", (1111, 2222))  # one packet
    f.add(0, 0, b"x" * 77)
    yield f
    f = Flow(TCP, "10.0.0.6", "10.0.0.7", (1112, 2222))  # one packet
    f.add(5, 0, flags=SYN, window=29200, options=b"\1" * 20)
    yield f
    f = Flow(TCP, "10.0.0.6", "10.0.0.7", (1113, 2222))  # refused
    f.add(5, 0, flags=SYN)
    f.add(50 * US, 1, flags=RST | ACK, window=0)
    yield f
    f = Flow(ICMP, "10.0.0.8", "10.0.0.9")
    for i in range(3):
        f.add(i * SEC, 0, b"p" * 56, icmp=(8, 0))
        f.add(i * SEC + 80 * US + i, 1, b"p" * 56, icmp=(0, 0), ttl=61)
    yield f
    f = Flow(ICMP, "10.0.0.10", "10.0.0.11")
    f.add(7, 0, b"E" * 28, icmp=(3, 1))
    yield f
    f = Flow(ICMP6, "fd00::1", "fd00::2")
    f.add(0, 0, b"p" * 8, icmp=(128, 0), ttl=255)
    f.add(400, 1, b"p" * 8, icmp=(129, 0))
    yield f
    f = Flow(UDP, "fd00::3", "fd00::4", (3000, 4000))
    for i, n in enumerate((80, 81, 208, 209, 464, 465, 976, 977, 1466, 1467, 3000)):
        f.add(i * i * MS, i & 1, bytes(n), ttl=40 + i)  # the limits of each class of lengths
    yield f
    f = Flow(GRE, "10.0.0.12", "10.0.0.13")
    f.add(0, 0, b"gre" * 9)
    f.add(3, 0, b"gre" * 8)
    yield f


def random_flows(rng):
    for i in range(40):
        six = rng.random() < 0.3
        orig = f"fd01::{i + 1:x}" if six else f"10.1.0.{i + 1}"
        resp = "fd02::1" if six else "10.2.0.1"
        f = Flow(rng.choice((TCP, UDP)), orig, resp, (20000 + i, 9000))
        ts, sizes = rng.randrange(SEC), (0, 0, 1, 20, 100, 512, 1200, 1400)
        for _ in range(rng.choice((1, 2, 3, 10, 80))):
            flags = rng.choice((0, PSH, URG, ECE, CWR)) | ACK if f.proto == TCP else 0
            f.add(ts, int(len(f.packets) > 0 and rng.random() < 0.5), bytes(rng.choice(sizes)),
                  flags, window=rng.randrange(65536), ttl=rng.randrange(1, 256),
                  options=b"\1" * 4 * rng.randrange(11) if f.proto == TCP else b"")
            ts += rng.choice((0, 1, 999, 50 * US, 3 * MS, 400 * MS, SEC, SEC + 1, 5 * SEC + 1,
                              rng.randrange(11 * SEC)))
        yield f


# What the schemas should say. None is an empty field.

def spread(values, deviation):
    """(mean, deviation, max, min)"""
    if not values:
        return None, None, None, None
    return statistics.fmean(values), deviation(values), max(values), min(values)


def sample(values):
    return statistics.stdev(values) if len(values) > 1 else 0


def gaps(times):
    return [b - a for a, b in itertools.pairwise(times)]


def share(part, whole):
    return part / whole if whole else None


def split(items, time, limit):
    """Into runs without a pause longer than the limit."""
    runs = []
    for p in items:
        if not runs or time(p) - time(runs[-1][-1]) > limit:
            runs.append([])
        runs[-1].append(p)
    return runs


def bulks(f, dir):
    """(bytes, packets, rate), on average."""
    found = []
    data = [p for p in f.packets if p.payload]
    for way, run in itertools.groupby(data, key=lambda p: p.dir):
        if way == dir:
            found += [r for r in split(run, lambda p: p.ts, SEC) if len(r) >= 4]
    size = sum(len(p.payload) for r in found for p in r)
    time = sum(r[-1].ts - r[0].ts for r in found) / SEC
    return (share(size, len(found)), share(sum(map(len, found)), len(found)), share(size, time))


def ports(f):
    return f.ports or (None, None)


def usec(ns):
    return None if ns is None else ns / US


def cic(f):
    way = [[p for p in f.packets if p.dir == d] for d in (0, 1)]
    size = [[len(p.payload) for p in w] for w in way]
    both = size[0] + size[1]
    times = [p.ts for p in f.packets]
    duration = times[-1] - times[0]
    sec = duration / SEC
    a, b = f.ends
    text = f"{f.ports[0]}-{f.ports[1]}" if f.ports else "-"
    utc = datetime.datetime.fromtimestamp(times[0] // SEC, datetime.timezone.utc)
    row = {"Flow ID": f"{a}-{b}-{text}-{f.proto}", "Src IP": a, "Src Port": ports(f)[0], "Dst IP": b,
           "Dst Port": ports(f)[1], "Protocol": f.proto,
           "Timestamp": f"{utc:%Y-%m-%d %H:%M:%S}.{times[0] % SEC // 1000:06}",
           "Flow Duration": usec(duration), "Total Fwd Packet": len(way[0]),
           "Total Bwd packets": len(way[1]), "Total Length of Fwd Packet": sum(size[0]),
           "Total Length of Bwd Packet": sum(size[1])}
    for d, name in enumerate(("Fwd", "Bwd")):
        mean, std, most, least = spread(size[d], sample)
        row |= {f"{name} Packet Length Max": most, f"{name} Packet Length Min": least,
                f"{name} Packet Length Mean": mean, f"{name} Packet Length Std": std}
    row |= {"Flow Bytes/s": share(sum(both), sec), "Flow Packets/s": share(len(both), sec)}

    def add_times(name, values):
        mean, std, most, least = map(usec, spread(values, sample))
        row.update({f"{name} Mean": mean, f"{name} Std": std, f"{name} Max": most,
                    f"{name} Min": least})

    add_times("Flow IAT", gaps(times))
    for d, name in enumerate(("Fwd", "Bwd")):
        iat = gaps([p.ts for p in way[d]])
        row[f"{name} IAT Total"] = usec(sum(iat)) if iat else None
        add_times(f"{name} IAT", iat)
    for flag, bit in (("PSH", PSH), ("URG", URG)):
        for d, name in enumerate(("Fwd", "Bwd")):
            row[f"{name} {flag} Flags"] = sum(bool(p.flags & bit) for p in way[d])
    for d, name in enumerate(("Fwd", "Bwd")):
        row[f"{name} Header Length"] = sum(p.header for p in way[d])
    for d, name in enumerate(("Fwd", "Bwd")):
        row[f"{name} Packets/s"] = share(len(way[d]), sec)
    row |= {"Packet Length Min": min(both), "Packet Length Max": max(both),
            "Packet Length Mean": statistics.fmean(both), "Packet Length Std": sample(both),
            "Packet Length Variance": statistics.variance(both) if len(both) > 1 else 0}
    for name, bit in (("FIN", FIN), ("SYN", SYN), ("RST", RST), ("PSH", PSH), ("ACK", ACK),
                      ("URG", URG), ("CWR", CWR), ("ECE", ECE)):
        row[f"{name} Flag Count"] = sum(bool(p.flags & bit) for p in f.packets)
    row |= {"Down/Up Ratio": share(len(way[1]), len(way[0])),
            "Average Packet Size": sum(both) / len(both),
            "Fwd Segment Size Avg": share(sum(size[0]), len(size[0])),
            "Bwd Segment Size Avg": share(sum(size[1]), len(size[1]))}
    for d, name in enumerate(("Fwd", "Bwd")):
        row |= dict(zip((f"{name} Bytes/Bulk Avg", f"{name} Packet/Bulk Avg",
                         f"{name} Bulk Rate Avg"), bulks(f, d)))
    subflows = len(split(times, int, SEC))
    for d, name in enumerate(("Fwd", "Bwd")):
        row |= {f"Subflow {name} Packets": len(way[d]) / subflows,
                f"Subflow {name} Bytes": sum(size[d]) / subflows}
    for d, name in enumerate(("FWD", "Bwd")):
        row[f"{name} Init Win Bytes"] = way[d][0].window if f.proto == TCP and way[d] else None
    row |= {"Fwd Act Data Pkts": sum(n > 0 for n in size[0]),
            "Fwd Seg Size Min": min((p.header for p in way[0]), default=None)}
    periods = split(times, int, 5 * SEC)
    add_times("Active", [p[-1] - p[0] for p in periods[:-1] if p[-1] > p[0]])
    add_times("Idle", [b[0] - a[-1] for a, b in itertools.pairwise(periods)])
    row["Label"] = None
    return row


def msec(ns):
    return None if ns is None else ns / MS


def netflow(f):
    way = [[p for p in f.packets if p.dir == d] for d in (0, 1)]
    size = [sum(p.ip_len for p in w) for w in way]
    times = [p.ts for p in f.packets]
    sec = (times[-1] - times[0]) / SEC
    flags = [0, 0]
    for p in f.packets:
        flags[p.dir] |= p.flags
    lengths = [p.ip_len for p in f.packets]
    duration = [msec(w[-1].ts - w[0].ts) if w else None for w in way]
    row = {"IPV4_SRC_ADDR": f.ends[0], "L4_SRC_PORT": ports(f)[0], "IPV4_DST_ADDR": f.ends[1],
           "L4_DST_PORT": ports(f)[1], "PROTOCOL": f.proto, "L7_PROTO": f.l7, "IN_BYTES": size[0],
           "IN_PKTS": len(way[0]), "OUT_BYTES": size[1], "OUT_PKTS": len(way[1]),
           "TCP_FLAGS": flags[0] | flags[1], "CLIENT_TCP_FLAGS": flags[0],
           "SERVER_TCP_FLAGS": flags[1], "FLOW_DURATION_MILLISECONDS": msec(times[-1] - times[0]),
           "DURATION_IN": duration[0], "DURATION_OUT": duration[1],
           "MIN_TTL": min((p.ttl for p in way[0]), default=None),
           "MAX_TTL": max((p.ttl for p in way[0]), default=None),
           "LONGEST_FLOW_PKT": max(lengths), "SHORTEST_FLOW_PKT": min(lengths),
           "MIN_IP_PKT_LEN": min(lengths), "MAX_IP_PKT_LEN": max(lengths),
           "SRC_TO_DST_SECOND_BYTES": share(size[0], sec),
           "DST_TO_SRC_SECOND_BYTES": share(size[1], sec)}
    for d, name in enumerate(("IN", "OUT")):
        again = [p.ip_len for p in way[d] if p.again]
        row |= {f"RETRANSMITTED_{name}_BYTES": sum(again), f"RETRANSMITTED_{name}_PKTS": len(again)}
    row |= {"SRC_TO_DST_AVG_THROUGHPUT": share(8 * size[0], sec),
            "DST_TO_SRC_AVG_THROUGHPUT": share(8 * size[1], sec)}
    least = 0
    for most, name in ((128, "UP_TO_128"), (256, "128_TO_256"), (512, "256_TO_512"),
                       (1024, "512_TO_1024"), (1514, "1024_TO_1514")):
        row[f"NUM_PKTS_{name}_BYTES"] = sum(least < n <= most for n in lengths)
        least = most
    for d, name in enumerate(("IN", "OUT")):
        row[f"TCP_WIN_MAX_{name}"] = (max(p.window for p in way[d])
                                      if f.proto == TCP and way[d] else None)
    icmp = f.packets[0].icmp
    row |= {"ICMP_TYPE": icmp[0] * 256 + icmp[1] if icmp else None,
            "ICMP_IPV4_TYPE": icmp[0] if icmp and f.proto == ICMP else None,
            "DNS_QUERY_ID": f.dns and f.dns[0], "DNS_QUERY_TYPE": f.dns and f.dns[1],
            "DNS_TTL_ANSWER": f.dns_ttl, "FTP_COMMAND_RET_CODE": f.ftp,
            "Label": None, "Attack": None}
    return row


def netflow_v3(f):
    row = {"FLOW_START_MILLISECONDS": msec(f.packets[0].ts),
           "FLOW_END_MILLISECONDS": msec(f.packets[-1].ts)} | netflow(f)
    labels = {k: row.pop(k) for k in ("Label", "Attack")}
    for d, name in enumerate(("SRC_TO_DST", "DST_TO_SRC")):
        iat = gaps([p.ts for p in f.packets if p.dir == d])
        mean, std, most, least = map(msec, spread(iat, statistics.pstdev))
        row |= {f"{name}_IAT_MIN": least, f"{name}_IAT_MAX": most, f"{name}_IAT_AVG": mean,
                f"{name}_IAT_STDDEV": std}
    return row | labels


NETFLOW = ("IPV4_SRC_ADDR", "IPV4_DST_ADDR", "L4_SRC_PORT", "L4_DST_PORT", "PROTOCOL")
WHICH = {"cic": ("Src IP", "Dst IP", "Src Port", "Dst Port", "Protocol"), "netflow": NETFLOW,
         "netflow-v3": NETFLOW}


def same(got, want):
    if want is None or isinstance(want, str):
        return got == (want or "")
    if got == "":
        return False
    if isinstance(want, int):
        return got == str(want)
    return math.isclose(float(got), want, rel_tol=1e-7, abs_tol=2e-9)


def check(detnet, path, schema, oracle, flows, n_columns):
    out = subprocess.run([detnet, "flows", path, "--schema", schema], capture_output=True, text=True)
    if out.returncode:
        sys.exit(f"{schema}: {out.stderr}")
    rows = list(csv.reader(io.StringIO(out.stdout)))
    head, rows = rows[0], rows[1:]
    if len(head) != n_columns or head != list(oracle(flows[0])):
        sys.exit(f"{schema}: the columns are {head}")
    if len(rows) != len(flows):
        sys.exit(f"{schema}: {len(rows)} rows for {len(flows)} flows")
    begin = [head.index(w) for w in WHICH[schema]]
    by_flow = {tuple(row[i] for i in begin): row for row in rows}
    for f in flows:
        key = (*f.ends, *(str(p) for p in f.ports or ("", "")), str(f.proto))
        for (name, want), got in zip(oracle(f).items(), by_flow[key], strict=True):
            if not same(got, want):
                sys.exit(f"{schema}: {key}: {name} is {got!r}, not {want!r}")
    filled = sum(any(row[i] not in ("", "0") for row in rows) for i in range(len(head)))
    print(f"{schema}: {len(rows)} rows of {len(head)} columns the same; {filled} columns not only 0")
    return filled


def documented(schema):
    """The names in the first cells of the table of the schema's section in docs/flows.md."""
    path = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "flows.md")
    with open(path) as f:
        section = re.search(rf"^## {schema}$(.*?)(?=^## |\Z)", f.read(), re.S | re.M)[1]
    return {name for line in section.splitlines() if line.startswith("| `")
            for name in re.findall("`([^`]+)`", line.split("|")[1])}


def check_docs(detnet, path):
    for schema in ("detnet", "zeek", "cic", "netflow", "netflow-v3"):
        out = subprocess.run([detnet, "flows", path, "--schema", schema], capture_output=True,
                             text=True, check=True).stdout
        fields = re.search("^#fields\t(.*)", out, re.M)
        head = set(fields[1].split("\t") if fields else next(csv.reader(io.StringIO(out))))
        names = documented(schema)
        if schema == "netflow-v3":
            names |= documented("netflow")
        if head != names:
            sys.exit(f"docs/flows.md, {schema}: {sorted(head ^ names)}")


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"SEED={seed}")
    flows = [ftp_flow(), dns_flow(), bulk_flow(), *others(), *random_flows(random.Random(seed))]
    packets = sorted((p for f in flows for p in f.packets), key=lambda p: p.ts)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "made.pcap")
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
            for p in packets:
                d = p.frame()
                out.write(struct.pack("<IIII", p.ts // SEC, p.ts % SEC, len(d), len(d)) + d)
        # the labels are a run's; every other column has to be put to the test
        for schema, oracle, n, unlabelled in (("cic", cic, 84, 1), ("netflow", netflow, 45, 2),
                                              ("netflow-v3", netflow_v3, 55, 2)):
            filled = check(sys.argv[1], path, schema, oracle, flows, n)
            if filled < n - unlabelled:
                sys.exit(f"{schema}: only {filled} columns were put to the test")
        check_docs(sys.argv[1], path)


if __name__ == "__main__":
    main()
