#!/bin/sh
# What users of the library do: install it, compile a program against it, static and shared, or take
# it as a subproject.
#   install.sh MESON SOURCE_DIR BUILD_DIR PREFIX COMPILER...
meson=$1 source=$2 build=$3 prefix=$4
shift 4
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
count=0 failed=0

# try NAME COMMAND...: a case passes when its command does.
try()
{
    count=$((count + 1)) name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok $count - $name"
    else
        failed=$((failed + 1))
        echo "not ok $count - $name"
        sed 's/^/# /' "$work/log"
    fi
}

stage=$work/stage
try "meson install" "$meson" install -C "$build" --no-rebuild --destdir "$stage"

# The files say the prefix they are for; the stage is where they are.
pc=$(find "$stage" -name ouro.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
pkg_config()
{
    pkg-config --define-variable=prefix="$stage$prefix" "$@" ouro
}
libdir=$(pkg_config --variable=libdir)
version=$(sed -n 's/^#define OURO_VERSION *"\(.*\)"/\1/p' "$source/include/ouro.h")
try "pkg-config knows the version of ouro.h" test "$(pkg_config --modversion)" = "$version"

only_header()
{
    test "$(cd "$stage$prefix/include" && find . -type f)" = ./ouro.h
}
try "nothing but ouro.h is installed as a header" only_header

# The words of pkg-config's answers are meant to be split.
# shellcheck disable=SC2046
compile_static()
{
    "$@" "$source/examples/hello.c" $(pkg_config --cflags) -o "$work/static" \
        -Wl,-Bstatic $(pkg_config --libs) -Wl,-Bdynamic
}
# shellcheck disable=SC2046
compile_shared()
{
    "$@" "$source/examples/hello.c" $(pkg_config --cflags) -o "$work/shared" \
        $(pkg_config --libs) -Wl,-rpath,"$libdir"
}
needs_libouro()
{
    readelf -d "$1" | grep -q 'NEEDED.*libouro\.so\.0'
}
without_libouro()
{
    ! needs_libouro "$1"
}
try "hello.c compiles against the installed static library" compile_static "$@"
try "the static hello needs no libouro" without_libouro "$work/static"
try "the static hello runs" "$work/static"
try "hello.c compiles against the installed shared library" compile_shared "$@"
try "the shared hello needs libouro.so.0" needs_libouro "$work/shared"
try "the shared hello runs" "$work/shared"

parent=$work/parent
mkdir -p "$parent/subprojects"
ln -s "$source" "$parent/subprojects/ouro"
cp "$source/examples/hello.c" "$parent"
cat >"$parent/meson.build" <<'END'
project('parent', 'c')
executable('hello', 'hello.c', dependencies: dependency('ouro', fallback: 'ouro'))
END
try "a project with ouro as a subproject is set up" \
    env CC="$*" "$meson" setup --wrap-mode=forcefallback "$parent/build" "$parent"
try "the project builds" "$meson" compile -C "$parent/build" -j 2
try "its hello runs" "$parent/build/hello"
no_tests()
{
    test -z "$("$meson" test -C "$parent/build" --no-rebuild --list 2>"$work/list" | grep ouro)"
}
try "it gets none of ouro's tests" no_tests

echo "1..$count"
[ "$failed" -eq 0 ]
