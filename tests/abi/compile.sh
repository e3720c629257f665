#!/bin/sh
# Compile-time promises of ouro.h, with every compiler found and every standard it knows; a TAP line
# for each.
#   compile.sh INCLUDE_DIR TESTS_ABI_DIR
include=$1 here=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
count=0 failed=0

# Report a case: report STATUS NAME; what the compiler said is in $work/log.
report()
{
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
    else
        failed=$((failed + 1))
        echo "not ok $count - $2"
        sed 's/^/# /' "$work/log"
    fi
}

# compiles COMPILER LANGUAGE STANDARD FILE [FLAG...]
compiles()
{
    compiler=$1 language=$2 standard=$3 file=$4
    shift 4
    "$compiler" -x "$language" -std="$standard" -Wall -Wextra -Wpedantic -Wundef -Werror \
        -I"$include" -fsyntax-only "$@" "$file" >"$work/log" 2>&1
}

# The header alone is a file that includes it: given as the file itself, clang calls its inlines
# unused.
echo '#include "ouro.h"' >"$work/alone.c"
# What the header may include, to subtract the macros of the system.
sed -n '/^#include </p' "$include/ouro.h" >"$work/system.c"
misuses=$(sed -n 's/^#if MISUSE == \([1-9][0-9]*\)$/\1/p' "$here/misuse.c")

try_language()
{
    language=$1 newest=$2
    shift 2
    for compiler in $compilers; do
        for standard in "$@"; do
            compiles "$compiler" "$language" "$standard" "$work/alone.c"
            report $? "$compiler $standard: the header compiles alone"
        done
        # The rest needs no more than one standard, the newest that all compilers have in full.
        for file in calls.c layout.c; do
            compiles "$compiler" "$language" "$newest" "$here/$file"
            report $? "$compiler $newest: $file compiles"
        done

        compiles "$compiler" "$language" "$newest" "$here/misuse.c" -DMISUSE=0
        report $? "$compiler $newest: misuse.c without misuse compiles"
        for misuse in $misuses; do
            if compiles "$compiler" "$language" "$newest" "$here/misuse.c" -DMISUSE="$misuse"; then
                echo "it compiled" >"$work/log"
                false
            fi
            report $? "$compiler $newest: misuse $misuse does not compile"
        done

        for file in alone system; do
            "$compiler" -x "$language" -std="$newest" -I"$include" -dM -E "$work/$file.c" |
                sort >"$work/$file.macros"
        done
        comm -23 "$work/alone.macros" "$work/system.macros" |
            grep -Ev '^#define (OURO_|gc_[a-z_]+\()' >"$work/log"
        [ -s "$work/alone.macros" ] && [ ! -s "$work/log" ]
        report $? "$compiler $newest: every macro begins with OURO_ or looks like a call of ours"
    done
}

found()
{
    compilers=
    for compiler in "$@"; do
        command -v "$compiler" >"$work/log" && compilers="$compilers $compiler"
    done
}

found gcc clang
try_language c c11 c99 c11 c17 c2x
found g++ clang++
try_language c++ c++17 c++11 c++17 c++20

echo "1..$count"
[ "$count" -gt 0 ] && [ "$failed" -eq 0 ]
