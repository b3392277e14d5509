#!/usr/bin/env bash
# Makes .venv with spanbit (editable) and what EXTRAS of pyproject.toml name; does nothing if that is done already.
#
#     tools/venv.sh [EXTRAS]            train,test by default
#     PYTHON=python3.12 tools/venv.sh
#
# torch comes from PyTorch's own index, whose build for x86 has no CUDA in it; where that is out of reach, from the
# index that pip is set up for.
set -euo pipefail
cd "$(dirname "$0")/.."
extras=${1:-train,test}
python=${PYTHON:-python3}

fail() {
    printf 'tools/venv.sh: %s\n' "$@" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "$python is not installed: sudo apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    fail "$("$python" --version) is too old, 3.10 is needed: PYTHON=python3.12 $0"
key=$("$python" -c 'import hashlib, pathlib, sys
files = b"".join(pathlib.Path(name).read_bytes() for name in sys.argv[1:])
print(sys.version.split()[0], hashlib.sha256(files).hexdigest()[:16])' pyproject.toml tools/pins.txt)
stamp=.venv/installed-$extras
[[ $(cat "$stamp" 2>/dev/null) != "$key" ]] || exit 0

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        fail "Python cannot make virtual environments: sudo apt-get install python3-venv"
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q && apt-get install -q -y --no-install-recommends python3-venv
fi

# An environment of another Python, or one that was cut off while it was made, is made anew.
wanted=$("$python" -c 'import sys; print(sys.version_info[:2])')
found=$(.venv/bin/python -c 'import sys, pip; print(sys.version_info[:2])' 2>/dev/null || true)
if [[ $found != "$wanted" ]]; then
    echo "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@" </dev/null; }
torch=$(grep '^torch==' tools/pins.txt)
if [[ $(pip list --format=freeze 2>/dev/null | grep '^torch==') != "$torch"* ]]; then
    echo "Installing $torch (some 200 MB)"
    pip install -q --retries 0 --timeout 15 --index-url https://download.pytorch.org/whl/cpu "$torch" 2>/dev/null ||
        pip install -q "$torch"
fi
echo "Installing spanbit[$extras] into .venv"
pip install -q -c tools/pins.txt -e ".[$extras]"
echo "$key" >"$stamp"
