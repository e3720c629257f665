#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Build ouro and run all its tests. The first run on a machine installs what is missing.
#
#     tests/run.sh [argument of meson test...]        as in: tests/run.sh --suite unit
#
# Shows what failing tests said. The last line is `N passed, N failed`, in test cases, and the exit
# status says the same. OURO_TEST_SCALE=10 gives the long tests a tenth of their work.
set -eu
cd "$(dirname "$0")/.."

. tools/need.sh
need cc:build-essential meson:meson ninja:ninja-build pkg-config:pkg-config python3:python3
need_pkg cmocka:libcmocka-dev
want_pkg libdw:libdw-dev

build=build
log=$build/run.log
mkdir -p $build
# Enabled, not automatic: without cmocka there are no tests, and that is to be an error.
if ! { set_up $build -Dtests=enabled -Dexamples=enabled && meson compile -C $build; } >$log 2>&1; then
    cat $log
    echo "tests/run.sh: the build failed"
    echo "0 passed, 1 failed"
    exit 1
fi

testlog=$build/meson-logs/testlog.json
rm -f $testlog
# Its exit status knows less than the count.
meson test -C $build --no-rebuild --print-errorlogs "$@" || true
python3 tools/count_tests.py $testlog
