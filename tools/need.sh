# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# For scripts, to be read with `. tools/need.sh`: what they need is there afterwards, or they end.
#
#     need ninja:ninja-build           the command ninja, else the Debian package ninja-build
#     need_pkg cmocka:libcmocka-dev    what pkg-config calls cmocka, else the Debian package
#     need_header mimalloc.h:libmimalloc-dev     a header that the C compiler finds
#     want_pkg libdw:libdw-dev         as need_pkg, but the script goes on without it
#     quietly command argument ...     its output is shown only if it fails, and then the script ends
#     set_up build -Dtests=enabled     the build folder, with these options of meson; false: it cannot be
#     configure build -Dbench=enabled  as set_up, and what is installed is looked for again
#
# Whatever is there already costs nothing: no package list is fetched, and root is not needed.

need()
{
    need_missing=
    for need_pair; do
        command -v "${need_pair%%:*}" >/dev/null 2>&1 || need_missing="$need_missing ${need_pair#*:}"
    done
    need_install
}

need_pkg()
{
    need pkg-config:pkg-config
    need_missing=
    for need_pair; do
        pkg-config --exists "${need_pair%%:*}" || need_missing="$need_missing ${need_pair#*:}"
    done
    need_install
}

need_header()
{
    need_missing=
    for need_pair; do
        echo "#include <${need_pair%%:*}>" | cc -E -x c - >/dev/null 2>&1 ||
            need_missing="$need_missing ${need_pair#*:}"
    done
    need_install
}

want_pkg()
{
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        (need_pkg "$@") || echo "Going on without it."
    fi
}

# Install $need_missing as root on a Debian system; anybody else is told what to do.
need_install()
{
    if [ -z "$need_missing" ]; then
        return 0
    fi
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Please install what Debian calls$need_missing, and try again." >&2
        exit 1
    fi
    if [ "$(id -u)" != 0 ]; then
        echo "Packages are missing. Please run this, and try again:" >&2
        echo "    sudo sh -c 'apt-get update && apt-get install$need_missing'" >&2
        exit 1
    fi
    echo "Installing$need_missing ..."
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get update
    # shellcheck disable=SC2086 # each name is a word
    quietly apt-get install -y --no-install-recommends $need_missing
}

# What meson has made of a build folder, as a line; set_up asks whether it is still the same.
set_up_state()
{
    echo "$(meson --version) $(cat "$1/build.ninja" "$1"/meson-private/*.dat 2>/dev/null | cksum)"
}

# The file set-up is written last: that state, and the options it is known to have. Anything else that
# happens to the folder changes the state: a set-up that is killed, another meson, options set by hand.
set_up()
{
    set_up_file=$1/set-up set_up_known=
    if [ -f "$set_up_file" ] && [ "$(sed 1q "$set_up_file")" = "$(set_up_state "$1")" ]; then
        set_up_known=" $(sed 1d "$set_up_file") "
    fi
    set_up_dir=$1
    shift
    for set_up_option; do
        case $set_up_known in
        *" $set_up_option "*) ;;
        *)
            configure "$set_up_dir" "$@"
            return
            ;;
        esac
    done
}

# Options that are not named stay as they are, unless meson can make nothing of the folder any more.
configure()
{
    rm -f "$1/set-up"
    if ! meson setup --reconfigure "$@"; then
        echo "$1 is set up anew."
        rm -rf "$1/build.ninja" "$1"/meson-*
        meson setup "$@" || return
    fi
    set_up_dir=$1
    shift
    { set_up_state "$set_up_dir" && echo "$*"; } >"$set_up_dir/set-up"
}

quietly()
{
    quietly_log=$(mktemp)
    if "$@" >"$quietly_log" 2>&1 </dev/null; then
        rm -f "$quietly_log"
    else
        cat "$quietly_log" >&2
        echo "This failed: $*" >&2
        rm -f "$quietly_log"
        exit 1
    fi
}
