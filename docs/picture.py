#!/usr/bin/env python3
"""Draws docs/picture.svg, what a run looks like, from a real one.

usage: sudo docs/picture.py DETNET TOPO.ini     (writes the run into a temporary folder)
"""
import html
import pathlib
import re
import subprocess
import sys
import tempfile

FONT, LINE, CHAR, PAD = 12.5, 17, 7.53, 14
COLOURS = {"benign": "#e7f3e8", "attack": "#fbe3df", "": "#ffffff"}
COLUMNS = [("No.", 7), ("Time", 10), ("Source", 11), ("Destination", 12), ("Protocol", 9), ("Info", 26),
           ("Sender", 84)]
ROWS_EACH = 3


def run(detnet, topo, out):
    """The result as printed, as far as the table and its two sentences."""
    text = subprocess.run([detnet, "run", topo, "-o", out], check=True, capture_output=True, text=True).stdout
    return text.strip("\n").split("\nIn ")[0].rstrip().split("\n")


def packets(out):
    """A few packets with payload of each scenario, as Wireshark shows them."""
    fields = ["frame.number", "frame.time_relative", "_ws.col.Source", "_ws.col.Destination",
              "_ws.col.Protocol", "_ws.col.Info", "frame.comment"]
    text = subprocess.run(["tshark", "-r", f"{out}/capture.pcapng", "-Y", "tcp.len > 0", "-T", "fields",
                           "-E", "separator=/t", *[w for f in fields for w in ("-e", f)]],
                          check=True, capture_output=True, text=True).stdout
    seen, rows = {}, []
    for line in text.splitlines():
        row = line.split("\t")
        scenario = re.search(r"scenario=([a-z-]+)", row[-1])
        # a packet is there once per link; tshark takes its second sight for a retransmission
        if not scenario or "activity=" not in row[-1] or row[4] == "TCP" or row[5].startswith("[TCP"):
            continue
        key = scenario.group(1)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= ROWS_EACH:
            row[1] = f"{float(row[1]):.6f}"
            rows.append((key, row))
    return sorted(rows, key=lambda r: int(r[1][0]))


def text_at(x, y, s, fill="#1b1f23", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" font-weight="{weight}" xml:space="preserve">'
            f"{html.escape(s)}</text>")


def draw(command, table, rows, classes):
    width = 2 * PAD + CHAR * sum(n for _, n in COLUMNS)
    y, out = PAD + LINE, []
    top = LINE * (len(table) + 2) + PAD
    out.append(f'<rect width="{width:.0f}" height="{top}" rx="6" fill="#1b1f23"/>')
    out.append(text_at(PAD, y, "$ " + command, "#7ee787"))
    for line in table:
        y += LINE
        out.append(text_at(PAD, y, line, "#e6edf3"))
    y = top + PAD
    height = y + LINE * (len(rows) + 1) + PAD
    out.append(f'<rect x="0.5" y="{y - 4}" width="{width - 1:.0f}" height="{height - y}" rx="6" fill="#fff" '
               'stroke="#8c959f"/>')
    for i, row in enumerate([("", [c for c, _ in COLUMNS]), *rows]):
        if i:
            shade = COLOURS["benign" if classes.get(row[0], "benign") == "benign" else "attack"]
            out.append(f'<rect x="1" y="{y:.1f}" width="{width - 2:.0f}" height="{LINE}" fill="{shade}"/>')
        x = PAD
        for (_, n), cell in zip(COLUMNS, row[1]):
            cut = cell if len(cell) < n else cell[:n - 2] + "…"
            out.append(text_at(x, y + LINE - 4.5, cut, weight="normal" if i else "bold"))
            x += n * CHAR
        y += LINE
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{FONT}">\n'
            + "\n".join(out) + "\n</svg>\n")


def main():
    detnet, topo = sys.argv[1:]
    with tempfile.TemporaryDirectory() as d:
        table = run(detnet, topo, d + "/out")
        classes = {c[0]: c[1] for c in (line.split() for line in table) if len(c) > 2}
        svg = draw(f"sudo detnet run {topo} -o out/quickstart", table, packets(d + "/out"), classes)
    pathlib.Path(__file__).with_name("picture.svg").write_text(svg)


main()
