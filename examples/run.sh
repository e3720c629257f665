#!/bin/sh
# SPDX-License-Identifier: MIT
# Build the examples and run them: sh examples/run.sh
# On a Debian system root gets installed what is missing. The build is kept in ./build.
set -eu
cd -- "$(dirname -- "$0")/.."
. tools/need.sh

need cc:build-essential meson:meson ninja:ninja-build pkg-config:pkg-config
want_pkg libdw:libdw-dev
[ -f build/build.ninja ] || echo "Setting up ./build ..."
quietly set_up build -Dexamples=enabled
quietly ninja -C build examples/hello examples/tour examples/packages

# The packages of this system, or where it has no such file, of another.
database=/var/lib/dpkg/status
if [ ! -s "$database" ]; then
    database=examples/packages.sample
fi

printf '\n=== examples/hello.c: a circle, collected ===\n\n'
build/examples/hello
printf '\n=== examples/tour.c: the story of Python'\''s memory management ===\n\n'
build/examples/tour "$database"
printf '\n=== examples/packages.c: a program with real data ===\n\n'
build/examples/packages "$database"
