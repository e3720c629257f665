#!/usr/bin/env python3
"""Check what ouro.h promises its readers.

- The interface comes first, and the machinery below the line "End of the interface": above it no
  function has a body, and ouro_ names stand in macros only; below it inline functions either are
  declared above or have ouro_ names. The first part, Core, fits into CORE_LINES_MAX lines.
- No line is longer than COLUMNS_MAX.
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
CORE_LINES_MAX = 700
COLUMNS_MAX = 100
TOOLS = "\n * Tools: "
MACHINERY = "\n * End of the interface."
DOC_NAME = re.compile(r"\b(gc_|gci_|OURO_)(\w+)")


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def check_parts(header):
    core, tools, rest = header.partition(TOOLS)
    between, machinery, below = rest.partition(MACHINERY)
    if not tools or not machinery:
        yield "ouro.h has not the parts Core, Tools and Machinery"
        return
    if core.count("\n") > CORE_LINES_MAX:
        yield f"Core has {core.count(chr(10))} lines, the most is {CORE_LINES_MAX}"
    above = without_comments(core + between).replace("\\\n", " ")
    for line in re.findall(r"^\{|^[^#\n]*\)\s*\{.*$", above, flags=re.M):
        yield f"a function has its body in the interface: {line}"
    for line in re.findall(r"^(?!\s*#\s*define\b).*\bouro_.*$", above, flags=re.M):
        yield f"an ouro_ name is in the interface: {line}"
    for name in re.findall(r"^static\b[^;(]*?(\w+)\(", without_comments(below), flags=re.M):
        if not name.startswith("ouro_") and not re.search(rf"\b{name}\(", above):
            yield f"{name} is not declared in the interface, and has no ouro_ name"


def check_width(header):
    for number, line in enumerate(header.splitlines(), 1):
        if len(line) > COLUMNS_MAX:
            yield f"ouro.h:{number}: longer than {COLUMNS_MAX} columns"


def check_comments(header):
    function = re.compile(r"^(?:OURO_API|static inline)\b[^;(]*?(\w+)\(", flags=re.M)
    for paragraph in header.split("\n\n"):
        for name in function.findall(without_comments(paragraph)):
            if not paragraph.lstrip("\n").startswith("/*"):
                yield f"{name} has no comment"


def check_ownership(code):
    for prefix, name in re.findall(r"^OURO_API\b([^;(]*?)\bvoid \*((?:gc|ouro)_\w+)\(", code, flags=re.M):
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
        *check_parts(header),
        *check_width(header),
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
