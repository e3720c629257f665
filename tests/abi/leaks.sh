#!/bin/sh
# LeakSanitizer in programs of users, with a library that is compiled without: compile leaks.c with
# every compiler found, and run it; a TAP line for each thing that it is to do.
#   leaks.sh INCLUDE_DIR TESTS_ABI_DIR LIBRARY_FILE...
include=$1 here=$2
shift 2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
count=0 failed=0

# report STATUS NAME; what was said is in $work/log.
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

passes()
{
    "$work/leaks" "$@" >"$work/log" 2>&1
}

# Exactly the lost buffer is reported.
finds_loss()
{
    ! passes "$@" && grep -q 'Sanitizer: 100 byte(s) leaked in 1 allocation' "$work/log"
}

# try COMPILER LIBRARY
try()
{
    name="$1, ${2##*/}"
    echo 'int main(void) { return 0; }' >"$work/none.c"
    if ! { "$1" -fsanitize=address "$work/none.c" -o "$work/leaks" && "$work/leaks"; } \
        >"$work/log" 2>&1; then
        count=$((count + 1))
        echo "ok $count - $name # SKIP -fsanitize=address does not work here"
        return
    fi
    "$1" -fsanitize=address -g -I"$include" "$here/leaks.c" "$2" -Wl,-rpath,"${2%/*}" \
        -o "$work/leaks" >"$work/log" 2>&1
    report $? "$name: leaks.c compiles"
    passes
    report $? "$name: what objects of a live heap own is not leaked"
    passes free
    report $? "$name: nor what they owned when it is freed"
    finds_loss lose
    report $? "$name: a lost buffer is"
    finds_loss lose free
    report $? "$name: also when the heap is freed"
}

for compiler in gcc clang; do
    command -v $compiler >"$work/log" || continue
    for library in "$@"; do
        try $compiler "$library"
    done
done

if [ "$count" -eq 0 ]; then
    echo "ok 1 - leaks # SKIP neither gcc nor clang is here"
    count=1
fi
echo "1..$count"
[ "$failed" -eq 0 ]
