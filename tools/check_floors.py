#!/usr/bin/env python3
"""Check that includes only go down: the floors of docs/architecture.md.

A file of src/ includes ouro.h, its own header, and headers of modules listed above its own: on a
lower floor, or earlier on the same one. That leaves no cycles. Below the collector nobody reads or
writes the state of an incremental collection (`->cycle`, `->ending`). A file whose module is not listed
fails, so a new one is given its place here. Tests, examples and benchmarks other than white-box
tests know ouro.h alone. Every test file is named in tests/meson.build, else it would not run and
nobody would miss it.

    check_floors.py SOURCE_ROOT
"""
import re
import sys
from pathlib import Path

FLOORS = [
    ("ground", ["layout", "base", "sys", "memory", "hash"]),
    ("storage", ["table", "segments", "pages"]),
    ("objects", ["object", "weak", "death"]),
    ("collector", ["pacing", "trace", "sweep", "ending", "parts", "cycle", "collect", "heap"]),
    (
        "observers",
        [
            *["resize", "freeze", "hook", "stats", "inspect", "why", "check"],
            *["profile", "lines", "snapshot"],
        ],
    ),
    ("on top", ["generator", "weakmap"]),
]
BELOW_COLLECTOR = [module for _, modules in FLOORS[:3] for module in modules]
MODULES = [module for _, modules in FLOORS for module in modules]
PUBLIC_ONLY = ["tests/behaviour", "tests/oom", "tests/stress", "tests/abi", "examples", "bench"]
TEST_SUITES = ["unit", "behaviour", "oom", "stress"]


def includes(path):
    return re.findall(r'^\s*#\s*include\s+"([^"]+)"', path.read_text(encoding="utf-8"), flags=re.M)


def module_of(name):
    """The module of a file: sys_posix.c is of sys."""
    stem = Path(name).stem
    return stem if stem in MODULES else stem.split("_")[0]


def check_source(path):
    own = module_of(path.name)
    if own not in MODULES:
        yield f"{path}: no floor is known for it; give it one in tools/check_floors.py"
        return
    on_top = own in FLOORS[-1][1]
    for name in includes(path):
        other = module_of(name)
        if name == "ouro.h" or other == own:
            continue
        if not name.endswith(".h"):
            yield f"{path}: includes {name}, which is no header"
        elif other not in MODULES:
            yield f"{path}: includes {name}, for which no floor is known"
        elif on_top:
            yield f"{path}: includes {name}; the top floor knows ouro.h alone"
        elif MODULES.index(other) > MODULES.index(own):
            yield f"{path}: includes {name}, which is above it"
    if own in BELOW_COLLECTOR and path.name != "layout.h":
        for state in re.findall(r"(?:->|\.)(?:cycle|ending)\b", path.read_text(encoding="utf-8")):
            yield f"{path}: knows {state}, the collector's state, which is above it"


def check_public(root, folder):
    internal = {path.name for path in (root / "src").glob("*.h")}
    for path in sorted((root / folder).glob("*.[ch]*")):
        for name in includes(path):
            if Path(name).name in internal:
                yield f"{path}: includes {name}; here only ouro.h is known"


def check_listed(root):
    listed = (root / "src/meson.build").read_text(encoding="utf-8")
    for path in sorted((root / "src").glob("*.c")):
        if f"'{path.name}'" not in listed:
            yield f"{path}: not named in src/meson.build, so it is not part of the library"
    listed = (root / "tests/meson.build").read_text(encoding="utf-8")
    for suite in TEST_SUITES:
        for path in sorted((root / "tests" / suite).glob("*.c")):
            if f"'{path.stem}'" not in listed:
                yield f"{path}: not named in tests/meson.build, so it never runs"


def main(root):
    root = Path(root)
    files = sorted((root / "src").glob("*.[ch]"))
    wrong = [line for path in files for line in check_source(path)]
    wrong += [line for folder in PUBLIC_ONLY for line in check_public(root, folder)]
    wrong += check_listed(root)
    for line in wrong:
        print(line)
    print(f"floors: {len(files)} files of src checked")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
