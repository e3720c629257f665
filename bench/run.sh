#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Build ouro and the benchmarks, and measure ouro against its peers.
#
#     bench/run.sh [--quick] [--only WORKLOAD] [--save FILE]
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
# as well, whose first line says what made them; bench/present.py draws and tabulates that.
#
# All of it takes twenty minutes, --quick three quarters of a minute. --quick works on less, in
# fewer rounds, and leaves full10m and churn20m out, whose graphs alone take longer to build; with
# --only it runs those too, one round at their full size, for a minute and a half.
#
# What the workloads do stands in bench/*.c, how a peer is at its best in bench/peers/*. To add a
# peer: bench/meson.build, and its Debian package below; to add a workload: bench/bench.h, and its
# line in the plan.
set -eu

cd "$(dirname "$0")/.."

# Size and rounds of the whole run, and of --quick. What a size is stands in bench/*.c: operations,
# passes over a million objects, a depth, or nodes. Most runs of ours last a tenth of a second or
# more; the slowest peers take thirty times as long.
plan="
counts           200000000 7    20000000 3
counts-shuffled         20 5           2 3
newdrop           20000000 7     2000000 3
random-drop              5 5           2 1
replace            5000000 5      500000 3
trees                   18 5          14 3
rings10           10000000 5     1000000 3
rings1000         10000000 5     1000000 3
full1m             1000000 5     1000000 1
full10m           10000000 3    10000000 1
garbage1m          1000000 5     1000000 1
bytes             10000000 3     1000000 1
acyclic                 18 7          14 3
churn              5000000 3      200000 1
churn20m          20000000 3    20000000 1
goback            20000000 1     1000000 1
profile                  - -           - -
"
workloads=$(echo "$plan" | awk 'NF { print $1 }')

usage() {
    echo "usage: bench/run.sh [--quick] [--only WORKLOAD] [--save FILE]" >&2
    echo "workloads:" $workloads >&2
    exit 2
}

progress() {
    echo "bench: $*" >&2
}

quick=false only='' save='' arguments=
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=true arguments="$arguments --quick" ;;
    --only) [ $# -ge 2 ] || usage; only=$2 arguments="$arguments --only $2"; shift ;;
    --save) [ $# -ge 2 ] || usage; save=$2; shift ;;
    *) usage ;;
    esac
    shift
done
if [ -n "$only" ]; then
    echo "$workloads" | grep -Fqx -e "$only" || usage
    workloads=$only
elif $quick; then
    progress "full10m and churn20m are left out of --quick; ask for them with --only"
    workloads=$(echo "$workloads" | grep -Fvx -e full10m -e churn20m)
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
        if $command </dev/null | grep -Fqx -e "$1"; then
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
    if $quick; then
        size=$4 rounds=$5
    else
        size=$2 rounds=$3
    fi
    peers_of "$workload" >"$work/peers"
    round=1
    while [ $round -le "$rounds" ]; do
        progress "$workload, size $size, round $round of $rounds"
        while IFS='	' read -r peer command; do
            $command "$workload" "$size" </dev/null >>"$work/figures"
        done <"$work/peers"
        round=$((round + 1))
    done
done

touch "$work/figures" "$work/profile"
LC_ALL=C awk -f bench/report.awk "$work/figures" >"$work/report"
cat "$work/profile" >>"$work/report"
printf 'workload\tmetric\tours\tpeer-name\tpeer\tratio\n' >&2
cat "$work/report"

# The parts of the first line are set apart by semicolons.
if [ -n "$save" ]; then
    cpu=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | sed q)
    {
        echo "# sh bench/run.sh$arguments; $(date +%Y-%m-%d);" \
            "${cpu:-CPU} ($(uname -m), $(nproc) cores), $(. /etc/os-release && echo "$PRETTY_NAME");" \
            "$(cat $build/bench/versions)"
        cat "$work/report"
    } >"$work/save"
    cp "$work/save" "$save"
fi
