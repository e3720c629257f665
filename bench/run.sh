#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Build ouro and the benchmarks, and measure ouro against its peers.
#
#     bench/run.sh [--quick] [--only WORKLOAD]
#
# Prints one tab-separated line a figure on stdout:
#
#     workload  metric  ours  peer-name  peer  ratio
#
# Ratio is ours / peer: below 1 ours needs less. The figures are medians over rounds; in each round
# every library runs once, in a process of its own, so that what disturbs the machine disturbs all.
# With the peer-name `none` it is a figure for which no peer keeps books. Progress and a header line
# go to stderr. Fails when libraries disagree about what the work came to.
set -eu
cd "$(dirname "$0")/.."

usage() {
    echo "usage: bench/run.sh [--quick] [--only counts|newdrop|rings10|full10m|bytes|profile]" >&2
    exit 2
}

workloads="counts newdrop rings10 full10m bytes profile"
quick=false
only=
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=true ;;
    --only) [ $# -ge 2 ] || usage; only=$2; shift ;;
    *) usage ;;
    esac
    shift
done
if [ -n "$only" ]; then
    case " $workloads " in
    *" $only "*) workloads=$only ;;
    *) usage ;;
    esac
fi

progress() {
    echo "bench: $*" >&2
}

# shellcheck source=/dev/null
. tools/need.sh
need cc:build-essential meson:meson ninja:ninja-build pkg-config:pkg-config >&2
# Peers are optional: without one its figures are missing.
for peer in python3-embed:libpython3-dev bdw-gc:libgc-dev; do
    (need_pkg $peer) >&2 || true
done

build="build-bench"
log=$build/bench.log
mkdir -p $build
progress "building in $build"
if [ ! -f $build/build.ninja ]; then
    setup="meson setup $build"
else
    setup="meson setup --reconfigure $build"
fi
# -O2 for ours, as Debian builds the peers; static, as the peers are linked.
if ! { $setup -Doptimization=2 -Ddebug=false -Ddefault_library=static -Dbench=enabled \
    -Dtests=disabled -Dexamples=disabled && meson compile -C $build; } >$log 2>&1; then
    cat $log >&2
    exit 1
fi

libraries=ours
for library in plain cpython boehm; do
    if [ -x $build/bench/bench-$library ]; then
        libraries="$libraries $library"
    else
        progress "$library: not built, so there are no figures for it (see $log)"
    fi
done

# The size of a workload and how many rounds. A size makes most runs last a tenth of a second or
# more. A round of full10m takes about a minute, most of it for building the graph.
size_of() {
    case $1-$quick in
    counts-true) echo 100000000 5 ;;
    newdrop-true) echo 10000000 5 ;;
    counts-false) echo 200000000 9 ;;
    newdrop-false) echo 50000000 9 ;;
    rings10-true) echo 5000000 5 ;;
    rings10-false) echo 20000000 7 ;;
    full10m-true) echo 1000000 3 ;;
    full10m-false) echo 10000000 3 ;;
    bytes-true) echo 1000000 1 ;;
    bytes-false) echo 10000000 3 ;;
    esac
}

figures=$(mktemp)
trap 'rm -f "$figures"' EXIT
trap 'exit 1' HUP INT TERM

for workload in $workloads; do
    [ "$workload" != profile ] || continue # has no peer but itself
    # shellcheck disable=SC2046 # two words are wanted
    set -- $(size_of "$workload")
    round=1
    while [ $round -le "$2" ]; do
        progress "$workload, size $1, round $round of $2"
        for library in $libraries; do
            $build/bench/bench-"$library" "$workload" "$1" >>"$figures"
        done
        round=$((round + 1))
    done
done

printf 'workload\tmetric\tours\tpeer-name\tpeer\tratio\n' >&2
LC_ALL=C awk -f bench/report.awk "$figures"
case $workloads in
*profile*) LC_ALL=C $build/bench/bench-profile ;;
esac
