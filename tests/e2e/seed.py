#!/usr/bin/env python3
"""One seed for everything: two runs with it are the same activities, another seed's are not."""
import pathlib
import sys
import tempfile

import lab

PLANNED = "id scenario sub class client server inputs".split()


def experiment(tmp, name, *args):
    folder = pathlib.Path(tmp) / name
    lab.run(lab.ROOT / "examples" / "quickstart.ini", folder, "--duration", "6s", *args)
    rows = lab.table(folder / "activities.csv")
    assert rows
    return (folder / "topology.ini").read_text(), [[r[c] for c in PLANNED] for r in rows]


def main():
    with tempfile.TemporaryDirectory(prefix="detnet-e2e-") as tmp:
        topo, plan = experiment(tmp, "one", "--seed", "5")
        again_topo, again_plan = experiment(tmp, "two", "--seed", "5")
        other_topo, other_plan = experiment(tmp, "three", "--seed", "6")
    assert topo == again_topo, "the same seed gave another topology.ini"
    assert plan == again_plan, "the same seed gave other activities"

    def macs(text):
        return {l for l in text.splitlines() if l.startswith("mac")}

    assert macs(topo) and not macs(topo) & macs(other_topo), "another seed gave the same MACs"
    assert [p[2:] for p in plan] != [p[2:] for p in other_plan]
    inputs = {p[-1] for p in plan} & {p[-1] for p in other_plan}
    drawn = [i for i in inputs if any(c.isdigit() or c.isalpha() for c in i)]
    print(f"  {len(plan)} and {len(other_plan)} activities; inputs in common between seeds: {len(drawn)}")
    assert len(drawn) <= len(plan) // 10, drawn
    return 0


if __name__ == "__main__":
    sys.exit(main())
