#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Build ouro and the benchmarks, and measure ouro against its peers.
#
#     bench/run.sh [--quick] [--only WORKLOAD] [--save FILE] [--curves FILE]
#
# Prints one tab-separated line a figure on stdout:
#
#     workload  metric  ours  peer-name  peer  ratio
#
# Ratio is ours / peer: below 1 ours needs less. The metric is `ns`, of an operation, object or node,
# or `bytes`, of a node; `profile` names its own. The figures are medians over rounds; in each round
# every peer runs once, in a process of its own, so that what disturbs the machine disturbs all. With
# the peer-name `none` it is a figure for which no peer is there. Progress and a header line go to
# stderr. Fails when peers disagree about what the work came to. --save keeps the figures in a file
# as well, whose first line says what made them; bench/present.py draws and tabulates that. --curves
# keeps the bytes in use over time, which the workload trash samples; bench/curves.py draws them.
#
# All of it takes half an hour, ten minutes of that trash; --quick takes less than a minute. It works
# on less, in fewer rounds, and leaves out full10m, churn20m and garbage1m, whose graphs take long to
# build, goback, which rests for seconds, and most cases of trash. With --only it runs a workload
# that it leaves out, one round at its full size. A case of a workload is named WORKLOAD/CASE. --only
# WORKLOAD runs all of them, --only WORKLOAD/CASE one.
#
# What the workloads do stands in bench/*.c, how a peer is at its best in bench/peers/*. To add a
# peer: bench/meson.build, and its Debian package below; to add a workload: bench/bench.h, and its
# line in the plan.
set -eu

cd "$(dirname "$0")/.."

# Size and rounds of the whole run, and of --quick, which leaves out what has no size there. What a
# size is stands in bench/*.c: operations, passes over a million objects, a depth, nodes, or turns.
# Most runs of ours last a tenth of a second or more; the slowest peers take thirty times as long.
#
# Among the cases of trash is each rate, shape and size, with and without a frozen world:
#     rings10-*us-3MB       every rate: the pace of a collector in slices depends on it
#     rings1000, list       garbage in large pieces; the list is as large as many young collections,
#                           and all of it becomes garbage at once
#     cache                 random lifetimes: garbage of every age, free slots on every page; a few
#                           large objects, for which thresholds in objects and in bytes disagree
#     burst                 a rate that changes faster than a collection can follow
#     100MB, 1000MB         bounds that are a share of what is alive, not a constant; of these
#                           rings10-1.5us-100MB has the most objects, four million
#     frozen                a small worker beside a large world, at full speed and with rests; a
#                           large worker beside as large a world
# Their sizes make a run of ours take one to eight seconds, and give every peer several collections
# in the last half.
plan="
counts           200000000 7    20000000 3
counts-shuffled         20 5           2 1
newdrop           20000000 7     2000000 2
random-drop              5 5           2 1
replace            5000000 5      100000 1
trees                   18 5          14 3
rings10           10000000 5     1000000 3
rings1000         10000000 5     1000000 3
full1m             1000000 5     1000000 1
full10m           10000000 3           - -
garbage1m          1000000 5           - -
bytes             10000000 3     1000000 1
acyclic                 18 7          12 1
churn              5000000 3      200000 1
churn20m          20000000 3           - -
trash/rings10-0us-3MB                100 1     10 1
trash/rings10-0.5us-3MB              100 1      - -
trash/rings10-1.5us-3MB              100 1      - -
trash/rings10-3us-3MB                 60 1     10 1
trash/rings10-10us-3MB                24 1      - -
trash/rings1000-3us-3MB              100 1      - -
trash/list-0.5us-2.4MB               100 1      - -
trash/cache-1.5us-3MB                 60 1      - -
trash/burst-3us-3MB                   50 1      - -
trash/rings10-0us-3MB-frozen128MB    100 1      - -
trash/rings10-3us-3MB-frozen1000MB    20 1      - -
trash/rings10-1.5us-100MB              5 1      - -
trash/cache-3us-100MB                  8 1      - -
trash/burst-3us-100MB                  4 1      - -
trash/cache-0us-100MB-frozen128MB     12 1      - -
trash/cache-0.5us-1000MB               4 1      - -
goback            20000000 1           - -
profile                  - -           - -
"
workloads=$(echo "$plan" | awk 'NF { print $1 }')
families=$(echo "$workloads" | sed -n 's,/.*,,p' | sort -u)

usage() {
    echo "usage: bench/run.sh [--quick] [--only WORKLOAD] [--save FILE] [--curves FILE]" >&2
    echo "workloads:" $workloads "and all cases of" $families >&2
    exit 2
}

progress() {
    echo "bench: $*" >&2
}

