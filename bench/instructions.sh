#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Count the instructions of the hot paths under callgrind, and compare them with the stored ones.
#
#     bench/instructions.sh              compare; fails when one has grown by more than 1 %
#     bench/instructions.sh --update     store what is counted now, in bench/instructions.tsv
#
# Unlike a time, a count does not depend on what else the machine does, so a single instruction shows.
# What is counted is in bench/instructions.c, per object; and the workload acyclic, at the size of
# run.sh, with the collector on against off, as a ratio: what dies by count is to pay next to nothing
# for the collector. Where the stored ratio is at most 1.03, a higher one fails.
#
# A count belongs to a compiler. Another version of gcc is allowed a quarter more, which it may take
# with the source unchanged, while a path that has lost its straight line still fails; on another kind
# of machine the counts are only shown. Counts that have shrunk by more than 1 % want --update, so that
# what was won is kept.
set -eu
cd "$(dirname "$0")/.."

update=false
case $*: in
:) ;;
--update:) update=true ;;
*)
    echo "usage: bench/instructions.sh [--update]" >&2
    exit 2
    ;;
esac

# shellcheck source=/dev/null
. tools/need.sh
need gcc:build-essential meson:meson ninja:ninja-build pkg-config:pkg-config valgrind:valgrind

stored=bench/instructions.tsv
build="build-instructions"
log=$build/instructions.log
mkdir -p $build
# The same flags everywhere, whatever the environment says.
unset CFLAGS CPPFLAGS LDFLAGS
export CC=gcc
if ! { configure $build -Doptimization=2 -Ddebug=true -Ddefault_library=static -Dchecks=api \
    -Dlines=disabled -Dbench=enabled -Dtests=disabled -Dexamples=disabled &&
    meson compile -C $build bench-instructions bench-ouro bench-ouro-off; } >$log 2>&1; then
    cat $log
    exit 1
fi

# count COMMAND...: the instructions of a run.
count() {
    valgrind --tool=callgrind --callgrind-out-file=$build/callgrind.out "$@" >$log 2>&1 || {
        cat $log >&2
        return 1
    }
    sed -n 's/^totals: //p' $build/callgrind.out
}

counted=$build/instructions.tsv
compiler="gcc $(gcc -dumpfullversion) $(gcc -dumpmachine)"
echo "# instructions an object; $compiler; sh bench/instructions.sh --update" >$counted
bench=$build/bench
$bench/bench-instructions >$build/operations
while read -r name times; do
    once=$(count $bench/bench-instructions "$name" 1)
    twice=$(count $bench/bench-instructions "$name" 2)
    echo "$name $once $twice $times" |
        awk '{ printf "%s\t%.2f\n", $1, ($3 - $2) / $4 }' >>$counted
done <$build/operations
on=$(count $bench/bench-ouro acyclic 18)
off=$(count $bench/bench-ouro-off acyclic 18)
echo "$on $off" | awk '{ printf "acyclic-on-off\t%.4f\n", $1 / $2 }' >>$counted

if $update; then
    cp $counted $stored
    cat $stored
    exit
fi
LC_ALL=C awk -F '\t' -f bench/instructions.awk $stored $counted
