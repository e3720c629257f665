# SPDX-License-Identifier: MIT
# Nim 1.6, with its cycle collector, and without it as the peer nim-arc, which leaves out what is in
# circles:
#
#     nim c -d:danger -d:lto --mm:orc -o:bench-nim bench/peers/nim.nim
#     nim c -d:danger -d:lto --mm:arc -o:bench-nim-arc bench/peers/nim.nim
#
# -d:lto compiles the runtime library and this as one: trees takes 7.4 ns a node instead of 9.5 at
# size 14, replace 70 instead of 95. -d:danger implies gcc -O3; -march=native, --panics:on and clang
# change little. -d:nimFixedOrc, which no manual names, would start collections at 10000 candidates
# and not at 128 or less: rings10 would take 19 ns instead of 36. With -d:useMalloc random-drop takes 194 ns instead of 60 and
# a node 48 bytes instead of 33, so the allocator is Nim's own.
#
# No type is marked {.acyclic.}, as the collector is to know of all objects.

import std/[os, posix, strformat]
from std/strutils import parseInt, split, startsWith
when defined(gcOrc):
  from std/algorithm import sort
  from std/strutils import join, parseFloat

const
  peer = when defined(gcArc): "nim-arc" else: "nim"
  objects = 1_000_000

type
  Node = ref object
    left, right: Node
  Box = ref object
    left, right: Box
    value: array[2, uint64]
  Wide = ref object
    left, right: Wide
    value: array[28, uint64]

var running: string # the workload, for the figures

proc fail(why: string) {.noreturn.} =
  stderr.writeLine &"bench: {peer}: {running}: {why}"
  exitnow 1

proc now(): int64 =
  var time: Timespec
  discard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, time)
  time.tv_sec.int64 * 1_000_000_000 + time.tv_nsec

proc report(metric: string, value: float, check: uint64) =
  echo &"{peer}\t{running}\t{metric}\t{value:.4f}\t{check}"

proc reportNs(ns: int64, count: int, check: uint64) =
  report "ns", ns.float / count.float, check

# bench_clobber of bench.h.
template clobber(self: ref) =
  {.emit: ["__asm__ volatile(\"\" : : \"r\"(", self, ") : \"memory\");"].}

# The random numbers and the shuffle of bench.h.

proc below(state: var uint32, bound: int): int {.inline.} =
  state = state xor state shl 13
  state = state xor state shr 17
  state = state xor state shl 5
  int(state.uint64 * bound.uint64 shr 32)

proc shuffled(count: int): seq[uint32] =
  result = newSeq[uint32](count)
  for i in 0 ..< count:
    result[i] = i.uint32
  var state = 1'u32
  for i in countdown(count - 1, 1):
    swap result[i], result[below(state, i)]

# newdrop.c

proc newdrop(size: int) =
  let other = Box() # else the allocator gives back its page each time: 33 ns, not 6
  clobber other
  var check = 0'u64
  let start = now()
  for i in 0 ..< size:
    let self = Box()
    self.value[0] = i.uint64
    clobber self
    check += self.value[0]
  reportNs now() - start, size, check

proc randomDrop(size: int) =
  var boxes = newSeq[Box](objects)
  let order = shuffled(objects)
  var check = 0'u64
  let start = now()
  for pass in 0 ..< size:
    for i in 0 ..< objects:
      boxes[i] = Box()
      boxes[i].value[0] = i.uint64
    for i in 0 ..< objects:
      let self = move boxes[order[i]]
      check += self.value[0] xor i.uint64
  reportNs now() - start, size * objects, check

proc replace(size: int) =
  var boxes = newSeq[Box](objects)
  for i in 0 ..< objects:
    boxes[i] = Box()
    boxes[i].value[0] = i.uint64
  var check = 0'u64
  var state = 1'u32
  let start = now()
  for i in 0 ..< size:
    let place = below(state, objects)
    check += boxes[place].value[0]
    boxes[place] = Box()
    boxes[place].value[0] = i.uint64
  reportNs now() - start, size, check