quick=false only='' save='' curves='' arguments=
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=true arguments="$arguments --quick" ;;
    --only) [ $# -ge 2 ] || usage; only=$2 arguments="$arguments --only $2"; shift ;;
    --save) [ $# -ge 2 ] || usage; save=$2; shift ;;
    --curves) [ $# -ge 2 ] || usage; curves=$2; shift ;;
    *) usage ;;
    esac
    shift
done
if [ -n "$only" ]; then
    chosen=$(echo "$workloads" | awk -v only="$only" '$1 == only || index($1, only "/") == 1')
    [ -n "$chosen" ] || usage
    workloads=$chosen
fi
if $quick; then
    have=$(echo "$plan" | awk '$1 == "profile" || $4 ~ /[0-9]/ { print $1 }')
    short=$(echo "$workloads" | grep -Fx -e "$have" || true)
    if [ -n "$short" ] && [ "$short" != "$workloads" ]; then
        # shellcheck disable=SC2046 # words are wanted
        progress "left out of --quick; ask with --only:" \
            $(echo "$workloads" | grep -Fvx -e "$short")
        workloads=$short
    fi
fi

# shellcheck source=/dev/null
. tools/need.sh
need cc:build-essential meson:meson ninja:ninja-build pkg-config:pkg-config >&2
# Peers are optional, each for itself: without one its figures are missing.
(need_header mimalloc.h:libmimalloc-dev) >&2 || true
for pair in jemalloc:libjemalloc-dev bdw-gc:libgc-dev python3-embed:libpython3-dev \
    gobject-2.0:libglib2.0-dev; do
    (need_pkg $pair) >&2 || true
done
for pair in nim:nim lua5.4:lua5.4 php:php-cli; do
    (need $pair) >&2 || true
done

build="build-bench"
log=$build/bench.log
mkdir -p $build
progress "building in $build"
# -O2 for ours, as Debian builds the peers; static, as the peers are linked.
if ! { configure $build -Doptimization=2 -Ddebug=false -Ddefault_library=static -Dbench=enabled \
    -Dtests=disabled -Dexamples=disabled && meson compile -C $build; } >$log 2>&1; then
    cat $log >&2
    exit 1
fi
PATH=$PWD/$build/bench:$PATH
for peer in mimalloc jemalloc boehm cpython gobject nim lua php; do
    grep -q "^$peer	" $build/bench/peers ||
        progress "$peer is not here, so there are no figures for it (see $log)"
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# peers_of WORKLOAD: the lines of the peers that have it. Left out are those that would say nothing:
# ouro without collections, but where none is needed, and in `counts` allocators, since one object
# that stays in the cache is counted alike wherever it came from.
peers_of() {
    while IFS='	' read -r peer command; do
        case $1:$peer in
        acyclic:ouro-off) ;;
        *:ouro-off | counts:limit-huge | counts:*malloc) continue ;;
        esac
        # shellcheck disable=SC2086 # the command and its arguments
        if $command </dev/null | grep -Fqx -e "${1%%/*}"; then
            echo "$peer	$command"
        fi
    done <$build/bench/peers
}

for workload in $workloads; do
    if [ "$workload" = profile ]; then # has no peer but itself
        progress profile
        LC_ALL=C bench-profile >"$work/profile"
        continue
    fi
    # shellcheck disable=SC2046 # words are wanted
    set -- $(echo "$plan" | grep "^$workload ")
    if $quick && [ "$4" != - ]; then
        size=$4 rounds=$5
    elif $quick; then
        size=$2 rounds=1
    else
        size=$2 rounds=$3
    fi
    peers_of "$workload" >"$work/peers"
    round=1
    while [ $round -le "$rounds" ]; do
        progress "$workload, size $size, round $round of $rounds"
        while IFS='	' read -r peer command; do
            $command "$workload" "$size" </dev/null >>"$work/lines"
        done <"$work/peers"
        round=$((round + 1))
    done
done

touch "$work/lines" "$work/profile"
awk -F'\t' '$3 == "curve"' "$work/lines" >"$work/curves"
awk -F'\t' '$3 != "curve"' "$work/lines" >"$work/figures"
LC_ALL=C awk -f bench/report.awk "$work/figures" >"$work/report"
cat "$work/profile" >>"$work/report"
printf 'workload\tmetric\tours\tpeer-name\tpeer\tratio\n' >&2
cat "$work/report"

# keep FROM TO: with a first line, whose parts are set apart by semicolons.
keep() {
    cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | sed q)
    {
        echo "# sh bench/run.sh$arguments; $(date +%Y-%m-%d);" \
            "${cpu:-CPU} ($(uname -m), $(nproc) cores), $(. /etc/os-release && echo "$PRETTY_NAME");" \
            "$(cat $build/bench/versions)"
        cat "$1"
    } >"$work/kept"
    cp "$work/kept" "$2"
}
[ -z "$save" ] || keep "$work/report" "$save"
[ -z "$curves" ] || keep "$work/curves" "$curves"
