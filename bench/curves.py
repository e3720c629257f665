#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Show what bench/run.sh measured of the workload trash: draw the bytes over time as an SVG, and
put the figures into docs/trash.md.

    sh bench/run.sh --only trash --save docs/trash.tsv --curves docs/trash-curves.tsv &&
        python3 bench/curves.py

Reads these two files, writes docs/trash.svg and what stands between the marks in docs/trash.md. The
plot has a panel for each case of CASES. Bytes are relative to those alive, in a logarithm, and time
is the number of times that these were replaced, so that neither the size of a peer's objects nor its
speed matters.
"""
import math
from pathlib import Path
from statistics import median

from present import GAP, STYLE, name, number, text, write_table

CASES = (
    "rings10-1.5us-3MB",
    "rings1000-3us-3MB",
    "burst-3us-3MB",
    "rings10-0us-3MB-frozen128MB",
    "rings10-1.5us-100MB",
    "cache-0.5us-1000MB",
)
METRICS = {
    "peak_ratio": "The most bytes in use, relative to those alive",
    "slope": "Growth of the bytes over the last half, relative to those alive",
    "pause_max_ms": "The longest pause, in milliseconds",
    "ns": "Nanoseconds for each object, without the other work",
    "resident_ratio": "The most resident memory, relative to that of the live objects when built",
}
PEERS = ("ouro", "boehm", "cpython", "nim", "lua")

# The plot, in pixels.
COLUMNS = 3
PANEL_WIDTH, PANEL_HEIGHT, HEAD_HEIGHT, SCALE_WIDTH = 296, 150, 24, 26

LINES = """
    polyline { fill: none; stroke-width: 1.2; }
    polyline.ouro { stroke: #1f2328; stroke-width: 2; }
    .boehm { stroke: #d9822b; } .cpython { stroke: #4c8dd6; }
    .nim { stroke: #3fa55b; } .lua { stroke: #a169c9; }
    .bound { stroke: #cf222e; stroke-dasharray: 3 3; }
    text { stroke: none; }
    @media (prefers-color-scheme: dark) { polyline.ouro { stroke: #e6edf3; } }
"""


def read(path):
    """The parts of the first line, and the lines, without the name of the workload."""
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    return head.removeprefix("# ").split("; "), [
        line.replace("trash/", "").split("\t") for line in lines]


def bound(case):
    """Twice ouro's bytes alive and 8 MiB, relative to those alive."""
    alive = float(case.split("-")[2].removesuffix("MB")) * 1e6
    return 2 + (8 << 20) / alive


# --- the tables ---

def figures(lines):
    """By metric, case and peer."""
    values = {}
    for case, metric, ours, peer, theirs, _ in lines:
        cases = values.setdefault(metric, {})
        cases.setdefault(case, {})["ouro"] = float(ours)
        if peer != "none":
            cases[case][peer] = float(theirs)
    return values


def cell(metric, value):
    if value is None:
        return "-"
    return f"{value:.2f}" if metric in ("slope", "peak_ratio", "resident_ratio") else number(value)


def tables(values):
    for metric, title in METRICS.items():
        cases = values[metric]
        peers = [peer for peer in PEERS if any(peer in row for row in cases.values())]
        yield from (f"**{title}** (`{metric}`)", "")
        yield "| case | " + " | ".join(map(name, peers)) + " |"
        yield "|---|" + "--:|" * len(peers)
        for case, row in cases.items():
            cells = (cell(metric, row.get(peer)) for peer in peers)
            yield f"| {case} | {' | '.join(cells)} |"
        if metric != "slope":
            ratios = (median(row["ouro"] / row[peer] for row in cases.values() if row.get(peer))
                      for peer in peers[1:])
            yield "| median of ouro / peer | - | " + " | ".join(map(number, ratios)) + " |"
        yield ""


# --- the plot ---

def panel(case, curves, top):
    left, bottom = SCALE_WIDTH, HEAD_HEIGHT + PANEL_HEIGHT

    def y_of(ratio):
        return bottom - math.log2(max(ratio, 1)) / math.log2(top) * PANEL_HEIGHT

    yield text(0, 11, case, "title")
    for power in range(int(math.log2(top)) + 1):
        y = y_of(1 << power)
        yield f'<line x1="{left}" x2="{PANEL_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
        yield text(left - 4, f"{y + 3:.1f}", str(1 << power), "tick", "end")
    y = y_of(bound(case))
    yield f'<line x1="{left}" x2="{PANEL_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="bound"/>'
    turns = 0
    for peer in reversed(PEERS):  # ours on top
        if peer not in curves:
            continue
        turns, *ratios = curves[peer]
        step = (PANEL_WIDTH - left) / len(ratios)
        points = [(left, y_of(1))] + [(left + step * (i + 1), y_of(ratio))
                                      for i, ratio in enumerate(ratios)]
        words = " ".join(f"{x:.0f},{y:.1f}" for x, y in points)
        yield f'<polyline class="{peer}" points="{words}"/>'
    yield text(left, bottom + 12, "0", "tick", "middle")
    yield text(PANEL_WIDTH, bottom + 12, f"replaced {turns:.0f} times", "tick", "end")


def plot(curves, under):
    highest = max(max(points[1:]) for case in CASES for points in curves[case].values())
    top = 1 << math.ceil(math.log2(max(highest, *map(bound, CASES))))
    body = []
    height = HEAD_HEIGHT + PANEL_HEIGHT + 12 + 2 * GAP
    for i, case in enumerate(CASES):
        x, y = GAP + i % COLUMNS * (PANEL_WIDTH + 2 * GAP), GAP + i // COLUMNS * height
        body += [f'<g transform="translate({x} {y})">', *panel(case, curves[case], top), "</g>"]
    width = COLUMNS * (PANEL_WIDTH + 2 * GAP)
    y = GAP + -(-len(CASES) // COLUMNS) * height
    x = GAP
    for peer in PEERS:
        body.append(f'<polyline class="{peer}" points="{x},{y - 4} {x + 20},{y - 4}"/>')
        body.append(text(x + 26, y, name(peer), peer if peer == "ouro" else ""))
        x += 100
    y += 6
    for words in under:
        y += 15
        body.append(text(GAP, y, words, "quiet"))
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y + GAP}" '
           f'viewBox="0 0 {width} {y + GAP}">')
    yield f"<style>{STYLE}{LINES}</style>"
    yield f'<rect class="back" width="{width}" height="{y + GAP}" rx="6"/>'
    yield from body
    yield "</svg>"


def main():
    docs = Path(__file__).resolve().parent.parent / "docs"
    (command, *made), lines = read(docs / "trash.tsv")
    curves = {}
    for peer, case, _, points, _ in read(docs / "trash-curves.tsv")[1]:
        curves.setdefault(case, {})[peer] = [float(point) for point in points.split()]
    *machine, versions = made
    under = [
        "Bytes in use, relative to those alive, while these are replaced again and again; each point"
        " is the most of its time. Dashed: twice what is alive, and 8 MiB.",
        f"{command}; {'; '.join(machine)}",
        versions,
    ]
    (docs / "trash.svg").write_text("\n".join(plot(curves, under)) + "\n", encoding="utf-8")
    write_table(docs / "trash.md", [
        "![Lines: the bytes that each peer has in use over time](trash.svg)", "",
        *tables(figures(lines)), f"`{command}`; {'; '.join(made)}.",
    ])


if __name__ == "__main__":
    main()
