#!/usr/bin/env bash
# The gate: every check of the project, one stage after the other, stopping at the first that fails.
#
#     tools/test.sh                all of it (`make test`)
#     tools/test.sh lint           only what reads the sources (`make lint`)
#     tools/test.sh --no-packages  all of it, with tools that did not come from Debian packages
set -euo pipefail
cd "$(dirname "$0")/.."
summary=()

# stage NAME COMMAND...
stage() {
    local name=$1 start=$SECONDS
    shift
    printf '\n=== %s\n' "$name"
    if ! "$@" </dev/null; then
        printf '\nFAILED: %s (after %d s). Again: %s\n' "$name" $((SECONDS - start)) "$*" >&2
        exit 1
    fi
    summary+=("$(printf '%5d s  %s' $((SECONDS - start)) "$name")")
}

mapfile -t c_files < <(find runtime_c bench -name '*.[ch]' | sort)
mapfile -t shell_files < <(find tools runtime_c .ci -name '*.sh' -o -path '.ci/run' | sort)

[[ ${1:-} == --no-packages ]] || stage "Debian packages" tools/packages.sh
stage "Python environment" tools/venv.sh
export PATH="$PWD/.venv/bin:$PATH"

stage "ruff" ruff check .
stage "ruff format" ruff format --check .
stage "mypy --strict" mypy
stage "clang-format" clang-format --dry-run -Werror "${c_files[@]}"
stage "shellcheck" shellcheck "${shell_files[@]}"
if [[ ${1:-} != lint ]]; then
    # loadscope keeps a file's tests in one process: they share what is slow to make, and the virtual board.
    # Two processes on two cores: PyTorch's threads would only wait for each other.
    stage "pytest" env OMP_NUM_THREADS=1 pytest -n 2 --dist loadscope -q
    stage "fuzzing, a minute each" tools/fuzz.sh 60
fi

printf '\nAll passed, in %d min %d s:\n' $((SECONDS / 60)) $((SECONDS % 60))
printf '%s\n' "${summary[@]}"
if [[ ${1:-} != lint ]]; then
    printf '\nNext: make demo trains a network and measures it on a board.\n'
fi
