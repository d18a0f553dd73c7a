#!/usr/bin/env python3
"""Fails when a file of the five floors includes one of a floor above its own, or is too long to be read.

Usage: test_floors.py SOURCE_TREE. First it shows on a made-up tree that it can fail.
"""
# SPDX-License-Identifier: BSD-3-Clause
import pathlib
import re
import sys
import tempfile

FLOORS = {"core": 1, "emu": 2, "capture": 3, "scenarios": 4, "cli": 5}
LINES_MAX = 600  # files are meant to stay near 500
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def floor_of(path):
    return FLOORS.get(pathlib.PurePosixPath(path).parts[0])


def check(tree):
    """The offences, "file:line: ..." each, and the number of files and of includes looked at."""
    offences, files, includes = [], 0, 0
    for folder, floor in FLOORS.items():
        for path in sorted((tree / folder).rglob("*.[ch]")):
            files += 1
            lines = path.read_text().splitlines()
            if len(lines) > LINES_MAX:
                offences.append(f"{path.relative_to(tree)}: {len(lines)} lines, more than {LINES_MAX}: split it")
            for number, line in enumerate(lines, 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                includes += 1
                name, where = match[1], f"{path.relative_to(tree)}:{number}"
                # "../cli/x.h" and "x.h" are resolved as the compiler does, beside the file first
                beside = (path.parent / name).resolve()
                if beside.is_relative_to(tree.resolve()) and beside.exists():
                    name = beside.relative_to(tree.resolve()).as_posix()
                used = floor_of(name)
                if used and used > floor:
                    offences.append(f"{where}: floor {floor} uses {name} of floor {used}")
    return offences, files, includes


def self_test():
    """A made-up house with three offences and every lawful form beside them."""
    tree_files = {
        "core/a.h": "#include <stdio.h>\n",
        "core/a.c": '#include "core/a.h"\n\n#  include "emu/b.h"\n',
        "emu/b.h": '#include "core/a.h"\n#include <net/if.h>\n',
        "capture/c.c": '#include "emu/b.h"\n#include "core/a.h"\n// #include "cli/e.h"\n',
        "scenarios/engine/d.h": '#include "capture/sender/tag.h"\n',
        "scenarios/engine/d.c": '#include "d.h"\n#include "../../cli/e.h"\n',
        "cli/long.c": "\n" * (LINES_MAX + 1),
        "cli/near.c": "\n" * LINES_MAX,
        "cli/e.h": '#include "scenarios/engine/d.h"\n#include "core/a.h"\n',
    }
    expected = [
        "core/a.c:3: floor 1 uses emu/b.h of floor 2",
        "scenarios/engine/d.c:2: floor 4 uses cli/e.h of floor 5",
        f"cli/long.c: {LINES_MAX + 1} lines, more than {LINES_MAX}: split it",
    ]
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        for name, text in tree_files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
        offences, files, includes = check(tree)
        if offences != expected or files != 9 or includes != 12:
            sys.exit(f"self-test failed: {files} files, {includes} includes, {offences}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    self_test()
    offences, files, includes = check(pathlib.Path(sys.argv[1]))
    for offence in offences:
        print(offence)
    if not files or not includes:
        sys.exit("no sources found; is this the source tree?")
    print(f"{files} files, {includes} includes, {len(offences)} offences")
    sys.exit(1 if offences else 0)


main()
