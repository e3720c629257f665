#!/bin/sh
# The checks whose answer depends on the version of a tool, here clang 14: CI's, and yours before
# it.
#   tools/lint.sh format     is everything formatted? (to format: clang-format -i FILE)
#   tools/lint.sh tidy       clang-tidy over the library
#   tools/lint.sh shell      shellcheck over the scripts
set -eu
cd "$(dirname "$0")/.."
. tools/need.sh

case ${1:-} in
format)
    find include src tests examples bench -name '*.[ch]' -o -name '*.cpp' | sort |
        xargs clang-format --dry-run -Werror
    ;;
tidy)
    # A build of the library alone: with the tests each file would be compiled, and so examined,
    # twice.
    export CC=clang
    quietly set_up build-tidy -Dtests=disabled -Dexamples=disabled
    printf '%s\n' src/*.c | xargs -n 1 -P 2 clang-tidy --quiet -p build-tidy
    ;;
shell)
    find . -path './build*' -prune -o -name '*.sh' -exec shellcheck -s sh -S warning -x {} +
    shellcheck -S warning -x .ci/run
    ;;
*)
    echo "usage: tools/lint.sh format|tidy|shell" >&2
    exit 2
    ;;
esac
