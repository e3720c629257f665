#!/usr/bin/env python3
"""Print how large ouro is, by floor and file, and fail when it is larger than promised.

Lines of code are counted; blank lines and comments are free. Going over a budget needs a design
note that says what was removed instead; then the number changes here.

    check_sizes.py SOURCE_ROOT
"""
import re
import sys
from pathlib import Path

from check_floors import FLOORS, module_of

CORE_LINES_MAX = 6720  # the floors up to the collector: what every program carries
ALL_LINES_MAX = 10090
FILE_LINES_MAX = 800
CORE_FLOORS = 4
COMMENT = re.compile(r"/\*.*?\*/", flags=re.S)


def code_lines(text):
    """How many lines hold code. A comment leaves its line breaks behind."""
    text = COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    return sum(line.strip() != "" for line in text.splitlines())


def main(root):
    lines = {}
    for path in sorted(Path(root, "src").glob("*.[ch]")):
        lines[path.name] = code_lines(path.read_text(encoding="utf-8"))
    totals = []
    for floor, (name, modules) in enumerate(FLOORS):
        files = {file: count for file, count in lines.items() if module_of(file) in modules}
        totals.append(sum(files.values()))
        print(f"floor {floor} {name:<10} {totals[-1]:5} lines of code")
        for file, count in files.items():
            print(f"    {file:<20} {count:5}")
    core, everything = sum(totals[:CORE_FLOORS]), sum(lines.values())
    print(f"floors 0-{CORE_FLOORS - 1}: {core} of {CORE_LINES_MAX} lines of code")
    print(f"all of src: {everything} of {ALL_LINES_MAX} lines of code")

    wrong = []
    for file, count in lines.items():
        if count > FILE_LINES_MAX:
            wrong.append(f"{file}: {count} lines of code, the most is {FILE_LINES_MAX}")
    if core > CORE_LINES_MAX:
        wrong.append(f"floors 0-{CORE_FLOORS - 1} are over their budget")
    if everything > ALL_LINES_MAX:
        wrong.append("src is over its budget")
    for line in wrong:
        print(line)
    return 1 if wrong or not lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
