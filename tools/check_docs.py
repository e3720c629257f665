#!/usr/bin/env python3
"""Compile, link and run the programs in README.md and docs: ```c blocks with an `int main`. And see
that no table in docs has an empty cell: an answer that nobody has given yet.

    check_docs.py SOURCE_ROOT LIBRARY COMPILER...
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"^```c\n(.*?)^```$", flags=re.M | re.S)


def pages(root):
    return [path for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
            if path.is_file()]


def holes(root):
    """Rows of tables below a heading with fewer cells than it, or with an empty one."""
    for path in pages(root)[1:]:  # the figures of README.md may have blanks
        width = 0
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            cells = [cell.strip() for cell in line.strip("|").split("|")] if line[:1] == "|" else []
            is_heading = width == 0
            width = width if cells and width else len(cells)
            if cells and not is_heading and (len(cells) != width or not all(cells)):
                yield f"{path}:{number}: a row with an empty cell"


def programs(root):
    for path in pages(root):
        text = path.read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            if "int main" in block[1]:
                yield f"{path}:{text.count(chr(10), 0, block.start()) + 2}", block[1]


def problem(program, root, library, compiler, folder):
    """What is wrong with a program, or an empty string."""
    source, binary = folder / "program.c", folder / "program"
    source.write_text(program, encoding="utf-8")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{root / 'include'}"]
    for command in ([*compiler, *flags, str(source), library, "-o", str(binary)], [str(binary)]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            return f"{command[0]} failed ({done.returncode})\n{done.stdout}{done.stderr}"
    return ""


def main(root, library, *compiler):
    root, library = Path(root).resolve(), str(Path(library).resolve())
    count = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for place, program in programs(root):
            count += 1
            text = problem(program, root, library, compiler, Path(folder))
            if text:
                failed += 1
                print(f"{place}: {text}")
    empty = list(holes(root))
    print("\n".join(empty + [f"{count} programs in the documentation, {failed} wrong"]))
    return int(failed > 0 or len(empty) > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
