#!/usr/bin/env python3
"""Check README.md, CONTRIBUTING.md and docs.

- The programs in them, ```c blocks with an `int main`, compile, link and run.
- No table in docs has an empty cell: an answer that nobody has given yet.
- No line is wider than 100 columns, but for rows of tables.
- Each gc_, gci_ and OURO_ name, each function() and each file.c that a text mentions outside of
  ``` blocks is in the tree, and so is what a link leads to, with its heading.

    check_docs.py SOURCE_ROOT LIBRARY COMPILER...
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"^```c\n(.*?)^```$", flags=re.M | re.S)
WIDTH = 100
FOLDERS = ["include", "src", "tests", "tools", "bench", "examples", "docs"]
NAME = re.compile(r"\b(?:gc|gci|OURO)_\w+|(?<![.\w])[a-z][a-z0-9_]*(?=\(\))")
FILE = re.compile(r"(?<![\w./*-])[\w./-]*\w\.(?:[ch]|md|py|sh|pml|awk|tsv|txt|svg)\b(?![\w/(])")
LINK = re.compile(r"\]\(([^)#:]*)(?:#([^)]*))?\)")


def pages(root):
    return [path for path in [root / "README.md", root / "CONTRIBUTING.md",
                              *sorted((root / "docs").rglob("*.md"))] if path.is_file()]


def lines_of(path):
    """The lines outside of ``` blocks, with their numbers."""
    inside = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        inside ^= line.startswith("```")
        if not inside:
            yield number, line


def anchors(path):
    """What a link to a heading of a page says, as GitHub makes it."""
    heads = [line.lstrip("#").strip() for _, line in lines_of(path) if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def wide(root):
    for path in pages(root):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if len(line) > WIDTH and line[0] != "|":
                yield f"{path}:{number}: {len(line)} columns"


def missing(root):
    """What the texts mention and the tree does not have."""
    paths = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()]
    paths += [path for path in root.iterdir() if path.is_file()]
    files = [f"/{path.relative_to(root).as_posix()}" for path in paths]
    words = set()
    for path in paths:
        if path.suffix in (".h", ".c", ".cpp", ".py", ".pml"):
            words |= set(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    for path in pages(root):
        for number, line in lines_of(path):
            for name in NAME.findall(line):
                # gci_set_of_... stands for all that begin so.
                begins = name.endswith("_") and any(word.startswith(name) for word in words)
                if name not in words and not begins:
                    yield f"{path}:{number}: {name} does not exist"
            for link, anchor in LINK.findall(line):
                target = path.parent / link if link else path
                if not target.exists() or (anchor and anchor not in anchors(target)):
                    yield f"{path}:{number}: {link}#{anchor} leads nowhere"
            for name in FILE.findall(LINK.sub("", line)):
                if not any(file.endswith(f"/{name}") for file in files):
                    yield f"{path}:{number}: {name} does not exist"


def holes(root):
    """Rows of tables below a heading with fewer cells than it, or with an empty one."""
    for path in pages(root):
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
    faults = [*holes(root), *wide(root), *missing(root)]
    print("\n".join(faults + [f"{count} programs in the documentation, {failed} wrong"]))
    return int(failed > 0 or len(faults) > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
