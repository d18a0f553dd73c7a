#!/usr/bin/env python3
# Our pcapng, read by others: capinfos, tshark and editcap take it without a complaint, and see the
# packets, times, interfaces, directions, ids and comments that were written.
#
#     oracle_pcapng.py PCAPNGCOPY
#
# SPDX-License-Identifier: BSD-3-Clause
import os, random, struct, subprocess, sys, tempfile

COUNT = 3000


def run(*argv):
    p = subprocess.run(argv, capture_output=True, text=True)
    noise = [l for l in p.stderr.splitlines() if "could be dangerous" not in l]
    if p.returncode or noise:
        sys.exit(f"{' '.join(argv)}: exit {p.returncode}: {noise}")
    return p.stdout


def write_pcap(path):
    r = random.Random(1)
    want = []
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for i in range(COUNT):
            data = b"\2" * 12 + b"\x88\xb5" + r.randbytes(r.randrange(1, 9000))
            f.write(struct.pack("<IIII", 1700000000 + i, i, len(data), len(data) + i % 5) + data)
            want.append((f"{1700000000 + i}.{i:09}", len(data) + i % 5, len(data), data))
    return want


def main():
    with tempfile.TemporaryDirectory() as folder:
        one, two, three, four = (os.path.join(folder, n) for n in ("1.pcap", "2.pcapng", "3.pcapng",
                                                                  "4.pcapng"))
        want = write_pcap(one)
        run(sys.argv[1], one, two)
        info = run("capinfos", "-M", two)
        for line in ("File type:           pcapng",
                     f"Number of packets:   {COUNT}", "File timestamp precision:  nanoseconds (9)",
                     "Number of interfaces in file: 2", "Name = h1:h1-eth0",
                     "Description = host h1", "Capture application: detnet test",
                     "Capture comment:     a section"):
            if " ".join(line.split()) not in " ".join(info.split()):
                sys.exit(f"capinfos does not say '{line}':\n{info}")
        fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.interface_name",
                  "frame.packet_flags_direction", "frame.packet_id", "frame.comment"]
        rows = run("tshark", "-r", two, "-T", "fields",
                   *[a for f in fields for a in ("-e", f)]).splitlines()
        for i, (row, w) in enumerate(zip(rows, want, strict=True)):
            got = row.split("\t")
            direction = f"0x{i % 3:08x}" if i % 3 else ""
            expected = [w[0], str(w[1]), str(w[2]), ("h1:h1-eth0", "h2:h2-eth0")[i % 2], direction,
                        str((i + 1) << 40), f"number={i:06}"]
            if got[4] not in ("", direction):
                got[4] = f"0x{int(got[4], 0):08x}"
            if got != expected:
                sys.exit(f"packet {i}: tshark reads {got}, written was {expected}")
        run("editcap", two, three)
        run("editcap", "-F", "nsecpcap", two, os.path.join(folder, "5.pcap"))
        run(sys.argv[1], three, four)  # our reader takes editcap's
        with open(two, "rb") as a, open(four, "rb") as b:
            if a.read() != b.read():
                sys.exit("through editcap and back, the file is not the same")
        print(f"{COUNT} packets: capinfos, tshark and editcap read what was written")


if __name__ == "__main__":
    main()
