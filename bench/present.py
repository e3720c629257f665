#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Show what bench/run.sh measured: draw it as an SVG, and put the tables into the documentation.

    sh bench/run.sh --save docs/bench.tsv && python3 bench/present.py

Reads docs/bench.tsv, writes docs/bench.svg and what stands between the marks: the whole table in
docs/benchmarks.md, the rows of SHOWN and the plot in README.md. A panel a workload; a bar says how
much more (to the right) or less than ouro a peer needs, in a logarithm, because peers differ by a
factor of a thousand, and because a ratio and its inverse are to look alike. Workloads and peers
that are not named below are shown too, by the names that they have in the file; but for the cases
of trash, which bench/curves.py shows.
"""
import math
import sys
import textwrap
from html import escape
from pathlib import Path

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"

WORKS = {  # by workload, or by workload and metric where it has several
    "counts": "incref and decref of one object",
    "counts-shuffled": "incref and decref of a million, shuffled",
    "newdrop": "new, and dropped at once",
    "random-drop": "a million new, dropped in random order",
    "replace": "one of a million replaced, at random",
    "trees": "binary trees, a node",
    "rings10": "rings of 10 dropped, a node",
    "rings1000": "rings of 1000 dropped, a node",
    "full1m": "full collection, 1 million live, a node",
    "full10m": "full collection, 10 million live, a node",
    "garbage1m": "cycle of 1 million dropped, a node",
    "bytes": "memory of a node with two references",
    "acyclic": "trees of all ages, a node",
    "churn": "5 million nodes under churn, an operation",
    "churn pause_max_ms": "the same: the longest pause",
    "churn pause_p9999_us": "the same: 99.99 % are shorter",
    "churn paused_10ms_percent": "the same: the worst ten milliseconds",
    "churn peak_bytes_ratio": "the same: peak memory, of the start's",
    "churn20m": "20 million nodes under churn, an operation",
    "churn20m pause_max_ms": "the same: the longest pause",
    "churn20m pause_p9999_us": "the same: 99.99 % are shorter",
    "churn20m paused_10ms_percent": "the same: the worst ten milliseconds",
    "churn20m peak_bytes_ratio": "the same: peak memory, of the start's",
    "profile ns an object, one at a time": "new and dropped, profiler on",
    "profile ns an object, trees of 1023": "trees of 1023 nodes, profiler on",
    "profile ns an object, lists of 15000": "lists of 15000 nodes, profiler on",
}
UNITS = {
    "bytes": "bytes",
    "pause_max_ms": "ms",
    "pause_p9999_us": "us",
    "paused_10ms_percent": "%",
    "peak_bytes_ratio": "x",
}
PEERS = {
    "ouro-off": "collector off",
    "limit-huge": "limit, huge pages",
    "boehm": "Boehm",
    "cpython": "CPython",
    "gobject": "GObject",
    "grcbox": "GRcBox",
    "atomic": "C11 atomics",
    "nim": "Nim ORC",
    "nim-arc": "Nim ARC",
    "lua": "Lua",
    "php": "PHP",
}
LIMITS = ("limit", "limit-huge")  # not libraries, but what none can do without
SHOWN = ("newdrop", "random-drop", "trees", "rings10", "full10m", "churn pause_max_ms")
SHOWN_TITLES = {"churn pause_max_ms": "5 million nodes under churn: the longest pause"}
WIDTH = 100  # of a line of text; a row of a table is one line

# The plot, in pixels. A bar ends at the frame where a ratio is beyond the scale.
COLUMNS = 3
PANEL_WIDTH, ROW_HEIGHT, HEAD_HEIGHT, GAP = 296, 14, 34, 14
NAME_WIDTH, VALUE_WIDTH = 104, 44
RATIO_MIN, RATIO_MAX = 1 / 16, 128
TICKS = ((1 / 10, "1/10"), (1, "1"), (10, "10"), (100, "100"))

STYLE = """
    text { font: 11px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; }
    .ouro { font-weight: 700; }
    .quiet { fill: #656d76; }
    .tick { font-size: 9px; fill: #656d76; }
    .back { fill: #ffffff; }
    .grid { stroke: #d8dee4; }
    .one { stroke: #1f2328; }
    .more { fill: #4c8dd6; }
    .less { fill: #d9822b; }
    .limit { fill: #b4bcc5; }
    @media (prefers-color-scheme: dark) {
        text { fill: #e6edf3; }
        .quiet, .tick { fill: #8d96a0; }
        .back { fill: #0d1117; }
        .grid { stroke: #30363d; }
        .one { stroke: #e6edf3; }
        .limit { fill: #57606a; }
    }
"""


class Work:
    """What was measured of one workload: our figure, and those of the peers, the least first."""

    def __init__(self, title, unit, ours):
        self.title, self.unit, self.ours, self.peers = title, unit, ours, []


def read(path):
    """The command, the rest of the first line, and the works by key, in their order."""
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    command, made = head.removeprefix("# ").split("; ", 1)
    works = {}
    for line in lines:
        workload, metric, ours, peer, theirs, _ = line.split("\t")
        if workload.startswith("trash/"):
            continue
        key = workload if metric in ("ns", "bytes") else f"{workload} {metric}"
        if key not in works:
            unit = UNITS.get(metric, "ns")
            works[key] = Work(WORKS.get(key, key), unit, float(ours))
        if peer != "none":
            works[key].peers.append((float(theirs), peer))
    for work in works.values():
        work.peers.sort()
    return command, made, works


def number(value):
    """Three digits or so."""
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def name(peer):
    return PEERS.get(peer, peer)


# --- the table ---

def table(works):
    yield "| work | ouro | limit | peers |"
    yield "|---|--:|--:|---|"
    for work in works:
        limit = next((number(value) for value, peer in work.peers if peer == "limit"), "-")
        peers = ", ".join(f"{name(peer)} {number(value)}" for value, peer in work.peers
                          if peer not in LIMITS)
        yield f"| {work.title} | {number(work.ours)} {work.unit} | {limit} | {peers} |"


def shown(works):
    """The works for README.md. A row there has no other above it that "the same" could be."""
    for key in SHOWN:
        if key in works:
            work = works[key]
            part = Work(SHOWN_TITLES.get(key, work.title), work.unit, work.ours)
            part.peers = work.peers
            yield part


def folded(line):
    """A line of text, folded; a row of a table as it is."""
    if line[:1] in ("", "|"):
        return [line]
    return textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False)


def write_table(path, lines):
    lines = [part for line in lines for part in folded(line)]
    text = path.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{path}: wants one {BEGIN} and one {END}")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


# --- the plot ---

def x_of(ratio):
    """Where a ratio is in a panel."""
    ratio = min(max(ratio, RATIO_MIN), RATIO_MAX)
    part = math.log(ratio / RATIO_MIN) / math.log(RATIO_MAX / RATIO_MIN)
    return NAME_WIDTH + part * (PANEL_WIDTH - NAME_WIDTH - VALUE_WIDTH)


def text(x, y, words, style="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>'


def line(x, top, bottom, style):
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" class="{style}"/>'


def height_of(work):
    return HEAD_HEIGHT + ROW_HEIGHT * (len(work.peers) + 1)


def panel(work):
    height = height_of(work)
    yield text(0, 11, work.title, "title")
    yield text(PANEL_WIDTH, 11, work.unit, "quiet", "end")
    for ratio, words in TICKS:
        yield line(x_of(ratio), HEAD_HEIGHT - 6, height, "one" if ratio == 1 else "grid")
        yield text(x_of(ratio), HEAD_HEIGHT - 9, words, "tick", "middle")
    for row, (value, peer) in enumerate(sorted([*work.peers, (work.ours, "ouro")])):
        top = HEAD_HEIGHT + row * ROW_HEIGHT
        style = "ouro" if peer == "ouro" else "quiet" if peer in LIMITS else ""
        yield text(NAME_WIDTH - 6, top + 7, name(peer), style, "end")
        yield text(PANEL_WIDTH, top + 7, number(value), style, "end")
        if peer != "ouro":
            left, right = sorted((x_of(1), x_of(value / work.ours)))
            kind = "limit" if peer in LIMITS else "more" if value > work.ours else "less"
            yield (f'<rect x="{left:.1f}" y="{top - 1}" width="{right - left:.1f}" height="9" '
                   f'class="{kind}"/>')


def plot(works, under):
    columns = [GAP] * COLUMNS
    body = []
    for work in works:  # into the column that ends first
        column = columns.index(min(columns))
        x = GAP + column * (PANEL_WIDTH + 2 * GAP)
        body += [f'<g transform="translate({x} {columns[column]})">', *panel(work), "</g>"]
        columns[column] += height_of(work) + 2 * GAP
    width = COLUMNS * (PANEL_WIDTH + 2 * GAP)
    height = max(columns)
    for words in under:
        body.append(text(GAP, height, words, "quiet"))
        height += 15
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'viewBox="0 0 {width} {height}">')
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="back" width="{width}" height="{height}" rx="6"/>'
    yield from body
    yield "</svg>"


def main():
    root = Path(__file__).resolve().parent.parent
    command, made, works = read(root / "docs/bench.tsv")
    *machine, versions = made.split("; ")
    under = [
        "Bars: how many times what ouro needs (blue: more, orange: less, grey: the limit)."
        " Numbers: nanoseconds, or as marked.",
        f"{command}; {'; '.join(machine)}",
        versions,
    ]
    every = list(works.values())
    (root / "docs/bench.svg").write_text("\n".join(plot(every, under)) + "\n", encoding="utf-8")
    plot_line = "![Bars: what each peer needs, relative to ouro]"
    source = f"`{command}`; {made}."
    write_table(root / "README.md", [
        *table(shown(works)), "", f"{plot_line}(docs/bench.svg)", "", source,
    ])
    write_table(root / "docs/benchmarks.md", [
        f"{plot_line}(bench.svg)", "", *table(every), "", source,
    ])


if __name__ == "__main__":
    main()
