#!/bin/sh
# Call frames as programs have them: compile frames.c with every compiler found, as C and as C++, with
# each level of optimisation, and run it; a TAP line for each.
#   frames.sh INCLUDE_DIR TESTS_ABI_DIR LIBRARY_FILE
include=$1 here=$2 library=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
count=0 failed=0

# try COMPILER LANGUAGE OPTIMISATION
try()
{
    count=$((count + 1)) name="$1 $3: the innermost frame of a traceback is the program's"
    "$1" -x "$2" "$3" -g -I"$include" "$here/frames.c" -x none "$library" -ldl -o "$work/frames" \
        >"$work/log" 2>&1 && "$work/frames" >>"$work/log" 2>&1
    case $? in
    0) echo "ok $count - $name" ;;
    77) echo "ok $count - $name # SKIP there is no libdw" ;;
    *)
        failed=$((failed + 1))
        echo "not ok $count - $name"
        sed 's/^/# /' "$work/log"
        ;;
    esac
}

for pair in gcc:c clang:c g++:c++ clang++:c++; do
    compiler=${pair%:*}
    if command -v "$compiler" >"$work/log"; then
        for optimisation in -O0 -O1 -O2 -O3; do
            try "$compiler" "${pair#*:}" $optimisation
        done
    fi
done

echo "1..$count"
[ "$count" -gt 0 ] && [ "$failed" -eq 0 ]
