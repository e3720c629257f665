#!/usr/bin/env python3
"""Check what ouro.h promises its readers.

- Every function has a comment: the paragraph it stands in begins with one.
- A function that returns an object says whether the reference is OURO_NEW or OURO_BORROWED.
- Every exported function is used in tests/abi/calls.c, so each is known to work from C and C++.
- The header depends on no build option, and changes no warning state.
- Every gc_ name in README.md and docs/*.md is in the header; every gci_ and OURO_ name is somewhere
  in the tree.

    check_header.py SOURCE_ROOT
"""
import re
import sys
from pathlib import Path

# Functions that return a void * that is no object, or not yet one.
NOT_OBJECTS = {"gc_heap_user_data"}
BUILD_OPTIONS = ["OURO_CHECKS", "OURO_STRESS"]
DOC_NAME = re.compile(r"\b(gc_|gci_|OURO_)(\w+)")


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def check_comments(header):
    function = re.compile(r"^(?:OURO_API|static inline)\b[^;(]*?(\w+)\(", flags=re.M)
    for paragraph in header.split("\n\n"):
        for name in function.findall(without_comments(paragraph)):
            if not paragraph.lstrip("\n").startswith("/*"):
                yield f"{name} has no comment"


def check_ownership(code):
    for prefix, name in re.findall(r"^OURO_API\b([^;(]*?)\bvoid \*(gc_\w+)\(", code, flags=re.M):
        if not re.search("OURO_NEW|OURO_BORROWED", prefix) and name not in NOT_OBJECTS:
            yield f"{name} returns an object and says neither OURO_NEW nor OURO_BORROWED"


def check_called(code, calls):
    for name in re.findall(r"^OURO_API\b[^;(]*?(\w+)\(", code, flags=re.M):
        inlined = len(re.findall(rf"\b{name}\(", code)) > 1
        if not inlined and not re.search(rf"\b{name}\b", calls):
            yield f"{name} is not used in tests/abi/calls.c"


def check_build(code):
    for word in BUILD_OPTIONS + ["#pragma", "_Pragma"]:
        if word in code:
            yield f"ouro.h contains {word}"


def check_names(root, header):
    tree = ""
    for folder in ("include", "src", "tests"):
        for path in (root / folder).rglob("*.[ch]*"):
            tree += path.read_text(encoding="utf-8")
    known = set(re.findall(r"\bgc_\w+", header)) | set(re.findall(r"\b(?:gci|OURO)_\w+", tree))
    for path in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        if not path.is_file():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for prefix, rest in DOC_NAME.findall(line):
                name = prefix + rest
                # gci_set_of_... stands for all that begin so.
                begins = name.endswith("_") and any(other.startswith(name) for other in known)
                if name not in known and not begins:
                    yield f"{path}:{number}: {name} does not exist"


def main(root):
    root = Path(root)
    header = (root / "include/ouro.h").read_text(encoding="utf-8")
    code = without_comments(header)
    wrong = [
        *check_comments(header),
        *check_ownership(code),
        *check_called(code, (root / "tests/abi/calls.c").read_text(encoding="utf-8")),
        *check_build(code),
        *check_names(root, header),
    ]
    for line in wrong:
        print(line)
    return 1 if wrong or "OURO_API" not in code else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
