#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Have Spin verify the model in cycle.pml: as it is, without the touched bit and with uneven objects
# it must hold, and broken in any of the other ways that are listed there it must not.
#
#     tests/model/check.sh [NAME...]        only these, as in: check.sh AS_IS NO_RESCUE
#     SPIN='-DFIELDS=4' MEGABYTES=3000 tests/model/check.sh AS_IS
#
# The last line is `N passed, N failed`. The way to an error that should not be there is shown, the
# world before each check of it.
set -eu
cd "$(dirname "$0")/../.."

. tools/need.sh
need cc:build-essential spin:spin

model=$PWD/tests/model/cycle.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# verify NAME: what Spin says goes to $work/NAME/log. The search is breadth first, so it finds the
# shortest way to an error. To optimise harder takes longer than it saves.
verify()
{
    mkdir "$work/$1"
    (
        cd "$work/$1"
        defines="-DBROKEN=$1 ${SPIN:-}"
        # shellcheck disable=SC2086 # each define is a word
        spin $defines -a "$model"
        cc -O1 -w -DBFS -DSAFETY -DNOREDUCE -DMEMLIM="${MEGABYTES:-2000}" -o pan pan.c
        ./pan
    ) >"$work/$1/log" 2>&1 || true
}

# How it ended: held, broken, or unfinished if it was no search of all there is. A step that is
# never taken would mean that the model does not say what it should.
outcome()
{
    if grep -q 'assertion violated' "$1"; then
        echo broken
    elif grep -q 'errors: 0$' "$1" && grep -q '(0 of [0-9]* states)' "$1" &&
        ! grep -q 'Search not completed' "$1"; then
        echo held
    else
        echo unfinished
    fi
}

passed=0 failed=0
# expect OUTCOME NAME
expect()
{
    log=$work/$2/log
    got=$(outcome "$log")
    if [ "$got" = "$1" ]; then
        passed=$((passed + 1))
        echo "ok      $2: $got ($(sed -n 's/^ *\([0-9]*\) states, stored$/\1/p' "$log") states)" \
            "$(sed -n 's/^pan:1: assertion violated \(.*\) (at depth.*/\1/p' "$log")"
    else
        failed=$((failed + 1))
        cat "$log"
        if [ "$got" = broken ]; then
            # shellcheck disable=SC2086 # each define is a word
            (cd "$work/$2" && spin "-DBROKEN=$2" ${SPIN:-} -T -k cycle.pml.trail "$model" || true)
        fi
        echo "FAILED  $2: $got"
    fi
}

if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046 # each name is a word
    set -- $(sed -n '/^#define AS_IS/,/^$/s/^#define \([A-Z_]*\) .*/\1/p' "$model")
fi
# As many at a time as there are processors.
started=0
for name; do
    verify "$name" &
    started=$((started + 1))
    [ $((started % $(nproc))) -ne 0 ] || wait
done
wait
for name; do
    case $name in
    AS_IS | NO_TOUCHED | UNEVEN) expect held "$name" ;;
    *) expect broken "$name" ;;
    esac
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
