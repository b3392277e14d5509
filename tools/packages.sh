#!/usr/bin/env bash
# Sees to it that the Debian packages of tools/packages.txt are there: root installs what is missing, anybody else is told
# the one line to type and gets exit code 1.
#
#     tools/packages.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

if ! command -v dpkg-query apt-get apt-cache >/dev/null; then
    echo "tools/packages.sh: this is neither Debian nor Ubuntu; install what corresponds to" >&2
    echo "tools/packages.txt yourself and run tools/test.sh --no-packages" >&2
    exit 1
fi

installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# libclang-rt carries a version in its name; `clang` says which. Without package lists: "".
llvm_version() { apt-cache depends clang 2>/dev/null | sed -n 's/^ *Depends: clang-\([0-9]*\)$/\1/p' | head -n 1; }

# Sets `missing`.
look() {
    local package version
    version=$(llvm_version)
    missing=()
    while read -r package; do
        package=${package/LLVM/${version:-14}}
        installed "$package" || missing+=("$package")
    done < <(grep -v '^#' "$here/packages.txt")
}

install_missing() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && look && apt-get install -qq -y --no-install-recommends "${missing[@]}"
}

look
((${#missing[@]})) || exit 0
if ((EUID != 0)); then
    echo "These Debian packages are missing; install them and try again:" >&2
    echo "    sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
echo "Installing: ${missing[*]}"
install_missing </dev/null || { sleep 5 && install_missing </dev/null; }
