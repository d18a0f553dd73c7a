#!/usr/bin/env python3
"""detnet flows: both formats, standard input, schemas, JSON, timeouts, cut and foreign files, full disks."""
# SPDX-License-Identifier: BSD-3-Clause
import csv
import io
import json
import os
import pathlib
import socket
import struct
import subprocess

from program import DETNET, check, detnet, folder, matches, run_tests

START = 1_700_000_000 * 10**9
SECOND = 10**9
SYN, ACK, FIN, RST = 2, 16, 1, 4


def ip(proto, src, dst, payload):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, proto, 0)
    return head + socket.inet_aton(src) + socket.inet_aton(dst) + payload


def tcp(port, flags, seq, ack, data=b"", reply=False):
    ends = ("10.0.0.2", "10.0.0.1") if reply else ("10.0.0.1", "10.0.0.2")
    ports = (80, port) if reply else (port, 80)
    return ip(6, *ends, struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, 1000, 0, 0) + data)


def udp(port, reply=False):
    ends = ("10.0.0.3", "10.0.0.1") if reply else ("10.0.0.1", "10.0.0.3")
    ports = (53, port) if reply else (port, 53)
    return ip(17, *ends, struct.pack(">HHHH", *ports, 11, 0) + b"abc")


def ether(packet):
    return b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + packet


CONNECTION = [tcp(1000, SYN, 100, 0), tcp(1000, SYN | ACK, 500, 101, reply=True), tcp(1000, ACK, 101, 501),
              tcp(1000, ACK, 101, 501, b"GET / HTTP/1.0"), tcp(1000, FIN | ACK, 501, 115, reply=True),
              tcp(1000, FIN | ACK, 115, 502)]


def pcap(packets, linktype=1, frame=ether):
    """A classic capture of (time, IP packet)."""
    out = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, linktype)
    for ts, p in packets:
        d = frame(p)
        out += struct.pack("<IIII", ts // SECOND, ts % SECOND, len(d), len(d)) + d
    return out


def pcapng(packets, linktype=1, frame=ether):
    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)

    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack("<HHI", linktype, 0, 0) + struct.pack("<HHB3xHH", 9, 1, 9, 0, 0))
    for ts, p in packets:
        d = frame(p)
        out += block(6, struct.pack("<IIIII", 0, ts >> 32, ts & 0xFFFFFFFF, len(d), len(d)) + d)
    return out


