#!/usr/bin/env python3
"""Compare what ouro.h declares, what exports.txt promises and what the shared library exports.

    exports.py HEADER EXPORTS_TXT NM LIBRARY     compare
    exports.py HEADER EXPORTS_TXT                write EXPORTS_TXT anew from the header
"""
import re
import subprocess
import sys


def declared(path):
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    return set(re.findall(r"^OURO_API\b[^;(]*?(\w+)\(", text, flags=re.M))


def exported(nm, library):
    command = [nm, "-D", "--defined-only", library]
    table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # "address kind name@@version"; the version itself is an absolute symbol.
    lines = [line.split() for line in table.splitlines()]
    return {name.split("@")[0] for _, kind, name in lines if kind != "A"}


def main(header, exports, nm=None, library=None):
    wanted = declared(header)
    if library is None:
        with open(exports, "w", encoding="utf-8") as file:
            file.writelines(name + "\n" for name in sorted(wanted))
        return 0
    with open(exports, encoding="utf-8") as file:
        promised = set(file.read().split())
    actual = exported(nm, library)
    wrong = [
        (wanted - promised, "in ouro.h, not in exports.txt (write it anew, read the difference)"),
        (promised - wanted, "in exports.txt, not in ouro.h: programs that call it break"),
        (wanted - actual, "in ouro.h, not exported by the library"),
        (actual - wanted, "exported by the library, not in ouro.h"),
    ]
    for names, what in wrong:
        for name in sorted(names):
            print(f"{name}: {what}")
    return int(any(names for names, _ in wrong) or not wanted)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