# trees.c

proc newTree(depth: int): Node =
  if depth == 0: Node()
  else: Node(left: newTree(depth - 1), right: newTree(depth - 1))

proc nodes(self: Node): int =
  if self.left == nil: 1
  else: 1 + nodes(self.left) + nodes(self.right)

proc manyTrees(depth: int): int =
  for d in countup(4, depth, 2):
    for i in 0 ..< 4 shl (depth - d):
      let tree = newTree(d)
      result += nodes(tree)

proc allTrees(depth: int): int =
  let lasting = newTree(depth)
  result = manyTrees(depth)
  result += nodes(lasting)

proc trees(size: int) =
  let start = now()
  let nodes = allTrees(size)
  reportNs now() - start, nodes, nodes.uint64

# graph.c, and rings.c, which wants a collector.

var root: Node

when defined(gcOrc):
  # How many nodes are gone, from Nim's own account of its memory: the bytes that are missing.
  var occupiedBefore: int

  proc nodeBytes(): int =
    let before = getOccupiedMem()
    var node = Node()
    result = getOccupiedMem() - before
    clobber node

  proc died(made: int): uint64 =
    uint64(made - (getOccupiedMem() - occupiedBefore) div nodeBytes())

  proc ring(length: static int) =
    var nodes: array[length, Node]
    for i in 0 ..< length:
      nodes[i] = Node()
    for i in 0 ..< length:
      nodes[i].left = nodes[if i + 1 < length: i + 1 else: 0]
      nodes[i].right = nodes[if i > 0: i - 1 else: length - 1]

  proc rings(size: int, length: static int) =
    occupiedBefore = getOccupiedMem()
    let start = now()
    for i in 0 ..< size div length:
      ring(length)
    GC_fullCollect()
    reportNs now() - start, size, died(size div length * length)

  proc rings10(size: int) =
    rings size, 10

  proc rings1000(size: int) =
    rings size, 1000

  proc newGraph(size: int) =
    let next = shuffled(size)
    var nodes = newSeq[Node](size)
    for i in 0 ..< size:
      nodes[i] = Node()
    var state = 1'u32
    for i in 0 ..< size:
      nodes[i].left = nodes[next[i]]
      nodes[i].right = nodes[below(state, size)]
    root = move nodes[0]

  proc buildGraph(size: int) =
    GC_disableOrc() # building is not on the clock; GC_fullCollect collects all the same
    occupiedBefore = getOccupiedMem()
    newGraph size

  proc checkGraph(): uint64 =
    var self {.cursor.} = root
    while true:
      result += 1'u64 + uint64(self.right == self.left) + uint64(self.right == root)
      self = self.left
      if self == root:
        break

  # ORC looks at what can be reached from candidates, objects that lost a reference since the last
  # collection and lived on. One is enough here, since all are reached from it: with 10 million live
  # 340 ns for each; with all of them candidates, as in the first collection, 450 to 550.
  var held: Node

  proc full(size: int) =
    buildGraph size
    var ns: array[3, int64]
    for i in 0 ..< 3:
      held = root
      held = nil
      let start = now()
      GC_fullCollect()
      ns[i] = now() - start
    sort ns
    reportNs ns[1], size, checkGraph() + died(size)

  proc garbage(size: int) =
    buildGraph size
    let start = now()
    root = nil
    GC_fullCollect()
    reportNs now() - start, size, died(size)

proc residentBytes(): int =
  try:
    readFile("/proc/self/statm").split[1].parseInt * sysconf(SC_PAGESIZE)
  except CatchableError:
    fail "cannot read /proc/self/statm"

proc bytes(size: int) =
  let before = residentBytes()
  for i in 0 ..< size:
    let self = Node()
    self.left = move root
    root = self
  let after = residentBytes()
  var walked = 0'u64
  var self {.cursor.} = root
  while self != nil:
    inc walked
    self = self.left
  report "bytes", (after - before).float / size.float, walked