def spaced(packets, gap=SECOND // 1000):
    return [(START + i * gap, p) for i, p in enumerate(packets)]


def flows(data, *args):
    """The rows of a capture given on standard input."""
    r = subprocess.run([DETNET, "flows", "-", *args], input=data, capture_output=True, timeout=120)
    assert r.returncode == 0, r.stderr.decode()
    return list(csv.DictReader(io.StringIO(r.stdout.decode())))


def test_both_formats_from_a_file_and_a_pipe():
    for data in (pcap(spaced(CONNECTION)), pcapng(spaced(CONNECTION))):
        with folder() as d:
            path = pathlib.Path(d) / "x"
            path.write_bytes(data)
            status, out, err = detnet("flows", str(path))
            check((status, err), (0, ""))
            check(list(csv.DictReader(io.StringIO(out))), flows(data))
            status, out, _ = detnet("flows", str(path), "-o", str(path.with_suffix(".csv")))
            check((status, out), (0, ""))
            check(list(csv.DictReader(path.with_suffix(".csv").open())), flows(data))
        row, = flows(data)
        check({k: row[k] for k in ("ts", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration",
                                   "orig_bytes", "resp_bytes", "conn_state", "history", "orig_pkts", "resp_pkts", "vlan")},
              {"ts": "1700000000.000000000", "id.orig_h": "10.0.0.1", "id.orig_p": "1000", "id.resp_h": "10.0.0.2",
               "id.resp_p": "80", "proto": "tcp", "service": "http", "duration": "0.005000000", "orig_bytes": "14",
               "resp_bytes": "0", "conn_state": "SF", "history": "ShADfF", "orig_pkts": "4", "resp_pkts": "2", "vlan": ""})


def test_links():
    want = flows(pcap(spaced(CONNECTION)))
    for linktype, head in ((0, b"\2\0\0\0"), (108, b"\0\0\0\2"), (101, b""), (228, b""),
                           (113, b"\0\4\0\1\0\6\2\0\0\0\0\1\0\0\x08\0"),
                           (276, b"\x08\0\0\0\0\0\0\1\0\1\0\6\2\0\0\0\0\1\0\0")):
        for write in (pcap, pcapng):
            check(flows(write(spaced(CONNECTION), linktype, lambda p: head + p)), want, linktype)
    with folder() as d:
        path = pathlib.Path(d) / "x"
        path.write_bytes(pcap(spaced(CONNECTION), 127))
        status, out, err = detnet("flows", str(path))
        check((status, out.count("\n")), (0, 1))
        check(err.count("\n"), 1)
        matches("link type 127", err)


def test_every_schema_and_json():
    _, text, _ = detnet("flows", "--help")
    data = pcap(spaced(CONNECTION + [udp(5), udp(5, True)]))
    for schema in ("detnet", "zeek", "cic", "netflow", "netflow-v3"):
        assert schema in text, schema
        plain = subprocess.run([DETNET, "flows", "-", "--schema", schema], input=data, capture_output=True, check=True)
        lines = plain.stdout.decode().splitlines()
        if schema == "zeek":
            check((lines[0], lines[-1][:7]), ("#separator \\x09", "#close\t"))
            names = next(x for x in lines if x.startswith("#fields")).split("\t")[1:]
            rows = [dict(zip(names, x.split("\t"))) for x in lines if not x.startswith("#")]
        else:
            rows = list(csv.DictReader(lines))
        made = subprocess.run([DETNET, "flows", "-", "--schema", schema, "--json"], input=data, capture_output=True,
                              check=True).stdout.decode()
        objects = [json.loads(x, parse_float=str, parse_int=str) for x in made.splitlines()]
        check(len(objects), 2, schema)
        empty = ("", "-") if schema == "zeek" else ("",)
        check(objects, [{k: None if v in empty else v for k, v in r.items()} for r in rows], schema)
    status, out, err = detnet("flows", "x", "--schema", "zek")
    check((status, out), (2, ""))
    matches("did you mean 'zeek'", err)


def test_timeouts():
    apart = pcap([(START, udp(5)), (START + 60 * SECOND, udp(5, True)), (START + 121 * SECOND, udp(5))])
    check([r["orig_pkts"] + r["resp_pkts"] for r in flows(apart)], ["11", "10"])
    check(len(flows(apart, "--udp-idle", "59s")), 3)
    check(len(flows(apart, "--udp-idle", "never")), 1)
    check(len(flows(apart, "--udp-idle", "never", "--active", "100s")), 2)
    late = pcap(spaced(CONNECTION) + [(START + 10 * SECOND, tcp(1000, ACK, 116, 502))])
    check([r["conn_state"] for r in flows(late)], ["SF", "OTH"])
    check([r["conn_state"] for r in flows(late, "--tcp-closed", "1min")], ["SF"])
    check(len(flows(late, "--tcp-idle", "1s")), 2)
    for bad in ("0", "5", "-1s", "soon"):
        status, _, err = detnet("flows", "x", "--tcp-idle", bad)
        check(status, 2, bad)
        matches(rf"^detnet: --tcp-idle {bad}: ", err)


def test_rows_come_in_the_order_of_ends():
    long = [(START, udp(5)), (START + 50 * SECOND, udp(6)), (START + 55 * SECOND, udp(5)), (START + 112 * SECOND, udp(7)),
            (START + 112 * SECOND, udp(7)), (START + 130 * SECOND, udp(7)), (START + 130 * SECOND, udp(7))]
    check([r["id.orig_p"] for r in flows(pcap(long))], ["6", "5", "7"])


def test_checksums_only_if_asked():
    data = pcap([(START, udp(5))])  # IP's checksum is 0, and wrong
    check([r["history"] for r in flows(data)], ["D"])
    check([r["history"] for r in flows(data, "--checksums")], ["C"])


def test_bad_files():
    with folder() as d:
        path = pathlib.Path(d) / "x"
        for data, message in ((b"", "empty"), (b"hello, world", "neither pcapng nor pcap")):
            path.write_bytes(data)
            status, out, err = detnet("flows", str(path))
            check((status, out), (2, ""))
            matches(message, err)
        path.write_bytes(pcap(spaced([udp(5), udp(6)]))[:-1])
        status, out, err = detnet("flows", str(path), "--schema", "zeek")  # what was there is written
        check((status, out.count("\tudp\t"), out.count("#close")), (2, 1, 1))
        matches("ends inside a packet", err)
        kept = pathlib.Path(d) / "kept"
        kept.write_text("kept")
        status, out, err = detnet("flows", str(path) + ".none", "-o", str(kept))
        check((status, out, kept.read_text()), (2, "", "kept"))
        matches("No such file", err)
        status, out, err = detnet("flows", str(path), "-o", str(kept))
        check((status, out, kept.read_text()), (2, "", "kept"))
        fresh = pathlib.Path(d) / "fresh"
        status, out, err = detnet("flows", str(path), "-o", str(fresh))
        check((status, out, fresh.read_text().count(",udp,")), (2, "", 1))
        check(sorted(x.name for x in pathlib.Path(d).iterdir()), ["fresh", "kept", "x"])
        path.write_bytes(pcap([]))
        status, out, err = detnet("flows", str(path), "--json")
        check((status, out.strip(), err), (0, "", ""))


def test_outputs_that_fail():
    data = pcap([(START + i * 1000, udp(i)) for i in range(1, 20000)])
    for args in (["-o", "/dev/full"], ["-o", "/nowhere/x"]):
        r = subprocess.run([DETNET, "flows", "-", *args], input=data, capture_output=True, text=False)
        check(r.returncode, 1, args)
        matches("No space left|No such file", r.stderr.decode())
    with open("/dev/full", "w") as full:
        r = subprocess.run([DETNET, "flows", "-"], input=data, stdout=full, stderr=subprocess.PIPE)
    check(r.returncode, 1)
    # Somebody who has read enough is no error.
    with folder() as d:
        path = pathlib.Path(d) / "x"
        path.write_bytes(data)
        p = subprocess.Popen([DETNET, "flows", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        p.stdout.readline()
        p.stdout.close()
        check(p.stderr.read(), b"")
        p.stderr.close()
        check(p.wait() in (0, -13), True)


def test_the_capture_is_not_its_own_output():
    with folder() as d:
        path, other = pathlib.Path(d) / "x", pathlib.Path(d) / "link"
        data = pcap(spaced(CONNECTION))
        path.write_bytes(data)
        other.symlink_to(path)
        for name in (path, other):
            status, out, err = detnet("flows", str(path), "-o", str(name))
            check((status, out, path.read_bytes()), (2, "", data))
            matches("is the capture itself", err)
            with path.open("rb") as f:
                r = subprocess.run([DETNET, "flows", "-", "-o", name], stdin=f, capture_output=True)
            check((r.returncode, path.read_bytes()), (2, data))


def test_all_files_of_a_rotated_capture_are_one():
    packets = spaced(CONNECTION)
    with folder() as d:
        d, parts = pathlib.Path(d), (packets[:2], packets[2:4], packets[4:])
        for ending, form in (("pcap", pcap), ("pcapng", pcapng)):
            for old in d.iterdir():
                old.unlink()
            for n, part in enumerate(parts, 1):
                for name in ("capture", "h1"):
                    (d / f"{name}{f'-{n:05}' if n > 1 else ''}.{ending}").write_bytes(form(part))
            status, out, err = detnet("flows", str(d))
            check((status, err), (0, ""))
            check(list(csv.DictReader(io.StringIO(out))), flows(form(packets)))
            for name, how in (("capture", "give its folder"), ("h1", "merge them with mergecap")):
                status, out, err = detnet("flows", str(d / f"{name}.{ending}"))
                check((status, len(out.splitlines())), (0, 2))
                matches(rf"^detnet: warning: the capture goes on in .*/{name}-00002.{ending}; .*{how}", err)
                check(detnet("flows", str(d / f"{name}-00003.{ending}"))[2], "")
            last = d / f"capture-00003.{ending}"
            status, _, err = detnet("flows", str(d), "-o", str(last))
            check((status, last.read_bytes()), (2, form(parts[2])))
            matches("is the capture itself", err)
            last.write_bytes(b"hello, world")
            status, out, err = detnet("flows", str(d))  # what was there is written
            check((status, len(out.splitlines())), (2, 2))
            matches(f"capture-00003.{ending}: .*neither pcapng nor pcap", err)


def test_an_output_is_replaced():
    with folder() as d:
        path, out = pathlib.Path(d) / "x", pathlib.Path(d) / "out"
        path.write_bytes(pcap(spaced(CONNECTION)))
        out.write_text("old")
        out.chmod(0o640)
        check(detnet("flows", str(path), "-o", str(out)), (0, "", ""))
        check((out.read_text()[:3], out.stat().st_mode & 0o777), ("ts,", 0o640))
        check(detnet("flows", str(path), "-o", "/dev/stdout")[1], out.read_text())
        check(sorted(x.name for x in pathlib.Path(d).iterdir()), ["out", "x"])


def test_attempts_end():
    syn = [(START + i * SECOND, tcp(1000, SYN, 1, 0)) for i in (0, 1, 3, 7)]
    check([r["orig_pkts"] for r in flows(pcap(syn))], ["3", "1"])
    check([r["orig_pkts"] for r in flows(pcap(syn), "--tcp-attempt", "never")], ["4"])


def test_a_pipe_is_read_as_it_comes():
    """A flow that has ended is written while the capture goes on."""
    reader, writer = os.pipe()
    with subprocess.Popen([DETNET, "flows", "-"], stdin=reader, stdout=subprocess.PIPE) as p:
        os.close(reader)
        os.write(writer, pcap([(START, tcp(1000, SYN, 1, 0)), (START + 1, tcp(1000, SYN, 2, 0))]))
        check(p.stdout.readline()[:3], b"ts,")
        check(p.stdout.readline()[:20], b"1700000000.000000000")
        os.close(writer)
        check([x[:20] for x in p.stdout], [b"1700000000.000000001"])


run_tests(globals())