# trash.c, with all collections as they come: at as many candidates as ORC finds worth it.

when defined(gcOrc):
  type
    Usage {.importc: "struct rusage", header: "<sys/resource.h>".} = object
      ru_nivcsw: clong
    Shape = enum
      shapeRings, shapeList, shapeCache

  proc getrusage(who: cint, usage: var Usage): cint {.importc, header: "<sys/resource.h>".}

  # The clocks of bench.c.

  proc wall(): int64 {.inline.} =
    var time: Timespec
    discard clock_gettime(CLOCK_MONOTONIC, time)
    time.tv_sec.int64 * 1_000_000_000 + time.tv_nsec

  var markedPreemptions: clong
  var markedNs: int64

  proc preemptions(): clong =
    var usage: Usage
    discard getrusage(0, usage) # RUSAGE_SELF
    usage.ru_nivcsw

  proc mark() =
    markedPreemptions = preemptions()
    markedNs = now()

  proc ownNs(start, stop: int64): int64 =
    result = stop - start
    if result > 20000:
      let own = now() - markedNs
      if preemptions() != markedPreemptions and own < result:
        result = own
      mark()

  var
    shape: Shape
    length, placeCount, listCount, place: int
    table: seq[Node]
    pairs: seq[Wide]
    tail {.cursor.}: Node
    randomState = 1'u32

  proc newRing(length: static int): Node =
    var nodes: array[length, Node]
    for i in 0 ..< length:
      nodes[i] = Node()
    for i in 0 ..< length:
      nodes[i].left = nodes[if i + 1 < length: i + 1 else: 0]
      nodes[i].right = nodes[if i > 0: i - 1 else: length - 1]
    result = move nodes[0]

  proc replaceRing() =
    table[place] = if length == 10: newRing(10) else: newRing(1000)
    place = if place + 1 < placeCount: place + 1 else: 0

  proc append() =
    let self = Node()
    if tail == nil:
      table[0] = self
    else:
      self.right = tail
      tail.left = self
    tail = self
    inc listCount

  proc growList() =
    if listCount == length:
      table[0] = nil
      tail = nil
      listCount = 0
    for i in 0 ..< 10:
      append()

  proc replacePair(at: int, serial: uint64) =
    let first = Wide()
    let second = Wide()
    first.left = second
    second.left = first
    first.value[0] = serial
    second.value[0] = serial
    pairs[at] = first

  proc operation(serial: uint64) =
    case shape
    of shapeRings: replaceRing()
    of shapeList: growList()
    of shapeCache: replacePair(below(randomState, placeCount), serial)

  proc check(): uint64 =
    if shape == shapeCache:
      for pair in pairs:
        result += 2'u64 + pair.value[0] + pair.left.value[0]
    for first in table:
      var self {.cursor.} = first
      while true:
        inc result
        self = self.left
        if self == nil or self == first:
          break

  var workMarked: int64

  proc work(start, ns: int64): int64 =
    result = wall()
    while result - start < ns:
      if result - workMarked > 20000:
        mark()
        workMarked = result
      result = wall()

  proc clockNs(): float =
    var least = int64.high
    for round in 0 ..< 100:
      let start = wall()
      for i in 1 ..< 1000:
        discard wall()
      least = min(least, wall() - start)
    least.float / 1000

  proc most(values: openArray[float]): float =
    result = values[0]
    for value in values:
      result = max(result, value)

  proc slope(bytes: seq[float], turn: int): float =
    let first = bytes.len div 2
    let count = bytes.len - first
    let before = min(2 * turn, first)
    let mean = (count - 1).float / 2
    var xx, xy, yy, ySum = 0.0
    for i in 0 ..< count:
      let x = i.float - mean
      let y = most(bytes.toOpenArray(first + i - before, first + i))
      xx += x * x
      xy += x * y
      yy += y * y
      ySum += y
    let line = xy / xx
    let scatter = (yy - ySum * ySum / count.float - line * xy) / count.float
    result = line * count.float
    if abs(result) < 1 / turn or line * line < 4 * scatter / xx * before.float:
      result = 0

  proc trash(size: int) =
    let words = running.split('/')[1].split('-')
    if words.len > 3:
      return # ORC freezes nothing
    let alive = int(words[2][0 ..< words[2].len - 2].parseFloat * 1e6)
    var workNs = int64(words[1][0 ..< words[1].len - 2].parseFloat * 1e3)
    length = 10
    var turn, rest = 1
    var made = 10
    case words[0]
    of "cache":
      shape = shapeCache
      placeCount = alive div 248 div 2
      turn = placeCount
      made = 2
    of "list":
      shape = shapeList
      length = alive div 24 div 10 * 10
      placeCount = 1
      turn = length div 10
    else:
      shape = shapeRings
      length = if words[0] == "rings1000": 1000 else: 10
      placeCount = alive div 24 div length
      turn = placeCount
      made = length
    if words[0] == "burst":
      rest = turn div 4
      workNs *= rest
    let operations = size * turn
    let period = max(max(turn div 64, operations div 16384), 1)
    var bytes = newSeqOfCap[float](operations div period + 1)
    let clock = clockNs()
    if shape == shapeCache:
      pairs = newSeq[Wide](placeCount)
    else:
      table = newSeq[Node](placeCount)
    let bytesBefore = getOccupiedMem()
    let residentBefore = residentBytes()
    GC_disableOrc()
    for i in 0 ..< turn:
      if shape == shapeCache:
        replacePair(i, 0)
      else:
        operation(0)
    GC_enableOrc()
    GC_fullCollect()
    let aliveBytes = float(getOccupiedMem() - bytesBefore)
    let aliveResident = float(residentBytes() - residentBefore)
    var longest, total: int64
    var resident = 0.0
    var start = wall()
    mark()
    for i in 1 .. operations:
      operation(i.uint64)
      let stop = wall()
      let ns = ownNs(start, stop)
      total += ns
      longest = max(longest, ns)
      if i mod period == 0:
        bytes.add float(getOccupiedMem() - bytesBefore) / aliveBytes
        resident = max(resident, float(residentBytes() - residentBefore) / aliveResident)
      if i mod 64 == 0:
        mark()
      start = work(stop, if i mod rest == 0: workNs else: 0)
    let sum = check()
    report "peak_ratio", most(bytes), sum
    report "slope", slope(bytes, turn div period), sum
    report "pause_max_ms", longest.float / 1e6, sum
    report "ns", (total.float - clock * operations.float) / float(operations * made), sum
    report "resident_ratio", resident, sum
    var points = @[$size]
    for i in 0 ..< 120:
      let first = bytes.len * i div 120
      let last = max(bytes.len * (i + 1) div 120, first + 1) - 1
      points.add &"{most(bytes.toOpenArray(first, last)):.3g}"
    echo &"{peer}\t{running}\tcurve\t", points.join(" "), &"\t{sum}"

const acyclic = {
  "newdrop": newdrop,
  "random-drop": randomDrop,
  "replace": replace,
  "trees": trees,
  "bytes": bytes,
}
when defined(gcOrc):
  const cyclic = {
    "rings10": rings10,
    "rings1000": rings1000,
    "full1m": full,
    "full10m": full,
    "garbage1m": garbage,
    "trash": trash,
  }
  const workloads = @acyclic & @cyclic
else:
  const workloads = @acyclic

if paramCount() < 2:
  for (name, run) in workloads:
    echo name
else:
  running = paramStr(1)
  for (name, run) in workloads:
    if name == running or running.startsWith(name & "/"):
      run paramStr(2).parseInt
      stdout.flushFile
      # Without destructors: taking a million objects down is not what is measured.
      exitnow 0
  fail "there is no such workload"
